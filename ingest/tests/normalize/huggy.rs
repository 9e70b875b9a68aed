//! What is peculiar to Huggy: several events in one body, a message that comes twice, local times, the token.

use ingest::normalize::{Normalized, Reply, normalize};
use schemas::data::{Data, Direction};
use schemas::event::Raw;
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::Source;

use crate::{events, headers, one, sample, source};

fn reply(verify_token: Option<&str>, body: &str) -> Option<Reply> {
    let mut source = source(Platform::Huggy);
    source.verify_token = verify_token.map(Secret::new);
    match normalize(&source, &headers(), body.as_bytes()) {
        Normalized::Reply(reply) => Some(reply),
        Normalized::Events(_) => None,
    }
}

#[test]
fn the_token_is_said_back_unless_it_is_not_the_configured_one() {
    let shown = r#"{"token":"00000000000000000000000000000abc","validToken":true}"#;
    let said = || Some(Reply::Text("00000000000000000000000000000abc".to_owned()));
    assert_eq!(reply(None, shown), said());
    assert_eq!(reply(Some("00000000000000000000000000000abc"), shown), said());
    assert_eq!(
        reply(Some("00000000000000000000000000000abd"), shown),
        Some(Reply::Forbidden)
    );
    for no_handshake in [
        r#"{"token":"a","validToken":false}"#,
        r#"{"token":"a"}"#,
        r#"{"validToken":true}"#,
        r#"{"token":"a","validToken":true,"messages":{"closedChat":[{"id":1}]}}"#,
    ] {
        assert_eq!(reply(None, no_handshake), None, "{no_handshake}");
    }
}

#[test]
fn a_token_beside_events_is_not_kept() {
    let event = one(
        Platform::Huggy,
        r#"{"token":"s3cret","messages":{"closedChat":[{"id":1}]}}"#,
    );
    assert!(
        matches!(&event.raw, Raw::Json(raw) if raw == r#"{"token":null,"messages":{"closedChat":[{"id":1}]}}"#),
        "{event:?}"
    );
}

#[test]
fn a_message_that_comes_under_two_names_is_one_event() {
    let body = sample(Platform::Huggy, "receivedMessage.json");
    let again = body.replace("receivedMessage", "receivedAllMessage");
    let (first, second) = (one(Platform::Huggy, &body), one(Platform::Huggy, &again));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.time, second.time);
    assert_eq!(first.data, second.data);

    let started = sample(Platform::Huggy, "startedChat.json");
    let created = started.replace("startedChat", "createdChat");
    assert_eq!(
        one(Platform::Huggy, &started).identity,
        one(Platform::Huggy, &created).identity
    );
}

#[test]
fn every_element_of_every_event_is_taken_and_a_bad_one_does_not_take_the_others_with_it() {
    let body = r#"{"messages":{
        "receivedMessage":[{"id":1,"body":"a","chat":{"id":7}},{"body":"no id","chat":{"id":7}},null,{"id":"2","text":"b","chat":"7"}],
        "newThing":[{"id":3,"chat":{"id":7}}],
        "closedChat":{"id":"7"},
        "createdCustomer":[]}}"#;
    let events = events(Platform::Huggy, body.as_bytes());
    let found: Vec<_> = events
        .iter()
        .map(|event| format!("{} {}", event.data.event_type(), event.ordering_key))
        .collect();
    assert_eq!(
        found,
        [
            "message.created 7",
            "unmapped 7",
            "unmapped unmapped",
            "message.created 7",
            "unmapped 7",
            "ticket.closed 7"
        ]
    );
    assert!(
        matches!(&events[4].raw, Raw::Json(raw) if raw == r#"{"id":3,"chat":{"id":7}}"#),
        "each has its own element"
    );
    let Data::Unmapped(unmapped) = &events[4].data else {
        panic!("unmapped")
    };
    assert_eq!(unmapped.event.as_deref(), Some("newThing"));
}

#[test]
fn equal_elements_of_two_unknown_events_are_two_events() {
    let events = events(Platform::Huggy, br#"{"messages":{"a":[{"x":1}],"b":[{"x":1}]}}"#);
    assert_eq!(events.len(), 2);
    assert_ne!(events[0].identity, events[1].identity);
}

#[test]
fn who_writes_is_told_by_the_senders_type_else_by_the_events_name() {
    for (event, sender_type, expected) in [
        ("receivedAllMessage", r#""whatsapp-enterprise""#, Direction::Inbound),
        ("receivedAllMessage", r#""agent""#, Direction::Outbound),
        ("receivedAllMessage", r#""bot""#, Direction::Outbound),
        ("receivedAllMessage", "null", Direction::Inbound),
        ("sentAllMessage", "null", Direction::Outbound),
        ("sendedAllMessage", r#""widget""#, Direction::Outbound),
    ] {
        let body = format!(
            r#"{{"messages":{{"{event}":[{{"id":1,"senderType":{sender_type},"sender":{{"id":5}},"chat":{{"id":7}}}}]}}}}"#
        );
        let Data::MessageCreated(message) = one(Platform::Huggy, &body).data else {
            panic!("a message")
        };
        assert_eq!(message.direction, expected, "{event} {sender_type}");
        assert_eq!(message.from.and_then(|from| from.id).as_deref(), Some("5"));
    }
}

#[test]
fn a_chat_closed_again_is_another_event_and_a_redelivery_is_not() {
    let body = sample(Platform::Huggy, "closedChat.json");
    let again = body.replace("11:02:00", "12:30:00");
    let identity = |body: &str| {
        one(Platform::Huggy, body)
            .identity
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(identity(&body), identity(&body));
    assert_ne!(identity(&body), identity(&again));
}

#[test]
fn ids_keep_every_digit_and_odd_values_are_absent() {
    let body = r#"{"messages":{"receivedMessage":[{"id":9007199254740993,"body":{"x":1},"type":7.5,"is_internal":"1","sender":[],
        "file":false,"sendAt":"yesterday","chat":{"id":"9007199254740993","department":false}}]}}"#;
    let event = one(Platform::Huggy, body);
    assert_eq!(event.ordering_key, "9007199254740993");
    assert_eq!(event.time, None);
    let Data::MessageCreated(message) = event.data else {
        panic!("a message")
    };
    assert_eq!(message.id, "9007199254740993");
    assert!(message.internal && message.text.is_none() && message.from.is_none() && message.attachments.is_empty());
}

#[test]
fn local_times_are_those_of_the_sources_zone() {
    let body = br#"{"messages":{"closedChat":[{"id":1,"closedAt":"2026-03-10 10:36:50"}]}}"#;
    let time = |utc_offset_minutes| {
        let source = Source {
            utc_offset_minutes,
            ..source(Platform::Huggy)
        };
        match normalize(&source, &headers(), body) {
            Normalized::Events(events) => events[0].time.map(|time| time.to_string()),
            Normalized::Reply(_) => None,
        }
    };
    assert_eq!(time(None).as_deref(), Some("2026-03-10T13:36:50.000Z"));
    assert_eq!(time(Some(-240)).as_deref(), Some("2026-03-10T14:36:50.000Z"));
    assert_eq!(time(Some(0)).as_deref(), Some("2026-03-10T10:36:50.000Z"));
}
