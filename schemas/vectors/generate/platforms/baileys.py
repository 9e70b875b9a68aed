"""baileys-api: WhatsApp over HTTP, a token in the body. Shapes: its source code and that of the library."""

import json

from vectors import ugly
from vectors.senders import Sender, UrlSecret
from vectors.sheet import Request, compact, event, later, sample, unmapped

ANA, GROUP, NAME = "5511900000001@s.whatsapp.net", "120363000000000001@g.us", "webhookVerifyToken"
TIME = "2026-03-10T13:36:50.000Z"


def said(id, type="message.created", chat=ANA, time=TIME, **more):
    return event(type, subject=chat, key=chat, time=time, message={"id": id, "conversation": {"id": chat}, **more})


class InBody(Sender):
    scheme = "token in the body, member webhookVerifyToken"
    secrets = ("verify-token-exemplo",)
    newer = "newer-verify-token"
    foreign = "verify-token-of-another-line"

    def prove(self, request, secret, at):
        return request


def build(sheet):
    s = InBody()
    sheet.made("no library: a token is sent as it is")

    def put(value, token=s.secret):
        return compact({**value, NAME: token}) if token is not None else compact({n: v for n, v in value.items() if n != NAME})

    def accept(name, value, events, **more):
        value = sample(f"baileys/{value}") if isinstance(value, str) else value
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else put(value)), events=events, **more)

    accept("a text comes in", "messages.upsert.text.json", [said(
        "3EB0A1B2C3D4E5F60001", direction="inbound", kind="text", text="Olá, bom dia",
        **{"from": {"id": ANA, "name": "Ana Exemplo", "phone": "+5511900000001"}})])
    accept("the same webhook again after 45 seconds", "messages.upsert.text.json", [said("3EB0A1B2C3D4E5F60001")], clock=later(45),
           redelivery_of="a text comes in")
    accept("our own text", "messages.upsert.from_me.json", [said(
        "3EB0FFEEDDCCBBAA0001", time="2026-03-10T13:37:10.000Z", direction="outbound", status="sent")])
    accept("a text in a group, of a member with a hidden number", "messages.upsert.group_lid.json", [said(
        "3EB0A1B2C3D4E5F60101", chat=GROUP, conversation={"id": GROUP, "group": True},
        **{"from": {"id": "5511900000001@s.whatsapp.net", "alternate_id": "271000000000001@lid", "phone": "+5511900000001"}})])
    accept("an image with its file in the webhook", "messages.upsert.image_with_media.json", [said(
        "3EB0A1B2C3D4E5F60003", time="2026-03-10T13:37:21.000Z", kind="image", text="foto",
        attachments=[{"mime_type": "image/jpeg", "size_bytes": 20480}])])
    accept("three messages in one webhook", "messages.upsert.batch.json", [
        said(f"3EB0A1B2C3D4E5F600{n}", time=f"2026-03-10T13:38:3{n - 10}.000Z", text=f"mensagem {n}") for n in (11, 12, 13)],
        clock=later(60))
    accept("a message that could not be read yet is kept", "messages.upsert.ciphertext_placeholder.json", [unmapped()])
    accept("somebody reacts, told as a message", "messages.upsert.reaction.json", [event(
        "message.reaction", subject=ANA, key=ANA, time="2026-03-10T13:39:10.123Z",
        message={"id": "3EB0FFEEDDCCBBAA0001", "emoji": "👍", "direction": "inbound"})], clock=later(60))
    accept("we react, told as an event", "messages.reaction.json", [event(
        "message.reaction", subject=ANA, key=ANA, message={"id": "3EB0FFEEDDCCBBAA0001", "emoji": "👍"})], clock=later(60))
    accept("a message is edited", "messages.update.edit.json", [said(
        "3EB0A1B2C3D4E5F60001", "message.updated", time="2026-03-10T13:40:20.000Z", text="Olá, boa tarde")], clock=later(180))
    accept("two of our messages got further", "messages.update.status.json", [
        said("3EB0FFEEDDCCBBAA0001", "message.status", time="2026-03-10T13:37:14.000Z", status="delivered"),
        said("3EB0FFEEDDCCBBAA0002", "message.status", time="2026-03-10T13:38:19.000Z", status="read")])
    accept("one of our messages failed", "messages.update.error.json", [
        said("3EB0FFEEDDCCBBAA0003", "message.status", time=None, status="failed", error="463")])
    accept("two members of a group got our message", "message-receipt.update.json", [
        said("3EB0FFEEDDCCBBAA0101", "message.status", GROUP, "2026-03-10T13:48:20.000Z", status="delivered",
             recipient={"id": "271000000000002@lid"}),
        said("3EB0FFEEDDCCBBAA0101", "message.status", GROUP, "2026-03-10T13:48:53.000Z", status="read",
             recipient={"id": "271000000000003@lid"})], clock=later(700))
    accept("a message is taken back", {"event": "messages.delete", "data": {"keys": [
        {"remoteJid": ANA, "fromMe": False, "id": "3EB0A1B2C3D4E5F60001"}]}}, [said("3EB0A1B2C3D4E5F60001", "message.deleted", time=None)])
    accept("a whole chat is emptied", {"event": "messages.delete", "data": {"jid": ANA, "all": True}},
           [event("message.deleted", subject=ANA, key=ANA, message={"conversation": {"id": ANA}})])

    def people(name, action, **more):
        accept(f"participants of a group: {action}", f"group-participants.update.{name}.json", [event(
            "group.participants.updated", subject=GROUP, key=GROUP, group={"id": GROUP, "action": action, **more})])

    people("add", "added", participants=[{"id": "5511900000002@s.whatsapp.net", "alternate_id": "271000000000002@lid", "phone": "+5511900000002"},
                                         {"id": "5511900000003@s.whatsapp.net", "alternate_id": "271000000000003@lid", "phone": "+5511900000003"}], actor={"id": "5511900000009@s.whatsapp.net", "alternate_id": "271000000000009@lid"})
    people("remove", "removed", participants=[{"id": "5511900000002@s.whatsapp.net", "alternate_id": "271000000000002@lid"}])
    people("promote", "promoted", participants=[{"id": "5511900000004@s.whatsapp.net", "admin": True}])
    people("demote", "demoted")
    people("modify", "changed")
    value = sample("baileys/group-participants.update.add.json")
    value["data"].update(author="", authorPn="", participants=["5511900000002@s.whatsapp.net"])
    accept("somebody joins by a link, told as an old version does", value, [event(
        "group.participants.updated", subject=GROUP,
        group={"action": "joined", "participants": [{"id": "5511900000002@s.whatsapp.net", "phone": "+5511900000002"}]})])
    value = sample("baileys/group-participants.update.remove.json")
    value["data"].update(author="271000000000002@lid", authorPn="5511900000002@s.whatsapp.net")
    accept("somebody leaves by themselves", value, [event("group.participants.updated", subject=GROUP, group={"action": "left"})])
    accept("the same change of a group again is the same event", "group-participants.update.add.json",
           [event("group.participants.updated")], redelivery_of="participants of a group: added")
    value = sample("baileys/group-participants.update.add.json")
    value["data"]["participants"] = value["data"]["participants"][:1]
    accept("one participant is added, told as an event", value, [event(
        "group.participants.updated", subject=GROUP, key=GROUP, group={"action": "added", "participants": [{"id": "5511900000002@s.whatsapp.net", "alternate_id": "271000000000002@lid"}]})])
    accept("the same change told as a message without content is the same event", "messages.upsert.stub_participant_add.json",
           [event("group.participants.updated", subject=GROUP, group={"action": "added"})],
           redelivery_of="one participant is added, told as an event")
    accept("a group gets another name", "groups.update.subject.json", [event(
        "group.updated", subject=GROUP, key=GROUP, group={"id": GROUP, "subject": "Condomínio Exemplo - Bloco B"})])
    accept("a group is made", "groups.upsert.json", [event(
        "group.created", subject=GROUP, key=GROUP, group={"id": GROUP, "subject": "Condomínio Exemplo", "announce": False})])
    accept("somebody asks to join a group", "group.join-request.created.json", [event(
        "group.join_request", subject=GROUP, key=GROUP,
        group={"action": "created", "participant": {"id": "5511900000006@s.whatsapp.net", "alternate_id": "271000000000006@lid"}, "method": "invite_link"})])
    accept("the connection is open", "connection.update.open.json", [event("connection.updated", connection={"state": "open", "epoch": 4})])
    accept("the connection is closed, with the reason", "connection.update.close.json", [event(
        "connection.updated", time="2026-03-10T14:00:00.000Z", connection={"state": "closed", "reason": "Stream Errored (conflict)"})],
        clock=later(1400))
    accept("a code waits to be scanned", "connection.update.qr.json", [event(
        "connection.updated", connection={"state": "connecting", "pairing": True})])
    accept("somebody types", "presence.update.json", [event(
        "presence.updated", subject=ANA, key=ANA, presence={"parties": [{"id": ANA, "state": "typing"}]})])
    def written(id, content, **key):
        return {"event": "messages.upsert", "data": {"type": "notify", "messages": [
            {"key": {"remoteJid": ANA, "fromMe": False, "id": id, **key}, "messageTimestamp": 1773149810, "message": content}]}}

    accept("a text that quotes and mentions", written("Q1", {"extendedTextMessage": {"text": "@271 sim", "contextInfo": {
        "stanzaId": "3EB0A1B2C3D4E5F60001", "participant": ANA, "quotedMessage": {"conversation": "Olá"},
        "mentionedJid": ["271000000000001@lid"]}}}),
        [said("Q1", text="@271 sim", quoted={"id": "3EB0A1B2C3D4E5F60001", "text": "Olá"}, mentions=["271000000000001@lid"])])
    accept("a text that vanishes is within a wrapper", written("E1", {"ephemeralMessage": {"message": {
        "extendedTextMessage": {"text": "oi"}}}}), [said("E1", text="oi", kind="text")])
    for kind in ("audio", "video", "document", "sticker"):
        accept(f"a message of kind {kind}", written(f"K-{kind}", {f"{kind}Message": {"mimetype": "x/y", "fileLength": "20480"}}),
               [said(f"K-{kind}", kind=kind, attachments=[{"mime_type": "x/y", "size_bytes": 20480}])])
    accept("a message of a kind that is newer than Forebay", written("K-new", {"telepathyMessage": {"x": 1}}), [said("K-new")])
    accept("a message is taken back, told as a message", written("R1", {"protocolMessage": {"key": {
        "remoteJid": ANA, "fromMe": False, "id": "3EB0A1B2C3D4E5F60001"}, "type": "REVOKE"}}),
        [event("message.deleted", subject=ANA, message={"id": "3EB0A1B2C3D4E5F60001"})])
    accept("an address with a device and one in the old spelling are the same person",
           written("J1", {"conversation": "oi"}, remoteJid="5511900000001:12@c.us"), [said("J1", text="oi")])
    accept("a time as the object that JavaScript's Long becomes", {"event": "messages.upsert", "data": {"messages": [
        {"key": {"remoteJid": ANA, "fromMe": False, "id": "L1"}, "message": {"conversation": "oi"},
         "messageTimestamp": {"low": 1773149810, "high": 0, "unsigned": True}}]}}, [said("L1", text="oi")])
    accept("contacts come in", {"event": "contacts.upsert", "data": [{"id": ANA, "name": "Ana Exemplo"}]},
           [event("contact.created", subject=ANA, contact={"id": ANA, "name": "Ana Exemplo", "phone": "+5511900000001"})])
    accept("contacts change", {"event": "contacts.update", "data": [{"id": ANA, "notify": "Ana"}]},
           [event("contact.updated", subject=ANA, contact={"id": ANA})])
    accept("an event without a mapping is kept under its name", "groups.activity.json", [unmapped("groups.activity")])
    one = sample("baileys/messages.upsert.batch.json")
    one["data"]["messages"] = one["data"]["messages"][:1]
    one["data"]["messages"][0]["key"]["id"] = 9007199254740993
    one["data"]["messages"][0]["message"] = {"conversation": "👋 日本語 \u2028 \"x\" \\ \n"}
    accept("an id of 2^53+1, sent as a number, keeps its last digit", one, [
        said("9007199254740993", time="2026-03-10T13:38:31.000Z", text="👋 日本語 \u2028 \"x\" \\ \n")], clock=later(60))
    accept("the same escaped", compact({**one, NAME: s.secret}, ascii_only=True), [
        said("9007199254740993", time="2026-03-10T13:38:31.000Z", text="👋 日本語 \u2028 \"x\" \\ \n")], clock=later(60))

    small = {"event": "messages.upsert", "data": {"messages": [
        {"key": {"remoteJid": ANA, "fromMe": False, "id": "S1"}, "messageTimestamp": 1773149810, "message": {"conversation": "oi"}}]}}
    events = [said("S1", text="oi")]
    good = s.request(put(small))
    both = s.source(s.newer, s.secret)
    text = json.dumps(small, separators=(",", ":"))[1:]
    add = lambda name, body, **more: sheet.case(name, s, s.request(body), **more)  # noqa: E731
    add("the newer of two active tokens", put(small, s.newer), events=events, source=both)
    add("the older of two active tokens still opens during a rotation", put(small), events=events, source=both)
    add("a token that was rotated out opens no longer", put(small), source=s.source(s.newer), reason="no_match")
    add("the token of another line opens that line only", put(small, s.foreign), reason="no_match")
    add("the token before all else", f'{{"{NAME}":"{s.secret}",{text}'.encode(), events=events)
    add("the token with letters escaped is the same token", put(small).replace(b"verify-token", b"verify\\u002dt\\u006fken"), events=events)
    add("the token's name with letters escaped is the same name",
        put(small).replace(NAME.encode(), b"webhookVerify\\u0054oken"), events=events)
    add("white space around all", b"\n" + json.dumps({**small, NAME: s.secret}, indent=2).encode() + b"\n\n", events=events)
    add("no token", put(small, None), reason="missing")
    add("an empty token matches nothing", put(small, ""), reason="no_match")
    add("a token without its last letter matches nothing", put(small, s.secret[:-1]), reason="no_match")
    add("a token with one letter more matches nothing", put(small, s.secret + "x"), reason="no_match")
    add("a token in upper case is another token", put(small, s.secret.upper()), reason="no_match")
    add("a token with a blank behind it is another token", put(small, s.secret + " "), reason="no_match")
    add("the same token twice is one too many", f'{{"{NAME}":"{s.secret}","{NAME}":"{s.secret}",{text}'.encode(), reason="repeated")
    add("a wrong token, then the right one", f'{{"{NAME}":"guess-guess","{NAME}":"{s.secret}",{text}'.encode(), reason="repeated")
    add("the right token, then a wrong one with its name escaped",
        f'{{"{NAME}":"{s.secret}","webhookVerify\\u0054oken":"guess",{text}'.encode(), reason="repeated")
    add("the token within the data does not count", put({**small, "data": {**small["data"], NAME: s.secret}}, None), reason="missing")
    add("the token under a name in lower case does not count", put(small).replace(NAME.encode(), NAME.lower().encode()), reason="missing")
    add("a number for a token is no text", put(small, 123456789), reason="malformed")
    add("null for a token is no text", put(small).replace(f'"{s.secret}"'.encode(), b"null"), reason="malformed")
    add("a list with the token is no text", put(small, [s.secret]), reason="malformed")
    add("a body of nothing has no token", b"", reason="malformed")
    add("a body that is not JSON has no token", b"hello, not JSON", reason="malformed")
    add("a list is no object with a token", compact([{**small, NAME: s.secret}]), reason="malformed")
    add("JSON that ends early", put(small)[:-1], reason="malformed")
    add("JSON with something behind it", put(small) + b" x", reason="malformed")
    add("an empty object has no token", b"{}", reason="missing")
    add("an authentic object of nothing but its token is kept", put({}), events=[unmapped()])
    add("an authentic event without a name is kept", put({"data": {}}), events=[unmapped()])
    add("an authentic event with an empty list of messages is kept", put({"event": "messages.upsert", "data": {"messages": []}}),
        events=[unmapped()])
    add("authentic bytes that are not UTF-8 are kept", f'{{"{NAME}":"{s.secret}","event":"\0"}}'.encode().replace(b"\0", b"\xff\xfe"),
        events=[unmapped()])
    deep = f'{{"{NAME}":"{s.secret}","a":'.encode() + b"[" * 200 + b"]" * 200 + b"}"
    add("an authentic body nested two hundred deep is kept", deep, events=[unmapped()])
    ugly.strange(sheet, s, sample("baileys/messages.upsert.text.json"), [said("3EB0A1B2C3D4E5F60001", text="Olá, bom dia")], spare=(NAME,))
    ugly.times(sheet, s, lambda at: {"event": "messages.upsert", NAME: s.secret, "data": {"messages": [
        {**small["data"]["messages"][0], "messageTimestamp": at}]}}, [said("S1", time=None, text="oi")])
    sheet.case("the token in a header instead is not looked for", s,
               s.request(put(small, None)).with_header(NAME, s.secret), reason="missing")
    sheet.case("the token in the query instead is not looked for", s,
               s.request(put(small, None)).with_path(f"/in/line-1?{NAME}={s.secret}"), reason="missing")
    sheet.case("a number behind the source tells lines apart for people only", s, good.with_path("/in/line-1/+5511900000009"),
               events=events)
    sheet.case("a webhook sent by PUT is not taken", s, good.with_method("PUT"), status=405)
    sheet.case("baileys-api asks nothing by GET", s, Request("GET", "/in/line-1"), status=405)
    u = UrlSecret(scheme="secret in the path", auth={"scheme": "url_secret"}, secrets=("s3cret-of-this-line",))
    sheet.case("a source with its secret in the path looks at no token", u, u.request(put(small, None)), events=events)
    sheet.case("a source with its secret in the path refuses a token alone", u, good, reason="not_found")
    p = InBody(scheme="token in the body, and a secret in the path besides", url_secrets=("s3cret-in-the-path",))
    bare = put(small, None)
    ugly.two_proofs(sheet, p, lambda secret=p.secret, path=None: p.request(put(small, secret), path=path), events,
                    missing=lambda request: request.with_body(bare))
