//! What a message says: references, answers, reactions, places and kinds.

use schemas::data::{Answer, Data, Direction};
use schemas::platform::Platform;
use serde_json::{Value, json};

use super::{with_message, written};
use crate::{one, sample};

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
