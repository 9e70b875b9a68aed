"""Shopify. Shapes: shopify.dev, "HTTPS webhooks" and the webhook topics."""

from vectors import ugly
from vectors.libraries import Node, is_text, npm
from vectors.senders import Hmac, plain
from vectors.sheet import Request, compact, event, unmapped_bytes

#: What Shopify calls Events has the headers without the `X-`, and its libraries look at those first.
RENAMED = "Shopify-Hmac-Sha256"
HEADER, SHOP = "X-Shopify-Hmac-Sha256", "exemplo.myshopify.com"
TRIGGERED, TIME = "2026-03-10T13:36:50.123456789Z", "2026-03-10T13:36:50.123Z"


def own(topic, id="b54557e4-bdd9-4b37-8a5f-bf7d70bcd043", triggered=TRIGGERED, event_id="98880550-7158-44d4-b7cd-2c97c8a091b5"):
    pairs = (("X-Shopify-Topic", topic), ("X-Shopify-Shop-Domain", SHOP), ("X-Shopify-API-Version", "2026-01"),
             ("X-Shopify-Webhook-Id", id), ("X-Shopify-Event-Id", event_id), ("X-Shopify-Triggered-At", triggered))
    return tuple(pair for pair in pairs if pair[1])


def renamed(pairs):
    return tuple((name.removeprefix("X-"), value) for name, value in pairs)


def expected(topic, key, subject=None, time=TIME, **headers):
    more = {"headers": {"x-shopify-topic": topic, "x-shopify-shop-domain": SHOP, **headers}}
    return event("shopify." + topic.replace("/", "."), subject=subject, key=key, time=time, account=SHOP, **more)


def build(sheet):
    def shopify_api(request, secret, clock):
        names = [name.lower() for name, _ in request.headers]
        if len(set(names)) < len(names) or not is_text(request.body) or not request.body:
            return None
        if all(not {f"{prefix}-{name}" for name in ("webhook-id", "topic")} <= set(names) for prefix in ("x-shopify", "shopify")):
            return None  # it wants all the headers of today
        return Node.call("shopify_verify", secret=secret, body=request.body, headers=dict(request.headers))

    s = Hmac(scheme="hmac-sha256, base64, header x-shopify-hmac-sha256", header=HEADER, encoding="base64",
             own_headers=own("orders/create"), secrets=("shpss_first_secret_of_the_app",),
             newer="shpss_second_secret_of_the_app", foreign="shpss_secret_of_another_app",
             libraries={npm("@shopify/shopify-api"): shopify_api})
    plain(sheet)

    def accept(name, topic, value, events, *, id, headers=None, **more):
        body = value if isinstance(value, bytes) else compact(value)
        sheet.case(name, s, s.request(body, own=headers or own(topic, id)), events=events, **more)

    order = {"id": 820982911946154508, "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
             "created_at": "2026-03-10T10:36:49-03:00", "currency": "BRL", "email": "ana@example.com", "name": "#9999",
             "total_price": "398.00", "line_items": [{"id": 866550311766439020, "title": "Café — 1 kg", "quantity": 2}],
             "customer": {"id": 115310627314723954, "first_name": "Ana"}}
    key = "orders/820982911946154508"
    subject = "820982911946154508"
    accept("an order comes in", "orders/create", order, [expected("orders/create", key, subject)], id="w-1")
    accept("the same webhook again", "orders/create", order, [expected("orders/create", key, subject)], id="w-1",
           redelivery_of="an order comes in")
    accept("the order is paid", "orders/paid", order, [expected("orders/paid", key, subject)], id="w-2")
    accept("the order is changed: the same order keeps its order", "orders/updated", {**order, "note": "presente"},
           [expected("orders/updated", key, subject)], id="w-3")
    accept("a product changes", "products/update", {"id": 788032119674292922, "title": "Café", "tags": "novo"},
           [expected("products/update", "products/788032119674292922", "788032119674292922")], id="w-4")
    accept("a customer is deleted", "customers/delete", {"id": 706405506930370084},
           [expected("customers/delete", "customers/706405506930370084", "706405506930370084")], id="w-5")
    accept("an app is taken off", "app/uninstalled", {"id": 548380009, "name": "Loja Exemplo", "domain": SHOP},
           [expected("app/uninstalled", "app/548380009", "548380009")], id="w-6")
    accept("an inventory level has no id: its topic keeps the order", "inventory_levels/update",
           {"inventory_item_id": 271878346596884015, "location_id": 24826418, "available": 5},
           [expected("inventory_levels/update", "inventory_levels/update")], id="w-7")
    accept("a topic that is newer than Forebay is taken by its name", "telepathy/received", {"id": 1},
           [expected("telepathy/received", "telepathy/1", "1")], id="w-8")
    accept("an id of 2^53+1 keeps its last digit", "orders/create", {"id": 9007199254740993},
           [expected("orders/create", "orders/9007199254740993", "9007199254740993")], id="w-9")
    accept("an empty object is an event all the same: its header names it", "orders/create", b"{}",
           [expected("orders/create", "orders/create")], id="w-10")
    accept("emoji and other scripts", "products/create", {"id": 1, "title": "👋 日本語 \u2028 \"x\" \\ \n"},
           [expected("products/create", "products/1", "1")], id="w-11")
    accept("the same escaped, with Rails' escapes of what could end a script", "products/create",
           compact({"id": 1, "title": "👋 <b>&"}, ascii_only=True).replace(b"<", b"\\u003c"),
           [expected("products/create", "products/1", "1")], id="w-12")
    accept("without a webhook id the event's id tells it apart", "orders/create", order,
           [expected("orders/create", key, subject)], id="", headers=own("orders/create", "", event_id="e-1"))
    accept("the same event id without a webhook id is the same event", "orders/create", order,
           [expected("orders/create", key, subject)], id="", headers=own("orders/create", "", event_id="e-1"),
           redelivery_of="without a webhook id the event's id tells it apart")
    accept("without any id the content tells it apart", "orders/create", order,
           [expected("orders/create", key, subject)], id="", headers=own("orders/create", "", event_id=""))
    accept("without the time when it was triggered", "orders/create", order,
           [expected("orders/create", key, subject, time=None)], id="", headers=own("orders/create", "w-13", triggered=""))
    sheet.case("without a topic it is kept all the same", s, s.request(compact({"id": 1}), own=own("")),
               events=[event("unmapped", unmapped={})])

    n = Hmac(scheme=s.scheme, header=RENAMED, encoding="base64", own_headers=renamed(own("orders/create", "w-20")),
             secrets=s.secrets, newer=s.newer, foreign=s.foreign, libraries=s.libraries)
    events = (("Shopify-Topic", "Product"), ("Shopify-Action", "update"), ("Shopify-Handle", "precos"),
              ("Shopify-Resource-Id", "gid://shopify/Product/123"), ("Shopify-Shop-Domain", SHOP),
              ("Shopify-API-Version", "unstable"), ("Shopify-Webhook-Id", "w-21"),
              ("Shopify-Event-Id", "98880550-7158-44d4-b7cd-2c97c8a091b6"), ("Shopify-Triggered-At", TRIGGERED))
    change = compact({"topic": "Product", "action": "update", "handle": "precos",
                      "fields_changed": {"added": [], "updated": ["product[id: 'gid://shopify/Product/123'].title"], "removed": []},
                      "data": {"product": {"id": "gid://shopify/Product/123", "title": "Camisa Exemplo"}}})
    product = event("shopify.Product.update", subject="gid://shopify/Product/123", key="Product/gid://shopify/Product/123",
                    time=TIME, account=SHOP, headers={"shopify-topic": "Product", "shopify-action": "update",
                                                      "shopify-resource-id": "gid://shopify/Product/123"})
    created = event("shopify.orders.create", subject=subject, key=key, time=TIME, account=SHOP,
                    headers={"shopify-topic": "orders/create", "shopify-shop-domain": SHOP})
    changed = n.request(change, own=events)
    sheet.case("an Events delivery has its headers without the X-", n, changed, events=[product])
    sheet.case("the same Events delivery again", n, changed, events=[product],
               redelivery_of="an Events delivery has its headers without the X-")
    sheet.case("a webhook whose headers have lost their X- means the same", n, n.request(compact(order)), events=[created])
    sheet.case("a wrong signature without the X- is refused", n, n.request(change, own=events, secret=n.foreign), reason="no_match")
    sheet.case("headers without the X- and no signature among them", n, changed.without(RENAMED), reason="missing")
    sheet.case("the signature without the X- in two headers is one too many", n, changed.and_header(RENAMED, changed.get(RENAMED)),
               reason="repeated")
    signature = changed.get(RENAMED)
    sheet.case("the signature under both names", n, changed.with_header(HEADER, signature), events=[product])
    sheet.case("the old name alone signs for the new headers too", n, changed.without(RENAMED).with_header(HEADER, signature),
               events=[product], sdk=None)
    wrong = n.request(change, own=events, secret=n.foreign).get(RENAMED)
    sheet.case("the name without the X- decides: a wrong signature under the old name does not matter", n,
               changed.with_header(HEADER, wrong), events=[product])
    sheet.case("the name without the X- decides: the right signature under the old name does not help", n,
               changed.with_header(RENAMED, wrong).with_header(HEADER, signature), reason="no_match")

    small = compact({"id": 820982911946154508, "note": "oi"})
    ugly.hmac(sheet, s, small, [expected("orders/create", key, subject)])
    ugly.strange(sheet, s, order, [expected("orders/create", key, subject)])
    for name, body in (("an authentic body of nothing is kept", b""),
                       ("an authentic body that is not JSON is kept", b"hello, not JSON"),
                       ("authentic bytes that are not UTF-8 are kept", b'{"id":"\xff\xfe"}')):
        sheet.case(name, s, s.request(body), events=[unmapped_bytes(body) if body else event("unmapped", unmapped={})],
                   sdk="as the verdict" if body == b"hello, not JSON" else None)
    sheet.case("Shopify asks nothing by GET", s, Request("GET", "/in/line-1"), status=405, sdk=None)
