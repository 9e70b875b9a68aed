//! Channels, people and groups.

use schemas::data::{Data, PartyKind};
use schemas::platform::Platform;
use serde_json::json;

use super::{with_message, written};
use crate::{one, sample};

#[test]
fn the_network_has_one_word_whatever_the_inbox_is_called() {
    for (conversation, inbox, expected) in [
        (json!({"channel": "Channel::Whatsapp"}), json!({}), Some("whatsapp")),
        (json!({"channel": "Channel::WebWidget"}), json!({}), Some("web")),
        (json!({"channel": "Channel::FacebookPage"}), json!({}), Some("facebook")),
        (
            json!({"channel": "Channel::FacebookPage", "additional_attributes": {"type": "instagram_direct_message"}}),
            json!({}),
            Some("instagram"),
        ),
        (json!({"channel": "Channel::Instagram"}), json!({}), Some("instagram")),
        (json!({"channel": "Channel::Telegram"}), json!({}), Some("telegram")),
        (json!({"channel": "Channel::Line"}), json!({}), Some("line")),
        (json!({"channel": "Channel::Email"}), json!({}), Some("email")),
        (json!({"channel": "Channel::Sms"}), json!({}), Some("sms")),
        (
            json!({"channel": "Channel::TwilioSms"}),
            json!({"medium": "sms"}),
            Some("sms"),
        ),
        (
            json!({"channel": "Channel::TwilioSms"}),
            json!({"medium": "whatsapp"}),
            Some("whatsapp"),
        ),
        (
            json!({"channel": "Channel::TwilioSms", "contact_inbox": {"source_id": "whatsapp:+5511900000001"}}),
            json!({}),
            Some("whatsapp"),
        ),
        (
            json!({"channel": "Channel::TwilioSms", "contact_inbox": {"source_id": "+5511900000001"}}),
            json!({}),
            Some("sms"),
        ),
        (
            json!({"channel": "Channel::TwitterProfile"}),
            json!({}),
            Some("twitter"),
        ),
        (json!({"channel": "Channel::Voice"}), json!({}), Some("voice")),
        (json!({"channel": "Channel::Api"}), json!({}), Some("api")),
        (json!({"channel": "Channel::Tiktok"}), json!({}), Some("tiktok")),
        (
            json!({}),
            json!({"channel_type": "Channel::Whatsapp"}),
            Some("whatsapp"),
        ),
        (json!({"channel": null}), json!({}), None),
    ] {
        let mut chat = json!({"id": 128});
        chat.as_object_mut()
            .expect("an object")
            .extend(conversation.as_object().expect("an object").clone());
        let body = written(json!({"conversation": chat, "inbox": inbox}));
        with_message(&body, |message| {
            assert_eq!(message.conversation.channel.as_deref(), expected, "{body}");
        });
        let mut ticket = json!({"event": "conversation_created", "account": {"id": 3}, "inbox": inbox});
        ticket
            .as_object_mut()
            .expect("an object")
            .extend(chat.as_object().expect("an object").clone());
        let ticket = ticket.to_string();
        match one(Platform::Chatwoot, &ticket).data {
            Data::TicketCreated(created) => assert_eq!(created.channel.as_deref(), expected, "{ticket}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_phone_is_a_number_with_its_country_and_the_identifier_is_the_other_id() {
    for (phone, expected) in [
        (json!("+5511900000001"), Some("+5511900000001")),
        (json!("+55 (11) 90000-0001"), Some("+5511900000001")),
        (json!("11 90000-0001"), None),
        (json!("120363000000000001@g.us"), None),
        (json!("+120363000000000001"), None),
        (json!(""), None),
        (json!(null), None),
    ] {
        let person = json!({"id": 41, "phone_number": phone, "identifier": "271000000000001@lid"});
        let body = written(json!({"message_type": "incoming", "sender": person}));
        with_message(&body, |message| {
            let from = message.from.as_ref().expect("a person wrote it");
            assert_eq!(from.phone.as_deref(), expected, "{phone}");
            assert_eq!(from.alternate_id.as_deref(), Some("271000000000001@lid"), "{phone}");
        });
        let contact =
            json!({"event": "contact_created", "id": 41, "account": {"id": 3}, "phone_number": phone}).to_string();
        match one(Platform::Chatwoot, &contact).data {
            Data::ContactCreated(contact) => assert_eq!(contact.phone.as_deref(), expected, "{phone}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_group_has_whatsapps_id_too() {
    let identifier = |id: &str| json!({"meta": {"sender": {"id": 55, "identifier": id}}});
    let source_id = |id: &str| json!({"contact_inbox": {"source_id": id}});
    for (conversation, expected, group) in [
        (
            identifier("120363000000000001@g.us"),
            Some("120363000000000001@g.us"),
            Some(true),
        ),
        (
            source_id("120363000000000001@g.us"),
            Some("120363000000000001@g.us"),
            Some(true),
        ),
        (identifier("271000000000001@lid"), None, None),
        (source_id("5511900000001"), None, None),
    ] {
        let mut chat = json!({"id": 128});
        chat.as_object_mut()
            .expect("an object")
            .extend(conversation.as_object().expect("an object").clone());
        with_message(&written(json!({"conversation": chat})), |message| {
            assert_eq!(message.conversation.external_id.as_deref(), expected, "{chat}");
            assert_eq!(message.conversation.group, group, "{chat}");
        });
    }
    let body = sample(Platform::Chatwoot, "fazer_ai.message_created.group.json");
    let body = serde_json::from_str(&body).expect("a sample is JSON");
    with_message(&body, |message| {
        assert_eq!(
            message.conversation.external_id.as_deref(),
            Some("120363000000000001@g.us")
        );
    });
}

#[test]
fn an_author_without_a_name_is_still_something() {
    for (members, id, kind) in [
        (
            json!({"message_type": "outgoing", "sender": {"id": 7, "type": "user"}}),
            Some("7"),
            Some(PartyKind::Agent),
        ),
        (
            json!({"message_type": "outgoing", "sender": {"id": 3, "type": "agent_bot"}}),
            Some("3"),
            Some(PartyKind::Bot),
        ),
        (
            json!({"message_type": "template", "sender": null}),
            None,
            Some(PartyKind::System),
        ),
        (
            json!({"message_type": "outgoing", "sender": null, "content_attributes": {"automation_rule_id": 4}}),
            None,
            Some(PartyKind::System),
        ),
        (
            json!({"message_type": "outgoing", "sender": null, "content_attributes": {"external_echo": true}}),
            None,
            Some(PartyKind::Agent),
        ),
        (json!({"message_type": "outgoing", "sender": null}), None, None),
        (
            json!({"message_type": "incoming", "sender": {"id": 41}}),
            Some("41"),
            Some(PartyKind::Contact),
        ),
        (
            json!({"message_type": "incoming", "sender": null, "contact": {"id": 41}}),
            Some("41"),
            Some(PartyKind::Contact),
        ),
    ] {
        with_message(&written(members.clone()), |message| {
            let from = message.from.as_ref();
            assert_eq!(from.and_then(|from| from.id.as_deref()), id, "{members}");
            assert_eq!(from.and_then(|from| from.kind), kind, "{members}");
        });
    }
}
