//! What a `WhatsApp` message says: one member of `message` names its kind, sometimes inside of wrappers.

use schemas::data::{Attachment, Quoted, Text};

use super::jid::jid;
use crate::normalize::json::{Json, object};

object! {
    /// The members of all kinds of content that are of use here.
    Content {
        text: Json = "text",
        caption: Json = "caption",
        url: Json = "url",
        mime_type: Json = "mimetype",
        file_length: Json = "fileLength",
        file_name: Json = "fileName",
        selected: Json = "selectedDisplayText",
        display_name: Json = "displayName",
        name: Json = "name",
        title: Json = "title",
        context: Context = "contextInfo",
    }

    Context { id: Json = "stanzaId", message: Json = "quotedMessage", mentioned: Json = "mentionedJid", }

    Wrapper { message: Json = "message", }

    /// What Evolution puts beside the content.
    Stored { url: Json = "mediaUrl", }
}

/// What a message says, in our words.
pub(super) struct Said<'a> {
    pub(super) kind: Text<'a>,
    pub(super) text: Option<Text<'a>>,
    pub(super) attachments: Vec<Attachment<'a>>,
    pub(super) mentions: Vec<Text<'a>>,
    pub(super) quoted: Option<Quoted<'a>>,
}

/// The member that says what the message is, and its value.
pub(super) fn essence(message: Json<'_>) -> Option<(Text<'_>, Json<'_>)> {
    let mut message = message;
    // Wrappers are in one another twice at the most.
    for _ in 0..4 {
        let (name, value) = message.members().into_iter().find(|(name, value)| {
            let beside = matches!(
                &**name,
                "messageContextInfo" | "senderKeyDistributionMessage" | "mediaUrl" | "base64" | "speechToText"
            );
            value.is_there() && !beside
        })?;
        match &*name {
            "ephemeralMessage"
            | "viewOnceMessage"
            | "viewOnceMessageV2"
            | "viewOnceMessageV2Extension"
            | "documentWithCaptionMessage"
            | "deviceSentMessage"
            | "editedMessage"
            | "lottieStickerMessage"
            | "groupMentionedMessage"
            | "botInvokeMessage" => message = value.read::<Wrapper<'_>>().message,
            _ => return Some((name, value)),
        }
    }
    None
}

/// Where Evolution has put the file, which the network's own address serves encrypted only.
pub(super) fn stored_at(message: Json<'_>) -> Option<Text<'_>> {
    message.read::<Stored<'_>>().url.text()
}

/// Whether the message replaces an earlier one.
pub(super) fn is_edit(message: Json<'_>) -> bool {
    message
        .members()
        .iter()
        .any(|(name, value)| name == "editedMessage" && value.is_there())
}

/// Reads the member that [`essence`] found.
pub(super) fn said<'a>(name: Text<'a>, value: Json<'a>) -> Said<'a> {
    let content: Content<'a> = value.read();
    let kind = kind(name);
    let is_file = matches!(&*kind, "image" | "video" | "audio" | "document" | "sticker");
    let text = if is_file {
        content.caption.text()
    } else {
        let places = [
            value,
            content.text,
            content.caption,
            content.selected,
            content.display_name,
            content.name,
            content.title,
        ];
        places.into_iter().find_map(Json::text)
    };
    let attachments = is_file.then(|| Attachment {
        kind: Some(kind.clone()),
        url: content.url.text(),
        mime_type: content.mime_type.text(),
        name: content.file_name.text(),
        size_bytes: content.file_length.int().and_then(|size| size.try_into().ok()),
    });
    Said {
        text,
        attachments: attachments.into_iter().collect(),
        mentions: content.context.mentioned.elements().filter_map(jid).collect(),
        quoted: content.context.id.text().map(|id| Quoted {
            id: Some(id),
            text: quoted_text(content.context.message),
            ..Quoted::default()
        }),
        kind,
    }
}

fn quoted_text(message: Json<'_>) -> Option<Text<'_>> {
    let (name, value) = essence(message)?;
    let is_document = name == "documentMessage";
    let content: Content<'_> = value.read();
    let places = [value, content.text, content.caption];
    places.into_iter().skip(usize::from(is_document)).find_map(Json::text)
}

fn kind(name: Text<'_>) -> Text<'_> {
    match &*name {
        "conversation" | "extendedTextMessage" => "text".into(),
        "imageMessage" => "image".into(),
        "videoMessage" | "ptvMessage" => "video".into(),
        "audioMessage" => "audio".into(),
        "documentMessage" => "document".into(),
        "stickerMessage" => "sticker".into(),
        "locationMessage" | "liveLocationMessage" => "location".into(),
        "contactMessage" | "contactsArrayMessage" => "contact".into(),
        "pollCreationMessage" | "pollCreationMessageV2" | "pollCreationMessageV3" => "poll".into(),
        _ => match name.strip_suffix("Message") {
            Some(word) if !word.is_empty() => word.to_owned().into(),
            _ => name,
        },
    }
}
