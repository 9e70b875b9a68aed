//! Many things in one call: one event each, and no more work than the body is long.

use schemas::event::Raw;
use schemas::platform::Platform;

use crate::{events, one};

#[test]
fn ten_thousand_messages_are_ten_thousand_events_and_not_a_byte_more_than_the_body() {
    let messages: Vec<String> = (0..10_000)
        .map(|n| {
            format!(
                r#"{{"key":{{"remoteJid":"55119{n}@s.whatsapp.net","fromMe":false,"id":"3EB0{n}"}},"messageTimestamp":1773149810,"message":{{"conversation":"{n}"}}}}"#
            )
        })
        .collect();
    let body = format!(
        r#"{{"event":"messages.upsert","data":{{"messages":[{}]}},"webhookVerifyToken":"verify-token-exemplo"}}"#,
        messages.join(",")
    );
    let events = events(Platform::Baileys, body.as_bytes());
    assert_eq!(events.len(), 10_000);
    let mut stored = 0;
    for (event, message) in events.iter().zip(&messages) {
        assert_eq!(event.data.event_type().as_str(), "message.created");
        let Raw::Json(raw) = &event.raw else { panic!("JSON") };
        assert_eq!(raw, message, "each event keeps its own element, in order");
        stored += raw.len();
    }
    assert!(stored <= body.len(), "{stored} bytes stored of {}", body.len());
}

#[test]
fn one_bad_element_does_not_take_the_others_with_it() {
    let body = r#"{"event":"messages.update","data":[
        {"key":{"remoteJid":"5511@s.whatsapp.net","fromMe":true,"id":"A"},"update":{"status":3}},
        {"key":{"remoteJid":"5511@s.whatsapp.net"},"update":{"status":4}}, 7, null, [],
        {"key":{"remoteJid":"5511@s.whatsapp.net","fromMe":true,"id":"B"},"update":{"status":"READ"}}]}"#;
    let types: Vec<String> = events(Platform::Baileys, body.as_bytes())
        .iter()
        .map(|event| format!("{} {}", event.data.event_type(), event.ordering_key))
        .collect();
    assert_eq!(
        types,
        [
            "message.status 5511@s.whatsapp.net",
            "unmapped 5511@s.whatsapp.net",
            "unmapped unmapped",
            "unmapped unmapped",
            "unmapped unmapped",
            "message.status 5511@s.whatsapp.net"
        ]
    );
}

#[test]
fn a_list_or_its_only_element_is_the_same_but_for_the_raw_part() {
    let element = r#"{"id":"m1","contactId":"c1","timestamp":"2026-03-10T13:36:50.897Z"}"#;
    let list = format!(r#"{{"event":"message.created","data":[{element},{element}]}}"#);
    let alone = format!(r#"{{"event":"message.created","data":{element}}}"#);
    let of_list = events(Platform::Digisac, list.as_bytes());
    let alone_event = crate::one(Platform::Digisac, &alone);
    assert_eq!(of_list.len(), 2);
    for event in &of_list {
        assert_eq!(event.data, alone_event.data);
        assert_eq!(event.identity, alone_event.identity);
        assert!(matches!(&event.raw, Raw::Json(raw) if raw == element));
    }
    assert!(matches!(&alone_event.raw, Raw::Json(raw) if *raw == alone));

    let message = r#"{"key":{"remoteJid":"1@g.us","id":"A"},"message":{"conversation":"x"}}"#;
    for data in [
        format!(r#"{{"messages":[{message}]}}"#),
        format!(r#"{{"messages":{message}}}"#),
        format!("[{message}]"),
        message.to_owned(),
    ] {
        let body = format!(r#"{{"event":"messages.upsert","data":{data}}}"#);
        let event = crate::one(Platform::Baileys, &body);
        assert_eq!(event.data.event_type().as_str(), "message.created", "{body}");
        assert!(matches!(&event.raw, Raw::Json(raw) if raw == message), "{body}");
    }
}

#[test]
fn an_empty_list_is_still_an_event() {
    for (platform, body) in [
        (
            Platform::Baileys,
            r#"{"event":"messages.upsert","data":{"messages":[]}}"#,
        ),
        (Platform::Baileys, r#"{"event":"groups.update","data":null}"#),
        (Platform::Baileys, r#"{"event":"messages.delete"}"#),
        (Platform::Digisac, r#"{"event":"message.created","data":[]}"#),
        (Platform::Digisac, r#"{"event":"message.created"}"#),
    ] {
        let event = crate::one(platform, body);
        assert_eq!(event.data.event_type().as_str(), "unmapped", "{body}");
        assert!(matches!(&event.raw, Raw::Json(raw) if raw == body), "{body}");
    }
}

#[test]
fn more_events_than_any_platform_sends_are_kept_as_one() {
    let body = format!(
        r#"{{"event":"message.created","data":[{}]}}"#,
        vec!["{}"; 10_001].join(",")
    );
    let events = events(Platform::Digisac, body.as_bytes());
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].data.event_type().as_str(), "unmapped");
    let schemas::event::Raw::Json(raw) = &events[0].raw else {
        panic!("JSON")
    };
    assert_eq!(**raw, *body, "nothing of it is lost");
}

/// Earlier messages are the events that they were at their time, and the lists beside them are kept.
#[test]
fn a_history_is_its_messages_and_what_stands_beside() {
    let message = r#"{"key":{"remoteJid":"5511@s.whatsapp.net","fromMe":false,"id":"A"},"messageTimestamp":1773149830,"message":{"conversation":"x"}}"#;
    let at_its_time = format!(r#"{{"event":"messages.upsert","data":{{"messages":[{message}],"type":"notify"}}}}"#);
    let history = format!(
        r#"{{"event":"messaging-history.set","data":{{"chats":[{{"id":"c"}}],"contacts":[{{"id":"p"}}],"messages":[{message},{{"key":{{"remoteJid":"5512@s.whatsapp.net","id":"B"}},"messageTimestamp":1773149831,"message":{{"pinInChatMessage":{{}}}}}}],"lidPnMappings":[],"groupNames":[["1@g.us","x"]]}}}}"#
    );
    let alone = one(Platform::Baileys, &at_its_time);
    let found = events(Platform::Baileys, history.as_bytes());
    let types: Vec<_> = found.iter().map(|event| event.data.event_type().to_string()).collect();
    assert_eq!(
        types,
        ["message.created", "unmapped", "unmapped", "unmapped", "unmapped"]
    );
    assert_eq!((&found[0].identity, found[0].time), (&alone.identity, alone.time));
    assert_eq!(found[1].ordering_key, "5512@s.whatsapp.net");
    let raws: Vec<_> = found[2..].iter().map(|event| format!("{:?}", event.raw)).collect();
    for (raw, part) in raws.iter().zip([r#"id\":\"c"#, r#"id\":\"p"#, "1@g.us"]) {
        assert!(raw.contains(part), "{raw}");
    }
}
