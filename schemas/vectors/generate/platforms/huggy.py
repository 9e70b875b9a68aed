"""Huggy. Shapes: developers.huggy.io and public consumers; the platform signs nothing."""

from vectors import ugly
from vectors.senders import UrlSecret
from vectors.sheet import Request, compact, event, later, sample, unmapped

CHAT, ANA, TOKEN = "5500123", "7356074", "00000000000000000000000000000abc"


def said(id, text, **more):
    return event("message.created", subject=CHAT, key=CHAT,
                 message={"id": id, "text": text, "conversation": {"id": CHAT}, **more})


def ticket(type, **more):
    return event(type, subject=CHAT, key=CHAT, ticket={"id": CHAT, **more})


def build(sheet):
    s = UrlSecret(scheme="secret in the path", secrets=("s3cret-of-huggy-company-1",), newer="newer-s3cret-of-huggy",
                  foreign="s3cret-of-huggy-company-2")
    sheet.made("no library: Huggy signs nothing")

    def accept(name, value, events, **more):
        value = sample(f"huggy/{value}") if isinstance(value, str) else value
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    accept("a message in the queue", "receivedMessage.json",
           [said("880001", "Olá, bom dia", direction="inbound", internal=False)])
    accept("the same message again", "receivedMessage.json", [said("880001", "Olá, bom dia")],
           redelivery_of="a message in the queue")
    value = {"messages": {"receivedAllMessage": sample("huggy/receivedMessage.json")["messages"]["receivedMessage"]}}
    accept("the other event about the same message is the same event", value, [said("880001", "Olá, bom dia")],
           redelivery_of="a message in the queue")
    accept("a message from Instagram", "receivedMessage.instagram.json", [event("message.created", subject="5500130", key="5500130",
           message={"id": "880021", "conversation": {"id": "5500130", "channel": "instagram"}})])
    accept("a message in a chat with an agent", "receivedAllMessage.json", [said("880002", "tenho uma dúvida", direction="inbound")])
    item = sample("huggy/receivedAllMessage.json")["messages"]["receivedAllMessage"][0]
    accept("an agent's message is echoed", {"messages": {"receivedAllMessage": [
        {**item, "id": 880003, "senderType": "agent", "sender": {"id": 901, "name": "Agente Um"}, "body": "Bom dia!"}]}},
        [said("880003", "Bom dia!", direction="outbound")])
    for spelling in ("is_internal", "isInternal"):
        accept(f"an internal note, spelled {spelling}", {"messages": {"receivedAllMessage": [
            {**{n: v for n, v in item.items() if n != "is_internal"}, "id": 880004, spelling: True, "senderType": "agent",
             "body": "nota interna"}]}}, [said("880004", "nota interna", internal=True)])
    accept("the text stands in text instead of body", {"messages": {"receivedMessage": [
        {**{n: v for n, v in item.items() if n != "body"}, "id": 880005, "text": "oi"}]}}, [said("880005", "oi")])
    accept("ids as text are the same ids", {"messages": {"receivedMessage": [
        {**item, "id": "880006", "chat": {**item["chat"], "id": CHAT}}]}}, [said("880006", "tenho uma dúvida")])
    accept("a chat begins", "startedChat.json", [ticket("ticket.created")])
    accept("a chat begins, under the old name of the event", {"messages": {"createdChat": sample(
        "huggy/startedChat.json")["messages"]["startedChat"]}}, [ticket("ticket.created")])
    accept("an agent comes into a chat", "agentEntered.json", [ticket("ticket.transferred", assignee={"id": "901"})])
    accept("an agent leaves a chat", {"messages": {"agentLeft": sample("huggy/agentEntered.json")["messages"]["agentEntered"]}},
           [ticket("ticket.updated")])
    for name, what in (("tagUpdated", "a tag is put on"), ("tagUpdated.same_second.removed", "in the same second it is taken off"),
                       ("tagUpdated.same_second.other", "in the same second another is put on")):
        accept(what, f"{name}.json", [ticket("ticket.updated")], clock=later(900))
    accept("a chat is closed", "closedChat.json", [ticket("ticket.closed")])
    accept("a customer comes in", "createdCustomer.json",
           [event("contact.created", subject=ANA, contact={"id": ANA, "name": "Ana Exemplo", "phone": "+5511900000001"})])
    accept("a customer changes", {"messages": {"updatedCustomer": sample("huggy/createdCustomer.json")["messages"]["createdCustomer"]}},
           [event("contact.updated", subject=ANA, contact={"id": ANA})])
    accept("two messages in one webhook are two events", {"messages": {"receivedMessage": [
        {**item, "id": 880010, "body": "um"}, {**item, "id": 880011, "body": "dois"}]}},
        [said("880010", "um"), said("880011", "dois")])
    accept("two kinds of events in one webhook", {"messages": {
        "receivedMessage": [{**item, "id": 880012, "body": "tchau"}],
        "closedChat": sample("huggy/closedChat.json")["messages"]["closedChat"]}}, [said("880012", "tchau"), ticket("ticket.closed")])
    accept("one event out of its list", {"messages": {"receivedMessage": {**item, "id": 880013, "body": "oi"}}},
           [said("880013", "oi")])
    accept("an event without a mapping is kept under its name", {"messages": {"startedWidgetSession": [{"id": 1}]}},
           [unmapped("startedWidgetSession")])
    accept("an event without a list of its own is kept", {"messages": {}}, [unmapped()])
    accept("an id of 2^53+1 keeps its last digit, in any script", {"messages": {"receivedMessage": [
        {**item, "id": 9007199254740993, "body": "👋 日本語 \u2028 \"x\" \\ \n"}]}},
        [said("9007199254740993", "👋 日本語 \u2028 \"x\" \\ \n")])
    accept("the same in PHP's escapes", compact({"messages": {"receivedMessage": [{**item, "id": 880014, "body": "👋 a/b"}]}},
           ascii_only=True).replace(b"a/b", b"a\\/b"), [said("880014", "👋 a/b")])

    hello = compact(sample("huggy/handshake.json"))
    text = {"content_type": "text/plain", "body": TOKEN}
    with_token = s.source(verify_token=TOKEN)
    sheet.case("Huggy makes sure of the address, and no token is configured", s, s.request(hello), verdict="handshake", answer=text)
    sheet.case("Huggy makes sure of the address, with the configured token", s, s.request(hello), verdict="handshake", answer=text,
               source=with_token)
    sheet.case("somebody makes sure of the address with another token", s, s.request(compact({"token": "f" * 32, "validToken": True})),
               source=with_token, reason="forbidden")
    sheet.case("somebody makes sure of the address with a wrong secret", s, s.request(hello).with_path("/in/line-1/guess-guess"),
               reason="not_found")
    sheet.case("Huggy asks nothing by PATCH", s, Request("PATCH", f"/in/line-1/{s.secret}"), status=405)

    small = compact({"messages": {"receivedMessage": [{"id": 880020, "body": "oi", "chat": {"id": 5500123}}]}})
    ugly.url_secret(sheet, s, small, [said("880020", "oi")])
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, sample("huggy/receivedMessage.json"), [said("880001", "Olá, bom dia")], closed=("messages", ""))
    sheet.case("the closing of a chat a day later", s, s.request(compact(sample("huggy/closedChat.json"))), clock=later(86_400),
               events=[ticket("ticket.closed")])
