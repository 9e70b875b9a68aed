"""Chatwoot and the fazer-ai fork. Shapes: Chatwoot's source code, see the notes of the samples."""

from vectors import ugly
from vectors.senders import Hmac, Token, UrlSecret, b64, digest, plain
from vectors.sheet import CLOCK, Request, compact, event, later, sample, seconds, unmapped

DELIVERY = "6f0d3b54-0000-4000-8000-000000000001"


def own(delivery=DELIVERY):
    return (("Accept", "application/json"), ("X-Chatwoot-Delivery", delivery))


def said(id, *, type="message.created", chat="3/128", time="2026-03-10T13:36:50.912Z", **more):
    return event(type, subject=chat, key=chat, time=time, account="3",
                 message={"id": id, "conversation": {"id": chat, "channel_id": "5"}, **more})


def ticket(type, time, **more):
    return event(type, subject="3/128", key="3/128", time=time, ticket={"id": "3/128", "channel_id": "5", **more})


def build(sheet):
    s = Hmac(scheme="hmac-sha256, hex, header x-chatwoot-signature, prefix sha256=, signed time stamp", prefix="sha256=",
             header="X-Chatwoot-Signature", template="{timestamp}.{body}", stamp_header="X-Chatwoot-Timestamp",
             own_headers=own(), secrets=("cw-secret-exemplo",))
    plain(sheet)

    def accept(name, value, events, delivery=None, at=CLOCK, **more):
        value = sample(f"chatwoot/{value}") if isinstance(value, str) else value
        body = value if isinstance(value, bytes) else compact(value)
        delivery = delivery or f"6f0d3b54-0000-4000-8000-{len(sheet.cases):012}"
        sheet.case(name, s, s.request(body, own=own(delivery), at=at), events=events, clock=at, **more)

    accept("a message comes in", "message_created.incoming.json",
           [said("9001", direction="inbound", internal=False, text="Olá, bom dia", ticket_id="3/128",
                 **{"from": {"id": "41", "kind": "contact", "name": "Ana Exemplo"}})], DELIVERY)
    accept("the same delivery again", "message_created.incoming.json", [said("9001")], DELIVERY, at=later(9),
           redelivery_of="a message comes in")
    accept("the same message over another hook has another delivery and is the same event",
           "message_created.incoming.json", [said("9001")], "6f0d3b54-0000-4000-8000-00000000aaaa",
           redelivery_of="a message comes in")
    value = {**sample("chatwoot/message_created.incoming.json"), "event": "message_incoming"}
    accept("the fork's message_incoming is the same message once more", value, [said("9001")],
           redelivery_of="a message comes in")
    accept("an image comes in without a text", "message_created.incoming_image.json",
           [said("9002", time="2026-03-10T13:37:01.100Z", kind="image",
                 attachments=[{"kind": "image", "size_bytes": 20480}])])
    accept("an agent answers", "message_created.outgoing.json",
           [said("9003", time="2026-03-10T13:37:10.000Z", direction="outbound", **{"from": {"id": "7", "kind": "agent"}})])
    value = {**sample("chatwoot/message_created.outgoing.json"), "event": "message_outgoing"}
    accept("the fork's message_outgoing is the same answer once more", value, [said("9003", time="2026-03-10T13:37:10.000Z")],
           redelivery_of="an agent answers")
    value = sample("chatwoot/message_created.outgoing.json")
    value.update(id=9010, message_type="template", content="Como foi o atendimento?")
    accept("a template goes out", value, [said("9010", time="2026-03-10T13:37:10.000Z", direction="outbound")])
    accept("a private note is internal", "message_created.private_note.json",
           [said("9004", time="2026-03-10T13:37:30.000Z", internal=True, text="nota interna")])
    accept("a message in a group, over the fork", "fazer_ai.message_created.group.json",
           [said("9101", chat="3/140", conversation={"id": "3/140", "external_id": "120363000000000001@g.us", "group": True,
                                             "channel": "whatsapp", "channel_id": "5"},
                 text="mensagem no grupo")])
    accept("one of our messages was delivered", "message_updated.json",
           [said("9003", type="message.status", time="2026-03-10T13:37:14.300Z", status="delivered")])
    value = sample("chatwoot/message_updated.json")
    value.update(content_attributes={"deleted": True}, content="This message was deleted")
    accept("a message was deleted", value, [said("9003", type="message.deleted", time=None)])
    value = sample("chatwoot/message_created.incoming.json")
    value.update(event="message_updated", content="Olá, boa tarde")
    accept("a message of the customer changed", value, [said("9001", type="message.updated", time=None, text="Olá, boa tarde")])
    accept("a conversation is opened", "conversation_created.json",
           [ticket("ticket.created", "2026-03-10T13:36:50.000Z", status="open", channel="whatsapp", contact={"id": "41"})])
    value = sample("chatwoot/conversation_created.json")
    value.update(status="pending", labels=["vip"], unread_count=3, updated_at=1773149899.25)
    accept("a body of the same opening that was built later", value, [ticket("ticket.created", "2026-03-10T13:36:50.000Z")],
           redelivery_of="a conversation is opened")
    accept("a conversation is resolved", "conversation_status_changed.resolved.json",
           [ticket("ticket.closed", "2026-03-10T14:42:00.104Z", status="closed", previous_status="open")], at=later(3900))
    accept("a resolved conversation is opened again", "conversation_status_changed.reopened.json",
           [ticket("ticket.reopened", "2026-03-10T15:50:44.010Z", status="open", previous_status="closed")], at=later(8000))
    value = sample("chatwoot/conversation_status_changed.resolved.json")
    value.update(status="snoozed", changed_attributes=[{"status": {"current_value": "snoozed", "previous_value": "open"}}])
    accept("a conversation is put off", value, [ticket("ticket.updated", "2026-03-10T14:42:00.104Z", status="snoozed")],
           at=later(3900))
    accept("a conversation goes to an agent and a team", "conversation_updated.assignee.json",
           [ticket("ticket.transferred", "2026-03-10T13:40:02.500Z", team="vendas", assignee={"id": "7", "kind": "agent"})],
           at=later(120))
    value = sample("chatwoot/conversation_updated.assignee.json")
    value["changed_attributes"] = [{"label_list": {"current_value": ["vip"], "previous_value": []}}]
    value["labels"] = ["vip"]
    accept("a conversation gets a label", value, [ticket("ticket.updated", "2026-03-10T13:40:02.500Z", labels=["vip"])],
           at=later(120))
    for name, type, time, more in (
            ("burst.1_label", "ticket.updated", "13:36:51.100", {"labels": ["vip"], "changed": ["label_list", "updated_at"]}),
            ("burst.2_assignee", "ticket.transferred", "13:36:52.200", {"assignee": {"id": "7", "kind": "agent"}}),
            ("burst.3_priority", "ticket.updated", "13:36:53.250", {"priority": "high"}),
            ("assignee_of_before", "ticket.transferred", "13:36:52.900", {"assignee": {"id": "8", "kind": "agent"}})):
        value = sample(f"chatwoot/conversation_updated.{name}.json")
        accept(f"one of several changes in a burst: {name}", value,
               [ticket(type, f"2026-03-10T{time}Z", channel="api", channel_id="2", status="open", **more)], at=later(30))
        value.update(status="resolved", labels=[], updated_at=1773149999.5)
        accept(f"the same change in a body that was built later: {name}", value,
               [ticket(type, f"2026-03-10T{time}Z", channel_id="2", status="closed", **more)], at=later(300),
               redelivery_of=f"one of several changes in a burst: {name}")
    for name, time, status, before in (("1_pending", "13:36:54.500", "pending", "open"), ("2_open", "13:36:55.750", "open", "pending")):
        accept(f"a status that did not last: {name}", f"conversation_status_changed.flip.{name}.json",
               [ticket("ticket.updated", f"2026-03-10T{time}Z", channel_id="2", status=status, previous_status=before)], at=later(30))
    accept("a bot is told of a status that did not last", "agent_bot.conversation_status_changed.pending.json",
           [ticket("ticket.updated", "2026-03-10T13:36:54.500Z", channel_id="2", status="pending", previous_status="open")],
           at=later(10), redelivery_of="a status that did not last: 1_pending")

    def news(type, time, id="4001", **more):
        return event(type, subject="3/128", key="3/128", time=f"2026-03-10T{time}Z", account="3", message={"id": id, **more})

    accept("a message was delivered, as its changes say", "message_updated.status_on_top.json",
           [news("message.status", "13:36:58.120", status="delivered")], at=later(30))
    value = {**sample("chatwoot/message_updated.status_on_top.json"), "status": "read", "source_id": "3EB0FIELD0000000A400"}
    accept("a message was delivered, in a body that was built when it had been read", value,
           [news("message.status", "13:36:58.120", status="delivered", external_id="3EB0FIELD0000000A400")], at=later(60),
           redelivery_of="a message was delivered, as its changes say")
    accept("a message was read, as its changes say", "message_updated.status_on_top.read.json",
           [news("message.status", "13:37:20.480", status="read")], at=later(60))
    accept("a message was edited, as its changes say", "message_updated.changes.edited.json",
           [news("message.updated", "13:38:00.010", text="Oi, tudo bem?", external_id="3EB0FIELD0000000A400")], at=later(120))
    accept("a message was taken back, as its changes say", "message_updated.changes.deleted.json",
           [news("message.deleted", "13:39:00.020", external_id="3EB0FIELD0000000A400")], at=later(180))
    for name, id, answer in (
            ("input_select", "9010", {"id": "fatura_2via", "title": "Segunda via"}),
            ("form", "9011", {"values": {"cpf": "00000000191", "plano": "anual", "obs": ""}}),
            ("input_csat", "9012", {"values": {"rating": "5", "feedback_message": "rápido e claro"}}),
            ("input_email", "9013", {"values": {"email": "ana@example.com"}})):
        accept(f"the customer answered: {name}", f"message_updated.answer.{name}.json",
               [news("message.updated", "13:41:00.250", id, direction="outbound", answer=answer)], at=later(300))
    accept("a reply names the message by both ids", "message_created.reply.json",
           [said("9020", time="2026-03-10T13:37:10.000Z",
                 quoted={"id": "9001", "external_id": "3EB0A1B2C3D4E5F60001", "text": "Olá, bom dia"})])
    accept("a reply to what Chatwoot does not have", "message_created.reply_to_unknown.json",
           [said("9021", quoted={"external_id": "3EB0FIELD0000000A300"}, external_id="3EB0FIELD0000000A421")])
    accept("a message in WhatsApp over Twilio", "message_created.twilio_whatsapp.json",
           [said("9024", conversation={"id": "3/128", "channel": "whatsapp", "channel_id": "5"},
                 **{"from": {"id": "41", "phone": "+5511900000001"}})])
    value = sample("chatwoot/message_created.incoming.json")
    value["id"], value["sender"]["phone_number"], value["sender"]["identifier"] = 9027, "11 90000-0001", "cliente-41"
    accept("a number without its country is none, and the tenant's own id is told", value,
           [said("9027", **{"from": {"id": "41", "kind": "contact", "name": "Ana Exemplo", "alternate_id": "cliente-41"}})])
    accept("a contact comes in", "contact_created.json",
           [event("contact.created", subject="41", account="3", contact={"id": "41", "phone": "+5511900000001"})])
    accept("a contact changes", "contact_updated.json",
           [event("contact.updated", subject="41", account="3", time="2026-03-10T13:45:00.000Z",
                  contact={"id": "41", "email": "ana@example.com"})], at=later(420))
    value = {**sample("chatwoot/contact_updated.json"), "name": "Ana E.", "phone_number": "+5511900000088"}
    accept("a contact changes, in a body that was built later", value,
           [event("contact.updated", subject="41", account="3", time="2026-03-10T13:45:00.000Z", contact={"id": "41"})],
           at=later(480), redelivery_of="a contact changes")
    accept("a contact's number was another one for a while", "contact_updated.phone.json",
           [event("contact.updated", subject="41", account="3", time="2026-03-10T13:45:10.000Z",
                  contact={"id": "41", "phone": "+5511900000002"})], at=later(480))
    accept("an agent types", "conversation_typing_on.json",
           [event("presence.updated", subject="3/128", key="3/128", presence={"parties": [{"id": "7", "state": "typing"}]})])
    accept("the fork's bridge tells of a group", "fazer_ai.provider_event_received.json",
           [event("group.participants.updated", subject="120363000000000001@g.us", account="3",
                  group={"id": "120363000000000001@g.us", "action": "added", "participants": [{"id": "5511900000002@s.whatsapp.net", "alternate_id": "271000000000002@lid"}]})])
    accept("an agent has stopped typing", {**sample("chatwoot/conversation_typing_on.json"), "event": "conversation_typing_off"},
           [event("presence.updated", subject="3/128", presence={"parties": [{"id": "7", "state": "paused"}]})])
    accept("a bot is told that a conversation was resolved", {**sample("chatwoot/conversation_status_changed.resolved.json"),
           "event": "conversation_resolved"}, [ticket("ticket.closed", "2026-03-10T14:42:00.104Z")], at=later(3900),
           redelivery_of="a conversation is resolved")
    value = sample("baileys/messages.upsert.text.json")
    accept("the fork's bridge tells of a message", {"event": "provider_event_received", "inbox": {"id": 5}, "account": {"id": 3},
           "provider_event": "messages.upsert", "provider_event_data": value["data"]},
           [event("message.created", subject="5511900000001@s.whatsapp.net", account="3", time="2026-03-10T13:36:50.000Z",
                  message={"id": "3EB0A1B2C3D4E5F60001", "text": "Olá, bom dia"})])
    for name in ("inbox_created", "inbox_updated", "agent_added", "internal_chat_message_created"):
        accept(f"{name} has no mapping and is kept under its name", {"event": name, "account": {"id": 3}, "id": 1}, [unmapped(name)])
    value = sample("chatwoot/contact_created.json")
    value.update(id=55, identifier="120363000000000001@g.us", group_type="group", name="Condomínio Exemplo")
    accept("the fork's group is a contact", value, [event("contact.created", subject="55", contact={"id": "55", "group": True})])
    accept("an event without a mapping is kept under its name", "webwidget_triggered.json", [unmapped("webwidget_triggered")])
    value = sample("chatwoot/message_created.incoming.json")
    value.update(id=9007199254740993, content="👋 日本語 \"x\" \\ \n")
    accept("an id of 2^53+1 keeps its last digit, in any script", value,
           [said("9007199254740993", text="👋 日本語 \"x\" \\ \n")])
    accept("Ruby escapes what could end a script", compact({**value, "id": 9012, "content": "<b>&"}).replace(b"<", b"\\u003c")
           .replace(b">", b"\\u003e").replace(b"&", b"\\u0026"), [said("9012", text="<b>&")])

    small = compact({"event": "message_created", "id": 9020, "content": "oi", "message_type": "incoming", "private": False,
                     "created_at": "2026-03-10T13:36:50.912Z", "account": {"id": 3}, "inbox": {"id": 5},
                     "conversation": {"id": 128}, "sender": {"id": 41}})
    events = [said("9020", text="oi")]
    ugly.hmac(sheet, s, small, events)
    ugly.stamped(sheet, s, small, events, malformed=ugly.NOT_SECONDS)
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, sample("chatwoot/message_created.incoming.json"), [said("9001", text="Olá, bom dia")])
    ugly.times(sheet, s, lambda at: {**sample("chatwoot/message_created.incoming.json"), "created_at": at}, [said("9001", time=None)])
    good = s.request(small)
    value = s.encode(digest("sha256", s.secret.encode(), small))
    sheet.case("a signature over the body alone leaves the time stamp open", s, good.with_header(s.header, value),
               reason="no_match")
    sheet.case("the delivery's id is not signed and need not be there", s, good.without("X-Chatwoot-Delivery"), events=events)
    sheet.case("a signature in base64 under the right prefix", s, good.with_header(s.header, "sha256=" + b64(b"\0" * 32)),
               reason="malformed")
    sheet.case("a version that does not sign is not taken where signing is asked for", s,
               good.without(s.header, s.stamp_header), reason="missing")
    sheet.case("Chatwoot asks nothing by GET", s, Request("GET", "/in/line-1"), status=405)

    u = UrlSecret(scheme="secret in the path", auth={"scheme": "url_secret"}, secrets=("s3cret-of-chatwoot",),
                  foreign="s3cret-of-another-chatwoot", own_headers=())
    sheet.case("an old version has its secret in the path", u, u.request(small), events=events)
    sheet.case("an API inbox whose signing key nobody can see has its secret in the path", u, u.request(
        small, own=own()).with_header("X-Chatwoot-Signature", "sha256=" + "0" * 64).with_header(
        "X-Chatwoot-Timestamp", str(seconds(CLOCK))), events=events)
    sheet.case("an old version with a wrong secret in the path", u, u.request(small, secret=u.foreign), reason="not_found")
    p = Hmac(scheme=s.scheme + "; and a secret in the path besides", prefix=s.prefix, header=s.header, template=s.template,
             stamp_header=s.stamp_header, own_headers=own(), secrets=s.secrets, url_secrets=("s3cret-of-the-proxy",))
    ugly.two_proofs(sheet, p, lambda **more: p.request(small, **more), events, missing=lambda request: request.without(p.header))
    t = Token(scheme="token in the query", auth={"scheme": "token", "query": "token"}, place="query", name="token")
    sheet.case("an agent bot has its token in the query", t, t.request(small), events=events)
    sheet.case("an agent bot with a wrong token in the query", t, t.request(small, secret="guess-guess"), reason="no_match")
