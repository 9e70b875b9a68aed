//! WAHA: which of its events are one, and whom and what its engines leave out.

use schemas::data::{Data, ParticipantsAction};
use schemas::platform::Platform;

use crate::{one, sample};

fn body(event: &str, payload: &str) -> String {
    format!(
        r#"{{"id":"evt_1","timestamp":1773149910500,"event":"{event}","session":"loja","me":{{"id":"5511900000009@c.us"}},"payload":{payload}}}"#
    )
}

#[test]
fn a_message_under_both_names_is_one_event() {
    let (named, any) = (
        sample(Platform::Waha, "message.json"),
        sample(Platform::Waha, "message.any.json"),
    );
    let (first, second) = (one(Platform::Waha, &named), one(Platform::Waha, &any));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.time, second.time);
    assert_eq!(first.ordering_key, "default/5511900000001@c.us");
}

#[test]
fn a_message_keeps_its_whole_name_through_edits_and_deletions() {
    let message = "false_1@g.us_AAA_5511@c.us";
    for (event, payload) in [
        ("message", r#"{"id":"false_1@g.us_AAA_5511@c.us","from":"1@g.us"}"#),
        (
            "message.edited",
            r#"{"id":"false_1@g.us_BBB_5511@c.us","from":"1@g.us","editedMessageId":"AAA","body":"x"}"#,
        ),
        (
            "message.edited",
            r#"{"id":"false_1@g.us_AAA_5511@c.us","from":"1@g.us","body":"x"}"#,
        ),
        (
            "message.revoked",
            r#"{"revokedMessageId":"AAA","after":{"id":"false_1@g.us_BBB_5511@c.us"},"before":null}"#,
        ),
        (
            "message.revoked",
            r#"{"after":null,"before":{"id":"false_1@g.us_AAA_5511@c.us"}}"#,
        ),
        (
            "message.revoked",
            r#"{"revokedMessageId":"false_1@g.us_AAA_5511@c.us","after":{"id":"false_1@g.us_BBB_5512@c.us"}}"#,
        ),
        ("message.ack", r#"{"id":"false_1@g.us_AAA_5511@c.us","ack":"3"}"#),
        (
            "message.reaction",
            r#"{"id":"false_1@g.us_CCC_5511@c.us","reaction":{"text":"!","messageId":"false_1@g.us_AAA_5511@c.us"}}"#,
        ),
    ] {
        let body = body(event, payload);
        let found = one(Platform::Waha, &body);
        let id = match &found.data {
            Data::MessageCreated(message) | Data::MessageUpdated(message) => message.id.clone(),
            Data::MessageDeleted(deletion) => deletion.id.clone().unwrap_or_default(),
            Data::MessageStatus(status) => status.id.clone(),
            Data::MessageReaction(reaction) => reaction.id.clone(),
            other => panic!("{body}: {other:?}"),
        };
        assert_eq!((&*id, &*found.ordering_key), (message, "loja/1@g.us"), "{body}");
    }
}

#[test]
fn who_did_it_decides_between_joining_and_being_added() {
    for (kind, engine, expected) in [
        ("join", r#"{"author":"9@lid"}"#, ParticipantsAction::Added),
        ("join", r#"{"author":"2:7@lid"}"#, ParticipantsAction::Joined),
        ("join", "{}", ParticipantsAction::Joined),
        (
            "leave",
            r#"{"Sender":"5511900000001@s.whatsapp.net"}"#,
            ParticipantsAction::Removed,
        ),
        (
            "leave",
            r#"{"author":"8@lid","authorPn":"5511900000002@s.whatsapp.net"}"#,
            ParticipantsAction::Left,
        ),
        ("leave", "null", ParticipantsAction::Left),
        ("promote", "{}", ParticipantsAction::Promoted),
    ] {
        let payload = format!(
            r#"{{"group":{{"id":"1@g.us"}},"type":"{kind}","timestamp":1773149890,"participants":[{{"id":"2@lid","pn":"5511900000002@c.us"}}],"_data":{engine}}}"#
        );
        let body = body("group.v2.participants", &payload);
        let Data::GroupParticipantsUpdated(change) = one(Platform::Waha, &body).data else {
            panic!("{body}")
        };
        assert_eq!(change.action, expected, "{body}");
    }
}

#[test]
fn that_we_left_is_reported_twice_and_is_one_event() {
    let to_us = body(
        "group.v2.leave",
        r#"{"timestamp":1773149880,"group":{"id":"1@g.us"},"_data":{}}"#,
    );
    let to_all = body(
        "group.v2.participants",
        r#"{"timestamp":1773149880,"group":{"id":"1@g.us"},"type":"leave","participants":[{"id":"9@lid","pn":"5511900000009@c.us","role":"left"}]}"#,
    );
    let (first, second) = (one(Platform::Waha, &to_us), one(Platform::Waha, &to_all));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.time, second.time);
}

#[test]
fn addresses_of_every_engine_are_spelled_alike() {
    for payload in [
        r#"{"id":"AAA","from":"5511900000001@s.whatsapp.net","body":"x"}"#,
        r#"{"id":"AAA","from":"5511900000001:12@c.us","body":"x"}"#,
        r#"{"id":"false_5511900000001@s.whatsapp.net_AAA","body":"x"}"#,
        r#"{"id":"true_5511900000001@c.us_AAA","fromMe":"true","to":"5511900000001@c.us"}"#,
    ] {
        let body = body("message.any", payload);
        assert_eq!(
            one(Platform::Waha, &body).ordering_key,
            "loja/5511900000001@c.us",
            "{body}"
        );
    }
}

#[test]
fn surprises_are_unmapped_with_their_account_and_their_place_in_the_order() {
    for (event, payload, key) in [
        ("message", "[]", "unmapped"),
        ("message", r#"{"from":"5511@c.us","body":"x"}"#, "loja/5511@c.us"),
        ("message.ack", r#"{"id":"true_5511@c.us_A","ack":9}"#, "loja/5511@c.us"),
        (
            "message.reaction",
            r#"{"id":"true_5511@c.us_A","reaction":null}"#,
            "loja/5511@c.us",
        ),
        (
            "message.revoked",
            r#"{"revokedMessageId":"A","after":null,"before":null}"#,
            "unmapped",
        ),
        ("session.status", r#"{"name":"loja","status":"DREAMING"}"#, "unmapped"),
        ("state.change", "null", "unmapped"),
        ("presence.update", r#"{"presences":[]}"#, "unmapped"),
        (
            "group.v2.participants",
            r#"{"group":{"id":"1@g.us"},"type":"explode","participants":["2@lid"]}"#,
            "loja/1@g.us",
        ),
        (
            "group.v2.participants",
            r#"{"group":{"id":"1@g.us"},"type":"join","participants":[]}"#,
            "loja/1@g.us",
        ),
        ("group.join", r#"{"id":{"_serialized":"x"}}"#, "unmapped"),
        ("group.leave", r#"{"chatId":"1@g.us"}"#, "loja/1@g.us"),
        ("label.upsert", r#"{"id":"1"}"#, "unmapped"),
    ] {
        let body = body(event, payload);
        let found = one(Platform::Waha, &body);
        assert_eq!(found.data.event_type().as_str(), "unmapped", "{body}");
        assert_eq!(
            (&*found.ordering_key, found.account.as_deref()),
            (key, Some("loja")),
            "{body}"
        );
    }
}

#[test]
fn the_customer_is_whom_our_message_went_to_though_no_engine_says_it() {
    for payload in [
        r#"{"id":"true_5511900000001@c.us_A","from":"5511900000001@c.us","to":null,"body":"x"}"#,
        r#"{"id":"true_271@lid_A","from":"271@lid","body":"x","_data":{"key":{"remoteJid":"271@lid","remoteJidAlt":"5511900000001@s.whatsapp.net"}}}"#,
        r#"{"id":"true_271@lid_A","from":"271@lid","body":"x","_data":{"Info":{"RecipientAlt":"5511900000001:7@s.whatsapp.net"}}}"#,
    ] {
        let body = body("message.any", payload);
        let Data::MessageCreated(message) = one(Platform::Waha, &body).data else {
            panic!("{body}")
        };
        let to = message.to.expect("a customer");
        assert_eq!(to.id.as_deref(), Some("5511900000001@c.us"), "{body}");
        assert_eq!(to.phone.as_deref(), Some("+5511900000001"), "{body}");
        assert_eq!(to.alternate_id, message.conversation.alternate_id, "{body}");
    }
    let group = body(
        "message.any",
        r#"{"id":"true_1@g.us_A_5511900000009@c.us","from":"1@g.us","body":"x"}"#,
    );
    let Data::MessageCreated(message) = one(Platform::Waha, &group).data else {
        panic!("{group}")
    };
    assert_eq!(message.to, None);
}

/// Go's engine passes on the reacting device's own key.
#[test]
fn a_reaction_names_the_message_as_it_is_named_here() {
    let lid = r#""me":{"id":"5511900000009@c.us","lid":"279@lid"},"engine":"GOWS""#;
    for (own, target, expected) in [
        // In a chat of two.
        ("false_5511@c.us_R", "false_5511900000009@c.us_A", "true_5511@c.us_A"),
        ("false_5511@c.us_R", "true_5511900000009@c.us_A", "false_5511@c.us_A"),
        ("false_271@lid_R", "false_279@lid_A", "true_271@lid_A"),
        ("false_5511@c.us_R", "true_5511@c.us_A", "true_5511@c.us_A"),
        ("true_5511@c.us_R", "false_5511@c.us_A", "false_5511@c.us_A"),
        // With ourselves.
        (
            "true_5511900000009@c.us_R",
            "true_5511900000009@c.us_A",
            "true_5511900000009@c.us_A",
        ),
        // In a group.
        (
            "false_1@g.us_R_5511@c.us",
            "true_1@g.us_A_5511900000009@c.us",
            "false_1@g.us_A_5511@c.us",
        ),
        (
            "false_1@g.us_R_5511@c.us",
            "false_1@g.us_A_279@lid",
            "true_1@g.us_A_279@lid",
        ),
        (
            "false_1@g.us_R_5511@c.us",
            "false_1@g.us_A_5512@c.us",
            "false_1@g.us_A_5512@c.us",
        ),
        (
            "true_1@g.us_R_5511900000009@c.us",
            "true_1@g.us_A_5511900000009@c.us",
            "true_1@g.us_A_5511900000009@c.us",
        ),
    ] {
        let payload =
            format!(r#"{{"id":"{own}","timestamp":1773149810,"reaction":{{"text":"!","messageId":"{target}"}}}}"#);
        let body = body("message.reaction", &payload).replace(r#""me":{"id":"5511900000009@c.us"}"#, lid);
        let Data::MessageReaction(reaction) = one(Platform::Waha, &body).data else {
            panic!("{body}")
        };
        assert_eq!(reaction.id, expected, "{body}");
    }
}

#[test]
fn a_quote_leads_to_a_message_only_where_it_is_known_whose_it_is() {
    let quoted = |me: &str, author: &str, engine: &str| {
        let payload = format!(
            r#"{{"id":"false_5511900000001@c.us_B","from":"5511900000001@c.us","body":"x","replyTo":{{"id":"A","participant":"{author}"}},"_data":{engine}}}"#
        );
        let body = body("message", &payload).replace(r#""me":{"id":"5511900000009@c.us"}"#, me);
        let Data::MessageCreated(message) = one(Platform::Waha, &body).data else {
            panic!("{body}")
        };
        let quoted = message.quoted.expect("a quote");
        (quoted.id.map(String::from), quoted.external_id.map(String::from))
    };
    let (without, with) = (
        r#""me":{"id":"5511900000009@c.us"}"#,
        r#""me":{"id":"5511900000009@c.us","lid":"279@lid"}"#,
    );
    let chat = r#"{"key":{"remoteJidAlt":"271@lid"}}"#;
    let ours = (Some("true_5511900000001@c.us_A".to_owned()), None);
    let theirs = (Some("false_5511900000001@c.us_A".to_owned()), None);
    assert_eq!(quoted(with, "279@lid", "{}"), ours);
    assert_eq!(quoted(with, "271@lid", "{}"), theirs);
    assert_eq!(quoted(without, "279@lid", chat), ours);
    assert_eq!(quoted(without, "271@lid", chat), theirs);
    assert_eq!(quoted(without, "5511900000001@c.us", "{}"), theirs);
    assert_eq!(quoted(without, "271@lid", "{}"), (None, Some("A".to_owned())));
}

#[test]
fn what_has_no_mapping_is_in_the_order_of_its_chat_at_its_time() {
    for (event, payload, key) in [
        (
            "poll.vote",
            r#"{"vote":{"id":"false_271@lid_V","timestamp":1773149810000},"poll":{"id":"true_271@lid_P"},"_data":{"Info":{"SenderAlt":"5511@s.whatsapp.net"}}}"#,
            "loja/5511@c.us",
        ),
        (
            "event.response",
            r#"{"id":"false_5511@c.us_E","timestamp":1773149810,"eventResponse":null}"#,
            "loja/5511@c.us",
        ),
        (
            "call.accepted",
            r#"{"id":"C","from":"5511@c.us","timestamp":1773149810}"#,
            "loja/5511@c.us",
        ),
        (
            "label.chat.added",
            r#"{"labelId":"6","chatId":"5511@s.whatsapp.net","timestamp":1773149810}"#,
            "loja/5511@c.us",
        ),
        ("label.upsert", r#"{"id":"6","timestamp":1773149810}"#, "unmapped"),
    ] {
        let body = body(event, payload);
        let found = one(Platform::Waha, &body);
        assert_eq!(
            (found.data.event_type().as_str(), &*found.ordering_key),
            ("unmapped", key),
            "{body}"
        );
        let time = found.time.map(|time| time.to_string());
        assert_eq!(time.as_deref(), Some("2026-03-10T13:36:50.000Z"), "{body}");
    }
}
