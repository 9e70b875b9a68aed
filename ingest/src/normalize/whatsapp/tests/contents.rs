//! A sample of every content of the table, with the kind and the words that it must have.

use super::super::members::{NAMES, Role, role};
use super::said;

/// A value for each content: what it says, in the spelling of JavaScript.
const CONTENTS: &[(&str, &str, &str, &str)] = &[
    ("conversation", r#""oi""#, "text", "oi"),
    (
        "extendedTextMessage",
        r#"{"text":"veja https://loja.example.com","title":"Loja","matchedText":"https://loja.example.com"}"#,
        "text",
        "veja https://loja.example.com",
    ),
    (
        "imageMessage",
        r#"{"mimetype":"image/jpeg","caption":"foto"}"#,
        "image",
        "foto",
    ),
    (
        "videoMessage",
        r#"{"mimetype":"video/mp4","caption":"vídeo"}"#,
        "video",
        "vídeo",
    ),
    ("ptvMessage", r#"{"mimetype":"video/mp4"}"#, "video", ""),
    ("audioMessage", r#"{"mimetype":"audio/ogg","ptt":true}"#, "audio", ""),
    (
        "documentMessage",
        r#"{"mimetype":"application/pdf","title":"a.pdf","fileLength":{"low":9,"high":0,"unsigned":true}}"#,
        "document",
        "",
    ),
    ("stickerMessage", r#"{"mimetype":"image/webp"}"#, "sticker", ""),
    (
        "stickerPackMessage",
        r#"{"name":"Gatos","publisher":"x","packDescription":"doze gatos"}"#,
        "stickerPack",
        "Gatos\ndoze gatos",
    ),
    (
        "richResponseMessage",
        r#"{"submessages":[{"messageText":"um"},{"codeMetadata":{}},{"messageText":"dois"}]}"#,
        "richResponse",
        "um\ndois",
    ),
    (
        "musicMessage",
        r#"{"embeddedMusic":{"title":"Canção","author":"Ana"}}"#,
        "music",
        "Canção\nAna",
    ),
    (
        "locationMessage",
        r#"{"degreesLatitude":-23.5,"degreesLongitude":-46.6,"name":"Praça","address":"Rua 1"}"#,
        "location",
        "Praça\nRua 1",
    ),
    (
        "liveLocationMessage",
        r#"{"degreesLatitude":-23.5,"degreesLongitude":-46.6}"#,
        "location",
        "-23.5, -46.6",
    ),
    (
        "contactMessage",
        r#"{"vcard":"BEGIN:VCARD\nVERSION:3.0\nN:;Bia;;;\nFN;CHARSET=UTF-8:Bia Exemplo\nEND:VCARD"}"#,
        "contact",
        "Bia Exemplo",
    ),
    (
        "contactsArrayMessage",
        r#"{"displayName":"2 contatos","contacts":[{"displayName":"Bia"},{"vcard":"BEGIN:VCARD\r\nFN:Caio\r\nEND:VCARD"}]}"#,
        "contact",
        "Bia\nCaio",
    ),
    (
        "pollCreationMessage",
        r#"{"name":"Qual dia?","options":[{"optionName":"seg"}]}"#,
        "poll",
        "Qual dia?",
    ),
    ("pollCreationMessageV2", r#"{"name":"Qual dia?"}"#, "poll", "Qual dia?"),
    ("pollCreationMessageV3", r#"{"name":"Qual dia?"}"#, "poll", "Qual dia?"),
    ("pollCreationMessageV5", r#"{"name":"Qual dia?"}"#, "poll", "Qual dia?"),
    ("pollCreationMessageV6", r#"{"name":"Qual dia?"}"#, "poll", "Qual dia?"),
    (
        "pollResultSnapshotMessage",
        r#"{"name":"Qual dia?","pollVotes":[{"optionName":"seg","optionVoteCount":"3"},{"optionName":"ter"}]}"#,
        "pollResult",
        "Qual dia?\nseg: 3\nter: 0",
    ),
    (
        "pollResultSnapshotMessageV3",
        r#"{"name":"Qual dia?"}"#,
        "pollResult",
        "Qual dia?",
    ),
    (
        "eventMessage",
        r#"{"name":"Festa","description":"traga bolo","location":{"name":"Casa"},"startTime":"1773149810"}"#,
        "event",
        "Festa\ntraga bolo\nCasa\n2026-03-10T13:36:50.000Z",
    ),
    (
        "eventInviteMessage",
        r#"{"eventTitle":"Festa","caption":"venha"}"#,
        "event",
        "Festa\nvenha",
    ),
    (
        "groupInviteMessage",
        r#"{"groupName":"Bairro","caption":"entre"}"#,
        "groupInvite",
        "Bairro\nentre",
    ),
    (
        "newsletterAdminInviteMessage",
        r#"{"newsletterName":"Ofertas","caption":"ajude"}"#,
        "newsletterAdminInvite",
        "Ofertas\najude",
    ),
    (
        "newsletterFollowerInviteMessageV2",
        r#"{"newsletterName":"Ofertas"}"#,
        "newsletterFollowerInvite",
        "Ofertas",
    ),
    (
        "callLogMesssage",
        r#"{"isVideo":true,"callOutcome":"MISSED","durationSecs":"0"}"#,
        "call",
        "video call, missed",
    ),
    ("bcallMessage", r#"{"caption":"atendimento"}"#, "call", "atendimento"),
    (
        "scheduledCallCreationMessage",
        r#"{"title":"Reunião","scheduledTimestampMs":"1773149810000","callType":"VOICE"}"#,
        "call",
        "Reunião\n2026-03-10T13:36:50.000Z",
    ),
    (
        "templateMessage",
        r#"{"hydratedTemplate":{"hydratedTitleText":"Aviso","hydratedContentText":"pronto","hydratedFooterText":"Loja"}}"#,
        "template",
        "Aviso\npronto",
    ),
    (
        "highlyStructuredMessage",
        r#"{"elementName":"pedido","params":["Ana","12"]}"#,
        "template",
        "Ana\n12",
    ),
    (
        "buttonsMessage",
        r#"{"text":"Agenda","contentText":"Confirma?","footerText":"Clínica"}"#,
        "buttons",
        "Agenda\nConfirma?",
    ),
    (
        "listMessage",
        r#"{"title":"Cardápio","description":"Escolha","footerText":"Bar"}"#,
        "list",
        "Cardápio\nEscolha",
    ),
    (
        "interactiveMessage",
        r#"{"header":{"title":"Oferta"},"body":{"text":"Compre"},"footer":{"text":"Loja"},"nativeFlowMessage":{"buttons":[]}}"#,
        "interactive",
        "Oferta\nCompre",
    ),
    (
        "buttonsResponseMessage",
        r#"{"selectedButtonId":"sim","selectedDisplayText":"Sim"}"#,
        "buttonsResponse",
        "Sim",
    ),
    (
        "templateButtonReplyMessage",
        r#"{"selectedId":"sim","selectedDisplayText":"Sim","selectedIndex":0}"#,
        "templateButtonReply",
        "Sim",
    ),
    (
        "listResponseMessage",
        r#"{"title":"Suco","description":"de uva","singleSelectReply":{"selectedRowId":"s"}}"#,
        "listResponse",
        "Suco",
    ),
    (
        "interactiveResponseMessage",
        r#"{"body":{"text":"Enviado"},"nativeFlowResponseMessage":{"name":"flow","paramsJson":"{\"nome\":\"Ana\"}"}}"#,
        "interactiveResponse",
        "Enviado",
    ),
    (
        "statusQuestionAnswerMessage",
        r#"{"key":{"id":"A"},"text":"sim"}"#,
        "text",
        "sim",
    ),
    (
        "questionResponseMessage",
        r#"{"key":{"id":"A"},"text":"sim"}"#,
        "text",
        "sim",
    ),
    (
        "statusQuotedMessage",
        r#"{"text":"sim","originalStatusId":{"id":"A"}}"#,
        "text",
        "sim",
    ),
    (
        "orderMessage",
        r#"{"orderTitle":"Cesta","message":"sem nozes","totalAmount1000":"12500","totalCurrencyCode":"BRL"}"#,
        "order",
        "Cesta\nsem nozes\nBRL 12.50",
    ),
    (
        "productMessage",
        r#"{"product":{"title":"Vaso","priceAmount1000":"1999","currencyCode":"BRL","productImage":{"mimetype":"image/jpeg"}}}"#,
        "product",
        "Vaso\nBRL 1.999",
    ),
    (
        "sendPaymentMessage",
        r#"{"noteMessage":{"extendedTextMessage":{"text":"almoço"}}}"#,
        "sendPayment",
        "almoço",
    ),
    (
        "requestPaymentMessage",
        r#"{"noteMessage":{"conversation":"almoço"},"currencyCodeIso4217":"BRL","amount1000":"30000"}"#,
        "requestPayment",
        "BRL 30.00\nalmoço",
    ),
    (
        "paymentInviteMessage",
        r#"{"serviceType":"UPI"}"#,
        "paymentInvite",
        "UPI",
    ),
    (
        "splitPaymentMessage",
        r#"{"description":"pizza","totalAmount":{"value":"9000","offset":100,"currencyCode":"BRL"}}"#,
        "splitPayment",
        "BRL 90.00\npizza",
    ),
    (
        "paymentReminderMessage",
        r#"{"description":"aluguel","amount":{"value":"5","offset":1,"currencyCode":"BRL"}}"#,
        "paymentReminder",
        "BRL 5.00\naluguel",
    ),
    (
        "invoiceMessage",
        r#"{"note":"março","attachmentType":"PDF","attachmentMimetype":"application/pdf"}"#,
        "invoice",
        "março",
    ),
];

#[test]
fn every_content_has_its_kind_and_its_words_or_a_file() {
    let contents = NAMES
        .iter()
        .filter(|name| matches!(role(name), Some(Role::Content(..))));
    let in_table: Vec<_> = CONTENTS.iter().map(|(name, ..)| name).collect();
    assert_eq!(
        contents.collect::<Vec<_>>(),
        in_table,
        "a value for each content, in the table's order"
    );
    for (name, value, kind, text) in CONTENTS {
        let message = format!(r#"{{"{name}":{value},"messageContextInfo":{{}}}}"#);
        let said = said(&message);
        assert_eq!(
            (&*said.kind, said.text.as_deref().unwrap_or_default()),
            (*kind, *text),
            "{name}"
        );
        assert!(said.text.is_some() || !said.attachments.is_empty(), "{name}");
    }
}
