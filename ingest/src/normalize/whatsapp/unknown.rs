//! Members that the definition did not have when the table was written.

use schemas::data::Text;

use super::members::role;
use super::parts::{File, lines};
use super::{Context, Said, Wrapper};
use crate::normalize::json::{Json, object};

object! {
    /// What an unknown content may have.
    Unknown {
        text: Json = "text",
        caption: Json = "caption",
        body: Json = "body",
        content_text: Json = "contentText",
        selected: Json = "selectedDisplayText",
        title: Json = "title",
        name: Json = "name",
        display_name: Json = "displayName",
        context: Context = "contextInfo",
        file: Json = "mimetype",
    }
}

/// What is in a message of unknown members.
pub(super) enum Inside<'a> {
    Message(Json<'a>),
    Said(Said<'a>),
}

/// What Evolution makes of the business platform's `request_welcome`: a person opened the chat and wrote nothing.
const OPENED: &str = "request_welcomeMessage";

/// The first member with a message, words or a file inside; else the first that is named like a message, for one of a
/// customer's that comes empty is better than one that is lost.
pub(super) fn unknown(message: Json<'_>) -> Option<Inside<'_>> {
    let mut named = None;
    for (name, value) in message.members() {
        if !value.is_object() || name == "contextInfo" || name == OPENED || role(&name).is_some() {
            continue;
        }
        let inner = value.read::<Wrapper<'_>>().message;
        if inner.is_object() {
            return Some(Inside::Message(inner));
        }
        let said = content(&name, value);
        if said.text.is_some() || !said.attachments.is_empty() {
            return Some(Inside::Said(said));
        }
        if named.is_none() && word(&name).is_some() {
            named = Some(said);
        }
    }
    named.map(Inside::Said)
}

fn content<'a>(name: &str, value: Json<'a>) -> Said<'a> {
    let unknown: Unknown<'a> = value.read();
    let kind: Text<'a> = word(name).unwrap_or(name).to_owned().into();
    let text = lines([
        unknown.title,
        unknown.text,
        unknown.body,
        unknown.content_text,
        unknown.caption,
        unknown.selected,
        unknown.name,
        unknown.display_name,
    ]);
    let file = unknown
        .file
        .text()
        .map(|_| value.read::<File<'a>>().attachment(kind.clone()));
    Said {
        kind,
        text,
        attachments: file.into_iter().collect(),
        context: unknown.context,
        ..Said::default()
    }
}

/// The kind that such a name says: `telepathyMessage`, `telepathyMessageV2`.
fn word(name: &str) -> Option<&str> {
    let (word, version) = name.rsplit_once("Message")?;
    let is_version = version.is_empty() || version.starts_with('V');
    (is_version && !word.is_empty()).then_some(word)
}
