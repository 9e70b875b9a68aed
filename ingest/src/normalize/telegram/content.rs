//! What a message says and what it is.

use schemas::data::{Answer, Attachment, Text};

use super::full_name;
use super::messages::Message;
use super::rich::Rich;
use crate::normalize::filled_in::fields_of_text;
use crate::normalize::json::{Json, object};
use crate::normalize::location;
use crate::normalize::whatsapp::{joined, lines};

object! {
    Entity { kind: Json = "type", offset: Json = "offset", length: Json = "length", user: Id = "user", }

    Id { id: Json = "id", }

    File { name: Json = "file_name", mime_type: Json = "mime_type", size: Json = "file_size", }

    /// The members of the other contents that say something.
    Other {
        title: Json = "title",
        description: Json = "description",
        tasks: Json = "tasks",
        address: Json = "address",
        question: Json = "question",
        emoji: Json = "emoji",
        first_name: Json = "first_name",
        last_name: Json = "last_name",
    }

    Coordinates { latitude: Json = "latitude", longitude: Json = "longitude", }

    Task { text: Json = "text", }

    Paid { media: Json = "paid_media", }

    /// One of the media that must be paid for; a preview has nothing but its measures.
    PaidFile { photo: Json = "photo", live_photo: Json = "live_photo", video: Json = "video", }

    /// The data of a web app that a button of a keyboard opened.
    Filled { button_text: Json = "button_text", data: Json = "data", }

    /// Whom or what such a button asked for, and was given.
    Shared { request_id: Json = "request_id", users: Json = "users", chat_id: Json = "chat_id", }

    SharedUser { id: Json = "user_id", }
}

/// What happened in a chat and comes as a message that no one wrote (core.telegram.org/bots/api, "Message": "Service message").
const NOTICES: &[&str] = &[
    "migrate_to_chat_id",
    "migrate_from_chat_id",
    "message_auto_delete_timer_changed",
    "pinned_message",
    "successful_payment",
    "refunded_payment",
    "gift",
    "unique_gift",
    "gift_upgrade_sent",
    "connected_website",
    "write_access_allowed",
    "passport_data",
    "proximity_alert_triggered",
    "boost_added",
    "chat_background_set",
    "checklist_tasks_done",
    "checklist_tasks_added",
    "community_chat_added",
    "community_chat_joined",
    "community_chat_removed",
    "direct_message_price_changed",
    "forum_topic_created",
    "forum_topic_edited",
    "forum_topic_closed",
    "forum_topic_reopened",
    "general_forum_topic_hidden",
    "general_forum_topic_unhidden",
    "giveaway_created",
    "giveaway_completed",
    "managed_bot_created",
    "paid_message_price_changed",
    "poll_option_added",
    "poll_option_deleted",
    "suggested_post_approved",
    "suggested_post_approval_failed",
    "suggested_post_declined",
    "suggested_post_paid",
    "suggested_post_refunded",
    "video_chat_scheduled",
    "video_chat_started",
    "video_chat_ended",
    "video_chat_participants_invited",
    "chat_owner_left",
    "chat_owner_changed",
];

/// The file of a content that is one. A photo is a list of its sizes, the largest last. Telegram's files have no address, only an
/// id to ask the API with: it is in `raw`.
pub(super) fn attachment<'a>(kind: &'static str, content: Json<'a>) -> Option<Attachment<'a>> {
    if !matches!(kind, "image" | "video" | "audio" | "document" | "sticker") {
        return None;
    }
    let file: File<'a> = content.elements().last()?.read();
    Some(Attachment {
        kind: Some(kind.into()),
        url: None,
        mime_type: file.mime_type.text(),
        name: file.name.text(),
        size_bytes: file.size.int().and_then(|size| size.try_into().ok()),
    })
}

/// The files of a content.
pub(super) fn attachments<'a>(kind: Option<&'static str>, content: Json<'a>) -> Vec<Attachment<'a>> {
    match kind {
        Some("paid_media") => {
            let media = content.read::<Paid<'a>>().media;
            let file = |json: Json<'a>| {
                let PaidFile {
                    photo,
                    live_photo,
                    video,
                } = json.read();
                let files = [("image", photo), ("image", live_photo), ("video", video)];
                files.into_iter().find_map(|(kind, file)| attachment(kind, file))
            };
            media.elements().filter_map(file).collect()
        }
        Some(kind) => attachment(kind, content).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Whether no one wrote it. Asked only of a message without a content that is known.
pub(super) fn is_notice(message: Json<'_>) -> bool {
    let members = message.members();
    members.iter().any(|(name, _)| NOTICES.contains(&&**name))
}

impl<'a> Message<'a> {
    /// What it is, and the member that holds its content: a file, or something else. An animation comes as a document too, a
    /// venue as a location. What is newer than this list is a message all the same.
    pub(super) fn content(&self) -> Option<(&'static str, Json<'a>)> {
        let contents = [
            ("image", self.photo),
            ("image", self.live_photo),
            ("video", self.animation),
            ("audio", self.audio),
            ("document", self.document),
            ("video", self.video),
            ("video", self.video_note),
            ("audio", self.voice),
            ("sticker", self.sticker),
            ("text", self.text),
            ("text", self.rich),
            ("contact", self.contact),
            ("location", self.venue),
            ("location", self.location),
            ("poll", self.poll),
            ("dice", self.dice),
            ("game", self.game),
            ("story", self.story),
            ("paid_media", self.paid_media),
            ("checklist", self.checklist),
            ("giveaway", self.giveaway),
            ("giveaway_winners", self.giveaway_winners),
            ("invoice", self.invoice),
            ("web_app_data", self.web_app_data),
            ("users_shared", self.users_shared),
            ("chat_shared", self.chat_shared),
        ];
        contents.into_iter().find(|(_, content)| content.is_there())
    }

    /// What it says: as written, or what the content that it is calls itself.
    pub(super) fn said(&self, kind: Option<&str>, content: Json<'a>) -> Option<Text<'a>> {
        if let Some(text) = self.text.text().or_else(|| self.caption.text()) {
            return Some(text);
        }
        let other = || content.read::<Other<'a>>();
        match kind? {
            "text" => Rich::of(content).text(),
            "contact" => {
                let other = other();
                full_name(other.first_name, other.last_name)
            }
            "location" => {
                let Other { title, address, .. } = other();
                // A venue's stands beside it too.
                let Coordinates { latitude, longitude } = self.location.read();
                location::in_words([title, address].map(Json::text), [latitude, longitude].map(Json::text))
            }
            "poll" => other().question.text(),
            "dice" => other().emoji.text(),
            "game" | "invoice" => {
                let other = other();
                lines([other.title, other.description])
            }
            "checklist" => {
                let other = other();
                let tasks = other
                    .tasks
                    .elements()
                    .filter_map(|task| task.read::<Task<'a>>().text.text());
                joined(other.title.text().into_iter().chain(tasks))
            }
            "web_app_data" => content.read::<Filled<'a>>().button_text.text(),
            _ => None,
        }
    }

    /// What a button of a keyboard brought: the data of a web app, or the users or the chat that were chosen.
    pub(super) fn answer(kind: Option<&str>, content: Json<'a>) -> Option<Answer<'a>> {
        match kind? {
            "web_app_data" => {
                let Filled { data, button_text } = content.read();
                let id = data.text();
                Some(Answer {
                    values: id.as_deref().map(fields_of_text).unwrap_or_default(),
                    id,
                    title: button_text.text(),
                })
            }
            "users_shared" | "chat_shared" => {
                let shared: Shared<'a> = content.read();
                let users = shared
                    .users
                    .elements()
                    .filter_map(|user| user.read::<SharedUser<'a>>().id.text());
                let users = users.filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
                let users: Vec<_> = users.map(|id| format!("\"{id}\"")).collect();
                let users = (!users.is_empty()).then(|| ("user_ids".into(), format!("[{}]", users.join(",")).into()));
                let chat = shared.chat_id.text().map(|id| ("chat_id".into(), id));
                Some(Answer {
                    id: shared.request_id.text(),
                    title: None,
                    values: users.into_iter().chain(chat).collect(),
                })
            }
            _ => None,
        }
    }

    /// Users by their id, or by `@name` where Telegram gives no more.
    pub(super) fn mentions(&self) -> Vec<Text<'a>> {
        let (entities, text) = if self.entities.is_there() {
            (self.entities, self.text)
        } else {
            (self.caption_entities, self.caption)
        };
        let mut units: Option<Vec<u16>> = None;
        let mention = |entity: Json<'a>| -> Option<Text<'a>> {
            let entity: Entity<'a> = entity.read();
            match &*entity.kind.text()? {
                "text_mention" => entity.user.id.text(),
                "mention" => {
                    // Offsets count UTF-16.
                    let units = units.get_or_insert_with(|| text.text().unwrap_or_default().encode_utf16().collect());
                    let start = usize::try_from(entity.offset.int()?).ok()?;
                    // Names have 32 characters at most; longer ones could add up to far more than the body.
                    let length = usize::try_from(entity.length.int()?)
                        .ok()
                        .filter(|length| *length <= 64)?;
                    let end = start.checked_add(length)?;
                    String::from_utf16(units.get(start..end)?).ok().map(Text::Owned)
                }
                _ => None,
            }
        };
        entities.elements().filter_map(mention).collect()
    }
}
