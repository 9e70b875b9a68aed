//! Zendesk and Intercom: what distinguishes events, which event becomes which, and what surprises become.

use http::{HeaderMap, HeaderValue};
use ingest::normalize::{NewEvent, Normalized, Reply, normalize};
use schemas::data::{Data, Direction, TicketStatus};
use schemas::event::Raw;
use schemas::platform::Platform;

use crate::{events, one, sample, source};

fn identity(event: &NewEvent<'_>) -> Vec<String> {
    event.identity.iter().map(ToString::to_string).collect()
}

fn type_of(event: &NewEvent<'_>) -> String {
    event.data.event_type().to_string()
}

#[test]
fn a_retry_of_intercom_counts_its_attempts_and_is_the_same_event() {
    let body = sample(Platform::Intercom, "conversation.user.created.json");
    let again = body
        .replace(r#""delivery_attempts": 1"#, r#""delivery_attempts": 2"#)
        .replace(r#""delivery_status": "pending""#, r#""delivery_status": "retry""#);
    assert_ne!(body, again);
    let (first, second) = (
        events(Platform::Intercom, body.as_bytes()),
        events(Platform::Intercom, again.as_bytes()),
    );
    assert_eq!((first.len(), second.len()), (2, 2));
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first.identity, second.identity);
        assert_eq!(first.time, second.time);
    }
    assert_ne!(first[0].identity, first[1].identity);

    let unmapped = |attempts| {
        let body = format!(
            r#"{{"id":"notif_1","topic":"company.created","delivery_attempts":{attempts},"data":{{"item":{{"id":"1"}}}}}}"#
        );
        identity(&one(Platform::Intercom, &body))
    };
    assert_eq!(unmapped(1), unmapped(2));
}

#[test]
fn a_new_conversation_is_a_ticket_and_then_its_first_message() {
    let body = sample(Platform::Intercom, "conversation.user.created.json");
    let found = events(Platform::Intercom, body.as_bytes());
    let types: Vec<_> = found.iter().map(type_of).collect();
    assert_eq!(types, ["ticket.created", "message.created"]);
    assert_eq!(found[0].ordering_key, found[1].ordering_key);
    let Raw::Json(source) = &found[1].raw else {
        panic!("JSON")
    };
    assert!(source.contains("403918330") && body.contains(&**source), "{source}");

    for item in [
        r#"{"id":"7"}"#,
        r#"{"id":"7","source":null}"#,
        r#"{"id":"7","source":"?"}"#,
    ] {
        let body = format!(r#"{{"id":"n","topic":"conversation.user.created","data":{{"item":{item}}}}}"#);
        assert_eq!(type_of(&one(Platform::Intercom, &body)), "ticket.created", "{item}");
    }
    let body = r#"{"id":"n","topic":"conversation.user.created","data":{"item":{"id":"7","source":{"body":"x"}}}}"#;
    let found = events(Platform::Intercom, body.as_bytes());
    let types: Vec<_> = found.iter().map(type_of).collect();
    assert_eq!(types, ["ticket.created", "unmapped"], "a message without an id is kept");
    assert_eq!(found[1].ordering_key, "7");
}

#[test]
fn topics_of_intercom_become_what_they_mean() {
    for (topic, item, expected) in [
        (
            "conversation.user.replied",
            r#"{"id":7,"conversation_parts":{"conversation_parts":[{"id":9,"body":"a"}]}}"#,
            "message.created",
        ),
        (
            "conversation.user.replied",
            r#"{"id":7,"conversation_parts":{"conversation_parts":{"id":9,"body":"a"}}}"#,
            "message.created",
        ),
        (
            "conversation.user.replied",
            r#"{"id":7,"conversation_parts":{"conversation_parts":[]}}"#,
            "unmapped",
        ),
        (
            "conversation.admin.replied",
            r#"{"id":7,"conversation_parts":null}"#,
            "unmapped",
        ),
        ("conversation.admin.noted", r#"{"id":7}"#, "unmapped"),
        ("conversation.admin.assigned", r#"{"id":7}"#, "ticket.transferred"),
        ("conversation.admin.closed", r#"{"id":7}"#, "ticket.closed"),
        ("conversation.admin.opened", r#"{"id":7}"#, "ticket.reopened"),
        ("conversation.admin.unsnoozed", r#"{"id":7}"#, "ticket.updated"),
        ("conversation.rating.added", r#"{"id":7}"#, "ticket.updated"),
        ("conversation.something.new", r#"{"id":7}"#, "ticket.updated"),
        (
            "conversation_part.tag.created",
            r#"{"id":1,"conversation_id":7}"#,
            "ticket.updated",
        ),
        ("conversation.admin.open.assigned", r#"{"id":7}"#, "ticket.transferred"),
        ("contact.created", r#"{"id":7}"#, "contact.created"),
        ("contact.archived", r#"{"id":7}"#, "contact.updated"),
        (
            "contact.unsubscribed",
            r#"{"type":"contact_x","contact":{"id":7}}"#,
            "contact.updated",
        ),
        ("ticket.created", r#"{"id":7}"#, "ticket.created"),
        ("ticket.team.assigned", r#"{"ticket":{"id":7}}"#, "ticket.transferred"),
        ("ticket.note.created", r#"{"id":7}"#, "ticket.updated"),
        ("ticket.closed", r#"{"id":7}"#, "ticket.closed"),
    ] {
        let body = format!(
            r#"{{"id":"n","topic":"{topic}","app_id":"a","created_at":"1773149810","data":{{"item":{item}}}}}"#
        );
        let event = one(Platform::Intercom, &body);
        assert_eq!(type_of(&event), expected, "{topic} {item}");
        assert_eq!(event.ordering_key, "7", "{topic} {item}: in its order");
        assert_eq!(event.account.as_deref(), Some("a"));
        assert_eq!(
            event.time.map(|time| time.to_string()).as_deref(),
            Some("2026-03-10T13:36:50.000Z")
        );
    }
    for (topic, item) in [
        ("user.created", r#"{"id":7}"#),
        ("conversation", "{}"),
        ("conversation.admin.closed", r#"{"id":{}}"#),
        ("contact.created", "null"),
        ("ticket.created", "[]"),
        ("", "7"),
    ] {
        let body = format!(r#"{{"id":"n","topic":"{topic}","data":{{"item":{item}}}}}"#);
        assert_eq!(type_of(&one(Platform::Intercom, &body)), "unmapped", "{topic} {item}");
    }
}

#[test]
fn a_ping_of_intercom_is_answered_and_not_published() {
    let body = br#"{"type":"notification_event","topic":"ping","id":null,"data":{"item":{"type":"ping"}}}"#;
    let normalized = normalize(&source(Platform::Intercom), &HeaderMap::new(), body);
    assert!(
        matches!(normalized, Normalized::Reply(Ok(Reply::Empty))),
        "{normalized:?}"
    );
}

fn zendesk(name: &str, detail: &str, change: &str) -> String {
    format!(
        r#"{{"type":"zen:event-type:{name}","id":"e1","account_id":9007199254740993,"subject":"zen:ticket:12",
            "time":"2026-03-10T13:36:50.9Z","detail":{detail},"event":{change}}}"#
    )
}

#[test]
fn a_changed_status_of_zendesk_closes_reopens_or_only_updates() {
    for (current, previous, expected, status) in [
        ("SOLVED", "OPEN", "ticket.closed", Some(TicketStatus::Closed)),
        ("CLOSED", "SOLVED", "ticket.closed", Some(TicketStatus::Closed)),
        ("closed", "pending", "ticket.closed", Some(TicketStatus::Closed)),
        ("OPEN", "SOLVED", "ticket.reopened", Some(TicketStatus::Open)),
        ("PENDING", "CLOSED", "ticket.reopened", Some(TicketStatus::Pending)),
        ("HOLD", "OPEN", "ticket.updated", Some(TicketStatus::Snoozed)),
        ("OPEN", "NEW", "ticket.updated", Some(TicketStatus::Open)),
        ("?", "SOLVED", "ticket.reopened", Some(TicketStatus::Pending)),
    ] {
        let change = format!(r#"{{"current":"{current}","previous":"{previous}"}}"#);
        let body = zendesk("ticket.status_changed", r#"{"id":"12","status":"PENDING"}"#, &change);
        let event = one(Platform::Zendesk, &body);
        assert_eq!(type_of(&event), expected, "{previous} -> {current}");
        let (Data::TicketClosed(ticket) | Data::TicketReopened(ticket) | Data::TicketUpdated(ticket)) = &event.data
        else {
            panic!("a ticket")
        };
        assert_eq!(ticket.status, status, "{previous} -> {current}");
        assert_eq!(event.account.as_deref(), Some("9007199254740993"));
    }
}

#[test]
fn events_of_zendesk_become_what_they_mean() {
    for (name, detail, change, expected, key) in [
        ("ticket.created", r#"{"id":12}"#, "{}", "ticket.created", "12"),
        ("ticket.created", "null", "[]", "ticket.created", "12"),
        (
            "ticket.agent_assignment_changed",
            r#"{"id":"12"}"#,
            "{}",
            "ticket.transferred",
            "12",
        ),
        (
            "ticket.group_assignment_changed",
            r#"{"id":"12"}"#,
            "{}",
            "ticket.transferred",
            "12",
        ),
        (
            "ticket.status_changed",
            r#"{"id":"12"}"#,
            r#"{"current":7}"#,
            "ticket.updated",
            "12",
        ),
        ("ticket.merged", r#"{"id":"12"}"#, "{}", "ticket.updated", "12"),
        (
            "ticket.comment_added",
            r#"{"id":"12"}"#,
            r#"{"comment":{"id":1}}"#,
            "message.created",
            "12",
        ),
        (
            "ticket.comment_added",
            r#"{"id":"12"}"#,
            r#"{"comment":{}}"#,
            "unmapped",
            "12",
        ),
        ("ticket.comment_added", r#"{"id":"12"}"#, "null", "unmapped", "12"),
        ("user.created", r#"{"id":"7"}"#, "{}", "contact.created", "7"),
        ("user.merged", r#"{"id":"7"}"#, "{}", "contact.updated", "7"),
        ("article.published", r#"{"id":"7"}"#, "{}", "unmapped", "7"),
        ("", "{}", "{}", "unmapped", "12"),
    ] {
        let event_body = zendesk(name, detail, change);
        let event = one(Platform::Zendesk, &event_body);
        assert_eq!(type_of(&event), expected, "{name} {detail} {change}");
        assert_eq!(event.ordering_key, key, "{name} {detail} {change}");
        assert_eq!(identity(&event), ["e1"], "{name}");
    }
}

#[test]
fn a_comment_of_the_staff_goes_out_and_a_private_one_is_a_note() {
    for (author, public, direction, internal) in [
        (r#"{"id":"5","is_staff":true}"#, "true", Direction::Outbound, false),
        (
            r#"{"id":"5","is_staff":"true"}"#,
            "\"false\"",
            Direction::Outbound,
            true,
        ),
        (r#"{"id":"5","is_staff":false}"#, "true", Direction::Inbound, false),
        ("null", "null", Direction::Inbound, false),
    ] {
        let change = format!(r#"{{"comment":{{"id":"1","body":"x","author":{author},"is_public":{public}}}}}"#);
        let body = zendesk("ticket.comment_added", r#"{"id":"12"}"#, &change);
        let Data::MessageCreated(message) = one(Platform::Zendesk, &body).data else {
            panic!("a message")
        };
        assert_eq!(
            (message.direction, message.internal),
            (direction, internal),
            "{author} {public}"
        );
        assert_eq!(message.ticket_id.as_deref(), Some("12"));
    }
}

#[test]
fn bodies_that_a_trigger_made_up_are_distinguished_by_their_invocation() {
    let identity_of = |invocation: Option<&'static str>, body: &str| {
        let mut headers = HeaderMap::new();
        if let Some(invocation) = invocation {
            headers.insert("x-zendesk-webhook-invocation-id", HeaderValue::from_static(invocation));
        }
        match normalize(&source(Platform::Zendesk), &headers, body.as_bytes()) {
            Normalized::Events(events) => {
                assert_eq!(type_of(&events[0]), "unmapped", "{body}");
                identity(&events[0])
            }
            Normalized::Reply(reply) => panic!("a reply: {reply:?}"),
        }
    };
    let open = r#"{"id":"12","status":"open"}"#;
    assert_eq!(identity_of(Some("a"), open), identity_of(Some("a"), open), "a retry");
    assert_ne!(
        identity_of(Some("a"), open),
        identity_of(Some("b"), open),
        "the same ticket again"
    );
    assert_ne!(
        identity_of(None, open),
        identity_of(None, r#"{"id":"12","status":"solved"}"#),
        "`id` is the ticket's"
    );
    assert_eq!(identity_of(None, open), identity_of(None, open));
}
