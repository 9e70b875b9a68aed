//! Messages, and what is told as one: members that come and go, a group that is made or renamed.

use schemas::data::{Attachment, Data, Direction, Group, Message as Written, Party, PartyKind, Quoted, Text};
use schemas::time::Timestamp;

use super::{Chat, User};
use crate::normalize::json::{Json, object};

object! {
    Message {
        id: Json = "message_id",
        chat: Chat = "chat",
        from: User = "from",
        // Who speaks when a group or channel does; `from` is then somebody made up.
        sender_chat: Chat = "sender_chat",
        // The bot that speaks for a business; `from` is then the business.
        business_bot: User = "sender_business_bot",
        business_connection_id: Json = "business_connection_id",
        date: Json = "date",
        edit_date: Json = "edit_date",
        reply_to: Answered = "reply_to_message",
        external_reply: Answered = "external_reply",
        quote: Answered = "quote",
        // Contents.
        text: Json = "text",
        entities: Json = "entities",
        caption: Json = "caption",
        caption_entities: Json = "caption_entities",
        photo: Json = "photo",
        live_photo: Json = "live_photo",
        animation: Json = "animation",
        audio: Json = "audio",
        document: Json = "document",
        video: Json = "video",
        video_note: Json = "video_note",
        voice: Json = "voice",
        sticker: Json = "sticker",
        contact: Json = "contact",
        venue: Json = "venue",
        location: Json = "location",
        poll: Json = "poll",
        dice: Json = "dice",
        game: Json = "game",
        story: Json = "story",
        paid_media: Json = "paid_media",
        checklist: Json = "checklist",
        giveaway: Json = "giveaway",
        invoice: Json = "invoice",
        web_app_data: Json = "web_app_data",
        // What happened to the group.
        new_members: Json = "new_chat_members",
        left_member: User = "left_chat_member",
        group_created: Json = "group_chat_created",
        supergroup_created: Json = "supergroup_chat_created",
        channel_created: Json = "channel_chat_created",
        new_title: Json = "new_chat_title",
        new_photo: Json = "new_chat_photo",
        photo_deleted: Json = "delete_chat_photo",
    }

    Answered { id: Json = "message_id", text: Json = "text", caption: Json = "caption", }

    Entity { kind: Json = "type", offset: Json = "offset", length: Json = "length", user: User = "user", }

    File { name: Json = "file_name", mime_type: Json = "mime_type", size: Json = "file_size", }
}

impl<'a> Message<'a> {
    pub(super) fn time(&self, edited: bool) -> Option<Timestamp> {
        let edit = self.edit_date.time().filter(|_| edited);
        edit.or_else(|| self.date.time())
    }

    pub(super) fn data(&self, edited: bool) -> Option<Data<'a>> {
        if edited {
            return self.written().map(Data::MessageUpdated);
        }
        let joined = self.new_members.elements().next().is_some();
        if joined || self.left_member.id.is_there() {
            return self.members(joined);
        }
        let created = [self.group_created, self.supergroup_created, self.channel_created];
        if created.into_iter().any(|created| created.flag() == Some(true)) {
            return Some(Data::GroupCreated(Group {
                subject: self.chat.title.text(),
                owner: self.author(),
                ..self.group()?
            }));
        }
        let repainted = self.new_photo.is_there() || self.photo_deleted.flag() == Some(true);
        if self.new_title.is_there() || repainted {
            return Some(Data::GroupUpdated(Group {
                subject: self.new_title.text(),
                ..self.group()?
            }));
        }
        self.written().map(Data::MessageCreated)
    }

    fn group(&self) -> Option<Group<'a>> {
        Some(Group {
            id: self.chat.id.text()?,
            actor: self.author(),
            ..Group::default()
        })
    }

    /// Whoever speaks for the chat, else whoever wrote.
    pub(super) fn author(&self) -> Option<Party<'a>> {
        self.sender_chat.party().or_else(|| self.from.party())
    }

    fn written(&self) -> Option<Written<'a>> {
        let conversation = self.chat.conversation(self.business_connection_id)?;
        // A chat with a customer has the customer's id.
        let from_us =
            self.business_connection_id.is_there() && self.from.id.text().is_some_and(|from| from != conversation.id);
        let from = self
            .business_bot
            .party()
            .or_else(|| self.author())
            .map(|from| match from.kind {
                Some(PartyKind::Contact) if from_us => Party {
                    kind: Some(PartyKind::Agent),
                    ..from
                },
                _ => from,
            });
        let to = Party {
            id: Some(conversation.id.clone()),
            kind: Some(PartyKind::Contact),
            name: self.chat.name(),
            ..Party::default()
        };
        let (kind, file) = self.content();
        let text = self.text.text().or_else(|| self.caption.text());
        let answered = [&self.reply_to, &self.external_reply];
        Some(Written {
            id: self.id.text()?,
            conversation,
            direction: if from_us {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            from,
            to: from_us.then_some(to),
            kind: Some(kind.into()),
            mentions: self.mentions(text.as_deref()),
            text,
            attachments: file.map(|file| attachment(kind, file)).into_iter().collect(),
            quoted: answered.into_iter().find_map(|answered| {
                Some(Quoted {
                    id: Some(answered.id.text()?),
                    // The part that was chosen; else all of it.
                    text: [self.quote.text, answered.text, answered.caption]
                        .into_iter()
                        .find_map(Json::text),
                    ..Quoted::default()
                })
            }),
            ..Written::default()
        })
    }

    /// What it is, and the file that came with it. An animation comes as a document too, a venue as a location.
    fn content(&self) -> (&'static str, Option<Json<'a>>) {
        let files = [
            ("image", self.photo),
            ("image", self.live_photo),
            ("video", self.animation),
            ("audio", self.audio),
            ("document", self.document),
            ("video", self.video),
            ("video", self.video_note),
            ("audio", self.voice),
            ("sticker", self.sticker),
        ];
        if let Some((kind, file)) = files.into_iter().find(|(_, file)| file.is_there()) {
            // A photo is a list of its sizes, the largest last.
            return (kind, file.elements().last());
        }
        let others = [
            ("text", self.text),
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
            ("invoice", self.invoice),
            ("web_app_data", self.web_app_data),
        ];
        let other = others.into_iter().find(|(_, content)| content.is_there());
        // What is left is Telegram's own: a message was pinned, a topic opened, a payment made.
        (other.map_or("system", |(kind, _)| kind), None)
    }

    /// Users by their id, or by `@name` where Telegram gives no more.
    fn mentions(&self, text: Option<&str>) -> Vec<Text<'a>> {
        let entities = if self.entities.is_there() {
            self.entities
        } else {
            self.caption_entities
        };
        let mut units: Option<Vec<u16>> = None;
        let mention = |entity: Json<'a>| -> Option<Text<'a>> {
            let entity: Entity<'a> = entity.read();
            match &*entity.kind.text()? {
                "text_mention" => entity.user.id.text(),
                "mention" => {
                    // Offsets count UTF-16.
                    let units = units.get_or_insert_with(|| text.unwrap_or_default().encode_utf16().collect());
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

/// Telegram's files have no address, only an id to ask the API with: it is in `raw`.
fn attachment<'a>(kind: &'static str, file: Json<'a>) -> Attachment<'a> {
    let file: File<'a> = file.read();
    Attachment {
        kind: Some(kind.into()),
        url: None,
        mime_type: file.mime_type.text(),
        name: file.name.text(),
        size_bytes: file.size.int().and_then(|size| size.try_into().ok()),
    }
}
