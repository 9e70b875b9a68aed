//! Messages that offer a choice: templates, buttons, lists, interactive messages. Their text is what stands above the
//! choices: title and body. The small print below counts only where there is nothing else.

use schemas::data::{Attachment, Text};

use super::parts::{File, joined, lines};
use super::{Context, Said, cards, trade};
use crate::normalize::json::{Json, object, parse};

object! {
    Template {
        interactive: Json = "interactiveMessageTemplate",
        hydrated: Json = "hydratedTemplate",
        hydrated_rows: Json = "hydratedFourRowTemplate",
        rows: Json = "fourRowTemplate",
        format: Format = "Format",
        context: Context = "contextInfo",
    }

    /// In Go.
    Format {
        interactive: Json = "InteractiveMessageTemplate",
        hydrated_rows: Json = "HydratedFourRowTemplate",
        rows: Json = "FourRowTemplate",
    }

    Hydrated { text: Json = "hydratedContentText", footer: Json = "hydratedFooterText", title: Json = "Title", }

    Rows { content: Json = "content", footer: Json = "footer", title: Json = "Title", }

    Structured {
        name: Json = "elementName",
        parameters: Json = "params",
        localizable: Json = "localizableParams",
        template: Json = "hydratedHsm" | "hydratedHSM",
        context: Context = "contextInfo",
    }

    Localizable { default: Json = "default", }

    Buttons {
        text: Json = "contentText",
        footer: Json = "footerText",
        header: Json = "Header",
        context: Context = "contextInfo",
    }

    List {
        title: Json = "title",
        description: Json = "description",
        button: Json = "buttonText",
        footer: Json = "footerText",
        context: Context = "contextInfo",
    }

    Interactive {
        header: Json = "header",
        body: Body = "body",
        footer: Json = "footer",
        flow: Json = "nativeFlowMessage",
        carousel: Carousel = "carouselMessage",
        one: One = "InteractiveMessage",
        context: Context = "contextInfo",
    }

    Body { text: Json = "text", }

    /// In Go.
    One { flow: Json = "NativeFlowMessage", carousel: Carousel = "CarouselMessage", }

    Carousel { cards: Json = "cards", }

    Flow { buttons: Json = "buttons", }

    FlowButton { name: Json = "name", parameters: Json = "buttonParamsJson" | "buttonParamsJSON", }

    /// What a button of such a message does, which comes as a text that is itself JSON.
    FlowParameters { label: Json = "display_text", payments: Json = "payment_settings", }

    /// Where to pay to, in Brazil.
    Payment { fixed: Pix = "pix_static_code", once: Pix = "pix_dynamic_code", }

    Pix { name: Json = "merchant_name", key: Json = "key", code: Json = "code", }

    /// Words or a file; in Go the file stands in `Media`.
    Header {
        title: Json = "title",
        subtitle: Json = "subtitle",
        text: Json = "text" | "Text",
        hydrated: Json = "hydratedTitleText" | "HydratedTitleText",
        structured: Json = "highlyStructuredMessage" | "HighlyStructuredMessage",
        document: Json = "documentMessage" | "DocumentMessage",
        image: Json = "imageMessage" | "ImageMessage",
        video: Json = "videoMessage" | "VideoMessage",
        audio: Json = "audioMessage" | "AudioMessage",
        location: Json = "locationMessage" | "LocationMessage",
        product: Json = "productMessage" | "ProductMessage",
        media: Json = "Media",
    }
}

/// The part of a message: its words and files.
#[derive(Default)]
struct Part<'a> {
    title: Option<Text<'a>>,
    attachments: Vec<Attachment<'a>>,
}

impl<'a> Part<'a> {
    /// The header that an object is or has.
    fn of(value: Json<'a>) -> Self {
        let header: Header<'a> = value.read();
        let media: Header<'a> = header.media.read();
        let mut part = Self {
            title: lines([header.title, header.subtitle, header.text, header.hydrated])
                .or_else(|| structured_words(header.structured)),
            attachments: Vec::new(),
        };
        for place in [header, media] {
            part.take(&place);
        }
        part
    }

    fn take(&mut self, place: &Header<'a>) {
        let files = [
            ("document", place.document),
            ("image", place.image),
            ("video", place.video),
            ("audio", place.audio),
        ];
        let files = files.into_iter().filter(|(_, file)| file.is_object());
        self.attachments
            .extend(files.map(|(kind, file)| file.read::<File<'a>>().attachment(kind.into())));
        if place.product.is_object() {
            let product = trade::product("product", place.product);
            self.attachments.extend(product.attachments);
            self.title = joined(self.title.take().into_iter().chain(product.text));
        }
        if place.location.is_object() {
            let there = cards::location("location", place.location).text;
            self.title = joined(self.title.take().into_iter().chain(there));
        }
    }

    fn said(self, kind: &'static str, text: Option<Text<'a>>, context: Context<'a>) -> Said<'a> {
        Said {
            attachments: self.attachments,
            ..Said::new(kind, joined(self.title.into_iter().chain(text)), context)
        }
    }
}

pub(super) fn template<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let template: Template<'a> = value.read();
    let there = |places: [Json<'a>; 2]| places.into_iter().find(|json| json.is_object());
    if let Some(inner) = there([template.interactive, template.format.interactive]) {
        let said = interactive(kind, inner);
        return if template.context.id.is_there() {
            Said {
                context: template.context,
                ..said
            }
        } else {
            said
        };
    }
    let hydrated = there([template.hydrated_rows, template.format.hydrated_rows]);
    if let Some(inner) = hydrated.or_else(|| there([template.hydrated, Json::default()])) {
        let hydrated: Hydrated<'a> = inner.read();
        let part = Part::of(if hydrated.title.is_object() {
            hydrated.title
        } else {
            inner
        });
        let footer = part.title.is_none().then(|| hydrated.footer.text()).flatten();
        return part.said(kind, hydrated.text.text().or(footer), template.context);
    }
    let inner = there([template.rows, template.format.rows]).unwrap_or_default();
    let rows: Rows<'a> = inner.read();
    let part = Part::of(if rows.title.is_object() { rows.title } else { inner });
    part.said(kind, structured_words(rows.content), template.context)
}

/// What a template that the receiver knows by name was sent with.
pub(super) fn structured<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let structured: Structured<'a> = value.read();
    if structured.template.is_object() {
        return template(kind, structured.template);
    }
    Said::new(kind, structured_words(value), structured.context)
}

fn structured_words(value: Json<'_>) -> Option<Text<'_>> {
    let structured: Structured<'_> = value.read();
    let defaults = structured
        .localizable
        .elements()
        .map(|json| json.read::<Localizable<'_>>().default);
    lines(structured.parameters.elements())
        .or_else(|| lines(defaults))
        .or_else(|| structured.name.text())
}

pub(super) fn buttons<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let buttons: Buttons<'a> = value.read();
    let part = Part::of(if buttons.header.is_object() {
        buttons.header
    } else {
        value
    });
    let footer = part.title.is_none().then(|| buttons.footer.text()).flatten();
    part.said(kind, buttons.text.text().or(footer), buttons.context)
}

pub(super) fn list<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let list: List<'a> = value.read();
    let text = lines([list.title, list.description])
        .or_else(|| list.footer.text())
        .or_else(|| list.button.text());
    Said::new(kind, text, list.context)
}

pub(super) fn interactive<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let Interactive {
        header,
        body,
        footer,
        flow,
        carousel,
        one,
        context,
    } = value.read();
    let mut part = Part::of(header);
    let below = Part::of(footer);
    part.attachments.extend(below.attachments);
    let mut words = body.text.text();
    for card in [carousel.cards, one.carousel.cards]
        .into_iter()
        .flat_map(Json::elements)
    {
        let Interactive { header, body, .. } = card.read();
        let of_card = Part::of(header);
        part.attachments.extend(of_card.attachments);
        let said = of_card.title.into_iter().chain(body.text.text());
        words = joined(words.into_iter().chain(said));
    }
    if words.is_none() && part.title.is_none() {
        let flow = if flow.is_object() { flow } else { one.flow };
        words = below.title.or_else(|| first_label(flow));
    }
    part.said(kind, words, context)
}

/// What the first button says, or whom it pays, or else what it is for (`cta_call`).
fn first_label(flow: Json<'_>) -> Option<Text<'_>> {
    let first = flow.read::<Flow<'_>>().buttons.elements().next()?;
    let button: FlowButton<'_> = first.read();
    let label = button.parameters.text().and_then(|text| {
        let (_, parameters) = parse(text.as_bytes()).ok()?;
        let parameters: FlowParameters<'_> = parameters.read();
        let label = parameters.label.text().or_else(|| payee(parameters.payments))?;
        Some(Text::Owned(label.into_owned()))
    });
    label.or_else(|| button.name.text())
}

/// Whom to pay, and their key.
fn payee(payments: Json<'_>) -> Option<Text<'_>> {
    payments.elements().find_map(|json| {
        let Payment { fixed, once } = json.read();
        lines([fixed.name, fixed.key]).or_else(|| lines([once.name, once.key, once.code]))
    })
}
