"""WAHA. Shapes: waha.devlike.pro, "Events"."""

from vectors import ugly
from vectors.senders import Hmac, Token, plain
from vectors.sheet import Request, compact, event, later, sample, unmapped

GROUP, TIME = "120363000000000001@g.us", "2026-03-10T13:36:50.000Z"
ANA, US = "5511900000001@c.us", "5511900000009@c.us"


def told(name, payload, id="evt_01jexample0000000000000002", session="default"):
    return {"id": id, "timestamp": 1773149810500, "event": name, "session": session, "metadata": {"tenant": "t1"},
            "me": {"id": US, "pushName": "Empresa Exemplo"}, "payload": payload, "engine": "NOWEB",
            "environment": {"version": "2024.10.1", "engine": "NOWEB", "tier": "PLUS", "browser": None}}


def message(id, **more):
    return {**sample("waha/message.json")["payload"], "id": id, **more}


def expected(type, time=TIME, account="default", subject=None, **data):
    key = None if subject is None else f"{account}/{subject}"
    return event(type, time=time, account=account, subject=subject, key=key, **data)


def build(sheet):
    s = Hmac(scheme="hmac-sha512, hex, header x-webhook-hmac", hash="sha512", header="X-Webhook-Hmac",
             own_headers=(("X-Webhook-Hmac-Algorithm", "sha512"), ("X-Webhook-Request-Id", "01JEXAMPLE"),
                          ("X-Webhook-Timestamp", "1773149810500")), secrets=("waha-secret-exemplo",))
    plain(sheet)

    def accept(name, value, events, **more):
        sheet.case(name, s, s.request(value if isinstance(value, bytes) else compact(value)), events=events, **more)

    accept("a message comes in", sample("waha/message.json"),
           [expected("message.created", message={"direction": "inbound", "text": "Olá, bom dia"})])
    accept("the same webhook again an hour later", sample("waha/message.json"), [expected("message.created")], clock=later(3600),
           redelivery_of="a message comes in")
    accept("our own message is echoed", told("message.any", message(f"true_{ANA}_3EB0FFEEDDCCBBAA0001", fromMe=True, body="Bom dia!",
           **{"from": US}, to=ANA)), [expected("message.created", message={"direction": "outbound", "text": "Bom dia!"})])
    accept("a message in a group", told("message", message(f"false_{GROUP}_3EB0A1B2C3D4E5F60101_{ANA}", participant=ANA,
           body="mensagem no grupo", **{"from": GROUP})),
           [expected("message.created", subject=GROUP, message={"text": "mensagem no grupo",
                                                               "conversation": {"id": GROUP, "group": True}})])
    accept("a message with a file", told("message", message(f"false_{ANA}_3EB0A1B2C3D4E5F60003", hasMedia=True, body="foto", media={
        "url": "http://localhost:3000/api/files/foto.jpg", "mimetype": "image/jpeg", "filename": None, "error": None})),
        [expected("message.created", message={"direction": "inbound", "text": "foto",
                                              "attachments": [{"url": "http://localhost:3000/api/files/foto.jpg",
                                                               "mime_type": "image/jpeg"}]})])
    for ack, name, word in ((-1, "ERROR", "failed"), (0, "PENDING", "pending"), (1, "SERVER", "sent"), (2, "DEVICE", "delivered"),
                            (3, "READ", "read"), (4, "PLAYED", "played")):
        accept(f"one of our messages: {name}", told("message.ack", {
            "id": f"true_{ANA}_3EB0FFEEDDCCBBAA0001", "from": US, "to": ANA, "participant": None, "fromMe": True, "ack": ack,
            "ackName": name}, f"evt_ack_{ack}"), [expected("message.status", time=None, message={"status": word})])
    accept("somebody reacts to a message", told("message.reaction", {
        "id": f"false_{ANA}_3EB0A1B2C3D4E5F60021", "timestamp": 1773149810, "from": ANA, "fromMe": False, "to": US, "participant": None,
        "reaction": {"text": "👍", "messageId": f"true_{ANA}_3EB0FFEEDDCCBBAA0001"}}),
        [expected("message.reaction", time=None, message={"emoji": "👍", "direction": "inbound"})])
    accept("a message is taken back", told("message.revoked", {
        "after": message(f"false_{ANA}_3EB0A1B2C3D4E5F60022", body=""), "before": message(f"false_{ANA}_3EB0A1B2C3D4E5F60001")}),
        [expected("message.deleted", time=None, message={})])
    for status, connection in (("WORKING", {"state": "open"}), ("STARTING", {"state": "connecting"}), ("SCAN_QR_CODE", {"pairing": True}),
                               ("STOPPED", {"state": "closed"}), ("FAILED", {"state": "closed"})):
        accept(f"the session is {status}", told("session.status", {"name": "default", "status": status}, f"evt_{status}"),
               [expected("connection.updated", time=None, connection=connection)])
    for what, action in (("join", None), ("leave", None), ("promote", "promoted"), ("demote", "demoted")):
        group = {"id": GROUP, **({"action": action} if action else {})}
        accept(f"participants of a group: {what}", told("group.v2.participants", {
            "group": {"id": GROUP}, "type": what, "timestamp": 1773149810,
            "participants": [{"id": "5511900000002@c.us", "role": "participant"}], "_data": {}}, f"evt_p_{what}"),
            [expected("group.participants.updated", time=None, subject=GROUP, group=group)])
    accept("a group gets another name", told("group.v2.update", {"timestamp": 1773149810, "group": {"id": GROUP, "subject": "Bloco B"},
           "_data": {}}, "evt_g"), [expected("group.updated", time=None, subject=GROUP, group={"id": GROUP})])
    accept("another session of the same server", told("message", message(f"false_{ANA}_3EB0A1B2C3D4E5F60001"), session="vendas"),
           [expected("message.created", account="vendas", message={"text": "Olá, bom dia"})])
    accept("an event without a mapping is kept under its name", told("engine.event", {"event": "x", "data": {}}), [unmapped("engine.event")])
    accept("the event's own id of 2^53+1, sent as a number, does not matter",
           {**sample("waha/message.json"), "id": 9007199254740993}, [expected("message.created")])
    accept("emoji and other scripts", told("message", message(f"false_{ANA}_U1", body="👋 日本語 \u2028 \"x\" \\ \n")),
           [expected("message.created", message={"text": "👋 日本語 \u2028 \"x\" \\ \n"})])
    accept("the same escaped", compact(told("message", message(f"false_{ANA}_U2", body="👋 日本語")), ascii_only=True),
           [expected("message.created", message={"text": "👋 日本語"})])

    small = compact({"event": "message", "session": "default", "payload": {
        "id": f"false_{ANA}_S1", "timestamp": 1773149810, "from": ANA, "fromMe": False, "body": "oi"}})
    events = [expected("message.created", message={"text": "oi"})]
    ugly.hmac(sheet, s, small, events)
    ugly.bodies(sheet, s)
    ugly.strange(sheet, s, sample("waha/message.json"), [expected("message.created", message={"text": "Olá, bom dia"})])
    ugly.times(sheet, s, lambda at: {"event": "message", "session": "default", "payload": {
        "id": f"false_{ANA}_T1", "timestamp": at, "from": ANA, "fromMe": False, "body": "oi"}},
        [expected("message.created", time=None, message={"text": "oi"})])
    sheet.case("the algorithm's name in its header is not followed", s,
               s.request(small).with_header("X-Webhook-Hmac-Algorithm", "none"), events=events)
    sheet.case("without the algorithm's name", s, s.request(small).without("X-Webhook-Hmac-Algorithm"), events=events)
    sheet.case("WAHA asks nothing by GET", s, Request("GET", "/in/line-1"), status=405)
    t = Token(scheme="token, header x-api-key", auth={"scheme": "token", "header": "x-api-key"}, name="X-Api-Key")
    sheet.case("a custom header with a token", t, t.request(small), events=events)
    sheet.case("a custom header with a wrong token", t, t.request(small, secret="guess-guess"), reason="no_match")
