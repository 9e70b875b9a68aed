//! The message events: `messages.upsert`, `messages.update`, `message-receipt.update`, `messages.delete`,
//! `messages.reaction`.

use schemas::data::{
    Conversation, Data, DeliveryStatus, Direction, Message, MessageDeletion, MessageReaction, MessageStatus, Party,
    PartyKind, Text,
};
use schemas::time::Timestamp;

use super::content::{Said, essence, is_edit, said};
use super::jid::{conversation, jid, party};
use super::{Fact, Line, Mapped, Nothing};
use crate::normalize::digest;
use crate::normalize::json::{Json, object};

object! {
    Upsert { messages: Json = "messages", key: Json = "key", }

    /// A message as the library keeps it.
    WebMessage {
        key: Key = "key",
        timestamp: Json = "messageTimestamp",
        push_name: Json = "pushName",
        stub: Json = "messageStubType",
        status: Json = "status",
        message: Json = "message",
    }

    Key {
        id: Json = "id",
        remote: Json = "remoteJid",
        remote_alt: Json = "remoteJidAlt",
        from_me: Json = "fromMe",
        participant: Json = "participant",
        participant_alt: Json = "participantAlt",
        participant_pn: Json = "participantPn",
        sender_pn: Json = "senderPn",
    }

    /// A message about a message.
    Notice {
        key: Key = "key",
        kind: Json = "type",
        edited: Json = "editedMessage",
        timestamp_ms: Json = "timestampMs",
        text: Json = "text",
        sender_timestamp_ms: Json = "senderTimestampMs",
    }

    Update { key: Key = "key", update: Change = "update", }

    Change {
        status: Json = "status",
        timestamp: Json = "messageTimestamp",
        stub: Json = "messageStubType",
        parameters: Json = "messageStubParameters",
        message: Json = "message",
    }

    Receipted { key: Key = "key", receipt: Receipt = "receipt", }

    Receipt {
        user: Json = "userJid",
        delivered: Json = "receiptTimestamp",
        read: Json = "readTimestamp",
        played: Json = "playedTimestamp",
    }

    Deletion { keys: Json = "keys", jid: Json = "jid", all: Json = "all", }

    Reacted { key: Key = "key", reaction: Notice = "reaction", }
}

/// A key that names a message.
struct Named<'a> {
    id: Text<'a>,
    chat: Text<'a>,
    /// The parts by which `WhatsApp` tells messages apart.
    identity: [Text<'a>; 4],
    outbound: bool,
}

impl<'a> Key<'a> {
    fn named(&self) -> Result<Named<'a>, Nothing<'a>> {
        let chat = jid(self.remote);
        let (Some(id), Some(chat)) = (self.id.text(), chat.clone()) else {
            return Err(Nothing {
                reason: "no message key",
                about: chat,
            });
        };
        let outbound = self.from_me.flag() == Some(true);
        Ok(Named {
            identity: [
                chat.clone(),
                id.clone(),
                if outbound { "from me" } else { "to me" }.into(),
                jid(self.participant).unwrap_or_default(),
            ],
            id,
            chat,
            outbound,
        })
    }

    /// Who wrote it. A key of ours names us in groups only.
    fn sender(&self, outbound: bool, name: Option<Text<'a>>) -> Option<Party<'a>> {
        let in_group = [self.participant, self.participant_alt, self.participant_pn];
        if outbound {
            party(in_group, Some(PartyKind::Agent), name)
        } else if in_group.into_iter().any(|json| json.text().is_some()) {
            party(in_group, Some(PartyKind::Contact), name)
        } else {
            party(
                [self.remote, self.remote_alt, self.sender_pn],
                Some(PartyKind::Contact),
                name,
            )
        }
    }
}

impl<'a> Named<'a> {
    fn conversation(&self, line: &Line<'a>) -> Conversation<'a> {
        conversation(line, self.chat.clone())
    }

    fn direction(&self) -> Direction {
        if self.outbound {
            Direction::Outbound
        } else {
            Direction::Inbound
        }
    }

    fn identity(&self, of: &'static str) -> Vec<Text<'a>> {
        [Text::Borrowed(of)]
            .into_iter()
            .chain(self.identity.iter().cloned())
            .collect()
    }

    fn nothing(self, reason: &'static str) -> Nothing<'a> {
        Nothing {
            reason,
            about: Some(self.chat),
        }
    }

    fn fact(self, data: Data<'a>, identity: Vec<Text<'a>>, time: Option<Timestamp>) -> Fact<'a> {
        Fact {
            data,
            identity,
            time,
            about: Some(self.chat),
        }
    }
}

/// The messages of `messages.upsert`, with or without the object around them.
pub(super) fn list_of_upsert(data: Json<'_>) -> Json<'_> {
    if !data.is_object() {
        return data;
    }
    let upsert: Upsert<'_> = data.read();
    if upsert.key.is_there() { data } else { upsert.messages }
}

pub(super) fn upsert<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let message: WebMessage<'a> = json.read();
    let named = message.key.named()?;
    if let Some(stub) = message.stub.text() {
        match &*stub {
            "0" | "UNKNOWN" => {}
            "1" | "REVOKE" => return Ok(revoked(line, named.id.clone(), named, None, message.timestamp.time())),
            "2" | "CIPHERTEXT" => return Err(named.nothing("not decrypted yet: the message comes again")),
            _ if is_group_change(&stub) => return Err(named.nothing("group change, told by its own event")),
            _ => return Err(named.nothing("a notice, not a message")),
        }
    }
    let time = message.timestamp.time();
    let Some((kind, content)) = essence(message.message) else {
        return Err(named.nothing("no content"));
    };
    let from = message.key.sender(named.outbound, message.push_name.text());
    match &*kind {
        "reactionMessage" => {
            let notice: Notice<'a> = content.read();
            match notice.key.id.text() {
                Some(id) => Ok(reacted(line, id, named, from, &notice, time)),
                None => Err(named.nothing("no message key")),
            }
        }
        "protocolMessage" => {
            let notice: Notice<'a> = content.read();
            let Some(id) = notice.key.id.text() else {
                return Err(named.nothing("a notice, not a message"));
            };
            match notice.kind.text().as_deref() {
                // Protocol Buffers leave a 0 out.
                None | Some("0" | "REVOKE") => Ok(revoked(line, id, named, from, time)),
                Some("14" | "MESSAGE_EDIT") => {
                    let time = whole_second(notice.timestamp_ms.time()).or(time);
                    edited(line, id, named, from, notice.edited, time)
                }
                _ => Err(named.nothing("a notice, not a message")),
            }
        }
        _ => {
            let status = named.outbound.then(|| delivery_status(message.status)).flatten();
            let id = named.id.clone();
            let to = to(&message.key, &named);
            let data = Data::MessageCreated(compose(line, id, &named, from, to, said(kind, content), status));
            let identity = named.identity("message");
            Ok(named.fact(data, identity, time))
        }
    }
}

pub(super) fn update<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let Update { key, update } = json.read();
    let named = key.named()?;
    let time = update.timestamp.time();
    if matches!(update.stub.text().as_deref(), Some("1" | "REVOKE")) {
        return Ok(revoked(line, named.id.clone(), named, None, time));
    }
    if update.message.is_there() {
        let from = key.sender(named.outbound, None);
        let id = named.id.clone();
        if is_edit(update.message) {
            return edited(line, id, named, from, update.message, time);
        }
        // A message whose content came late.
        let Some((kind, content)) = essence(update.message) else {
            return Err(named.nothing("no content"));
        };
        let status = named.outbound.then(|| delivery_status(update.status)).flatten();
        let to = to(&key, &named);
        let data = Data::MessageUpdated(compose(line, id, &named, from, to, said(kind, content), status));
        let mut identity = named.identity("messages.update");
        identity.push(digest(update.message.raw()).into());
        return Ok(named.fact(data, identity, time));
    }
    let Some(status) = delivery_status(update.status) else {
        return Err(named.nothing("an update without a mapping"));
    };
    let data = Data::MessageStatus(MessageStatus {
        id: named.id.clone(),
        conversation: named.conversation(line),
        status,
        recipient: None,
        at: None,
        error: (status == DeliveryStatus::Failed)
            .then(|| update.parameters.elements().find_map(Json::text))
            .flatten(),
    });
    let mut identity = named.identity("status");
    identity.push(update.status.text().unwrap_or_default());
    Ok(named.fact(data, identity, time))
}

pub(super) fn receipt<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let Receipted { key, receipt } = json.read();
    let named = key.named()?;
    let furthest = [
        (DeliveryStatus::Played, "played", receipt.played),
        (DeliveryStatus::Read, "read", receipt.read),
        (DeliveryStatus::Delivered, "delivered", receipt.delivered),
    ];
    let furthest = furthest
        .into_iter()
        .find_map(|(status, word, at)| Some((status, word, at.time()?)));
    let Some((status, word, time)) = furthest else {
        return Err(named.nothing("a receipt without a time"));
    };
    let recipient = party(
        [receipt.user, key.participant, key.participant_alt],
        Some(PartyKind::Contact),
        None,
    );
    let mut identity = named.identity("receipt");
    identity.extend([
        recipient.as_ref().map(|party| party.id.clone()).unwrap_or_default(),
        word.into(),
    ]);
    let data = Data::MessageStatus(MessageStatus {
        id: named.id.clone(),
        conversation: named.conversation(line),
        status,
        recipient,
        at: None,
        error: None,
    });
    Ok(named.fact(data, identity, Some(time)))
}

/// The keys of `messages.delete`; none if a whole chat was emptied.
pub(super) fn list_of_delete(data: Json<'_>) -> Option<Json<'_>> {
    if !data.is_object() {
        return Some(data);
    }
    let deletion: Deletion<'_> = data.read();
    deletion.keys.is_there().then_some(deletion.keys)
}

pub(super) fn delete<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let named = json.read::<Key<'a>>().named()?;
    Ok(revoked(line, named.id.clone(), named, None, None))
}

pub(super) fn delete_all<'a>(line: &Line<'a>, data: Json<'a>) -> Mapped<'a> {
    let deletion: Deletion<'a> = data.read();
    let (Some(chat), Some(true)) = (jid(deletion.jid), deletion.all.flag()) else {
        return Err(Nothing::because("no message key"));
    };
    Ok(Fact {
        identity: vec!["deleted".into(), chat.clone(), "all".into()],
        data: Data::MessageDeleted(MessageDeletion {
            id: None,
            conversation: conversation(line, chat.clone()),
            by: None,
        }),
        time: None,
        about: Some(chat),
    })
}

pub(super) fn reaction<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let Reacted { key, reaction } = json.read();
    let named = reaction.key.named().map_err(|nothing| Nothing {
        about: jid(key.remote),
        ..nothing
    })?;
    match key.id.text() {
        Some(id) => {
            let from = reaction.key.sender(named.outbound, None);
            Ok(reacted(line, id, named, from, &reaction, None))
        }
        None => Err(named.nothing("no message key")),
    }
}

/// `named` is the reaction's own key, `id` the message that it is about.
fn reacted<'a>(
    line: &Line<'a>,
    id: Text<'a>,
    named: Named<'a>,
    from: Option<Party<'a>>,
    notice: &Notice<'a>,
    time: Option<Timestamp>,
) -> Fact<'a> {
    let data = Data::MessageReaction(MessageReaction {
        id,
        conversation: named.conversation(line),
        direction: named.direction(),
        from,
        emoji: notice.text.text(),
    });
    let identity = named.identity("reaction");
    // The sender's own clock first: the other event about this reaction has no other.
    named.fact(data, identity, notice.sender_timestamp_ms.time().or(time))
}

/// A message is taken back once only, so its id is all the identity.
fn revoked<'a>(
    line: &Line<'a>,
    id: Text<'a>,
    named: Named<'a>,
    by: Option<Party<'a>>,
    time: Option<Timestamp>,
) -> Fact<'a> {
    let identity = vec!["deleted".into(), named.chat.clone(), id.clone()];
    let data = Data::MessageDeleted(MessageDeletion {
        id: Some(id),
        conversation: named.conversation(line),
        by,
    });
    named.fact(data, identity, time)
}

/// Told apart by the new text: the two events about one edit share that and the second, and little else.
fn edited<'a>(
    line: &Line<'a>,
    id: Text<'a>,
    named: Named<'a>,
    from: Option<Party<'a>>,
    message: Json<'a>,
    time: Option<Timestamp>,
) -> Mapped<'a> {
    let Some((kind, content)) = essence(message) else {
        return Err(named.nothing("no content"));
    };
    let message = compose(line, id.clone(), &named, from, None, said(kind, content), None);
    let text = message.text.clone().unwrap_or_default();
    let identity = vec!["edited".into(), named.chat.clone(), id, text];
    Ok(named.fact(Data::MessageUpdated(message), identity, time))
}

fn compose<'a>(
    line: &Line<'a>,
    id: Text<'a>,
    named: &Named<'a>,
    from: Option<Party<'a>>,
    to: Option<Party<'a>>,
    said: Said<'a>,
    status: Option<DeliveryStatus>,
) -> Message<'a> {
    Message {
        id,
        conversation: named.conversation(line),
        direction: named.direction(),
        internal: false,
        from,
        to,
        kind: Some(said.kind),
        text: said.text,
        attachments: said.attachments,
        mentions: said.mentions,
        quoted: said.quoted,
        status,
        ticket_id: None,
    }
}

/// The other side of a chat that we wrote to; a group has no one side.
fn to<'a>(key: &Key<'a>, named: &Named<'a>) -> Option<Party<'a>> {
    let chat_with_one = !named.chat.ends_with("@g.us") && !named.chat.ends_with("@broadcast");
    let addresses = [key.remote, key.remote_alt, Json::default()];
    (named.outbound && chat_with_one)
        .then(|| party(addresses, Some(PartyKind::Contact), None))
        .flatten()
}

fn delivery_status(status: Json<'_>) -> Option<DeliveryStatus> {
    Some(match &*status.text()? {
        "0" | "ERROR" => DeliveryStatus::Failed,
        "1" | "PENDING" => DeliveryStatus::Pending,
        "2" | "SERVER_ACK" => DeliveryStatus::Sent,
        "3" | "DELIVERY_ACK" => DeliveryStatus::Delivered,
        "4" | "READ" => DeliveryStatus::Read,
        "5" | "PLAYED" => DeliveryStatus::Played,
        _ => return None,
    })
}

/// By name, or by number in `WebMessageInfo.StubType`.
fn is_group_change(stub: &str) -> bool {
    stub.starts_with("GROUP_") || matches!(stub.parse(), Ok(20_u8..=33 | 71))
}

fn whole_second(time: Option<Timestamp>) -> Option<Timestamp> {
    time.and_then(|time| Timestamp::from_millis(time.millis() / 1000 * 1000))
}
