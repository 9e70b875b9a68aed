//! Messages and what happens to them: `message`, `message.any`, `message.edited`, `message.revoked`, `message.reaction`,
//! `message.ack`.

use schemas::data::{
    Attachment, Data, DeliveryStatus, Direction, Message, MessageDeletion, MessageReaction, MessageStatus, Party,
    PartyKind, Quoted, Text,
};

use super::{Body, address, party};
use crate::normalize::baileys::jid::{conversation, spelled};
use crate::normalize::baileys::{Fact, Line, Mapped, Nothing};
use crate::normalize::json::{Json, object};

object! {
    Told {
        id: Json = "id",
        timestamp: Json = "timestamp",
        from: Json = "from",
        from_me: Json = "fromMe",
        to: Json = "to",
        participant: Json = "participant",
        author: Json = "author",
        body: Json = "body",
        media: Media = "media",
        media_url: Json = "mediaUrl",
        location: Json = "location",
        vcards: Json = "vCards",
        mentioned: Json = "mentionedIds",
        reply_to: Reply = "replyTo",
        ack: Json = "ack",
        ack_name: Json = "ackName",
        reaction: Reaction = "reaction",
        edited_id: Json = "editedMessageId",
        engine: Engine = "_data",
    }

    Media { url: Json = "url", mime_type: Json = "mimetype", name: Json = "filename", }

    Reply { id: Json = "id", body: Json = "body", }

    Reaction { text: Json = "text", id: Json = "messageId", }

    Revocation { id: Json = "revokedMessageId", before: Told = "before", after: Told = "after", }

    /// Each engine in its own words.
    Engine { kind: Json = "type", notify_name: Json = "notifyName", push_name: Json = "pushName", info: Info = "Info", }

    Info { push_name: Json = "PushName", }
}

impl<'a> Body<'a> {
    pub(super) fn message(&self, line: &Line<'a>) -> Mapped<'a> {
        let told: Told<'a> = self.payload.read();
        let (id, chat) = told.named()?;
        Ok(Fact {
            identity: vec!["message".into(), id.clone()],
            data: Data::MessageCreated(self.compose(line, &told, id, &chat)),
            time: told.timestamp.time(),
            about: Some(chat),
        })
    }

    /// Like a message, with the new text; `id` names the edit, and in some engines the message itself.
    pub(super) fn edited(&self, line: &Line<'a>) -> Mapped<'a> {
        let told: Told<'a> = self.payload.read();
        let (own_id, chat) = told.named()?;
        let id = match told.edited_id.text() {
            Some(bare) => whole_id(&own_id, bare),
            None => own_id.clone(),
        };
        let text = told.body.text().unwrap_or_default();
        Ok(Fact {
            identity: vec!["edited".into(), own_id, text],
            data: Data::MessageUpdated(self.compose(line, &told, id, &chat)),
            time: self.time().or_else(|| told.timestamp.time()),
            about: Some(chat),
        })
    }

    /// `after` is the notice, `before` the message if the engine still has it. A message is taken back once only.
    pub(super) fn revoked(&self, line: &Line<'a>) -> Mapped<'a> {
        let Revocation { id, before, after } = self.payload.read();
        let notice = if after.id.is_there() { &after } else { &before };
        let (notice_id, chat) = notice.named()?;
        let id = before.id.text().unwrap_or_else(|| match id.text() {
            Some(bare) => whole_id(&notice_id, bare),
            None => notice_id,
        });
        Ok(Fact {
            identity: vec!["deleted".into(), id.clone()],
            data: Data::MessageDeleted(MessageDeletion {
                id: Some(id),
                conversation: conversation(line, chat.clone()),
                by: after.id.is_there().then(|| self.sender(&after)).flatten(),
                ..MessageDeletion::default()
            }),
            time: self.time().or_else(|| notice.timestamp.time()),
            about: Some(chat),
        })
    }

    pub(super) fn reaction(&self, line: &Line<'a>) -> Mapped<'a> {
        let told: Told<'a> = self.payload.read();
        let (own_id, chat) = told.named()?;
        let Some(id) = told.reaction.id.text() else {
            return Err(nothing("no message id", chat));
        };
        Ok(Fact {
            identity: vec!["reaction".into(), own_id],
            data: Data::MessageReaction(MessageReaction {
                id,
                conversation: conversation(line, chat.clone()),
                direction: told.direction(),
                from: self.sender(&told),
                emoji: told.reaction.text.text(),
            }),
            time: told.timestamp.time(),
            about: Some(chat),
        })
    }

    /// In a group each participant's device tells for itself.
    pub(super) fn ack(&self, line: &Line<'a>) -> Mapped<'a> {
        let told: Told<'a> = self.payload.read();
        let (id, chat) = told.named()?;
        let Some(status) = told.status() else {
            return Err(nothing("no acknowledgement", chat));
        };
        let recipient = party([told.participant, Json::default()], PartyKind::Contact, None);
        let recipient = recipient.filter(|_| chat.ends_with("@g.us") && told.direction() == Direction::Outbound);
        let word = told.ack.text().or_else(|| told.ack_name.text()).unwrap_or_default();
        let who = address(told.participant).unwrap_or_default();
        Ok(Fact {
            identity: vec!["ack".into(), id.clone(), word, who],
            data: Data::MessageStatus(MessageStatus {
                id,
                conversation: conversation(line, chat.clone()),
                status,
                recipient,
                at: None,
                error: None,
                external_id: None,
            }),
            time: self.time(),
            about: Some(chat),
        })
    }

    fn compose(&self, line: &Line<'a>, told: &Told<'a>, id: Text<'a>, chat: &Text<'a>) -> Message<'a> {
        let direction = told.direction();
        let outbound = direction == Direction::Outbound;
        let kind = told.kind();
        let file = Attachment {
            kind: kind.clone(),
            url: told.media.url.text().or_else(|| told.media_url.text()),
            mime_type: told.media.mime_type.text(),
            name: told.media.name.text(),
            size_bytes: None,
        };
        let is_file = file.url.is_some() || file.mime_type.is_some();
        let to_one = outbound && !chat.ends_with("@g.us") && !chat.ends_with("@broadcast");
        Message {
            id,
            conversation: conversation(line, chat.clone()),
            direction,
            from: self.sender(told),
            to: to_one
                .then(|| party([told.to, Json::default()], PartyKind::Contact, None))
                .flatten(),
            kind,
            text: told.body.text(),
            attachments: is_file.then_some(file).into_iter().collect(),
            mentions: told.mentioned.elements().filter_map(address).collect(),
            quoted: told.reply_to.id.text().map(|id| Quoted {
                id: Some(id),
                text: told.reply_to.body.text(),
                ..Quoted::default()
            }),
            status: outbound.then(|| told.status()).flatten(),
            ..Message::default()
        }
    }

    fn sender(&self, told: &Told<'a>) -> Option<Party<'a>> {
        let in_group = [told.participant, told.author];
        if told.direction() == Direction::Outbound {
            return self.we().or_else(|| party(in_group, PartyKind::Agent, None));
        }
        let engine = &told.engine;
        let names = [engine.notify_name, engine.push_name, engine.info.push_name];
        let name = names.into_iter().find_map(Json::text);
        if in_group.into_iter().any(|json| json.text().is_some()) {
            party(in_group, PartyKind::Contact, name)
        } else {
            party([told.from, Json::default()], PartyKind::Contact, name)
        }
    }
}

impl<'a> Told<'a> {
    /// The message's id and its chat, which stands in the id, and else is whoever is not us.
    fn named(&self) -> Result<(Text<'a>, Text<'a>), Nothing<'a>> {
        let other_side = if self.direction() == Direction::Outbound {
            self.to
        } else {
            self.from
        };
        let Some(id) = self.id.text() else {
            return Err(Nothing {
                reason: "no message id",
                about: address(other_side),
            });
        };
        let in_id = parts(&id).map(|(_, chat, _)| spelled(chat.to_owned().into(), "s.whatsapp.net", "c.us"));
        match in_id.or_else(|| address(other_side)) {
            Some(chat) => Ok((id, chat)),
            None => Err(Nothing::because("no chat id")),
        }
    }

    fn direction(&self) -> Direction {
        if self.from_me.flag() == Some(true) {
            Direction::Outbound
        } else {
            Direction::Inbound
        }
    }

    fn status(&self) -> Option<DeliveryStatus> {
        let known = [self.ack, self.ack_name];
        known.into_iter().find_map(|json| {
            Some(match &*json.text()? {
                "-1" | "ERROR" => DeliveryStatus::Failed,
                "0" | "PENDING" => DeliveryStatus::Pending,
                "1" | "SERVER" => DeliveryStatus::Sent,
                "2" | "DEVICE" => DeliveryStatus::Delivered,
                "3" | "READ" => DeliveryStatus::Read,
                "4" | "PLAYED" => DeliveryStatus::Played,
                _ => return None,
            })
        })
    }

    /// One engine has a word for it; of the others the media type and what is there must do.
    fn kind(&self) -> Option<Text<'a>> {
        if let Some(word) = self.engine.kind.text() {
            return Some(match &*word {
                "chat" => "text".into(),
                "ptt" => "audio".into(),
                "vcard" | "multi_vcard" => "contact".into(),
                _ => word,
            });
        }
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
}

/// `<from us>_<chat>_<id and perhaps the participant>`.
fn parts(id: &str) -> Option<(&str, &str, &str)> {
    let (from_us, rest) = id.split_once('_')?;
    let (chat, rest) = rest.split_once('_')?;
    (matches!(from_us, "true" | "false") && chat.contains('@')).then_some((from_us, chat, rest))
}

/// The name of the message with that bare id which somebody wrote who wrote the message called `like`.
fn whole_id<'a>(like: &str, bare: Text<'a>) -> Text<'a> {
    match parts(like) {
        Some((from_us, chat, rest)) if parts(&bare).is_none() => match rest.split_once('_') {
            Some((_, participant)) => format!("{from_us}_{chat}_{bare}_{participant}").into(),
            None => format!("{from_us}_{chat}_{bare}").into(),
        },
        _ => bare,
    }
}

fn nothing<'a>(reason: &'static str, chat: Text<'a>) -> Nothing<'a> {
    Nothing {
        reason,
        about: Some(chat),
    }
}
