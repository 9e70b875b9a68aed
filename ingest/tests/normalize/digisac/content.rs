//! What a message says: people, channels, answers, notices and reactions.

use schemas::data::{Data, DeliveryStatus, Direction, Party, PartyKind};
use schemas::platform::Platform;

use super::{message, said};
use crate::{one, sample};

#[test]
fn a_number_is_a_phone_only_of_a_person_who_has_one() {
    for (fields, expected) in [
        (r#""data":{"number":"5511900000001"}"#, Some("+5511900000001")),
        (r#""data":{"number":"+55 11 90000-0001"}"#, Some("+5511900000001")),
        (
            r#""data":{"number":5511900000001},"idFromService":"5511900000001""#,
            Some("+5511900000001"),
        ),
        (
            r#""data":{"number":"5511900000001"},"idFromService":"5511900000001@c.us""#,
            Some("+5511900000001"),
        ),
        (
            r#""data":{"number":"5511900000001"},"idFromService":"5511900000001","service":{"type":"whatsapp-business"}"#,
            Some("+5511900000001"),
        ),
        // The number of a person who is known by another id.
        (
            r#""data":{"number":"5511900000001"},"idFromService":"271000000000002@lid""#,
            Some("+5511900000001"),
        ),
        (
            r#""data":{"number":"5511900000001"},"idFromService":"700000001","service":{"type":"telegram"}"#,
            Some("+5511900000001"),
        ),
        (
            r#""data":{"number":"271000000000002"},"idFromService":"271000000000002@lid""#,
            None,
        ),
        (
            r#""data":{"number":"700000001"},"idFromService":"700000001","service":{"type":"telegram"}"#,
            None,
        ),
        (
            r#""data":{"number":"17841400000001"},"idFromService":"17841400000001","service":{"type":"instagram"}"#,
            None,
        ),
        (r#""data":{"number":"120363000000000001"},"isGroup":true"#, None),
        (r#""data":{"number":"551190000000"},"isGroup":true"#, None),
        (
            r#""data":{"number":"551190000000-1400000000"},"idFromService":"551190000000-1400000000@g.us""#,
            None,
        ),
        (r#""data":{"number":""}"#, None),
        (r#""data":{"webchat":{}}"#, None),
    ] {
        let body = format!(r#"{{"event":"contact.updated","data":{{"id":"c",{fields}}}}}"#);
        let Data::ContactUpdated(contact) = one(Platform::Digisac, &body).data else {
            panic!("a contact")
        };
        assert_eq!(contact.phone.as_deref(), expected, "{fields}");
    }
}

#[test]
fn the_channel_is_the_connections_kind_in_common_words() {
    for (kind, expected) in [
        ("whatsapp", "whatsapp"),
        ("whatsapp-remote", "whatsapp"),
        ("whatsapp-business", "whatsapp"),
        ("telegram", "telegram"),
        ("facebook-messenger", "facebook"),
        ("instagram", "instagram"),
        ("sms-wavy", "sms"),
        ("email", "email"),
        ("webchat", "web"),
        ("Reclame-Aqui", "reclame-aqui"),
    ] {
        for service in [
            format!(r#""service":{{"type":"{kind}"}}"#),
            format!(r#""contact":{{"id":"c","service":{{"type":"{kind}"}}}}"#),
        ] {
            let body = format!(r#"{{"event":"message.created","data":{{"id":"m","contactId":"c",{service}}}}}"#);
            assert_eq!(said(&body).conversation.channel.as_deref(), Some(expected), "{service}");
            let body = format!(r#"{{"event":"ticket.updated","data":{{"id":"t","contactId":"c",{service}}}}}"#);
            let Data::TicketUpdated(ticket) = one(Platform::Digisac, &body).data else {
                panic!("a ticket")
            };
            assert_eq!(ticket.channel.as_deref(), Some(expected), "{service}");
        }
    }
}

#[test]
fn an_address_of_whatsapps_says_the_channel_too() {
    for (address, expected) in [
        ("5511900000001@c.us", Some("whatsapp")),
        ("120363000000000001@g.us", Some("whatsapp")),
        ("271000000000002@lid", Some("whatsapp")),
        ("ana@example.com", None),
        ("700000001", None),
    ] {
        let body = format!(
            r#"{{"event":"message.created","data":{{"id":"m","contactId":"c","contact":{{"id":"c","idFromService":"{address}"}}}}}}"#
        );
        let conversation = said(&body).conversation;
        assert_eq!(conversation.channel.as_deref(), expected, "{address}");
        assert_eq!(conversation.external_id.as_deref(), Some(address));
    }
}

#[test]
fn people_whom_the_body_has_are_named_and_references_can_be_followed() {
    let body = message("message.created.with_people.json");
    let said = said(&body);
    let to = said.to.expect("the customer");
    assert_eq!(
        (to.id.as_deref(), to.name.as_deref(), to.phone.as_deref()),
        (
            Some("8f1d2b7a-4c1e-4f0a-9a53-2f7c0d9e3001"),
            Some("Ana Exemplo"),
            Some("+5511900000001")
        )
    );
    assert_eq!(said.from.and_then(|from| from.name).as_deref(), Some("Agente Um"));
    assert_eq!(
        said.external_id.as_deref(),
        Some("true_5511900000001@c.us_3EB0DESK00000000A001")
    );
    let quoted = said.quoted.expect("a quote");
    let original = message("message.created.full.json");
    assert_eq!(quoted.id, Some(self::said(&original).id), "the form of message.id");
    assert_eq!(
        quoted.external_id.as_deref(),
        Some("false_5511900000001@c.us_3EB0DESK00000000A000")
    );

    let group = message("message.created.group.with_people.json");
    let group = self::said(&group);
    assert_eq!(
        group.conversation.external_id.as_deref(),
        Some("120363000000000001@g.us")
    );
    assert_eq!(
        (
            group.conversation.group,
            group.from.and_then(|from| from.name).as_deref()
        ),
        (Some(true), Some("Ana Exemplo"))
    );
}

#[test]
fn what_a_message_offers_and_what_was_chosen_is_reported() {
    let chosen = message("message.created.list_reply.json");
    let chosen = said(&chosen);
    assert_eq!(chosen.text.as_deref(), Some("Suco"));
    let answer = chosen.answer.expect("an answer");
    assert_eq!(
        (answer.id.as_deref(), answer.title.as_deref()),
        (Some("suco-300"), Some("Suco"))
    );

    let offered = message("message.created.buttons.json");
    let offered = said(&offered);
    assert_eq!(
        offered.text.as_deref(),
        Some("Agenda\nConfirma o horário?\nResponda até as 18h")
    );
    assert_eq!(offered.answer, None);

    let typed = r#"{"event":"message.created","data":{"id":"m","contactId":"c","text":"sim","data":{"interactive":{"button_reply":{"id":"y"}}}}}"#;
    let typed = said(typed);
    assert_eq!(typed.text.as_deref(), Some("sim"), "the words as they were shown");
    assert_eq!(typed.answer.and_then(|answer| answer.id).as_deref(), Some("y"));
}

#[test]
fn who_wrote_ours_is_named_at_least_by_kind() {
    for (fields, kind, id) in [
        (r#""userId":"u""#, Some(PartyKind::Agent), Some("u")),
        (r#""isFromBot":true,"botId":"b""#, Some(PartyKind::Bot), Some("b")),
        (r#""isFromBot":true"#, Some(PartyKind::Bot), None),
        (r#""origin":"bot","userId":"u""#, Some(PartyKind::Bot), None),
        (r#""isFromBot":false"#, Some(PartyKind::Agent), None),
        (r#""isFromBot":false,"origin":"user""#, Some(PartyKind::Agent), None),
        (r#""isFromBot":false,"origin":"campaign""#, None, None),
        (r#""type":"ticket""#, Some(PartyKind::System), None),
    ] {
        let body =
            format!(r#"{{"event":"message.created","data":{{"id":"m","contactId":"c","isFromMe":true,{fields}}}}}"#);
        let from = said(&body).from.unwrap_or_default();
        assert_eq!((from.kind, from.id.as_deref()), (kind, id), "{fields}");
    }
}

#[test]
fn a_notice_of_digisac_is_from_neither_party_and_a_transfer_is_one() {
    let transferred = message("message.created.transfer_notice.json");
    let event = one(Platform::Digisac, &transferred);
    let Data::TicketTransferred(ticket) = &event.data else {
        panic!("a transfer: {event:?}")
    };
    assert_eq!(ticket.id, "8f1d2b7a-4c1e-4f0a-9a53-2f7c0d9e4001");
    assert_eq!(
        ticket.department.as_deref(),
        Some("8f1d2b7a-4c1e-4f0a-9a53-2f7c0d9e5002")
    );
    assert_eq!(event.ordering_key, ticket.id);
    assert_eq!(event.subject.as_deref(), Some(&*ticket.id));

    let closed = message("message.created.close_notice.json");
    let closed = said(&closed);
    assert_eq!(closed.kind.as_deref(), Some("system"));
    assert_eq!((closed.direction, closed.internal), (Direction::Outbound, true));
    assert_eq!(
        (closed.from, closed.to),
        (Some(Party::unnamed(PartyKind::System)), None)
    );
}

#[test]
fn the_file_of_our_own_message_is_not_lost_to_its_acknowledgement() {
    let body = message("message.updated.file_of_ours.json");
    let brought = said(&body);
    assert_eq!(
        brought.attachments.first().and_then(|file| file.name.as_deref()),
        Some("fatura.pdf")
    );
    assert_eq!(brought.status, Some(DeliveryStatus::Sent));
    let read = body.replace(r#""ack": 1"#, r#""ack": 3"#);
    assert_ne!(body, read);
    assert_eq!(
        one(Platform::Digisac, &read).data.event_type().as_str(),
        "message.status"
    );
}

#[test]
fn a_reaction_names_the_message_that_it_is_about() {
    let body = sample(Platform::Digisac, "message.created.full.json");
    let Data::MessageCreated(written) = one(Platform::Digisac, &body).data else {
        panic!("a message")
    };
    for (name, emoji) in [
        ("message.created.reaction", Some("❤️")),
        ("message.updated.reaction", Some("😂")),
        ("message.updated.reaction_removed", None),
    ] {
        let body = sample(Platform::Digisac, &format!("{name}.json"));
        let event = one(Platform::Digisac, &body);
        let Data::MessageReaction(reaction) = &event.data else {
            panic!("{name}: {:?}", event.data)
        };
        assert_eq!(reaction.id, written.id, "{name}");
        assert_eq!(reaction.emoji.as_deref(), emoji, "{name}");
        assert_eq!(reaction.direction, Direction::Inbound, "{name}");
        let from = reaction.from.as_ref().and_then(|from| from.id.as_deref());
        assert_eq!(from, Some("8f1d2b7a-4c1e-4f0a-9a53-2f7c0d9e3001"), "{name}");
    }
    let removed = sample(Platform::Digisac, "message.updated.reaction_removed.json");
    let deleted = removed.replace("message.updated", "message.deleted");
    let (first, second) = (one(Platform::Digisac, &removed), one(Platform::Digisac, &deleted));
    assert_eq!((first.identity, first.time), (second.identity, second.time));
}

#[test]
fn what_was_filled_into_a_form_is_the_answer() {
    let body = sample(Platform::Digisac, "message.created.form_reply.json");
    let Data::MessageCreated(message) = one(Platform::Digisac, &body).data else {
        panic!("a message")
    };
    assert_eq!(message.text.as_deref(), Some("Enviado"));
    let answer = message.answer.expect("an answer");
    let values: Vec<_> = answer.values.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        values,
        [("flow_token", "x1"), ("itens", r#"["pão","café"]"#), ("nota", "9")]
    );
}
