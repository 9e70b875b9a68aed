//! Batches of the `WhatsApp` Cloud API, and what it puts up with.

use schemas::event::Raw;
use schemas::platform::Platform;

use crate::{events, id_of, one};

fn messages(list: &str) -> String {
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"W","changes":[{{"field":"messages","value":{{"metadata":{{"phone_number_id":"P"}},"messages":{list}}}}}]}}]}}"#
    )
}

fn statuses(list: &str) -> String {
    messages("[]").replace(r#""messages":[]"#, &format!(r#""statuses":{list}"#))
}

#[test]
fn a_thousand_messages_are_a_thousand_events_and_not_a_byte_more_than_the_body() {
    let sent: Vec<String> = (0..1000)
        .map(|n| {
            format!(
                r#"{{"from":"5511{n}","id":"wamid.{n}","timestamp":"1773149810","type":"text","text":{{"body":"x"}}}}"#
            )
        })
        .collect();
    let body = messages(&format!("[{}]", sent.join(",")));
    let events = events(Platform::WhatsappCloud, body.as_bytes());
    assert_eq!(events.len(), 1000);
    for (n, (event, sent)) in events.iter().zip(&sent).enumerate() {
        assert_eq!(event.ordering_key, format!("P/5511{n}"));
        assert!(matches!(&event.raw, Raw::Json(raw) if raw == sent));
    }
}

#[test]
fn a_message_is_the_same_event_in_whatever_batch_it_comes_again() {
    let message = r#"{"from":"5511","id":"wamid.A","timestamp":"1773149810","type":"text","text":{"body":"x"}}"#;
    let alone = messages(&format!("[{message}]"));
    let other = messages(&format!(r#"[{{"from":"5512","id":"wamid.B"}},{message}]"#));
    let (first, again) = (
        one(Platform::WhatsappCloud, &alone),
        events(Platform::WhatsappCloud, other.as_bytes()),
    );
    assert_eq!(again.len(), 2);
    assert_eq!(first.identity, again[1].identity);
    assert_eq!(first.time, again[1].time);
    assert_eq!(first.data, again[1].data);
    assert_ne!(again[0].identity, again[1].identity);
}

#[test]
fn each_participant_of_a_group_and_each_status_is_an_event_of_its_own() {
    let body = statuses(
        r#"[{"id":"A","status":"delivered","recipient_id":"G","recipient_type":"group","recipient_participant_id":"1"},
            {"id":"A","status":"delivered","recipient_id":"G","recipient_type":"group","recipient_participant_id":"2"},
            {"id":"A","status":"read","recipient_id":"G","recipient_type":"group","recipient_participant_id":"1"}]"#,
    );
    let events = events(Platform::WhatsappCloud, body.as_bytes());
    let mut identities: Vec<_> = events.iter().map(|event| &event.identity).collect();
    identities.sort();
    identities.dedup();
    assert_eq!(identities.len(), 3);
}

#[test]
fn one_surprise_costs_itself_only_and_stays_in_its_conversation() {
    for (element, expected) in [
        (
            r#"{"from":5511,"id":9007199254740993,"type":7}"#,
            "message.created P/5511",
        ),
        (
            r#"{"from":"5511","id":"A","type":null,"text":"x","context":[]}"#,
            "message.created P/5511",
        ),
        (r#"{"from":"5511","id":"A","type":"image"}"#, "message.created P/5511"),
        (
            r#"{"from":"5511","id":"A","type":"contacts","contacts":{}}"#,
            "message.created P/5511",
        ),
        (r#"{"from":"5511","group_id":"G","id":"A"}"#, "message.created P/G"),
        (
            r#"{"from":null,"from_user_id":"BR.1","id":"A"}"#,
            "message.created P/BR.1",
        ),
        (r#"{"from":"5511","type":"text"}"#, "unmapped P/5511"),
        (
            r#"{"from":"5511","id":"A","type":"reaction","reaction":{}}"#,
            "unmapped P/5511",
        ),
        (r#"{"from":"5511","id":"A","type":"edit"}"#, "unmapped P/5511"),
        (
            r#"{"from":"5511","id":"A","type":"revoke","revoke":7}"#,
            "unmapped P/5511",
        ),
        (r#"{"id":"A"}"#, "unmapped unmapped"),
        ("7", "unmapped unmapped"),
        ("null", "unmapped unmapped"),
        ("[]", "unmapped unmapped"),
    ] {
        let body = messages(&format!(r#"[{element},{{"from":"1","id":"Z"}}]"#));
        let events = events(Platform::WhatsappCloud, body.as_bytes());
        let described: Vec<_> = events
            .iter()
            .map(|event| format!("{} {}", event.data.event_type(), event.ordering_key))
            .collect();
        assert_eq!(described, [expected, "message.created P/1"], "{element}");
    }
    for (element, expected) in [
        (r#"{"id":"A","status":"sent","recipient_id":1}"#, "message.status"),
        (
            r#"{"id":"A","status":"sent","recipient_user_id":"BR.1"}"#,
            "message.status",
        ),
        (r#"{"id":"A","status":"deleted","recipient_id":"1"}"#, "message.deleted"),
        (r#"{"id":"A","status":"warning","recipient_id":"1"}"#, "unmapped"),
        (
            r#"{"id":"A","status":"failed","type":"payment","recipient_id":"1"}"#,
            "unmapped",
        ),
        (r#"{"id":"A","status":"sent"}"#, "unmapped"),
        (r#"{"status":"sent","recipient_id":"1"}"#, "unmapped"),
    ] {
        let body = statuses(&format!("[{element}]"));
        let event = one(Platform::WhatsappCloud, &body);
        assert_eq!(event.data.event_type().as_str(), expected, "{element}");
    }
}

#[test]
fn what_is_no_list_of_changes_is_kept_whole() {
    for (body, account) in [
        (r#"{"object":"whatsapp_business_account","entry":[]}"#, None),
        (r#"{"object":"whatsapp_business_account","entry":null}"#, None),
        (r#"{"object":"whatsapp_business_account"}"#, None),
        (r#"{"entry":[{"id":"W"}]}"#, Some("W")),
        (r#"{"entry":[{"id":"W","changes":[]}]}"#, Some("W")),
        (r#"{"entry":[{"id":"W","changes":[7]}]}"#, Some("W")),
        (
            r#"{"entry":{"id":"W","changes":{"field":"messages","value":{}}}}"#,
            Some("W"),
        ),
        (
            r#"{"entry":[{"id":"W","changes":[{"field":"messages","value":{"messages":[]}}]}]}"#,
            Some("W"),
        ),
        (
            r#"{"entry":[{"id":"W","changes":[{"field":"smb_message_echoes","value":{"messages":[{}]}}]}]}"#,
            Some("W"),
        ),
        (r"[1]", None),
        ("7", None),
    ] {
        let event = one(Platform::WhatsappCloud, body);
        assert_eq!(event.data.event_type().as_str(), "unmapped", "{body}");
        assert_eq!(event.account.as_deref(), account, "{body}");
    }
    let messages = r#"{"from":"1","id":"Z"}"#;
    let one_without_lists =
        format!(r#"{{"entry":{{"id":"W","changes":{{"field":"messages","value":{{"messages":{messages}}}}}}}}}"#);
    let event = one(Platform::WhatsappCloud, &one_without_lists);
    assert_eq!(event.data.event_type().as_str(), "message.created");
    assert_eq!(event.ordering_key, "1", "no line, no line in front");
}

/// What concerns no conversation has the moment of its webhook, and no other.
#[test]
fn a_template_that_is_paused_twice_was_paused_twice() {
    let paused = |time: &str| {
        format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"id":"W","time":{time},"changes":[{{"field":"message_template_status_update","value":{{"event":"PAUSED","message_template_id":1}}}}]}}]}}"#
        )
    };
    let bodies = ["1773149810", "1773149990", "1773149810"].map(paused);
    let [first, second, again] = bodies.each_ref().map(|body| id_of(&one(Platform::WhatsappCloud, body)));
    assert_ne!(first, second);
    assert_eq!(first, again);
    assert_eq!(first.1.as_deref(), Some("2026-03-10T13:36:50.000Z"));
}
