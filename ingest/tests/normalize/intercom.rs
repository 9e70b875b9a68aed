//! Intercom: what is written in the parts of conversations and tickets, whatever the notification is about.

use ingest::normalize::NewEvent;
use schemas::data::{Data, Direction, Message, PartyKind};
use schemas::platform::Platform;

use crate::{events, sample};

fn of<T>(name: &str, read: impl FnOnce(&[NewEvent<'_>]) -> T) -> T {
    let body = sample(Platform::Intercom, &format!("{name}.json"));
    read(&events(Platform::Intercom, body.as_bytes()))
}

/// Type, id of the message or ticket, direction, whether it is internal, text, time: one line an event.
fn lines(name: &str) -> Vec<String> {
    of(name, |events| events.iter().map(line).collect())
}

fn line(event: &NewEvent<'_>) -> String {
    let time = event.time.map_or(0, |time| time.millis() / 1000);
    let event_type = event.data.event_type();
    match &event.data {
        Data::MessageCreated(message) => {
            let way = match (message.direction, message.internal) {
                (Direction::Inbound, false) => "in",
                (Direction::Outbound, false) => "out",
                (_, true) => "internal",
            };
            let text = message.text.as_deref().unwrap_or_default();
            format!("{event_type} {} {way} {text} {time}", message.id)
        }
        Data::MessageDeleted(deletion) => {
            format!("{event_type} {} {time}", deletion.id.as_deref().unwrap_or_default())
        }
        _ => format!("{event_type} {} {time}", event.ordering_key),
    }
}

fn message<T>(name: &str, read: impl FnOnce(&Message<'_>) -> T) -> T {
    of(name, |events| {
        let message = events.iter().find_map(|event| match &event.data {
            Data::MessageCreated(message) => Some(message),
            _ => None,
        });
        read(message.unwrap_or_else(|| panic!("{name}: no message")))
    })
}

fn have_lines(samples: &[(&str, &[&str])]) {
    for (name, expected) in samples {
        assert_eq!(lines(name), *expected, "{name}");
    }
}

#[test]
fn each_part_of_a_conversation_that_says_something_is_a_message_of_its_own() {
    have_lines(&[
        (
            "conversation.admin.open.assigned.reply",
            &[
                "ticket.transferred 215000000000001 1773149810",
                "message.created 37300000001 out <p>já vou olhar</p> 1773149810",
            ],
        ),
        (
            "conversation.user.replied.two_parts",
            &[
                "message.created 37300000006 in <p>primeira</p> 1773149809",
                "message.created 37300000007 in <p>segunda</p> 1773149810",
            ],
        ),
        (
            "conversation.user.created",
            &[
                "ticket.created 215468000000001 1773149810",
                "message.created 403918330 in <p>Olá, preciso de ajuda</p> 1773149800",
            ],
        ),
        (
            "conversation.admin.assigned",
            &["ticket.transferred 215468000000001 1773149810"],
        ),
        (
            "conversation.admin.closed.reply",
            &[
                "ticket.closed 215000000000001 1773149810",
                "message.created 37300000020 out <p>até logo</p> 1773149810",
            ],
        ),
        (
            "conversation.admin.opened.reply",
            &[
                "ticket.reopened 215000000000001 1773149810",
                "message.created 37300000021 out <p>voltei</p> 1773149810",
            ],
        ),
        (
            "conversation.admin.snoozed.reply",
            &[
                "ticket.updated 215000000000001 1773149810",
                "message.created 37300000022 out <p>até amanhã</p> 1773149810",
            ],
        ),
        (
            "conversation.admin.noted.and_reopened",
            &["message.created 37300000023 internal <p>cliente antigo</p> 1773149810"],
        ),
        (
            "conversation_part.tag.created.with_part",
            &[
                "ticket.updated 215000000000001 1773150000",
                "message.created 37300000006 in <p>primeira</p> 1773149809",
            ],
        ),
    ]);
}

#[test]
fn each_part_of_a_ticket_that_says_something_is_a_message_of_its_own() {
    have_lines(&[
        (
            "ticket.note.created",
            &[
                "ticket.updated 215000000000002 1773149810",
                "message.created 37400000003 internal <p>cliente antigo</p> 1773149810",
            ],
        ),
        (
            "ticket.contact.replied",
            &[
                "ticket.updated 215000000000002 1773150000",
                "message.created 37400000002 out <p>Respondemos aqui</p> 1773149212",
                "message.created 37400000003 internal <p>cliente antigo</p> 1773149810",
                "message.created 37400000004 out <p>vou ver</p> 1773149820",
                "message.deleted 37400000005 1773149900",
                "message.created 37400000006 in <p>obrigada</p> 1773150000",
            ],
        ),
        (
            "ticket.admin.replied",
            &[
                "ticket.updated 215000000000002 1773150100",
                "message.created 37400000007 out <p>de nada</p> 1773150100",
            ],
        ),
    ]);
}

#[test]
fn a_redaction_is_the_deletion_of_its_part() {
    for (name, id, conversation) in [
        ("conversation_part.redacted", "37300000006", "215000000000001"),
        ("conversation_part.redacted.old_api", "6073780765", "1039067180"),
        ("conversation_part.redacted.source", "3380000001", "215000000000001"),
    ] {
        let expected = [
            format!("ticket.updated {conversation} 1773150000"),
            format!("message.deleted {id} 1773150000"),
        ];
        assert_eq!(lines(name), expected, "{name}");
    }
}

/// Identity and time of what is said of that part.
fn identity(name: &str, part: &str) -> String {
    of(name, |events| {
        let event = events.iter().find(|event| match &event.data {
            Data::MessageCreated(message) => message.id == part,
            Data::MessageDeleted(deletion) => deletion.id.as_deref() == Some(part),
            _ => false,
        });
        let event = event.unwrap_or_else(|| panic!("{name}: nothing of {part}"));
        format!("{:?} {:?}", event.identity, event.time)
    })
}

#[test]
fn a_part_that_is_sent_again_is_the_same_event() {
    for (first, again, part) in [
        (
            "conversation.user.replied.two_parts",
            "conversation_part.tag.created.with_part",
            "37300000006",
        ),
        ("ticket.note.created", "ticket.contact.replied", "37400000003"),
        ("ticket.contact.replied", "ticket.closed.history", "37400000005"),
        ("ticket.contact.replied", "ticket.closed.history", "37400000006"),
        ("ticket.admin.replied", "ticket.closed.history", "37400000007"),
    ] {
        assert_eq!(identity(first, part), identity(again, part), "{first} {again}");
    }
    assert_ne!(
        identity("conversation.user.replied.two_parts", "37300000006"),
        identity("conversation_part.redacted", "37300000006"),
        "written and redacted"
    );
    assert_ne!(
        identity("conversation.user.replied.two_parts", "37300000006"),
        identity("conversation.user.replied.two_parts", "37300000007")
    );
}

#[test]
fn a_part_says_who_wrote_it_to_whom_and_over_what() {
    message("conversation.admin.open.assigned.reply", |message| {
        let to = message.to.as_ref().expect("the customer");
        assert_eq!(to.id.as_deref(), Some("690000000000000000000001"));
        assert_eq!(to.alternate_id.as_deref(), Some("u-1"));
        assert_eq!(message.conversation.id, "215000000000001");
        assert_eq!(message.conversation.channel.as_deref(), Some("web"));
        assert_eq!(message.ticket_id.as_deref(), Some("215000000000001"));
    });
    message("ticket.note.created", |message| {
        assert_eq!(message.to, None, "the customer does not see it");
        assert_eq!(message.conversation.channel.as_deref(), Some("web"));
    });
    message("conversation.admin.replied.email", |message| {
        assert_eq!(message.conversation.channel.as_deref(), Some("email"));
        assert_eq!(message.external_id.as_deref(), Some("<m15@mail.example.com>"));
    });
    message("ticket.admin.replied", |message| {
        let from = message.from.as_ref().expect("an agent");
        assert_eq!((from.id.as_deref(), from.kind), (None, Some(PartyKind::Agent)));
    });
    message("conversation.user.replied.quick_reply", |message| {
        let answer = message.answer.as_ref().expect("a choice");
        assert_eq!(answer.id.as_deref(), Some("22222222-0000-4000-8000-000000000014"));
        assert_eq!(answer.title.as_deref(), Some("Segunda via"));
        let from = message.from.as_ref().expect("a customer");
        assert_eq!((from.id.as_deref(), from.kind), (None, Some(PartyKind::Contact)));
    });
}

#[test]
fn a_phone_as_typed_is_one_only_with_its_country() {
    for (name, phone) in [
        ("contact.user.created", Some("+5511900000001")),
        ("contact.user.created.phone_as_typed", None),
    ] {
        of(name, |events| {
            let Data::ContactCreated(contact) = &events[0].data else {
                panic!("{name}")
            };
            assert_eq!(contact.phone.as_deref(), phone, "{name}");
        });
    }
}

#[test]
fn a_part_without_content_or_place_costs_nothing_else() {
    for (topic, item, expected) in [
        // Nothing in it: what happened is kept as it is.
        (
            "conversation.user.replied",
            r#"{"id":7,"conversation_parts":{"conversation_parts":[{"id":9,"body":null}]}}"#,
            &["unmapped 7 1773149810"][..],
        ),
        (
            "conversation.user.replied",
            r#"{"id":7,"conversation_parts":{"conversation_parts":[{"body":"<p>a</p>"},{"body":"<p>b</p>"}]}}"#,
            &["unmapped 7 1773149810", "unmapped 7 1773149810"],
        ),
        (
            "ticket.closed",
            r#"{"id":7,"ticket_parts":{"ticket_parts":[null,7,[],"x",{"id":9,"body":"<p>a</p>"},{"id":9,"body":"<p>a</p>"}]}}"#,
            &["ticket.closed 7 1773149810", "message.created 9 in <p>a</p> 1773149810"],
        ),
        (
            "ticket.closed",
            r#"{"ticket_parts":{"ticket_parts":[{"id":9,"body":"<p>a</p>"}]}}"#,
            &["unmapped n 1773149810", "unmapped n 1773149810"],
        ),
    ] {
        let body = format!(r#"{{"id":"n","topic":"{topic}","created_at":1773149810,"data":{{"item":{item}}}}}"#);
        let events = events(Platform::Intercom, body.as_bytes());
        assert_eq!(events.iter().map(line).collect::<Vec<_>>(), expected, "{topic} {item}");
        let mut identities: Vec<_> = events.iter().map(|event| &event.identity).collect();
        identities.sort();
        identities.dedup();
        assert_eq!(identities.len(), events.len(), "{topic} {item}: all differ");
    }
}

/// Status, status before, assignee and team of the ticket.
fn standing(name: &str) -> String {
    of(name, |events| {
        let (Data::TicketUpdated(ticket) | Data::TicketTransferred(ticket) | Data::TicketClosed(ticket)) =
            &events[0].data
        else {
            panic!("{name}: {:?}", events[0].data)
        };
        let assignee = ticket.assignee.as_ref().and_then(|who| who.id.as_deref());
        format!(
            "{:?} {:?} {assignee:?} {:?}",
            ticket.status,
            ticket.previous_status,
            ticket.team.as_deref()
        )
    })
}

#[test]
fn a_change_is_as_its_own_part_says_whatever_came_after_it() {
    for (name, expected) in [
        ("ticket.state.updated", r#"Some(Pending) None None Some("5017691")"#),
        (
            "ticket.state.updated.burst.1_waiting",
            r#"Some(Pending) Some(Open) None Some("5017691")"#,
        ),
        (
            "ticket.state.updated.burst.2_resolved",
            r#"Some(Closed) Some(Pending) None Some("5017691")"#,
        ),
        (
            "ticket.state.updated.burst.3_in_progress",
            r#"Some(Open) Some(Closed) None Some("5017691")"#,
        ),
        (
            "conversation.admin.assigned",
            r#"Some(Open) None Some("814860") Some("5017691")"#,
        ),
        (
            "conversation.admin.assigned.built_late",
            r#"Some(Open) None Some("814860") Some("5017691")"#,
        ),
    ] {
        assert_eq!(standing(name), expected, "{name}");
    }
}

#[test]
fn who_a_conversation_was_assigned_to_may_be_a_team_or_no_one() {
    for (to, expected) in [
        (r#"{"type":"team","id":"9"}"#, (Some("7"), Some("9"))),
        (r#"{"type":"admin","id":"0"}"#, (None, Some("5"))),
        (r#"{"type":"nobody_admin","id":null}"#, (None, Some("5"))),
        ("null", (Some("7"), Some("5"))),
    ] {
        let body = format!(
            r#"{{"id":"n","topic":"conversation.admin.assigned","created_at":1773149810,"data":{{"item":{{"type":"conversation","id":"c",
            "admin_assignee_id":7,"team_assignee_id":5,"conversation_parts":{{"conversation_parts":[{{"id":"p","created_at":1773149810,
            "part_type":"assignment","body":null,"assigned_to":{to}}}]}}}}}}}}"#
        );
        let events = events(Platform::Intercom, body.as_bytes());
        let Data::TicketTransferred(ticket) = &events[0].data else {
            panic!("{to}: {:?}", events[0].data)
        };
        let assignee = ticket.assignee.as_ref().and_then(|who| who.id.as_deref());
        assert_eq!((assignee, ticket.team.as_deref()), expected, "{to}");
    }
}
