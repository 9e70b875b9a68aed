//! Messages, and what comes as one: members that come and go, a group that is made or renamed.
//!
//! In a forum each message that answers nothing "replies" to the service message that opened its topic: that is a mark of the
//! topic, and no quote.

use schemas::data::{Data, Direction, Group, Message as Written, Party, PartyKind, Quoted, Text};
use schemas::time::Timestamp;

use super::rich::Rich;
use super::{Chat, User, content};
use crate::normalize::json::{Json, object};
use crate::normalize::phone::international;

object! {
    Keyboard { rows: Json = "inline_keyboard", }

    Button { text: Json = "text", data: Json = "callback_data", }

    Message {
        id: Json = "message_id",
        ephemeral_id: Json = "ephemeral_message_id",
        buttons: Keyboard = "reply_markup",
        chat: Chat = "chat",
        from: User = "from",
        // Who speaks when a group or channel does; `from` is then a made-up user.
        sender_chat: Chat = "sender_chat",
        // The bot that speaks for a business; `from` is then the business.
        business_bot: User = "sender_business_bot",
        business_connection_id: Json = "business_connection_id",
        // Of an ephemeral message.
        receiver: User = "receiver_user",
        date: Json = "date",
        edit_date: Json = "edit_date",
        thread_id: Json = "message_thread_id",
        in_topic: Json = "is_topic_message",
        // Messages too, the second with fewer members.
        reply_to: Json = "reply_to_message",
        external_reply: Json = "external_reply",
        quote: Part = "quote",
        opens_topic: Json = "forum_topic_created",
        // Contents.
        text: Json = "text",
        rich: Json = "rich_message",
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
        giveaway_winners: Json = "giveaway_winners",
        invoice: Json = "invoice",
        web_app_data: Json = "web_app_data",
        users_shared: Json = "users_shared",
        chat_shared: Json = "chat_shared",
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

    Part { text: Json = "text", }

    Card { phone: Json = "phone_number", user_id: Json = "user_id", }
}

impl<'a> Message<'a> {
    /// The words on the button below the message that brings this data.
    pub(super) fn label_of(&self, data: Json<'a>) -> Option<Text<'a>> {
        let data = data.text()?;
        let rows = self.buttons.rows.elements().flat_map(Json::elements);
        let mut buttons = rows.map(Json::read::<Button<'a>>);
        match buttons.find(|button| button.data.text().is_some_and(|brings| brings == data)) {
            Some(button) => button.text.text(),
            None => Rich::of(self.rich).label_of(&data),
        }
    }

    /// An ephemeral message has 0 for its id, and beside it one of its own, by which another message of the chat may go too.
    pub(super) fn id(&self) -> Option<Text<'a>> {
        match self.ephemeral_id.text() {
            Some(id) => Some(format!("ephemeral:{id}").into()),
            None => self.id.text(),
        }
    }

    pub(super) fn time(&self, edited: bool) -> Option<Timestamp> {
        let edit = self.edit_date.time().filter(|_| edited);
        edit.or_else(|| self.date.time())
    }

    /// `json` is the message itself.
    pub(super) fn data(&self, edited: bool, json: Json<'a>) -> Result<Data<'a>, &'static str> {
        let data = if edited {
            self.written().map(Data::MessageUpdated)
        } else {
            self.happened().or_else(|| self.written().map(Data::MessageCreated))
        };
        match data {
            Some(Data::MessageCreated(message)) if message.kind.is_none() && content::is_notice(json) => {
                Err("no one wrote anything: a notice")
            }
            // Something was written, of a kind newer than those known here.
            Some(Data::MessageCreated(message)) if message.kind.is_none() => Ok(Data::MessageCreated(Written {
                kind: Some("unsupported".into()),
                ..message
            })),
            data => data.ok_or("no id, or no chat"),
        }
    }

    /// To the group.
    fn happened(&self) -> Option<Data<'a>> {
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
        None
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
        let (kind, content) = self.content().unzip();
        let content = content.unwrap_or_default();
        let rich = Rich::of(self.rich);
        Some(Written {
            id: self.id()?,
            conversation,
            direction: if from_us {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            from: from.map(|from| self.with_number(from)),
            to: if from_us { Some(to) } else { self.receiver.party() },
            answer: Self::answer(kind, content),
            text: self.said(kind, content),
            attachments: [content::attachments(kind, content), rich.attachments].concat(),
            mentions: [self.mentions(), rich.mentions].concat(),
            kind: kind.map(Into::into),
            quoted: self.quoted(),
            ..Written::default()
        })
    }

    /// Whoever sends their own card says their number, which always has its country in front.
    fn with_number(&self, from: Party<'a>) -> Party<'a> {
        if !self.contact.is_there() {
            return from;
        }
        let card: Card<'a> = self.contact.read();
        let own = card.user_id.text().filter(|user| Some(user) == from.id.as_ref());
        let number = own.and_then(|_| Some(international(&card.phone.text()?)?.into_owned().into()));
        Party {
            phone: number.or(from.phone),
            ..from
        }
    }

    fn quoted(&self) -> Option<Quoted<'a>> {
        let answers = [self.reply_to, self.external_reply, self.quote.text];
        if !answers.into_iter().any(Json::is_there) {
            return None;
        }
        let reply: Message<'a> = self.reply_to.read();
        let answered = if self.is_topics_mark(&reply) || reply.id().is_none() {
            self.external_reply.read()
        } else {
            reply
        };
        // An id is one of its chat: that of a message elsewhere would lead to another one here.
        let elsewhere = answered
            .chat
            .id
            .text()
            .is_some_and(|chat| Some(chat) != self.chat.id.text());
        let id = answered.id().filter(|_| !elsewhere);
        // The part that was chosen; else all of it.
        let text = self.quote.text.text().or_else(|| {
            let (kind, content) = answered.content().unzip();
            answered.said(kind, content.unwrap_or_default())
        });
        (id.is_some() || text.is_some()).then(|| Quoted {
            id,
            text,
            ..Quoted::default()
        })
    }

    fn is_topics_mark(&self, reply: &Message<'a>) -> bool {
        let first = || reply.id.text().is_some_and(|id| Some(id) == self.thread_id.text());
        reply.opens_topic.is_there() || self.in_topic.flag() == Some(true) && first()
    }
}
