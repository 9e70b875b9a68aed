"""Digisac. Shapes: see the sources in the bodies' notes; the platform documents no signature."""

from vectors import ugly
from vectors.senders import Basic, Hmac, Open, Token, UrlSecret, plain
from vectors.sheet import Request, compact, event, later, sample, unmapped

ID = "8f1d2b7a-4c1e-4f0a-9a53-2f7c0d9e"
ACCOUNT, SERVICE, ANA, TICKET, AGENT = (ID + n for n in ("1001", "2001", "3001", "4001", "6001"))


def said(number, *, type="message.created", contact=ANA, time="2026-03-10T13:36:50.897Z", account=ACCOUNT, **more):
    return event(type, subject=contact, time=time, key=TICKET, account=account,
                 message={"id": ID + number, "conversation": {"id": contact, "channel_id": SERVICE}, **more})


def build(sheet):
    s = UrlSecret(scheme="secret in the path", secrets=("s3cret-of-digisac-line-1",), newer="newer-s3cret-of-digisac",
                  foreign="s3cret-of-digisac-line-2")
    sheet.made("no library: Digisac signs nothing")

    def accept(name, value, events, **more):
        value = sample(f"digisac/{value}") if isinstance(value, str) else value
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    accept("a message as it was captured, without the account", "message.created.json",
           [said("8001", account=None, direction="inbound", internal=False, kind="text", text="Olá, bom dia", ticket_id=TICKET,
                 **{"from": {"id": ANA}})])
    accept("the same message again two hours later", "message.created.json", [said("8001", account=None)], clock=later(7200),
           redelivery_of="a message as it was captured, without the account")
    accept("a message with all members", "message.created.full.json", [said("8002", direction="inbound", text="Olá, bom dia")])
    accept("an agent's message is echoed", "message.created.from_me.json",
           [said("8003", direction="outbound", status="pending", **{"from": {"id": AGENT, "kind": "agent"}, "to": {"id": ANA}})])
    accept("ours, with all people, in answer to the customer's", "message.created.with_people.json",
           [said("8031", direction="outbound", conversation={"id": ANA, "channel": "whatsapp", "channel_id": SERVICE},
                 external_id="true_5511900000001@c.us_3EB0DESK00000000A001", to={"id": ANA, "phone": "+5511900000001"},
                 quoted={"id": ID + "8002"})])
    accept("a row of a list is chosen", "message.created.list_reply.json",
           [said("8033", text="Suco", answer={"id": "suco-300", "title": "Suco"})])
    accept("a bot's message", "message.created.bot.json", [said("8004", direction="outbound", **{"from": {"kind": "bot"}})])
    accept("a comment is internal", "message.created.comment.json", [said("8008", internal=True, text="nota interna")])
    accept("a message in a group comes from another contact", "message.created.group.json",
           [said("8009", contact=ID + "3100", **{"from": {"id": ANA}})])
    accept("an image that is still being downloaded", "message.created.image.json", [said("8010", kind="image")])
    value = sample("digisac/message.created.full.json")
    value["data"].update(type="ticket", id=ID + "8020", text="Chamado aberto")
    accept("a message of type ticket is the system's", value, [said("8020", kind="system")])
    value = sample("digisac/message.created.full.json")
    value["data"].update(id=ID + "8021", quotedMessageId=ID + "8002", text="sim")
    accept("a reply quotes an earlier message", value, [said("8021", text="sim", quoted={"id": ID + "8002"})])
    accept("news of one of our messages: it was read", "message.updated.json",
           [said("8003", type="message.status", time="2026-03-10T13:37:20.011Z", status="read")])
    for ack, word in ((-1, "failed"), (1, "sent"), (2, "delivered"), (4, "played")):
        value = sample("digisac/message.updated.json")
        value["data"]["data"]["ack"] = ack
        value["data"]["updatedAt"] = f"2026-03-10T13:37:2{ack + 2}.011Z"
        accept(f"news of one of our messages: acknowledgement {ack}", value,
               [said("8003", type="message.status", time=f"2026-03-10T13:37:2{ack + 2}.011Z", status=word)])
    value = sample("digisac/message.updated.json")
    value["data"].update(deletedAt="2026-03-10T13:39:00.000Z", updatedAt="2026-03-10T13:39:00.000Z")
    accept("a message is deleted", value, [said("8003", type="message.deleted", time="2026-03-10T13:39:00.000Z")], clock=later(60))
    accept("a deletion under its own name", "message.deleted.json",
           [said("8003", type="message.deleted", time="2026-03-10T13:40:00.000Z")],
           clock=later(240))
    accept("the same deletion, shown by an update", "message.updated.deleted.json",
           [said("8003", type="message.deleted", time="2026-03-10T13:40:00.000Z")], clock=later(240),
           redelivery_of="a deletion under its own name")
    ticket = lambda type, time, **more: event(type, subject=TICKET, key=TICKET, account=ACCOUNT, time=time,  # noqa: E731
                                              ticket={"id": TICKET, "protocol": "2026031000001", **more})
    accept("a ticket is opened", "ticket.created.json",
           [ticket("ticket.created", "2026-03-10T13:36:51.150Z", status="open", contact={"id": ANA})])
    accept("the same, in a body that was built after a later change", "ticket.created.built_late.json",
           [ticket("ticket.created", "2026-03-10T13:36:51.150Z")], redelivery_of="a ticket is opened")
    for step, type in (("1_assigned", "ticket.updated"), ("2_transferred", "ticket.updated"), ("3_closed", "ticket.closed")):
        accept(f"one of three changes of a ticket in one millisecond: {step[2:]}", f"ticket.updated.burst.{step}.json",
               [ticket(type, "2026-03-10T13:58:00.000Z")], clock=later(1300))
    accept("a ticket is closed", "ticket.updated.closed.json",
           [ticket("ticket.closed", "2026-03-10T14:02:00.104Z", status="closed", assignee={"id": AGENT})], clock=later(1500))
    accept("a ticket changes while open: only who knows its past can say what", "ticket.updated.transferred.json",
           [event("ticket.updated", subject=TICKET, key=TICKET, account=ACCOUNT, ticket={"id": TICKET, "department": ID + "5002"})])
    contact = lambda type, time, **more: event(type, subject=ANA, key=ANA, account=ACCOUNT, time=time,  # noqa: E731
                                               contact={"id": ANA, "phone": "+5511900000001", **more})
    accept("a contact comes in", "contact.created.json", [contact("contact.created", "2026-03-10T13:36:51.000Z", name="Ana Exemplo")])
    accept("a contact changes", "contact.updated.json", [contact("contact.updated", "2026-03-10T13:45:00.000Z")], clock=later(600))
    accept("a bot is given a command", "bot.command.json",
           [event("bot.command", subject=ANA, key=ANA, account=ACCOUNT,
                  command={"name": "524387", "contact": {"id": ANA}, "message_id": ID + "8001"})])
    both = {"event": "message.created", "data": [sample("digisac/message.created.json")["data"],
                                                 sample("digisac/message.created.full.json")["data"]]}
    accept("a list of two messages is two events", both, [said("8001", account=None), said("8002")])
    for name, type in (("ticket.closed", "ticket.closed"), ("ticket.transferred", "ticket.transferred"), ("ticket.reopened", "ticket.reopened")):
        value = {**sample("digisac/ticket.updated.transferred.json"), "event": name}
        value["data"]["updatedAt"] = "2026-03-10T13:38:00.000Z"
        accept(f"should {name} ever come, it is what it says", value, [event(type, subject=TICKET, key=TICKET, ticket={"id": TICKET})])
    value = sample("digisac/message.created.full.json")
    value["data"].update(id=ID + "8022", isFromMe=True, isFromBot=False, origin="bot", fromId=None)
    accept("a bot that only its origin tells of", value, [said("8022", direction="outbound")])
    value = sample("digisac/contact.created.json")
    value["data"].update(id=ID + "3100", isGroup=True, name="Condomínio Exemplo")
    accept("a group is a contact", value, [event("contact.created", subject=ID + "3100", contact={"group": True})])
    accept("an event without a mapping is kept under its name", {"event": "campaign.finished", "data": {"id": "1"}},
           [unmapped("campaign.finished")])
    accept("a message without an id is kept", {"event": "message.created", "data": {"text": "oi"}}, [unmapped("message.created")])
    value = sample("digisac/message.created.json")
    value["data"].update(id=9007199254740993, text="👋 日本語 \"x\" \\ \n")
    accept("an id of 2^53+1, sent as a number, keeps its last digit", value,
           [event("message.created", message={"id": "9007199254740993", "text": "👋 日本語 \"x\" \\ \n"})])
    accept("the same escaped", compact(value, ascii_only=True),
           [event("message.created", message={"id": "9007199254740993", "text": "👋 日本語 \"x\" \\ \n"})])
    sheet.case("the test call of the settings page is answered and not published", s,
               s.request(compact(sample("digisac/test_ping.json"))), verdict="handshake")
    sheet.case("the test call with a wrong secret", s, s.request(compact(sample("digisac/test_ping.json"))).with_path(
        "/in/line-1/guess-guess"), reason="not_found")
    sheet.case("Digisac asks nothing by GET", s, Request("GET", f"/in/line-1/{s.secret}"), status=405)

    small = compact({"event": "message.created", "data": {
        "id": ID + "8030", "isFromMe": False, "type": "chat", "timestamp": "2026-03-10T13:36:50.897Z", "text": "oi",
        "contactId": ANA, "ticketId": TICKET, "serviceId": SERVICE}})
    events = [said("8030", account=None, text="oi")]
    ugly.url_secret(sheet, s, small, events)
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, sample("digisac/message.created.full.json"), [said("8002", text="Olá, bom dia")])
    value = {"event": "message.created", "data": {"id": ID + "8040", "isFromMe": False, "contactId": ANA, "ticketId": TICKET,
                                                  "serviceId": SERVICE}}
    ugly.times(sheet, s, lambda at: {**value, "data": {**value["data"], "timestamp": at}}, [said("8040", account=None, time=None)])

    q = Token(scheme="token in the query", auth={"scheme": "token", "query": "secret"}, place="query", name="secret",
              secrets=("token-of-digisac",), newer="newer-token-of-digisac", foreign="token-of-another-digisac")
    good = q.request(small)
    sheet.case("query: the token is right", q, good, events=events)
    sheet.case("query: the token among other parameters", q, q.request(small, path="/in/line-1?tenant=1"), events=events)
    sheet.case("query: the older of two tokens", q, good, source=q.source(q.newer, q.secret), events=events)
    sheet.case("query: the token percent-encoded", q, good.with_path("/in/line-1?secret=%74oken%2Dof%2Ddigisac"), events=events)
    sheet.case("query: a token with special characters", q, q.request(small, secret="a+b&c=d e%f"), events=events,
               source=q.source("a+b&c=d e%f"))
    sheet.case("query: a wrong token", q, q.request(small, secret=q.foreign), reason="no_match")
    sheet.case("query: an empty token matches nothing", q, good.with_path("/in/line-1?secret="), reason="no_match")
    sheet.case("query: no token", q, good.with_path("/in/line-1"), reason="missing")
    sheet.case("query: the token under another name", q, good.with_path(f"/in/line-1?token={q.secret}"), reason="missing")
    sheet.case("query: the same token twice", q, good.with_path(f"/in/line-1?secret={q.secret}&secret={q.secret}"),
               reason="repeated")
    sheet.case("query: a wrong token, then the right one", q, good.with_path(f"/in/line-1?secret=guess&secret={q.secret}"),
               reason="repeated")
    sheet.case("query: the second time with its name percent-encoded", q,
               good.with_path(f"/in/line-1?secret={q.secret}&%73ecret=guess"), reason="repeated")

    ugly.basic(sheet, Basic(), small, events)

    p = Hmac(scheme="hmac-sha256 added by a proxy", header="X-Proxy-Signature", auth={
        "scheme": "hmac", "hash": "sha256", "encoding": "base64", "header": "x-proxy-signature", "template": "{body}"}, encoding="base64")
    plain(sheet)
    sheet.case("a proxy in front signs with a scheme of its own", p, p.request(small), events=events)
    sheet.case("a proxy in front signs with a wrong secret", p, p.request(small, secret=p.foreign), reason="no_match")
    o = Open()
    sheet.case("a source that is open to anybody takes what comes", o, o.request(small), events=events)
