"""LINE's Messaging API. Shapes: developers.line.biz, "Webhook Event Objects"; LINE's own parser reads the valid bodies."""

from linebot.v3.webhook import SignatureValidator, WebhookParser

from vectors import ugly
from vectors.libraries import Node, is_text, npm, pypi
from vectors.senders import Hmac, plain
from vectors.sheet import Request, compact, event, later, unmapped

BOT, ANA, BRUNO = "U00000000000000000000000000000b07", "U00000000000000000000000000000a0a", "U0000000000000000000000000000b0b0"
GROUP, ROOM = "C000000000000000000000000000000c1", "R000000000000000000000000000000r1"
HEADER, AT, TIME = "X-Line-Signature", 1773149810912, "2026-03-10T13:36:50.912Z"
FROM = {"type": "user", "userId": ANA}
IN_GROUP = {"type": "group", "groupId": GROUP, "userId": ANA}


def one(id, type, source=None, redelivery=False, **more):
    return {"type": type, "mode": "active", "timestamp": AT, "source": source or FROM, "webhookEventId": id,
            "deliveryContext": {"isRedelivery": redelivery}, **more}


def body(*events):
    return {"destination": BOT, "events": list(events)}


def text(id="468789577898262530", said="Olá, bom dia", **more):
    return {"type": "text", "id": id, "text": said, "quoteToken": "q3Plxr4AgKd", **more}


def expected(type, chat=ANA, **data):
    return event(type, subject=chat, key=chat, time=TIME, account=BOT, **data)


def said(id="468789577898262530", chat=ANA, group=False, **more):
    return expected("message.created", chat, message={"id": id, "conversation": {"id": chat, "group": group, "channel": "line"},
                                                      "direction": "inbound", **more})


def build(sheet):
    def python(request, secret, clock):
        if (signature := request.get(HEADER)) is None or not is_text(request.body):
            return None
        return SignatureValidator(secret).validate(request.body.decode(), signature)

    def javascript(request, secret, clock):
        if (signature := request.get(HEADER)) is None:
            return None
        return Node.call("line_verify", secret=secret, body=request.body, signature=signature)

    s = Hmac(scheme="hmac-sha256, base64, header x-line-signature", header=HEADER, encoding="base64",
             own_headers=(("User-Agent", "LineBotWebhook/2.0"),),
             libraries={pypi("line-bot-sdk"): python, npm("@line/bot-sdk"): javascript})
    plain(sheet)

    def accept(name, value, events, parse=True, **more):
        request = s.request(value if isinstance(value, bytes) else compact(value))
        if parse:
            parsed = WebhookParser(s.secret).parse(request.body.decode(), request.get(HEADER))
            assert len(parsed) == len(events), name
        sheet.case(name, s, request, events=events, **more)

    reply = {"replyToken": "nHuyWiB7yP5Zw52FIkcQobQuGDXCTA"}
    accept("a text from a user", body(one("01FZ74A0TDDPYRVKNK77XKC3ZR", "message", message=text(), **reply)),
           [said(text="Olá, bom dia", kind="text", **{"from": {"id": ANA}})])
    accept("the same event again, marked as redelivered", body(one("01FZ74A0TDDPYRVKNK77XKC3ZR", "message", message=text(),
           redelivery=True, **reply)), [said()], clock=later(3600), redelivery_of="a text from a user")
    accept("a text in a group", body(one("02", "message", IN_GROUP, message=text("2", "mensagem no grupo"), **reply)),
           [said("2", GROUP, True, text="mensagem no grupo", **{"from": {"id": ANA}})])
    accept("a text in a room", body(one("03", "message", {"type": "room", "roomId": ROOM, "userId": ANA}, message=text("3"), **reply)),
           [said("3", ROOM, True)])
    accept("a text that quotes another", body(one("04", "message", message=text("4", "sim", quotedMessageId="468789577898262530"), **reply)),
           [said("4", text="sim", quoted={"id": "468789577898262530"})])
    accept("an image", body(one("05", "message", message={"type": "image", "id": "354718705033693859", "quoteToken": "x",
           "contentProvider": {"type": "line"}}, **reply)), [said("354718705033693859", kind="image")])
    accept("a sticker", body(one("06", "message", message={"type": "sticker", "id": "6", "quoteToken": "x", "packageId": "446",
           "stickerId": "1988", "stickerResourceType": "STATIC"}, **reply)), [said("6", kind="sticker")])
    accept("a file", body(one("07", "message", message={"type": "file", "id": "7", "fileName": "fatura.pdf", "fileSize": 2138}, **reply)),
           [said("7")])
    accept("a message is taken back", body(one("08", "unsend", IN_GROUP, unsend={"messageId": "2"})),
           [expected("message.deleted", GROUP, message={"id": "2", "conversation": {"id": GROUP, "group": True}})])
    accept("a user adds our account", body(one("09", "follow", follow={"isUnblocked": False}, **reply)),
           [expected("contact.created", contact={"id": ANA})])
    accept("a user blocks our account", body(one("10", "unfollow")),
           [expected("contact.updated", contact={"id": ANA, "blocked": True})])
    accept("our account comes into a group", body(one("11", "join", {"type": "group", "groupId": GROUP}, **reply)),
           [expected("group.created", GROUP, group={"id": GROUP})])
    accept("our account has to leave a group", body(one("12", "leave", {"type": "group", "groupId": GROUP})),
           [expected("group.participants.updated", GROUP, group={"id": GROUP, "action": "left", "participants": [{"id": BOT}]})])
    two = {"members": [{"type": "user", "userId": ANA}, {"type": "user", "userId": BRUNO}]}
    accept("two users come into a group", body(one("13", "memberJoined", {"type": "group", "groupId": GROUP}, joined=two, **reply)),
           [expected("group.participants.updated", GROUP,
                     group={"id": GROUP, "action": "joined", "participants": [{"id": ANA}, {"id": BRUNO}]})])
    accept("two users leave a group", body(one("14", "memberLeft", {"type": "group", "groupId": GROUP}, left=two)),
           [expected("group.participants.updated", GROUP, group={"id": GROUP, "action": "left"})])
    accept("a button is pressed", body(one("15", "postback", postback={"data": "pedido=42&acao=aprovar"}, **reply)),
           [expected("bot.command", command={"name": "pedido=42&acao=aprovar", "contact": {"id": ANA}})])
    accept("a beacon has no mapping and is kept", body(one("16", "beacon", beacon={"hwid": "d41d8cd98f", "type": "enter"}, **reply)),
           [unmapped("beacon")])
    accept("a kind of event that is newer than Forebay is kept", body(one("17", "telepathy")), [unmapped("telepathy")])
    accept("three events in one webhook", body(one("18", "message", message=text("18"), **reply), one("19", "unfollow"),
                                               one("20", "telepathy")),
           [said("18"), expected("contact.updated", contact={"id": ANA, "blocked": True}), unmapped("telepathy")])
    accept("emoji and other scripts in a text", body(one("21", "message", message=text("21", "👋 日本語 \u200d\u2028 \"x\" \\ \n"), **reply)),
           [said("21", text="👋 日本語 \u200d\u2028 \"x\" \\ \n")])
    accept("the same escaped", compact(body(one("22", "message", message=text("22", "👋 日本語"), **reply)), ascii_only=True),
           [said("22", text="👋 日本語")])
    accept("an id of 2^53+1, sent as a number, keeps its last digit",
           body(one("23", "message", message=text(9007199254740993), **reply)), [said("9007199254740993")], parse=False)
    accept("one event out of its list", {"destination": BOT, "events": one("24", "message", message=text("24"))},
           [said("24")], parse=False)

    empty = compact(body())
    sheet.case("the test call of the console has no events", s, s.request(empty), verdict="handshake")
    sheet.case("the test call with a wrong signature is refused like all else", s, s.request(empty, secret=s.foreign),
               reason="no_match")

    small = compact(body(one("30", "message", message={"type": "text", "id": "30", "text": "oi"})))
    ugly.hmac(sheet, s, small, [said("30", text="oi")])
    ugly.bodies(sheet, s)
    value = body(one("31", "message", message=text(), **reply))
    ugly.strange(sheet, s, value, [said(text="Olá, bom dia")])
    ugly.times(sheet, s, lambda at: body({**one("32", "message", message=text()), "timestamp": at}),
               [{n: v for n, v in said().items() if n != "time"}])
    sheet.case("LINE asks nothing by GET", s, Request("GET", "/in/line-1"), status=405, sdk=None)
