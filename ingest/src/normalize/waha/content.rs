//! What a message says: what WAHA says of it, and what it leaves out, which stands in `_data` as its engine has it. NOWEB has
//! the protobuf there as `message`, GOWS as `Message`; WEBJS has a flat form of its own, with a word for the kind.
//!
//! A file has an address only where WAHA has fetched it; the network's own address serves it encrypted.

use schemas::data::{Answer, Attachment, Text};

use super::messages::Payload;
use crate::normalize::json::{Json, object};
use crate::normalize::whatsapp::{self, Reading, Said, joined, lines, name_on_card};

object! {
    OfBrowser { flat: Flat = "_data", }

    /// A message as the browser's program keeps it.
    Flat {
        caption: Json = "caption",
        poll: Json = "pollName",
        event: Json = "eventName",
        title: Json = "title",
        description: Json = "description",
        group: Json = "inviteGrpName",
        mime_type: Json = "mimetype",
        size: Json = "size",
        file_name: Json = "filename",
        button: Json = "selectedButtonId",
        template_button: Json = "selectedId",
        row: Row = "listResponse",
        quoted: FlatQuoted = "quotedMsg",
    }

    FlatQuoted { body: Json = "body", caption: Json = "caption", }

    Row { title: Json = "title", reply: RowReply = "singleSelectReply", }

    RowReply { id: Json = "selectedRowId", }

    /// A location as WAHA says it.
    Location {
        name: Json = "name",
        address: Json = "address",
        description: Json = "description",
        latitude: Json = "latitude",
        longitude: Json = "longitude",
    }
}

/// What a message says, by WAHA or by its engine.
pub(super) struct Content<'a> {
    pub(super) kind: Option<Text<'a>>,
    pub(super) text: Option<Text<'a>>,
    pub(super) attachments: Vec<Attachment<'a>>,
    pub(super) answer: Option<Answer<'a>>,
    pub(super) quoted_text: Option<Text<'a>>,
}

impl<'a> Payload<'a> {
    /// What the engine's message is; one that says nothing of itself if the engine has none.
    pub(super) fn reading(&self) -> Reading<'a> {
        if let Some(word) = self.engine.kind.text() {
            return match notice_of_browser(&word) {
                Some(reason) => Reading::Nothing(reason),
                None => Reading::Said(Said::default()),
            };
        }
        match whatsapp::read(self.engine_message()) {
            Reading::Nothing(_) if self.says_something() || !self.engine_message().is_object() => {
                Reading::Said(Said::default())
            }
            reading => reading,
        }
    }

    pub(super) fn engine_message(&self) -> Json<'a> {
        let engine = &self.engine;
        if engine.message.is_object() {
            engine.message
        } else {
            engine.raw_message
        }
    }

    /// WAHA says what is in it, so there is something.
    fn says_something(&self) -> bool {
        self.body.text().is_some()
            || self.media.url.text().or_else(|| self.media.mime_type.text()).is_some()
            || self.location.is_there()
            || self.vcards.elements().next().is_some()
    }

    /// Takes from the engine's message what WAHA does not say of what it is about.
    pub(super) fn complete(&mut self, said: &Said<'a>) {
        if self.reply_to.id.text().is_none() {
            self.reply_to.id = said.context.id;
        }
        if self.reply_to.participant.text().is_none() && self.reply_to.id.text() == said.context.id.text() {
            self.reply_to.participant = said.context.participant;
        }
        if self.mentioned.elements().next().is_none() {
            self.mentioned = said.context.mentioned;
        }
    }

    pub(super) fn content(&self, payload: Json<'a>, said: Said<'a>) -> Content<'a> {
        let word = self.engine.kind.text();
        let flat = if word.is_some() {
            payload.read::<OfBrowser<'a>>().flat
        } else {
            Flat::default()
        };
        let kind = match word {
            Some(word) => Some(kind_of_browser(word)),
            None if !said.kind.is_empty() => Some(said.kind),
            None => self.kind(),
        };
        // For these the browser has a small picture or the whole card as the body.
        let has_odd_body = self.engine.kind.is_there() && matches!(kind.as_deref(), Some("location" | "contact"));
        let body = self.body.text().filter(|_| !has_odd_body);
        let quoted = self.reply_to.body.text();
        Content {
            quoted_text: quoted
                .or_else(|| whatsapp::text(self.reply_to.engine))
                .or_else(|| whatsapp::text(said.context.message))
                .or_else(|| flat.quoted.caption.text())
                .or_else(|| flat.quoted.body.text()),
            answer: said.answer.or_else(|| flat.answer(self.body)),
            text: body
                .or(said.text)
                .or_else(|| self.place())
                .or_else(|| self.names())
                .or_else(|| flat.text()),
            attachments: self.attachments(kind.as_ref(), said.attachments, flat.file(kind.as_ref())),
            kind,
        }
    }

    /// What WAHA has fetched, and what the engine knows of it; the engine's files if nothing was fetched.
    fn attachments(
        &self,
        kind: Option<&Text<'a>>,
        of_engine: Vec<Attachment<'a>>,
        of_browser: Option<Attachment<'a>>,
    ) -> Vec<Attachment<'a>> {
        let mut files = of_engine
            .into_iter()
            .chain(of_browser)
            .map(|file| Attachment { url: None, ..file });
        let url = self.media.url.text().or_else(|| self.media_url.text());
        let mime_type = self.media.mime_type.text();
        if url.is_none() && mime_type.is_none() {
            return files.collect();
        }
        let known = files.next().unwrap_or_default();
        let fetched = Attachment {
            kind: known.kind.or_else(|| kind.cloned()),
            url,
            mime_type: mime_type.or(known.mime_type),
            name: self.media.name.text().or(known.name),
            size_bytes: known.size_bytes,
        };
        std::iter::once(fetched).chain(files).collect()
    }

    /// Of an engine that says nothing, the media type and the other members must do.
    fn kind(&self) -> Option<Text<'a>> {
        if let Some(mime_type) = self.media.mime_type.text() {
            let (group, _) = mime_type.split_once('/').unwrap_or_default();
            return Some(match group {
                "image" | "video" | "audio" => group.to_owned().into(),
                _ => "document".into(),
            });
        }
        if self.location.is_there() {
            return Some("location".into());
        }
        if self.vcards.elements().next().is_some() {
            return Some("contact".into());
        }
        self.body.text().map(|_| "text".into())
    }

    fn place(&self) -> Option<Text<'a>> {
        let location: Location<'a> = self.location.read();
        lines([location.name, location.address, location.description])
            .or_else(|| Some(format!("{}, {}", location.latitude.text()?, location.longitude.text()?).into()))
    }

    fn names(&self) -> Option<Text<'a>> {
        joined(self.vcards.elements().filter_map(name_on_card))
    }
}

impl<'a> Flat<'a> {
    fn text(&self) -> Option<Text<'a>> {
        let places = [self.caption, self.poll, self.event, self.row.title, self.group];
        let words = places.into_iter().find_map(Json::text);
        words.or_else(|| lines([self.title, self.description]))
    }

    fn file(&self, kind: Option<&Text<'a>>) -> Option<Attachment<'a>> {
        Some(Attachment {
            kind: kind.cloned(),
            url: None,
            mime_type: Some(self.mime_type.text()?),
            name: self.file_name.text(),
            size_bytes: self.size.int().and_then(|size| size.try_into().ok()),
        })
    }

    fn answer(&self, body: Json<'a>) -> Option<Answer<'a>> {
        let ids = [self.row.reply.id, self.button, self.template_button];
        let id = ids.into_iter().find_map(Json::text)?;
        Some(Answer {
            id: Some(id),
            title: self.row.title.text().or_else(|| body.text()),
            ..Answer::default()
        })
    }
}

/// The browser's word for a kind, in the words that all engines have.
fn kind_of_browser(word: Text<'_>) -> Text<'_> {
    match &*word {
        "chat" => "text".into(),
        "ptt" => "audio".into(),
        "ptv" => "video".into(),
        "vcard" | "multi_vcard" => "contact".into(),
        "live_location" => "location".into(),
        "poll_creation" => "poll".into(),
        "event_creation" | "scheduled_event_creation" => "event".into(),
        "hsm" => "template".into(),
        "list_response" => "listResponse".into(),
        "buttons_response" => "buttonsResponse".into(),
        "template_button_reply" => "templateButtonReply".into(),
        "interactive_response" => "interactiveResponse".into(),
        "groups_v4_invite" => "groupInvite".into(),
        "sticker-pack" => "stickerPack".into(),
        "call_log" => "call".into(),
        _ => word,
    }
}

/// Why a message that the browser gives such a word says nothing.
fn notice_of_browser(word: &str) -> Option<&'static str> {
    Some(match word {
        "ciphertext" => "not decrypted yet: the message comes again",
        "revoked" => "taken back, as its own event says",
        "album" => "an album begins: its items are messages",
        "poll_update" => "a vote in a poll",
        "pinned_message" | "pin_message" => "a message was pinned or unpinned",
        "keep_in_chat" => "a message is kept, or no longer",
        "reaction" | "reaction_enc" => "a reaction, as its own event says",
        "event_response" => "a reply to an event",
        "broadcast_notification"
        | "debug"
        | "e2e_notification"
        | "gp2"
        | "group_notification"
        | "newsletter_notification"
        | "notification"
        | "notification_template"
        | "protocol" => "a notice, not a message",
        _ => return None,
    })
}
