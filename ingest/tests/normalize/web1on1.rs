//! What is peculiar to Web1on1: names of events that go on, commands, who the customer is, its keys.

use schemas::data::{Data, Direction, Message, Party, PartyKind, TicketStatus};
use schemas::event::Raw;
use schemas::platform::Platform;

use crate::{all_differ, id_of, one, sample};

fn said(event: &str, message: &str) -> String {
    format!(
        r#"{{"id":"e1","event":"{event}","organization":"o","data":{{"conversation":{{"id":"c","type":"contact","contact":"k","status":"active"}},
        "message":{{"id":"m","user":"u",{message}}}}}}}"#
    )
}

#[test]
fn a_message_is_asked_what_it_is_not_the_name_of_its_event() {
    for event in [
        "message.create.contact.chat",
        "message.create.contact.chat.contact",
        "message.create.system.hologram",
        "message.create",
        "conversation.message",
    ] {
        let body = said(event, r#""type":"chat","role":"contact","text":"x""#);
        let event = one(Platform::Web1on1, &body);
        assert_eq!(event.data.event_type().as_str(), "message.created", "{body}");
        assert_eq!(event.identity, ["message", "chat", "m"], "however it is called");
        assert_eq!(event.ordering_key, "c");
    }
}

#[test]
fn commands_are_reported_as_what_they_do_to_the_ticket() {
    for (command, expected) in [
        ("/assign", "ticket.transferred"),
        ("/assign to someone", "ticket.transferred"),
        ("/notify", "ticket.transferred"),
        ("/accept", "ticket.updated"),
        ("/join", "ticket.updated"),
        ("/leave", "ticket.updated"),
        ("/assigned", "ticket.updated"),
        ("> help", "ticket.updated"),
        ("", "ticket.updated"),
    ] {
        let message = format!(r#""type":"command","role":"agent","text":"{command}","meta":{{"users":["u2"]}}"#);
        let body = said("message.create.contact.command", &message);
        let event = one(Platform::Web1on1, &body);
        assert_eq!(event.data.event_type().as_str(), expected, "{command}");
        if let Data::TicketTransferred(ticket) = event.data {
            assert_eq!(ticket.id, "c");
            let to = ticket.assignee.and_then(|assignee| assignee.id);
            assert_eq!(
                to.as_deref(),
                command.starts_with("/assign").then_some("u2"),
                "{command}"
            );
        }
    }
}

#[test]
fn the_customer_is_the_contact_and_everyone_else_their_user() {
    for (role, direction, id) in [
        (r#""contact""#, Direction::Inbound, "k"),
        (r#""agent""#, Direction::Outbound, "u"),
        (r#""bot""#, Direction::Outbound, "u"),
        ("null", Direction::Inbound, "k"),
    ] {
        let body = said("message.create.contact.chat", &format!(r#""role":{role},"text":"x""#));
        let Data::MessageCreated(message) = one(Platform::Web1on1, &body).data else {
            panic!("a message")
        };
        assert_eq!(message.direction, direction, "{role}");
        assert_eq!(message.from.and_then(|from| from.id).as_deref(), Some(id), "{role}");
    }
}

#[test]
fn what_is_made_anew_for_each_attempt_does_not_distinguish_events() {
    for name in [
        "message.create.contact.chat.json",
        "conversation.update.json",
        "message.delete.json",
    ] {
        let body = sample(Platform::Web1on1, name);
        let again = body.replacen("\"timestamp\": \"2026-03-10T13:", "\"timestamp\": \"2026-03-10T23:", 1);
        assert_ne!(body, again, "{name}");
        let (first, second) = (one(Platform::Web1on1, &body), one(Platform::Web1on1, &again));
        assert_eq!((&first.identity, first.time), (&second.identity, second.time), "{name}");
    }
    // Without an id, what it says does.
    let body = |status: &str, timestamp: &str| {
        format!(
            r#"{{"event":"conversation.update","timestamp":"{timestamp}","data":{{"conversation":{{"id":"c","status":"{status}"}}}}}}"#
        )
    };
    let identity = |body: String| one(Platform::Web1on1, &body).identity.join("/");
    assert_eq!(identity(body("queued", "1")), identity(body("queued", "2")));
    assert_ne!(identity(body("queued", "1")), identity(body("active", "1")));
}

#[test]
fn a_resource_may_lie_in_data_itself_or_be_there_by_its_id() {
    let alone = one(
        Platform::Web1on1,
        r#"{"id":"e","event":"conversation.update","data":{"id":"c","status":"closed"}}"#,
    );
    let Data::TicketClosed(ticket) = alone.data else {
        panic!("closed")
    };
    assert_eq!((&*ticket.id, ticket.status), ("c", Some(TicketStatus::Closed)));

    let by_id = one(
        Platform::Web1on1,
        r#"{"id":"e","event":"message.create.contact.chat","data":{"message":{"id":9007199254740993,"conversation":"c"}}}"#,
    );
    assert_eq!(by_id.ordering_key, "c");
    assert_eq!(by_id.identity, ["message", "", "9007199254740993"]);

    let contact = one(Platform::Web1on1, r#"{"event":"contact.update","data":{"id":"k"}}"#);
    assert_eq!(contact.data.event_type().as_str(), "contact.updated");
}

#[test]
fn what_has_no_mapping_keeps_its_conversations_order() {
    for (body, key) in [
        (
            r#"{"id":"e","event":"channel.notify","organization":"o","data":{"conversation":{"id":"c"}}}"#,
            "c",
        ),
        (
            r#"{"id":"e","event":"message.pin","organization":"o","data":{"message":{"id":"m","conversation":"c"}}}"#,
            "c",
        ),
        (
            r#"{"id":"e","event":"message.update","organization":"o","data":{"conversation":{"id":"c"}}}"#,
            "c",
        ),
        (
            r#"{"id":"e","event":"contact.delete","organization":"o","data":{"contact":{"id":"k"}}}"#,
            "unmapped",
        ),
        (
            r#"{"id":"e","event":"contact.create","organization":"o","data":[]}"#,
            "unmapped",
        ),
        (r#"{"id":"e","event":"nonsense","organization":"o"}"#, "unmapped"),
    ] {
        let event = one(Platform::Web1on1, body);
        assert_eq!(event.data.event_type().as_str(), "unmapped", "{body}");
        assert_eq!(event.ordering_key, key, "{body}");
        assert_eq!(event.account.as_deref(), Some("o"), "{body}");
        assert!(matches!(&event.raw, Raw::Json(raw) if raw == body), "{body}");
    }
}

#[test]
fn what_services_and_users_log_in_with_is_not_kept() {
    let event = one(
        Platform::Web1on1,
        r#"{"id":"e","event":"service.update","data":{"service":{"id":"s","status":"active","params":{"jid":"j","password":"p1","secret":"p2"}}}}"#,
    );
    assert!(
        matches!(&event.raw, Raw::Json(raw) if raw.contains(r#"{"jid":"j","password":null,"secret":null}"#)),
        "{event:?}"
    );
    let event = one(
        Platform::Web1on1,
        r#"{"id":"e","event":"user.update","data":{"user":{"apiToken":"p3"}}}"#,
    );
    assert!(matches!(&event.raw, Raw::Json(raw) if !raw.contains("p3")), "{event:?}");
}

fn message(body: &str) -> Message<'_> {
    match one(Platform::Web1on1, body).data {
        Data::MessageCreated(message) | Data::MessageUpdated(message) => message,
        other => panic!("a message: {other:?}"),
    }
}

#[test]
fn a_closing_and_the_reopening_are_two_events_though_both_show_the_last_state() {
    let (closing, reopening) = (
        "conversation.update.flip.1_closed.json",
        "conversation.update.flip.2_active.json",
    );
    all_differ(Platform::Web1on1, &[closing, reopening]);
    let id = |body: &str| id_of(&one(Platform::Web1on1, body));
    let closing = sample(Platform::Web1on1, closing);
    let (_, time) = id(&closing);
    assert_eq!(
        time.as_deref(),
        Some("2026-03-10T13:50:00.100Z"),
        "not the later change's"
    );

    // A retry may show a later state; it has the event's id and moment.
    let retry = closing
        .replace("13:50:00.300", "13:59:00.000")
        .replace(r#""status": "active""#, r#""status": "closed""#);
    assert_ne!(closing, retry);
    assert_eq!(id(&closing), id(&retry));

    // Without the id it is what the activity was about, and when.
    let without = |body: &str| body.replacen(r#""id": "0b0c"#, r#""was": "0b0c"#, 1);
    assert_eq!(id(&without(&closing)), id(&without(&retry)));
    assert_ne!(id(&without(&closing)), id(&closing), "there was an id");
    let reopening = sample(Platform::Web1on1, reopening);
    assert_ne!(id(&without(&closing)), id(&without(&reopening)));
}

#[test]
fn what_was_chosen_or_filled_in_has_its_id_or_its_field() {
    let pressed = sample(Platform::Web1on1, "message.create.contact.postback.json");
    let pressed = message(&pressed);
    assert_eq!(pressed.text.as_deref(), Some("Yes"));
    let answer = pressed.answer.expect("an answer");
    assert_eq!(
        (answer.id.as_deref(), answer.title.as_deref()),
        (Some("yes"), Some("Yes"))
    );

    let field = sample(Platform::Web1on1, "message.create.contact.field.json");
    let field = message(&field);
    assert_eq!(field.text.as_deref(), Some(".model T"));
    let values = field.answer.expect("an answer").values;
    assert_eq!(values.get("model").map(|value| &**value), Some("T"));

    let plain = sample(Platform::Web1on1, "message.create.contact.chat.json");
    assert_eq!(message(&plain).answer, None);
}

#[test]
fn a_card_without_text_says_what_it_shows() {
    let card = sample(Platform::Web1on1, "message.create.contact.card.items.json");
    let card = message(&card);
    assert_eq!(card.text.as_deref(), Some("Hatch azul\nSedã preto"));
    let pictures: Vec<_> = card.attachments.iter().filter_map(|file| file.url.as_deref()).collect();
    assert_eq!(
        pictures,
        [
            "https://media.example.com/hatch.jpg",
            "https://media.example.com/seda.jpg"
        ]
    );
}

#[test]
fn the_touchpoint_is_the_channel_in_common_words() {
    for (touchpoint, expected) in [
        ("web", "web"),
        ("whatsapp", "whatsapp"),
        ("messenger", "facebook"),
        ("instagram", "instagram"),
        ("sms", "sms"),
        ("email", "email"),
        ("GBM", "gbm"),
    ] {
        let body = said(
            "message.create.contact.chat",
            &format!(r#""role":"contact","text":"x","touchpoint":"{touchpoint}""#),
        );
        let conversation = message(&body).conversation;
        assert_eq!(conversation.channel.as_deref(), Some(expected), "{touchpoint}");
        assert_eq!(conversation.channel_id, None, "{touchpoint}");
    }
}

#[test]
fn a_telephone_needs_its_country_and_a_writer_without_a_user_has_a_kind() {
    for (telephone, expected) in [
        ("+31 20 987 6543", Some("+31209876543")),
        ("0031209876543", Some("+31209876543")),
        ("06 12345678", None),
        ("612345678", None),
    ] {
        let body = format!(
            r#"{{"id":"e","event":"contact.update","data":{{"contact":{{"id":"k","profile":{{"telephone":"{telephone}"}}}}}}}}"#
        );
        let Data::ContactUpdated(contact) = one(Platform::Web1on1, &body).data else {
            panic!("a contact")
        };
        assert_eq!(contact.phone.as_deref(), expected, "{telephone}");
    }
    let status = sample(Platform::Web1on1, "message.create.contact.status.json");
    assert_eq!(message(&status).from, Some(Party::unnamed(PartyKind::Bot)));
}
