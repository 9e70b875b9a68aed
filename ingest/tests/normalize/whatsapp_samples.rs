//! What real senders of `WhatsApp`'s own message left out or nested.

use schemas::name::EventType;
use schemas::platform::Platform;

use crate::whatsapp::message_of;
use crate::{events, one, sample};

/// The sample, its kind, its text, its files (type, name, bytes), the id that was chosen, what it quotes.
type Expected = (
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
);

fn are_read(platform: Platform, expected: &[Expected]) {
    for (name, kind, text, files, chosen, quoted) in expected {
        let body = sample(platform, &format!("{name}.json"));
        let event = one(platform, &body);
        assert_eq!(event.data.event_type().as_str(), "message.created", "{name}");
        let message = message_of(&event);
        assert_eq!(
            (message.kind.as_deref(), message.text.as_deref()),
            (Some(*kind), *text),
            "{name}"
        );
        let described = message.attachments.iter().map(|file| {
            let size = file.size_bytes.map_or("-".to_owned(), |size| size.to_string());
            let name = file.name.as_deref().unwrap_or("-");
            format!("{} {name} {size}", file.mime_type.as_deref().unwrap_or("-"))
        });
        assert_eq!(described.collect::<Vec<_>>().join(", "), *files, "{name}");
        let answer = message.answer.as_ref().and_then(|answer| answer.id.as_deref());
        assert_eq!(answer, *chosen, "{name}");
        let quoted_text = message.quoted.as_ref().and_then(|quoted| quoted.text.as_deref());
        assert_eq!(quoted_text, *quoted, "{name}");
        // What the network serves encrypted is no address of a file that WAHA did not fetch.
        let has_address = message.attachments.iter().any(|file| file.url.is_some());
        assert!(platform != Platform::Waha || !has_address, "{name}");
    }
}

#[test]
fn what_the_library_nests_is_read() {
    are_read(
        Platform::Baileys,
        &[
            (
                "messages.upsert.album_item",
                "image",
                Some("foto da fachada"),
                "image/jpeg - 48213",
                None,
                None,
            ),
            (
                "messages.upsert.template_interactive",
                "template",
                Some("Sua fatura de março está pronta."),
                "application/pdf fatura-03.pdf 91234",
                None,
                None,
            ),
            (
                "messages.upsert.buttons",
                "buttons",
                Some("Confirma o horário?"),
                "",
                None,
                None,
            ),
            (
                "messages.upsert.list",
                "list",
                Some("Cardápio\nEscolha o que deseja pedir"),
                "",
                None,
                None,
            ),
            (
                "messages.upsert.buttons_response",
                "buttonsResponse",
                Some("Sim"),
                "",
                Some("sim"),
                Some("Confirma o horário?"),
            ),
        ],
    );
    are_read(
        Platform::Evolution,
        &[
            (
                "messages.upsert.business_document",
                "document",
                Some("segue o comprovante"),
                "application/pdf comprovante.pdf -",
                None,
                None,
            ),
            (
                "messages.upsert.list_response",
                "listResponse",
                Some("Suco"),
                "",
                Some("s"),
                Some("Cardápio\nEscolha o que deseja pedir"),
            ),
        ],
    );
}

#[test]
fn what_waha_leaves_out_of_its_own_members_is_read_from_the_engines() {
    are_read(
        Platform::Waha,
        &[
            (
                "message.any.list_response",
                "listResponse",
                Some("Suco"),
                "",
                Some("s"),
                Some("Cardápio"),
            ),
            (
                "message.any.reply_to_caption",
                "text",
                Some("gostei dessa"),
                "",
                None,
                Some("novidades"),
            ),
            ("message.media_off", "image", None, "image/jpeg - 48213", None, None),
            (
                "message.gows.media_off",
                "video",
                Some("o portão abrindo"),
                "video/mp4 - 812345",
                None,
                None,
            ),
            ("message.body_empty", "text", Some("Vim pelo anúncio"), "", None, None),
            (
                "message.noweb.ephemeral_reply",
                "text",
                Some("pode ser amanhã"),
                "",
                None,
                Some("Qual o melhor dia?"),
            ),
            (
                "message.gows.buttons_response",
                "buttonsResponse",
                Some("Sim"),
                "",
                Some("sim"),
                Some("Confirma o horário?"),
            ),
            (
                "message.gows.template",
                "template",
                Some("Sua fatura de março está pronta."),
                "application/pdf fatura-03.pdf 91234",
                None,
                None,
            ),
        ],
    );
}

#[test]
fn what_only_the_browsers_engine_says_is_read() {
    are_read(
        Platform::Waha,
        &[
            (
                "message.webjs.media_off",
                "document",
                None,
                "application/pdf contrato.pdf 20480",
                None,
                None,
            ),
            (
                "message.webjs.list_response",
                "listResponse",
                Some("Suco"),
                "",
                Some("s"),
                Some("Cardápio"),
            ),
            (
                "message.webjs.location",
                "location",
                Some("Praça Exemplo\nRua das Flores, 10"),
                "",
                None,
                None,
            ),
            ("message.webjs.contact", "contact", Some("Bia Exemplo"), "", None, None),
        ],
    );
}

#[test]
fn a_message_quotes_and_mentions_what_its_context_names() {
    let body = sample(Platform::Evolution, "messages.upsert.reply_root_context.json");
    let event = one(Platform::Evolution, &body);
    let message = message_of(&event);
    let quoted = message.quoted.as_ref().expect("a quote");
    assert_eq!(quoted.id.as_deref(), Some("3EB0FIELD00000000E500"));
    assert_eq!(quoted.text.as_deref(), Some("É o plano anual?"));
    assert_eq!(message.mentions, ["271000000000002@lid"]);
}

#[test]
fn the_marker_of_an_album_goes_and_its_items_stay() {
    let body = sample(Platform::Baileys, "messages.upsert.album.json");
    let events = events(Platform::Baileys, body.as_bytes());
    let types: Vec<_> = events.iter().map(|event| event.data.event_type()).collect();
    assert_eq!(
        types.iter().map(EventType::as_str).collect::<Vec<_>>(),
        ["unmapped", "message.created"]
    );
    assert_eq!(events[0].ordering_key, events[1].ordering_key);
    assert_eq!(message_of(&events[1]).text.as_deref(), Some("foto da fachada"));
}

#[test]
fn a_form_comes_back_with_its_fields() {
    let body = sample(Platform::Baileys, "messages.upsert.flow_response.json");
    let event = one(Platform::Baileys, &body);
    let answer = message_of(&event).answer.as_ref().expect("an answer");
    let field = |name: &str| answer.values.get(name).map(|value| &**value);
    assert_eq!(field("nome"), Some("Ana Exemplo"));
    assert_eq!(field("idade"), Some("31"));
    assert_eq!(field("interesses"), Some(r#"["seguro","carro"]"#));
}
