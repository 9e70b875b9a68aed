"""Zendesk's webhooks: events, and the free bodies of triggers. Shapes: developer.zendesk.com, "Event types for webhooks"."""

import base64

from vectors import ugly
from vectors.senders import Hmac, Token, digest, plain
from vectors.sheet import CLOCK, Request, compact, event, later, unmapped

ACCOUNT, TICKET, TIME = "22129848", "5158", "2026-03-10T13:36:50.912Z"
STAMP = "X-Zendesk-Webhook-Signature-Timestamp"


def body(name, inner=None, id="01JNZ9Z6ZC0000000000000001", **detail):
    subject = name.split(".")[0]
    thing = {"ticket": {"id": TICKET, "subject": "Pedido atrasado", "status": "OPEN", "priority": "HIGH", "actor_id": "8447388090494",
                        "assignee_id": "8447388090494", "requester_id": "8447388090495", "group_id": "360013", "organization_id": None,
                        "created_at": "2026-03-10T13:30:00Z", "updated_at": "2026-03-10T13:36:50Z", "is_public": True,
                        "tags": ["vip"], "via": {"channel": "web_service"}, "brand_id": "8447346621310"},
             "user": {"id": "8447388090495", "email": "ana@example.com", "name": "Ana Exemplo", "role": "end-user",
                      "created_at": "2026-03-10T13:30:00Z", "updated_at": "2026-03-10T13:36:50Z"}}.get(subject, {"id": "77"})
    return {"account_id": int(ACCOUNT), "detail": {**thing, **detail}, "event": inner or {}, "id": id,
            "subject": f"zen:{subject}:{thing['id']}", "time": "2026-03-10T13:36:50.912345678Z",
            "type": f"zen:event-type:{name}", "zendesk_event_version": "2022-11-06"}


def ticket(type, **more):
    return event(type, subject=TICKET, key=TICKET, time=TIME, account=ACCOUNT, ticket={"id": TICKET, **more})


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def build(sheet):
    s = Hmac(scheme="hmac-sha256, base64, header x-zendesk-webhook-signature, signed time stamp in ISO 8601", encoding="base64",
             header="X-Zendesk-Webhook-Signature", template="{timestamp}{body}", stamp_header=STAMP, stamp=iso,
             own_headers=(("X-Zendesk-Account-Id", ACCOUNT), ("X-Zendesk-Webhook-Id", "01EJFTSCC78X5V07NPY2MHR00M"),
                          ("X-Zendesk-Webhook-Invocation-Id", "01EJFTSCC78X5V07NPY2MHR00N")),
             secrets=("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",))
    plain(sheet)

    def accept(name, value, events, at=CLOCK, **more):
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value), at=at), events=events, clock=at, **more)

    accept("a ticket is opened", body("ticket.created"), [ticket("ticket.created")])
    accept("the same event again an hour later, signed anew", body("ticket.created"), [ticket("ticket.created")], at=later(3600),
           redelivery_of="a ticket is opened")
    for at, (was, now, type) in enumerate((("OPEN", "SOLVED", "ticket.closed"), ("SOLVED", "CLOSED", "ticket.closed"),
                                           ("SOLVED", "OPEN", "ticket.reopened"), ("NEW", "OPEN", "ticket.updated"),
                                           ("OPEN", "PENDING", "ticket.updated"))):
        accept(f"the status of a ticket goes from {was} to {now}", body(
            "ticket.status_changed", {"current": now, "previous": was}, f"01JNZ9Z6ZC000000000000010{at}", status=now), [ticket(type)])
    for at, (was, now) in enumerate((("OPEN", "PENDING"), ("PENDING", "OPEN"))):
        accept(f"a status goes forth and back, both show the last one: to {now}", body(
            "ticket.status_changed", {"current": now, "previous": was}, f"01JNZ9Z6ZC000000000000020{at}", status="OPEN"),
            [ticket("ticket.updated", status=now.lower(), previous_status=was.lower())])
    accept("a ticket goes to another agent", body("ticket.agent_assignment_changed",
           {"current": "8447388090494", "previous": None}, "02"), [ticket("ticket.transferred")])
    accept("a ticket goes to another group", body("ticket.group_assignment_changed",
           {"current": "360014", "previous": "360013"}, "03"), [ticket("ticket.transferred")])
    accept("a ticket gets another priority", body("ticket.priority_changed", {"current": "URGENT", "previous": "HIGH"}, "04"),
           [ticket("ticket.updated")])
    accept("a ticket gets tags", body("ticket.tags_changed", {"added": ["vip"], "removed": []}, "05"), [ticket("ticket.updated")])

    def comment(id, said, staff, public=True):
        return {"comment": {"id": id, "body": said, "is_public": public,
                            "author": {"id": "8447388090494" if staff else "8447388090495", "is_staff": staff,
                                       "name": "Agente Um" if staff else "Ana Exemplo"}}}

    def said(id, text, direction, **more):
        return event("message.created", key=TICKET, time=TIME, account=ACCOUNT,
                     message={"id": id, "text": text, "direction": direction, "ticket_id": TICKET, **more})

    accept("the customer writes", body("ticket.comment_added", comment("901", "Olá, bom dia", False), "06"),
           [said("901", "Olá, bom dia", "inbound")])
    accept("an agent answers", body("ticket.comment_added", comment("902", "Bom dia!", True), "07"),
           [said("902", "Bom dia!", "outbound", internal=False, to={"id": "8447388090495"}, conversation={"id": TICKET, "channel": "api"})])
    accept("a file comes after the customer's comment", body("ticket.attachment_linked_to_comment", {"comment": {"id": "901", "attachment": {
        "id": "77", "content_type": "image/jpeg", "content_url": "https://exemplo.zendesk.com/a.jpg", "filename": "a.jpg"}}}, "06b",
        actor_id="8447388090495"),
        [event("message.updated", key=TICKET, time=TIME, account=ACCOUNT, message={"id": "901", "direction": "inbound", "attachments": [
            {"url": "https://exemplo.zendesk.com/a.jpg", "mime_type": "image/jpeg", "name": "a.jpg"}]})])
    accept("an agent leaves an internal note", body("ticket.comment_added", comment("903", "nota interna", True, False), "08"),
           [said("903", "nota interna", "outbound", internal=True)])
    contact = lambda type: event(type, subject="8447388090495", time=TIME, account=ACCOUNT,  # noqa: E731
                                 contact={"id": "8447388090495", "email": "ana@example.com"})
    accept("a user is made", body("user.created", id="09"), [contact("contact.created")])
    accept("a user gets another name", body("user.name_changed", {"current": "Ana E.", "previous": "Ana"}, "10"),
           [contact("contact.updated")])
    accept("an organization has no mapping and is kept", body("organization.created", id="11"), [unmapped()])
    accept("a trigger sends whatever its author wrote", {"ticket_id": "5158", "titulo": "Pedido atrasado"}, [unmapped()])
    accept("a trigger sends a list", [{"ticket_id": "5158"}], [unmapped()])
    accept("an id of 2^53+1, sent as a number, keeps its last digit",
           {**body("ticket.created"), "id": "12", "detail": {"id": 9007199254740993}},
           [event("ticket.created", key="9007199254740993", ticket={"id": "9007199254740993"})])
    accept("emoji and other scripts in a comment", body("ticket.comment_added", comment("904", "👋 日本語 \u2028 \"x\" \\ \n", False), "13"),
           [said("904", "👋 日本語 \u2028 \"x\" \\ \n", "inbound")])
    accept("the same escaped", compact(body("ticket.comment_added", comment("905", "👋 日本語", False), "14"), ascii_only=True),
           [said("905", "👋 日本語", "inbound")])

    small = compact({"id": "20", "type": "zen:event-type:ticket.created", "account_id": 22129848,
                     "time": "2026-03-10T13:36:50.912Z", "detail": {"id": "5158"}, "event": {}})
    events = [ticket("ticket.created")]
    ugly.hmac(sheet, s, small, events)
    ugly.stamped(sheet, s, small, events, malformed=(
        ("a time stamp that is no time is none", "yesterday"), ("an empty time stamp is none", ""),
        ("seconds since the epoch are not ISO 8601", str(int(CLOCK.timestamp()))),
        ("a local time without a zone is no moment", "2026-03-10T13:38:20"),
        ("a date without a time is no moment", "2026-03-10"), ("a month that there is not", "2026-13-10T13:38:20Z")))
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, body("ticket.comment_added", comment("906", "oi", False), "30"), [said("906", "oi", "inbound")])
    ugly.times(sheet, s, lambda at: {**body("ticket.created", id="31"), "time": at},
               [{n: v for n, v in ticket("ticket.created").items() if n != "time"}])
    good = s.request(small)
    for name, text in (("a time stamp with a fraction of a second", "2026-03-10T13:38:20.500Z"),
                       ("a time stamp in another zone is the same moment", "2026-03-10T10:38:20-03:00"),
                       ("a time stamp with the zone as an offset of nothing", "2026-03-10T13:38:20+00:00")):
        sheet.case(name, s, s.prove_with(good, s.secret, text), events=events)
    glued = "2026-03-10T13:38:20Z"
    dotted = s.encode(digest("sha256", s.secret.encode(), f"{glued}.".encode() + small))
    sheet.case("a dot between time stamp and body signs something else", s, good.with_header(s.header, dotted), reason="no_match")
    decoded = s.encode(digest("sha256", base64.b64decode(s.secret), glued.encode() + small))
    sheet.case("the secret decoded from base64 is another secret", s, good.with_header(s.header, decoded), reason="no_match")
    sheet.case("Zendesk asks nothing by GET", s, Request("GET", "/in/line-1"), status=405)
    t = Token(scheme="token, header x-api-key", auth={"scheme": "token", "header": "x-api-key"}, name="X-Api-Key")
    sheet.case("a webhook with an API key in a header", t, t.request(small), events=events)
    sheet.case("a webhook with a wrong API key in a header", t, t.request(small, secret="guess-guess"), reason="no_match")
