"""Twilio: messages, status callbacks, Conversations, Event Streams. Shapes: twilio.com/docs; signatures: "Webhooks security"."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlencode

from twilio.request_validator import HMAC_SHA256, SIGNATURE_SETTINGS_HEADER, RequestValidator, get_signature_algorithm

from vectors import ugly
from vectors.libraries import Node, is_text, npm, pypi
from vectors.senders import Sender, b64, digest
from vectors.sheet import Request, compact, event, unmapped

FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
JSON = ("Content-Type", "application/json")
ACCOUNT, OURS, ANA = "AC00000000000000000000000000000001", "whatsapp:+5511900000009", "whatsapp:+5511900000001"
HEADER, CH = "X-Twilio-Signature", "CH00000000000000000000000000000001"


class Fields:
    """A form whose names may be there more than once, as the library wants it."""

    def __init__(self, pairs):
        self.pairs = pairs

    def __iter__(self):
        return iter({name for name, _ in self.pairs})

    def __bool__(self):
        return bool(self.pairs)

    def getall(self, name):
        return [value for n, value in self.pairs if n == name]


def pairs_of(request):
    return parse_qsl(request.body.decode(), keep_blank_values=True)


def is_form(request):
    return (request.get("Content-Type") or "").startswith("application/x-www-form-urlencoded")


class Twilio(Sender):
    scheme = "Twilio's own, header x-twilio-signature, URL from the configuration"
    auth = {"scheme": "twilio", "url": "https://hooks.example.com"}
    secrets = ("first00auth0token00of0the0account",)
    newer = "second0auth0token00of0the0account"
    foreign = "auth0token00of0another0account000"
    own_headers = (("User-Agent", "TwilioProxy/1.1"), ("I-Twilio-Idempotency-Token", "0a1b2c3d-0000-4000-8000-000000000001"))
    origin = "https://hooks.example.com"

    def prove(self, request, secret, at):
        return request.with_header(HEADER, self.sign(request, secret))

    def sign(self, request, secret, origin=None, algorithm=None):
        url = (origin or self.origin) + request.path
        pairs = pairs_of(request) if is_form(request) else []
        text = url + "".join(n + v for n, v in sorted(set(pairs)))
        plain = b64(digest("sha256" if algorithm == HMAC_SHA256 else "sha1", secret.encode(), text.encode()))
        params = {name: Fields(pairs).getall(name) for name in Fields(pairs)}
        vendors = {RequestValidator(secret).compute_signature(url, Fields(pairs), algorithm)}
        if algorithm is None:  # Node's knows no other in this version
            vendors.add(Node.call("twilio_sign", secret=secret, url=url,
                                  params={n: v if len(v) > 1 else v[0] for n, v in params.items()}))
        if vendors != {plain}:
            raise AssertionError(f"the vendor signs {vendors}, not {plain}")
        return plain

    def json(self, body, path="/in/line-1", secret=None, digest_of=None):
        """A body that is no form: its digest is part of the URL."""
        joint = "&" if "?" in path else "?"
        hash = hashlib.sha256(body if digest_of is None else digest_of).hexdigest()
        return self.request(body, path=f"{path}{joint}bodySHA256={hash}", content_type=JSON, secret=secret)


def form(*more, **fields):
    return urlencode([*fields.items(), *more]).encode()


def inbound(id="SM00000000000000000000000000000001", said="Olá, bom dia", **more):
    return form(SmsMessageSid=id, NumMedia="0", ProfileName="Ana Exemplo", MessageType="text", SmsSid=id, WaId="5511900000001",
                SmsStatus="received", Body=said, To=OURS, NumSegments="1", MessageSid=id, AccountSid=ACCOUNT, From=ANA,
                ApiVersion="2010-04-01", **more)


def status(word, id="SM00000000000000000000000000000009", **more):
    return form(ChannelPrefix="whatsapp", ApiVersion="2010-04-01", MessageStatus=word, SmsSid=id, SmsStatus=word, To=ANA, From=OURS,
                MessageSid=id, AccountSid=ACCOUNT, **more)


def said(id="SM00000000000000000000000000000001", **more):
    return event("message.created", subject=ANA, key=f"{OURS}/{ANA}", account=ACCOUNT,
                 message={"id": id, "direction": "inbound", "conversation": {"id": ANA, "channel": "whatsapp", "channel_id": OURS}, **more})


def build(sheet):
    def asks(s):
        def url_of(request):
            return (s.origin or f"https://{request.get('Host')}") + request.path

        def usable(request):
            return request.get(HEADER) is not None and is_text(request.body) and request.method == "POST"

        def python(request, secret, clock):
            if not usable(request):
                return None
            params = Fields(pairs_of(request)) if is_form(request) else request.body.decode()
            if not is_form(request) and "bodySHA256=" not in request.path:
                return None  # it takes any such body for an empty form
            algorithm = get_signature_algorithm(request.get(SIGNATURE_SETTINGS_HEADER))
            return RequestValidator(secret).validate(url_of(request), params, request.get(HEADER), algorithm)

        def javascript(request, secret, clock):
            if not usable(request) or request.get(SIGNATURE_SETTINGS_HEADER) is not None:
                return None
            if not is_form(request):
                if "bodySHA256=" not in request.path:
                    return None
                return Node.call("twilio_verify_body", secret=secret, url=url_of(request), body=request.body,
                                 signature=request.get(HEADER))
            fields = Fields(pairs_of(request))
            params = {name: fields.getall(name) for name in fields}
            return Node.call("twilio_verify", secret=secret, url=url_of(request), signature=request.get(HEADER),
                             params={n: v if len(v) > 1 else v[0] for n, v in params.items()})
        return {pypi("twilio"): python, npm("twilio"): javascript}

    s = Twilio()
    s.libraries = asks(s)
    sheet.made("Python's own hmac, compared with the libraries")
    send = lambda body, **more: s.request(body, content_type=FORM, **more)  # noqa: E731

    def accept(name, body, events, **more):
        sheet.case(name, s, send(body), events=events, **more)

    accept("a message comes in", inbound(), [said(text="Olá, bom dia", **{
        "from": {"id": ANA, "phone": "+5511900000001", "alternate_id": "5511900000001"}, "to": {"id": OURS, "phone": "+5511900000009"}})])
    accept("the same message again", inbound(), [said()], redelivery_of="a message comes in")
    accept("a message with two files", inbound("MM2", "", MediaContentType0="image/jpeg", MediaUrl0="https://api.twilio.com/m/0",
           MediaContentType1="application/pdf", MediaUrl1="https://api.twilio.com/m/1").replace(b"NumMedia=0", b"NumMedia=2"),
           [said("MM2", attachments=[{"url": "https://api.twilio.com/m/0", "mime_type": "image/jpeg"},
                                     {"url": "https://api.twilio.com/m/1", "mime_type": "application/pdf"}])])
    accept("emoji, a plus sign, an ampersand and a line break in a text", inbound("SM3", "👋 a+b & c=d 100%\nfim"),
           [said("SM3", text="👋 a+b & c=d 100%\nfim")])
    accept("a button is pressed", inbound("SM4", "Sim", ButtonText="Sim", ButtonPayload="sim", OriginalRepliedMessageSid="SM9"),
           [said("SM4", text="Sim", answer={"id": "sim", "title": "Sim"}, quoted={"id": "SM9"})])
    accept("a row of a list is chosen", inbound("SM5", "Suco", ListTitle="Suco", ListId="suco-1"),
           [said("SM5", text="Suco", answer={"id": "suco-1", "title": "Suco"})])
    for channel, address, phone in (("facebook", "messenger:5511900000001", None), ("rcs", "rcs:+5511900000001", "+5511900000001"),
                                    ("sms", "+5511900000001", "+5511900000001")):
        accept(f"a message over {channel}", form(MessageSid=f"SM-{channel}", From=address, To="+5511900000009", Body="oi",
               AccountSid=ACCOUNT), [event("message.created", subject=address, message={
                   "conversation": {"id": address, "channel": channel}, "from": {"id": address, **({"phone": phone} if phone else {})}})])
    for word, ours in (("queued", "pending"), ("accepted", "pending"), ("scheduled", "pending"), ("sending", "pending"),
                       ("sent", "sent"), ("delivered", "delivered"), ("read", "read"), ("undelivered", "failed"),
                       ("failed", "failed"), ("canceled", "failed")):
        more = {"ErrorCode": "63016", "ErrorMessage": "Outside the window"} if word in ("undelivered", "failed") else {}
        accept(f"one of our messages is {word}", status(word, **more),
               [event("message.status", subject=ANA, key=f"{OURS}/{ANA}", account=ACCOUNT,
                      message={"id": "SM00000000000000000000000000000009", "status": ours,
                               "conversation": {"id": ANA, "channel_id": OURS}})])
    accept("the same status again is the same event", status("sent"), [event("message.status")],
           redelivery_of="one of our messages is sent")
    when = {"DateCreated": "2026-03-10T13:36:50.912Z"}
    base = {"AccountSid": ACCOUNT, "ConversationSid": CH, "ChatServiceSid": "IS1"}
    in_conversation = lambda type, time=None, subject=CH, **data: event(  # noqa: E731
        type, subject=subject, key=CH, account=ACCOUNT, time=time, **data)
    accept("Conversations: a message is added", form(EventType="onMessageAdded", MessageSid="IM1", Index="0", Body="oi", Author=ANA,
           Source="WHATSAPP", ParticipantSid="MB1", **base, **when),
           [in_conversation("message.created", "2026-03-10T13:36:50.912Z",
                            message={"id": "IM1", "text": "oi", "conversation": {"id": CH}})])
    accept("Conversations: a message is changed", form(EventType="onMessageUpdated", MessageSid="IM1", Index="0", Body="oi!",
           Author=ANA, **base, DateUpdated="2026-03-10T13:37:50.912Z"),
           [in_conversation("message.updated", message={"id": "IM1", "text": "oi!", "conversation": {"id": CH}})])
    accept("Conversations: a message is removed", form(EventType="onMessageRemoved", MessageSid="IM1", Index="0", **base),
           [in_conversation("message.deleted", message={"id": "IM1", "conversation": {"id": CH}})])
    accept("Conversations: a conversation is added", form(EventType="onConversationAdded", FriendlyName="Ana", State="active", **base, **when),
           [in_conversation("ticket.created", "2026-03-10T13:36:50.912Z", ticket={"id": CH})])
    accept("Conversations: a conversation is closed", form(EventType="onConversationStateUpdated", StateFrom="active", StateTo="closed",
           **base), [in_conversation("ticket.closed", ticket={"id": CH})])
    accept("Conversations: a conversation goes to sleep", form(EventType="onConversationStateUpdated", StateFrom="active",
           StateTo="inactive", **base), [in_conversation("ticket.updated", ticket={"id": CH})])
    accept("Conversations: a conversation gets another name", form(EventType="onConversationUpdated", FriendlyName="Bia", **base),
           [in_conversation("ticket.updated", ticket={"id": CH})])
    for verb, action in (("Added", "joined"), ("Removed", "left")):
        accept(f"Conversations: a participant is {verb.lower()}", form(
               EventType=f"onParticipant{verb}", ParticipantSid="MB1", Identity="ana", **base),
               [in_conversation("group.participants.updated", group={"id": CH, "action": action})])
    accept("Conversations: a message was delivered", form(EventType="onDeliveryUpdated", MessageSid="IM1", ParticipantSid="MB1",
           Status="delivered", DeliveryReceiptSid="DY1", **base),
           [in_conversation("message.status", message={"id": "IM1", "status": "delivered"})])
    updated = {"EventType": "onMessageUpdated", "MessageSid": "IM1", "Author": ANA, **base}
    first = dict(updated, Index="0", Body="a", DateUpdated="2026-03-10T13:38:50.912Z", RetryCount="0")
    accept("Conversations: an edit", form(**first), [in_conversation("message.updated", "2026-03-10T13:38:50.912Z")])
    accept("Conversations: the same edit, sent again", form(**{**first, "RetryCount": "1"}),
           [in_conversation("message.updated", "2026-03-10T13:38:50.912Z")], redelivery_of="Conversations: an edit")
    away = dict(EventType="onParticipantUpdated", ParticipantSid="MB1", LastReadMessageIndex="3", **base)
    accept("Conversations: a participant reads", form(**away, RetryCount="0"), [unmapped("onParticipantUpdated")])
    accept("Conversations: a participant reads, sent again", form(**away, RetryCount="1"), [unmapped("onParticipantUpdated")],
           redelivery_of="Conversations: a participant reads")
    accept("Conversations: an event without a mapping is kept under its name", form(EventType="onUserUpdated", **base),
           [unmapped("onUserUpdated")])
    accept("a voice call has no mapping and is kept", form(CallSid="CA1", CallStatus="ringing", From="+5511900000001", To="+5511",
           AccountSid=ACCOUNT), [unmapped()])
    accept("an id of 2^53+1 keeps its last digit", form(MessageSid="9007199254740993", From=ANA, To=OURS, Body="oi",
           AccountSid=ACCOUNT), [said("9007199254740993")])

    stream = [{"specversion": "1.0", "type": "com.twilio.messaging.message.delivered", "source": "/2010-04-01/Accounts/AC1/Messages/SM1",
               "id": f"EZ{n}", "dataschema": "https://events-schemas.twilio.com/Messaging.MessageStatus/4",
               "datacontenttype": "application/json", "time": "2026-03-10T13:36:50.000Z",
               "data": {"messageSid": "SM1", "messageStatus": "DELIVERED", "accountSid": ACCOUNT}} for n in (1, 2)]
    streams = [event("twilio.com.twilio.messaging.message.delivered")] * 2
    add = lambda name, request, **more: sheet.case(name, s, request, **more)  # noqa: E731
    body = compact(stream)
    add("Event Streams: two events in JSON, with their digest in the URL", s.json(body), events=streams)
    add("Event Streams: the digest among other parameters", s.json(body, "/in/line-1?tenant=1"), events=streams)
    add("Event Streams: JSON that is no list of events is kept", s.json(b'{"hello":"world"}'), events=[unmapped()])
    add("Event Streams: an empty list is kept", s.json(b"[]"), events=[unmapped()])
    add("Event Streams: one wrong byte in the body breaks the digest", s.json(body, digest_of=body).with_body(
        body.replace(b"DELIVERED", b"DELIVEREX", 1)), reason="malformed")
    add("Event Streams: the same JSON serialized again breaks the digest", s.json(body).with_body(ugly.reserialize(body)),
        reason="malformed")
    other = hashlib.sha256(b"{}").hexdigest()
    swapped = s.json(body)
    add("Event Streams: body and digest replaced together break the signature", swapped.with_body(b"{}").with_path(
        f"/in/line-1?bodySHA256={other}"), reason="no_match")
    add("Event Streams: a JSON body without a digest is covered by nothing", s.request(body, content_type=JSON), reason="missing")
    add("Event Streams: a wrong token signs", s.json(body, secret=s.foreign), reason="no_match")

    small = form(MessageSid="SM30", From=ANA, To=OURS, Body="oi", AccountSid=ACCOUNT)
    events = [said("SM30", text="oi")]
    good = send(small)
    value = good.get(HEADER)
    header = lambda text: good.with_header(HEADER, text)  # noqa: E731
    both = s.source(s.newer, s.secret)
    accept("the fields in another order than they are sorted", form(("To", OURS), ("Body", "oi"), ("MessageSid", "SM30"),
           ("From", ANA), ("AccountSid", ACCOUNT)), events)
    # What was signed is the fields, sorted; their order in the body is not covered.
    add("the fields put in another order on the way are the same fields", good.with_body(form(
        ("Body", "oi"), ("To", OURS), ("From", ANA), ("AccountSid", ACCOUNT), ("MessageSid", "SM30"))), events=events)
    accept("empty values are signed as names alone", form(("Body", ""), ("MessageSid", "SM31"), ("From", ANA), ("To", OURS),
           ("MediaUrl", ""), ("AccountSid", ACCOUNT)), [said("SM31")])
    accept("names in upper and lower case are sorted by their bytes", form(("a", "1"), ("B", "2"), ("A", "3"), ("b", "4"),
           ("MessageSid", "SM32"), ("From", ANA), ("To", OURS), ("AccountSid", ACCOUNT)), [said("SM32")])
    repeated = form(("Tag", "b"), ("Tag", "a"), ("Tag", "c"), ("MessageSid", "SM33"), ("From", ANA), ("To", OURS), ("AccountSid", ACCOUNT))
    accept("a name that is there three times, with its values unsorted", repeated, [said("SM33")])
    accept("a name that is there twice with the same value is signed once", form(("Tag", "a"), ("Tag", "a"), ("MessageSid", "SM34"),
           ("From", ANA), ("To", OURS), ("AccountSid", ACCOUNT)), [said("SM34")])
    accept("other scripts are signed as UTF-8", form(("Body", "日本語 ção"), ("MessageSid", "SM35"), ("From", ANA), ("To", OURS),
           ("AccountSid", ACCOUNT)), [said("SM35", text="日本語 ção")])
    add("a blank written as %20 is the same blank", send(form(("Body", "a b"), ("MessageSid", "SM36"), ("From", ANA), ("To", OURS),
        ("AccountSid", ACCOUNT)).replace(b"a+b", b"a%20b")), events=[said("SM36", text="a b")])
    add("a query is part of what is signed", send(small, path="/in/line-1?tenant=1&x=%C3%A1"), events=events)
    add("a query added on the way breaks the signature", good.with_path("/in/line-1?tenant=1"), reason="no_match")
    add("a query taken off on the way breaks the signature", send(small, path="/in/line-1?tenant=1").with_path("/in/line-1"),
        reason="no_match")
    add("a suffix behind the source is part of what is signed", send(small, path="/in/line-1/some/suffix"), events=events)
    add("a suffix added on the way breaks the signature", good.with_path("/in/line-1/some/suffix"), reason="no_match")
    add("the newer of two active tokens signs", send(small, secret=s.newer), events=events, source=both)
    add("the older of two active tokens still signs during a rotation", good, events=events, source=both)
    add("a token that was rotated out signs no longer", good, source=s.source(s.newer), reason="no_match")
    add("the token of another account signs for that account only", send(small, secret=s.foreign), reason="no_match")
    add("one wrong byte in the form breaks the signature", good.with_body(small.replace(b"oi", b"ai")), reason="no_match")
    add("a field added on the way breaks the signature", good.with_body(small + b"&Extra=1"), reason="no_match")
    add("a field taken off on the way breaks the signature", good.with_body(small.replace(b"&Body=oi", b"")), reason="no_match")
    add("a newline appended on the way breaks the signature", good.with_body(small + b"\n"), reason="no_match")
    add("the signature header is missing", good.without(HEADER), reason="missing")
    add("the same signature in two headers is one too many", good.and_header(HEADER, value), reason="repeated")
    add("the signature header is empty", header(""), reason="malformed")
    add("a truncated signature is no signature", header(value[:-4]), reason="malformed")
    add("hexadecimal where base64 belongs is no signature", header(base64.b64decode(value).hex()), reason="malformed")
    add("base64 without its padding is not canonical", header(value.rstrip("=")), reason="malformed")
    url = "https://hooks.example.com/in/line-1"
    shared = "key=webhooks_sharedkey_01example0000000000000000,algorithm="
    by_sha256 = lambda request, secret=s.secret: request.with_header(  # noqa: E731
        HEADER, s.sign(request, secret, algorithm=HMAC_SHA256))
    under = lambda request, settings: request.with_header(SIGNATURE_SETTINGS_HEADER, settings)  # noqa: E731
    add("an account with shared keys signs with sha256, and names it", under(by_sha256(good), shared + "HMAC_SHA256"), events=events)
    add("shared keys: the settings the other way round", under(by_sha256(good), "algorithm=HMAC_SHA256,key=webhooks_sharedkey_01"),
        events=events)
    add("shared keys: blanks and small letters in the settings", under(by_sha256(good), "key=k , algorithm = hmac_sha256 "), events=events)
    add("shared keys: the settings name sha1", under(good, shared + "HMAC_SHA1"), events=events)
    add("shared keys: the settings name no hash, which is sha1", under(good, "key=webhooks_sharedkey_01"), events=events)
    add("shared keys: the settings are empty, which is sha1", under(good, ""), events=events)
    add("shared keys: JSON with its digest in the URL", under(by_sha256(s.json(body)), shared + "HMAC_SHA256"), events=streams)
    add("shared keys: the newer of two signs", under(by_sha256(good, s.newer), shared + "HMAC_SHA256"), events=events, source=both)
    add("shared keys: the key of another account", under(by_sha256(good, s.foreign), shared + "HMAC_SHA256"), reason="no_match")
    add("a signature by sha256 without the settings is none", by_sha256(good), reason="malformed")
    add("a signature by sha256 under settings that name sha1 is none", under(by_sha256(good), shared + "HMAC_SHA1"), reason="malformed")
    add("a signature by sha256 under settings that name no hash is none", under(by_sha256(good), "key=webhooks_sharedkey_01"),
        reason="malformed")
    add("a signature by sha1 under settings that name sha256 is none", under(good, shared + "HMAC_SHA256"), reason="malformed")
    add("settings that name a hash that nobody knows", under(by_sha256(good), shared + "HMAC_SHA512"), reason="malformed")
    add("settings that name a hash by another name", under(by_sha256(good), shared + "SHA256"), reason="malformed")
    # Which of two is Twilio's cannot be said.
    add("the settings are there twice", under(by_sha256(good), shared + "HMAC_SHA1").and_header(
        SIGNATURE_SETTINGS_HEADER, shared + "HMAC_SHA256"), reason="repeated", sdk=None)
    add("a signature over the body's bytes instead of its fields", header(
        b64(digest("sha1", s.secret.encode(), url.encode() + small))), reason="no_match")
    add("a signature over the fields unsorted", header(b64(digest(
        "sha1", s.secret.encode(), (url + "".join(n + v for n, v in parse_qsl(small.decode()))).encode()))), reason="no_match")
    add("a signature over the URL alone does not cover a form", header(b64(digest("sha1", s.secret.encode(), url.encode()))),
        reason="no_match")
    add("a signature for http does not fit https", header(s.sign(good, s.secret, "http://hooks.example.com")), reason="no_match")
    add("a signature for another host", header(s.sign(good, s.secret, "https://hooks.example.org")), reason="no_match")
    # Twilio is not of one mind about ports; its libraries take the URL with the usual port and without.
    add("the usual port may be part of what was signed", header(s.sign(good, s.secret, "https://hooks.example.com:443")),
        events=events)
    add("a webhook sent by PUT is not taken", good.with_method("PUT"), status=405, sdk=None)
    add("Twilio asks nothing by GET", Request("GET", "/in/line-1"), status=405, sdk=None)

    w = Twilio(scheme=s.scheme + "; and a secret in the path besides, which is signed too", url_secrets=("s3cret-in-the-signed-path",))
    w.libraries = asks(w)
    ugly.two_proofs(sheet, w, lambda **more: w.request(small, content_type=FORM, **more), events,
                    missing=lambda request: request.without(HEADER))
    add = lambda name, request, **more: sheet.case(f"two proofs: {name}", w, request, **more)  # noqa: E731
    there = w.request(small, content_type=FORM)
    add("a signature for the path without its secret", there.with_header(HEADER, s.sign(good, w.secret)), reason="no_match")
    add("a secret put into the path of a request that was signed without it", good.with_path("/in/line-1/guess-guess-guess"),
        reason="not_found")

    h = Twilio(scheme="Twilio's own, header x-twilio-signature, URL from the request's host", auth=None, origin="")
    h.libraries = asks(h)

    def hosted(name, host, origin, **more):
        request = Request("POST", "/in/line-1", (("Host", host), FORM), small)
        sheet.case(name, h, request.with_header(HEADER, s.sign(request, h.secret, origin)), **more)

    hosted("no URL is configured: https and the host count", "in.example.com", "https://in.example.com", events=events)
    hosted("no URL is configured: the host with its port counts", "in.example.com:8443", "https://in.example.com:8443", events=events)
    hosted("no URL is configured: Twilio leaves the port out", "in.example.com:8443", "https://in.example.com", events=events)
    hosted("no URL is configured: another host was signed", "in.example.com", "https://other.example.com", reason="no_match")

    p = Twilio(auth={"scheme": "twilio", "url": "https://hooks.example.com:8443"}, origin="https://hooks.example.com:8443")
    p.libraries = asks(p)
    sheet.case("a port in the configured URL", p, p.request(small, content_type=FORM), events=events)
    sheet.case("a port in the configured URL, and Twilio leaves it out", p, p.request(small, content_type=FORM).with_header(
        HEADER, s.sign(good, p.secret)), events=events)
    sheet.case("a port in the configured URL, and another was signed", p, p.request(small, content_type=FORM).with_header(
        HEADER, s.sign(good, p.secret, "https://hooks.example.com:9443")), reason="no_match")
    sheet.case("the configured URL counts, whatever the host header says", p, p.request(small, content_type=FORM).with_header(
        "Host", "10.0.0.7:8080"), events=events)
