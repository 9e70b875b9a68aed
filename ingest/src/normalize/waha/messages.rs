//! Messages and what happens to them: `message`, `message.any`, `message.edited`, `message.revoked`, `message.reaction`,
//! `message.ack`.

use schemas::data::{
    Data, DeliveryStatus, Direction, Message, MessageReaction, MessageStatus, Party, PartyKind, Quoted, Text,
};

use super::notices::taken_back;
use super::{Body, address, party};
use crate::normalize::baileys::jid::{conversation, spelled};
use crate::normalize::baileys::{Fact, Line, Mapped, Nothing};
use crate::normalize::json::{Json, object};
use crate::normalize::whatsapp::{self, Reading, Said};

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

    Reply { id: Json = "id", body: Json = "body", engine: Json = "_data", }

    Reaction { text: Json = "text", id: Json = "messageId", }

    Revocation { id: Json = "revokedMessageId", before: Told = "before", after: Told = "after", }

    /// Each engine in its own words.
    Engine {
        kind: Json = "type",
        notify_name: Json = "notifyName",
        push_name: Json = "pushName",
        info: Info = "Info",
        message: Json = "message" | "Message",
        raw_message: Json = "RawMessage",
    }

    Info { push_name: Json = "PushName", }
}

impl<'a> Body<'a> {
    pub(super) fn message(&self, line: &Line<'a>) -> Mapped<'a> {
        let mut told: Told<'a> = self.payload.read();
        let (id, chat) = told.named()?;
        let said = match told.reading() {
            Reading::Said(said) => said,
            notice => return self.notice(line, &told, id, chat, notice),
        };
        told.complete(&said);
        Ok(Fact {
            identity: vec!["message".into(), id.clone()],
            data: Data::MessageCreated(self.compose(line, &told, id, &chat, said)),
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
        let said = whatsapp::said(told.engine_message()).unwrap_or_default();
        Ok(self.rewritten(line, &told, own_id, id, chat, said))
    }

    /// `after` is the notice, `before` the message if the engine still has it.
    pub(super) fn revoked(&self, line: &Line<'a>) -> Mapped<'a> {
        let Revocation { id, before, after } = self.payload.read();
        let notice = if after.id.is_there() { &after } else { &before };
        let (notice_id, chat) = notice.named()?;
        let id = before.id.text().unwrap_or_else(|| match id.text() {
            Some(bare) => whole_id(&notice_id, bare),
            None => notice_id.clone(),
        });
        let by = after.id.is_there().then(|| self.sender(&after)).flatten();
        let time = self.happened(notice, notice_id != id);
        Ok(taken_back(line, id, chat, by, time))
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

    pub(super) fn compose(
        &self,
        line: &Line<'a>,
        told: &Told<'a>,
        id: Text<'a>,
        chat: &Text<'a>,
        said: Said<'a>,
    ) -> Message<'a> {
        let direction = told.direction();
        let outbound = direction == Direction::Outbound;
        let content = told.content(self.payload, said);
        let to_one = outbound && !chat.ends_with("@g.us") && !chat.ends_with("@broadcast");
        Message {
            id,
            conversation: conversation(line, chat.clone()),
            direction,
            from: self.sender(told),
            to: to_one
                .then(|| party([told.to, Json::default()], PartyKind::Contact, None))
                .flatten(),
            kind: content.kind,
            text: content.text,
            attachments: content.attachments,
            answer: content.answer,
            mentions: told.mentioned.elements().filter_map(address).collect(),
            quoted: told.reply_to.id.text().map(|id| Quoted {
                id: Some(id),
                text: content.quoted_text,
                ..Quoted::default()
            }),
            status: outbound.then(|| told.status()).flatten(),
            ..Message::default()
        }
    }

    pub(super) fn sender(&self, told: &Told<'a>) -> Option<Party<'a>> {
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

    pub(super) fn direction(&self) -> Direction {
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
}

/// `<from us>_<chat>_<id and perhaps the participant>`.
pub(super) fn parts(id: &str) -> Option<(&str, &str, &str)> {
    let (from_us, rest) = id.split_once('_')?;
    let (chat, rest) = rest.split_once('_')?;
    (matches!(from_us, "true" | "false") && chat.contains('@')).then_some((from_us, chat, rest))
}

/// The name of the message with that bare id which somebody wrote who wrote the message called `like`.
pub(super) fn whole_id<'a>(like: &str, bare: Text<'a>) -> Text<'a> {
    match parts(like) {
        Some((from_us, chat, rest)) if parts(&bare).is_none() => match rest.split_once('_') {
            Some((_, participant)) => format!("{from_us}_{chat}_{bare}_{participant}").into(),
            None => format!("{from_us}_{chat}_{bare}").into(),
        },
        _ => bare,
    }
}

pub(super) fn nothing<'a>(reason: &'static str, chat: Text<'a>) -> Nothing<'a> {
    Nothing {
        reason,
        about: Some(chat),
    }
}
