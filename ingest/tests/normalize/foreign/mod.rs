//! Senders whose events keep their own type: GitHub, Stripe, Shopify, `CloudEvents`, Standard Webhooks. What distinguishes their
//! events apart, what is kept of the headers, and what a stripped or odd webhook becomes.

mod cloudevents;
mod github;

use http::{HeaderMap, HeaderName, HeaderValue};
use ingest::normalize::{NewEvent, Normalized, normalize};
use schemas::data::Data;
use schemas::event::Raw;
use schemas::platform::Platform;

use crate::{samples_of, source};

fn sent<'a>(platform: Platform, headers: &[(&str, &str)], body: &'a [u8]) -> Vec<NewEvent<'a>> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(
            HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
        );
    }
    match normalize(&source(platform), &map, body) {
        Normalized::Events(events) => events,
        Normalized::Reply(reply) => panic!("a reply: {reply:?}"),
    }
}

fn only<'a>(platform: Platform, headers: &[(&str, &str)], body: &'a str) -> NewEvent<'a> {
    let mut events = sent(platform, headers, body.as_bytes());
    assert_eq!(events.len(), 1, "{body}");
    events.remove(0)
}

fn headers_of(event: &NewEvent<'_>) -> Vec<(String, String)> {
    match &event.data {
        Data::Foreign(foreign) => foreign.headers.clone(),
        other => panic!("a foreign type: {other:?}"),
    }
}

#[test]
fn a_second_delivery_is_the_same_event_and_another_of_equal_content_is_not() {
    let github = |delivery| {
        let headers = [("x-github-event", "push"), ("x-github-delivery", delivery)];
        only(Platform::Github, &headers, r#"{"repository":{"id":1}}"#).identity
    };
    let shopify = |webhook, event| {
        let headers = [
            ("x-shopify-topic", "orders/paid"),
            ("x-shopify-webhook-id", webhook),
            ("x-shopify-event-id", event),
        ];
        only(Platform::Shopify, &headers, r#"{"id":1}"#).identity
    };
    let stripe = |id: &'static str, pending: u8| {
        let body = format!(r#"{{"id":"{id}","type":"invoice.paid","pending_webhooks":{pending}}}"#);
        let events = sent(Platform::Stripe, &[], body.as_bytes());
        events[0].identity.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let binary = |id, time| {
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-id", id),
            ("ce-source", "/s"),
            ("ce-type", "not a type"),
            ("ce-time", time),
        ];
        only(Platform::Cloudevents, &headers, "{}").identity
    };
    let standard = |id, stamp| {
        let headers = [
            ("svix-id", id),
            ("svix-timestamp", stamp),
            ("svix-signature", "v1,AA=="),
        ];
        only(Platform::Standard, &headers, r#"{"hello":"world"}"#).identity
    };
    assert_eq!(github("a"), github("a"));
    assert_ne!(github("a"), github("b"));
    assert_eq!(shopify("a", "e"), shopify("a", "e"));
    assert_ne!(shopify("a", "e"), shopify("b", "e"));
    assert_eq!(stripe("evt_1", 1), stripe("evt_1", 0));
    assert_ne!(stripe("evt_1", 1), stripe("evt_2", 1));
    assert_eq!(binary("a", "2026-03-10T13:36:50Z"), binary("a", "2026-03-10T13:36:50Z"));
    assert_ne!(binary("a", "2026-03-10T13:36:50Z"), binary("b", "2026-03-10T13:36:50Z"));
    assert_eq!(standard("msg_1", "1"), standard("msg_1", "2"), "another attempt");
    assert_ne!(
        standard("msg_1", "1"),
        standard("msg_2", "1"),
        "also when it has no type"
    );
}

#[test]
fn shopifys_headers_count_without_their_prefix_too() {
    let prefixed = [
        ("x-shopify-topic", "products/update"),
        ("x-shopify-webhook-id", "w-1"),
        ("x-shopify-shop-domain", "loja-exemplo.myshopify.com"),
        ("x-shopify-triggered-at", "2026-03-10T13:36:50Z"),
        ("x-shopify-hmac-sha256", "AAAA"),
    ];
    let renamed = prefixed.map(|(name, value)| (name.strip_prefix("x-").unwrap_or(name), value));
    let (old, new) = (
        only(Platform::Shopify, &prefixed, r#"{"id":7}"#),
        only(Platform::Shopify, &renamed, r#"{"id":7}"#),
    );
    assert_eq!(old.data.event_type(), new.data.event_type());
    assert_eq!((&old.identity, old.time), (&new.identity, new.time));
    assert_eq!((&old.account, &old.ordering_key), (&new.account, &new.ordering_key));
    assert_eq!(new.account.as_deref(), Some("loja-exemplo.myshopify.com"));
    assert!(new.time.is_some(), "when it was triggered");
    assert_eq!(headers_of(&new).len(), 4, "all but the signature");

    let event = |action| {
        let headers = [
            ("shopify-topic", "Product"),
            ("shopify-action", action),
            ("shopify-webhook-id", "w-1"),
            ("shopify-resource-id", "gid://shopify/Product/123"),
            ("x-shopify-topic", "products/update"),
        ];
        let event = only(Platform::Shopify, &headers, r#"{"topic":"Product"}"#);
        (event.data.event_type().to_string(), event.subject.clone())
    };
    assert_eq!(event("update").0, "shopify.Product.update", "the new name counts");
    assert_eq!(event("delete").0, "shopify.Product.delete");
    assert_eq!(event("delete").1.as_deref(), Some("gid://shopify/Product/123"));
}

#[test]
fn the_senders_headers_are_kept_and_its_signatures_are_not() {
    for platform in [Platform::Github, Platform::Shopify, Platform::Cloudevents] {
        for sample in samples_of(platform) {
            let Normalized::Events(events) = normalize(&source(platform), &sample.headers, &sample.body) else {
                continue;
            };
            for event in &events {
                let Data::Foreign(foreign) = &event.data else { continue };
                for (name, value) in &foreign.headers {
                    assert!(
                        !name.contains("signature") && !name.contains("hmac") && name != "authorization",
                        "{name}: {value}"
                    );
                    assert_eq!(*name, name.to_lowercase());
                }
            }
        }
    }
    let event = only(
        Platform::Github,
        &[
            ("X-GitHub-Event", "push"),
            ("X-Hub-Signature-256", "sha256=00"),
            ("Authorization", "Bearer x"),
        ],
        "{}",
    );
    assert_eq!(
        headers_of(&event),
        [("x-github-event".to_owned(), "push".to_owned())],
        "only what is GitHub's own"
    );
    assert_eq!(
        event.data.to_member(),
        Some(("headers", r#"{"x-github-event":"push"}"#.to_owned()))
    );
}

#[test]
fn odd_names_of_events_are_unmapped_and_keep_their_order_and_their_name() {
    for (platform, headers, body, name, key) in [
        (
            Platform::Github,
            vec![("x-github-event", "a b")],
            r#"{"repository":{"id":1}}"#,
            Some("a b"),
            "1",
        ),
        (Platform::Github, vec![], r#"{"repository":{"id":1}}"#, None, "1"),
        (
            Platform::Stripe,
            vec![],
            r#"{"id":"evt_1","type":"a b","data":{"object":{"id":"in_1"}}}"#,
            Some("a b"),
            "in_1",
        ),
        (
            Platform::Stripe,
            vec![],
            r#"{"type":"invoice.paid","data":{"object":{"id":"in_1"}}}"#,
            Some("invoice.paid"),
            "in_1",
        ),
        (
            Platform::Stripe,
            vec![],
            r#"{"id":"evt_1","type":null,"data":[]}"#,
            None,
            "evt_1",
        ),
        (
            Platform::Shopify,
            vec![("x-shopify-topic", "orders/a b")],
            r#"{"id":1}"#,
            Some("orders/a b"),
            "orders/1",
        ),
        (
            Platform::Cloudevents,
            vec![],
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"a/b"}"#,
            Some("a/b"),
            "/s",
        ),
        (
            Platform::Cloudevents,
            vec![],
            r#"{"specversion":"1.0","id":"","source":"/s","type":"a","partitionkey":"p"}"#,
            Some("a"),
            "p",
        ),
    ] {
        let event = only(platform, &headers, body);
        let Data::Unmapped(unmapped) = &event.data else {
            panic!("unmapped: {event:?}")
        };
        assert_eq!(unmapped.event.as_deref(), name, "{body}");
        assert_eq!(event.ordering_key, key, "{body}");
        assert!(matches!(&event.raw, Raw::Json(raw) if raw == body), "{body}");
    }
}

#[test]
fn a_type_of_ours_in_a_foreign_mouth_is_theirs() {
    for (platform, headers, body, expected) in [
        (
            Platform::Cloudevents,
            vec![],
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"unmapped"}"#,
            "cloudevents.unmapped",
        ),
        (
            Platform::Stripe,
            vec![],
            r#"{"id":"evt_1","type":"message.created"}"#,
            "stripe.message.created",
        ),
        (
            Platform::Shopify,
            vec![("x-shopify-topic", "message/created")],
            "{}",
            "shopify.message.created",
        ),
    ] {
        assert_eq!(only(platform, &headers, body).data.event_type().as_str(), expected);
    }
}

#[test]
fn brackets_in_a_stripe_type_become_dots() {
    for (name, expected) in [
        (
            "v2.core.account[identity].updated",
            "stripe.v2.core.account.identity.updated",
        ),
        (
            "v2.core.account[configuration.merchant].capability_status_updated",
            "stripe.v2.core.account.configuration.merchant.capability_status_updated",
        ),
        ("charge.succeeded", "stripe.charge.succeeded"),
    ] {
        let body = format!(r#"{{"id":"evt_1","type":"{name}"}}"#);
        assert_eq!(only(Platform::Stripe, &[], &body).data.event_type().as_str(), expected);
    }
}
