"""Web1on1 and ChatShipper. Shapes: developers.web1on1.chat; signatures by the vendor's library."""

from vectors import ugly
from vectors.libraries import Node, is_text, npm
from vectors.senders import Hmac, UrlSecret, digest, plain
from vectors.sheet import Request, compact, event, later, sample, unmapped

CONVERSATION, ORGANIZATION = "65ef0000aaaa000000000101", "5aaf1e5f2d7a1c0001000001"
MESSAGE, CONTACT, TIME = "65ef0000aaaa000000000201", "65ef0000aaaa000000000301", "2026-03-10T13:36:50.900Z"
HEADER = "X-Hub-Signature"


def said(type="message.created", id=MESSAGE, time=TIME, **more):
    return event(type, subject=CONVERSATION, key=CONVERSATION, time=time, account=ORGANIZATION,
                 message={"id": id, "conversation": {"id": CONVERSATION}, **more})


def ticket(type, **more):
    return event(type, subject=CONVERSATION, key=CONVERSATION, account=ORGANIZATION, ticket={"id": CONVERSATION, **more})


def changed(name, id, changes, event=None):
    """The sample with other members, of the message unless a name with a dot says otherwise."""
    value = sample(f"web1on1/{name}")
    value["id"] = id
    if event:
        value["event"] = event
    for path, new in changes.items():
        *way, last = path.split(".") if "." in path else ("message", path)
        target = value["data"]
        for step in way:
            target = target[step]
        target[last] = new
    return value


def build(sheet):
    def chipchat(request, secret, clock):
        if (signature := request.get(HEADER)) is None or not is_text(request.body):
            return None
        return Node.call("chipchat_sign", secret=secret, body=request.body) == signature

    s = Hmac(scheme="hmac-sha1, hex, header x-hub-signature, prefix sha1=", hash="sha1", header=HEADER, prefix="sha1=",
             secrets=("w1-secret-exemplo",), libraries={npm("chipchat"): chipchat})
    plain(sheet)

    def accept(name, value, events, **more):
        value = sample(f"web1on1/{value}") if isinstance(value, str) else value
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    accept("a customer writes", "message.create.contact.chat.json",
           [said(direction="inbound", internal=False, text="Hello, is the car still available?")])
    accept("the same webhook again twenty hours later", "message.create.contact.chat.json", [said()], clock=later(72_000),
           redelivery_of="a customer writes")
    accept("a card with buttons goes out", "message.create.contact.card.json", [said(direction="outbound", text="Choose an option")])
    accept("an agent assigns somebody", "message.create.contact.command.json", [ticket("ticket.transferred")])
    accept("an agent calls somebody in", changed("message.create.contact.command.json", "id-notify", {"text": "/notify"}),
           [ticket("ticket.transferred")])
    accept("an agent joins", changed("message.create.contact.command.json", "id-join", {"text": "/join"}), [ticket("ticket.updated")])
    accept("an agent writes to a colleague behind the customer's back", changed(
        "message.create.contact.chat.json", "id-back", {"role": "agent", "isBackchannel": True}),
        [said(direction="outbound", internal=True)])
    accept("our bot's message is echoed", changed("message.create.contact.chat.json", "id-bot", {"role": "bot"}),
           [said(direction="outbound")])
    accept("a customer presses a button", changed("message.create.contact.chat.json", "id-post", {"type": "postback", "text": "Yes", "meta": {"payload": "yes"}},
           "message.create.contact.postback"), [said(direction="inbound", text="Yes", answer={"id": "yes", "title": "Yes"})])
    accept("a kind of message that is newer than Forebay", changed("message.create.contact.chat.json", "id-new",
           {"type": "telepathy"}, "message.create.contact.telepathy"), [said()])
    accept("a message changes", "message.update.json", [said("message.updated", time=None, text="Hello, is the blue car still available?")])
    accept("a message is deleted", changed("message.update.json", "id-del", {}, "message.delete"), [said("message.deleted", time=None)])
    accept("a message could not be sent", changed("message.update.json", "id-err", {"role": "agent"}, "message.error"),
           [said("message.status", time=None, status="failed")])
    accept("a conversation is opened", "conversation.create.json", [ticket("ticket.created")])
    accept("a conversation is closed", changed("conversation.create.json", "id-close", {"conversation.status": "closed"},
           "conversation.update"), [ticket("ticket.closed", status="closed")])
    accept("a conversation changes", changed("conversation.create.json", "id-upd", {"conversation.status": "active"},
           "conversation.update"), [ticket("ticket.updated")])
    for name, what in (("1_closed", "a conversation is closed and opened again: the closing shows it open"),
                       ("2_active", "a conversation is closed and opened again: the opening")):
        accept(what, f"conversation.update.flip.{name}.json", [ticket("ticket.updated", channel="web")], clock=later(800))
    contact = lambda type: event(type, subject=CONTACT, account=ORGANIZATION,  # noqa: E731
                                 contact={"id": CONTACT, "name": "Ana Exemplo", "phone": "+5511900000001"})
    accept("a contact comes in", "contact.create.json", [contact("contact.created")])
    accept("a contact changes", changed("contact.create.json", "id-con", {}, "contact.update"), [contact("contact.updated")])
    for action in ("create", "update"):
        value = sample("web1on1/contact.create.json")
        value.update(id=f"id-service-{action}", event=f"service.{action}", data={"service": {"id": "s1", "type": "webhook", "status": "active"}})
        accept(f"a service: {action}", value, [event("connection.updated", account=ORGANIZATION, connection={})])
    value = changed("message.create.contact.chat.json", "id-below", {})
    value["organization"] = "5aaf1e5f2d7a1c0001000002"
    accept("an organization below ours", value, [{**said(), "account": "5aaf1e5f2d7a1c0001000002"}])
    value = sample("web1on1/contact.create.json")
    value.update(id="id-form", event="form.create", data={"form": {"id": "f1"}})
    accept("a form has no mapping and is kept under its name", value, [unmapped("form.create")])
    accept("an id of 2^53+1, sent as a number, keeps its last digit", changed(
        "message.create.contact.chat.json", "id-big", {"id": 9007199254740993}), [said(id="9007199254740993")])
    accept("emoji and other scripts", changed("message.create.contact.chat.json", "id-uni", {"text": "👋 日本語 \u2028 \"x\" \\ \n"}),
           [said(text="👋 日本語 \u2028 \"x\" \\ \n")])
    accept("the same escaped", compact(changed("message.create.contact.chat.json", "id-esc", {"text": "👋 日本語"}), ascii_only=True),
           [said(text="👋 日本語")])

    small = compact({"id": "id-small", "timestamp": "2026-03-10T13:36:50.950Z", "event": "message.create.contact.chat",
                     "organization": ORGANIZATION, "data": {"conversation": {"id": CONVERSATION}, "message": {
                         "id": MESSAGE, "type": "chat", "role": "contact", "text": "oi", "createdAt": TIME}}})
    ugly.hmac(sheet, s, small, [said(text="oi")])
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, sample("web1on1/message.create.contact.chat.json"), [said(text="Hello, is the car still available?")])
    value = {"id": "id-time", "event": "message.create.contact.chat", "organization": ORGANIZATION, "data": {
        "conversation": {"id": CONVERSATION}, "message": {"id": MESSAGE, "type": "chat", "role": "contact", "text": "oi"}}}
    ugly.times(sheet, s, lambda at: {**value, "timestamp": at}, [said(text="oi", time=None)])
    newer = "sha256=" + digest("sha256", s.secret.encode(), small).hex()
    sheet.case("a digest of SHA-256 under its own name is not of this form", s, s.request(small).with_header(HEADER, newer),
               reason="malformed")
    ugly.handshake_get(sheet, s, "Web1on1 makes sure of the address", "/in/line-1?type=subscribe&challenge=6f3b1c", "6f3b1c")
    ugly.handshake_get(sheet, s, "a challenge of special characters comes back exactly",
                       "/in/line-1?challenge=a%2Bb%20%3Cc%3E%26d&type=subscribe", "a+b <c>&d")
    ugly.refused_get(sheet, s, "a GET that subscribes to nothing", "/in/line-1", reason="forbidden")
    ugly.refused_get(sheet, s, "a GET with a challenge alone", "/in/line-1?challenge=6f3b1c", reason="forbidden")
    ugly.refused_get(sheet, s, "a GET of another type", "/in/line-1?type=unsubscribe&challenge=6f3b1c", reason="forbidden")
    u = UrlSecret(scheme="secret in the path", auth={"scheme": "url_secret"}, secrets=("s3cret-of-web1on1",))
    ask = "?type=subscribe&challenge=6f3b1c"
    ugly.handshake_get(sheet, u, "Web1on1 makes sure of an address with a secret in it", f"/in/line-1/{u.secret}{ask}", "6f3b1c")
    ugly.refused_get(sheet, u, "a challenge to an address with a wrong secret in it", f"/in/line-1/guess-guess{ask}",
                     reason="not_found")
    ugly.refused_get(sheet, u, "a challenge to an address without its secret", f"/in/line-1{ask}", reason="not_found")
    sheet.case("a service without a signing secret has a secret in the path", u, u.request(small), events=[said(text="oi")])
    sheet.case("a webhook sent by DELETE is not taken", s, Request("DELETE", "/in/line-1"), status=405, sdk=None)
