//! Channels, people, references and answers.

use schemas::data::{Answer, Data, Direction, Message, PartyKind};
use schemas::platform::Platform;
use serde_json::{Value, json};

use crate::{one, sample};

/// The message of a `message_created` or `message_updated` with these members.
fn with_message<T>(body: &Value, look: impl FnOnce(&Message<'_>) -> T) -> T {
    let body = body.to_string();
    match one(Platform::Chatwoot, &body).data {
        Data::MessageCreated(message) | Data::MessageUpdated(message) => look(&message),
        other => panic!("{other:?}"),
    }
}

fn written(more: Value) -> Value {
    let mut body = json!({ "event": "message_created", "id": 1, "account": {"id": 3}, "conversation": {"id": 128} });
    let Value::Object(more) = more else { panic!("members") };
    body.as_object_mut().expect("an object").extend(more);
    body
}

#[test]
fn the_network_has_one_word_whatever_the_inbox_is_called() {
    for (conversation, inbox, expected) in [
        (json!({"channel": "Channel::Whatsapp"}), json!({}), Some("whatsapp")),
        (json!({"channel": "Channel::WebWidget"}), json!({}), Some("web")),
        (json!({"channel": "Channel::FacebookPage"}), json!({}), Some("facebook")),
        (
            json!({"channel": "Channel::FacebookPage", "additional_attributes": {"type": "instagram_direct_message"}}),
            json!({}),
            Some("instagram"),
        ),
        (json!({"channel": "Channel::Instagram"}), json!({}), Some("instagram")),
        (json!({"channel": "Channel::Telegram"}), json!({}), Some("telegram")),
        (json!({"channel": "Channel::Line"}), json!({}), Some("line")),
        (json!({"channel": "Channel::Email"}), json!({}), Some("email")),
        (json!({"channel": "Channel::Sms"}), json!({}), Some("sms")),
        (
            json!({"channel": "Channel::TwilioSms"}),
            json!({"medium": "sms"}),
            Some("sms"),
        ),
        (
            json!({"channel": "Channel::TwilioSms"}),
            json!({"medium": "whatsapp"}),
            Some("whatsapp"),
        ),
        (
            json!({"channel": "Channel::TwilioSms", "contact_inbox": {"source_id": "whatsapp:+5511900000001"}}),
            json!({}),
            Some("whatsapp"),
        ),
        (
            json!({"channel": "Channel::TwilioSms", "contact_inbox": {"source_id": "+5511900000001"}}),
            json!({}),
            Some("sms"),
        ),
        (
            json!({"channel": "Channel::TwitterProfile"}),
            json!({}),
            Some("twitter"),
        ),
        (json!({"channel": "Channel::Voice"}), json!({}), Some("voice")),
        (json!({"channel": "Channel::Api"}), json!({}), Some("api")),
        (json!({"channel": "Channel::Tiktok"}), json!({}), Some("tiktok")),
        (
            json!({}),
            json!({"channel_type": "Channel::Whatsapp"}),
            Some("whatsapp"),
        ),
        (json!({"channel": null}), json!({}), None),
    ] {
        let mut chat = json!({"id": 128});
        chat.as_object_mut()
            .expect("an object")
            .extend(conversation.as_object().expect("an object").clone());
        let body = written(json!({"conversation": chat, "inbox": inbox}));
        with_message(&body, |message| {
            assert_eq!(message.conversation.channel.as_deref(), expected, "{body}");
        });
        let mut ticket = json!({"event": "conversation_created", "account": {"id": 3}, "inbox": inbox});
        ticket
            .as_object_mut()
            .expect("an object")
            .extend(chat.as_object().expect("an object").clone());
        let ticket = ticket.to_string();
        match one(Platform::Chatwoot, &ticket).data {
            Data::TicketCreated(created) => assert_eq!(created.channel.as_deref(), expected, "{ticket}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_phone_is_a_number_with_its_country_and_the_identifier_is_the_other_id() {
    for (phone, expected) in [
        (json!("+5511900000001"), Some("+5511900000001")),
        (json!("+55 (11) 90000-0001"), Some("+5511900000001")),
        (json!("11 90000-0001"), None),
        (json!("120363000000000001@g.us"), None),
        (json!("+120363000000000001"), None),
        (json!(""), None),
        (json!(null), None),
    ] {
        let person = json!({"id": 41, "phone_number": phone, "identifier": "271000000000001@lid"});
        let body = written(json!({"message_type": "incoming", "sender": person}));
        with_message(&body, |message| {
            let from = message.from.as_ref().expect("a person wrote it");
            assert_eq!(from.phone.as_deref(), expected, "{phone}");
            assert_eq!(from.alternate_id.as_deref(), Some("271000000000001@lid"), "{phone}");
        });
        let contact =
            json!({"event": "contact_created", "id": 41, "account": {"id": 3}, "phone_number": phone}).to_string();
        match one(Platform::Chatwoot, &contact).data {
            Data::ContactCreated(contact) => assert_eq!(contact.phone.as_deref(), expected, "{phone}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_group_has_whatsapps_id_too() {
    let identifier = |id: &str| json!({"meta": {"sender": {"id": 55, "identifier": id}}});
    let source_id = |id: &str| json!({"contact_inbox": {"source_id": id}});
    for (conversation, expected, group) in [
        (
            identifier("120363000000000001@g.us"),
            Some("120363000000000001@g.us"),
            Some(true),
        ),
        (
            source_id("120363000000000001@g.us"),
            Some("120363000000000001@g.us"),
            Some(true),
        ),
        (identifier("271000000000001@lid"), None, None),
        (source_id("5511900000001"), None, None),
    ] {
        let mut chat = json!({"id": 128});
        chat.as_object_mut()
            .expect("an object")
            .extend(conversation.as_object().expect("an object").clone());
        with_message(&written(json!({"conversation": chat})), |message| {
            assert_eq!(message.conversation.external_id.as_deref(), expected, "{chat}");
            assert_eq!(message.conversation.group, group, "{chat}");
        });
    }
    let body = sample(Platform::Chatwoot, "fazer_ai.message_created.group.json");
    let body = serde_json::from_str(&body).expect("a sample is JSON");
    with_message(&body, |message| {
        assert_eq!(
            message.conversation.external_id.as_deref(),
            Some("120363000000000001@g.us")
        );
    });
}

#[test]
fn a_reply_names_the_message_by_both_ids() {
    for (attributes, id, external_id) in [
        (
            json!({"in_reply_to": 9001, "in_reply_to_external_id": "3EB0"}),
            Some("9001"),
            Some("3EB0"),
        ),
        (json!({"in_reply_to": "9001"}), Some("9001"), None),
        (
            json!({"in_reply_to": null, "in_reply_to_external_id": "3EB0"}),
            None,
            Some("3EB0"),
        ),
    ] {
        with_message(&written(json!({"content_attributes": attributes})), |message| {
            let quoted = message.quoted.as_ref().expect("a reply");
            assert_eq!(quoted.id.as_deref(), id, "{attributes}");
            assert_eq!(quoted.external_id.as_deref(), external_id, "{attributes}");
            assert_eq!(quoted.text, None, "{attributes}");
        });
    }
    with_message(
        &written(json!({"content_attributes": {"in_reply_to": null}})),
        |message| {
            assert_eq!(message.quoted, None);
        },
    );
    let body = sample(Platform::Chatwoot, "message_created.reply.json");
    with_message(&serde_json::from_str(&body).expect("a sample is JSON"), |message| {
        let quoted = message.quoted.as_ref().expect("a reply");
        assert_eq!(
            (quoted.id.as_deref(), quoted.text.as_deref()),
            (Some("9001"), Some("Olá, bom dia"))
        );
    });
}

#[test]
fn whatever_reports_a_message_has_the_channels_id_of_it() {
    for name in [
        "message_created.incoming",
        "message_updated.edited",
        "message_updated.deleted",
        "message_updated",
        "message_updated.changes.deleted",
        "message_updated.changes.read_before_deleted",
    ] {
        let body = sample(Platform::Chatwoot, &format!("{name}.json"));
        let external_id = match one(Platform::Chatwoot, &body).data {
            Data::MessageCreated(message) | Data::MessageUpdated(message) => message.external_id,
            Data::MessageDeleted(deletion) => deletion.external_id,
            Data::MessageStatus(status) => status.external_id,
            other => panic!("{name}: {other:?}"),
        };
        let body: Value = serde_json::from_str(&body).expect("a sample is JSON");
        assert!(external_id.is_some(), "{name}");
        assert_eq!(external_id.as_deref(), body["source_id"].as_str(), "{name}");
    }
}

#[test]
fn what_was_chosen_has_the_id_that_was_offered() {
    let chosen = |id: Option<&'static str>, title: Option<&'static str>| Answer {
        id: id.map(Into::into),
        title: title.map(Into::into),
        ..Answer::default()
    };
    let filled = |values: &[(&'static str, &'static str)]| Answer {
        values: values
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        ..Answer::default()
    };
    for (kind, attributes, expected) in [
        (
            "input_select",
            json!({"items": [{"title": "A", "value": "a"}], "submitted_values": [{"title": "A", "value": "a"}]}),
            Some(chosen(Some("a"), Some("A"))),
        ),
        (
            "input_select",
            json!({"submitted_values": {"title": "A", "value": 1}}),
            Some(chosen(Some("1"), Some("A"))),
        ),
        (
            "input_select",
            json!({"submitted_values": [{"title": "A"}]}),
            Some(chosen(None, Some("A"))),
        ),
        ("input_select", json!({"items": [{"title": "A", "value": "a"}]}), None),
        ("input_select", json!({"submitted_values": []}), None),
        ("input_select", json!({"submitted_values": null}), None),
        (
            "form",
            json!({"submitted_values": [{"name": "cpf", "value": "1"}, {"name": "ok", "value": true}, {"name": "obs", "value": ""},
                {"name": "dias", "value": ["seg", "qua"]}, {"name": "nada", "value": null}]}),
            Some(filled(&[
                ("cpf", "1"),
                ("ok", "true"),
                ("obs", ""),
                ("dias", r#"["seg","qua"]"#),
                ("nada", ""),
            ])),
        ),
        (
            "input_csat",
            json!({"submitted_values": {"csat_survey_response": {"rating": 4, "feedback_message": "bom"}}}),
            Some(filled(&[("rating", "4"), ("feedback_message", "bom")])),
        ),
        (
            "input_csat",
            json!({"submitted_values": {"csat_survey_response": {"rating": 4}}}),
            Some(filled(&[("rating", "4")])),
        ),
        (
            "input_email",
            json!({"submitted_email": "ana@example.com"}),
            Some(filled(&[("email", "ana@example.com")])),
        ),
        ("text", json!({}), None),
    ] {
        let body = json!({"event": "message_updated", "id": 1, "account": {"id": 3}, "conversation": {"id": 128},
            "message_type": "outgoing", "content": "Escolha", "content_type": kind, "content_attributes": attributes});
        with_message(&body, |message| {
            assert_eq!(message.answer, expected, "{attributes}");
            assert_eq!(message.text.as_deref(), Some("Escolha"), "{attributes}");
            assert_eq!(message.direction, Direction::Outbound, "it stands in our message");
        });
    }
}

#[test]
fn an_author_without_a_name_is_still_something() {
    for (members, id, kind) in [
        (
            json!({"message_type": "outgoing", "sender": {"id": 7, "type": "user"}}),
            Some("7"),
            Some(PartyKind::Agent),
        ),
        (
            json!({"message_type": "outgoing", "sender": {"id": 3, "type": "agent_bot"}}),
            Some("3"),
            Some(PartyKind::Bot),
        ),
        (
            json!({"message_type": "template", "sender": null}),
            None,
            Some(PartyKind::System),
        ),
        (
            json!({"message_type": "outgoing", "sender": null, "content_attributes": {"automation_rule_id": 4}}),
            None,
            Some(PartyKind::System),
        ),
        (
            json!({"message_type": "outgoing", "sender": null, "content_attributes": {"external_echo": true}}),
            None,
            Some(PartyKind::Agent),
        ),
        (json!({"message_type": "outgoing", "sender": null}), None, None),
        (
            json!({"message_type": "incoming", "sender": {"id": 41}}),
            Some("41"),
            Some(PartyKind::Contact),
        ),
        (
            json!({"message_type": "incoming", "sender": null, "contact": {"id": 41}}),
            Some("41"),
            Some(PartyKind::Contact),
        ),
    ] {
        with_message(&written(members.clone()), |message| {
            let from = message.from.as_ref();
            assert_eq!(from.and_then(|from| from.id.as_deref()), id, "{members}");
            assert_eq!(from.and_then(|from| from.kind), kind, "{members}");
        });
    }
}

#[test]
fn a_reaction_is_one_if_it_is_known_to_what() {
    for (attributes, expected) in [
        (json!({"is_reaction": true, "in_reply_to": 9003}), "message.reaction"),
        (
            json!({"is_reaction": true, "in_reply_to": null, "in_reply_to_external_id": "3EB0"}),
            "message.created",
        ),
        (json!({"is_reaction": false, "in_reply_to": 9003}), "message.created"),
    ] {
        let body = written(json!({"content": "👍", "content_attributes": attributes})).to_string();
        assert_eq!(
            one(Platform::Chatwoot, &body).data.event_type().as_str(),
            expected,
            "{attributes}"
        );
    }
    let body = sample(Platform::Chatwoot, "fazer_ai.message_created.reaction.json");
    match one(Platform::Chatwoot, &body).data {
        Data::MessageReaction(reaction) => {
            assert_eq!((&*reaction.id, reaction.emoji.as_deref()), ("9003", Some("👍")));
            assert_eq!(reaction.direction, Direction::Inbound);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_place_has_the_name_that_is_shown() {
    let place = json!({"id": 1, "file_type": "location", "coordinates_lat": -23.5, "fallback_title": "Praça Exemplo", "data_url": null});
    with_message(&written(json!({"content": null, "attachments": [place]})), |message| {
        assert_eq!(message.kind.as_deref(), Some("location"));
        assert_eq!(message.attachments[0].name.as_deref(), Some("Praça Exemplo"));
    });
}

#[test]
fn the_kind_is_the_files_where_chatwoot_says_no_more_than_text() {
    let file = |kind: &str| json!([{"file_type": kind, "data_url": "https://chat.example.com/x"}]);
    for (more, expected) in [
        (json!({"content_type": "text", "content": "oi"}), Some("text")),
        (
            json!({"content_type": "text", "content": "a foto", "attachments": file("image")}),
            Some("image"),
        ),
        (
            json!({"content_type": "text", "attachments": file("file")}),
            Some("document"),
        ),
        (
            json!({"content": "o contrato", "attachments": file("file")}),
            Some("document"),
        ),
        (
            json!({"content_type": "text", "content": "oi", "attachments": [{}]}),
            Some("text"),
        ),
        (
            json!({"content_type": "incoming_email", "content": "oi", "attachments": file("file")}),
            Some("incoming_email"),
        ),
        (
            json!({"content_type": "sticker", "attachments": file("image")}),
            Some("sticker"),
        ),
        (
            json!({"content_type": "text", "content": "👍", "content_attributes": {"is_reaction": true, "in_reply_to_external_id": "3EB0"}}),
            Some("reaction"),
        ),
        (
            json!({"content_type": "text", "content": null, "content_attributes": {"is_unsupported": true}}),
            Some("unsupported"),
        ),
    ] {
        with_message(&written(more.clone()), |message| {
            assert_eq!(message.kind.as_deref(), expected, "{more}");
        });
    }
}

#[test]
fn the_oldest_versions_write_the_time_as_ruby_does() {
    for (time, expected) in [
        ("2026-03-10 13:36:50 UTC", Some("2026-03-10T13:36:50.000Z")),
        ("2026-03-10T13:36:50.123Z", Some("2026-03-10T13:36:50.123Z")),
        ("2026-03-10 13:36:50", None),
        ("2026-03-10 UTC", None),
    ] {
        let body = written(json!({"content": "oi", "created_at": time})).to_string();
        let found = one(Platform::Chatwoot, &body).time.map(|time| time.to_string());
        assert_eq!(found.as_deref(), expected, "{time}");
    }
}
