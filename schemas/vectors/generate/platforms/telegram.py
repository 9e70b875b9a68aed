"""Telegram's Bot API: one Update per webhook. Shapes: core.telegram.org/bots/api."""

from vectors import ugly
from vectors.senders import Token, UrlSecret
from vectors.sheet import Request, compact, event, later, unmapped

ANA = {"id": 271000001, "is_bot": False, "first_name": "Ana", "last_name": "Exemplo", "username": "ana", "language_code": "pt-br"}
BRUNO = {"id": 271000002, "is_bot": False, "first_name": "Bruno"}
BOT = {"id": 123456789, "is_bot": True, "first_name": "Forebay", "username": "forebay_bot"}
PRIVATE = {"id": 271000001, "first_name": "Ana", "username": "ana", "type": "private"}
GROUP = {"id": -1001234567890, "title": "Condomínio Exemplo", "type": "supergroup"}
AT, TIME = 1773149810, "2026-03-10T13:36:50.000Z"


def update(id, **members):
    return {"update_id": id, **members}


def message(id=51, chat=PRIVATE, sender=ANA, **more):
    if not more:
        more = {"text": "Olá, bom dia"}
    out = {"message_id": id, "chat": chat, "date": AT, **more}
    return {"message_id": id, "from": sender, **out} if sender else out


def expected(type="message.created", chat="271000001", group=False, time=TIME, **more):
    return event(type, subject=chat, key=chat, time=time,
                 message={"conversation": {"id": chat, "group": group, "channel": "telegram"}, **more})


def people(action, *ids, time=TIME, **more):
    return event("group.participants.updated", subject=str(GROUP["id"]), key=str(GROUP["id"]), time=time,
                 group={"id": str(GROUP["id"]), "action": action, "participants": [{"id": i} for i in ids], **more})


def build(sheet):
    s = Token(scheme="token, header x-telegram-bot-api-secret-token", name="X-Telegram-Bot-Api-Secret-Token",
              secrets=("first_secret-token",), newer="second_secret-token", foreign="token_of-another-bot")
    sheet.made("no library: a token is sent as it is")

    def accept(name, value, events, **more):
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    accept("a text in a private chat", update(10000, message=message()),
           [expected(id="51", text="Olá, bom dia", direction="inbound", **{"from": {"id": "271000001"}})])
    accept("the same update again an hour later", update(10000, message=message()), [expected(id="51")],
           clock=later(3600), redelivery_of="a text in a private chat")
    accept("a text in a group", update(10001, message=message(52, GROUP, text="mensagem no grupo")),
           [expected(chat="-1001234567890", group=True, id="52", text="mensagem no grupo")])
    accept("an answer quotes an earlier message", update(10002, message=message(
        53, text="sim", reply_to_message=message(51))), [expected(id="53", text="sim", quoted={"id": "51"})])
    forum = {**GROUP, "is_forum": True}
    topic = message(40, forum, BOT, message_thread_id=40, is_topic_message=True, forum_topic_created={"name": "Entregas"})
    in_topic = {"message_thread_id": 40, "is_topic_message": True}
    accept("a message in a topic answers nothing", update(10080, message=message(
        54, forum, text="oi", reply_to_message=topic, **in_topic)),
        [expected(chat="-1001234567890", group=True, id="54", text="oi")])
    accept("an answer in a topic quotes", update(10081, message=message(
        55, forum, text="sim", reply_to_message=message(54, forum, text="oi", **in_topic), **in_topic)),
        [expected(chat="-1001234567890", group=True, id="55", text="sim", quoted={"id": "54", "text": "oi"})])
    accept("a topic is opened, and nobody wrote anything", update(10082, message=topic), [unmapped("message")])
    accept("a message is pinned, and nobody wrote anything", update(10083, message=message(56, GROUP, pinned_message=message(52, GROUP))),
           [unmapped("message")])
    accept("a customer sends their own number", update(10084, message=message(57, contact={
        "phone_number": "5511900000001", "first_name": "Ana", "user_id": 271000001})),
        [expected(id="57", text="Ana", **{"from": {"id": "271000001", "phone": "+5511900000001"}})])
    accept("a form is filled in", update(10085, message=message(58, web_app_data={"data": '{"nota":9}', "button_text": "Avaliar"})),
           [expected(id="58", text="Avaliar", answer={"id": '{"nota":9}', "title": "Avaliar", "values": {"nota": "9"}})])
    accept("a photo with a caption", update(10003, message=message(54, caption="foto", photo=[
        {"file_id": "AgAC1", "file_unique_id": "AQAD1", "file_size": 1284, "width": 90, "height": 67},
        {"file_id": "AgAC2", "file_unique_id": "AQAD2", "file_size": 20480, "width": 640, "height": 480}])),
        [expected(id="54", text="foto")])
    accept("a location has no text", update(10004, message=message(55, location={"latitude": -23.55, "longitude": -46.63})),
           [expected(id="55")])
    accept("a text is edited", update(10005, edited_message=message(51, text="Olá, boa tarde", edit_date=AT + 60)),
           [expected("message.updated", id="51", text="Olá, boa tarde", time="2026-03-10T13:37:50.000Z")])
    channel = {"id": -1009876543210, "title": "Avisos", "type": "channel"}
    accept("a post in a channel", update(10006, channel_post=message(
        7, channel, None, sender_chat=channel, text="aviso")),
        [expected(chat="-1009876543210", group=True, id="7", text="aviso", direction="inbound")])
    accept("a post in a channel is edited", update(10007, edited_channel_post=message(
        7, channel, None, sender_chat=channel, text="aviso 2", edit_date=AT + 60)),
        [expected("message.updated", chat="-1009876543210", group=True, id="7", time="2026-03-10T13:37:50.000Z")])
    accept("a customer writes to a business account", update(10008, business_message=message(
        81, text="oi", business_connection_id="b1")), [expected(id="81", direction="inbound")])
    accept("the business account itself writes", update(10009, business_message=message(
        82, sender={"id": 999000001, "is_bot": False, "first_name": "Empresa"}, text="Bom dia!",
        business_connection_id="b1")), [expected(id="82", direction="outbound")])
    accept("two messages of a business chat are deleted", update(10010, deleted_business_messages={
        "business_connection_id": "b1", "chat": PRIVATE, "message_ids": [81, 82]}),
        [event("message.deleted", subject="271000001", key="271000001", message={"id": "81"}),
         event("message.deleted", subject="271000001", key="271000001", message={"id": "82"})])
    accept("somebody adds two people to a group", update(10011, message=message(
        60, GROUP, new_chat_members=[BRUNO, BOT])), [people("added", "271000002", "123456789")])
    accept("somebody comes into a group by themselves", update(10012, message=message(
        61, GROUP, BRUNO, new_chat_members=[BRUNO])), [people("joined", "271000002")])
    accept("somebody is removed from a group", update(10013, message=message(62, GROUP, left_chat_member=BRUNO)),
           [people("removed", "271000002")])
    accept("somebody leaves a group", update(10014, message=message(63, GROUP, BRUNO, left_chat_member=BRUNO)),
           [people("left", "271000002")])
    accept("a group is made", update(10015, message=message(64, {**GROUP, "type": "group"}, group_chat_created=True)),
           [event("group.created", subject="-1001234567890", key="-1001234567890", time=TIME, group={"id": "-1001234567890"})])
    for word in ("supergroup_chat_created", "channel_chat_created"):
        accept(f"a group is made: {word}", update(10060 + len(word), message=message(66, GROUP, **{word: True})),
               [event("group.created", subject="-1001234567890", group={"id": "-1001234567890"})])
    for word, what in (("new_chat_photo", [{"file_id": "x"}]), ("delete_chat_photo", True)):
        accept(f"a group changes: {word}", update(10160 + len(word), message=message(67, GROUP, **{word: what})),
               [event("group.updated", subject="-1001234567890", group={"id": "-1001234567890"})])
    accept("a business message is edited", update(10061, edited_business_message=message(
        81, text="oi!", edit_date=AT + 60, business_connection_id="b1")),
        [expected("message.updated", id="81", text="oi!", time="2026-03-10T13:37:50.000Z")])
    for word, what in (("sticker", {"file_id": "x"}), ("voice", {"file_id": "x", "mime_type": "audio/ogg"}),
                       ("document", {"file_id": "x", "file_name": "fatura.pdf", "mime_type": "application/pdf", "file_size": 20480}),
                       ("contact", {"phone_number": "+5511900000002", "first_name": "Bruno"}), ("telepathy", {"x": 1})):
        accept(f"a message with {word} is a message", update(10070 + len(word), message=message(68, **{word: what})), [expected(id="68")])
    accept("a group gets another title", update(10016, message=message(65, GROUP, new_chat_title="Bloco B")),
           [event("group.updated", subject="-1001234567890", time=TIME, group={"id": "-1001234567890", "subject": "Bloco B"})])
    accept("somebody reacts to a message", update(10017, message_reaction={
        "chat": GROUP, "message_id": 52, "user": BRUNO, "date": AT, "old_reaction": [],
        "new_reaction": [{"type": "emoji", "emoji": "👍"}]}),
        [expected("message.reaction", chat="-1001234567890", group=True, id="52", emoji="👍")])
    accept("a reaction is taken back", update(10018, message_reaction={
        "chat": GROUP, "message_id": 52, "user": BRUNO, "date": AT,
        "old_reaction": [{"type": "emoji", "emoji": "👍"}], "new_reaction": []}),
        [expected("message.reaction", chat="-1001234567890", group=True, id="52")])

    def member(old, new, who=BRUNO, by=ANA, chat=GROUP, **more):
        state = lambda word: {"status": word, "user": who}  # noqa: E731
        return {"chat": chat, "from": by, "date": AT, "old_chat_member": state(old), "new_chat_member": state(new), **more}

    for at, (words, action, by) in enumerate((
            (("left", "member"), "added", ANA), (("left", "member"), "joined", BRUNO), (("kicked", "member"), "added", ANA),
            (("member", "administrator"), "promoted", ANA), (("administrator", "member"), "demoted", ANA),
            (("member", "left"), "left", BRUNO), (("member", "kicked"), "removed", ANA),
            (("member", "restricted"), "changed", ANA))):
        accept(f"a member of a group: {words[0]} to {words[1]}, by {'themselves' if by is BRUNO else 'somebody'}",
               update(10020 + at, chat_member=member(*words, by=by)), [people(action, "271000002")])
    accept("our bot is made an administrator of a group", update(10030, my_chat_member=member("member", "administrator", BOT)),
           [people("promoted", "123456789")])
    accept("a customer blocks our bot", update(10031, my_chat_member=member("member", "kicked", BOT, chat=PRIVATE)),
           [event("contact.updated", subject="271000001", contact={"id": "271000001", "blocked": True})])
    accept("a customer lets our bot write again", update(10032, my_chat_member=member("kicked", "member", BOT, chat=PRIVATE)),
           [event("contact.updated", subject="271000001", contact={"id": "271000001", "blocked": False})])
    accept("somebody asks to join a group", update(10033, chat_join_request={
        "chat": GROUP, "from": BRUNO, "user_chat_id": 271000002, "date": AT}),
        [event("group.join_request", subject="-1001234567890", time=TIME,
               group={"id": "-1001234567890", "action": "created", "participant": {"id": "271000002"}})])
    accept("a button is pressed", update(10034, callback_query={
        "id": "4382bfdwdsb323b2d9", "from": ANA, "message": message(51), "chat_instance": "1", "data": "pedido:42"}),
        [event("bot.command", command={"name": "pedido:42", "contact": {"id": "271000001"}})])
    accept("a poll has no mapping and is kept", update(10035, poll={"id": "1", "question": "?", "options": []}), [unmapped()])
    accept("an update of a kind that is newer than Forebay is kept", update(10036, telepathy={"from": ANA}), [unmapped()])
    accept("ids of 2^53+1 keep their last digit", update(9007199254740993, message=message(
        9007199254740993, {**PRIVATE, "id": 9007199254740993}, text="oi")),
        [expected(chat="9007199254740993", id="9007199254740993")])
    accept("emoji and other scripts in a text", update(10037, message=message(57, text="👋 日本語 \u200d \"x\" \\ \n")),
           [expected(id="57", text="👋 日本語 \u200d \"x\" \\ \n")])
    accept("the same escaped", compact(update(10038, message=message(58, text="👋 日本語")), ascii_only=True),
           [expected(id="58", text="👋 日本語")])

    small = compact(update(10040, message=message(59, text="oi")))
    events = [expected(id="59", text="oi")]
    ugly.token_header(sheet, s, small, events)
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, update(10050, message=message()), [expected(id="51", text="Olá, bom dia")])
    ugly.times(sheet, s, lambda at: update(10051, message={**message(), "date": at}), [expected(id="51", time=None)])
    sheet.case("the token in another header is not looked for", s,
               s.request(small).without(s.name).with_header("X-Token", s.secret), reason="missing")
    sheet.case("Telegram asks nothing by GET", s, Request("GET", "/in/line-1"), status=405)

    u = UrlSecret(scheme="secret in the path", auth={"scheme": "url_secret"}, secrets=("123456789:AAExampleBotToken",))
    sheet.case("a bot from before secret tokens has its secret in the path", u, u.request(small), events=events)
    sheet.case("a secret in the path with its colon unescaped", u,
               u.request(small).with_path("/in/line-1/123456789:AAExampleBotToken"), events=events)
    sheet.case("a wrong secret in the path", u, u.request(small).with_path("/in/line-1/123456789:AAExampleBotTokem"),
               reason="not_found")
