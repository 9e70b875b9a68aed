//! Twilio's forms: what distinguishes them, and what they put up with.

use std::fmt::Write as _;

use schemas::data::Data;
use schemas::event::Raw;
use schemas::platform::Platform;
use serde_json::{Value, json};

use crate::{events, one, sample};

fn described(body: &str) -> String {
    let event = one(Platform::Twilio, body);
    format!("{} {}", event.data.event_type(), event.ordering_key)
}

#[test]
fn another_attempt_is_the_same_event_and_another_change_is_not() {
    for name in [
        "conversations.onMessageAdded.form",
        "conversations.onMessageUpdated.form",
        "conversations.onConversationUpdated.form",
        "conversations.onConversationStateUpdated.form",
        "conversations.onParticipantRemoved.form",
        "conversations.onDeliveryUpdated.form",
    ] {
        let body = sample(Platform::Twilio, name);
        let again = body.replace("RetryCount=0", "RetryCount=2");
        assert_ne!(body, again, "{name}");
        let turned: Vec<&str> = again.split('&').rev().collect();
        let turned = turned.join("&");
        let first = one(Platform::Twilio, &body);
        for other in [&again, &turned] {
            let other = one(Platform::Twilio, other);
            assert_eq!(first.identity, other.identity, "{name}");
            assert_eq!(first.time, other.time, "{name}");
            assert_eq!(first.data, other.data, "{name}");
        }
    }
    for (name, from, to) in [
        ("conversations.onMessageUpdated.form", "boa+tarde", "boa+noite"),
        ("conversations.onMessageAdded.form", "MessageSid=IM", "MessageSid=IN"),
        (
            "conversations.onConversationStateUpdated.form",
            "StateTo=inactive",
            "StateTo=active",
        ),
        (
            "conversations.onParticipantRemoved.form",
            "ParticipantSid=MB",
            "ParticipantSid=MC",
        ),
        (
            "conversations.onDeliveryUpdated.form",
            "Status=delivered",
            "Status=read",
        ),
        ("status.sent.form", "MessageStatus=sent", "MessageStatus=delivered"),
    ] {
        let body = sample(Platform::Twilio, name);
        let other = body.replace(from, to);
        assert_ne!(body, other, "{name}");
        let (first, second) = (one(Platform::Twilio, &body), one(Platform::Twilio, &other));
        assert_ne!(first.identity, second.identity, "{name}");
    }
}

#[test]
fn a_form_is_what_its_members_say() {
    for (body, expected) in [
        ("MessageSid=SM1&From=%2B1&To=%2B2", "message.created +2/+1"),
        ("SmsSid=SM1&From=%2B1&SmsStatus=received", "message.created +1"),
        ("MessageSid=SM1&From=1&MessagingServiceSid=MG1", "message.created MG1/1"),
        (
            "MessageSid=SM1&From=1&To=2&MessageStatus=received",
            "message.created 2/1",
        ),
        ("MessageSid=SM1&From=1&To=2&MessageStatus=sent", "message.status 1/2"),
        ("SmsSid=SM1&From=1&To=2&SmsStatus=sent", "message.status 1/2"),
        ("MessageSid=SM1&To=2&MessageStatus=accepted", "message.status 2"),
        (
            "MessageSid=SM1&To=2&From=1&MessageStatus=read&EventType=READ",
            "message.status 1/2",
        ),
        (
            "MessageSid=SM1&To=2&From=1&MessageStatus=new&AccountSid=AC1",
            "unmapped 1/2",
        ),
        ("MessageSid=SM1&MessageStatus=sent&AccountSid=AC1", "unmapped unmapped"),
        ("MessageSid=SM1&AccountSid=AC1", "unmapped unmapped"),
        ("EventType=onMessageAdded&ConversationSid=CH1", "unmapped CH1"),
        ("EventType=onMessageAdded&MessageSid=IM1", "unmapped unmapped"),
        ("EventType=onMessageRemoved&ConversationSid=CH1", "unmapped CH1"),
        ("EventType=onParticipantAdded&ConversationSid=CH1", "unmapped CH1"),
        (
            "EventType=onDeliveryUpdated&ConversationSid=CH1&MessageSid=IM1&Status=x",
            "unmapped CH1",
        ),
        (
            "EventType=onMessageAdded&ConversationSid=CH1&MessageSid=IM1&Media=%5B%7B",
            "message.created CH1",
        ),
        (
            "EventType=onMessageAdded&ConversationSid=CH1&MessageSid=IM1&Media=7",
            "message.created CH1",
        ),
        (
            "EventType=onConversationStateUpdated&ConversationSid=CH1&StateTo=closed",
            "ticket.closed CH1",
        ),
        (
            "EventType=onConversationStateUpdated&ConversationSid=CH1&State=closed",
            "ticket.closed CH1",
        ),
        (
            "EventType=onConversationStateUpdated&ConversationSid=CH1&StateTo=x",
            "ticket.updated CH1",
        ),
        (
            "EventType=onConversationUpdated&ConversationSid=CH1&State=closed",
            "ticket.updated CH1",
        ),
        ("&&=&%zz=%ff&MessageSid=SM1&From=1", "message.created 1"),
        ("x=1", "unmapped unmapped"),
    ] {
        assert_eq!(described(body), expected, "{body}");
        let event = one(Platform::Twilio, body);
        assert!(
            matches!(&event.raw, Raw::Bytes(raw) if **raw == *body.as_bytes()),
            "{body}"
        );
    }
}

#[test]
fn who_wrote_in_a_conversation_decides_the_direction() {
    for (author, expected) in [
        (
            "Author=whatsapp%3A%2B5511900000001&Source=WHATSAPP",
            "Inbound Some(Contact)",
        ),
        ("Author=%2B5511900000001&Source=SMS", "Inbound Some(Contact)"),
        ("Author=%2B5511900000001", "Inbound Some(Contact)"),
        ("Author=bia&Source=SDK", "Outbound Some(Agent)"),
        ("Author=bia", "Outbound Some(Agent)"),
        ("Author=%2B551130000000&Source=API", "Outbound Some(Bot)"),
        ("Author=system&Source=API", "Outbound Some(System)"),
    ] {
        let body = format!("EventType=onMessageAdded&ConversationSid=CH1&MessageSid=IM1&{author}");
        let Data::MessageCreated(message) = one(Platform::Twilio, &body).data else {
            panic!("a message: {author}")
        };
        let kind = message.from.and_then(|from| from.kind);
        assert_eq!(format!("{:?} {kind:?}", message.direction), expected, "{author}");
    }
}

#[test]
fn a_form_of_a_hundred_thousand_files_is_read_in_one_go() {
    let mut body = "MessageSid=SM1&From=1&NumMedia=100000".to_owned();
    for n in 0..100_000 {
        write!(body, "&MediaUrl{n}=u").expect("a string");
    }
    let Data::MessageCreated(message) = one(Platform::Twilio, &body).data else {
        panic!("a message")
    };
    assert_eq!(message.attachments.len(), 10, "Twilio sends ten at the most");
}

#[test]
fn each_streamed_event_is_its_own_and_what_is_none_is_kept() {
    let body = r#"[{"type":"a.b","id":1},{"type":"message.created","id":"2","source":"s"},{"type":"a b","id":3},{"id":4},null,[]]"#;
    let events = events(Platform::Twilio, body.as_bytes());
    let described: Vec<_> = events
        .iter()
        .map(|event| format!("{} {}", event.data.event_type(), event.ordering_key))
        .collect();
    assert_eq!(
        described,
        [
            "twilio.a.b 1",
            "twilio.message.created s",
            "unmapped unmapped",
            "unmapped unmapped",
            "unmapped unmapped",
            "unmapped unmapped",
        ]
    );
    assert!(matches!(&events[0].raw, Raw::Json(raw) if raw == r#"{"type":"a.b","id":1}"#));
    for body in ["[]", "null", "7", "{}", r#""x""#] {
        let event = one(Platform::Twilio, body);
        assert_eq!(event.data.event_type().as_str(), "unmapped", "{body}");
        assert!(matches!(&event.raw, Raw::Json(raw) if raw == body), "{body}");
    }
}

/// The normalized part of a sample's event.
fn said(name: &str) -> Value {
    let body = sample(Platform::Twilio, &format!("{name}.form"));
    let (_, json) = one(Platform::Twilio, &body).data.to_member().expect("a member");
    serde_json::from_str(&json).expect("JSON")
}

#[test]
fn what_a_customer_chose_has_the_id_that_the_bot_gave_it() {
    for (name, text, answer) in [
        (
            "message.whatsapp.button",
            "Sim, quero",
            json!({"id": "sim-quero", "title": "Sim, quero"}),
        ),
        (
            "message.whatsapp.list",
            "Suco",
            json!({"id": "suco-1", "title": "Suco"}),
        ),
        (
            "message.whatsapp.flow",
            "Enviado",
            json!({"values": {"nota": "9", "itens": r#"["a","b"]"#}}),
        ),
        ("message.rcs.button", "Sim", json!({"id": "sim-quero", "title": "Sim"})),
        ("message.sms", "Olá, tudo bem? 1+1=2 & mais", json!(null)),
    ] {
        let message = said(name);
        assert_eq!(
            (&message["text"], &message["answer"]),
            (&json!(text), &answer),
            "{name}"
        );
    }
}

#[test]
fn an_address_says_the_network_and_a_number_only_where_it_has_one() {
    for (name, channel, phone) in [
        ("message.sms", "sms", json!("+5511900000001")),
        ("message.mms", "sms", json!("+5511900000001")),
        ("message.whatsapp.text", "whatsapp", json!("+5511900000001")),
        ("message.messenger", "facebook", json!(null)),
        ("message.rcs.button", "rcs", json!("+5511900000001")),
        ("conversations.onMessageAdded", "whatsapp", json!("+5511900000001")),
        ("conversations.onMessageAdded.media", "sms", json!("+5511900000001")),
        ("conversations.onMessageAdded.messenger", "facebook", json!(null)),
    ] {
        let message = said(name);
        assert_eq!(message["conversation"]["channel"], channel, "{name}");
        assert_eq!(message["from"]["phone"], phone, "{name}");
    }
    for name in ["conversations.onMessageAdded.agent", "conversations.onMessageAdded.api"] {
        assert_eq!(said(name)["conversation"]["channel"], json!(null), "{name}");
    }
    assert_eq!(said("status.read")["conversation"]["channel"], "whatsapp");
    assert_eq!(said("status.sent")["conversation"]["channel"], "sms");
    assert_eq!(said("conversations.onConversationAdded")["channel"], "whatsapp");
}

#[test]
fn a_message_and_a_person_can_be_found_on_both_sides() {
    assert_eq!(
        said("conversations.onDeliveryUpdated")["external_id"],
        "SM00000000000000000000000000000003"
    );
    let participant = said("conversations.onParticipantAdded")["participants"][0].clone();
    let author = said("conversations.onMessageAdded")["from"].clone();
    let recipient = said("conversations.onDeliveryUpdated")["recipient"]["id"].clone();
    assert_eq!(participant["id"], author["id"]);
    assert_eq!(
        (&participant["alternate_id"], &author["alternate_id"]),
        (&recipient, &recipient)
    );
    assert_eq!(
        said("message.whatsapp.text")["from"]["alternate_id"],
        "5511900000001",
        "as WhatsApp calls them"
    );
    assert_eq!(said("conversations.onMessageRemoved")["by"]["id"], "bia");
}

#[test]
fn state_that_is_shown_is_no_part_of_what_happened() {
    for (name, from, to) in [
        ("conversations.onMessageUpdated", "Index=0", "Index=1"),
        ("conversations.onMessageUpdated", "DateCreated=2026", "DateCreated=2025"),
        (
            "conversations.onConversationUpdated",
            "DateCreated=2026",
            "DateCreated=2025",
        ),
        (
            "conversations.onConversationStateUpdated",
            "DateCreated=2026",
            "DateCreated=2025",
        ),
        ("conversations.onDeliveryUpdated", "ErrorCode=0", "ErrorCode=7"),
        (
            "conversations.onDeliveryUpdated",
            "ChannelMessageSid=SM",
            "ChannelMessageSid=SN",
        ),
        ("conversations.onConversationRemoved", "RetryCount=0", "RetryCount=1"),
        ("conversations.onParticipantUpdated", "RetryCount=0", "RetryCount=1"),
        ("conversations.onMessageAdd", "RetryCount=0", "RetryCount=1"),
    ] {
        let body = sample(Platform::Twilio, &format!("{name}.form"));
        let other = body.replace(from, to);
        assert_ne!(body, other, "{name} {from}");
        let (first, second) = (one(Platform::Twilio, &body), one(Platform::Twilio, &other));
        assert_eq!(
            (&first.identity, first.time),
            (&second.identity, second.time),
            "{name} {from}"
        );
    }
    let update = |said: &str, at: &str| {
        let body = sample(Platform::Twilio, "conversations.onMessageUpdated.form");
        let body = body.replace("boa+tarde", said).replace("13%3A40%3A00.000Z", at);
        let event = one(Platform::Twilio, &body);
        (event.identity.join("/"), event.time)
    };
    let first = update("boa+noite", "13%3A41%3A00.000Z");
    assert_ne!(first, update("boa+tarde", "13%3A42%3A00.000Z"));
    assert_ne!(
        first,
        update("boa+noite", "13%3A43%3A00.000Z"),
        "the same again after its undoing"
    );
}
