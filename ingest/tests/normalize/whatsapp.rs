//! `WhatsApp`'s own message through every platform that passes it on: it says the same on all of them, and what says nothing is
//! never a message.

use ingest::normalize::NewEvent;
use schemas::data::{Data, Message};
use schemas::platform::Platform;

use crate::{one, sample};

/// A message in the body of each platform.
fn bodies(message: &str) -> Vec<(Platform, String)> {
    let of_library = format!(
        r#"{{"key":{{"remoteJid":"5511900000001@s.whatsapp.net","fromMe":false,"id":"A"}},"messageTimestamp":1773149810,"pushName":"Ana","message":{message}}}"#
    );
    let waha = |event: &str, data: &str| {
        format!(
            r#"{{"id":"evt_1","timestamp":1773149810500,"event":"{event}","session":"loja","me":{{"id":"5511900000009@c.us"}},"payload":{{"id":"false_5511900000001@c.us_A","timestamp":1773149810,"from":"5511900000001@c.us","fromMe":false,"body":null,"_data":{data}}}}}"#
        )
    };
    let gows = |member: &str| {
        format!(
            r#"{{"Info":{{"Chat":"5511900000001@s.whatsapp.net","ID":"A","PushName":"Ana"}},"{member}":{message}}}"#
        )
    };
    vec![
        (
            Platform::Baileys,
            format!(
                r#"{{"event":"messages.upsert","data":{{"messages":[{of_library}],"type":"notify"}},"webhookVerifyToken":"x"}}"#
            ),
        ),
        (
            Platform::Evolution,
            format!(r#"{{"event":"messages.upsert","instance":"loja","data":{of_library}}}"#),
        ),
        (
            Platform::Chatwoot,
            format!(
                r#"{{"event":"provider_event_received","inbox":{{"id":5}},"account":{{"id":3}},"provider_event":"messages.upsert","provider_event_data":{{"messages":[{of_library}],"type":"notify"}}}}"#
            ),
        ),
        (Platform::Waha, waha("message", &of_library)),
        (Platform::Waha, waha("message.any", &gows("Message"))),
        (Platform::Waha, waha("message.any", &gows("RawMessage"))),
    ]
}

const PLAIN: &str = r#"{"conversation":"x"}"#;

pub(crate) fn message_of<'e>(event: &'e NewEvent<'_>) -> &'e Message<'e> {
    match &event.data {
        Data::MessageCreated(message) | Data::MessageUpdated(message) => message,
        other => panic!("{other:?}"),
    }
}

fn described(message: &Message<'_>) -> String {
    let quoted = message.quoted.as_ref().map(|quoted| &quoted.text);
    let files = message
        .attachments
        .iter()
        .map(|file| (&file.kind, &file.mime_type, &file.name, file.size_bytes));
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        message.kind,
        message.text,
        message.answer,
        quoted,
        files.collect::<Vec<_>>()
    )
}

#[test]
fn a_content_says_the_same_on_every_platform() {
    for (content, kind, text) in [
        (r#"{"conversation":"oi"}"#, "text", "oi"),
        (
            r#"{"ephemeralMessage":{"message":{"viewOnceMessageV2":{"message":{"imageMessage":{"mimetype":"image/jpeg","caption":"veja"}}}}}}"#,
            "image",
            "veja",
        ),
        (
            r#"{"documentWithCaptionMessage":{"message":{"documentMessage":{"mimetype":"application/pdf","fileName":"a.pdf","caption":"leia"}}}}"#,
            "document",
            "leia",
        ),
        (
            r#"{"listResponseMessage":{"title":"Suco","singleSelectReply":{"selectedRowId":"s"},"contextInfo":{"stanzaId":"B","quotedMessage":{"listMessage":{"title":"Cardápio","description":"Escolha"}}}}}"#,
            "listResponse",
            "Suco",
        ),
        (
            r#"{"templateMessage":{"hydratedTemplate":{"hydratedContentText":"pronto","hydratedFooterText":"Loja","imageMessage":{"mimetype":"image/png"}}}}"#,
            "template",
            "pronto",
        ),
        (
            r#"{"interactiveResponseMessage":{"body":{"text":"Enviado"},"nativeFlowResponseMessage":{"name":"flow","paramsJson":"{\"nome\":\"Ana\"}"}}}"#,
            "interactiveResponse",
            "Enviado",
        ),
        (
            r#"{"contactMessage":{"displayName":"Bia","vcard":"BEGIN:VCARD\nFN:Bia Exemplo\nEND:VCARD"}}"#,
            "contact",
            "Bia",
        ),
        (r#"{"pollCreationMessageV3":{"name":"Qual dia?"}}"#, "poll", "Qual dia?"),
        (r#"{"marketplaceMessage":{"text":"à venda"}}"#, "marketplace", "à venda"),
    ] {
        let mut first = None;
        for (platform, body) in bodies(content) {
            let event = one(platform, &body);
            assert_eq!(event.data.event_type().as_str(), "message.created", "{body}");
            let message = message_of(&event);
            assert_eq!(
                (message.kind.as_deref(), message.text.as_deref()),
                (Some(kind), Some(text)),
                "{body}"
            );
            let said = described(message);
            assert_eq!(*first.get_or_insert_with(|| said.clone()), said, "{body}");
        }
    }
}

#[test]
fn what_says_nothing_is_never_a_message_and_stays_in_the_order_of_its_chat() {
    for notice in [
        r#"{"albumMessage":{"expectedImageCount":2}}"#,
        r#"{"pinInChatMessage":{"key":{"id":"B"},"type":1}}"#,
        r#"{"keepInChatMessage":{"key":{"id":"B"},"keepType":1}}"#,
        r#"{"pollUpdateMessage":{"pollCreationMessageKey":{"id":"B"},"vote":{"encPayload":"AA=="}}}"#,
        r#"{"messageHistoryNotice":{"messageHistoryMetadata":{}}}"#,
        r#"{"messageHistoryBundle":{"mimetype":"application/x","directPath":"/x"}}"#,
        r#"{"senderKeyDistributionMessage":{"groupId":"1@g.us"}}"#,
        r#"{"messageContextInfo":{"deviceListMetadataVersion":2}}"#,
        r#"{"encReactionMessage":{"targetMessageKey":{"id":"B"}}}"#,
        r#"{"placeholderMessage":{"type":"MASK_LINKED_DEVICES"}}"#,
        r#"{"protocolMessage":{"type":"EPHEMERAL_SETTING","key":{"id":"B"},"ephemeralExpiration":86400}}"#,
        r#"{"protocolMessage":{"type":"PEER_DATA_OPERATION_REQUEST_MESSAGE"}}"#,
        r#"{"statusMentionMessage":{"message":{"protocolMessage":{"type":"STATUS_MENTION_MESSAGE","key":{"id":"B"}}}}}"#,
        r#"{"secretEncryptedMessage":{"targetMessageKey":{"id":"B"},"secretEncType":"MESSAGE_SCHEDULE"}}"#,
        r#"{"call":{"callKey":"ZXhlbXBsbw=="}}"#,
        r#"{"somethingNew":{"id":7}}"#,
    ] {
        for ((platform, body), (_, plain)) in bodies(notice).into_iter().zip(bodies(PLAIN)) {
            let event = one(platform, &body);
            assert_eq!(event.data.event_type().as_str(), "unmapped", "{body}");
            assert_eq!(event.ordering_key, one(platform, &plain).ordering_key, "{body}");
        }
    }
}

#[test]
fn what_is_done_to_a_message_is_an_event_about_that_message() {
    for (notice, expected, text) in [
        (
            r#"{"protocolMessage":{"key":{"remoteJid":"x","fromMe":true,"id":"B"},"type":"MESSAGE_EDIT","editedMessage":{"conversation":"novo"},"timestampMs":"1773149810005"}}"#,
            "message.updated",
            Some("novo"),
        ),
        (
            r#"{"editedMessage":{"message":{"protocolMessage":{"key":{"ID":"B"},"type":14,"editedMessage":{"extendedTextMessage":{"text":"novo"}}}}}}"#,
            "message.updated",
            Some("novo"),
        ),
        (
            r#"{"secretEncryptedMessage":{"targetMessageKey":{"id":"B"},"secretEncType":2}}"#,
            "message.updated",
            None,
        ),
        (
            r#"{"ephemeralMessage":{"message":{"protocolMessage":{"key":{"id":"B"},"type":"REVOKE"}}}}"#,
            "message.deleted",
            None,
        ),
    ] {
        for ((platform, body), (_, plain)) in bodies(notice).into_iter().zip(bodies(PLAIN)) {
            let (event, plain) = (one(platform, &body), one(platform, &plain));
            assert_eq!(event.data.event_type().as_str(), expected, "{body}");
            assert_eq!(event.ordering_key, plain.ordering_key, "{body}");
            let (id, said) = match &event.data {
                Data::MessageUpdated(message) => (Some(&message.id), message.text.as_deref()),
                Data::MessageDeleted(deletion) => (deletion.id.as_ref(), None),
                other => panic!("{other:?}"),
            };
            // As a message of the same chat is named, whose id is B.
            let named = message_of(&plain).id.replace('A', "B");
            assert_eq!((id.map(|id| &**id), said), (Some(&*named), text), "{body}");
        }
    }
}

/// One happening in the words of two of WAHA's webhooks, the second made a little later.
#[test]
fn what_comes_from_waha_as_a_message_and_under_its_own_name_is_one_event() {
    let body = |event: &str, payload: &str| {
        format!(
            r#"{{"id":"evt_2","timestamp":1773149810777,"event":"{event}","session":"loja","me":{{"id":"5511900000009@c.us"}},"payload":{payload}}}"#
        )
    };
    let (edit, revocation) = (
        sample(Platform::Waha, "message.any.protocol_edit.json"),
        sample(Platform::Waha, "message.noweb.revoke.json"),
    );
    for (message, event, payload) in [
        (
            edit.clone(),
            "message.edited",
            r#"{"id":"false_5511900000001@c.us_4CFIELD000000000F712","timestamp":1773149810,"from":"5511900000001@c.us","fromMe":false,"editedMessageId":"E7FIELD000000000F700","body":"texto corrigido","_data":{}}"#,
        ),
        (
            revocation,
            "message.revoked",
            r#"{"revokedMessageId":"3AFIELD000000000F805","before":null,"after":{"id":"false_5511900000001@c.us_3AFIELD000000000F807","timestamp":1773149810,"from":"5511900000001@c.us","fromMe":false}}"#,
        ),
    ] {
        let named = body(event, payload);
        let (first, second) = (one(Platform::Waha, &message), one(Platform::Waha, &named));
        assert_eq!(
            (&first.identity, first.time),
            (&second.identity, second.time),
            "{named}"
        );
        assert_eq!(first.data.event_type(), second.data.event_type(), "{named}");
    }
    let again = edit
        .replace("message.any", "message")
        .replace("1773149810500", "1773149810777");
    let (first, second) = (one(Platform::Waha, &edit), one(Platform::Waha, &again));
    assert_eq!((&first.identity, first.time), (&second.identity, second.time));
}

#[test]
fn an_administrator_takes_back_what_another_participant_wrote() {
    for (participant, from_me, expected) in [
        (
            "5511900000002@s.whatsapp.net",
            false,
            "false_1@g.us_B_5511900000002@c.us",
        ),
        (
            "5511900000009:7@s.whatsapp.net",
            false,
            "true_1@g.us_B_5511900000009@c.us",
        ),
        // Their own, under whichever address.
        ("271000000000001@lid", true, "false_1@g.us_B_5511900000001@c.us"),
    ] {
        let body = format!(
            r#"{{"id":"evt_1","timestamp":1773149810500,"event":"message.any","session":"loja","me":{{"id":"5511900000009@c.us"}},"payload":{{"id":"false_1@g.us_A_5511900000001@c.us","timestamp":1773149810,"from":"1@g.us","participant":"5511900000001@c.us","fromMe":false,"body":null,"_data":{{"message":{{"protocolMessage":{{"key":{{"id":"B","fromMe":{from_me},"participant":"{participant}"}},"type":"REVOKE"}}}}}}}}}}"#
        );
        let event = one(Platform::Waha, &body);
        let Data::MessageDeleted(deletion) = &event.data else {
            panic!("{event:?}")
        };
        assert_eq!(deletion.id.as_deref(), Some(expected));
        let by = deletion.by.as_ref().and_then(|by| by.id.as_deref());
        assert_eq!(by, Some("5511900000001@c.us"));
    }
}
