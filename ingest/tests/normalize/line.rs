//! What is peculiar to LINE: lists of events, the test call, redelivery, who is new and who comes back.

use ingest::normalize::{Normalized, Reply, normalize};
use schemas::data::Data;
use schemas::event::Raw;
use schemas::platform::Platform;

use crate::{events, headers, one, sample, source};

fn event(kind: &str, more: &str) -> String {
    format!(
        r#"{{"destination":"D","events":[{{"type":"{kind}","webhookEventId":"E","timestamp":1773149810912,{more}}}]}}"#
    )
}

#[test]
fn the_consoles_test_call_gets_an_empty_answer() {
    for (body, expected) in [
        (r#"{"destination":"D","events":[]}"#, true),
        (r#"{"events":[ ]}"#, true),
        (r#"{"destination":"D"}"#, false),
        (r#"{"events":null}"#, false),
        (r#"{"events":{}}"#, false),
        (r#"{"events":""}"#, false),
    ] {
        let found = normalize(&source(Platform::Line), &headers(), body.as_bytes());
        assert_eq!(matches!(found, Normalized::Reply(Ok(Reply::Empty))), expected, "{body}");
    }
}

#[test]
fn a_redelivery_is_the_same_event_though_it_says_that_it_is_one() {
    let body = sample(Platform::Line, "message.text.json");
    let again = body.replace("\"isRedelivery\": false", "\"isRedelivery\": true");
    assert_ne!(body, again);
    let (first, second) = (one(Platform::Line, &body), one(Platform::Line, &again));
    assert_eq!(
        (&first.identity, first.time, &first.data),
        (&second.identity, second.time, &second.data)
    );
}

#[test]
fn one_bad_event_does_not_take_the_others_with_it() {
    let body = r#"{"destination":"D","events":[
        {"type":"message","webhookEventId":"1","source":{"userId":"U"},"message":{"id":9007199254740993,"type":"text"}},
        {"type":"message","webhookEventId":"2","source":{"userId":"U"}},
        {"type":"telepathy","webhookEventId":"3","source":{"groupId":"C","userId":"U"}},
        {"type":"message","webhookEventId":"4","message":{"id":"1"}},
        {"webhookEventId":"5","source":{"userId":"U"}}, 7, null,
        {"type":"unfollow","webhookEventId":"6","source":{"userId":"U"}}]}"#;
    let events = events(Platform::Line, body.as_bytes());
    let found: Vec<_> = events
        .iter()
        .map(|event| format!("{} {}", event.data.event_type(), event.ordering_key))
        .collect();
    assert_eq!(
        found,
        [
            "message.created U",
            "unmapped U",
            "unmapped C",
            "unmapped unmapped",
            "unmapped U",
            "unmapped unmapped",
            "unmapped unmapped",
            "contact.updated U"
        ]
    );
    for (event, id) in events.iter().zip(["1", "2", "3", "4", "5"]) {
        assert_eq!(event.identity, [id]);
    }
    assert!(events.iter().all(|event| event.account.as_deref() == Some("D")));
    assert!(
        matches!(&events[5].raw, Raw::Json(raw) if raw == "7"),
        "each has its own element"
    );
    let Data::MessageCreated(message) = &events[0].data else {
        panic!("a message")
    };
    assert_eq!(message.id, "9007199254740993");
}

#[test]
fn who_unblocks_the_bot_was_known_before() {
    for (kind, follow, expected, blocked) in [
        ("follow", r#""follow":{"isUnblocked":false},"#, "contact.created", None),
        ("follow", "", "contact.created", None),
        (
            "follow",
            r#""follow":{"isUnblocked":true},"#,
            "contact.updated",
            Some(false),
        ),
        ("unfollow", "", "contact.updated", Some(true)),
    ] {
        let body = event(kind, &format!(r#"{follow}"source":{{"type":"user","userId":"U"}}"#));
        let event = one(Platform::Line, &body);
        assert_eq!(event.data.event_type().as_str(), expected, "{body}");
        let (Data::ContactCreated(contact) | Data::ContactUpdated(contact)) = event.data else {
            panic!("a contact")
        };
        assert_eq!((&*contact.id, contact.blocked), ("U", blocked), "{body}");
    }
}

#[test]
fn events_of_a_group_need_one_and_a_person_in_it() {
    for (kind, more, expected) in [
        ("join", r#""source":{"groupId":"C"}"#, "group.created"),
        ("join", r#""source":{"roomId":"R"}"#, "group.created"),
        ("join", r#""source":{"userId":"U"}"#, "unmapped"),
        ("leave", r#""source":{"groupId":"C"}"#, "group.participants.updated"),
        (
            "memberJoined",
            r#""source":{"groupId":"C"},"joined":{"members":[{"userId":"U"}]}"#,
            "group.participants.updated",
        ),
        (
            "memberJoined",
            r#""source":{"groupId":"C"},"joined":{"members":[]}"#,
            "unmapped",
        ),
        (
            "memberLeft",
            r#""source":{"groupId":"C"},"left":{"members":{"userId":"U"}}"#,
            "group.participants.updated",
        ),
        (
            "memberLeft",
            r#""source":{"userId":"U"},"left":{"members":[{"userId":"U"}]}"#,
            "unmapped",
        ),
        ("postback", r#""source":{"userId":"U"},"postback":{}"#, "unmapped"),
        ("unsend", r#""source":{"userId":"U"}"#, "unmapped"),
    ] {
        let body = event(kind, more);
        assert_eq!(
            one(Platform::Line, &body).data.event_type().as_str(),
            expected,
            "{body}"
        );
    }
}

#[test]
fn events_without_an_id_are_distinguished_by_what_they_say() {
    let body = |text: &str| {
        format!(
            r#"{{"events":[{{"type":"message","source":{{"userId":"U"}},"message":{{"id":"1","text":"{text}"}}}}]}}"#
        )
    };
    let identity = |body: String| one(Platform::Line, &body).identity.join("/");
    assert_eq!(identity(body("a")), identity(body("a")));
    assert_ne!(identity(body("a")), identity(body("b")));
}

#[test]
fn a_message_says_its_network_and_a_place_what_it_is_called_and_where_it_is() {
    for (message, expected) in [
        (
            r#"{"id":"1","type":"location","title":"Loja","address":"Rua 1"}"#,
            Some("Loja\nRua 1"),
        ),
        (
            r#"{"id":"1","type":"location","latitude":-23.55,"longitude":-46.63}"#,
            Some("-23.55, -46.63"),
        ),
        (r#"{"id":"1","type":"location","address":"Rua 1"}"#, Some("Rua 1")),
        (r#"{"id":"1","type":"location"}"#, None),
    ] {
        let body = event("message", &format!(r#""source":{{"userId":"U"}},"message":{message}"#));
        let Data::MessageCreated(message) = one(Platform::Line, &body).data else {
            panic!("a message")
        };
        assert_eq!(message.text.as_deref(), expected, "{body}");
        assert_eq!(message.conversation.channel.as_deref(), Some("line"));
    }
}

#[test]
fn every_reference_has_the_form_of_a_messages_id() {
    let id = r#""message":{"id":468789577898262531,"type":"text","quotedMessageId":468789577898262530}"#;
    let body = event("message", &format!(r#""source":{{"userId":"U"}},{id}"#));
    let Data::MessageCreated(message) = one(Platform::Line, &body).data else {
        panic!("a message")
    };
    assert_eq!(message.id, "468789577898262531");
    let quoted = message.quoted.and_then(|quoted| quoted.id);
    assert_eq!(quoted.as_deref(), Some("468789577898262530"));
    let body = event(
        "unsend",
        r#""source":{"userId":"U"},"unsend":{"messageId":468789577898262531}"#,
    );
    let Data::MessageDeleted(deletion) = one(Platform::Line, &body).data else {
        panic!("a deletion")
    };
    assert_eq!(deletion.id, Some(message.id));
}
