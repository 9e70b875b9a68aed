//! What several contents are made of: words, files, amounts.

use schemas::data::{Attachment, Text};

use super::{Context, Said};
use crate::normalize::json::{Json, object};

object! {
    /// A text with or without a preview of what it links to.
    Worded { text: Json = "text", matched: Json = "matchedText", title: Json = "title", context: Context = "contextInfo", }

    /// A file. The business platform's spelling comes through Evolution.
    File {
        url: Json = "url" | "URL",
        mime_type: Json = "mimetype" | "mime_type",
        length: Json = "fileLength",
        name: Json = "fileName" | "filename",
        title: Json = "title",
        caption: Json = "caption",
        context: Context = "contextInfo",
    }

    Money { value: Json = "value", offset: Json = "offset", currency: Json = "currencyCode", }

    /// The words of a message that goes with a payment.
    Note { conversation: Json = "conversation", extended: Worded = "extendedTextMessage", }
}

/// `conversation`: the value is the text.
pub(super) fn plain<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    Said::new(kind, value.text(), Context::default())
}

pub(super) fn worded<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let worded: Worded<'a> = value.read();
    let text = [worded.text, worded.matched, worded.title]
        .into_iter()
        .find_map(Json::text);
    Said::new(kind, text, worded.context)
}

pub(super) fn file<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let file: File<'a> = value.read();
    Said {
        attachments: vec![file.attachment(kind.into())],
        ..Said::new(kind, file.caption.text(), file.context)
    }
}

impl<'a> File<'a> {
    pub(super) fn attachment(&self, kind: Text<'a>) -> Attachment<'a> {
        Attachment {
            kind: Some(kind),
            url: self.url.text(),
            mime_type: self.mime_type.text(),
            name: self.name.text().or_else(|| self.title.text()),
            size_bytes: self.length.int().and_then(|length| length.try_into().ok()),
        }
    }
}

/// The texts that are present, a line each; what repeats the one before is left out.
pub(in crate::normalize) fn lines<'a>(texts: impl IntoIterator<Item = Json<'a>>) -> Option<Text<'a>> {
    joined(texts.into_iter().filter_map(Json::text))
}

/// The same of texts.
pub(in crate::normalize) fn joined<'a>(texts: impl IntoIterator<Item = Text<'a>>) -> Option<Text<'a>> {
    texts.into_iter().reduce(|so_far, text| {
        if so_far == text {
            return so_far;
        }
        let mut so_far = so_far.into_owned();
        so_far.push('\n');
        so_far.push_str(&text);
        so_far.into()
    })
}

/// The words that go with a payment.
pub(super) fn note(message: Json<'_>) -> Option<Text<'_>> {
    let note: Note<'_> = message.read();
    note.conversation.text().or_else(|| note.extended.text.text())
}

/// An amount in thousandths.
pub(super) fn thousandths<'a>(amount: Json<'a>, currency: Json<'a>) -> Option<Text<'a>> {
    money(amount.int()?, 1000, currency)
}

impl<'a> Money<'a> {
    pub(super) fn text(&self) -> Option<Text<'a>> {
        money(self.value.int()?, self.offset.int().unwrap_or(1), self.currency)
    }
}

/// `BRL 12.50`: at least two digits after the point, more where there are more.
fn money(amount: i64, unit: i64, currency: Json<'_>) -> Option<Text<'_>> {
    let digits = match unit {
        1 => 0_usize,
        10 => 1,
        100 => 2,
        1000 => 3,
        10_000 => 4,
        _ => return None,
    };
    let currency = currency.text()?;
    let sign = if amount < 0 { "-" } else { "" };
    let (amount, unit) = (amount.unsigned_abs(), unit.unsigned_abs());
    let fraction = format!("{:0digits$}", amount % unit);
    let fraction = if digits == 0 { "" } else { &fraction };
    let fraction = format!("{fraction:0<2}");
    let cut = fraction.trim_end_matches('0').len().max(2);
    let fraction = fraction.get(..cut).unwrap_or_default();
    Some(format!("{currency} {sign}{}.{fraction}", amount / unit).into())
}
