"""Slack's Events API, slash commands and interactivity. Shapes: api.slack.com, "Events API", "Slash commands"."""

import json
from datetime import datetime, timezone
from urllib.parse import urlencode

from slack_sdk.signature import SignatureVerifier

from vectors import ugly
from vectors.libraries import pypi
from vectors.senders import Hmac, digest, plain
from vectors.sheet import CLOCK, Request, compact, event, later, seconds, unmapped

TEAM, CHANNEL, DIRECT, USER = "T0001EXAMP", "C0001EXAMP", "D0001EXAMP", "U0001EXAMP"
FORM = ("Content-Type", "application/x-www-form-urlencoded")


class Clock:
    def __init__(self, moment):
        self.moment = moment

    def now(self):
        return self.moment.timestamp()


def callback(inner, id="Ev0PV52K25", at=1773149810):
    return {"token": "not-used-anymore", "team_id": TEAM, "api_app_id": "A0001EXAMP", "event": inner,
            "type": "event_callback", "event_id": id, "event_time": at,
            "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": "U0BOT", "is_bot": True}],
            "is_ext_shared_channel": False, "event_context": "4-eyJldCI6Im1lc3NhZ2UifQ"}


def message(ts="1773149810.000200", text="Olá, bom dia", **more):
    return {"type": "message", "user": USER, "text": text, "ts": ts, "channel": CHANNEL, "channel_type": "channel",
            "event_ts": ts, "team": TEAM, **more}


def said(id="1773149810.000200", text=None, *, type="message.created", at="2026-03-10T13:36:50.000Z", channel=CHANNEL, **more):
    inner = {"id": id, "conversation": {"id": channel}, **more}
    if text is not None:
        inner["text"] = text
    return event(type, subject=channel, key=channel, account=TEAM, time=at, message=inner)


def build(sheet):
    def slack_sdk(request, secret, clock):
        stamp, signature = request.get("X-Slack-Request-Timestamp"), request.get("X-Slack-Signature")
        if stamp is None or signature is None:
            return None
        return SignatureVerifier(secret, Clock(clock)).is_valid(request.body, stamp, signature)

    s = Hmac(scheme="hmac-sha256, hex, header x-slack-signature, prefix v0=, signed time stamp", prefix="v0=",
             header="X-Slack-Signature", template="v0:{timestamp}:{body}", stamp_header="X-Slack-Request-Timestamp",
             own_headers=(("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)"),),
             vendor=lambda secret, stamp, body: SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
             if body.decode(errors="replace").encode() == body else None,
             libraries={pypi("slack_sdk"): slack_sdk})
    plain(sheet)

    def accept(name, value, events, **more):
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    accept("a message in a channel", callback(message()),
           [said(text="Olá, bom dia", direction="inbound", **{"from": {"id": USER}})])
    sheet.case("the same message delivered again a minute later, as a retry", s,
               s.request(compact(callback(message())), at=later(60)).with_header("X-Slack-Retry-Num", "1")
               .with_header("X-Slack-Retry-Reason", "http_timeout"), clock=later(60), events=[said()],
               redelivery_of="a message in a channel")
    accept("the mention of our app is the same message", callback(
        {**message(), "type": "app_mention"}, "Ev0PV52K99"), [said(text="Olá, bom dia")],
        redelivery_of="a message in a channel")
    accept("a direct message is no group", callback(message(ts="1773149811.000100", channel=DIRECT, channel_type="im"), "Ev02"),
           [said("1773149811.000100", channel=DIRECT, at="2026-03-10T13:36:51.000Z",
                 conversation={"id": DIRECT, "group": False})])
    accept("a message in a private channel is in a group", callback(message(channel_type="group"), "Ev03"),
           [said(conversation={"id": CHANNEL, "group": True})])
    accept("an answer in a thread quotes the first message", callback(message("1773149820.000300", "sim",
           thread_ts="1773149810.000200"), "Ev04"),
           [said("1773149820.000300", "sim", at="2026-03-10T13:37:00.000Z", quoted={"id": "1773149810.000200"})])
    accept("a message of a bot goes out", callback(message("1773149830.000100", "Bom dia!", bot_id="B0001EXAMP"), "Ev05"),
           [said("1773149830.000100", "Bom dia!", at="2026-03-10T13:37:10.000Z", direction="outbound")])
    accept("a message with a file", callback(message("1773149841.000100", "foto", subtype="file_share", files=[
        {"id": "F0001", "name": "foto.jpg", "mimetype": "image/jpeg", "size": 20480,
         "url_private": "https://files.slack.com/files-pri/T0001EXAMP-F0001/foto.jpg"}]), "Ev06"),
        [said("1773149841.000100", "foto", at="2026-03-10T13:37:21.000Z")])
    accept("a message is edited", callback(
        {"type": "message", "subtype": "message_changed", "channel": CHANNEL, "ts": "1773149860.000400",
         "event_ts": "1773149860.000400", "channel_type": "channel", "hidden": True,
         "message": {"type": "message", "user": USER, "text": "Olá, boa tarde", "ts": "1773149810.000200",
                     "edited": {"user": USER, "ts": "1773149860.000000"}},
         "previous_message": {"type": "message", "user": USER, "text": "Olá, bom dia", "ts": "1773149810.000200"}}, "Ev07"),
        [event("message.updated", subject=CHANNEL, key=CHANNEL, account=TEAM,
               message={"id": "1773149810.000200", "text": "Olá, boa tarde", "conversation": {"id": CHANNEL}})])
    accept("a message is deleted", callback(
        {"type": "message", "subtype": "message_deleted", "channel": CHANNEL, "ts": "1773149870.000500",
         "event_ts": "1773149870.000500", "deleted_ts": "1773149810.000200", "channel_type": "channel", "hidden": True,
         "previous_message": {"type": "message", "user": USER, "text": "Olá", "ts": "1773149810.000200"}}, "Ev08"),
        [event("message.deleted", subject=CHANNEL, key=CHANNEL, account=TEAM,
               message={"id": "1773149810.000200", "conversation": {"id": CHANNEL}})])
    accept("the note that somebody came into the channel is a message of the system", callback(
        message("1773149815.000100", "<@U0001EXAMP> has joined the channel", subtype="channel_join"), "Ev09"),
        [said("1773149815.000100", at="2026-03-10T13:36:55.000Z", kind="system")])
    for verb, emoji in (("added", "thumbsup"), ("removed", None)):
        accept(f"a reaction is {verb}", callback(
            {"type": f"reaction_{verb}", "user": USER, "reaction": "thumbsup", "item_user": "U0BOT",
             "item": {"type": "message", "channel": CHANNEL, "ts": "1773149810.000200"}, "event_ts": "1773149850.000100"},
            f"Ev1{verb}", 1773149850),
            [event("message.reaction", subject=CHANNEL, key=CHANNEL, account=TEAM,
                   message={"id": "1773149810.000200", "conversation": {"id": CHANNEL}, "from": {"id": USER},
                            **({"emoji": emoji} if emoji else {})})])
    for word, action in (("joined", "joined"), ("left", "left")):
        accept(f"a member {word} the channel", callback(
            {"type": f"member_{word}_channel", "user": USER, "channel": CHANNEL, "channel_type": "C", "team": TEAM,
             "event_ts": "1773149855.000100"}, f"Ev2{word}", 1773149855),
            [event("group.participants.updated", subject=CHANNEL, key=CHANNEL, account=TEAM,
                   group={"id": CHANNEL, "action": action, "participants": [{"id": USER}]})])
    accept("a channel is made", callback({"type": "channel_created", "channel": {
        "id": "C0002EXAMP", "name": "vendas", "created": 1773149800, "creator": USER}, "event_ts": "1773149800.000100"}, "Ev30"),
        [event("group.created", subject="C0002EXAMP", key="C0002EXAMP", account=TEAM, group={"id": "C0002EXAMP", "subject": "vendas"})])
    accept("a channel gets another name", callback({"type": "channel_rename", "channel": {
        "id": "C0002EXAMP", "name": "vendas-sul", "created": 1773149800}, "event_ts": "1773149801.000100"}, "Ev31"),
        [event("group.updated", subject="C0002EXAMP", account=TEAM, group={"id": "C0002EXAMP", "subject": "vendas-sul"})])
    accept("a channel is archived", callback({"type": "channel_archive", "channel": "C0002EXAMP", "user": USER,
                                              "event_ts": "1773149802.000100"}, "Ev32"),
           [event("group.updated", subject="C0002EXAMP", account=TEAM, group={"id": "C0002EXAMP"})])
    for at, verb in enumerate(("unarchive", "deleted")):
        accept(f"a channel is back or gone: channel_{verb}", callback({"type": f"channel_{verb}", "channel": "C0002EXAMP", "user": USER,
               "event_ts": "1773149802.000100"}, f"Ev4{at}"), [event("group.updated", subject="C0002EXAMP", group={"id": "C0002EXAMP"})])
    for at, subtype in enumerate(("thread_broadcast", "me_message", "bot_message")):
        accept(f"a message of subtype {subtype} is a message", callback(message(subtype=subtype), f"Ev5{at}"), [said(text="Olá, bom dia")])
    user = {"id": "U0002EXAMP", "team_id": TEAM, "name": "bruno", "real_name": "Bruno Exemplo",
            "profile": {"email": "bruno@example.com", "real_name": "Bruno Exemplo"}}
    accept("somebody comes into the team", callback({"type": "team_join", "user": user, "event_ts": "1773149803.000100"}, "Ev33"),
           [event("contact.created", subject="U0002EXAMP", account=TEAM, contact={"id": "U0002EXAMP"})])
    accept("somebody changes their profile", callback({"type": "user_change", "user": user, "event_ts": "1773149804.000100"}, "Ev34"),
           [event("contact.updated", subject="U0002EXAMP", account=TEAM, contact={"id": "U0002EXAMP"})])
    accept("an event without a mapping is kept under its name", callback(
        {"type": "emoji_changed", "subtype": "add", "name": "forebay", "event_ts": "1773149805.000100"}, "Ev35"),
        [unmapped("emoji_changed")])
    accept("emoji, entities and other scripts in a text", callback(message(text="👋 &lt;b&gt; 日本語 \"x\" \\ \n"), "Ev36"),
           [said(text="👋 &lt;b&gt; 日本語 \"x\" \\ \n")])
    accept("Slack's own escapes of slashes", compact(callback(message(text="https://example.com/")), ascii_only=True)
           .replace(b"/", b"\\/"), [said(text="https://example.com/")])

    def form(name, fields, events, **more):
        body = urlencode(fields).encode()
        sheet.case(name, s, s.request(body, content_type=FORM), events=events, **more)
        return body

    command = form("a slash command comes as a form", {
        "token": "not-used-anymore", "team_id": TEAM, "team_domain": "exemplo", "channel_id": CHANNEL,
        "channel_name": "geral", "user_id": USER, "user_name": "ana", "command": "/pedido", "text": "42 já",
        "response_url": "https://hooks.slack.com/commands/T0001EXAMP/1/x", "trigger_id": "13345224609.738474920.8088930838d8"},
        [event("bot.command", account=TEAM, command={"name": "/pedido", "contact": {"id": USER},
                                                     "conversation": {"id": CHANNEL}})])
    sheet.case("the same slash command again is the same event", s, s.request(command, content_type=FORM),
               events=[event("bot.command")], redelivery_of="a slash command comes as a form")
    sheet.case("one wrong byte in a form breaks the signature", s,
               s.request(command, content_type=FORM).with_body(command.replace(b"42", b"43")), reason="no_match")
    payload = {"type": "block_actions", "team": {"id": TEAM}, "user": {"id": USER, "team_id": TEAM},
               "channel": {"id": CHANNEL, "name": "geral"}, "trigger_id": "12321423423.333649436676.d8",
               "message": {"ts": "1773149810.000200", "text": "Escolha"},
               "actions": [{"action_id": "aprovar", "block_id": "b1", "type": "button", "value": "42",
                            "action_ts": "1773149860.123456"}]}
    form("a button is pressed", {"payload": json.dumps(payload)},
         [event("bot.command", account=TEAM, command={"name": "aprovar"})])
    form("a view is submitted: kept", {"payload": json.dumps({"type": "view_submission", "team": {"id": TEAM}, "view": {"id": "V1"}})},
         [event("unmapped", unmapped={})])

    hello = compact({"token": "not-used-anymore", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
                     "type": "url_verification"})
    sheet.case("Slack asks for its challenge, signed", s, s.request(hello), verdict="handshake", answer={
        "content_type": "text/plain", "body": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"})
    sheet.case("somebody asks for a challenge, unsigned", s, s.request(hello).without("X-Slack-Signature"), reason="missing")
    sheet.case("somebody asks for a challenge with the signature of another app", s, s.request(hello, secret=s.foreign),
               reason="no_match")

    small = compact(callback({"type": "message", "channel": CHANNEL, "user": USER, "ts": "1773149810.000200", "text": "oi"}))
    events = [said(text="oi")]
    ugly.hmac(sheet, s, small, events)
    ugly.stamped(sheet, s, small, events, malformed=ugly.NOT_SECONDS)
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, callback(message()), [said(text="Olá, bom dia")])
    value = s.request(small)
    stamp = value.get("X-Slack-Request-Timestamp")
    wrong = s.encode(digest("sha256", s.secret.encode(), f"v0.{stamp}.".encode() + small))
    sheet.case("dots where colons belong sign something else", s, value.with_header("X-Slack-Signature", wrong),
               reason="no_match")
    wrong = s.encode(digest("sha256", s.secret.encode(), small))
    sheet.case("a signature over the body alone leaves the time stamp open", s, value.with_header("X-Slack-Signature", wrong),
               reason="no_match")
    published = Request("POST", "/in/line-1", (
        FORM, ("X-Slack-Request-Timestamp", "1531420618"),
        ("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503")), (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
        b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
        b"803a0bc887a14d10d2c447fce8b6703c"))
    sheet.case("the example that Slack's documents give", s, published, source=s.source("8f742231b10e8888abcd99yyyzzz85a5"),
               clock=datetime(2018, 7, 12, 18, 36, 58, tzinfo=timezone.utc),
               events=[event("bot.command", account="T1DC2JH3J", command={"name": "/webhook-collect"})])
    sheet.case("Slack asks nothing by GET", s, Request("GET", "/in/line-1"), status=405, sdk=None)
    assert seconds(CLOCK) == 1773149900
