"""CloudEvents 1.0 over HTTP: structured, batched and binary; and the handshake of "HTTP 1.1 Web Hooks for Event Delivery"."""

import json

from cloudevents.core.bindings.http import from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from dateutil.parser import isoparse

from vectors import ugly
from vectors.libraries import Node, npm, pypi
from vectors.senders import Basic, Hmac, Token, plain
from vectors.sheet import Request, compact, event, later, unmapped, unmapped_bytes

STRUCTURED = ("Content-Type", "application/cloudevents+json; charset=utf-8")
BATCH = ("Content-Type", "application/cloudevents-batch+json")
SOURCE, TIME = "https://loja.example.com/pedidos", "2026-03-10T13:36:50.912Z"


def attributes(id="A234-1234-1234", type="com.example.order.placed", **more):
    return {"specversion": "1.0", "id": id, "source": SOURCE, "type": type, "time": TIME, "subject": "pedido-42",
            "datacontenttype": "application/json", **more}


def expected(type="com.example.order.placed", key=f"{SOURCE}/pedido-42", subject="pedido-42", time=TIME, **more):
    return event(type, key=key, subject=subject, time=time, **more)


def structured(attrs, data):
    """Both libraries must write, and read back, the same event."""
    python = to_structured_event(CloudEvent({**attrs, "time": isoparse(attrs["time"])} if "time" in attrs else attrs, data))
    return python.body if isinstance(python.body, bytes) else python.body.encode()


def binary(attrs, data):
    message = to_binary_event(CloudEvent({**attrs, "time": isoparse(attrs["time"])} if "time" in attrs else attrs, data))
    javascript = Node.call("cloudevents_binary", event={**attrs, "data": data})
    ours = {n.lower(): v for n, v in message.headers.items() if n.lower().startswith("ce-")}
    theirs = {n.lower(): v for n, v in javascript["headers"].items() if n.lower().startswith("ce-")}
    if set(ours) != set(theirs) or any(ours[n] != theirs[n] for n in ours if n != "ce-time" and "%" not in ours[n]):
        raise AssertionError(f"the libraries write {ours} and {theirs}")
    headers = tuple((name, value) for name, value in message.headers.items())
    return headers, message.body if isinstance(message.body, bytes) else message.body.encode()


def build(sheet):
    s = Token(scheme="token, header authorization, Bearer", name="Authorization", bearer=True)
    sheet.made(pypi("cloudevents"), npm("cloudevents"))

    def accept(name, body, events, content_type=STRUCTURED, own=(), **more):
        body = body if isinstance(body, bytes) else compact(body)
        sheet.case(name, s, s.request(body, content_type=content_type, own=own), events=events, **more)

    order = {"order": 42, "total": "398.00", "note": "Café — já pago"}
    one = structured(attributes(), order)
    assert from_http_event(type("M", (), {"headers": {"content-type": STRUCTURED[1]}, "body": one})).get_id() == "A234-1234-1234"
    accept("structured: an order", one, [expected(raw={"id": "A234-1234-1234", "data": order})])
    accept("structured: the same event an hour later", one, [expected()], clock=later(3600), redelivery_of="structured: an order")
    accept("structured: the same event, written by another library", compact(
        json.loads(Node.call("cloudevents_structured", event={**attributes(), "data": order})["body"])), [expected()],
        redelivery_of="structured: an order")
    accept("structured: the id alone is not unique, the source tells the events apart",
           structured({**attributes(), "source": "/other"}, order), [expected(key="/other/pedido-42")])
    accept("structured: a partition key keeps the order", structured(attributes("B1", partitionkey="cliente-7"), order),
           [expected(key="cliente-7")])
    plain_attributes = {n: v for n, v in attributes("B2").items() if n != "subject"}
    accept("structured: without a subject the source keeps the order", structured(plain_attributes, order),
           [expected(key=SOURCE, subject=None)])
    accept("structured: without a time", {n: v for n, v in attributes("B3").items() if n != "time"}, [expected(time=None)])
    accept("structured: a type that Forebay defines gets a prefix", structured(attributes("B4", "message.created"), order),
           [expected("cloudevents.message.created")])
    accept("structured: data in base64", {**attributes("B5"), "datacontenttype": "application/octet-stream",
                                          "data_base64": "AAEC/w=="}, [expected()])
    accept("structured: data that is a text", structured({**attributes("B6"), "datacontenttype": "text/plain"}, "olá"), [expected()])
    accept("structured: no data at all", attributes("B7"), [expected()])
    accept("structured: members that are newer than Forebay", {**attributes("B8"), "sampledrate": 1, "comexampleextension": "x"},
           [expected()])
    accept("structured: a time in another zone", {**attributes("B9"), "time": "2026-03-10T10:36:50.912-03:00"}, [expected()])
    accept("structured: an id of 2^53+1 as text", structured(attributes("9007199254740993"), {"n": 9007199254740993}),
           [expected(raw={"id": "9007199254740993", "data": {"n": 9007199254740993}})])
    accept("structured: emoji and other scripts", compact({**attributes("B10"), "subject": "👋 日本語", "data": "\u2028 \"x\" \\ \n"}),
           [expected(key=f"{SOURCE}/👋 日本語", subject="👋 日本語")])
    accept("structured: the same escaped", compact({**attributes("B11"), "subject": "👋 日本語"}, ascii_only=True),
           [expected(key=f"{SOURCE}/👋 日本語", subject="👋 日本語")])
    for missing in ("id", "source", "type", "specversion"):
        accept(f"structured: without {missing} it is kept", {n: v for n, v in attributes().items() if n != missing}, [unmapped()])

    accept("batch: two events", [json.loads(one), {**json.loads(one), "id": "C2"}], [expected(), expected()], BATCH)
    accept("batch: one event of a batch is the same as alone", [json.loads(one)], [expected()], BATCH,
           redelivery_of="structured: an order")
    accept("batch: one of two events has no type, and is kept beside the other", [
        json.loads(one), {n: v for n, v in attributes("C3").items() if n != "type"}], [expected(), unmapped()], BATCH)
    accept("batch: an empty batch is kept", b"[]", [unmapped()], BATCH)

    def binary_case(name, attrs, data, expected, headers=None, body=None, **more):
        written, payload = binary(attrs, data)
        content = [h for h in (headers or written) if h[0].lower() == "content-type"]
        own = [h for h in (headers or written) if h[0].lower() != "content-type"]
        sheet.case(name, s, s.request(payload if body is None else body, content_type=content[0] if content else None, own=own),
                   events=[expected], **more)

    binary_case("binary: an order", attributes("D1"), order, expected(
        raw=order, headers={"ce-id": "D1", "ce-source": SOURCE, "ce-type": "com.example.order.placed", "ce-subject": "pedido-42"}))
    binary_case("binary: the same event again", attributes("D1"), order, expected(), redelivery_of="binary: an order")
    binary_case("binary: a partition key keeps the order", attributes("D2", partitionkey="cliente-7"), order, expected(key="cliente-7"))
    binary_case("binary: a type that Forebay defines gets a prefix", attributes("D3", "ticket.closed"), order,
                expected("cloudevents.ticket.closed"))
    binary_case("binary: bytes that are not JSON", {**attributes("D4"), "datacontenttype": "application/octet-stream"},
                "x", {**expected(), "data": {"raw_base64": "AAEC/w=="}}, body=b"\x00\x01\x02\xff")
    binary_case("binary: an empty body is an event without data", attributes("D5"), order, expected(), body=b"")
    written = [(n, v) for n, v in binary(attributes("D6"), order)[0] if n.lower() != "ce-subject"]
    binary_case("binary: a subject in other scripts stands percent-encoded", attributes("D6"), order,
                expected(key=f"{SOURCE}/pedido €", subject="pedido €"), headers=[*written, ("ce-subject", "pedido%20%E2%82%AC")])
    written = binary(attributes("D7"), order)[0]
    binary_case("binary: without ce-type it is kept", attributes("D7"), order, unmapped(),
                headers=[h for h in written if h[0].lower() != "ce-type"])
    binary_case("binary: header names in upper case", attributes("D8"), order, expected(),
                headers=[(n.upper(), v) for n, v in binary(attributes("D8"), order)[0]])
    accept("plain JSON without any attribute is kept", {"hello": "world"}, [unmapped()], ("Content-Type", "application/json"))

    small = compact({"specversion": "1.0", "id": "S1", "source": SOURCE, "type": "com.example.ok", "subject": "pedido-42", "time": TIME})
    events = [expected("com.example.ok")]

    class Small(Token):
        def request(self, body, content_type=STRUCTURED, **more):
            return super().request(body, content_type=content_type, **more)

    t = Small(scheme=s.scheme, name="Authorization", bearer=True)
    ugly_name = "a token in upper case is another token"
    ugly.token_header(sheet, t, small, events)
    assert any(case["name"] == ugly_name for case in sheet.cases)
    sheet.case("the token without Bearer is the same token", t, t.request(small).with_header("Authorization", t.secret), events=events)
    for name, raw, one_event in (
            ("an authentic body of nothing is kept", b"", unmapped()), ("an authentic empty object is kept", b"{}", unmapped()),
            ("an authentic body that is not JSON is kept", b"hello", unmapped_bytes(b"hello")),
            ("authentic bytes that are not UTF-8 are kept", b'{"id":"\xff"}', unmapped_bytes(b'{"id":"\xff"}'))):
        sheet.case(name, t, t.request(raw), events=[one_event])

    ugly.strange(sheet, t, json.loads(one), [expected()])
    ugly.times(sheet, t, lambda at: {**attributes("T1"), "time": at}, [expected(time=None)])

    q = Token(scheme="token in the query", auth={"scheme": "token", "query": "access_token"}, place="query", name="access_token")
    sheet.case("the token in the query, as the webhook specification allows", q, q.request(small, content_type=STRUCTURED),
               events=events)
    sheet.case("a wrong token in the query", q, q.request(small, content_type=STRUCTURED, secret="guess-guess"), reason="no_match")
    b = Basic()
    sheet.case("a sender with user and password", b, b.request(small, content_type=STRUCTURED), events=events)
    h = Hmac(scheme="hmac-sha512, hex, header x-signature", hash="sha512", auth={
        "scheme": "hmac", "hash": "sha512", "encoding": "hex", "header": "x-signature", "template": "{body}"})
    plain(sheet)
    sheet.case("a sender that signs with SHA-512", h, h.request(small, content_type=STRUCTURED), events=events)
    sheet.case("a sender that signs with SHA-512, and one wrong byte", h,
               h.request(small, content_type=STRUCTURED).with_body(ugly.damaged(small)), reason="no_match")

    def options(name, asked, answered):
        headers = [("Host", "hooks.example.com"), *asked]
        sheet.case(name, s, Request("OPTIONS", "/in/line-1", tuple(headers)), verdict="handshake", answer_headers=answered)

    origin = ("WebHook-Request-Origin", "eventemitter.example.com")
    options("a sender asks whether it may send", [origin], [("WebHook-Allowed-Origin", "eventemitter.example.com"),
                                                           ("WebHook-Allowed-Rate", "*"), ("Allow", "POST, OPTIONS")])
    options("a sender asks for a rate", [origin, ("WebHook-Request-Rate", "120")],
            [("WebHook-Allowed-Origin", "eventemitter.example.com"), ("WebHook-Allowed-Rate", "120")])
    sheet.case("nothing is asked by GET", s, Request("GET", "/in/line-1"), status=405)
