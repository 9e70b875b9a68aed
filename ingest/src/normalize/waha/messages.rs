//! Messages and what happens to them: `message`, `message.any`, `message.edited`, `message.revoked`, `message.reaction`,
//! `message.ack`.

use schemas::data::{Data, DeliveryStatus, Direction, Message, MessageReaction, MessageStatus, Party, PartyKind, Text};

use super::names::{parts, whole_id};
use super::notices::taken_back;
use super::{Body, address, addressed, party};
use crate::normalize::baileys::jid::{Addressed, conversation, is_personal, phone_in};
use crate::normalize::baileys::key::Key;
use crate::normalize::baileys::{Fact, Line, Mapped, Nothing};
use crate::normalize::json::{Json, object};
use crate::normalize::whatsapp::{self, Reading, Said};

object! {
    Payload {
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

    /// A vote in a poll, and what else has a message without being one.
    Other {
        vote: Payload = "vote",
        engine: Engine = "_data",
        chat: Json = "chatId",
        from: Json = "from",
        id: Json = "id",
    }

    Media { url: Json = "url", mime_type: Json = "mimetype", name: Json = "filename", }

    Reply { id: Json = "id", participant: Json = "participant", body: Json = "body", engine: Json = "_data", }

    Reaction { text: Json = "text", id: Json = "messageId", }

    Revocation { id: Json = "revokedMessageId", before: Payload = "before", after: Payload = "after", }

    /// Each engine in its own words.
    Engine {
        kind: Json = "type",
        notify_name: Json = "notifyName",
        push_name: Json = "pushName",
        info: Info = "Info",
        message: Json = "message" | "Message",
        raw_message: Json = "RawMessage",
        key: Key = "key",
        // Of a receipt, which has no `Info`: who it is from, and when that was.
        receipt_sender_alt: Json = "SenderAlt",
        receipt_at: Json = "Timestamp",
    }

    Info {
        push_name: Json = "PushName",
        sender_alt: Json = "SenderAlt",
        recipient_alt: Json = "RecipientAlt",
    }
}

impl<'a> Body<'a> {
    pub(super) fn message(&self, line: &Line<'a>) -> Mapped<'a> {
        let mut payload: Payload<'a> = self.payload.read();
        let (id, chat) = payload.named()?;
        let said = match payload.reading() {
            Reading::Said(said) => said,
            notice => return self.notice(line, &payload, &id, chat, notice),
        };
        payload.complete(&said);
        Ok(Fact {
            identity: vec!["message".into(), self.one_name(&id, &payload, &chat)],
            data: Data::MessageCreated(self.compose(line, &payload, id, &chat, said)),
            time: payload.timestamp.time(),
            happened: None,
            about: Some(chat.id),
        })
    }

    /// Like a message, with the new text; `id` names the edit, and in some engines the message itself.
    pub(super) fn edited(&self, line: &Line<'a>) -> Mapped<'a> {
        let payload: Payload<'a> = self.payload.read();
        let (own_id, chat) = payload.named()?;
        let id = match payload.edited_id.text() {
            Some(bare) => whole_id(&own_id, bare),
            None => own_id.clone(),
        };
        let said = whatsapp::said(payload.engine_message()).unwrap_or_default();
        Ok(self.rewritten(line, &payload, &own_id, id, chat, said))
    }

    /// `after` is the notice, `before` the message if the engine still has it.
    pub(super) fn revoked(&self, line: &Line<'a>) -> Mapped<'a> {
        let Revocation { id, before, after } = self.payload.read();
        let notice = if after.id.is_there() { &after } else { &before };
        let (notice_id, chat) = notice.named()?;
        let id = match (before.id.is_there(), after.reading(), id.text()) {
            (true, ..) => before.named()?.0,
            // It says who wrote it, too.
            (false, Reading::Revoked(target), _) => self.taken_back_id(&notice_id, &target),
            (false, _, Some(bare)) => whole_id(&notice_id, bare),
            (false, _, None) => notice_id.clone(),
        };
        let by = after.id.is_there().then(|| self.sender(&after)).flatten();
        let time = self.happened(notice, notice_id != id);
        Ok(taken_back(line, self.one_name(&id, notice, &chat), id, chat, by, time))
    }

    pub(super) fn reaction(&self, line: &Line<'a>) -> Mapped<'a> {
        let payload: Payload<'a> = self.payload.read();
        let (own_id, chat) = payload.named()?;
        let Some(target) = payload.reaction.id.text() else {
            return Err(nothing("no message id", chat.id));
        };
        let id = self.reacted_id(&payload, &own_id, &target);
        Ok(Fact {
            identity: vec![
                "reaction".into(),
                self.one_name(&own_id, &payload, &chat),
                self.one_name(&target, &payload, &chat),
                payload.reaction.text.text().unwrap_or_default(),
            ],
            data: Data::MessageReaction(MessageReaction {
                id,
                conversation: conversation(line, chat.clone()),
                direction: payload.direction(),
                from: self.sender(&payload),
                emoji: payload.reaction.text.text(),
            }),
            time: payload.timestamp.time(),
            happened: None,
            about: Some(chat.id),
        })
    }

    /// In a group each participant's device reports for itself.
    pub(super) fn ack(&self, line: &Line<'a>) -> Mapped<'a> {
        let payload: Payload<'a> = self.payload.read();
        let (id, chat) = payload.named()?;
        let Some(status) = payload.status() else {
            return Err(nothing("no acknowledgement", chat.id));
        };
        let recipient = party(payload.author(), PartyKind::Contact, None);
        let recipient = recipient.filter(|_| chat.id.ends_with("@g.us") && payload.direction() == Direction::Outbound);
        let word = payload
            .ack
            .text()
            .or_else(|| payload.ack_name.text())
            .unwrap_or_default();
        let who = addressed(payload.author()).map(|who| who.id).unwrap_or_default();
        Ok(Fact {
            identity: vec!["ack".into(), self.one_name(&id, &payload, &chat), word, who],
            data: Data::MessageStatus(MessageStatus {
                id,
                conversation: conversation(line, chat.clone()),
                status,
                recipient,
                at: None,
                error: None,
                external_id: None,
            }),
            time: payload.engine.receipt_at.time().or_else(|| self.time()),
            happened: None,
            about: Some(chat.id),
        })
    }

    /// The chat of an event that has no mapping, if it names one.
    pub(super) fn chat_of_other(&self) -> Option<Text<'a>> {
        let other: Other<'a> = self.payload.read();
        let vote = Payload {
            engine: other.engine,
            ..other.vote
        };
        if let Ok((_, chat)) = vote.named().or_else(|_| self.payload.read::<Payload<'a>>().named()) {
            return Some(chat.id);
        }
        let names = [other.chat, other.from, other.id];
        names.into_iter().filter_map(address).find(|name| name.contains('@'))
    }

    pub(super) fn compose(
        &self,
        line: &Line<'a>,
        payload: &Payload<'a>,
        id: Text<'a>,
        chat: &Addressed<'a>,
        said: Said<'a>,
    ) -> Message<'a> {
        let direction = payload.direction();
        let outbound = direction == Direction::Outbound;
        let content = payload.content(self.payload, said);
        let to_one = outbound && is_personal(&chat.id);
        Message {
            id,
            conversation: conversation(line, chat.clone()),
            direction,
            from: self.sender(payload),
            // Some engines leave `to` out: the chat with one is the other side.
            to: to_one.then(|| other_side(chat)),
            kind: content.kind,
            text: content.text,
            attachments: content.attachments,
            answer: content.answer,
            mentions: payload.mentioned.elements().filter_map(address).collect(),
            quoted: self.quoted(payload, content.quoted_text),
            status: outbound.then(|| payload.status()).flatten(),
            ..Message::default()
        }
    }

    pub(super) fn sender(&self, payload: &Payload<'a>) -> Option<Party<'a>> {
        let in_group = payload.author();
        if payload.direction() == Direction::Outbound {
            return self.we().or_else(|| party(in_group, PartyKind::Agent, None));
        }
        let engine = &payload.engine;
        let names = [engine.notify_name, engine.push_name, engine.info.push_name];
        let name = names.into_iter().find_map(Json::text);
        if [payload.participant, payload.author]
            .into_iter()
            .any(|json| json.text().is_some())
        {
            party(in_group, PartyKind::Contact, name)
        } else {
            party(payload.other_side(), PartyKind::Contact, name)
        }
    }
}

impl Payload<'_> {
    /// The name says it, and where there is none the flag.
    pub(super) fn direction(&self) -> Direction {
        let id = self.id.text();
        let named = id.as_deref().and_then(parts).map(|(from_us, ..)| from_us == "true");
        if named.or_else(|| self.from_me.flag()) == Some(true) {
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

fn other_side<'a>(chat: &Addressed<'a>) -> Party<'a> {
    let addresses = [Some(&chat.id), chat.alternate.as_ref()];
    Party {
        phone: addresses.into_iter().flatten().find_map(|address| phone_in(address)),
        alternate_id: chat.alternate.clone(),
        ..Party::new(chat.id.clone(), PartyKind::Contact)
    }
}

pub(super) fn nothing<'a>(reason: &'static str, chat: Text<'a>) -> Nothing<'a> {
    Nothing::about(reason, Some(chat))
}
