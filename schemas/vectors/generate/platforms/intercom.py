"""Intercom. Shapes: developers.intercom.com, "Webhook topics" and "Conversations"."""

from vectors import ugly
from vectors.senders import Hmac, digest, plain
from vectors.sheet import Request, compact, event, later, unmapped

OPENED = "2026-03-10T13:36:40.000Z"
APP, CONVERSATION, TIME = "ecahpwf5", "1122334455", "2026-03-10T13:36:50.000Z"
ANA = {"type": "user", "id": "6430", "name": "Ana Exemplo", "email": "ana@example.com"}
AGENT = {"type": "admin", "id": "814860", "name": "Agente Um", "email": "agente.um@example.com"}


def notify(topic, item, id="notif_00000000-0000-4000-8000-000000000001"):
    return {"type": "notification_event", "app_id": APP, "data": {"type": "notification_event_data", "item": item},
            "links": {}, "id": id, "topic": topic, "delivery_status": "pending", "delivery_attempts": 1, "delivered_at": 0,
            "first_sent_at": 1773149810, "created_at": 1773149810, "self": None}


def conversation(*parts, author=ANA, **more):
    return {"type": "conversation", "id": CONVERSATION, "created_at": 1773149800, "updated_at": 1773149810,
            "source": {"type": "conversation", "id": "403918391", "delivered_as": "customer_initiated", "subject": "",
                       "body": "<p>Olá, bom dia</p>", "author": author, "attachments": []},
            "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "6430"}]},
            "admin_assignee_id": 814860, "team_assignee_id": None, "open": True, "state": "open", "read": False,
            "conversation_parts": {"type": "conversation_part.list", "conversation_parts": list(parts),
                                   "total_count": len(parts)}, **more}


def part(id, said, author, type="comment"):
    return {"type": "conversation_part", "id": id, "part_type": type, "body": said, "created_at": 1773149810,
            "updated_at": 1773149810, "author": author, "attachments": []}


def ticket(type, id=CONVERSATION, **more):
    return event(type, subject=id, key=id, time=TIME, account=APP, ticket={"id": id, **more})


def said(id, direction, time=TIME, **more):
    return event("message.created", key=CONVERSATION, time=time, account=APP,
                 message={"id": id, "direction": direction, "ticket_id": CONVERSATION, "conversation": {"id": CONVERSATION}, **more})


def build(sheet):
    s = Hmac(scheme="hmac-sha1, hex, header x-hub-signature, prefix sha1=", hash="sha1", header="X-Hub-Signature", prefix="sha1=",
             own_headers=(("User-Agent", "Intercom-Webhooks/1.0"),), secrets=("client-secret-of-the-app",))
    plain(sheet)

    def accept(name, value, events, **more):
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    first = notify("conversation.user.created", conversation())
    two = [ticket("ticket.created"), said("403918391", "inbound", OPENED, **{"from": {"id": "6430"}})]
    accept("a customer opens a conversation, and says something in it", first, two)
    accept("the same notification again is the same two events", {**first, "delivery_attempts": 2}, two, clock=later(60),
           redelivery_of="a customer opens a conversation, and says something in it")
    accept("an agent opens a conversation", notify("conversation.admin.single.created", conversation(author=AGENT), "n2"),
           [ticket("ticket.created"), said("403918391", "outbound", OPENED)])
    accept("a customer replies", notify("conversation.user.replied", conversation(
        part("501", "<p>primeira</p>", ANA), part("502", "<p>segunda</p>", ANA)), "n3"), [said("501", "inbound"), said("502", "inbound")])
    again = notify("conversation.user.replied", conversation(part("502", "<p>segunda</p>", ANA)), "n3b")
    accept("a part that another notification told before is the same event", again, [said("502", "inbound")])
    accept("the same part under another topic, beside the ticket's event", notify("conversation_part.tag.created", conversation(
        part("502", "<p>segunda</p>", ANA)), "n3c"), [ticket("ticket.updated"), said("502", "inbound")])
    accept("an agent replies", notify("conversation.admin.replied", conversation(part("503", "<p>Bom dia!</p>", AGENT)), "n4"),
           [said("503", "outbound", internal=False, **{"from": {"id": "814860"}})])
    accept("an agent leaves a note", notify("conversation.admin.noted", conversation(part("504", "<p>nota</p>", AGENT, "note")), "n5"),
           [said("504", "outbound", internal=True)])
    accept("a conversation goes to an agent", notify("conversation.admin.assigned", conversation(
        part("505", None, AGENT, "assignment")), "n6"), [ticket("ticket.transferred")])
    accept("a conversation goes to an agent with a reply", notify("conversation.admin.open.assigned", conversation(
        part("508", "<p>já vou olhar</p>", AGENT, "assignment")), "n6b"),
           [ticket("ticket.transferred"), said("508", "outbound", **{"from": {"id": "814860"}, "to": {"id": "6430"}})])
    accept("a conversation is closed with a reply", notify("conversation.admin.closed", conversation(
        part("509", "<p>até logo</p>", AGENT, "close"), state="closed", open=False), "n6c"),
           [ticket("ticket.closed"), said("509", "outbound")])
    accept("a message is redacted", notify("conversation_part.redacted", conversation(
        {**part("501", "<p><i>This message was deleted</i></p>", ANA), "redacted": True}), "n6d"),
           [ticket("ticket.updated"), event("message.deleted", key=CONVERSATION, time=TIME, account=APP,
                                            message={"id": "501", "conversation": {"id": CONVERSATION}})])
    accept("a conversation is closed", notify("conversation.admin.closed", conversation(state="closed", open=False), "n7"),
           [ticket("ticket.closed")])
    accept("a conversation is opened again", notify("conversation.admin.opened", conversation(), "n8"), [ticket("ticket.reopened")])
    accept("a conversation is put off", notify("conversation.admin.snoozed", conversation(state="snoozed"), "n9"),
           [ticket("ticket.updated")])
    accept("a conversation is rated", notify("conversation.rating.added", conversation(), "n10"), [ticket("ticket.updated")])
    accept("a part of a conversation gets a tag", notify("conversation_part.tag.created", {
        "type": "conversation_part", "id": "507", "conversation_id": CONVERSATION, "conversation": {"type": "conversation", "id": CONVERSATION}},
        "n11"), [event("ticket.updated", account=APP, ticket={})])
    contact = {"type": "contact", "id": "6430", "role": "user", "name": "Ana Exemplo", "email": "ana@example.com",
               "phone": "+5511900000001", "external_id": "25", "created_at": 1773149800}
    for at, (topic, type) in enumerate((("contact.created", "contact.created"), ("contact.user.created", "contact.created"),
                                        ("contact.lead.created", "contact.created"), ("contact.user.updated", "contact.updated"),
                                        ("contact.email.updated", "contact.updated"))):
        accept(f"topic {topic}", notify(topic, contact, f"n2{at}"),
               [event(type, subject="6430", time=TIME, account=APP, contact={"id": "6430", "email": "ana@example.com"})])
    item = {"type": "ticket", "id": "9911", "ticket_id": "37", "ticket_attributes": {"_default_title_": "Pedido"}, "open": True,
            "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "6430"}]}}
    for at, (topic, type) in enumerate((("ticket.created", "ticket.created"), ("ticket.closed", "ticket.closed"),
                                        ("ticket.admin.assigned", "ticket.transferred"), ("ticket.state.updated", "ticket.updated"))):
        accept(f"topic {topic}", notify(topic, item, f"n3{at}"), [event(type, time=TIME, account=APP, ticket={})])
    note = {"type": "ticket_part", "id": "601", "part_type": "note", "body": "<p>cliente antigo</p>", "created_at": 1773149810,
            "updated_at": 1773149810, "author": AGENT, "attachments": [], "redacted": False}
    parts = {"type": "ticket_part.list", "ticket_parts": [note], "total_count": 1}
    accept("a note in a ticket", notify("ticket.note.created", {"type": "ticket_ticket_part", "ticket": {**item, "ticket_parts": parts},
                                                                "ticket_part": note}, "n39"),
           [event("ticket.updated", time=TIME, account=APP, ticket={"id": "9911", "protocol": "37"}),
            event("message.created", key="9911", time=TIME, account=APP, message={
                "id": "601", "direction": "outbound", "internal": True, "ticket_id": "9911", "text": "<p>cliente antigo</p>"})])
    accept("a topic without a mapping is kept under its name", notify("company.created", {"type": "company", "id": "c1"}, "n40"),
           [unmapped("company.created")])
    accept("an id of 2^53+1, sent as a number, keeps its last digit",
           notify("conversation.admin.closed", {**conversation(), "id": 9007199254740993}, "n41"),
           [ticket("ticket.closed", "9007199254740993")])
    accept("emoji, escapes and other scripts", compact(notify("conversation.user.replied", conversation(
        part("506", "<p>👋 日本語 \u2028 \"x\" \\ \n</p>", ANA)), "n42"), ascii_only=True), [said("506", "inbound")])
    ping = notify("ping", {"type": "ping", "message": "Hello, World!"}, "n43")
    sheet.case("the ping of the developer hub is answered and not published", s, s.request(compact(ping)), verdict="handshake")
    sheet.case("a ping with a wrong signature is refused like all else", s, s.request(compact(ping), secret=s.foreign),
               reason="no_match")
    sheet.case("Intercom looks whether the address is there", s, Request("HEAD", "/in/line-1"), verdict="handshake")
    sheet.case("Intercom asks nothing by GET", s, Request("GET", "/in/line-1"), status=405)

    small = compact({"type": "notification_event", "id": "n50", "topic": "conversation.admin.closed", "app_id": APP,
                     "created_at": 1773149810, "data": {"item": {"type": "conversation", "id": CONVERSATION}}})
    ugly.hmac(sheet, s, small, [ticket("ticket.closed")])
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, first, two)
    ugly.times(sheet, s, lambda at: {**notify("conversation.admin.closed", {"type": "conversation", "id": CONVERSATION}, "n51"),
                                     "created_at": at}, [{n: v for n, v in ticket("ticket.closed").items() if n != "time"}])
    newer = "sha256=" + digest("sha256", s.secret.encode(), small).hex()
    sheet.case("a digest of SHA-256 in a header to come is not looked for", s,
               s.request(small).without("X-Hub-Signature").with_header("X-Hub-Signature-256", newer), reason="missing")
