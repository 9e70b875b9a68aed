"""Meta's WhatsApp Cloud API. Shapes: Meta's documents "Webhooks > Components" and "Payload examples"."""

from pywa.utils import webhook_updates_validator

from vectors import ugly
from vectors.libraries import Node, npm, pypi
from vectors.senders import Hmac, b64, digest, plain
from vectors.sheet import Request, compact, event, later, unmapped

WABA, LINE, ANA = "102290129340398", "106540352242922", "5511900000001"
HEADER = "X-Hub-Signature-256"


def body(*changes, account=WABA):
    return {"object": "whatsapp_business_account", "entry": [{"id": account, "changes": list(changes)}]}


def messages(*list_, line=LINE, field="messages", **more):
    value = {"messaging_product": "whatsapp",
             "metadata": {"display_phone_number": "5511900000009", "phone_number_id": line},
             "contacts": [{"profile": {"name": "Ana Exemplo"}, "wa_id": ANA}], "messages": list(list_), **more}
    return {"value": value, "field": field}


def statuses(*list_):
    return {"value": {"messaging_product": "whatsapp",
                      "metadata": {"display_phone_number": "5511900000009", "phone_number_id": LINE},
                      "statuses": list(list_)}, "field": "messages"}


def text(id="wamid.HBgNNTUxMTkwMDAwMDAwMRUCABIYFjNFQjBBMUIyQzNENEU1RjYwMDAxAA==", said="Olá, bom dia", at="1773149810", **more):
    return {"from": ANA, "id": id, "timestamp": at, "type": "text", "text": {"body": said}, **more}


def expected(id, said=None, at="2026-03-10T13:36:50.000Z", type="message.created", **more):
    message = {"id": id, "conversation": {"id": ANA, "channel": "whatsapp", "channel_id": LINE}, "direction": "inbound", **more}
    if said is not None:
        message["text"] = said
    return event(type, subject=ANA, time=at, key=f"{LINE}/{ANA}", account=WABA, message=message)


def build(sheet):
    def pywa(request, secret, clock):
        signature = request.get(HEADER)
        return None if signature is None else webhook_updates_validator(secret, request.body, signature)

    def octokit(request, secret, clock):
        signature = request.get(HEADER)
        if not signature or not request.body:
            return None
        return Node.call("octokit_verify", secret=secret, body=request.body, signature=signature)

    s = Hmac(scheme="hmac-sha256, hex, header x-hub-signature-256, prefix sha256=", header=HEADER, prefix="sha256=",
             verify_token="token-of-the-app-dashboard", own_headers=(("User-Agent", "facebookexternalua"),),
             libraries={pypi("pywa"): pywa, npm("@octokit/webhooks-methods"): octokit})
    plain(sheet)
    wamid = text()["id"]
    one = compact(body(messages(text())))
    events = [expected(wamid, "Olá, bom dia", kind="text", **{
        "from": {"id": ANA, "name": "Ana Exemplo", "phone": f"+{ANA}"}, "to": {"id": LINE, "phone": "+5511900000009"}})]

    def accept(name, value, events, **more):
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    accept("a text message comes in", one, events)
    sheet.case("the same webhook is delivered again an hour later", s, s.request(one), events=events, clock=later(3600),
               redelivery_of="a text message comes in")
    accept("an image comes in with a caption", body(messages(
        {"from": ANA, "id": "wamid.IMG", "timestamp": "1773149841", "type": "image",
         "image": {"caption": "foto", "mime_type": "image/jpeg", "sha256": "AAAA", "id": "1234567890",
                   "url": "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1234567890"}})),
        [expected("wamid.IMG", "foto", "2026-03-10T13:37:21.000Z", kind="image")])
    accept("a reply quotes an earlier message", body(messages(
        text("wamid.REPLY", "sim", context={"from": "5511900000009", "id": "wamid.EARLIER"}))),
        [expected("wamid.REPLY", "sim", quoted={"id": "wamid.EARLIER"})])
    accept("a customer reacts to a message", body(messages(
        {"from": ANA, "id": "wamid.REACTION", "timestamp": "1773149950", "type": "reaction",
         "reaction": {"message_id": "wamid.EARLIER", "emoji": "👍"}})),
        [event("message.reaction", subject=ANA, time="2026-03-10T13:39:10.000Z", key=f"{LINE}/{ANA}", account=WABA,
               message={"id": "wamid.EARLIER", "direction": "inbound", "emoji": "👍", "conversation": {"id": ANA}})],
        clock=later(60))
    for kind, more, attachment in (
            ("document", {"document": {"caption": "segue", "filename": "fatura.pdf", "mime_type": "application/pdf", "id": "77"}},
             {"mime_type": "application/pdf", "name": "fatura.pdf"}),
            ("audio", {"audio": {"mime_type": "audio/ogg; codecs=opus", "id": "78", "voice": True}}, {"mime_type": "audio/ogg; codecs=opus"}),
            ("sticker", {"sticker": {"mime_type": "image/webp", "id": "79", "animated": False}}, {"mime_type": "image/webp"})):
        accept(f"a message of type {kind}", body(messages({"from": ANA, "id": f"wamid.{kind}", "timestamp": "1773149810",
                                                          "type": kind, **more})), [expected(f"wamid.{kind}", kind=kind, attachments=[attachment])])
    accept("a quick reply is pressed", body(messages({"from": ANA, "id": "wamid.B", "timestamp": "1773149810", "type": "button",
           "button": {"text": "Sim", "payload": "sim"}, "context": {"from": "5511900000009", "id": "wamid.EARLIER"}})),
           [expected("wamid.B", "Sim", quoted={"id": "wamid.EARLIER"}, answer={"id": "sim", "title": "Sim"})])
    for kind, chosen, answer in (
            ("button_reply", {"id": "sim", "title": "Sim"}, {"id": "sim", "title": "Sim"}),
            ("list_reply", {"id": "suco-1", "title": "Suco", "description": "300 ml"}, {"id": "suco-1", "title": "Suco"}),
            ("nfm_reply", {"name": "flow", "body": "Enviado", "response_json": '{"nota":"9"}'}, {"values": {"nota": "9"}})):
        accept(f"an answer of type {kind}", body(messages({"from": ANA, "id": f"wamid.{kind}", "timestamp": "1773149810",
               "type": "interactive", "interactive": {"type": kind, kind: chosen}, "context": {"id": "wamid.EARLIER"}})),
               [expected(f"wamid.{kind}", chosen.get("title") or chosen["body"], quoted={"id": "wamid.EARLIER"}, answer=answer)])
    for kind in ("location", "contacts", "order", "system", "unsupported", "telepathy"):
        accept(f"a message of type {kind} is a message all the same", body(messages(
            {"from": ANA, "id": f"wamid.{kind}", "timestamp": "1773149810", "type": kind, kind: {"body": "x"}})),
            [expected(f"wamid.{kind}")])
    user_id = "BR.10000000000000000001"
    both = [{"profile": {"name": "Ana Exemplo"}, "wa_id": ANA, "user_id": user_id}]
    two_ids = {"id": ANA, "phone": f"+{ANA}", "alternate_id": user_id}
    for name, sender in (("their number", {"from": ANA}), ("their user id", {"from_user_id": user_id}),
                         ("both", {"from": ANA, "from_user_id": user_id})):
        accept(f"a customer whose number and user id are known writes under {name}", body(messages(
            {**sender, "id": "wamid.TWO", "timestamp": "1773149810", "type": "text", "text": {"body": "oi"}}, contacts=both)),
            [expected("wamid.TWO", "oi", **{"from": two_ids})])
    accept("a customer who hides their number has none", body(messages({"from_user_id": user_id, "id": "wamid.HIDDEN",
           "timestamp": "1773149810", "type": "text", "text": {"body": "oi"}}, contacts=[])),
           [event("message.created", subject=user_id, key=f"{LINE}/{user_id}", message={"id": "wamid.HIDDEN", "from": {"id": user_id}})])
    accept("a customer has another user id", body(messages({"id": "wamid.NEWID", "timestamp": "1773149810", "type": "system",
           "system": {"body": "User Ana changed", "user_id": "BR.2", "previous_user_id": user_id, "type": "user_changed_user_id"}})),
           [event("message.created", subject=user_id, key=f"{LINE}/{user_id}",
                  message={"kind": "system", "from": {"id": user_id, "alternate_id": "BR.2"}})])
    accept("a customer opens the chat and writes nothing", body(messages(
        {"from": ANA, "id": "wamid.WELCOME", "timestamp": "1773149810", "type": "request_welcome"})), [unmapped("messages")])
    accept("a reaction is taken back", body(messages({"from": ANA, "id": "wamid.R2", "timestamp": "1773149810", "type": "reaction",
           "reaction": {"message_id": "wamid.EARLIER"}})), [event("message.reaction", subject=ANA, message={"id": "wamid.EARLIER"})])
    accept("a message in a group belongs to the group", body(messages(
        text("wamid.GROUP", "mensagem no grupo", group_id="120363000000000001"))),
        [event("message.created", subject="120363000000000001", key=f"{LINE}/120363000000000001", account=WABA,
               time="2026-03-10T13:36:50.000Z",
               message={"id": "wamid.GROUP", "conversation": {"id": "120363000000000001", "group": True},
                        "from": {"id": ANA}})])
    for word, at in (("sent", 1773149831), ("delivered", 1773149834), ("read", 1773149899), ("played", 1773149899)):
        accept(f"one of our messages was {word}", body(statuses(
            {"id": "wamid.OURS", "status": word, "timestamp": str(at), "recipient_id": ANA,
             "conversation": {"id": "c0ffee", "origin": {"type": "utility"}},
             "pricing": {"billable": True, "pricing_model": "CBP", "category": "utility"}})),
            [event("message.status", subject=ANA, key=f"{LINE}/{ANA}", account=WABA,
                   time={1773149831: "2026-03-10T13:37:11.000Z", 1773149834: "2026-03-10T13:37:14.000Z",
                         1773149899: "2026-03-10T13:38:19.000Z"}[at],
                   message={"id": "wamid.OURS", "status": word, "conversation": {"id": ANA, "channel_id": LINE}})])
    accept("the same status again, without the price, is the same event", body(statuses(
        {"id": "wamid.OURS", "status": "read", "timestamp": "1773149899", "recipient_id": ANA})),
        [event("message.status")], redelivery_of="one of our messages was read")
    accept("one of our messages failed, with the reason", body(statuses(
        {"id": "wamid.OURS2", "status": "failed", "timestamp": "1773149840", "recipient_id": ANA,
         "errors": [{"code": 131026, "title": "Message undeliverable", "message": "Message undeliverable",
                     "error_data": {"details": "Message Undeliverable."}}]})),
        [event("message.status", subject=ANA, key=f"{LINE}/{ANA}", time="2026-03-10T13:37:20.000Z",
               message={"id": "wamid.OURS2", "status": "failed", "error": "Message undeliverable"})])
    accept("a message was deleted", body(statuses(
        {"id": "wamid.GONE", "status": "deleted", "timestamp": "1773149840", "recipient_id": ANA})),
        [event("message.deleted", subject=ANA, key=f"{LINE}/{ANA}", message={"id": "wamid.GONE"})])
    accept("our own message, written on the phone, is echoed", body(
        {"field": "smb_message_echoes", "value": {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "5511900000009", "phone_number_id": LINE},
            "message_echoes": [{"from": "5511900000009", "to": ANA, "id": "wamid.ECHO", "timestamp": "1773149830",
                                "type": "text", "text": {"body": "Bom dia! Em que posso ajudar?"}}]}}),
        [event("message.created", subject=ANA, key=f"{LINE}/{ANA}", time="2026-03-10T13:37:10.000Z", account=WABA,
               message={"id": "wamid.ECHO", "direction": "outbound", "text": "Bom dia! Em que posso ajudar?",
                        "conversation": {"id": ANA, "channel_id": LINE}})])
    accept("two messages and a status in one webhook are three events", body(
        messages(text("wamid.A", "um"), text("wamid.B", "dois", "1773149811")),
        statuses({"id": "wamid.OURS", "status": "read", "timestamp": "1773149812", "recipient_id": ANA})),
        [expected("wamid.A", "um"), expected("wamid.B", "dois", "2026-03-10T13:36:51.000Z"),
         event("message.status", subject=ANA, message={"id": "wamid.OURS", "status": "read"})])
    accept("two accounts in one webhook keep apart", {"object": "whatsapp_business_account", "entry": [
        {"id": WABA, "changes": [messages(text("wamid.A", "um"))]},
        {"id": "999999999999999", "changes": [messages(text("wamid.B", "dois"), line="888")]}]},
        [expected("wamid.A", "um"),
         event("message.created", subject=ANA, key=f"888/{ANA}", account="999999999999999", message={"id": "wamid.B"})])
    group = "120363000000000001"

    def groups(field, *changes):
        return body({"field": field, "value": {
            "messaging_product": "whatsapp", "metadata": {"display_phone_number": "5511900000009", "phone_number_id": LINE},
            "groups": [{"timestamp": str(1773149810 + n), "group_id": group, **change} for n, change in enumerate(changes)]}})

    def of_group(type, at, **said):
        return event(type, subject=group, key=f"{LINE}/{group}", account=WABA, time=f"2026-03-10T13:36:{50 + at}.000Z",
                     group={"id": group, **said})

    ana = {"wa_id": ANA, "user_id": user_id}
    people = groups(
        "group_participants_update",
        {"type": "group_participants_remove", "request_id": "r1", "removed_participants": [{"input": ANA}], "initiated_by": "business"},
        {"type": "group_participants_remove", "removed_participants": [ana], "initiated_by": "participant"},
        {"type": "group_participants_add", "reason": "invite_link", "added_participants": [ana]},
        {"type": "group_join_request_created", "join_request_id": "j1", **ana},
        {"type": "group_join_request_revoked", "join_request_id": "j1", **ana})
    told = [of_group("group.participants.updated", 0, action="removed", participants=[{"id": ANA, "phone": f"+{ANA}"}]),
            of_group("group.participants.updated", 1, action="left", participants=[two_ids]),
            of_group("group.participants.updated", 2, action="joined", participants=[two_ids]),
            of_group("group.join_request", 3, action="created", participant=two_ids),
            of_group("group.join_request", 4, action="revoked", participant=two_ids)]
    accept("people come, go and ask to join: five events", people, told)
    accept("the same five again", people, told, clock=later(3600), redelivery_of="people come, go and ask to join: five events")
    accept("a group is made", groups("group_lifecycle_update", {
        "type": "group_create", "request_id": "r2", "subject": "Bloco A", "join_approval_mode": "auto_approve"}),
        [of_group("group.created", 0, subject="Bloco A")])
    accept("a group that could not be made is none", groups("group_lifecycle_update", {
        "type": "group_create", "request_id": "r2", "subject": "Bloco A", "errors": [{"code": 131000}]}),
        [unmapped("group_lifecycle_update")])
    accept("a group gets another name; its description could not be changed", groups("group_settings_update", {
        "type": "group_settings_update", "request_id": "r3", "group_subject": {"text": "Bloco B", "update_successful": True},
        "group_description": {"text": "x", "update_successful": False}}), [of_group("group.updated", 0, subject="Bloco B")])

    def history(*list_):
        return body({"field": "history", "value": {
            "messaging_product": "whatsapp", "metadata": {"display_phone_number": "5511900000009", "phone_number_id": LINE},
            "history": [{"metadata": {"phase": 0, "chunk_order": 1, "progress": 100}, "threads": [{"id": ANA, "messages": list_}]}]}})

    told = {"history_context": {"status": "READ"}}
    accept("a history tells both sides", history(
        {**text("wamid.OLD1", "oi"), "to": "5511900000009", **told}, {**text("wamid.OLD2", "olá"), "from": "5511900000009", **told}),
        [expected("wamid.OLD1", "oi", status="read", **{"from": {"id": ANA}}),
         event("message.created", subject=ANA, key=f"{LINE}/{ANA}", message={
             "id": "wamid.OLD2", "direction": "outbound", "from": {"phone": "+5511900000009"}, "to": {"id": ANA, "phone": f"+{ANA}"}})])
    accept("a message that is told in a history too is the same event", history({**text(), **told}), [expected(text()["id"])],
           redelivery_of="a text message comes in")
    accept("what is told while another program answers is the same event", body({"field": "standby", "value": {
        "messaging_product": "whatsapp", "metadata": {"display_phone_number": "5511900000009", "phone_number_id": LINE},
        "standby": {"messages": [text()]}}}), [expected(text()["id"])], redelivery_of="a text message comes in")
    accept("a contact of the phone has another name", body({"field": "smb_app_state_sync", "value": {
        "messaging_product": "whatsapp", "metadata": {"display_phone_number": "5511900000009", "phone_number_id": LINE},
        "state_sync": [{"type": "contact", "contact": {"full_name": "Ana E.", "first_name": "Ana", "phone_number": ANA},
                        "action": "add", "metadata": {"timestamp": "1773149810"}}]}}),
        [event("contact.updated", subject=ANA, key=f"{LINE}/{ANA}", account=WABA, time="2026-03-10T13:36:50.000Z",
               contact={"id": ANA, "name": "Ana E.", "phone": f"+{ANA}"})])
    accept("a change of another field is kept under its name", body(
        {"field": "account_update", "value": {"phone_number": "5511900000009", "event": "VERIFIED_ACCOUNT"}}),
        [unmapped("account_update")])
    accept("a message and a template's new status are two events", body(
        messages(text("wamid.A", "um")),
        {"field": "message_template_status_update", "value": {"event": "APPROVED", "message_template_id": 12345678,
                                                              "message_template_name": "boas_vindas"}}),
        [expected("wamid.A", "um"), unmapped("message_template_status_update")])
    escaped = compact(body(messages(text("wamid.ESC", "Olá 👋 <b>&\"\\\n"))), ascii_only=True).replace(b"/", b"\\/")
    accept("Meta escapes slashes and what is not ASCII, and signs that", escaped,
           [expected("wamid.ESC", "Olá 👋 <b>&\"\\\n")])
    accept("the same text unescaped", body(messages(text("wamid.UNI", "Olá 👋 日本語 \u200d\u2028"))),
           [expected("wamid.UNI", "Olá 👋 日本語 \u200d\u2028")])
    accept("an id of 2^53+1, sent as a number, keeps its last digit",
           compact(body(messages(text("wamid.BIG", "oi")))).replace(b'"wamid.BIG"', b"9007199254740993"),
           [expected("9007199254740993", "oi")])
    accept("time stamps sent as numbers are time stamps", body(messages(text("wamid.NUM", "oi", 1773149810))),
           [expected("wamid.NUM", "oi")])

    small = compact(body(messages(text("wamid.S", "oi"))))
    ugly.hmac(sheet, s, small, [expected("wamid.S", "oi")])
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, body(messages(text())), events)
    ugly.times(sheet, s, lambda at: body(messages(text("wamid.T", "oi", at))), [expected("wamid.T", "oi", None)])
    old = s.request(small).without(HEADER).with_header(
        "X-Hub-Signature", "sha1=" + digest("sha1", s.secret.encode(), small).hex())
    sheet.case("the older header with SHA-1 alone is not enough", s, old, reason="missing")
    sheet.case("the older header with SHA-1 beside the newer one does not matter", s,
               s.request(small).with_header("X-Hub-Signature", "sha1=00"), events=[expected("wamid.S", "oi")])
    sheet.case("a signature in base64 behind the right prefix is no signature", s, s.request(small).with_header(
        HEADER, "sha256=" + b64(b"\0" * 32)), reason="malformed")

    hello = "/in/line-1?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    ugly.handshake_get(sheet, s, "Meta asks to subscribe and knows the verify token", hello + s.verify_token, "1158201444")
    ugly.handshake_get(sheet, s, "Meta asks to subscribe, with dots percent-encoded",
                       f"/in/line-1?hub%2Emode=subscribe&hub%2Everify_token={s.verify_token}&hub%2Echallenge=42", "42")
    ugly.refused_get(sheet, s, "somebody asks to subscribe with a wrong verify token", hello + "guess", reason="forbidden")
    ugly.refused_get(sheet, s, "somebody asks to subscribe without a verify token",
                     "/in/line-1?hub.mode=subscribe&hub.challenge=1158201444", reason="forbidden")
    ugly.refused_get(sheet, s, "somebody asks to subscribe where no verify token is configured", hello,
                     source={**s.source(), "verify_token": None}, reason="forbidden")
    ugly.refused_get(sheet, s, "the app secret is not the verify token", hello + s.secret, reason="forbidden")
    ugly.refused_get(sheet, s, "another mode is nothing to subscribe to",
                     f"/in/line-1?hub.mode=unsubscribe&hub.challenge=1&hub.verify_token={s.verify_token}",
                     reason="forbidden")
    sheet.case("a webhook sent by DELETE is not taken", s, Request("DELETE", "/in/line-1"), status=405, sdk=None)
