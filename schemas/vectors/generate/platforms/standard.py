"""Standard Webhooks 1.0 (standardwebhooks.com) and Svix, where it comes from."""

import base64
import json
from datetime import datetime, timezone

import standardwebhooks
import svix.webhooks
from freezegun import freeze_time

from vectors import ugly
from vectors.libraries import Node, is_text, npm, pypi, succeeds
from vectors.senders import Sender, b64, digest
from vectors.sheet import CLOCK, Request, compact, event, later, seconds, unmapped, unmapped_bytes

ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")


def key(secret):
    encoded = secret.removeprefix("whsec_")
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4))


def v1(secret, id, stamp, body):
    return "v1," + b64(digest("sha256", key(secret), f"{id}.{stamp}.".encode() + body))


class Standard(Sender):
    scheme = "Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature"
    secrets = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",)
    newer = "whsec_" + b64(b"second secret of this source!!!!")
    foreign = "whsec_" + b64(b"the secret of another source....")
    names = NAMES

    def request(self, body, *, id=ID, stamp=None, names=None, **more):
        self._id, self._stamp, self._names = id, stamp, names or self.names
        return super().request(body, **more)

    def prove(self, request, secret, at):
        stamp = str(seconds(at)) if self._stamp is None else self._stamp
        value = v1(secret, self._id, stamp, request.body)
        if is_text(request.body) and self._stamp is None:
            moment, text = at.astimezone(timezone.utc), request.body.decode()
            vendors = {standardwebhooks.Webhook(secret).sign(self._id, moment, text),
                       svix.webhooks.Webhook(secret).sign(self._id, moment, text),
                       Node.call("svix_sign", secret=secret, body=request.body, id=self._id, timestamp=seconds(at))}
            if vendors != {value}:
                raise AssertionError(f"the libraries sign {vendors}, not {value}")
        id_name, stamp_name, signature_name = self._names
        return (request.with_header(id_name, self._id).with_header(stamp_name, stamp)
                .with_header(signature_name, value))


def build(sheet):
    def shown(request):
        names = [name.lower() for name, _ in request.headers]
        return None if len(set(names)) < len(names) or not is_text(request.body) else {n.lower(): v for n, v in request.headers}

    def with_python(library):
        def ask(request, secret, clock):
            if (headers := shown(request)) is None:
                return None
            if library is standardwebhooks.Webhook and "webhook-id" not in headers and "svix-id" in headers:
                return None
            with freeze_time(clock.replace(tzinfo=None)):
                options = {"json_parse": False} if library is standardwebhooks.Webhook else {}
                return succeeds(lambda: library(secret).verify(request.body, headers, **options) is None)
        return ask

    def with_javascript(request, secret, clock):
        headers = shown(request)
        if headers is None or "webhook-id" not in headers and "svix-id" in headers:
            return None
        try:
            json.loads(request.body)
        except ValueError:
            return None  # it parses what it has verified
        return Node.call("standardwebhooks_verify", secret=secret, body=request.body, headers=headers, now=seconds(clock))

    s = Standard(libraries={pypi("standardwebhooks"): with_python(standardwebhooks.Webhook),
                            pypi("svix"): with_python(svix.webhooks.Webhook),
                            npm("standardwebhooks"): with_javascript})
    sheet.made(npm("svix"))
    sheet.made("Python's own hmac, compared with the libraries")

    def accept(name, value, events, id=ID, **more):
        body = value if isinstance(value, bytes) else compact(value)
        sheet.case(name, s, s.request(body, id=id), events=events, **more)

    invoice = {"type": "invoice.paid", "timestamp": "2026-03-10T13:36:50.912344Z",
               "data": {"id": "inv_1", "amount": 4200, "currency": "BRL"}}
    paid = event("invoice.paid", subject="inv_1", key="inv_1", time="2026-03-10T13:36:50.912Z")
    accept("an invoice is paid", invoice, [paid])
    published = Request("POST", "/in/line-1", (
        ("Content-Type", "application/json"), ("webhook-id", "msg_loFOjxBNrRLzqYUf"), ("webhook-timestamp", "1731705121"),
        ("webhook-signature", "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=")),
        b'{"event_type":"ping","data":{"success":true}}')
    sheet.case("the example that Svix's documents give: its type stands elsewhere, so it is kept", s, published,
               source=s.source("whsec_plJ3nmyCDGBKInavdOK15jsl"), clock=datetime(2024, 11, 15, 21, 12, 1, tzinfo=timezone.utc),
               events=[unmapped()])
    sheet.case("the same message an hour later: another time stamp, the same id", s,
               s.request(compact(invoice), at=later(3600)), clock=later(3600), events=[paid], redelivery_of="an invoice is paid")
    accept("the id of what it is about stands deeper", {"type": "user.created", "timestamp": "2026-03-10T13:36:50Z",
                                                      "data": {"object": {"id": "usr_1"}}},
           [event("user.created", subject="usr_1", key="usr_1", time="2026-03-10T13:36:50.000Z")], "msg_2")
    accept("nothing that it is about: the message is on its own", {"type": "job.done", "timestamp": "2026-03-10T13:36:50Z", "data": {}},
           [event("job.done", key="msg_3")], "msg_3")
    accept("a type that Forebay defines gets a prefix", {"type": "message.created", "data": {"id": "m1"}},
           [event("standard.message.created", subject="m1", key="m1")], "msg_4")
    accept("a time stamp in seconds within the body", {"type": "invoice.paid", "timestamp": 1773149810, "data": {"id": "inv_2"}},
           [event("invoice.paid", key="inv_2", time="2026-03-10T13:36:50.000Z")], "msg_5")
    accept("an id of 2^53+1, sent as a number, keeps its last digit", {"type": "invoice.paid", "data": {"id": 9007199254740993}},
           [event("invoice.paid", subject="9007199254740993", key="9007199254740993")], "msg_6")
    accept("emoji and other scripts", {"type": "note.made", "data": {"id": "n1", "text": "👋 日本語 \u2028 \"x\" \\ \n"}},
           [event("note.made", key="n1")], "msg_7")
    accept("the same escaped", compact({"type": "note.made", "data": {"id": "n1", "text": "👋 日本語"}}, ascii_only=True),
           [event("note.made", key="n1")], "msg_8")
    accept("a type that is none is kept", {"type": "Invoice paid!", "data": {"id": "inv_3"}}, [unmapped("Invoice paid!")], "msg_9")
    accept("a body without a type is kept", {"data": {"id": "inv_4"}}, [unmapped()], "msg_10")
    both_ids = {"type": "invoice.paid", "data": {"id": "inv_1", "n": 1}}
    accept("another message about the same invoice", both_ids, [event("invoice.paid", key="inv_1")], "msg_11")

    body = compact({"type": "invoice.paid", "data": {"id": "inv_s"}})
    events = [event("invoice.paid", subject="inv_s", key="inv_s")]
    add = lambda name, request, **more: sheet.case(name, s, request, **more)  # noqa: E731
    good, stamp = s.request(body), seconds(CLOCK)
    right = good.get("webhook-signature")
    wrong, older = v1(s.foreign, ID, stamp, body), v1(s.newer, ID, stamp, body)
    signature = lambda text: good.with_header("webhook-signature", text)  # noqa: E731
    both = s.source(s.newer, s.secret)
    add("the newer of two active secrets signs", s.request(body, secret=s.newer), events=events, source=both)
    add("the older of two active secrets still signs during a rotation", good, events=events, source=both)
    add("the sender signs with two secrets, and we know the first", signature(f"{right} {older}"), events=events)
    add("the sender signs with two secrets, and we know the second", signature(f"{wrong} {right}"), events=events)
    add("none of several signatures fits", signature(f"{wrong} {older}"), reason="no_match")
    v1a = "v1a," + b64(bytes(range(64)))
    add("an asymmetric signature beside the right one is passed over", signature(f"{v1a} {right}"), events=events)
    add("an asymmetric signature alone is none that we know", signature(v1a), reason="malformed")
    add("a signature of a version to come beside the right one is passed over", signature(f"v9,{b64(b'x')} {right}"),
        events=events)
    add("the right signature under the name of another version does not count", signature("v2," + right[3:]), reason="malformed")
    add("the right signature without a version does not count", signature(right[3:]), reason="malformed")
    add("a broken signature before the right one is passed over", signature(f"v1,broken! {right}"), events=events, sdk=None)
    add("a secret without whsec_ is the same secret", good, events=events, source=s.source(s.secret.removeprefix("whsec_")))
    unpadded = "whsec_" + b64(b"a secret of twenty-five b").rstrip("=")
    add("a secret without its padding is the same secret", s.request(body, secret=unpadded), events=events,
        source=s.source(unpadded), )
    add("a secret that was rotated out signs no longer", good, source=s.source(s.newer), reason="no_match")
    add("the secret of another source signs for that source only", s.request(body, secret=s.foreign), reason="no_match")
    text_key = "v1," + b64(digest("sha256", s.secret.encode(), f"{ID}.{stamp}.".encode() + body))
    add("the secret's text taken as the key signs something else", signature(text_key), reason="no_match")
    add("one wrong byte in the body breaks the signature", good.with_body(ugly.damaged(body)), reason="no_match")
    add("one byte less at the end of the body breaks the signature", good.with_body(body[:-1]), reason="no_match")
    add("a newline appended on the way breaks the signature", good.with_body(body + b"\n"), reason="no_match")
    add("the same JSON serialized again breaks the signature", good.with_body(ugly.reserialize(body)), reason="no_match")
    add("a signature over an empty body does not fit a body", s.request(b"").with_body(body), reason="no_match")
    add("another id breaks the signature", good.with_header("webhook-id", "msg_other"), reason="no_match")
    add("a time stamp moved on the way breaks the signature", good.with_header("webhook-timestamp", str(stamp + 1)),
        reason="no_match")
    for name in NAMES:
        add(f"{name} is missing", good.without(name), reason="missing")
        add(f"{name} is there twice", good.and_header(name, good.get(name)), reason="repeated")
        add(f"{name} is empty", good.with_header(name, ""), reason="malformed")
    add("a truncated signature is no signature", signature(right[:-4]), reason="malformed")
    add("hexadecimal where base64 belongs is no signature", signature("v1," + base64.b64decode(right[3:]).hex()),
        reason="malformed")
    # Some libraries decode what is not canonical.
    add("base64 without its padding is not canonical", signature(right.rstrip("=")), reason="malformed", sdk=None)
    add("a digest of sha512 has another length", signature(
        "v1," + b64(digest("sha512", key(s.secret), f"{ID}.{stamp}.".encode() + body))), reason="malformed")
    add("a time stamp at the very edge of the tolerance, in the past, is in time", s.request(body, at=later(-300)), events=events)
    add("a time stamp one second past the tolerance is too old", s.request(body, at=later(-301)), reason="outside_tolerance")
    add("a time stamp at the very edge of the tolerance, in the future, is in time", s.request(body, at=later(300)),
        events=events)
    add("a time stamp one second further in the future is too early", s.request(body, at=later(301)),
        reason="outside_tolerance")
    add("a replay after a day is stale", good, clock=later(86_400), reason="outside_tolerance")
    add("a wrong signature is told before a stale time stamp", s.request(body, at=later(-400), secret=s.foreign),
        reason="no_match")
    for name, text in ugly.NOT_SECONDS:
        if text:
            add(name, s.request(body, stamp=text), reason="malformed", sdk=None)
    wide = s.source(auth={"scheme": "standard_webhooks", "tolerance_seconds": 3600})
    # The libraries' tolerance is fixed.
    add("a source with a tolerance of an hour takes what is half an hour old", s.request(body, at=later(-1800)), events=events,
        source=wide, sdk=None)
    add("a source with a tolerance of an hour refuses what is older", s.request(body, at=later(-3601)), source=wide,
        reason="outside_tolerance")
    svix_names = ("svix-id", "svix-timestamp", "svix-signature")
    sv = s.request(body, names=svix_names)
    add("Svix's own header names are the same", sv, events=events)
    add("Svix's own header names with a wrong signature", s.request(body, names=svix_names, secret=s.foreign), reason="no_match")
    add("Svix's own names without a time stamp", sv.without("svix-timestamp"), reason="missing")
    everything = sv
    for name in NAMES:
        everything = everything.and_header(name, good.get(name))
    add("both families of names, both right", everything, events=events)
    # Svix's library prefers its own names.
    add("where both families are there, webhook-signature counts", everything.with_header("webhook-signature", wrong),
        reason="no_match", sdk=None)
    for name, raw, expected in (
            ("an authentic body of nothing is kept", b"", unmapped()), ("an authentic empty object is kept", b"{}", unmapped()),
            ("an authentic empty list is kept", b"[]", unmapped()),
            ("an authentic body that is not JSON is kept", b"hello, not JSON", unmapped_bytes(b"hello, not JSON")),
            ("authentic bytes that are not UTF-8 are kept", b'{"type":"\xff"}', unmapped_bytes(b'{"type":"\xff"}'))):
        add(name, s.request(raw), events=[expected], sdk="as the verdict" if is_text(raw) and raw else None)
    ugly.strange(sheet, s, invoice, [paid])
    ugly.times(sheet, s, lambda at: {**invoice, "timestamp": at}, [event("invoice.paid", key="inv_1")])
    add("a webhook sent by PUT is not taken", good.with_method("PUT"), status=405, sdk=True)
    add("Standard Webhooks ask nothing by GET", Request("GET", "/in/line-1"), status=405, sdk=None)
