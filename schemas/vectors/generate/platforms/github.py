"""GitHub. Shapes: GitHub's "Webhook events and payloads", cut down to what matters here."""

from urllib.parse import urlencode

from vectors import ugly
from vectors.libraries import Node, npm
from vectors.senders import Hmac, digest, plain
from vectors.sheet import Request, compact, event, unmapped_bytes

HEADER = "X-Hub-Signature-256"
REPOSITORY = {"id": 186853002, "node_id": "MDEwOlJlcG9zaXRvcnkxODY4NTMwMDI=", "name": "hello", "full_name": "exemplo/hello",
              "private": False, "owner": {"login": "exemplo", "id": 21031067, "type": "User"},
              "html_url": "https://github.com/exemplo/hello", "default_branch": "main"}
ORGANIZATION = {"login": "exemplo-org", "id": 6811672, "url": "https://api.github.com/orgs/exemplo-org"}
SENDER = {"login": "ana", "id": 583231, "type": "User", "site_admin": False}
DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def push():
    return {"ref": "refs/heads/main", "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
            "after": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5", "created": False, "deleted": False, "forced": False,
            "compare": "https://github.com/exemplo/hello/compare/6113728f27ae...59b20b8d5c6f",
            "commits": [{"id": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5", "message": "Atualiza o README — já revisado",
                         "timestamp": "2026-03-10T10:36:50-03:00", "author": {"name": "Ana", "email": "ana@example.com"},
                         "added": [], "removed": [], "modified": ["README.md"]}],
            "repository": REPOSITORY, "pusher": {"name": "ana", "email": "ana@example.com"}, "sender": SENDER}


def headers(name, delivery=DELIVERY):
    out = [("User-Agent", "GitHub-Hookshot/044aadd"), ("Accept", "*/*"), ("X-GitHub-Event", name),
           ("X-GitHub-Hook-ID", "292430182"), ("X-GitHub-Hook-Installation-Target-ID", "186853002"),
           ("X-GitHub-Hook-Installation-Target-Type", "repository")]
    return [*out, ("X-GitHub-Delivery", delivery)] if delivery else out


def expected(name, *, key="186853002", subject="exemplo/hello", account="21031067", **more):
    return event(f"github.{name}", key=key, subject=subject, account=account,
                 headers={"x-github-event": name, **more})


def build(sheet):
    def octokit(request, secret, clock):
        signature = request.get(HEADER)
        if not signature or not request.body:
            return None
        return Node.call("octokit_verify", secret=secret, body=request.body, signature=signature)

    def sign(secret, stamp, body):
        text = body.decode(errors="replace")
        if not body or text.encode() != body:
            return None
        return Node.call("octokit_sign", secret=secret, body=body)

    s = Hmac(scheme="hmac-sha256, hex, header x-hub-signature-256, prefix sha256=", header=HEADER, prefix="sha256=",
             own_headers=tuple(headers("push")), vendor=sign, libraries={npm("@octokit/webhooks-methods"): octokit})
    plain(sheet)

    def accept(name, hook, value, events, delivery=DELIVERY, **more):
        body = value if isinstance(value, bytes) else compact(value)
        sheet.case(name, s, s.request(body, own=headers(hook, delivery)), events=events, **more)

    accept("a push", "push", push(), [expected("push", **{"x-github-delivery": DELIVERY})])
    accept("the same push redelivered by hand has the same delivery", "push", push(), [expected("push")],
           redelivery_of="a push")
    issue = {"action": "opened", "issue": {"id": 444500041, "number": 1, "title": "Erro de ortografia", "state": "open",
                                           "user": SENDER}, "repository": REPOSITORY, "sender": SENDER}
    accept("an issue is opened", "issues", issue, [expected("issues")], "11111111-0000-4000-8000-000000000001")
    accept("an issue is opened in a repository of an organization", "issues", {**issue, "organization": ORGANIZATION},
           [expected("issues", account="6811672")], "11111111-0000-4000-8000-000000000002")
    accept("a pull request is merged", "pull_request",
           {"action": "closed", "number": 2, "pull_request": {"id": 279147437, "merged": True, "title": "Corrige"},
            "repository": REPOSITORY, "sender": SENDER}, [expected("pull_request")], "11111111-0000-4000-8000-000000000003")
    accept("a comment with an id of 2^53+1", "issue_comment",
           {"action": "created", "issue": {"number": 1}, "comment": {"id": 9007199254740993, "body": "ok"},
            "repository": {**REPOSITORY, "id": 9007199254740993}, "sender": SENDER},
           [event("github.issue_comment", key="9007199254740993", raw={"comment": {"id": 9007199254740993}})],
           "11111111-0000-4000-8000-000000000004")
    accept("a workflow run is done", "workflow_run",
           {"action": "completed", "workflow_run": {"id": 30433642, "name": "CI", "conclusion": "success"},
            "repository": REPOSITORY, "sender": SENDER}, [expected("workflow_run")], "11111111-0000-4000-8000-000000000005")
    accept("somebody joins an organization: no repository, so the organization keeps the order", "organization",
           {"action": "member_added", "membership": {"state": "active", "role": "member", "user": SENDER},
            "organization": ORGANIZATION, "sender": SENDER},
           [event("github.organization", key="6811672", account="6811672")], "11111111-0000-4000-8000-000000000006")
    accept("a sponsorship has neither repository nor organization: it is on its own", "sponsorship",
           {"action": "created", "sponsorship": {"node_id": "MDEw"}, "sender": SENDER},
           [event("github.sponsorship", key="11111111-0000-4000-8000-000000000007")],
           "11111111-0000-4000-8000-000000000007")
    accept("an event that is newer than Forebay is taken by its name", "quantum_review_requested",
           {"repository": REPOSITORY}, [expected("quantum_review_requested")], "11111111-0000-4000-8000-000000000008")
    accept("an empty object is an event all the same: its header names it", "push", b"{}",
           [event("github.push", key="11111111-0000-4000-8000-000000000009")], "11111111-0000-4000-8000-000000000009")
    accept("emoji, escapes and other scripts in a commit's message", "push",
           compact({**push(), "head_commit": {"message": "🎉 日本語 \u2028 \"x\" \\ \n"}}, ascii_only=True),
           [expected("push")], "11111111-0000-4000-8000-000000000010")
    form = urlencode({"payload": compact(push()).decode()}).encode()
    sheet.case("a hook that is set to send forms", s, s.request(
        form, own=headers("push", "11111111-0000-4000-8000-000000000011"),
        content_type=("Content-Type", "application/x-www-form-urlencoded")), events=[expected("push")])
    sheet.case("one wrong byte in a form breaks the signature", s, s.request(
        form, own=headers("push"), content_type=("Content-Type", "application/x-www-form-urlencoded"))
        .with_body(form.replace(b"main", b"nain", 1)), reason="no_match")

    ping = {"zen": "Half measures are as bad as nothing at all.", "hook_id": 292430182,
            "hook": {"type": "Repository", "id": 292430182, "active": True, "events": ["push"]}, "repository": REPOSITORY,
            "sender": SENDER}
    sheet.case("the ping of a new hook is answered and not published", s, s.request(compact(ping), own=headers("ping")),
               verdict="handshake")
    sheet.case("a ping with a wrong signature is refused like all else", s,
               s.request(compact(ping), own=headers("ping"), secret=s.foreign), reason="no_match")
    sheet.case("without the name of the event it is kept all the same", s, s.request(
        compact({"repository": REPOSITORY}), own=[h for h in headers("push") if h[0] != "X-GitHub-Event"]),
        events=[event("unmapped", unmapped={})])
    accept("without a delivery id the content tells deliveries apart", "push", {"repository": REPOSITORY, "n": 1},
           [expected("push")], delivery=None)
    accept("the same content without a delivery id is the same event", "push", {"repository": REPOSITORY, "n": 1},
           [expected("push")], delivery=None,
           redelivery_of="without a delivery id the content tells deliveries apart")

    small = compact({"action": "opened", "repository": {"id": 186853002, "full_name": "exemplo/hello",
                                                       "owner": {"id": 21031067}}})
    ugly.hmac(sheet, s, small, [expected("push")])
    for name, body in (("an authentic body of nothing is kept", b""),
                       ("an authentic body that is not JSON is kept", b"hello, not JSON"),
                       ("authentic bytes that are not UTF-8 are kept", b'{"ref":"\xff\xfe"}')):
        sheet.case(name, s, s.request(body), sdk=None,
                   events=[unmapped_bytes(body) if body else event("unmapped", unmapped={})])
    ugly.strange(sheet, s, push(), [expected("push")], own=headers("push"))
    old = "sha1=" + digest("sha1", s.secret.encode(), small).hex()
    sheet.case("the older header with SHA-1 alone is not enough", s,
               s.request(small).without(HEADER).with_header("X-Hub-Signature", old), reason="missing")
    sheet.case("both headers, as GitHub sends them", s, s.request(small).with_header("X-Hub-Signature", old),
               events=[expected("push")])
    published = Request("POST", "/in/line-1", (("Content-Type", "application/json"), *headers("push"), (
        HEADER, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")), b"Hello, World!")
    sheet.case("the example that GitHub's documents give", s, published, source=s.source("It's a Secret to Everybody"),
               events=[unmapped_bytes(b"Hello, World!")])
    sheet.case("GitHub asks nothing by GET", s, Request("GET", "/in/line-1"), status=405, sdk=None)
