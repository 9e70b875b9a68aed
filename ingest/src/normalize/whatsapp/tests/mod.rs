//! The table of members against the definition, and what each of them says.

mod contents;

use std::collections::BTreeSet;

use super::members::{NAMES, Role, role};
use super::{Reading, Said, read};
use crate::normalize::json::{Json, parse};

fn json(text: &str) -> Json<'_> {
    parse(text.as_bytes())
        .unwrap_or_else(|error| panic!("{error}: {text}"))
        .1
}

fn said(message: &str) -> Said<'_> {
    match read(json(message)) {
        Reading::Said(said) => said,
        other => panic!("{message}: {other:?}"),
    }
}

/// The members of the public definition, and their types.
fn defined() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("../../../../tests/whatsapp/message_members.txt").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').expect("a name and a type"))
        .collect()
}

#[test]
fn every_member_of_the_definition_is_read_and_no_other() {
    let defined: BTreeSet<_> = defined().into_iter().map(|(name, _)| name).collect();
    let read: BTreeSet<_> = NAMES.iter().copied().collect();
    assert_eq!(read.len(), NAMES.len(), "each member once");
    assert_eq!(read, defined);
}

#[test]
fn whatever_holds_a_message_is_an_envelope() {
    for (name, its_type) in defined() {
        let holds_one = matches!(its_type, "FutureProofMessage" | "DeviceSentMessage" | "CommentMessage");
        let is_envelope = matches!(role(name), Some(Role::Envelope | Role::Edited));
        assert_eq!(is_envelope, holds_one, "{name}: {its_type}");
        if !holds_one {
            continue;
        }
        let message = format!(r#"{{"messageContextInfo":{{}},"{name}":{{"message":{{"conversation":"oi"}}}}}}"#);
        match read(json(&message)) {
            Reading::Said(said) => assert_eq!(said.text.as_deref(), Some("oi"), "{name}"),
            Reading::Edited { message, .. } => assert_eq!(message.raw(), r#"{"conversation":"oi"}"#, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn no_notice_says_anything() {
    for name in NAMES {
        if !matches!(role(name), Some(Role::Notice(_) | Role::Beside)) {
            continue;
        }
        let message =
            format!(r#"{{"{name}":{{"key":{{"id":"A"}},"targetMessageKey":{{"id":"A"}}}},"zzz":{{"id":1}}}}"#);
        let reading = read(json(&message));
        let is_right = match *name {
            "reactionMessage" => matches!(reading, Reading::Reacted(_)),
            "protocolMessage" => matches!(reading, Reading::Revoked(_)),
            _ => matches!(reading, Reading::Nothing(_)),
        };
        assert!(is_right, "{name}: {reading:?}");
        let beside = message.replace(r#""zzz":{"id":1}"#, r#""conversation":"oi""#);
        assert_eq!(said(&beside).text.as_deref(), Some("oi"), "{name}");
    }
}

#[test]
fn an_unknown_member_is_an_envelope_or_a_content_or_nothing() {
    let inside = said(r#"{"marketplaceMessage":{"message":{"imageMessage":{"mimetype":"image/png"}}}}"#);
    assert_eq!(&*inside.kind, "image");
    let words = said(r#"{"novelty":{"id":7},"marketplaceMessage":{"title":"Bicicleta","text":"à venda"}}"#);
    assert_eq!(
        (&*words.kind, words.text.as_deref()),
        ("marketplace", Some("Bicicleta\nà venda"))
    );
    let file = said(r#"{"hologramMessage":{"mimetype":"model/gltf","fileLength":"9"}}"#);
    assert_eq!((&*file.kind, file.attachments.len()), ("hologram", 1));
    let named = said(r#"{"bookkeeping":{"id":7},"telepathyMessageV2":{"x":1}}"#);
    assert_eq!((&*named.kind, named.text), ("telepathy", None));
    for nothing in [
        r#"{"bookkeeping":{"id":7,"list":[{"text":"x"}]}}"#,
        r#"{"mediaUrl":"https://x.example.com","base64":"AA=="}"#,
        r#"{"conversation":""}"#,
        "{}",
        "null",
        "[]",
        "\"text\"",
    ] {
        let reading = read(json(nothing));
        assert!(
            matches!(reading, Reading::Nothing("no content")),
            "{nothing}: {reading:?}"
        );
    }
}

#[test]
fn protocol_messages_are_edits_or_revocations_or_business_of_devices() {
    let of = |kind: &str| {
        format!(r#"{{"protocolMessage":{{"key":{{"id":"A"}},{kind}"editedMessage":{{"conversation":"b"}}}}}}"#)
    };
    for kind in [r#""type":"MESSAGE_EDIT","#, r#""type":14,"#, r#""type":"14","#] {
        let body = of(kind);
        let Reading::Edited { key, message, .. } = read(json(&body)) else {
            panic!("{body}")
        };
        let text = super::text(message);
        assert_eq!(
            (key.id.text().as_deref(), text.as_deref()),
            (Some("A"), Some("b")),
            "{body}"
        );
    }
    for kind in ["", r#""type":"REVOKE","#, r#""type":0,"#] {
        let body = of(kind);
        assert!(matches!(read(json(&body)), Reading::Revoked(_)), "{body}");
    }
    let others = (3..=37).filter(|number| *number != 14).map(|number| number.to_string());
    let names = [
        "EPHEMERAL_SETTING",
        "HISTORY_SYNC_NOTIFICATION",
        "SHARE_PHONE_NUMBER",
        "LIMIT_SHARING",
    ];
    for kind in others.chain(names.map(|name| format!(r#""{name}""#))) {
        let body = of(&format!(r#""type":{kind},"#));
        assert!(matches!(read(json(&body)), Reading::Nothing(_)), "{body}");
    }
    // A notice that names no message takes none back, whatever its type.
    assert!(matches!(
        read(json(r#"{"protocolMessage":{"appStateSyncKeyShare":{"keys":[]}}}"#)),
        Reading::Nothing(_)
    ));
}

#[test]
fn a_sealed_edit_names_its_message_and_other_sealed_things_do_not() {
    let of = |kind: &str| {
        format!(r#"{{"secretEncryptedMessage":{{"targetMessageKey":{{"id":"A"}},"secretEncType":{kind}}}}}"#)
    };
    for kind in ["1", "2", "4", r#""MESSAGE_EDIT""#, r#""EVENT_EDIT""#, r#""POLL_EDIT""#] {
        let body = of(kind);
        let Reading::SealedEdit(target) = read(json(&body)) else {
            panic!("{body}")
        };
        assert_eq!(target.id.text().as_deref(), Some("A"));
    }
    for kind in ["0", "3", "5", "99", "null", r#""MESSAGE_SCHEDULE""#] {
        let body = of(kind);
        assert!(matches!(read(json(&body)), Reading::Nothing(_)), "{body}");
    }
}

#[test]
fn answers_have_the_id_that_the_bot_gave() {
    for (message, id, title, text, values) in [
        (
            r#"{"buttonsResponseMessage":{"selectedButtonId":"sim","selectedDisplayText":"Sim","type":1}}"#,
            Some("sim"),
            Some("Sim"),
            "Sim",
            "",
        ),
        (
            r#"{"buttonsResponseMessage":{"selectedButtonID":"sim","Response":{"SelectedDisplayText":"Sim"}}}"#,
            Some("sim"),
            Some("Sim"),
            "Sim",
            "",
        ),
        (
            r#"{"templateButtonReplyMessage":{"selectedID":"sim","selectedDisplayText":"Sim"}}"#,
            Some("sim"),
            Some("Sim"),
            "Sim",
            "",
        ),
        (
            r#"{"listResponseMessage":{"title":"Suco","singleSelectReply":{"selectedRowID":"s"}}}"#,
            Some("s"),
            Some("Suco"),
            "Suco",
            "",
        ),
        (
            r#"{"listResponseMessage":{"singleSelectReply":{"selectedRowId":"s"}}}"#,
            Some("s"),
            None,
            "s",
            "",
        ),
        (
            r#"{"interactiveResponseMessage":{"body":{"text":"Suco"},"nativeFlowResponseMessage":{"name":"menu_options","paramsJson":"{\"id\":\"s\",\"description\":\"de uva\"}"}}}"#,
            Some("s"),
            Some("Suco"),
            "Suco",
            "description=de uva",
        ),
        (
            r#"{"interactiveResponseMessage":{"body":{"text":"Sent"},"InteractiveResponseMessage":{"NativeFlowResponseMessage":{"name":"flow","paramsJSON":"{\"nome\":\"Ana \\u00e9\",\"idade\":31,\"tags\":[\"a\"],\"obs\":\"\",\"nada\":null}"}}}}"#,
            None,
            Some("Sent"),
            "Sent",
            "idade=31 nome=Ana é obs= tags=[\"a\"]",
        ),
        (
            r#"{"interactiveResponseMessage":{"nativeFlowResponseMessage":{"name":"flow","paramsJson":"not JSON"}}}"#,
            None,
            None,
            "flow",
            "",
        ),
    ] {
        let said = said(message);
        let answer = said.answer.expect("an answer");
        let found: Vec<_> = answer
            .values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            (answer.id.as_deref(), answer.title.as_deref(), said.text.as_deref()),
            (id, title, Some(text)),
            "{message}"
        );
        assert_eq!(found.join(" "), values, "{message}");
    }
}

#[test]
fn the_spellings_of_go_say_the_same() {
    for (javascript, go) in [
        (
            r#"{"imageMessage":{"url":"https://x.example.com/a.enc","mimetype":"image/jpeg","fileLength":"9"}}"#,
            r#"{"imageMessage":{"URL":"https://x.example.com/a.enc","mimetype":"image/jpeg","fileLength":9}}"#,
        ),
        (
            r#"{"extendedTextMessage":{"text":"oi","contextInfo":{"stanzaId":"A","mentionedJid":["1@lid"],"quotedMessage":{"conversation":"b"}}}}"#,
            r#"{"extendedTextMessage":{"text":"oi","contextInfo":{"stanzaID":"A","mentionedJID":["1@lid"],"quotedMessage":{"conversation":"b"}}}}"#,
        ),
        (
            r#"{"buttonsMessage":{"contentText":"b","imageMessage":{"mimetype":"image/png"}}}"#,
            r#"{"buttonsMessage":{"contentText":"b","Header":{"ImageMessage":{"mimetype":"image/png"}}}}"#,
        ),
        (
            r#"{"buttonsMessage":{"contentText":"b","text":"a"}}"#,
            r#"{"buttonsMessage":{"contentText":"b","Header":{"Text":"a"}}}"#,
        ),
        (
            r#"{"templateMessage":{"hydratedFourRowTemplate":{"hydratedContentText":"b","documentMessage":{"fileName":"a.pdf"}}}}"#,
            r#"{"templateMessage":{"Format":{"HydratedFourRowTemplate":{"hydratedContentText":"b","Title":{"DocumentMessage":{"fileName":"a.pdf"}}}}}}"#,
        ),
        (
            r#"{"templateMessage":{"fourRowTemplate":{"content":{"params":["b"]},"highlyStructuredMessage":{"params":["a"]}}}}"#,
            r#"{"templateMessage":{"Format":{"FourRowTemplate":{"content":{"params":["b"]},"Title":{"HighlyStructuredMessage":{"params":["a"]}}}}}}"#,
        ),
        (
            r#"{"templateMessage":{"interactiveMessageTemplate":{"header":{"title":"a","videoMessage":{"fileName":"v"}},"body":{"text":"b"}}}}"#,
            r#"{"templateMessage":{"Format":{"InteractiveMessageTemplate":{"header":{"title":"a","Media":{"VideoMessage":{"fileName":"v"}}},"body":{"text":"b"}}}}}"#,
        ),
        (
            r#"{"interactiveMessage":{"body":{"text":"b"},"carouselMessage":{"cards":[{"header":{"imageMessage":{}},"body":{"text":"c"}}]}}}"#,
            r#"{"interactiveMessage":{"body":{"text":"b"},"InteractiveMessage":{"CarouselMessage":{"cards":[{"header":{"Media":{"ImageMessage":{}}},"body":{"text":"c"}}]}}}}"#,
        ),
        (
            r#"{"interactiveMessage":{"nativeFlowMessage":{"buttons":[{"name":"cta_url","buttonParamsJson":"{\"display_text\":\"Ver\"}"}]}}}"#,
            r#"{"interactiveMessage":{"InteractiveMessage":{"NativeFlowMessage":{"buttons":[{"name":"cta_url","buttonParamsJSON":"{\"display_text\":\"Ver\"}"}]}}}}"#,
        ),
    ] {
        let (one, other) = (said(javascript), said(go));
        assert_eq!(
            (&one.kind, &one.text, &one.attachments, one.quoted(), one.mentions()),
            (
                &other.kind,
                &other.text,
                &other.attachments,
                other.quoted(),
                other.mentions()
            ),
            "{go}"
        );
        assert!(one.text.is_some() || !one.attachments.is_empty(), "{javascript}");
    }
}

#[test]
fn files_stand_in_headers_products_and_cards() {
    for (message, files) in [
        (
            r#"{"interactiveMessage":{"header":{"documentMessage":{"mimetype":"application/pdf","fileName":"a.pdf","fileLength":"7"}},"body":{"text":"b"}}}"#,
            "document application/pdf a.pdf 7",
        ),
        (
            r#"{"interactiveMessage":{"carouselMessage":{"cards":[{"header":{"imageMessage":{"mimetype":"image/png"}}},{"header":{"videoMessage":{"mimetype":"video/mp4"}}}]}}}"#,
            "image image/png, video video/mp4",
        ),
        (
            r#"{"interactiveMessage":{"header":{"productMessage":{"product":{"title":"Vaso","productImage":{"mimetype":"image/jpeg"}}}}}}"#,
            "image image/jpeg",
        ),
        (
            r#"{"productMessage":{"catalog":{"title":"Tudo","catalogImage":{"mimetype":"image/jpeg"}}}}"#,
            "image image/jpeg",
        ),
        (
            r#"{"highlyStructuredMessage":{"hydratedHsm":{"hydratedTemplate":{"hydratedContentText":"b","imageMessage":{"mimetype":"image/png"}}}}}"#,
            "image image/png",
        ),
        (
            r#"{"documentMessage":{"mime_type":"application/pdf","filename":"a.pdf"}}"#,
            "document application/pdf a.pdf",
        ),
    ] {
        let said = said(message);
        let described = said.attachments.iter().map(|file| {
            let size = file.size_bytes.map(|size| size.to_string());
            let parts = [
                file.kind.as_deref(),
                file.mime_type.as_deref(),
                file.name.as_deref(),
                size.as_deref(),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        });
        assert_eq!(described.collect::<Vec<_>>().join(", "), files, "{message}");
    }
}

#[test]
fn an_offer_without_words_says_what_its_button_says_or_whom_it_pays() {
    for (name, parameters, text) in [
        ("cta_url", r#"{\"display_text\":\"Ver fatura\"}"#, "Ver fatura"),
        (
            "payment_info",
            r#"{\"payment_settings\":[{\"type\":\"cards\"},{\"type\":\"pix_static_code\",\"pix_static_code\":{\"merchant_name\":\"Loja\",\"key\":\"+5511900000009\",\"key_type\":\"PHONE\"}}]}"#,
            "Loja\n+5511900000009",
        ),
        ("cta_call", "not JSON", "cta_call"),
    ] {
        let message = format!(
            r#"{{"interactiveMessage":{{"nativeFlowMessage":{{"buttons":[{{"name":"{name}","buttonParamsJson":"{parameters}"}}]}}}}}}"#
        );
        assert_eq!(said(&message).text.as_deref(), Some(text), "{message}");
    }
}

#[test]
fn what_a_message_is_about_stands_within_or_beside() {
    for message in [
        r#"{"imageMessage":{"contextInfo":{"stanzaId":"A","quotedMessage":{"ephemeralMessage":{"message":{"listMessage":{"title":"t"}}}}}}}"#,
        r#"{"conversation":"x","contextInfo":{"stanzaId":"A","quotedMessage":{"imageMessage":{"caption":"t"}}}}"#,
        r#"{"ephemeralMessage":{"message":{"conversation":"x","contextInfo":{"stanzaId":"A","quotedMessage":{"conversation":"t"}}}}}"#,
    ] {
        let quoted = said(message).quoted().expect("a quote");
        assert_eq!(
            (quoted.id.as_deref(), quoted.text.as_deref()),
            (Some("A"), Some("t")),
            "{message}"
        );
    }
    for message in [
        r#"{"commentMessage":{"message":{"conversation":"x"},"targetMessageKey":{"id":"A"}}}"#,
        r#"{"questionResponseMessage":{"key":{"id":"A"},"text":"x"}}"#,
    ] {
        let quoted = said(message).quoted().expect("a quote");
        assert_eq!(quoted.id.as_deref(), Some("A"), "{message}");
    }
}

#[test]
fn envelopes_are_in_one_another_but_not_for_ever() {
    let within = |depth: usize| {
        let open = r#"{"viewOnceMessage":{"message":"#.repeat(depth);
        format!(r#"{open}{{"conversation":"oi"}}{}"#, "}}".repeat(depth))
    };
    assert_eq!(said(&within(3)).text.as_deref(), Some("oi"));
    assert!(matches!(read(json(&within(60))), Reading::Nothing(_)));
}
