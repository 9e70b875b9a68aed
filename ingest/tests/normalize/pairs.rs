//! Decisions that take two events to see: what is one event twice, and what is two events.

use schemas::data::Data;
use schemas::platform::Platform;

use crate::{events, one, sample};

#[test]
fn a_forks_second_name_for_a_message_is_the_same_event() {
    let body = sample(Platform::Chatwoot, "message_created.incoming.json");
    let again = body.replace("message_created", "message_incoming");
    let (first, second) = (one(Platform::Chatwoot, &body), one(Platform::Chatwoot, &again));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.time, second.time);
    assert_eq!(first.data, second.data);
}

#[test]
fn the_two_events_about_one_reaction_are_one() {
    let as_message = sample(Platform::Baileys, "messages.upsert.reaction.json");
    let as_event = sample(Platform::Baileys, "messages.reaction.json");
    let (first, second) = (one(Platform::Baileys, &as_message), one(Platform::Baileys, &as_event));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.time, second.time);
}

#[test]
fn the_two_events_about_one_edit_are_one() {
    let as_message = r#"{"event":"messages.upsert","data":{"messages":[{"key":{"remoteJid":"5511900000001@s.whatsapp.net",
        "fromMe":false,"id":"3EB0EDIT"},"messageTimestamp":"1773150020","message":{"protocolMessage":{"key":
        {"remoteJid":"5511900000001@s.whatsapp.net","id":"3EB0A1B2C3D4E5F60001"},"type":"MESSAGE_EDIT","timestampMs":"1773150020555",
        "editedMessage":{"conversation":"Olá, boa tarde"}}}}]}}"#;
    let as_event = sample(Platform::Baileys, "messages.update.edit.json");
    let (first, second) = (one(Platform::Baileys, as_message), one(Platform::Baileys, &as_event));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.time, second.time);
    assert_eq!(first.data, second.data);
}

#[test]
fn the_two_events_about_one_deletion_are_one() {
    let as_message = r#"{"event":"messages.upsert","data":{"messages":[{"key":{"remoteJid":"5511900000001@s.whatsapp.net",
        "fromMe":false,"id":"3EB0A1B2C3D4E5F60009"},"messageTimestamp":"1773150020","message":{"protocolMessage":{"key":
        {"remoteJid":"5511900000009@s.whatsapp.net","fromMe":true,"id":"3EB0A1B2C3D4E5F60001"},"type":"REVOKE"}}}]}}"#;
    let as_event = sample(Platform::Baileys, "messages.update.revoke.json");
    let (first, second) = (one(Platform::Baileys, as_message), one(Platform::Baileys, &as_event));
    assert_eq!(first.identity, second.identity);
    assert_eq!((first.time, second.time), (None, None));
}

#[test]
fn who_is_named_first_does_not_distinguish_group_changes() {
    let change = |participants: &str, author: &str| {
        format!(
            r#"{{"event":"group-participants.update","data":{{"id":"1@g.us","author":"{author}","action":"add","participants":{participants}}}}}"#
        )
    };
    let identity = |body: &str| {
        one(Platform::Baileys, body)
            .identity
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let forth = identity(&change(r#"["2@lid","3@lid"]"#, "9@lid"));
    assert_eq!(forth, identity(&change(r#"[{"id":"3@lid"},{"id":"2@lid"}]"#, "9@lid")));
    assert_ne!(forth, identity(&change(r#"["2@lid","4@lid"]"#, "9@lid")));
    assert_ne!(forth, identity(&change(r#"["2@lid","3@lid"]"#, "8@lid")));
}

#[test]
fn coming_and_going_by_oneself_is_distinguished_from_being_added_and_removed() {
    let action = |author: &str, action: &str, participants: &str| {
        let body = format!(
            r#"{{"event":"group-participants.update","data":{{"id":"1@g.us",{author}"action":"{action}","participants":{participants}}}}}"#
        );
        match one(Platform::Baileys, &body).data {
            Data::GroupParticipantsUpdated(change) => format!("{:?}", change.action),
            other => format!("{:?}", other.event_type().as_str()),
        }
    };
    for (author, word, participants, expected) in [
        (r#""author":"9@lid","#, "add", r#"["2@lid"]"#, "Added"),
        (r#""author":"","#, "add", r#"["2@lid"]"#, "Joined"),
        ("", "add", r#"["2@lid"]"#, "Joined"),
        (r#""author":"2@lid","#, "add", r#"["2@lid"]"#, "Joined"),
        (r#""author":"9@lid","#, "remove", r#"["2@lid"]"#, "Removed"),
        (r#""author":"2:17@lid","#, "remove", r#"[{"id":"2@lid"}]"#, "Left"),
        (
            r#""author":"2@lid","authorPn":"5511@s.whatsapp.net","#,
            "remove",
            r#"[{"id":"5511@c.us"}]"#,
            "Left",
        ),
        (r#""author":"2@lid","#, "remove", r#"["2@lid","3@lid"]"#, "Removed"),
        (r#""author":"9@lid","#, "promote", r#""2@lid""#, "Promoted"),
        ("", "demote", r#"["2@lid"]"#, "Demoted"),
        ("", "modify", r#"["2@lid"]"#, "Changed"),
        ("", "explode", r#"["2@lid"]"#, "\"unmapped\""),
        ("", "add", "[]", "\"unmapped\""),
    ] {
        assert_eq!(
            action(author, word, participants),
            expected,
            "{author}{word} {participants}"
        );
    }
}

#[test]
fn only_news_of_delivery_is_a_status() {
    let chatwoot = sample(Platform::Chatwoot, "message_updated.json");
    let digisac = sample(Platform::Digisac, "message.updated.json");
    for (platform, body, from, to, expected) in [
        (Platform::Chatwoot, &chatwoot, "", "", "message.status"),
        (
            Platform::Chatwoot,
            &chatwoot,
            r#""delivered""#,
            r#""sent""#,
            "message.updated",
        ),
        (
            Platform::Chatwoot,
            &chatwoot,
            r#""outgoing""#,
            r#""incoming""#,
            "message.updated",
        ),
        (
            Platform::Chatwoot,
            &chatwoot,
            r#"  "content_attributes": {},
  "content_type""#,
            r#""content_attributes": {"is_edited":true},
  "content_type""#,
            "message.updated",
        ),
        (
            Platform::Chatwoot,
            &chatwoot,
            r#"  "content_attributes": {},
  "content_type""#,
            r#""content_attributes": {"deleted":true},
  "content_type""#,
            "message.deleted",
        ),
        (Platform::Digisac, &digisac, "", "", "message.status"),
        (
            Platform::Digisac,
            &digisac,
            r#""ack": 3"#,
            r#""ack": "?""#,
            "message.updated",
        ),
        (
            Platform::Digisac,
            &digisac,
            r#""isFromMe": true"#,
            r#""isFromMe": false"#,
            "message.updated",
        ),
        (
            Platform::Digisac,
            &digisac,
            r#""deletedAt": null"#,
            r#""deletedAt": "2026-03-10T13:40:00.000Z""#,
            "message.deleted",
        ),
    ] {
        assert!(body.contains(from), "{from}");
        let body = body.replacen(from, to, 1);
        assert_eq!(
            one(platform, &body).data.event_type().as_str(),
            expected,
            "{from} -> {to}"
        );
    }
}

#[test]
fn stubs_and_notices_are_not_messages() {
    for (content, expected) in [
        (r#""messageStubType":27"#, "unmapped"),
        (r#""messageStubType":"GROUP_CHANGE_SUBJECT""#, "unmapped"),
        (r#""messageStubType":"2""#, "unmapped"),
        (r#""messageStubType":40"#, "unmapped"),
        (r#""messageStubType":"REVOKE""#, "message.deleted"),
        (
            r#""messageStubType":0,"message":{"conversation":"x"}"#,
            "message.created",
        ),
        (
            r#""message":{"protocolMessage":{"key":{"id":"B"},"type":"REVOKE"}}"#,
            "message.deleted",
        ),
        (
            r#""message":{"protocolMessage":{"key":{"id":"B"},"type":0}}"#,
            "message.deleted",
        ),
        (r#""message":{"protocolMessage":{"key":{"id":"B"}}}"#, "message.deleted"),
        (
            r#""message":{"protocolMessage":{"type":"HISTORY_SYNC_NOTIFICATION"}}"#,
            "unmapped",
        ),
        (
            r#""message":{"protocolMessage":{"key":{"id":"B"},"type":3}}"#,
            "unmapped",
        ),
        (
            r#""message":{"reactionMessage":{"key":{"id":"B"},"text":""}}"#,
            "message.reaction",
        ),
        (r#""message":{"senderKeyDistributionMessage":{}}"#, "unmapped"),
        (r#""message":null"#, "unmapped"),
        (
            r#""message":{"ephemeralMessage":{"message":{"viewOnceMessageV2":{"message":{"imageMessage":{"caption":"x"}}}}}}"#,
            "message.created",
        ),
    ] {
        let body = format!(
            r#"{{"event":"messages.upsert","data":{{"messages":[{{"key":{{"remoteJid":"1@g.us","id":"A"}},{content}}}]}}}}"#
        );
        let event = one(Platform::Baileys, &body);
        assert_eq!(event.data.event_type().as_str(), expected, "{content}");
        assert_eq!(
            event.ordering_key, "1@g.us",
            "{content}: kept in its conversation's order"
        );
    }
}

#[test]
fn messages_taken_back_are_named_one_by_one_or_all_at_once() {
    let keys = r#"{"event":"messages.delete","data":{"keys":[{"remoteJid":"1@g.us","id":"A"},{"remoteJid":"1@g.us","id":"B"}]}}"#;
    assert_eq!(events(Platform::Baileys, keys.as_bytes()).len(), 2);
    let all = one(
        Platform::Baileys,
        r#"{"event":"messages.delete","data":{"jid":"5511@c.us","all":true}}"#,
    );
    let Data::MessageDeleted(deletion) = all.data else {
        panic!("a deletion")
    };
    assert_eq!(deletion.id, None);
    assert_eq!(deletion.conversation.id, "5511@s.whatsapp.net");
}

#[test]
fn a_standard_event_is_distinguished_by_its_webhook_id_and_a_foreign_type_keeps_its_name() {
    for (body, event_type, key) in [
        (r#"{"type":"a.b","data":{"id":7}}"#, "a.b", "7"),
        (
            r#"{"type":"message.created","data":{}}"#,
            "standard.message.created",
            "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        ),
        (
            r#"{"type":"unmapped"}"#,
            "standard.unmapped",
            "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        ),
        (
            r#"{"type":"not a type"}"#,
            "unmapped",
            "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        ),
        (r#"{"type":{}}"#, "unmapped", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
    ] {
        let event = one(Platform::Standard, body);
        assert_eq!(event.data.event_type().as_str(), event_type, "{body}");
        assert_eq!(event.ordering_key, key, "{body}");
        assert_eq!(event.time, None, "the time of the attempt is not that of the event");
    }
}
