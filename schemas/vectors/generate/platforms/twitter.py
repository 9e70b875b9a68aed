"""X's Account Activity API, and the X Activity API that takes its place. Shapes:
"X Activity API event payload examples", "Account Activity API data objects"; CRC: "Securing webhooks"."""

from vectors import ugly
from vectors.senders import Hmac, b64, digest, plain
from vectors.sheet import Request, compact, event, later, unmapped

US, ANA, AT, TIME = "4337869213", "3001969357", "1773149810912", "2026-03-10T13:36:50.912Z"


def activity(**lists):
    return {"for_user_id": US, **lists}


def message(id="954491830116155396", sender=ANA, recipient=US, said="Olá, bom dia"):
    return {"type": "message_create", "id": id, "created_timestamp": AT,
            "message_create": {"target": {"recipient_id": recipient}, "sender_id": sender, "source_app_id": "13090192",
                               "message_data": {"text": said, "entities": {"hashtags": [], "symbols": [], "user_mentions": [],
                                                                           "urls": []}}}}


USERS = {ANA: {"id": ANA, "created_timestamp": "1422556069340", "name": "Ana Exemplo", "screen_name": "ana"},
         US: {"id": US, "created_timestamp": "1448312972328", "name": "Empresa", "screen_name": "empresa"}}


def said(id="954491830116155396", direction="inbound", text="Olá, bom dia", time=TIME):
    return event("message.created", subject=ANA, time=time, account=US,
                 message={"id": id, "direction": direction, "text": text, "conversation": {"id": ANA, "channel": "twitter"}})


def build(sheet):
    s = Hmac(scheme="hmac-sha256, base64, header x-twitter-webhooks-signature, prefix sha256=", encoding="base64",
             header="X-Twitter-Webhooks-Signature", prefix="sha256=", secrets=("consumer-secret-of-the-app",))
    plain(sheet)

    def accept(name, value, events, **more):
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    dm = activity(direct_message_events=[message()], apps={"13090192": {"id": "13090192", "name": "X"}}, users=USERS)
    accept("a direct message comes in", dm, [said()])
    accept("the same direct message again", dm, [said()], clock=later(3600), redelivery_of="a direct message comes in")
    accept("our own direct message is echoed", activity(direct_message_events=[
        message("954491830116155397", US, ANA, "Bom dia!")], users=USERS), [said("954491830116155397", "outbound", "Bom dia!")])
    accept("the X Activity API tells of the same direct message", {"data": {
        "event_uuid": "-6850472171600526495", "filter": {"user_id": US}, "event_type": "dm.received", "tag": "inbound",
        "payload": {"direct_message_events": [message()], "users": {ANA: {"data": {"id": ANA, "name": "Ana Exemplo"}}}}}},
        [said()], redelivery_of="a direct message comes in")
    accept("the X Activity API tells of a post by a name of its own", {"data": {
        "event_uuid": "9007199254740993", "filter": {"user_id": US}, "event_type": "post.create",
        "payload": {"id": "9007199254740993", "author_id": US, "created_at": "2026-03-10T13:36:50.000Z", "text": "oi"}}},
        [event("twitter.post.create", subject="9007199254740993", key=US, account=US, time="2026-03-10T13:36:50.000Z")])
    accept("two direct messages in one webhook", activity(direct_message_events=[
        message("1", said="um"), message("2", said="dois")], users=USERS), [said("1", text="um"), said("2", text="dois")])
    chosen = message("5", said="Acompanhar pedido")
    chosen["message_create"]["message_data"]["quick_reply_response"] = {"type": "options", "metadata": "pedido:42"}
    accept("a quick reply is chosen", activity(direct_message_events=[chosen], users=USERS), [event(
        "message.created", subject=ANA, message={"id": "5", "answer": {"id": "pedido:42", "title": "Acompanhar pedido"}})])
    accept("somebody types", activity(direct_message_indicate_typing_events=[
        {"created_timestamp": AT, "sender_id": ANA, "target": {"recipient_id": US}}], users=USERS),
        [event("presence.updated", account=US, presence={"parties": [{"id": ANA, "state": "typing"}]})])
    accept("somebody has read our messages", activity(direct_message_mark_read_events=[
        {"created_timestamp": AT, "sender_id": ANA, "target": {"recipient_id": US}, "last_read_event_id": "954491830116155397"}],
        users=USERS), [event("message.status", account=US, message={"id": "954491830116155397", "status": "read"})])
    tweet = {"created_at": "Tue Mar 10 13:36:50 +0000 2026", "id": 9007199254740993, "id_str": "9007199254740993", "text": "oi"}
    accept("a post, whose id as a number would lose its last digit", activity(tweet_create_events=[tweet]),
           [event("twitter.tweet_create", key=US, account=US, raw={"tweet_create_events": [tweet]})])
    accept("the same post again", activity(tweet_create_events=[tweet]), [event("twitter.tweet_create", key=US, account=US)],
           redelivery_of="a post, whose id as a number would lose its last digit")
    accept("two likes are two events", activity(favorite_events=[
        {"id": "a7ba59eab0bfcba386f7acedac279542", "timestamp_ms": 1773149810912, "favorited_status": {"id_str": "1"}},
        {"id": "a7ba59eab0bfcba386f7acedac279543", "timestamp_ms": 1773149810913, "favorited_status": {"id_str": "1"}}]),
        [event("twitter.favorite", key=US, account=US), event("twitter.favorite", key=US, account=US)])
    follow = {"type": "follow", "created_timestamp": AT, "target": {"id": US}, "source": {"id": ANA, "followers_count": 31}}
    accept("a follow has no id, so who follows whom and when tells it apart", activity(follow_events=[follow]),
           [event("twitter.follow", key=US, account=US)])
    accept("a follow is the same whatever is told of the followers", activity(follow_events=[
        {**follow, "source": {"id": ANA, "followers_count": 32}}]), [event("twitter.follow", key=US, account=US)],
        redelivery_of="a follow has no id, so who follows whom and when tells it apart")
    accept("a post is deleted", activity(tweet_delete_events=[{"status": {"id": "601430178305220608", "user_id": US},
                                                              "timestamp_ms": AT}]),
           [event("twitter.tweet_delete", key=US, account=US)])
    accept("a list that is newer than Forebay is taken by its name", activity(telepathy_events=[{"id": "1"}]),
           [event("twitter.telepathy", key=US, account=US)])
    accept("an id of 2^53+1, sent as a number, keeps its last digit", activity(direct_message_events=[
        message(9007199254740993)], users=USERS), [said("9007199254740993")])
    accept("the user revokes the app: no list of events, so it is kept", {
        "user_event": {"revoke": {"date_time": "2026-03-10T13:36:50Z", "target": {"app_id": "13090192"}, "source": {"user_id": US}}}},
        [unmapped()])
    accept("emoji and other scripts", activity(direct_message_events=[message("3", said="👋 日本語 \u2028 \"x\" \\ \n")], users=USERS),
           [said("3", text="👋 日本語 \u2028 \"x\" \\ \n")])
    accept("the same escaped", compact(activity(direct_message_events=[message("4", said="👋 日本語")]), ascii_only=True),
           [said("4", text="👋 日本語")])

    small = compact(activity(direct_message_events=[message("9", said="oi")]))
    ugly.hmac(sheet, s, small, [said("9", text="oi")])
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, dm, [said()])
    ugly.times(sheet, s, lambda at: activity(direct_message_events=[{**message(), "created_timestamp": at}]), [said(time=None)])

    def crc(name, token, path=None, secret=None, **more):
        answer = "sha256=" + b64(digest("sha256", (secret or s.secret).encode(), token.encode()))
        sheet.case(name, s, Request("GET", path or f"/in/line-1?crc_token={token}"), verdict="handshake",
                   answer={"content_type": "application/json", "body": compact({"response_token": answer}).decode()}, **more)

    crc("X checks that we know the secret", "NjZmNjc3NzctMTIzNC00")
    crc("X checks, with a nonce beside the token", "abc-123", "/in/line-1?crc_token=abc-123&nonce=xyz")
    crc("X checks with a token of special characters, percent-encoded", "a+b/c=&d", "/in/line-1?crc_token=a%2Bb%2Fc%3D%26d")
    crc("during a rotation X is answered with the newest secret", "abc-123", secret=s.newer, source=s.source(s.newer, s.secret))
    ugly.refused_get(sheet, s, "a check without a token", "/in/line-1", reason="forbidden")
    ugly.refused_get(sheet, s, "a check under another name", "/in/line-1?token=abc", reason="forbidden")
