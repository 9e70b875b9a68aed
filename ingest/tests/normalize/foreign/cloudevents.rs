//! `CloudEvents`: its modes, its attributes and its batches.

use schemas::event::Raw;
use schemas::platform::Platform;

use super::{headers_of, only, sent};

#[test]
fn what_lacks_an_attribute_is_distinguished_by_all_that_it_says() {
    let binary = |subject| {
        let headers = [("ce-specversion", "1.0"), ("ce-source", "/s"), ("ce-subject", subject)];
        only(Platform::Cloudevents, &headers, "{}")
    };
    assert_eq!(binary("a").identity, binary("a").identity);
    assert_ne!(binary("a").identity, binary("b").identity, "of the same data");
    assert_eq!(binary("a").ordering_key, "/s/a", "kept in its order");
    assert_eq!(binary("a").data.event_type().as_str(), "unmapped");
}

#[test]
fn the_mode_of_a_cloud_event_is_decided_by_its_media_type_then_by_its_headers_then_by_its_body() {
    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"in.body"}"#;
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "in.headers"),
    ];
    let list = format!("[{EVENT},{EVENT}]");
    for (media_type, with_headers, body, expected) in [
        ("application/cloudevents+json", false, EVENT, "in.body"),
        ("Application/CloudEvents+JSON; charset=utf-8", true, EVENT, "in.body"),
        ("application/json", true, EVENT, "in.headers"),
        ("application/json", false, EVENT, "in.body"),
        ("", true, "", "in.headers"),
        ("application/cloudevents+avro", true, "\0", "in.headers"),
        ("application/cloudevents+avro", false, "\0", "unmapped"),
        ("application/cloudevents-batch+json", true, &list, "in.body in.body"),
        ("application/cloudevents+json", false, &list, "in.body in.body"),
        ("application/json", false, &list, "in.body in.body"),
        ("application/cloudevents-batch+json", false, EVENT, "in.body"),
        ("application/cloudevents-batch+json", false, "[]", "unmapped"),
        ("text/plain", false, "hello", "unmapped"),
    ] {
        let mut headers = vec![("content-type", media_type)];
        if with_headers {
            headers.extend(binary);
        }
        let events = sent(Platform::Cloudevents, &headers, body.as_bytes());
        let types: Vec<_> = events.iter().map(|event| event.data.event_type().to_string()).collect();
        assert_eq!(types.join(" "), expected, "{media_type} {with_headers} {body}");
    }
}

#[test]
fn a_binary_cloud_event_keeps_its_data_and_all_its_attributes() {
    let headers = [
        ("content-type", "text/plain"),
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "a.b"),
        ("ce-comment", "Euro%20%E2%82%AC"),
        ("ce-odd", "%ff"),
        ("ce-raw", "ol\u{e1}"),
    ];
    let events = sent(Platform::Cloudevents, &headers, b"\xff\0");
    assert!(matches!(&events[0].raw, Raw::Bytes(raw) if **raw == b"\xff\0"[..]));
    let kept = headers_of(&events[0]);
    let get = |name: &str| {
        kept.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(get("ce-comment"), Some("Euro \u{20ac}"));
    assert_eq!(
        get("ce-odd"),
        Some("%ff"),
        "what cannot be decoded stays as it was sent"
    );
    assert_eq!(get("ce-raw"), Some("ol\u{e1}"));
    assert_eq!(get("content-type"), Some("text/plain"));
    assert_eq!(kept.len(), headers.len());
}

#[test]
fn each_event_of_a_batch_has_its_own_part_of_the_body() {
    let elements: Vec<String> = (0..1000)
        .map(|n| format!(r#"{{"specversion":"1.0","id":"{n}","source":"/s","type":"a.b","data":{n}}}"#))
        .collect();
    let body = format!("[{}, 7, null, {{}}]", elements.join(" , "));
    let events = sent(
        Platform::Cloudevents,
        &[("content-type", "application/cloudevents-batch+json")],
        body.as_bytes(),
    );
    assert_eq!(events.len(), 1003);
    for (event, element) in events.iter().zip(&elements) {
        assert!(matches!(&event.raw, Raw::Json(raw) if raw == element));
        assert_eq!(event.data.event_type().as_str(), "a.b");
    }
    for event in &events[1000..] {
        assert_eq!(event.data.event_type().as_str(), "unmapped");
    }
}
