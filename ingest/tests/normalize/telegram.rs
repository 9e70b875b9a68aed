//! What is peculiar to Telegram: one update a call, several deletions in it, members' standings, offsets in UTF-16.

use std::borrow::Cow;

use schemas::data::{Data, Direction};
use schemas::event::Raw;
use schemas::platform::Platform;
use serde_json::json;

use crate::{events, one, sample};

fn update(kind: &str, content: &str) -> String {
    format!(r#"{{"update_id":9007199254740993,"{kind}":{{{content}}}}}"#)
}

#[test]
fn an_update_is_distinguished_by_its_id_alone_with_every_digit() {
    for (kind, content) in [
        (
            "message",
            r#""message_id":1,"chat":{"id":5,"type":"private"},"date":1773149810,"text":"x""#,
        ),
        (
            "message_reaction",
            r#""chat":{"id":5},"message_id":1,"new_reaction":[]"#,
        ),
        ("poll", r#""id":"1""#),
    ] {
        let body = update(kind, content);
        assert_eq!(
            one(Platform::Telegram, &body).identity,
            ["update", "9007199254740993"],
            "{kind}"
        );
    }
    let as_text = r#"{"message":{"message_id":"1","chat":{"id":"5"}},"update_id":"9007199254740993"}"#;
    let event = one(Platform::Telegram, as_text);
    assert_eq!(event.identity, ["update", "9007199254740993"]);
    assert_eq!(event.ordering_key, "5");
}

#[test]
fn each_deleted_message_is_an_event_and_a_bad_id_does_not_take_the_others_with_it() {
    let body = update(
        "deleted_business_messages",
        r#""business_connection_id":"b","chat":{"id":5,"type":"private"},"message_ids":[41,null,"42",{}]"#,
    );
    let events = events(Platform::Telegram, body.as_bytes());
    let found: Vec<_> = events
        .iter()
        .map(|event| format!("{} {}", event.data.event_type(), event.ordering_key))
        .collect();
    assert_eq!(
        found,
        ["message.deleted 5", "unmapped 5", "message.deleted 5", "unmapped 5"]
    );
    assert_eq!(events[0].identity, ["update", "9007199254740993", "41"]);
    assert_eq!(events[2].identity, ["update", "9007199254740993", "42"]);

    let alone = update("deleted_business_messages", r#""chat":{"id":5},"message_ids":[41]"#);
    let event = one(Platform::Telegram, &alone);
    assert!(
        matches!(&event.raw, Raw::Json(raw) if *raw == alone),
        "one alone keeps all of it"
    );

    for content in [r#""chat":{"id":5},"message_ids":[]"#, r#""message_ids":[1]"#] {
        let body = update("deleted_business_messages", content);
        assert_eq!(one(Platform::Telegram, &body).data.event_type().as_str(), "unmapped");
    }
}

#[test]
fn what_happened_to_a_member_is_decided_by_their_standing_before_and_after() {
    let action = |old: &str, new: &str, from: u8| {
        let member = |status: &str| {
            let (status, inside) = status.split_once('/').unwrap_or((status, "null"));
            format!(r#"{{"user":{{"id":2}},"status":"{status}","is_member":{inside}}}"#)
        };
        let body = update(
            "chat_member",
            &format!(
                r#""chat":{{"id":-5,"type":"supergroup"}},"from":{{"id":{from}}},"date":1773149810,"old_chat_member":{},"new_chat_member":{}"#,
                member(old),
                member(new)
            ),
        );
        match one(Platform::Telegram, &body).data {
            Data::GroupParticipantsUpdated(change) => format!("{:?}", change.action),
            other => panic!("{other:?}"),
        }
    };
    for (old, new, from, expected) in [
        ("left", "member", 2, "Joined"),
        ("left", "member", 1, "Added"),
        ("kicked", "member", 2, "Joined"),
        ("left", "administrator", 1, "Added"),
        ("left", "restricted/true", 2, "Joined"),
        ("restricted/false", "member", 2, "Joined"),
        ("member", "left", 2, "Left"),
        ("administrator", "left", 2, "Left"),
        ("member", "left", 1, "Removed"),
        ("member", "restricted/false", 2, "Left"),
        ("member", "kicked", 1, "Removed"),
        ("left", "kicked", 1, "Removed"),
        ("member", "administrator", 1, "Promoted"),
        ("restricted/true", "administrator", 1, "Promoted"),
        ("member", "creator", 1, "Promoted"),
        ("administrator", "member", 1, "Demoted"),
        ("administrator", "restricted/true", 1, "Demoted"),
        ("administrator", "administrator", 1, "Changed"),
        ("administrator", "creator", 1, "Changed"),
        ("member", "restricted/true", 1, "Changed"),
        ("kicked", "left", 1, "Changed"),
    ] {
        assert_eq!(action(old, new, from), expected, "{old} -> {new} by {from}");
    }
}

#[test]
fn only_a_business_writes_outbound() {
    for (kind, from, connection, expected) in [
        ("message", r#""from":{"id":5,"is_bot":false},"#, "", Direction::Inbound),
        ("message", r#""from":{"id":6,"is_bot":true},"#, "", Direction::Inbound),
        ("channel_post", "", "", Direction::Inbound),
        (
            "business_message",
            r#""from":{"id":5},"#,
            r#""business_connection_id":"b","#,
            Direction::Inbound,
        ),
        (
            "business_message",
            r#""from":{"id":6},"#,
            r#""business_connection_id":"b","#,
            Direction::Outbound,
        ),
        (
            "business_message",
            "",
            r#""business_connection_id":"b","#,
            Direction::Inbound,
        ),
    ] {
        let body = update(
            kind,
            &format!(r#""message_id":1,{from}{connection}"chat":{{"id":5}},"text":"x""#),
        );
        let Data::MessageCreated(message) = one(Platform::Telegram, &body).data else {
            panic!("a message")
        };
        assert_eq!(message.direction, expected, "{body}");
    }
}

#[test]
fn a_mention_is_cut_out_by_utf_16_and_one_beyond_the_text_is_none() {
    let body = |offset: &str, length: &str| {
        update(
            "message",
            &format!(
                r#""message_id":1,"chat":{{"id":5}},"text":"😀@ana","entities":[{{"type":"mention","offset":{offset},"length":{length}}}]"#
            ),
        )
    };
    for (offset, length, expected) in [
        ("2", "4", &["@ana"][..]),
        ("\"2\"", "4.0", &["@ana"]),
        ("2", "5", &[]),
        ("1", "4", &[]),
        ("-1", "4", &[]),
        ("9223372036854775807", "9223372036854775807", &[]),
        ("null", "4", &[]),
    ] {
        let body = body(offset, length);
        let Data::MessageCreated(message) = one(Platform::Telegram, &body).data else {
            panic!("a message")
        };
        assert_eq!(message.mentions, expected, "{offset} {length}");
    }
}

#[test]
fn a_surprise_keeps_its_chats_order_and_the_updates_id() {
    for (body, key) in [
        (update("new_kind", r#""chat":{"id":-5}"#), "-5"),
        (update("message", r#""chat":{"id":-5}"#), "-5"),
        (update("message", r#""message_id":1,"chat":[]"#), "unmapped"),
        (update("callback_query", r#""from":{"id":7}"#), "7"),
        (update("chat_member", r#""chat":{"id":-5}"#), "-5"),
    ] {
        let event = one(Platform::Telegram, &body);
        assert_eq!(event.data.event_type().as_str(), "unmapped", "{body}");
        assert_eq!(event.ordering_key, key, "{body}");
        assert_eq!(event.identity, ["update", "9007199254740993"], "{body}");
    }
    for body in [
        r#"{"update_id":1}"#,
        r#"{"update_id":1,"message":[]}"#,
        r#"{"message":{"message_id":1,"chat":{"id":5}}}"#,
    ] {
        assert_eq!(
            one(Platform::Telegram, body).data.event_type().as_str(),
            "unmapped",
            "{body}"
        );
    }
}

#[test]
fn a_redelivery_is_the_same_event() {
    let body = sample(Platform::Telegram, "message.text.json");
    let compact = serde_json::from_str::<serde_json::Value>(&body)
        .expect("JSON")
        .to_string();
    let (first, second) = (one(Platform::Telegram, &body), one(Platform::Telegram, &compact));
    assert_eq!(
        (&first.identity, first.time, &first.data),
        (&second.identity, second.time, &second.data)
    );
}

#[test]
fn overlapping_mentions_do_not_add_up_to_more_than_the_body() {
    let (text, entity) = ("x".repeat(1000), r#"{"type":"mention","offset":0,"length":1000}"#);
    let body = update(
        "message",
        &format!(
            r#""message_id":1,"chat":{{"id":5}},"text":"{text}","entities":[{}]"#,
            vec![entity; 1000].join(",")
        ),
    );
    let Data::MessageCreated(message) = one(Platform::Telegram, &body).data else {
        panic!("a message")
    };
    assert!(message.mentions.is_empty(), "no name is that long");
}

/// The normalized part of a sample's event.
fn said(name: &str) -> serde_json::Value {
    let body = sample(Platform::Telegram, &format!("{name}.json"));
    let (_, json) = one(Platform::Telegram, &body).data.to_member().expect("a member");
    serde_json::from_str(&json).expect("JSON")
}

#[test]
fn the_mark_of_a_topic_is_no_quote_and_a_quote_leads_to_a_message_of_its_chat() {
    for (name, expected) in [
        ("message.forum_topic", json!(null)),
        (
            "message.forum_topic.real_reply",
            json!({"id": "187", "text": "alguém sabe do pedido?"}),
        ),
        (
            "message.forum_topic.other_topic",
            json!({"id": "98", "text": "sai às 15h"}),
        ),
        ("message.external_reply", json!({"text": "Promoção"})),
        ("message.reply", json!({"id": "9", "text": "Azul"})),
    ] {
        assert_eq!(said(name)["quoted"], expected, "{name}");
    }
    let reply = |more: &str| {
        let body = update(
            "message",
            &format!(r#""message_id":9,"chat":{{"id":-5}},"text":"x","reply_to_message":{{"message_id":7}},{more}"#),
        );
        let Data::MessageCreated(message) = one(Platform::Telegram, &body).data else {
            panic!("a message")
        };
        message
            .quoted
            .and_then(|quoted| quoted.id.map(std::borrow::Cow::into_owned))
    };
    for (more, expected) in [
        (r#""message_thread_id":7,"is_topic_message":true"#, None),
        (r#""message_thread_id":6,"is_topic_message":true"#, Some("7")),
        (r#""message_thread_id":7"#, Some("7")),
        (r#""is_topic_message":true"#, Some("7")),
    ] {
        assert_eq!(reply(more).as_deref(), expected, "{more}");
    }
}

#[test]
fn what_no_one_wrote_is_no_message_and_content_that_is_newer_is_one() {
    for name in [
        "message.pinned_message",
        "message.migrate_to_chat_id",
        "message.forum_topic_created",
        "message.successful_payment",
    ] {
        let body = sample(Platform::Telegram, &format!("{name}.json"));
        let event = one(Platform::Telegram, &body);
        assert_eq!(event.data.event_type().as_str(), "unmapped", "{name}");
        assert_ne!(event.ordering_key, "unmapped", "{name}");
        assert_eq!(
            event.time.map(|time| time.to_string()).as_deref(),
            Some("2026-03-10T13:36:50.000Z"),
            "{name}"
        );
    }
    let body = sample(Platform::Telegram, "message.newer_content.json");
    match one(Platform::Telegram, &body).data {
        Data::MessageCreated(message) => assert_eq!(message.kind.as_deref(), Some("unsupported")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_number_is_that_of_whoever_sends_their_own_card() {
    for (name, phone, text) in [
        ("message.contact.own", json!("+5511900000001"), "Ana Exemplo"),
        ("message.contact", json!("+5511900000001"), "Ana"),
        ("message.contact.other", json!(null), "Bruno"),
    ] {
        let message = said(name);
        assert_eq!(
            (&message["from"]["phone"], &message["text"]),
            (&phone, &json!(text)),
            "{name}"
        );
    }
}

#[test]
fn what_a_button_of_a_keyboard_brought_is_an_answer() {
    let filled = said("message.web_app_data");
    assert_eq!(filled["text"], "Fazer pedido");
    assert_eq!(
        filled["answer"],
        json!({
            "id": r#"{"produto":"suco","quantidade":2}"#, "title": "Fazer pedido",
            "values": {"produto": "suco", "quantidade": "2"},
        })
    );
    let shared = said("message.users_shared");
    assert_eq!(
        shared["answer"],
        json!({"id": "7", "values": {"user_ids": r#"["5500000002"]"#}})
    );
}

#[test]
fn a_reaction_is_what_was_given_not_the_first_that_is_shown() {
    let reaction = |old: &[&str], new: &[&str]| {
        let list = |emojis: &[&str]| {
            let each: Vec<_> = emojis
                .iter()
                .map(|emoji| json!({ "type": "emoji", "emoji": emoji }))
                .collect();
            json!(each)
        };
        let content = format!(
            r#""chat":{{"id":-5,"type":"supergroup"}},"message_id":1,"user":{{"id":2}},"old_reaction":{},"new_reaction":{}"#,
            list(old),
            list(new)
        );
        match one(Platform::Telegram, &update("message_reaction", &content)).data {
            Data::MessageReaction(reaction) => reaction.emoji.map(Cow::into_owned),
            other => panic!("{other:?}"),
        }
    };
    for (old, new, expected) in [
        (&[][..], &["a"][..], Some("a")),
        (&["a"], &["a", "b"], Some("b")),
        (&["a", "b"], &["c", "a"], Some("c")),
        (&["a", "b"], &["b"], Some("b")),
        (&["a"], &[], None),
    ] {
        assert_eq!(reaction(old, new).as_deref(), expected, "{old:?} {new:?}");
    }
}

#[test]
fn a_rich_message_says_what_its_blocks_say_however_deep_they_stand() {
    let text = |blocks: &str| {
        let content = format!(
            r#""message_id":1,"chat":{{"id":5,"type":"private"}},"date":1773149810,"rich_message":{{"blocks":{blocks}}}"#
        );
        match one(Platform::Telegram, &update("message", &content)).data {
            Data::MessageCreated(message) => (
                message.kind.expect("a kind").into_owned(),
                message.text.map(Cow::into_owned),
            ),
            other => panic!("{other:?}"),
        }
    };
    for (blocks, expected) in [
        (r#"[{"type":"paragraph","text":"a"}]"#, Some("a")),
        (
            r#"{"type":"paragraph","text":["a",["b",{"type":"bold","text":{"type":"code","text":"c"}}]]}"#,
            Some("abc"),
        ),
        (
            r#"[{"type":"mathematical_expression","expression":"x^2"},{"type":"pre","text":"y"}]"#,
            Some("x^2\ny"),
        ),
        (
            r#"[{"type":"list","items":[{"label":"•","blocks":[{"type":"list","items":[{"label":"–","blocks":[{"type":"paragraph","text":"a"}]}]}]}]}]"#,
            Some("• – a"),
        ),
        (
            r#"[{"type":"table","cells":[[{"text":"a"},{},{"text":"b"}]],"caption":"c"}]"#,
            Some("a\t\tb\nc"),
        ),
        (
            r#"[{"type":"expandable_blockquote","text":"a","credit":"b"}]"#,
            Some("a\nb"),
        ),
        (
            r#"[{"type":"paragraph","text":["a ",{"type":"button","button":{"text":"b","callback_data":"c"}}]}]"#,
            Some("a b"),
        ),
        (
            r#"[{"type":"divider"},{"type":"anchor","name":"x"},null,7,"",[]]"#,
            None,
        ),
        ("null", None),
    ] {
        assert_eq!(
            text(blocks),
            ("text".to_owned(), expected.map(str::to_owned)),
            "{blocks}"
        );
    }
    let deep = format!("{}\"a\"{}", "[".repeat(90), "]".repeat(90));
    assert_eq!(
        text(&format!(r#"[{{"text":{deep}}},{{"text":"b"}}]"#)).1.as_deref(),
        Some("b")
    );
}
