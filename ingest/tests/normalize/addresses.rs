//! One person, one address; one chat, one order: bodies of `WhatsApp`'s bridges that name a person by the phone's address, by the
//! hidden id, or by both.

use schemas::data::{Data, Message};
use schemas::platform::Platform;
use serde_json::{Value, json};

use crate::{one, sample};

/// The message of an event, with what distinguishes it and what orders it.
fn read(platform: Platform, body: &str) -> (Message<'_>, String, String, Option<String>) {
    let event = one(platform, body);
    let id = format!("{:?} {:?}", event.identity, event.time);
    let Data::MessageCreated(message) = event.data else {
        panic!("no message: {body}");
    };
    (message, id, event.ordering_key, event.subject.map(Into::into))
}

#[test]
fn one_person_has_one_address_whichever_stands_in_front() {
    let (phone, hidden) = (
        sample(Platform::Baileys, "messages.upsert.same_person.phone.json"),
        sample(Platform::Baileys, "messages.upsert.same_person.hidden.json"),
    );
    for body in [phone, hidden] {
        let (message, _, key, subject) = read(Platform::Baileys, &body);
        let from = message.from.expect("a sender");
        for (id, alternate) in [
            (message.conversation.id, message.conversation.alternate_id),
            (from.id.expect("an id"), from.alternate_id),
        ] {
            assert_eq!(id, "5511900000001@s.whatsapp.net");
            assert_eq!(alternate.as_deref(), Some("271000000000001@lid"));
        }
        assert_eq!(from.phone.as_deref(), Some("+5511900000001"));
        assert_eq!(message.conversation.channel.as_deref(), Some("whatsapp"));
        assert_eq!(message.conversation.group, Some(false));
        assert_eq!(
            (&*key, subject.as_deref()),
            ("5511900000001@s.whatsapp.net", Some("5511900000001@s.whatsapp.net"))
        );
    }
}

/// Every way in which a key of the library says the other address.
#[test]
fn the_other_address_is_found_wherever_a_key_has_it() {
    let (phone, hidden) = ("5511900000001@s.whatsapp.net", "271000000000001@lid");
    let in_chat = [
        json!({"remoteJid": hidden, "remoteJidAlt": phone}),
        json!({"remoteJid": phone, "remoteJidAlt": hidden}),
        json!({"remoteJid": hidden, "senderPn": phone}),
        json!({"remoteJid": phone, "senderLid": hidden}),
        json!({"remoteJid": phone, "previousRemoteJid": hidden}),
        json!({"remoteJid": "5511900000001:12@s.whatsapp.net", "remoteJidAlt": "271000000000001:12@lid"}),
    ];
    let in_group = [
        json!({"remoteJid": "1@g.us", "participant": hidden, "participantAlt": phone}),
        json!({"remoteJid": "1@g.us", "participant": hidden, "participantPn": phone}),
        json!({"remoteJid": "1@g.us", "participant": phone, "participantAlt": hidden}),
        json!({"remoteJid": "1@g.us", "participant": phone, "participantLid": hidden}),
    ];
    for (chat, keys) in [(phone, &in_chat[..]), ("1@g.us", &in_group[..])] {
        let mut ids = Vec::new();
        for key in keys {
            let mut key = key.clone();
            key["id"] = json!("3A1");
            key["fromMe"] = json!(false);
            let message = json!({"key": key, "messageTimestamp": 1_773_149_810, "message": {"conversation": "oi"}});
            for (platform, body) in [
                (
                    Platform::Baileys,
                    json!({"event": "messages.upsert", "data": {"messages": [message]}}),
                ),
                (
                    Platform::Evolution,
                    json!({"event": "messages.upsert", "data": message}),
                ),
            ] {
                let body = body.to_string();
                let (message, id, ..) = read(platform, &body);
                let from = message.from.expect("a sender");
                assert_eq!(message.conversation.id, chat, "{body}");
                assert_eq!(from.id.as_deref(), Some(phone), "{body}");
                assert_eq!(from.alternate_id.as_deref(), Some(hidden), "{body}");
                assert_eq!(from.phone.as_deref(), Some("+5511900000001"), "{body}");
                ids.push(id);
            }
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "one message: {ids:?}");
    }
}

#[test]
fn what_is_no_phone_number_is_none() {
    for remote in [
        "271000000000001@lid",
        "1@g.us",
        "120363000000000001@newsletter",
        "status@broadcast",
    ] {
        let body = json!({"event": "messages.upsert", "data": {"messages": [{
            "key": {"remoteJid": remote, "id": "3A1", "fromMe": false}, "message": {"conversation": "oi"}}]}})
        .to_string();
        let (message, ..) = read(Platform::Baileys, &body);
        assert_eq!(message.conversation.id, remote);
        assert_eq!(message.conversation.alternate_id, None, "{remote}");
        assert_eq!(message.from.and_then(|from| from.phone), None, "{remote}");
    }
}

#[test]
fn a_message_reported_under_both_addresses_is_one_event() {
    let (phone, hidden) = (
        sample(Platform::Waha, "message.told_twice.phone.json"),
        sample(Platform::Waha, "message.told_twice.hidden.json"),
    );
    let (first, first_id, first_key, _) = read(Platform::Waha, &phone);
    let (second, second_id, second_key, _) = read(Platform::Waha, &hidden);
    assert_eq!(first_id, second_id);
    assert_eq!(first_key, second_key);
    assert_eq!(first.conversation, second.conversation);
    assert_eq!(first.from, second.from);
    assert_eq!(
        first.from.and_then(|from| from.phone).as_deref(),
        Some("+5511900000001")
    );
    // WAHA's own name is what its interface takes.
    assert_eq!(second.id, "false_271000000000001@lid_ACFIELD0000000000F601");

    let mut other: Value = serde_json::from_str(&hidden).expect("JSON");
    other["payload"]["id"] = json!("false_271000000000001@lid_ACFIELD0000000000F699");
    assert_ne!(read(Platform::Waha, &other.to_string()).1, first_id);
}

#[test]
fn an_answer_names_the_message_as_the_message_names_itself() {
    let answer = sample(Platform::Waha, "message.any.reply_to_ours.json");
    let original = sample(Platform::Waha, "message.any.reply_to_ours.original.json");
    let (answer, ..) = read(Platform::Waha, &answer);
    let (original, ..) = read(Platform::Waha, &original);
    let quoted = answer.quoted.expect("an answer");
    assert_eq!(quoted.id.as_ref(), Some(&original.id));
    assert_eq!(quoted.text.as_deref(), Some("novidades"));

    let list = sample(Platform::Waha, "message.any.list_response.hidden.json");
    let (answer, ..) = read(Platform::Waha, &list);
    assert_eq!(answer.text.as_deref(), Some("Suco"));
    assert_eq!(
        answer.from.and_then(|from| from.phone).as_deref(),
        Some("+5511900000001")
    );
    let quoted = answer.quoted.and_then(|quoted| quoted.id);
    assert_eq!(
        quoted.as_deref(),
        Some("true_271000000000001@lid_3EB0FIELD00000000F602")
    );
    assert_eq!(answer.answer.and_then(|answer| answer.id).as_deref(), Some("s"));
}

/// In a group the participant follows the id; ours and theirs are distinguished by who wrote what is answered.
#[test]
fn an_answer_in_a_group_names_the_author_of_what_it_answers() {
    for (author, expected) in [
        ("5511900000002@c.us", "false_1@g.us_3B1_5511900000002@c.us"),
        ("5511900000009@s.whatsapp.net", "true_1@g.us_3B1_5511900000009@c.us"),
        ("271000000000009@lid", "true_1@g.us_3B1_271000000000009@lid"),
    ] {
        let body = json!({"event": "message.any", "session": "s",
            "me": {"id": "5511900000009@c.us", "lid": "271000000000009@lid"},
            "payload": {"id": "false_1@g.us_3A1_5511900000001@c.us", "from": "1@g.us", "fromMe": false, "participant": "5511900000001@c.us",
                "body": "sim", "timestamp": 1_773_149_810, "replyTo": {"id": "3B1", "participant": author}}})
        .to_string();
        let (message, ..) = read(Platform::Waha, &body);
        assert_eq!(
            message.quoted.and_then(|quoted| quoted.id).as_deref(),
            Some(expected),
            "{author}"
        );
    }
}

/// Going back to what was before is another happening each time.
#[test]
fn there_and_back_again_are_as_many_events() {
    let reaction = |id: &str, emoji: &str, ms: i64| {
        json!({"event": "messages.upsert", "data": {"messages": [{"key": {"remoteJid": "5511900000001@s.whatsapp.net", "id": id, "fromMe": false},
            "message": {"reactionMessage": {"key": {"id": "3A1", "remoteJid": "5511900000001@s.whatsapp.net"}, "text": emoji, "senderTimestampMs": ms}}}]}})
        .to_string()
    };
    let edit = |text: &str, ms: i64| {
        json!({"event": "messages.upsert", "data": {"messages": [{"key": {"remoteJid": "5511900000001@s.whatsapp.net", "id": "3C1", "fromMe": false},
            "message": {"protocolMessage": {"key": {"id": "3A1", "remoteJid": "5511900000001@s.whatsapp.net"}, "type": "MESSAGE_EDIT",
                "timestampMs": ms, "editedMessage": {"conversation": text}}}}]}})
        .to_string()
    };
    for bodies in [
        [
            reaction("3D1", "👍", 1_773_149_810_000),
            reaction("3D2", "", 1_773_149_811_000),
            reaction("3D3", "👍", 1_773_149_812_000),
        ],
        [
            edit("a", 1_773_149_810_000),
            edit("b", 1_773_149_811_000),
            edit("a", 1_773_149_812_000),
        ],
    ] {
        let mut ids: Vec<String> = bodies
            .iter()
            .map(|body| {
                let event = one(Platform::Baileys, body);
                format!("{:?} {:?}", event.identity, event.time)
            })
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3, "{ids:?}");
    }
}

/// Whoever types does so in the chat with the phone, also where the hidden id stands in front.
#[test]
fn who_is_typing_is_in_the_chat_that_they_write_in() {
    let (phone, hidden) = (
        sample(Platform::Baileys, "presence.update.json"),
        sample(Platform::Baileys, "presence.update.hidden.json"),
    );
    let (first, second) = (one(Platform::Baileys, &phone), one(Platform::Baileys, &hidden));
    assert_eq!(first.ordering_key, "5511900000001@s.whatsapp.net");
    assert_eq!(second.ordering_key, first.ordering_key);
    assert_eq!(second.data, first.data);
}
