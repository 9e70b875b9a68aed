"""The cases of one platform: collected, checked for what a case must be, and written."""

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

#: The receiver's clock, unless a case says otherwise.
CLOCK = datetime(2026, 3, 10, 13, 38, 20, tzinfo=timezone.utc)
REASONS = {"missing", "repeated", "malformed", "no_match", "outside_tolerance", "not_found", "forbidden", None}
BODIES = Path(__file__).resolve().parent.parent / "bodies"


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def later(amount: float) -> datetime:
    return CLOCK + timedelta(seconds=amount)


def compact(value, ascii_only=False) -> bytes:
    """As JavaScript, and most senders, write JSON."""
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")).encode()


def sample(name: str):
    """A sample body, as a value that may be changed."""
    return json.loads((BODIES / name).read_text())


@dataclass(frozen=True)
class Request:
    """What is sent. Headers keep their order and may be there twice."""

    method: str
    path: str
    headers: tuple = ()
    body: bytes = b""

    def without(self, *names):
        lower = {name.lower() for name in names}
        return replace(self, headers=tuple(h for h in self.headers if h[0].lower() not in lower))

    def with_header(self, name, value):
        """In place of the header of that name, or behind the others."""
        if not any(n.lower() == name.lower() for n, _ in self.headers):
            return replace(self, headers=(*self.headers, (name, value)))
        return replace(self, headers=tuple((n, value if n.lower() == name.lower() else v) for n, v in self.headers))

    def and_header(self, name, value):
        """Beside the header of that name, if there is one."""
        return replace(self, headers=(*self.headers, (name, value)))

    def with_body(self, body):
        return replace(self, body=body)

    def with_path(self, path):
        return replace(self, path=path)

    def with_method(self, method):
        return replace(self, method=method)

    def get(self, name):
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        return values[0] if len(values) == 1 else None


def event(type, *, subject=None, time=None, key=None, account=None, **data):
    """What is expected of one event; what is left out is not checked."""
    out = {"type": type}
    for name, value in (("subject", subject), ("time", time), ("ordering_key", key), ("account", account)):
        if value is not None:
            out[name] = value
    if time is not None and not (len(time) == 24 and time.endswith("Z")):
        raise ValueError(f"{time} is not written as events write it")
    out["data"] = data
    return out


def unmapped(name=None, **more):
    return event("unmapped", **more, unmapped={} if name is None else {"event": name})


def unmapped_bytes(body: bytes):
    return event("unmapped", unmapped={}, raw_base64=base64.b64encode(body).decode())


@dataclass
class Sheet:
    platform: str
    cases: list = field(default_factory=list)
    made_with: list = field(default_factory=list)
    #: How many times a vendor's library agreed.
    confirmed: int = 0

    def made(self, *what):
        for one in what:
            if one not in self.made_with:
                self.made_with.append(one)

    def case(self, name, sender, request, *, events=None, verdict=None, status=None, reason=None, answer=None,
             answer_headers=None, clock=CLOCK, redelivery_of=None, source=None, sdk="as the verdict"):
        """Adds a case. `sdk`: what the vendors' libraries must say: as the verdict, True, False, or None for not asked
        (then the call says why in a comment)."""
        if verdict is None:
            verdict = "refuse" if reason or status in (403, 404, 405) else "accept"
        if status is None:
            status = {"not_found": 404, "forbidden": 403}.get(reason, 401) if verdict == "refuse" else 200
        if reason not in REASONS:
            raise ValueError(reason)
        if (verdict == "accept") != (events is not None):
            raise ValueError(f"{self.platform}: {name}: events belong to accepted cases, and only to them")
        if any(case["name"] == name for case in self.cases):
            raise ValueError(f"{self.platform}: two cases are called `{name}`")
        if redelivery_of is not None:
            original = next((c for c in self.cases if c["name"] == redelivery_of), None)
            if original is None or len(original["events"]) != len(events):
                raise ValueError(f"{self.platform}: {name}: no such original with as many events")
        source = source or sender.source()
        verdicts = sender.sdk(request, source["secrets"], clock) if sdk is not None else {}
        expected = verdict != "refuse" if sdk == "as the verdict" else sdk
        for library, says in verdicts.items():
            self.made(library)
            if says is not expected:
                raise AssertionError(f"{self.platform}: {name}: {library} says {says}")
            self.confirmed += 1
        case = {
            "name": name,
            "platform": self.platform,
            "scheme": sender.scheme,
            "source": source,
            "clock": clock.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "method": request.method,
            "path": request.path,
            "headers": [list(header) for header in request.headers],
            "body": base64.b64encode(request.body).decode(),
            "verdict": verdict,
            "status": status,
            "reason": reason,
            "answer": answer,
            "events": events or [],
            "redelivery_of": redelivery_of,
        }
        if answer_headers:
            case["answer_headers"] = [list(header) for header in answer_headers]
        self.cases.append(case)

    def to_json(self) -> bytes:
        """One case per line."""
        lines = [json.dumps(case, ensure_ascii=False) for case in self.cases]
        head = f'{{"platform": {json.dumps(self.platform)}, "made_with": {json.dumps(sorted(self.made_with))}, "cases": [\n'
        return (head + ",\n".join(lines) + "\n]}\n").encode()
