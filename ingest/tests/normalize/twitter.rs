//! The lists of Twitter's account activity, and what it puts up with.

use std::fmt::Write as _;

use schemas::event::Raw;
use schemas::platform::Platform;

use crate::{events, one, sample};

fn described(body: &str) -> Vec<String> {
    events(Platform::Twitter, body.as_bytes())
        .iter()
        .map(|event| format!("{} {}", event.data.event_type(), event.ordering_key))
        .collect()
}

#[test]
fn each_element_of_each_list_is_an_event_of_its_own() {
    let body = r#"{"for_user_id":"1","follow_events":[{"type":"follow","source":{"id":"2"}},{"type":"follow","source":{"id":"3"}}],
        "direct_message_events":[{"type":"message_create","id":"A","message_create":{"sender_id":"2","target":{"recipient_id":"1"}}},
        {"type":"message_create","id":"B","message_create":{"sender_id":"1","target":{"recipient_id":"2"}}},
        {"type":"message_create","message_create":{"sender_id":"2"}}, null, 7],"user_has_blocked":"false","x":[1]}"#;
    assert_eq!(
        described(body),
        [
            "twitter.follow 1",
            "twitter.follow 1",
            "message.created 1/2",
            "message.created 1/2",
            "unmapped 1",
            "unmapped 1",
            "unmapped 1",
        ]
    );
    let events = events(Platform::Twitter, body.as_bytes());
    let mut identities: Vec<_> = events.iter().map(|event| &event.identity).collect();
    identities.sort();
    identities.dedup();
    assert_eq!(identities.len(), 7);
    assert!(
        matches!(&events[6].raw, Raw::Json(raw) if raw == "7"),
        "an element's raw part is that element"
    );
}

#[test]
fn two_accounts_of_ours_each_get_their_side() {
    let received = sample(Platform::Twitter, "direct_message_events.received.json");
    let sent = received.replace(r#""for_user_id": "2244994945""#, r#""for_user_id": "3805104374""#);
    assert_ne!(sent, received);
    let (received, sent) = (one(Platform::Twitter, &received), one(Platform::Twitter, &sent));
    assert_ne!(received.identity, sent.identity);
    assert_ne!(received.account, sent.account);
    assert_eq!(received.time, sent.time);
}

#[test]
fn what_is_odd_is_kept_and_harms_nothing_else() {
    for (body, expected) in [
        (
            r#"{"for_user_id":1,"follow_events":{"id":9007199254740993}}"#,
            "twitter.follow 1",
        ),
        (
            r#"{"tweet_create_events":[{"id_str":"7"}]}"#,
            "twitter.tweet_create tweet_create",
        ),
        (r#"{"for_user_id":"1","de tal_events":[{}]}"#, "unmapped 1"),
        (r#"{"for_user_id":"1","_events":[{}]}"#, "unmapped unmapped"),
        (
            r#"{"for_user_id":"1","direct_message_events":[{"type":"message_create","id":"A"}]}"#,
            "unmapped 1",
        ),
        (
            r#"{"for_user_id":"1","direct_message_mark_read_events":[{"sender_id":"2"}]}"#,
            "unmapped 1",
        ),
        (
            r#"{"for_user_id":"1","direct_message_indicate_typing_events":[{"sender_id":"1"}]}"#,
            "unmapped 1",
        ),
        (
            r#"{"for_user_id":"1","direct_message_indicate_typing_events":[{"sender_id":"2"}]}"#,
            "presence.updated 1/2",
        ),
        (r#"{"for_user_id":"1","tweet_create_events":[]}"#, "unmapped unmapped"),
        (r#"{"for_user_id":"1","tweet_create_events":null}"#, "unmapped unmapped"),
        (r#"{"for_user_id":"1"}"#, "unmapped unmapped"),
        ("[]", "unmapped unmapped"),
    ] {
        assert_eq!(described(body), [expected], "{body}");
    }
}

#[test]
fn names_are_found_in_a_crowd_without_searching_it_for_each_message() {
    let (mut list, mut users) = (String::new(), String::new());
    for n in 0..10_000 {
        let comma = if n == 0 { "" } else { "," };
        write!(
            list,
            r#"{comma}{{"type":"message_create","id":"{n}","message_create":{{"sender_id":"u{n}","target":{{"recipient_id":"1"}}}}}}"#
        )
        .expect("a string");
        write!(users, r#"{comma}"u{n}":{{"name":"Ana {n}"}}"#).expect("a string");
    }
    let body = format!(r#"{{"for_user_id":"1","direct_message_events":[{list}],"users":{{{users}}}}}"#);
    let events = events(Platform::Twitter, body.as_bytes());
    assert_eq!(events.len(), 10_000);
    for (n, event) in events.iter().enumerate() {
        let schemas::data::Data::MessageCreated(message) = &event.data else {
            panic!("a message")
        };
        let name = message.from.as_ref().and_then(|from| from.name.as_deref());
        assert_eq!(name, Some(&*format!("Ana {n}")));
    }
}

#[test]
fn a_quick_reply_has_the_metadata_that_we_gave_it() {
    let body = sample(Platform::Twitter, "direct_message_events.quick_reply.json");
    let schemas::data::Data::MessageCreated(message) = one(Platform::Twitter, &body).data else {
        panic!("a message")
    };
    let answer = message.answer.expect("an answer");
    assert_eq!(answer.id.as_deref(), Some("pedido:880001"));
    assert_eq!(
        (answer.title, message.conversation.channel.as_deref()),
        (message.text, Some("twitter"))
    );
}

#[test]
fn how_many_followers_a_user_has_by_then_is_no_part_of_following() {
    let body = sample(Platform::Twitter, "follow_events.unfollow.json");
    let identity = |from: &str, to: &str| {
        let other = body.replace(from, to);
        let event = one(Platform::Twitter, &other);
        (event.identity.join("/"), event.time)
    };
    let first = identity("", "");
    assert_eq!(first, identity(r#""followers_count": 31"#, r#""followers_count": 32"#));
    for (from, to) in [
        (r#""type": "unfollow""#, r#""type": "follow""#),
        ("1773149990178", "1773149990179"),
        (r#""id": "3805104374""#, r#""id": "3805104375""#),
    ] {
        assert_ne!(first, identity(from, to), "{from}");
    }
}

#[test]
fn a_message_by_either_api_is_one_event() {
    let old =
        sample(Platform::Twitter, "direct_message_events.received.json").replace("1773149810912", "1773149810336");
    let new = sample(Platform::Twitter, "activity.dm.received.json");
    let (old, new) = (one(Platform::Twitter, &old), one(Platform::Twitter, &new));
    assert_eq!((&old.identity, old.time), (&new.identity, new.time));
    assert_eq!((&old.ordering_key, &old.account), (&new.ordering_key, &new.account));
}

#[test]
fn the_second_api_sends_one_event_a_call_and_what_is_odd_in_it_is_kept() {
    let described = |data: &str| {
        let body = format!(r#"{{"data":{data}}}"#);
        let event = one(Platform::Twitter, &body);
        assert!(matches!(&event.raw, Raw::Json(raw) if **raw == *body), "{body}");
        format!("{} {}", event.data.event_type(), event.ordering_key)
    };
    for (data, expected) in [
        (
            r#"{"event_type":"dm.read","filter":{"user_id":"1"},"payload":{"direct_message_mark_read_events":[{"sender_id":"2","target":{"recipient_id":"1"},"last_read_event_id":"7"}]}}"#,
            "message.status 1/2",
        ),
        (
            r#"{"event_type":"dm.indicate_typing","filter":{"user_id":"1"},"payload":{"direct_message_indicate_typing_events":[{"sender_id":"2","target":{"recipient_id":"1"}}]}}"#,
            "presence.updated 1/2",
        ),
        (
            r#"{"event_type":"dm.read","filter":{"user_id":"1"},"payload":{"id":"7"}}"#,
            "twitter.dm.read 1",
        ),
        (
            r#"{"event_type":"dm.received","payload":null}"#,
            "twitter.dm.received dm.received",
        ),
        (
            r#"{"event_type":"oauth.revoke","filter":{},"payload":{"user_id":"1"}}"#,
            "twitter.oauth.revoke 1",
        ),
        (
            r#"{"event_type":"de tal","filter":{"user_id":"1"}}"#,
            "unmapped unmapped",
        ),
        (r#"{"event_uuid":"1","payload":{"id":"7"}}"#, "unmapped unmapped"),
    ] {
        assert_eq!(described(data), expected, "{data}");
    }
    // Without any id, what it says distinguishes it.
    let identity = |after: &str| {
        let body = format!(
            r#"{{"data":{{"event_type":"profile.update.bio","filter":{{"user_id":"1"}},"payload":{{"after":"{after}"}}}}}}"#
        );
        one(Platform::Twitter, &body).identity.join("/")
    };
    assert_ne!(identity("a"), identity("b"));
}
