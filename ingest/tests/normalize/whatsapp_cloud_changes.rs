//! The `WhatsApp` Cloud API: groups, histories, contacts; what is one event and what is two.

use ingest::normalize::NewEvent;
use schemas::platform::Platform;
use serde_json::{Value, json};

use crate::{events, one, sample};

pub(crate) const ANA: &str = "5511900000001";
pub(crate) const ANA_ID: &str = "BR.10000000000000000001";
const LINE: &str = "106540352242922";
const GROUP: &str = "Y2FwaV9ncm91cDoxMjAzNjMwMDAwMDAwMDAwMDE=";

pub(crate) fn data(event: &NewEvent<'_>) -> Value {
    let (_, json) = event.data.to_member().expect("a member");
    serde_json::from_str(&json).expect("JSON")
}

/// Type, order and time of each event of a sample.
fn events_of(name: &str) -> Vec<String> {
    let body = sample(Platform::WhatsappCloud, &format!("{name}.json"));
    let line = |event: &NewEvent<'_>| {
        let time = event.time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let key = event.ordering_key.replace(LINE, "L").replace(GROUP, "G");
        format!("{} {key} {time}", event.data.event_type())
    };
    events(Platform::WhatsappCloud, body.as_bytes())
        .iter()
        .map(line)
        .collect()
}

/// The normalized part of each event of a sample.
pub(crate) fn said(name: &str) -> Vec<Value> {
    let body = sample(Platform::WhatsappCloud, &format!("{name}.json"));
    events(Platform::WhatsappCloud, body.as_bytes())
        .iter()
        .map(data)
        .collect()
}

pub(crate) fn change(field: &str, value: &str) -> String {
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"W","changes":[{{"field":"{field}","value":{{"metadata":{{"phone_number_id":"P","display_phone_number":"551130000000"}},{value}}}}}]}}]}}"#
    )
}

fn are_events(samples: &[(&str, &[&str])]) {
    for (name, expected) in samples {
        assert_eq!(events_of(name), *expected, "{name}");
    }
}

#[test]
fn each_change_of_a_group_is_an_event_at_its_time_in_its_order() {
    are_events(&[
        (
            "group_participants_update.all",
            &[
                "group.participants.updated L/G 2026-03-10T13:36:50.000Z",
                "group.participants.updated L/G 2026-03-10T13:37:40.000Z",
                "group.participants.updated L/G 2026-03-10T13:38:30.000Z",
                "group.join_request L/G 2026-03-10T13:39:20.000Z",
                "group.join_request L/G 2026-03-10T13:40:10.000Z",
            ],
        ),
        (
            "group_participants_update.removed_partly",
            &[
                "group.participants.updated L/G 2026-03-10T13:41:00.000Z",
                "unmapped L/G 2026-03-10T13:41:01.000Z",
            ],
        ),
        (
            "group_lifecycle_update",
            &[
                "group.created L/G 2026-03-10T13:36:50.000Z",
                "unmapped L/Y2FwaV9ncm91cDoy 2026-03-10T13:36:51.000Z",
                "unmapped L/G 2026-03-10T13:38:30.000Z",
            ],
        ),
        (
            "group_settings_update",
            &[
                "group.updated L/G 2026-03-10T13:37:00.000Z",
                "group.updated L/G 2026-03-10T13:37:10.000Z",
                "unmapped L/G 2026-03-10T13:37:20.000Z",
            ],
        ),
        (
            "group_status_update",
            &[
                "unmapped L/G 2026-03-10T13:37:30.000Z",
                "unmapped L/G 2026-03-10T13:39:10.000Z",
            ],
        ),
    ]);
}

#[test]
fn each_message_of_a_history_is_an_event_at_its_time_in_its_order() {
    are_events(&[
        (
            "history",
            &[
                "message.created L/5511900000001 2026-03-09T13:36:50.000Z",
                "message.created L/5511900000001 2026-03-09T13:38:30.000Z",
                "message.created L/5511900000001 2026-03-09T13:40:10.000Z",
            ],
        ),
        (
            "history.placeholder",
            &[
                "message.created L/5511900000001 2026-02-25T06:13:20.000Z",
                "message.reaction L/5511900000001 2026-02-25T06:13:30.000Z",
                "message.created L/5511900000002 2026-02-25T06:13:40.000Z",
            ],
        ),
        (
            "history.media",
            &["message.updated L/5511900000001 2026-02-25T06:13:20.000Z"],
        ),
        ("history.declined", &["unmapped unmapped -"]),
    ]);
}

#[test]
fn each_change_of_a_contact_is_an_event_at_its_time_in_its_order() {
    are_events(&[
        (
            "smb_app_state_sync",
            &[
                "contact.updated L/5511900000001 2026-03-10T13:36:50.000Z",
                "contact.updated L/5511900000002 2026-03-10T13:36:51.000Z",
            ],
        ),
        (
            "user_id_update",
            &["contact.updated L/5511900000001 2026-03-10T13:36:50.000Z"],
        ),
        (
            "user_preferences",
            &["contact.updated L/5511900000001 2026-03-10T13:36:50.000Z"],
        ),
    ]);
}

#[test]
fn calls_handovers_and_messages_of_another_application_are_in_the_order_of_their_chat() {
    are_events(&[
        (
            "calls",
            &[
                "unmapped L/5511900000001 2026-03-10T13:36:50.000Z",
                "unmapped L/5511900000001 2026-03-10T13:37:50.000Z",
                "unmapped L/5511900000002 2026-03-10T13:38:00.000Z",
            ],
        ),
        ("calls.status", &["unmapped L/5511900000002 2026-03-10T13:37:55.000Z"]),
        (
            "messaging_handovers",
            &["unmapped L/5511900000001 2026-03-10T13:37:00.000Z"],
        ),
        (
            "messages.request_welcome",
            &["unmapped L/5511900000001 2026-03-10T13:36:50.000Z"],
        ),
        (
            "messages.system.user_changed_user_id",
            &["message.created L/BR.10000000000000000001 2026-03-10T13:36:50.000Z"],
        ),
        (
            "standby",
            &[
                "message.created L/5511900000001 2026-03-10T13:36:50.000Z",
                "message.created L/5511900000001 2026-03-10T13:36:52.000Z",
                "message.status L/5511900000001 2026-03-10T13:36:53.000Z",
            ],
        ),
    ]);
}

#[test]
fn who_came_and_went_has_number_and_user_id() {
    let people = |n: usize| said("group_participants_update.all")[n].clone();
    let ana = json!({"id": ANA, "phone": "+5511900000001", "alternate_id": ANA_ID});
    assert_eq!(people(0)["action"], "removed");
    assert_eq!(people(0)["participants"], json!([{"id": ANA_ID}]), "as we named her");
    assert_eq!(people(0)["actor"]["id"], LINE);
    assert_eq!(people(1)["action"], "left");
    assert_eq!(people(1)["participants"], json!([ana]));
    assert_eq!(people(2)["action"], "joined");
    assert_eq!(
        (&people(3)["action"], &people(4)["action"]),
        (&json!("created"), &json!("revoked"))
    );
    assert_eq!(people(3)["participant"]["phone"], "+5511900000003");
    let partly = said("group_participants_update.removed_partly");
    let bruno = json!([{"id": "5511900000002", "phone": "+5511900000002"}]);
    assert_eq!(partly[0]["participants"], bruno, "a number as we wrote it");
}

#[test]
fn only_what_was_done_to_a_group_is_in_its_event() {
    let settings = said("group_settings_update");
    assert_eq!(
        settings[0],
        json!({"id": GROUP, "subject": "Bloco B", "description": "Só avisos"})
    );
    assert_eq!(settings[1], json!({"id": GROUP, "description": "Avisos e recados"}));
    assert_eq!(said("group_lifecycle_update")[0]["subject"], "Condomínio Exemplo");
}

#[test]
fn a_history_has_both_sides_and_what_became_of_each_message() {
    let history = said("history");
    for (message, direction, from, to, text, status) in [
        (
            &history[0],
            "inbound",
            "+5511900000001",
            "+551130000000",
            "Oi, boa tarde",
            "read",
        ),
        (
            &history[1],
            "outbound",
            "+551130000000",
            "+5511900000001",
            "Olá, tudo bem?",
            "read",
        ),
        (
            &history[2],
            "outbound",
            "+551130000000",
            "+5511900000001",
            "foto antiga",
            "delivered",
        ),
    ] {
        assert_eq!(message["direction"], direction);
        assert_eq!(
            (&message["from"]["phone"], &message["to"]["phone"]),
            (&json!(from), &json!(to))
        );
        assert_eq!((&message["text"], &message["status"]), (&json!(text), &json!(status)));
    }
    let placeholder = said("history.placeholder");
    assert_eq!(
        placeholder[2]["to"]["id"], "5511900000002",
        "whom a thread is with, where a message does not say"
    );
    assert_eq!(placeholder[0]["conversation"]["alternate_id"], ANA_ID);
    assert_eq!(said("history.media")[0]["text"], "o portão");
}

#[test]
fn the_content_that_follows_a_placeholder_is_another_event_than_the_message() {
    let (placeholder, media) = (
        sample(Platform::WhatsappCloud, "history.placeholder.json"),
        sample(Platform::WhatsappCloud, "history.media.json"),
    );
    let placeholder = events(Platform::WhatsappCloud, placeholder.as_bytes()).remove(0);
    let media = one(Platform::WhatsappCloud, &media);
    assert_eq!(data(&placeholder)["id"], data(&media)["id"]);
    assert_eq!(placeholder.time, media.time);
    assert_ne!(placeholder.identity, media.identity);
}

#[test]
fn a_message_is_one_event_whether_it_was_sent_at_once_or_in_a_history_or_while_another_answers() {
    let text = r#""id":"wamid.A","timestamp":"1773149810","type":"text","text":{"body":"x"}"#;
    let from_ana = format!(r#"{{"from":"{ANA}",{text}}}"#);
    let at_once = change("messages", &format!(r#""messages":[{from_ana}]"#));
    let first = one(Platform::WhatsappCloud, &at_once);
    for other in [
        change(
            "history",
            &format!(r#""history":[{{"threads":[{{"id":"{ANA}","messages":[{from_ana}]}}]}}]"#),
        ),
        change("standby", &format!(r#""standby":{{"messages":[{from_ana}]}}"#)),
    ] {
        let again = one(Platform::WhatsappCloud, &other);
        assert_eq!((&first.identity, first.time), (&again.identity, again.time), "{other}");
        assert_eq!(
            (&first.data, &first.ordering_key),
            (&again.data, &again.ordering_key),
            "{other}"
        );
    }
}

#[test]
fn an_edit_its_undoing_and_the_same_edit_again_are_three() {
    let edit = |id: &str, said: &str| {
        let message = format!(
            r#"{{"from":"{ANA}","id":"{id}","timestamp":"1773149810","type":"edit","edit":{{"original_message_id":"wamid.A","message":{{"type":"text","text":{{"body":"{said}"}}}}}}}}"#
        );
        let body = change("messages", &format!(r#""messages":[{message}]"#));
        one(Platform::WhatsappCloud, &body).identity.join("/")
    };
    let (first, undone, again) = (edit("wamid.1", "b"), edit("wamid.2", "a"), edit("wamid.3", "b"));
    assert!(first != undone && undone != again && first != again);
    assert_eq!(first, edit("wamid.1", "b"));
}

#[test]
fn the_order_of_participants_is_no_part_of_what_happened() {
    let joined = |people: &str, at: &str| {
        let body = format!(
            r#""groups":[{{"timestamp":"{at}","group_id":"G","type":"group_participants_add","reason":"invite_link","added_participants":[{people}]}}]"#
        );
        let body = change("group_participants_update", &body);
        let event = one(Platform::WhatsappCloud, &body);
        (event.identity.join("/"), event.time)
    };
    let (ana, bia) = (r#"{"wa_id":"1"}"#, r#"{"wa_id":"2"}"#);
    let first = joined(&format!("{ana},{bia}"), "1773149810");
    assert_eq!(first, joined(&format!("{bia},{ana}"), "1773149810"));
    assert_ne!(first, joined(ana, "1773149810"));
    assert_ne!(first, joined(&format!("{ana},{bia}"), "1773149811"));
}
