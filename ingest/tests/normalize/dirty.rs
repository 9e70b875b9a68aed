//! What platforms get wrong, and what becomes of it.

use schemas::data::Data;
use schemas::event::Raw;
use schemas::platform::Platform;
use schemas::source::{Scheme, TokenPlace};

use crate::{headers, one, source};

fn message_of<'a>(fields: &str, body: &'a mut String) -> schemas::data::Message<'a> {
    *body = format!(r#"{{"event":"message.created","data":{{"contactId":"c",{fields}}}}}"#);
    match one(Platform::Digisac, body).data {
        Data::MessageCreated(message) => message,
        other => panic!("{fields}: {other:?}"),
    }
}

#[test]
fn ids_keep_every_digit() {
    for (sent, expected) in [
        ("9007199254740993", "9007199254740993"),
        ("\"9007199254740993\"", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("\"\\u0061\"", "a"),
        ("-1", "-1"),
    ] {
        let mut body = String::new();
        assert_eq!(message_of(&format!(r#""id":{sent}"#), &mut body).id, expected, "{sent}");
    }
}

#[test]
fn what_has_the_wrong_type_is_absent_and_the_rest_stays() {
    for fields in [
        r#""id":"m","text":{"a":[1,"\ud800"]},"isFromMe":[],"type":true,"ticketId":false,"files":7,"data":[],"timestamp":{}"#,
        r#""id":"m","text":null,"isFromMe":"perhaps","type":null,"data":"x","timestamp":"yesterday","quotedMessage":1"#,
        r#""id":"x","id":"m""#,
    ] {
        let mut body = String::new();
        let message = message_of(fields, &mut body);
        assert_eq!(message.id, "m", "{fields}");
        assert_eq!(
            (message.text, message.kind, message.ticket_id),
            (None, None, None),
            "{fields}"
        );
        assert!(message.attachments.is_empty(), "{fields}");
    }
}

#[test]
fn half_a_surrogate_pair_costs_one_character() {
    for (sent, expected) in [
        (r"a\ud83db", "a\u{fffd}b"),
        (r"\udc4b", "\u{fffd}"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\ud83d\ud83d\udc4b", "\u{fffd}\u{1F44B}"),
        (r"\u0000\n\\\/", "\0\n\\/"),
    ] {
        let mut body = String::new();
        let fields = format!(r#""id":"m","text":"{sent}""#);
        assert_eq!(message_of(&fields, &mut body).text.as_deref(), Some(expected), "{sent}");
    }
}

#[test]
fn the_unit_of_a_time_is_decided_by_its_size_and_a_local_one_is_none() {
    let moment = Some("2026-03-10T13:36:50.912Z".to_owned());
    let second = Some("2026-03-10T13:36:50.000Z".to_owned());
    for (sent, expected) in [
        ("1773149810", &second),
        ("\"1773149810\"", &second),
        ("1773149810912", &moment),
        ("\"1773149810912\"", &moment),
        ("1773149810.912999", &moment),
        ("\"2026-03-10T13:36:50.912Z\"", &moment),
        ("\"2026-03-10T10:36:50.912-03:00\"", &moment),
        (r#"{"low":1773149810,"high":0,"unsigned":true}"#, &second),
        (r#"{"low":-671682336,"high":412,"unsigned":false}"#, &moment),
        ("\"2026-03-10 13:36:50\"", &None),
        ("\"2026-03-10T13:36:50\"", &None),
        ("0", &None),
        ("\"0\"", &None),
        ("null", &None),
        ("-5", &None),
        ("1e300", &None),
        ("99999999999999999999", &None),
    ] {
        let body = format!(r#"{{"event":"message.created","data":{{"id":"m","contactId":"c","timestamp":{sent}}}}}"#);
        assert_eq!(
            one(Platform::Digisac, &body).time.map(|time| time.to_string()),
            *expected,
            "{sent}"
        );
    }
}

#[test]
fn a_body_that_cannot_be_read_is_one_unmapped_event_with_its_bytes() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (body, reason) in [
        (&b""[..], "the body is empty"),
        (b" \n", "the body is empty"),
        (b"hello", "the body is not JSON"),
        (b"{\"event\":\"message.created\"", "the body is not JSON"),
        (b"{} {}", "the body is not JSON"),
        (b"{\"text\":\"\xff\"}", "the body is not UTF-8"),
        (b"{\"text\":\"\\x\"}", "the body is not JSON"),
        (deep.as_bytes(), "the body is nested too deeply"),
    ] {
        for platform in Platform::ALL {
            let events = crate::events(platform, body);
            let [event] = events.as_slice() else {
                panic!("one event")
            };
            let Data::Unmapped(unmapped) = &event.data else {
                panic!("unmapped: {event:?}")
            };
            assert_eq!(unmapped.reason, reason);
            assert!(matches!(&event.raw, Raw::Bytes(raw) if **raw == *body));
            assert_eq!(event.ordering_key, "unmapped");
            assert_eq!(event.identity.len(), 2);
        }
    }
}

#[test]
fn depth_is_counted_in_brackets_not_in_texts() {
    let text = format!(r#"{{"event":"x","text":"{}"}}"#, "[{".repeat(500));
    let wide = format!(r#"{{"event":"x","list":[{}0]}}"#, "[],".repeat(500));
    let deep = format!(r#"{{"event":"x","list":{}{}}}"#, "[".repeat(125), "]".repeat(125));
    let deeper = format!(r#"{{"event":"x","list":{}{}}}"#, "[".repeat(126), "]".repeat(126));
    for (body, readable) in [(&text, true), (&wide, true), (&deep, true), (&deeper, false)] {
        let event = one(Platform::Digisac, body);
        assert_eq!(matches!(event.raw, Raw::Json(_)), readable);
    }
}

#[test]
fn json_that_is_no_webhook_is_unmapped_as_it_came() {
    for body in [
        "null",
        "7",
        "[]",
        "\"x\"",
        "{}",
        r#"{"event":7.5}"#,
        r#"{"event":"message.created","data":{"id":null}}"#,
        " {\"event\": \"new.thing\"}\n",
    ] {
        for platform in Platform::ALL {
            let event = one(platform, body);
            assert_eq!(event.data.event_type().as_str(), "unmapped", "{body}");
            assert!(matches!(&event.raw, Raw::Json(raw) if raw == body), "{body}");
        }
    }
}

#[test]
fn the_name_of_an_unknown_event_is_kept() {
    let event = one(Platform::Chatwoot, r#"{"event":"inbox_created","id":5}"#);
    let Data::Unmapped(unmapped) = &event.data else {
        panic!("unmapped")
    };
    assert_eq!(unmapped.event.as_deref(), Some("inbox_created"));
}

#[test]
fn a_token_in_a_member_of_the_sources_own_choice_is_blanked_too() {
    let mut source = source(Platform::Digisac);
    source.scheme = Some(Scheme::Token(TokenPlace::Body("key".to_owned())));
    let body = r#"{"event":"x","key":"s3cret","a":1}"#;
    let ingest::normalize::Normalized::Events(events) =
        ingest::normalize::normalize(&source, &headers(), body.as_bytes())
    else {
        panic!("events")
    };
    assert!(
        matches!(&events[0].raw, Raw::Json(raw) if raw == r#"{"event":"x","key":null,"a":1}"#),
        "{events:?}"
    );
}

#[test]
fn an_old_conversation_without_an_account_takes_that_of_its_message() {
    for (account, expected) in [
        (r#""account":{"id":"3"},"#, "3/128"),
        (r#""messages":[{"id":1,"account_id":3}],"#, "3/128"),
        ("", "128"),
    ] {
        let body = format!(
            r#"{{{account}"event":"conversation_created","id":128,"status":"open","updated_at":1773149810.9}}"#
        );
        assert_eq!(one(Platform::Chatwoot, &body).ordering_key, expected, "{account}");
    }
}
