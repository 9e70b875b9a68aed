"""The ugly cases that every platform of a kind has: what breaks between a sender and a receiver, and what attackers try."""

import base64
import hashlib
import json
import re

from .senders import b64, digest
from .sheet import CLOCK, Request, compact, later, seconds, unmapped, unmapped_bytes


def reserialize(body: bytes) -> bytes:
    """What a framework makes of a body that it has parsed: the same value in other bytes."""
    value = json.loads(body)
    for other in (json.dumps(value, ensure_ascii=True), json.dumps(value, ensure_ascii=False, indent=2)):
        if other.encode() != body:
            return other.encode()
    raise AssertionError("no other bytes")


def damaged(body: bytes) -> bytes:
    """One letter of a value is another: still JSON where it was."""
    at = body.rindex(b'"') - 1
    return body[:at] + (b"X" if body[at:at + 1] != b"X" else b"Y") + body[at + 1:]


def hmac(sheet, s, body, events, *, other=None):
    """A keyed hash in a header. `body` is accepted and becomes `events`."""
    good = s.request(body)
    value = good.get(s.header)
    add = lambda name, request, **more: sheet.case(name, s, request, **more)  # noqa: E731
    both = s.source(s.newer, s.secret)

    add("the newer of two active secrets signs", s.request(body, secret=s.newer), events=events, source=both)
    add("the older of two active secrets still signs during a rotation", s.request(body), events=events, source=both)
    add("a secret that was rotated out signs no longer", s.request(body), source=s.source(s.newer), reason="no_match")
    add("the secret of another source signs for that source only", s.request(body, secret=s.foreign), reason="no_match")
    add("the secret with its last letter missing is another secret", s.request(body, secret=s.secret[:-1]),
        reason="no_match")
    add("the oldest of three active secrets still signs", good, events=events, source=s.source(s.newer, s.foreign, s.secret))
    for name, secret in (("a secret of other letters than ASCII's is taken as UTF-8", "ségrédo-da-fonte-çãõ-日本"),
                         ("a secret with blanks at its ends keeps them", "  secret with blanks  "),
                         ("a secret of eight bytes is long enough", "8 bytes!"),
                         ("a secret longer than the hash's block is a secret like any other", "long secret " * 20)):
        add(name, s.request(body, secret=secret), events=events, source=s.source(secret))
    add("one wrong byte in the body breaks the signature", good.with_body(damaged(body)), reason="no_match")
    add("one byte less at the end of the body breaks the signature", good.with_body(body[:-1]), reason="no_match")
    add("a newline appended on the way breaks the signature", good.with_body(body + b"\n"), reason="no_match")
    add("the same JSON serialized again breaks the signature", good.with_body(reserialize(body)), reason="no_match")
    add("the body replaced by nothing breaks the signature", good.with_body(b""), reason="no_match")
    add("a signature over an empty body does not fit a body", s.request(b"").with_body(body), reason="no_match")
    add("the signature header is missing", good.without(s.header), reason="missing")
    add("the same signature in two headers is one too many", good.and_header(s.header, value), reason="repeated")
    wrong = s.encode(digest(s.hash, s.foreign.encode(), b"something else"))
    add("a wrong signature before the right one does not help", good.with_header(s.header, wrong)
        .and_header(s.header, value), reason="repeated")
    add("the signature header is empty", good.with_header(s.header, ""), reason="malformed")
    add("a truncated signature is no signature", good.with_header(s.header, value[:-4]), reason="malformed")
    # Node's decoder of base64 reads up to the padding and no further.
    add("a signature with something behind it is no signature", good.with_header(s.header, value + "00000000"),
        reason="malformed", sdk=None if s.encoding == "base64" else "as the verdict")
    tag = value[len(s.prefix):]
    whole = bytes.fromhex(tag) if s.encoding == "hex" else base64.b64decode(tag)
    if s.encoding == "hex":
        # Libraries compare text, and so take one spelling only; a digest is a number and has both.
        add("hexadecimal in upper case is the same digest", good.with_header(s.header, s.prefix + tag.upper()),
            events=events, sdk=None)
        add("base64 where hexadecimal belongs is no signature",
            good.with_header(s.header, s.prefix + b64(bytes.fromhex(tag))), reason="malformed")
        add("a letter that is no hexadecimal digit makes no signature",
            good.with_header(s.header, s.prefix + "g" + tag[1:]), reason="malformed")
    else:
        add("hexadecimal where base64 belongs is no signature", good.with_header(s.header, s.prefix + whole.hex()),
            reason="malformed")
        # Some libraries decode what is not canonical.
        add("base64 without its padding is not canonical", good.with_header(s.header, s.prefix + tag.rstrip("=")),
            reason="malformed", sdk=None)
    flipped = bytes([whole[0] ^ 1]) + whole[1:]
    add("one bit of the signature is wrong", good.with_header(s.header, s.encode(flipped)), reason="no_match")
    add("a blank before the digest makes it no signature", good.with_header(s.header, s.prefix + " " + tag), reason="malformed",
        sdk=None)
    add("two signatures in one header are none where one is wanted", good.with_header(s.header, f"{value}, {value}"),
        reason="malformed", sdk=None)
    if s.prefix:
        # pywa takes it without.
        add("the signature without its prefix is not of this form", good.with_header(s.header, tag), reason="malformed",
            sdk=None)
        scheme = "sha512=" if s.prefix != "sha512=" else "sha1="
        add("the name of another hash before the right digest is not of this form",
            good.with_header(s.header, scheme + tag), reason="malformed", sdk=None)
    other_hash = "sha512" if s.hash != "sha512" else "sha256"
    stamp = good.get(s.stamp_header) if s.stamp_header else ""
    add(f"a digest of {other_hash} has another length", good.with_header(
        s.header, s.encode(digest(other_hash, s.secret.encode(), s.message(stamp, body)))), reason="malformed")
    length = {"sha1": 20, "sha256": 32, "sha512": 64}[s.hash]
    cut = digest("sha512", s.foreign.encode() + s.secret.encode(), s.message(stamp, body))[:length]
    add("a digest of the right length under a key glued together does not match", good.with_header(
        s.header, s.encode(cut)), reason="no_match")
    keyless = hashlib.new(s.hash, s.message(stamp, body)).digest()
    add("a hash without a key proves nothing", good.with_header(s.header, s.encode(keyless)), reason="no_match")
    add("a query behind the path changes nothing", good.with_path(good.path + "?utm_source=test"), events=events)
    add("a suffix behind the source changes nothing", good.with_path(good.path + "/some/suffix"), events=events)
    add("JSON that is sent as plain text is JSON all the same", good.with_header("Content-Type", "text/plain"), events=events)
    add("JSON that is sent without a content type is JSON all the same", good.without("Content-Type"), events=events)
    add("header names in upper case are the same headers",
        type(good)(good.method, good.path, tuple((n.upper(), v) for n, v in good.headers), good.body), events=events)
    add("a webhook sent by PUT is not taken", good.with_method("PUT"), status=405, sdk=True)


def stamped(sheet, s, body, events, *, tolerance=300, malformed=(), sdk_future=True):
    """A signed time stamp in a header of its own, beside what [`hmac`] has. `malformed`: pairs of a name and a text."""
    add = lambda name, request, **more: sheet.case(name, s, request, **more)  # noqa: E731
    good = s.request(body)
    stamp = good.get(s.stamp_header)
    add("a time stamp at the very edge of the tolerance, in the past, is in time", s.request(body, at=later(-tolerance)),
        events=events)
    add("a time stamp one second past the tolerance is too old", s.request(body, at=later(-tolerance - 1)),
        reason="outside_tolerance")
    add("a time stamp at the very edge of the tolerance, in the future, is in time", s.request(body, at=later(tolerance)),
        events=events)
    add("a time stamp one second further in the future is too early", s.request(body, at=later(tolerance + 1)),
        reason="outside_tolerance", sdk="as the verdict" if sdk_future else None)
    add("a replay after a day is stale", good, clock=later(86_400), reason="outside_tolerance")
    add("a time stamp of next week is not from now", s.request(body, at=later(7 * 86_400)), reason="outside_tolerance",
        sdk="as the verdict" if sdk_future else None)
    add("a wrong signature is told before a stale time stamp",
        s.request(body, at=later(-tolerance - 100), secret=s.foreign), reason="no_match")
    add("the time stamp header is missing", good.without(s.stamp_header), reason="missing")
    add("the time stamp in two headers is one too many", good.and_header(s.stamp_header, stamp), reason="repeated")
    add("a time stamp moved on the way breaks the signature", good.with_header(s.stamp_header, s.stamp(later(1))),
        reason="no_match")
    # Signed as they are, so that the text itself is what is wrong. Libraries are more lenient with numbers, or break.
    for name, text in malformed:
        add(name, s.prove_with(s.request(body), s.secret, text), reason="malformed", sdk=None)


NOT_SECONDS = (
    ("a time stamp that is not a number is none", "yesterday"),
    ("an empty time stamp is none", ""),
    ("a time stamp with a fraction is not in whole seconds", f"{seconds(CLOCK)}.5"),
    ("a time stamp with a sign is not digits only", f"+{seconds(CLOCK)}"),
    ("a time stamp in hexadecimal is not digits only", hex(seconds(CLOCK))),
)


def bodies(sheet, s, *, empty=True, objects=True, lists=True, own=None, deep=True):
    """Authentic bodies that nobody can map: kept, each as one `unmapped` event."""
    add = lambda name, body, **more: sheet.case(name, s, s.request(body, own=own), events=[more.pop("event", None) or unmapped()], **more)  # noqa: E731,E501
    if empty:
        add("an authentic body of nothing is kept", b"")
    add("an authentic body that is not JSON is kept", b"hello, not JSON", event=unmapped_bytes(b"hello, not JSON"))
    # Libraries that take text cannot be asked about this one.
    add("authentic bytes that are not UTF-8 are kept", b'{"text":"\xff\xfe"}', event=unmapped_bytes(b'{"text":"\xff\xfe"}'),
        sdk=None)
    add("authentic JSON with something behind it is kept", b'{"a":1} x', event=unmapped_bytes(b'{"a":1} x'))
    if objects:
        add("an authentic empty object is kept", b"{}")
        add("an authentic object of unknown members is kept", b'{"hello":"world","n":[1,2,{"x":null}]}')
    if lists:
        add("an authentic empty list is kept", b"[]")
        add("an authentic JSON null is kept", b"null")
    if deep:
        body = b'{"a":' * 200 + b"1" + b"}" * 200
        add("an authentic body nested two hundred deep is kept", body, event=unmapped_bytes(body))


def strange(sheet, s, value, events, *, own=None, spare=(), closed=()):
    """The same webhook as another version or another language would write it: all of them mean the same. `spare`: members
    of the top level that stay as they are, `closed`: objects that get no unknown members because every member of them means
    something."""
    events = [{**e, "data": {n: v for n, v in e["data"].items() if n != "raw"}} for e in events]
    add = lambda name, body: sheet.case(name, s, s.request(body, own=own), events=events)  # noqa: E731
    top = lambda change: {n: v if n in spare else change(v) for n, v in value.items()}  # noqa: E731

    def grown(v):
        if isinstance(v, list):
            return [grown(x) for x in v]
        if not isinstance(v, dict):
            return v
        more = {n: x if n in closed and isinstance(x, dict) and not any(isinstance(y, (dict, list)) for y in x.values())
                else {m: grown(y) for m, y in x.items()} if n in closed and isinstance(x, dict) else grown(x) for n, x in v.items()}
        return {**more, "x_since_2027": {"n": [1, {"id": None}], "text": "}]\\\""}}

    def texts(v):
        if isinstance(v, (list, dict)):
            return [texts(x) for x in v] if isinstance(v, list) else {n: texts(x) for n, x in v.items()}
        return str(v) if isinstance(v, int) and not isinstance(v, bool) else v

    def numbers(v):
        if isinstance(v, (list, dict)):
            return [numbers(x) for x in v] if isinstance(v, list) else {n: numbers(x) for n, x in v.items()}
        return int(v) if isinstance(v, str) and re.fullmatch("[1-9][0-9]*", v) else v

    add("written over many lines, with carriage returns", json.dumps(value, ensure_ascii=False, indent=4).replace("\n", "\r\n").encode())
    add("white space before and behind all", b" \n\t" + compact(value) + b"\r\n ")
    add("every character that may be escaped is escaped", re.sub(
        rb'"((?:[^"\\]|\\.)*)"', lambda m: b'"' + (m[1] if b"\\" in m[1] else b"".join(b"\\u%04x" % c for c in m[1])) + b'"',
        compact(value, ascii_only=True)))
    add("members that nobody knows yet, everywhere", compact({**{n: v if n in spare else grown({n: v})[n] for n, v in value.items()},
                                                             **({} if "" in closed else {"x_since_2027": [{}]})}))
    add("all numbers written as texts", compact(top(texts)))
    add("all texts of digits written as numbers", compact(top(numbers)))
    nulls = ",".join(f"{json.dumps(n)}:null" for n in value if n not in spare)
    add("every member of the top level there twice: the last one counts", f"{{{nulls},".encode() + compact(value)[1:])
    backwards = lambda v: {n: backwards(v[n]) for n in reversed(v)} if isinstance(v, dict) else \
        [backwards(x) for x in v] if isinstance(v, list) else v  # noqa: E731
    if not closed:
        add("all members in the opposite order", compact(backwards(value)))


def times(sheet, s, make, events, *, own=None):
    """`make` puts a time into the body; where it is none, the event happened when it was received."""
    now = CLOCK.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for name, value in (("null", None), ("0, which is none", 0), ("beyond all calendars", 10**30), ("negative", -1),
                        ("an empty text", ""), ("a word", "yesterday"), ("local, without a zone", "2026-03-10T10:36:50"),
                        ("a list", [1773149810])):
        sheet.case(f"the event's time is {name}", s, s.request(compact(make(value)), own=own),
                   events=[{**e, "time": now} for e in events])


def url_secret(sheet, s, body, events):
    """A secret in the path."""
    add = lambda name, request, **more: sheet.case(name, s, request, **more)  # noqa: E731
    good = s.request(body)
    with_path = good.with_path
    both = s.source(s.newer, s.secret)
    add("the newer of two active secrets stands in the path", s.request(body, secret=s.newer), events=events, source=both)
    add("the older of two active secrets still opens during a rotation", s.request(body), events=events, source=both)
    add("a secret that was rotated out opens no longer", good, source=s.source(s.newer), reason="not_found")
    add("the secret of another source opens that source only", s.request(body, secret=s.foreign), reason="not_found")
    add("no secret in the path", with_path("/in/line-1"), reason="not_found")
    add("an empty secret in the path", with_path("/in/line-1/"), reason="not_found")
    add("a wrong secret in the path", with_path("/in/line-1/guess-guess-guess"), reason="not_found")
    add("the secret without its last letter", with_path(f"/in/line-1/{s.secret[:-1]}"), reason="not_found")
    add("the secret with one letter more", with_path(f"/in/line-1/{s.secret}x"), reason="not_found")
    add("the secret in upper case is another secret", with_path(f"/in/line-1/{s.secret.upper()}"), reason="not_found")
    add("the secret in the second segment is in the wrong place", with_path(f"/in/line-1/hooks/{s.secret}"),
        reason="not_found")
    add("the secret in the query is in the wrong place", with_path(f"/in/line-1?secret={s.secret}"), reason="not_found")
    add("a suffix behind the secret changes nothing", with_path(f"/in/line-1/{s.secret}/messages-upsert"), events=events)
    add("two segments and a slash behind the secret change nothing", with_path(f"/in/line-1/{s.secret}/a/b/"), events=events)
    add("a query behind the secret changes nothing", with_path(f"/in/line-1/{s.secret}?tenant=1"), events=events)
    escaped = "".join(f"%{ord(c):02X}" for c in s.secret)
    add("the secret percent-encoded letter by letter is the same secret", with_path(f"/in/line-1/{escaped}"), events=events)
    lower = "".join(f"%{ord(c):02x}" for c in s.secret)
    add("percent-encoding with lower-case digits is the same secret", with_path(f"/in/line-1/{lower}"), events=events)
    special = "k€y/with?all#kinds of+signs%"
    add("a secret of special characters stands percent-encoded in the path", s.request(body, secret=special), events=events,
        source=s.source(special))
    add("a plus sign in the path is a plus sign and no blank",
        with_path("/in/line-1/two+words+secret"), source=s.source("two words secret"), reason="not_found")
    add("the whole secret percent-encoded twice is another secret",
        with_path(f"/in/line-1/{escaped.replace('%', '%25')}"), reason="not_found")


def two_proofs(sheet, s, make, events, *, missing, wrong="no_match"):
    """A secret in the path besides. `make(secret=…, path=…)` is a request with a proof by that secret, as sent to that path (the newest
    secret of each without them); `missing` takes that proof off. The path is looked at first, whatever the other proof is."""
    add = lambda name, request, **more: sheet.case(f"two proofs: {name}", s, request, **more)  # noqa: E731
    path, newer = s.url_secrets[0], f"newer-{s.url_secrets[0]}"
    at = lambda secret: f"/in/line-1/{secret}"  # noqa: E731
    both = s.source(url_secrets=(newer, path))
    good = make()
    add("both are right", good, events=events)
    add("both are right, and a suffix behind the secret in the path", make(path=at(path) + "/some/suffix"), events=events)
    add("the newer of two secrets in the path", make(path=at(newer)), events=events, source=both)
    add("the older of two secrets in the path, during a rotation", good, events=events, source=both)
    add("the path is right, the other is wrong", make(secret=s.foreign), reason=wrong)
    add("the path is right, the other is missing", missing(good), reason="missing")
    add("the secret of the path in the place of the other's", make(secret=path), reason=wrong)
    # Libraries know of no secret in the path, and find the signature right.
    add("the path is wrong, the other is right", make(path=at("guess-guess-guess")), reason="not_found", sdk=True)
    add("the path is missing, the other is right", make(path="/in/line-1"), reason="not_found", sdk=True)
    add("the path is empty, the other is right", make(path=at("")), reason="not_found", sdk=True)
    add("a secret of the path that was rotated out, the other is right", good, reason="not_found", sdk=True,
        source=s.source(url_secrets=(newer,)))
    add("the other's secret in the place of the path's", make(path=at(s.secret)), reason="not_found", sdk=True)
    add("both are wrong", make(secret=s.foreign, path=at("guess-guess-guess")), reason="not_found")
    add("the path is wrong, the other is missing", missing(make(path=at("guess-guess-guess"))), reason="not_found")
    add("both are missing", missing(make(path="/in/line-1")), reason="not_found")
    add("another method behind the right path", good.with_method("PUT"), status=405, sdk=None)
    add("another method behind a wrong path", make(path=at("guess-guess-guess")).with_method("PUT"), reason="not_found", sdk=None)


def token_header(sheet, s, body, events):
    add = lambda name, request, **more: sheet.case(name, s, request, **more)  # noqa: E731
    good = s.request(body)
    shown = good.get(s.name)
    both = s.source(s.newer, s.secret)
    add("the newer of two active tokens opens", s.request(body, secret=s.newer), events=events, source=both)
    add("the older of two active tokens still opens during a rotation", s.request(body), events=events, source=both)
    add("a token that was rotated out opens no longer", good, source=s.source(s.newer), reason="no_match")
    add("the token of another source opens that source only", s.request(body, secret=s.foreign), reason="no_match")
    add("the token header is missing", good.without(s.name), reason="missing")
    add("the same token in two headers is one too many", good.and_header(s.name, shown), reason="repeated")
    add("a wrong token before the right one does not help", good.with_header(s.name, "guess-guess-guess")
        .and_header(s.name, shown), reason="repeated")
    add("an empty token header matches nothing", good.with_header(s.name, ""), reason="no_match")
    add("a token without its last letter matches nothing", good.with_header(s.name, shown[:-1]), reason="no_match")
    add("a token with one letter more matches nothing", good.with_header(s.name, shown + "x"), reason="no_match")
    add("a token in upper case is another token", good.with_header(s.name, shown.upper()), reason="no_match")
    add("a token in quotes is another token", good.with_header(s.name, f'"{s.secret}"'), reason="no_match")
    add("the token in the query instead is not looked for",
        good.without(s.name).with_path(f"{good.path}?token={s.secret}"), reason="missing")
    add("the token with Bearer before it is the same token", good.with_header(s.name, f"Bearer {s.secret}"), events=events)
    add("the token with bearer in lower case before it is the same token",
        good.with_header(s.name, f"bearer {s.secret}"), events=events)
    add("the word Bearer alone matches nothing", good.with_header(s.name, "Bearer "), reason="no_match")
    add("the header's name in upper case is the same header", good.without(s.name).with_header(s.name.upper(), shown),
        events=events)
    add("a query behind the path changes nothing", good.with_path(good.path + "?utm_source=test"), events=events)
    add("a suffix behind the source changes nothing", good.with_path(good.path + "/some/suffix"), events=events)
    add("a body changed on the way is not noticed by a token, and is taken as it came",
        good.with_body(body + b"\n"), events=events)
    add("a webhook sent by PUT is not taken", good.with_method("PUT"), status=405)


def basic(sheet, s, body, events):
    add = lambda name, request, **more: sheet.case(name, s, request, **more)  # noqa: E731
    good = s.request(body)
    user, password = s.secret.split(":", 1)
    auth = lambda text: good.with_header("Authorization", text)  # noqa: E731
    code = lambda text: "Basic " + b64(text.encode())  # noqa: E731
    add("basic: user and password are right", good, events=events)
    add("basic: the newer of two pairs opens", s.request(body, secret=s.newer), events=events,
        source=s.source(s.newer, s.secret))
    add("basic: the older of two pairs still opens", good, events=events, source=s.source(s.newer, s.secret))
    add("basic: the word in lower case is the same scheme", auth(code(s.secret).replace("Basic", "basic")), events=events)
    add("basic: a colon and an umlaut in the password are part of it", s.request(body, secret="user:pä:ss:wörd"),
        events=events, source=s.source("user:pä:ss:wörd"))
    add("basic: another user", auth(code(f"somebody:{password}")), reason="no_match")
    add("basic: a wrong password", auth(code(f"{user}:wrong-password")), reason="no_match")
    add("basic: an empty password", auth(code(f"{user}:")), reason="no_match")
    add("basic: the header is missing", good.without("Authorization"), reason="missing")
    add("basic: the header is there twice", good.and_header("Authorization", code(s.secret)), reason="repeated")
    add("basic: the credentials are not base64", auth(f"Basic {s.secret}"), reason="malformed")
    add("basic: another scheme in the header", auth("Bearer " + b64(s.secret.encode())), reason="malformed")


def handshake_get(sheet, s, name, path, answer, **more):
    """A GET that is answered with a text."""
    sheet.case(name, s, Request("GET", path), verdict="handshake",
               answer={"content_type": "text/plain", "body": answer}, sdk=None, **more)


def refused_get(sheet, s, name, path, **more):
    sheet.case(name, s, Request("GET", path), sdk=None, **more)
