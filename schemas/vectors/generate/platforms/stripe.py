"""Stripe, snapshot and thin events. Shapes: docs.stripe.com, "The Event object", "Event destinations"."""

import json

import stripe
from freezegun import freeze_time

from vectors import ugly
from vectors.libraries import Node, npm, pypi, succeeds
from vectors.senders import Sender, b64, digest
from vectors.sheet import CLOCK, Request, compact, event, later, seconds, unmapped, unmapped_bytes

HEADER = "Stripe-Signature"


def customer(id="evt_1MqqbKLt4dXK03v5qaIbiNCC", type="customer.created", object=None, **more):
    return {"id": id, "object": "event", "api_version": "2025-03-31.basil", "created": 1773149810,
            "data": {"object": object or {"id": "cus_NhD8HD2bY8dP3V", "object": "customer", "email": "ana@example.com",
                                          "created": 1773149809, "name": "Ana Exemplo", "livemode": False}},
            "livemode": False, "pending_webhooks": 1, "request": {"id": "req_Example", "idempotency_key": None}, "type": type, **more}


def expected(type="customer.created", thing="cus_NhD8HD2bY8dP3V", time="2026-03-10T13:36:50.000Z", account=None):
    return event(f"stripe.{type}", subject=thing, key=thing, time=time, account=account)


def tag(secret, stamp, body, hash="sha256"):
    return digest(hash, secret.encode(), f"{stamp}.".encode() + body).hex()


class Stripe(Sender):
    scheme = "hmac-sha256, hex, header stripe-signature with t= and v1="
    secrets = ("whsec_first_secret_of_this_endpoint",)
    newer = "whsec_second_secret_of_this_endpoint"
    foreign = "whsec_secret_of_another_endpoint"
    own_headers = (("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"),)

    def prove(self, request, secret, at):
        stamp = seconds(at)
        value = f"t={stamp},v1={tag(secret, stamp, request.body)}"
        text = request.body.decode(errors="replace")
        if text.encode() == request.body:
            vendors = {stripe.WebhookSignature.generate_signature_header(text, secret, stamp),
                       Node.call("stripe_sign", secret=secret, body=request.body, timestamp=stamp)}
            if vendors != {value}:
                raise AssertionError(f"the vendor signs {vendors}, not {value}")
        return request.with_header(HEADER, value)


def build(sheet):
    def python(request, secret, clock):
        if (value := request.get(HEADER)) is None:
            return None
        with freeze_time(clock.replace(tzinfo=None)):
            return succeeds(lambda: stripe.WebhookSignature.verify_header(request.body.decode(), value, secret, 300))

    def javascript(request, secret, clock):
        if (value := request.get(HEADER)) is None:
            return None
        return Node.call("stripe_verify", secret=secret, body=request.body, signature=value, tolerance=300, now=seconds(clock))

    s = Stripe(libraries={pypi("stripe"): python, npm("stripe"): javascript})
    sheet.made("Python's own hmac, compared with the libraries")

    def accept(name, value, events, **more):
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    first = compact(customer())
    accept("a customer is made", first, [expected()])
    sheet.case("the same event an hour later, signed anew", s, s.request(first, at=later(3600)), clock=later(3600),
               events=[expected()], redelivery_of="a customer is made")
    accept("an invoice is paid", customer("evt_2", "invoice.paid", {"id": "in_1MtHbELkdIwHu7ix", "object": "invoice",
                                                                   "amount_paid": 4200, "currency": "brl"}),
           [expected("invoice.paid", "in_1MtHbELkdIwHu7ix")])
    accept("a payment of a connected account", customer("evt_3", "payment_intent.succeeded", {
        "id": "pi_3MtwBwLkdIwHu7ix28a3tqPa", "object": "payment_intent", "amount": 2000}, account="acct_1032D82eZvKYlo2C"),
        [expected("payment_intent.succeeded", "pi_3MtwBwLkdIwHu7ix28a3tqPa", account="acct_1032D82eZvKYlo2C")])
    accept("an update says what was before", customer("evt_4", "customer.updated"), [expected("customer.updated")])
    accept("a balance has no id, so the event is on its own", customer("evt_5", "balance.available", {
        "object": "balance", "available": [{"amount": 1, "currency": "brl"}]}), [expected("balance.available", "evt_5")])
    thin = {"id": "evt_test_65R2Example", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
            "livemode": False, "created": "2026-03-10T13:36:50.912Z",
            "related_object": {"id": "mtr_test_61Example", "type": "billing.meter", "url": "/v1/billing/meters/mtr_test_61Example"}}
    accept("a thin event names the object that it is about", thin,
           [expected("v1.billing.meter.error_report_triggered", "mtr_test_61Example", "2026-03-10T13:36:50.912Z")])
    accept("Stripe writes its bodies with line breaks", (json.dumps(customer("evt_6"), indent=2) + "\n").encode(),
           [expected()])
    accept("emoji and other scripts in a name", customer("evt_7", object={
        "id": "cus_2", "name": "👋 日本語 \u2028 \"x\" \\ \n"}), [expected(thing="cus_2")])
    accept("the same escaped", compact(customer("evt_8", object={"id": "cus_2", "name": "👋 日本語"}), ascii_only=True),
           [expected(thing="cus_2")])
    accept("an amount of 2^53+1 keeps its last digit", customer("evt_9", object={"id": "cus_3", "balance": 9007199254740993}),
           [{**expected(thing="cus_3"), "data": {"raw": {"data": {"object": {"balance": 9007199254740993}}}}}])
    accept("an id of 2^53+1, sent as a number, keeps its last digit", customer("evt_10", object={"id": 9007199254740993}),
           [expected(thing="9007199254740993")])
    accept("an event that is newer than Forebay is taken by its name", customer("evt_11", "telepathy.received"),
           [expected("telepathy.received")])

    body = compact({"id": "evt_s", "type": "customer.created", "created": 1773149810, "data": {"object": {"id": "cus_s"}}})
    events = [expected(thing="cus_s")]
    good, stamp = s.request(body), seconds(CLOCK)
    right = tag(s.secret, stamp, body)
    old, other = tag(s.newer, stamp, body), tag(s.foreign, stamp, body)
    add = lambda name, request, **more: sheet.case(name, s, request, **more)  # noqa: E731
    header = lambda text: good.with_header(HEADER, text)  # noqa: E731
    both = s.source(s.newer, s.secret)
    add("the newer of two active secrets signs", s.request(body, secret=s.newer), events=events, source=both)
    add("the older of two active secrets still signs during a rotation", good, events=events, source=both)
    add("Stripe signs with both secrets during a rotation, and we know the newer",
        header(f"t={stamp},v1={right},v1={old}"), events=events, source=s.source(s.newer))
    add("Stripe signs with both secrets during a rotation, and we know the older",
        header(f"t={stamp},v1={old},v1={right}"), events=events)
    add("none of several signatures fits", header(f"t={stamp},v1={other},v1={old}"), reason="no_match")
    add("a signature of the old scheme v0 beside the right one", header(f"t={stamp},v0={other},v1={right}"), events=events)
    add("a right signature under the old scheme v0 alone does not count", header(f"t={stamp},v0={right}"), reason="malformed")
    add("a member of a scheme to come does not matter", header(f"t={stamp},v1={right},v2=abc"), events=events)
    add("the time stamp behind the signature", header(f"v1={right},t={stamp}"), events=events)
    add("a broken signature beside the right one", header(f"t={stamp},v1=zzz,v1={right}"), events=events, sdk=None)
    add("the time stamp is missing from the list", header(f"v1={right}"), reason="missing")
    add("the time stamp is in the list twice", header(f"t={stamp},t={stamp},v1={right}"), reason="repeated", sdk=None)
    add("no signature is in the list", header(f"t={stamp}"), reason="malformed")
    add("the header is no list", header(right), reason="malformed")
    add("a secret that was rotated out signs no longer", good, source=s.source(s.newer), reason="no_match")
    add("the secret of another endpoint", s.request(body, secret=s.foreign), reason="no_match")
    add("the secret without whsec_ is another secret", s.request(body, secret=s.secret.removeprefix("whsec_")), reason="no_match")
    add("one wrong byte in the body breaks the signature", good.with_body(ugly.damaged(body)), reason="no_match")
    add("one byte less at the end of the body breaks the signature", good.with_body(body[:-1]), reason="no_match")
    add("a newline appended on the way breaks the signature", good.with_body(body + b"\n"), reason="no_match")
    add("the same JSON serialized again breaks the signature", good.with_body(ugly.reserialize(body)), reason="no_match")
    add("a signature over an empty body does not fit a body", s.request(b"").with_body(body), reason="no_match")
    add("a signature over the body without the time stamp", header(
        f"t={stamp},v1={digest('sha256', s.secret.encode(), body).hex()}"), reason="no_match")
    add("the signature header is missing", good.without(HEADER), reason="missing")
    add("the same signature in two headers is one too many", good.and_header(HEADER, good.get(HEADER)), reason="repeated")
    add("the signature header is empty", header(""), reason="malformed")
    add("a truncated signature is no signature", header(f"t={stamp},v1={right[:-2]}"), reason="malformed")
    add("hexadecimal in upper case is the same digest", header(f"t={stamp},v1={right.upper()}"), events=events, sdk=None)
    add("base64 where hexadecimal belongs is no signature", header(f"t={stamp},v1={b64(bytes.fromhex(right))}"),
        reason="malformed")
    add("a digest of sha512 has another length", header(f"t={stamp},v1={tag(s.secret, stamp, body, 'sha512')}"),
        reason="malformed")
    add("a time stamp moved on the way breaks the signature", header(f"t={stamp + 1},v1={right}"), reason="no_match")
    add("a time stamp at the very edge of the tolerance, in the past, is in time", s.request(body, at=later(-300)), events=events)
    add("a time stamp one second past the tolerance is too old", s.request(body, at=later(-301)), reason="outside_tolerance")
    add("a time stamp at the very edge of the tolerance, in the future, is in time", s.request(body, at=later(300)),
        events=events)
    # Stripe's own libraries look at the past only.
    add("a time stamp one second further in the future is too early", s.request(body, at=later(301)),
        reason="outside_tolerance", sdk=None)
    add("a replay after a day is stale", good, clock=later(86_400), reason="outside_tolerance")
    add("a wrong signature is told before a stale time stamp", s.request(body, at=later(-400), secret=s.foreign),
        reason="no_match")
    for name, text in ugly.NOT_SECONDS:
        add(name, header(f"t={text},v1={tag(s.secret, text, body)}"), reason="malformed", sdk=None)
    ugly.strange(sheet, s, customer("evt_s1"), [expected()])
    ugly.times(sheet, s, lambda at: customer("evt_s2", created=at), [expected(time=None)])
    add("an authentic body of nothing is kept", s.request(b""), events=[unmapped()])
    for name, raw in (("an authentic body that is not JSON is kept", b"hello, not JSON"),
                      ("authentic bytes that are not UTF-8 are kept", b'{"id":"\xff\xfe"}')):
        add(name, s.request(raw), events=[unmapped_bytes(raw)], sdk=None)
    for name, raw in (("an authentic empty object is kept", b"{}"), ("an authentic empty list is kept", b"[]")):
        add(name, s.request(raw), events=[unmapped()])
    add("a webhook sent by PUT is not taken", good.with_method("PUT"), status=405, sdk=True)
    add("Stripe asks nothing by GET", Request("GET", "/in/line-1"), status=405, sdk=None)
