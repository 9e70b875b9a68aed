//! Digisac: what it leaves unsaid, and what its names stand for.

use schemas::data::Data;
use schemas::platform::Platform;

use crate::{events, one, sample};

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
fn an_update_says_again_who_and_what_and_is_told_apart_by_its_moment() {
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
