"""Evolution API. Shapes: its source code; JSON Web Tokens by the library that it uses itself."""

import jwt
from freezegun import freeze_time

from vectors import ugly
from vectors.libraries import Node, npm, pypi, succeeds
from vectors.senders import Sender, Token, UrlSecret, b64, digest
from vectors.sheet import CLOCK, Request, compact, event, later, sample, seconds, unmapped

ANA, GROUP, TIME = "5511900000001@s.whatsapp.net", "120363000000000001@g.us", "2026-03-10T13:36:50.000Z"
ACCOUNT = "suporte-exemplo"


def said(id="3EB0A1B2C3D4E5F60001", chat=ANA, time=TIME, type="message.created", **more):
    return event(type, subject=chat, key=f"{ACCOUNT}/{chat}", time=time, account=ACCOUNT, message={"id": id, "conversation": {"id": chat}, **more})


def told(name, data):
    return {**sample("evolution/messages.upsert.json"), "event": name, "data": data}


def url64(data):
    return b64(data).rstrip("=").replace("+", "-").replace("/", "_")


class Jwt(Sender):
    scheme = "jwt, HS256, header authorization, 30 minutes of leeway"
    auth = {"scheme": "jwt", "header": "authorization", "leeway_seconds": 1800}
    secrets = ("first-jwt-key-of-this-instance-1",)
    newer = "second-jwt-key-of-this-instance-"
    foreign = "jwt-key-of-another-instance-0001"

    def prove(self, request, secret, at):
        now = seconds(at)
        return request.with_header("Authorization", "Bearer " + self.token(
            {"iat": now, "exp": now + 600, "app": "evolution", "action": "webhook"}, secret))

    @staticmethod
    def token(claims, secret, alg="HS256", **header):
        """As both libraries write it, where they write such a token at all."""
        written = jwt.encode(claims, secret, algorithm=alg, headers=header or None)
        if not header and "iat" in claims:
            other = Node.call("jwt_sign", secret=secret, payload=claims, options={"algorithm": alg})
            read = lambda text: (jwt.decode(text, options={"verify_signature": False}), jwt.get_unverified_header(text))  # noqa: E731
            assert read(written) == read(other)
        return written


def build(sheet):
    s = UrlSecret(scheme="secret in the path", secrets=("s3cret-of-suporte-exemplo",), newer="newer-s3cret-of-suporte",
                  foreign="s3cret-of-vendas-exemplo")

    def accept(name, value, events, **more):
        value = sample(f"evolution/{value}") if isinstance(value, str) else value
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    accept("a message comes in", "messages.upsert.json", [said(direction="inbound", text="Olá, bom dia")])
    accept("the same webhook again twenty minutes later", "messages.upsert.json", [said()], clock=later(1200),
           redelivery_of="a message comes in")
    accept("a message in a group", "messages.upsert.group.json",
           [said("3EB0A1B2C3D4E5F60101", GROUP, text="mensagem no grupo", conversation={"id": GROUP, "group": True})])
    accept("our own message, sent over the API", "send.message.json",
           [said("3EB0FFEEDDCCBBAA0001", time="2026-03-10T13:37:10.000Z", direction="outbound", text="Bom dia! Em que posso ajudar?")])
    accept("our own message comes as messages.upsert too", {**sample("evolution/send.message.json"), "event": "messages.upsert"},
           [said("3EB0FFEEDDCCBBAA0001", time="2026-03-10T13:37:10.000Z")], redelivery_of="our own message, sent over the API")
    update = sample("evolution/messages.update.json")
    for word, ours in (("ERROR", "failed"), ("PENDING", "pending"), ("SERVER_ACK", "sent"), ("DELIVERY_ACK", "delivered"),
                       ("READ", "read"), ("PLAYED", "played")):
        accept(f"one of our messages: {word}", {**update, "data": {**update["data"], "status": word}},
               [said("3EB0FFEEDDCCBBAA0001", time=None, type="message.status", status=ours)])
    accept("a message was deleted, as an update", {**update, "data": {**update["data"], "status": "DELETED"}},
           [said("3EB0FFEEDDCCBBAA0001", time=None, type="message.deleted")])
    accept("a message was deleted", "messages.delete.json", [said(time=None, type="message.deleted")])
    accept("the connection is open", "connection.update.json",
           [event("connection.updated", account=ACCOUNT, connection={"state": "open"})])
    for state, ours in (("close", "closed"), ("connecting", "connecting")):
        accept(f"the connection: {state}", told("connection.update", {"instance": ACCOUNT, "state": state, "statusReason": 401}),
               [event("connection.updated", account=ACCOUNT, connection={"state": ours})])
    accept("somebody adds a participant, named by a text", "group-participants.update.strings.json",
           [event("group.participants.updated", subject=GROUP, account=ACCOUNT, group={
               "id": GROUP, "action": "added", "participants": [{"id": "5511900000002@s.whatsapp.net"}]})])
    value = sample("evolution/group-participants.update.strings.json")
    value["data"]["participants"] = [{"id": "271000000000002@lid", "phoneNumber": "5511900000002@s.whatsapp.net", "admin": None}]
    accept("somebody adds a participant, named by an object", value,
           [event("group.participants.updated", subject=GROUP, group={
               "id": GROUP, "action": "added", "participants": [{"id": "5511900000002@s.whatsapp.net", "alternate_id": "271000000000002@lid", "phone": "+5511900000002"}]})])
    for action, ours in (("promote", "promoted"), ("demote", "demoted"), ("remove", "removed")):
        value = sample("evolution/group-participants.update.strings.json")
        value["data"]["action"] = action
        accept(f"a participant of a group: {action}", value,
               [event("group.participants.updated", subject=GROUP, group={"id": GROUP, "action": ours})])
    accept("a group is made", "groups.upsert.json",
           [event("group.created", subject=GROUP, key=f"{ACCOUNT}/{GROUP}", account=ACCOUNT, group={"id": GROUP, "subject": "Condomínio Exemplo"})])
    accept("a group gets another name", "groups.update.json",
           [event("group.updated", subject=GROUP, account=ACCOUNT, group={"id": GROUP, "subject": "Condomínio Exemplo - Bloco B"})])
    accept("a message is edited", told("messages.edited", {"key": {"remoteJid": ANA, "fromMe": False, "id": "3EB0A1B2C3D4E5F60001"},
           "editedMessage": {"conversation": "Olá, boa tarde"}, "messageTimestamp": 1773150020, "timestampMs": "1773150020000",
           "type": 14}), [event("message.updated", subject=ANA, account=ACCOUNT, message={})], clock=later(180))
    for name in ("call", "typebot.start", "labels.association", "application.startup", "status.instance"):
        accept(f"{name} has no mapping and is kept under its name", told(name, {"id": "1"}), [unmapped(name)])
    contact = {"remoteJid": ANA, "pushName": "Ana Exemplo", "profilePicUrl": None, "instanceId": "0f3c2b1a"}
    accept("contacts in a list", told("contacts.upsert", [contact]), [event("contact.created", subject=ANA, contact={"id": ANA})])
    accept("one contact out of its list", told("contacts.update", contact), [event("contact.updated", subject=ANA, contact={"id": ANA})])
    one = sample("evolution/messages.upsert.json")["data"]
    two = {**one, "key": {**one["key"], "id": "3EB0A1B2C3D4E5F60002"}, "message": {"conversation": "segunda"}}
    accept("two messages in a list", told("messages.upsert", [one, two]),
           [said(text="Olá, bom dia"), said("3EB0A1B2C3D4E5F60002", text="segunda")])
    accept("a new code to scan has no mapping and is kept under its name", told("qrcode.updated", {"qrcode": {"code": "2@X"}}),
           [unmapped("qrcode.updated")])
    accept("an event without a mapping is kept under its name", told("labels.edit", {"id": "1"}), [unmapped("labels.edit")])
    accept("an id of 2^53+1, sent as a number, keeps its last digit", told("messages.upsert", {
        **one, "key": {**one["key"], "id": 9007199254740993}}), [said("9007199254740993")])
    accept("emoji and other scripts", told("messages.upsert", {**two, "message": {"conversation": "👋 日本語 \u2028 \"x\" \\ \n"}}),
           [said("3EB0A1B2C3D4E5F60002", text="👋 日本語 \u2028 \"x\" \\ \n")])
    accept("a time as the object that JavaScript's Long becomes", told("messages.upsert", {
        **one, "messageTimestamp": {"low": 1773149810, "high": 0, "unsigned": True}}), [said()])

    body = compact({"event": "messages.upsert", "instance": ACCOUNT, "data": {
        "key": {"remoteJid": ANA, "fromMe": False, "id": "S1"}, "message": {"conversation": "oi"}, "messageTimestamp": 1773149810}})
    events = [said("S1", text="oi")]
    ugly.url_secret(sheet, s, body, events)
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, sample("evolution/messages.upsert.json"), [said(text="Olá, bom dia")])
    ugly.times(sheet, s, lambda at: told("messages.upsert", {**one, "messageTimestamp": at}), [said(time=None)])
    sheet.case("Evolution asks nothing by GET", s, Request("GET", f"/in/line-1/{s.secret}"), status=405)

    def shown(request):
        value = request.get("Authorization")
        return None if value is None else value.split(" ")[-1]

    def python(request, secret, clock):
        if (token := shown(request)) is None:
            return None
        with freeze_time(clock.replace(tzinfo=None)):
            return succeeds(lambda: bool(jwt.decode(token, secret, algorithms=["HS256"], leeway=1800, options={"verify_iat": False})))

    def javascript(request, secret, clock):
        if (token := shown(request)) is None:
            return None
        return Node.call("jwt_verify", secret=secret, token=token, leeway=1800, now=seconds(clock))

    j = Jwt(libraries={pypi("PyJWT"): python, npm("jsonwebtoken"): javascript})
    now = seconds(CLOCK)
    claims = {"iat": now, "exp": now + 600, "app": "evolution", "action": "webhook"}
    good = j.request(body)
    add = lambda name, request, **more: sheet.case(f"jwt: {name}", j, request, **more)  # noqa: E731
    bearer = lambda token: good.with_header("Authorization", f"Bearer {token}")  # noqa: E731
    with_claims = lambda **more: bearer(j.token({**claims, **more}, j.secret))  # noqa: E731
    both = j.source(j.newer, j.secret)
    add("the token is right", good, events=events)
    add("the token is right, without Bearer before it", good.with_header("Authorization", shown(good)), events=events)
    add("bearer in lower case", good.with_header("Authorization", f"bearer {shown(good)}"), events=events)
    add("the newer of two keys signs", j.request(body, secret=j.newer), events=events, source=both)
    add("the older of two keys still signs", good, events=events, source=both)
    add("a key that was rotated out signs no longer", good, source=j.source(j.newer), reason="no_match")
    add("the key of another instance", j.request(body, secret=j.foreign), reason="no_match")
    add("a late retry: the token expired twenty minutes ago, within the leeway", with_claims(exp=now - 1200), events=events)
    # Whether the last second counts, the libraries see differently.
    add("expired exactly as long ago as the leeway", with_claims(exp=now - 1800), events=events, sdk=None)
    add("expired one second longer ago than the leeway", with_claims(exp=now - 1801), reason="outside_tolerance")
    add("the same token a day later", good, clock=later(86_400), reason="outside_tolerance")
    add("no exp: it never expires", bearer(j.token({"iat": now, "app": "evolution"}, j.secret)), events=events, clock=later(3600))
    add("not before a moment within the leeway", with_claims(nbf=now + 1800), events=events)
    add("not before a moment beyond the leeway", with_claims(nbf=now + 1801), reason="outside_tolerance")
    add("exp with a fraction", bearer(j.token({"exp": now + 600.5}, j.secret)), events=events, sdk=None)
    add("exp is a text", bearer(".".join(part for part in hand({"exp": "tomorrow"}, j.secret))), reason="malformed", sdk=None)
    # A receiver learns the times only after the signature fits.
    add("a wrong key is told before an expired token", bearer(j.token({**claims, "exp": now - 9999}, j.foreign)), reason="no_match")
    header, payload, tag = shown(good).split(".")
    add("the payload replaced under the old signature", bearer(f"{header}.{url64(compact({**claims, 'exp': now + 9_000_000}))}.{tag}"),
        reason="no_match")
    add("alg none and no signature", bearer(f"{url64(compact({'alg': 'none', 'typ': 'JWT'}))}.{payload}."), reason="malformed")
    add("alg none in capitals, with the old signature", bearer(f"{url64(compact({'alg': 'NONE', 'typ': 'JWT'}))}.{payload}.{tag}"),
        reason="malformed")
    rs = f"{url64(compact({'alg': 'RS256', 'typ': 'JWT'}))}.{payload}"
    add("alg RS256 in the header, signed with the key as HS256", bearer(
        f"{rs}.{url64(digest('sha256', j.secret.encode(), rs.encode()))}"), reason="malformed")
    add("HS512, rightly signed, is not what was agreed on", bearer(jwt.encode(claims, j.secret * 2, algorithm="HS512")),
        source=j.source(j.secret * 2), reason="malformed")
    add("an extension that must be understood", bearer(".".join(hand(claims, j.secret, crit=["x"], x=1))), reason="malformed", sdk=None)
    add("two parts only", bearer(f"{header}.{payload}"), reason="malformed")
    add("four parts", bearer(f"{header}.{payload}.{tag}.{tag}"), reason="malformed")
    add("not a token at all", bearer("hello"), reason="malformed")
    add("the header of the token is not JSON", bearer(f"{url64(b'hello')}.{payload}.{tag}"), reason="malformed")
    add("the signature with padding is not base64url as the standard has it", bearer(f"{header}.{payload}.{tag}="), reason="malformed",
        sdk=None)
    add("one letter of the signature is wrong", bearer(f"{header}.{payload}.{('B' if tag[0] == 'A' else 'A') + tag[1:]}"), reason="no_match")
    add("the header is missing", good.without("Authorization"), reason="missing")
    add("the header is there twice", good.and_header("Authorization", good.get("Authorization")), reason="repeated")
    add("the body is not covered", good.with_body(body + b"\n"), events=events)

    p = Jwt(scheme=j.scheme + "; and a secret in the path besides", url_secrets=("s3cret-in-the-path-of-this-instance",), libraries=j.libraries)
    ugly.two_proofs(sheet, p, lambda **more: p.request(body, **more), events, missing=lambda request: request.without("Authorization"))
    t = Token(scheme="token, header apikey", auth={"scheme": "token", "header": "apikey"}, name="apikey")
    sheet.case("token: an instance with a header of its own", t, t.request(body), events=events)
    sheet.case("token: the older of two tokens", t, t.request(body), events=events, source=t.source(t.newer, t.secret))
    sheet.case("token: a wrong token", t, t.request(body, secret=t.foreign), reason="no_match")
    sheet.case("token: the header is missing", t, t.request(body).without("apikey"), reason="missing")
    sheet.case("token: the header is empty", t, t.request(body).with_header("apikey", ""), reason="no_match")
    sheet.case("token: the header is there twice", t, t.request(body).and_header("apikey", t.secret), reason="repeated")
    sheet.case("token: the global webhook appends the event to the path", t, t.request(body, path="/in/line-1/messages-upsert"),
               events=events)


def hand(claims, secret, **header):
    """A token by hand, for what no library writes."""
    first, second = url64(compact({"alg": "HS256", "typ": "JWT", **header})), url64(compact(claims))
    return first, second, url64(digest("sha256", secret.encode(), f"{first}.{second}".encode()))
