"""The schemes by which senders prove themselves, from the senders' side."""

import base64
import hmac as mac
from urllib.parse import quote

from .libraries import PLAIN, Node
from .sheet import CLOCK, Request, seconds

JSON = ("Content-Type", "application/json")


def digest(hash_name, key: bytes, message: bytes) -> bytes:
    return mac.new(key, message, hash_name).digest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Sender:
    """One way of sending. `auth` is what the source's configuration says, None for the platform's preset."""

    scheme = "?"
    auth = None
    secrets = ("first-secret-of-this-source",)
    #: What the next rotation brings, and what another source has.
    newer = "second-secret-of-this-source"
    foreign = "secret-of-another-source"
    #: A second proof: what must stand in the path besides.
    url_secrets = ()
    verify_token = None
    path = "/in/line-1"
    #: The sender's own headers, behind the content type.
    own_headers = ()
    #: Libraries that are asked about every case: name -> f(request, secret, clock) -> True, False, or None for no opinion.
    libraries = None

    def __init__(self, **members):
        for name, value in members.items():
            if not hasattr(type(self), name):
                raise TypeError(name)
            setattr(self, name, value)

    @property
    def secret(self):
        return self.secrets[0]

    def source(self, *secrets, auth=None, verify_token=None, url_secrets=None):
        source = {
            "auth": auth or self.auth,
            "secrets": list(secrets or self.secrets),
            "verify_token": verify_token or self.verify_token,
        }
        if self.url_secrets:
            source["url_secrets"] = list(url_secrets or self.url_secrets)
        return source

    def sdk(self, request, secrets, clock):
        out = {}
        for library, ask in (self.libraries or {}).items():
            says = [ask(request, secret, clock) for secret in secrets]
            if None not in says:
                out[library] = any(says)
        return out

    def request(self, body, *, secret=None, at=CLOCK, path=None, method="POST", own=None, content_type=JSON):
        secret = self.secret if secret is None else secret
        headers = [content_type] if content_type else []
        headers += self.own_headers if own is None else own
        if path is None:
            path = "/".join([self.path, *(quote(secret, safe="") for secret in self.url_secrets[:1])])
        request = Request(method, path, tuple(headers), body)
        return self.prove(request, secret, at)

    def prove(self, request, secret, at):
        raise NotImplementedError


class Hmac(Sender):
    """A keyed hash of the body in a header, with or without a time stamp."""

    hash = "sha256"
    encoding = "hex"
    header = "X-Signature"
    prefix = ""
    #: bytes.replace'd: {timestamp} and {body}
    template = "{body}"
    stamp_header = None
    stamp = staticmethod(lambda moment: str(seconds(moment)))
    #: The vendor's way to sign, where there is one: f(secret, stamp, body) -> header value.
    vendor = None

    def message(self, stamp: str, body: bytes, template=None) -> bytes:
        before, after = (template or self.template).split("{body}")
        return before.replace("{timestamp}", stamp).encode() + body + after.replace("{timestamp}", stamp).encode()

    def encode(self, tag: bytes) -> str:
        return self.prefix + (tag.hex() if self.encoding == "hex" else b64(tag))

    def signature(self, secret, body, stamp="", hash=None):
        message = self.message(stamp, body)
        plain = self.encode(digest(hash or self.hash, secret.encode(), message))
        other = Node.call("hmac", hash=hash or self.hash, secret=secret, body=message, encoding=self.encoding)
        if plain != self.prefix + other:
            raise AssertionError(f"Node signs {other}, not {plain}")
        if self.vendor is not None and hash is None:
            signed = self.vendor(secret, stamp, body)
            if signed is not None and signed != plain:
                raise AssertionError(f"the vendor's library signs {signed}, not {plain}")
        return plain

    def prove(self, request, secret, at):
        return self.prove_with(request, secret, self.stamp(at) if self.stamp_header else "")

    def prove_with(self, request, secret, stamp: str):
        """With that text as the time stamp, whatever it is."""
        if self.stamp_header:
            request = request.with_header(self.stamp_header, stamp)
        return request.with_header(self.header, self.signature(secret, request.body, stamp))


class Token(Sender):
    """A fixed text in a header, the query, or a member of the body."""

    place = "header"
    name = "X-Token"
    bearer = False

    def prove(self, request, secret, at):
        if self.place == "header":
            return request.with_header(self.name, ("Bearer " if self.bearer else "") + secret)
        if self.place == "query":
            joint = "&" if "?" in request.path else "?"
            return request.with_path(f"{request.path}{joint}{self.name}={quote(secret, safe='')}")
        raise NotImplementedError("a token in the body is written by the platform itself")


class UrlSecret(Sender):
    """A fixed text in the path, behind the source id."""

    suffix = ""

    def prove(self, request, secret, at):
        base, mark, query = request.path.partition("?")
        return request.with_path(f"{base}/{quote(secret, safe='')}{self.suffix}{mark}{query}")


class Basic(Sender):
    """RFC 7617. Each secret is `user:password`."""

    scheme = "basic"
    auth = {"scheme": "basic"}
    secrets = ("webhooks:first-password",)
    newer = "webhooks:second-password"
    foreign = "webhooks:password-of-another"

    def prove(self, request, secret, at):
        return request.with_header("Authorization", "Basic " + b64(secret.encode()))


class Open(Sender):
    """Anybody may send."""

    scheme = "none"
    auth = {"scheme": "none"}
    secrets = ()
    secret = ""

    def source(self, *secrets, **more):
        return {"auth": self.auth, "secrets": [], "verify_token": None}

    def prove(self, request, secret, at):
        return request


def plain(sheet):
    sheet.made(PLAIN)
