//! Zendesk: what changed stands in the event, what a comment got later, and over which network a ticket came.

use schemas::data::{Data, Direction, Message, Party, PartyKind, TicketStatus};
use schemas::platform::Platform;

use crate::{all_differ, id_of, one, sample};

fn message(body: &str) -> Message<'_> {
    match one(Platform::Zendesk, body).data {
        Data::MessageCreated(message) | Data::MessageUpdated(message) => message,
        other => panic!("a message: {other:?}"),
    }
}

fn comment(name: &str, comment: &str) -> String {
    format!(
        r#"{{"type":"zen:event-type:ticket.{name}","id":"e1","subject":"zen:ticket:12","detail":{{"id":"12","requester_id":"7"}},
            "event":{{"comment":{comment}}}}}"#
    )
}

#[test]
fn two_changes_of_one_status_are_two_events_that_say_what_each_changed() {
    let names = [
        "ticket.status_changed.flip.1_pending.json",
        "ticket.status_changed.flip.2_open.json",
    ];
    all_differ(Platform::Zendesk, &names);
    let expected = [
        (Some(TicketStatus::Pending), Some(TicketStatus::Open)),
        (Some(TicketStatus::Open), Some(TicketStatus::Pending)),
    ];
    for (name, expected) in names.into_iter().zip(expected) {
        let body = sample(Platform::Zendesk, name);
        let Data::TicketUpdated(ticket) = one(Platform::Zendesk, &body).data else {
            panic!("a ticket")
        };
        assert_eq!((ticket.status, ticket.previous_status), expected, "{name}");
    }
}

#[test]
fn who_got_a_ticket_is_as_the_event_says_not_as_the_ticket_stands() {
    let body = sample(Platform::Zendesk, "ticket.agent_assignment_changed.built_late.json");
    let Data::TicketTransferred(ticket) = one(Platform::Zendesk, &body).data else {
        panic!("a transfer")
    };
    assert_eq!(
        ticket.assignee.and_then(|agent| agent.id).as_deref(),
        Some("8447388090495")
    );
    let taken_away = body.replace(r#""current": "8447388090495""#, r#""current": null"#);
    assert_ne!(body, taken_away);
    let Data::TicketTransferred(ticket) = one(Platform::Zendesk, &taken_away).data else {
        panic!("a transfer")
    };
    assert_eq!(
        ticket.assignee, None,
        "no one, though the ticket shows an assignee again"
    );
}

#[test]
fn a_retry_shows_a_later_state_and_is_the_same_event() {
    let body = sample(Platform::Zendesk, "ticket.tags_changed.json");
    let retry = body.replace(r#""status": "OPEN""#, r#""status": "SOLVED""#);
    let retry = retry.replace(r#""status":"OPEN""#, r#""status":"SOLVED""#);
    assert_ne!(body, retry);
    assert_eq!(
        id_of(&one(Platform::Zendesk, &body)),
        id_of(&one(Platform::Zendesk, &retry))
    );
}

#[test]
fn a_file_that_comes_after_its_comment_is_an_update_of_it() {
    let written = sample(Platform::Zendesk, "ticket.comment_added.customer.json");
    let linked = sample(Platform::Zendesk, "ticket.attachment_linked_to_comment.json");
    assert_eq!(
        one(Platform::Zendesk, &linked).data.event_type().as_str(),
        "message.updated"
    );
    let (written, linked) = (message(&written), message(&linked));
    assert_eq!(linked.id, written.id);
    assert_eq!(linked.direction, Direction::Inbound);
    let file = linked.attachments.first().expect("a file");
    assert_eq!(
        (file.name.as_deref(), file.mime_type.as_deref(), file.url.as_deref()),
        (
            Some("tela.jpg"),
            Some("image/jpeg"),
            Some("https://exemplo.zendesk.com/attachments/token/aB3/?name=tela.jpg")
        )
    );
    let nothing = comment("attachment_linked_to_comment", r#"{"id":"1"}"#);
    assert_eq!(one(Platform::Zendesk, &nothing).data.event_type().as_str(), "unmapped");
}

#[test]
fn a_comment_that_becomes_a_note_is_an_update_of_it_where_its_author_is_named() {
    let author = r#""author":{"id":"5","is_staff":true}"#;
    for (name, fields, expected) in [
        (
            "comment_made_private",
            format!(r#"{{"id":"1",{author}}}"#),
            "message.updated",
        ),
        (
            "comment_redacted",
            format!(r#"{{"id":"1","body":"▇▇▇",{author}}}"#),
            "message.updated",
        ),
        ("comment_made_private", r#"{"id":"1"}"#.to_owned(), "ticket.updated"),
        ("comment_redacted", r#"{"id":"1"}"#.to_owned(), "ticket.updated"),
    ] {
        let body = comment(name, &fields);
        let event = one(Platform::Zendesk, &body);
        assert_eq!(event.data.event_type().as_str(), expected, "{name} {fields}");
        if let Data::MessageUpdated(message) = event.data {
            assert_eq!((&*message.id, message.direction), ("1", Direction::Outbound));
            assert_eq!(message.internal, name == "comment_made_private", "{name}");
        }
    }
}

#[test]
fn an_outbound_comment_is_to_the_requester_and_a_note_is_to_no_one() {
    for (public, expected) in [("true", Some("7")), ("false", None)] {
        let said = format!(r#"{{"id":"1","body":"x","is_public":{public},"author":{{"is_staff":true}}}}"#);
        let body = comment("comment_added", &said);
        let message = message(&body);
        assert_eq!(message.to.and_then(|to| to.id).as_deref(), expected, "{public}");
        assert_eq!(
            message.from,
            Some(Party::unnamed(PartyKind::Agent)),
            "whom it does not name"
        );
    }
}

#[test]
fn the_channel_is_zendesks_way_to_it_in_common_words() {
    for (via, expected) in [
        ("mail", "email"),
        ("web_form", "web"),
        ("web_widget", "web"),
        ("chat", "web"),
        ("web_service", "api"),
        ("whatsapp", "whatsapp"),
        ("telegram", "telegram"),
        ("line", "line"),
        ("twitter_dm", "twitter"),
        ("facebook_message", "facebook"),
        ("sunshine_conversations_facebook_messenger", "facebook"),
        ("instagram_dm", "instagram"),
        ("twilio_sms", "sms"),
        ("api_phone_call_inbound", "voice"),
        ("voicemail", "voice"),
        ("native_messaging", "native_messaging"),
        ("WECHAT", "wechat"),
    ] {
        let body = format!(
            r#"{{"type":"zen:event-type:ticket.created","id":"e1","detail":{{"id":"12","via":{{"channel":"{via}"}}}},"event":{{}}}}"#
        );
        let Data::TicketCreated(ticket) = one(Platform::Zendesk, &body).data else {
            panic!("a ticket")
        };
        assert_eq!(ticket.channel.as_deref(), Some(expected), "{via}");
    }
}

#[test]
fn a_number_that_a_user_got_is_reported() {
    for (kind, value, expected) in [
        ("phone_number", "+5511900000001", Some("+5511900000001")),
        ("PHONE_NUMBER", "+55 11 90000-0001", Some("+5511900000001")),
        ("phone_number", "11900000001", None),
        ("email", "+5511900000001", None),
    ] {
        let identity = format!(r#"{{"type":"{kind}","value":"{value}"}}"#);
        for (name, change) in [
            ("identity_created", format!(r#"{{"identity":{identity}}}"#)),
            ("identity_changed", format!(r#"{{"current":{identity}}}"#)),
        ] {
            let body =
                format!(r#"{{"type":"zen:event-type:user.{name}","id":"e1","detail":{{"id":"7"}},"event":{change}}}"#);
            let Data::ContactUpdated(contact) = one(Platform::Zendesk, &body).data else {
                panic!("a contact")
            };
            assert_eq!(contact.phone.as_deref(), expected, "{name} {identity}");
        }
    }
}

#[test]
fn what_zendesk_itself_writes_is_not_the_customers() {
    let body = comment(
        "comment_added",
        r#"{"id":"1","body":"oi","is_public":true,"author":{"id":"-1","is_staff":false}}"#,
    );
    let message = message(&body);
    assert_eq!(message.direction, Direction::Outbound);
    assert_eq!(message.from, Some(Party::new("-1".into(), PartyKind::System)));
}
