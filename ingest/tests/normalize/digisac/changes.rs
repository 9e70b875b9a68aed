//! Which webhooks are one event, and in whose order an event is kept.

use schemas::data::Data;
use schemas::platform::Platform;

use super::message;
use crate::{all_differ, events, id_of, one, sample};

#[test]
fn a_closed_ticket_under_either_name_is_one_event() {
    let (updated, closed) = (
        sample(Platform::Digisac, "ticket.updated.closed.json"),
        sample(Platform::Digisac, "ticket.closed.json"),
    );
    let (first, second) = (one(Platform::Digisac, &updated), one(Platform::Digisac, &closed));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.time, second.time);
    assert_eq!(first.data, second.data);
}

#[test]
fn names_and_flags_decide_what_became_of_a_ticket() {
    for (event, open, expected) in [
        ("ticket.created", "true", "ticket.created"),
        ("ticket.updated", "true", "ticket.updated"),
        ("ticket.updated", "false", "ticket.closed"),
        ("ticket.updated", "\"0\"", "ticket.closed"),
        ("ticket.updated", "null", "ticket.updated"),
        ("ticket.closed", "null", "ticket.closed"),
        ("ticket.transferred", "true", "ticket.transferred"),
        ("ticket.reopened", "true", "ticket.reopened"),
        ("ticket.archived", "false", "unmapped"),
    ] {
        let body =
            format!(r#"{{"event":"{event}","data":{{"id":"t","isOpen":{open},"updatedAt":"2026-03-10T13:50:00Z"}}}}"#);
        assert_eq!(
            one(Platform::Digisac, &body).data.event_type().as_str(),
            expected,
            "{body}"
        );
    }
}

#[test]
fn messages_and_events_of_one_ticket_are_in_one_order() {
    for body in [
        r#"{"event":"message.created","data":{"id":"m","ticketId":"t","contactId":"c"}}"#,
        r#"{"event":"message.updated","data":{"id":"m","ticketId":"t","contactId":"c","deletedAt":"2026-03-10T13:50:00Z"}}"#,
        r#"{"event":"ticket.updated","data":{"id":"t","contactId":"c"}}"#,
        r#"{"event":"bot.command","data":{"command":"x","message":{"id":"m","ticketId":"t"},"contactId":"c"}}"#,
        r#"{"event":"message.scheduled","data":{"id":"m","ticketId":"t"}}"#,
        r#"{"event":"message.created","data":{"ticketId":"t","contactId":"c"}}"#,
    ] {
        assert_eq!(one(Platform::Digisac, body).ordering_key, "t", "{body}");
    }
    let without = r#"{"event":"message.created","data":{"id":"m","ticketId":null,"contactId":"c"}}"#;
    assert_eq!(one(Platform::Digisac, without).ordering_key, "c");
}

#[test]
fn one_bad_element_of_a_list_keeps_its_place_and_its_account() {
    let body = r#"{"event":"message.created","data":[{"id":"a","contactId":"c","accountId":"x"},{"contactId":"c","accountId":"x"},3]}"#;
    let found: Vec<_> = events(Platform::Digisac, body.as_bytes())
        .into_iter()
        .map(|event| {
            (
                event.data.event_type().as_str().to_owned(),
                event.ordering_key,
                event.account.map(String::from),
            )
        })
        .collect();
    let account = Some("x".to_owned());
    assert_eq!(
        found,
        [
            ("message.created".to_owned(), "c".to_owned(), account.clone()),
            ("unmapped".to_owned(), "c".to_owned(), account),
            ("unmapped".to_owned(), "unmapped".to_owned(), None),
        ]
    );
}

#[test]
fn an_update_says_again_who_and_what_and_is_distinguished_by_its_moment() {
    let at = |moment: &str| {
        format!(r#"{{"event":"contact.updated","data":{{"id":"c","name":"Ana","isGroup":false,"block":"1"{moment}}}}}"#)
    };
    let (first, again, later, undated) = (
        at(r#","updatedAt":"2026-03-10T13:50:00Z""#),
        at(r#","updatedAt":"2026-03-10T13:50:00Z","unread":2"#),
        at(r#","updatedAt":"2026-03-10T13:50:01Z""#),
        at(""),
    );
    let identity = |body: &str| {
        let parts = one(Platform::Digisac, body).identity;
        parts.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(identity(&first), identity(&again));
    assert_ne!(identity(&first), identity(&later));
    assert_ne!(identity(&first), identity(&undated));
    let Data::ContactUpdated(contact) = one(Platform::Digisac, &first).data else {
        panic!("a contact")
    };
    assert_eq!((contact.group, contact.blocked), (Some(false), Some(true)));
}

#[test]
fn changes_of_one_ticket_or_message_within_a_millisecond_are_as_many_events() {
    all_differ(
        Platform::Digisac,
        &[
            "ticket.updated.burst.1_assigned.json",
            "ticket.updated.burst.2_transferred.json",
            "ticket.updated.burst.3_closed.json",
        ],
    );
    all_differ(
        Platform::Digisac,
        &[
            "message.updated.burst.1_sent.json",
            "message.updated.burst.2_delivered.json",
            "message.updated.burst.3_read.json",
        ],
    );
    // Opened again and closed again: the same states at other moments.
    let closed = message("ticket.updated.closed.json");
    let again = closed.replace("2026-03-10T14:02:00.104Z", "2026-03-10T14:05:00.000Z");
    assert_ne!(
        id_of(&one(Platform::Digisac, &closed)),
        id_of(&one(Platform::Digisac, &again))
    );
}

#[test]
fn an_edit_and_its_reversal_are_two_events() {
    let to_b = message("message.updated.text.json");
    let back_to_a = to_b
        .replace("Olá, boa tarde", "Olá, bom dia")
        .replace("13:41:00.000", "13:41:30.000");
    let to_b_again = to_b.replace("13:41:00.000", "13:42:00.000");
    let ids = [&to_b, &back_to_a, &to_b_again].map(|body| id_of(&one(Platform::Digisac, body)));
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

#[test]
fn what_happens_once_is_one_event_whatever_state_its_body_shows() {
    let id = |body: &str| id_of(&one(Platform::Digisac, body));
    assert_eq!(
        id(&message("ticket.created.json")),
        id(&message("ticket.created.built_late.json"))
    );
    let deleted = message("message.updated.deleted.json");
    assert_eq!(id(&deleted), id(&message("message.deleted.json")), "under either name");
    let touched = deleted.replace(
        r#""updatedAt": "2026-03-10T13:40:00.000Z""#,
        r#""updatedAt": "2026-03-10T15:00:00.000Z""#,
    );
    assert_ne!(deleted, touched);
    assert_eq!(id(&deleted), id(&touched), "updated after it was deleted");
    let contact = message("contact.created.json");
    let renamed = contact
        .replace("13:36:51.300", "13:50:00.000")
        .replace("Ana Exemplo", "Ana Maria Exemplo");
    assert_ne!(contact, renamed);
    assert_eq!(id(&contact), id(&renamed));
}

#[test]
fn a_command_is_known_by_its_message_or_by_who_gave_it_when() {
    let id = |body: &str| id_of(&one(Platform::Digisac, body));
    let given = message("bot.command.no_message.json");
    assert_eq!(id(&given), id(&given.replace("524387\",", "524387\",\"step\":2,")));
    assert_ne!(id(&given), id(&given.replace("13:37:30", "13:38:30")));
    let dated = one(Platform::Digisac, &given).time.map(|time| time.to_string());
    assert_eq!(dated.as_deref(), Some("2026-03-10T13:37:30.000Z"));
}
