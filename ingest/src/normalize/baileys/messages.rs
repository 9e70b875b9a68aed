//! Messages as they come in, `messages.upsert`, and the notices among them: reactions, edits, messages taken back.

use schemas::data::{Data, DeliveryStatus, Message, MessageDeletion, MessageReaction, Party, PartyKind, Text};
use schemas::time::Timestamp;

use super::groups::Author;
use super::jid::party;
use super::key::{Key, Named, delivery_status};
use super::stubs::{group_change, is_group_change};
use super::{Fact, Line, Mapped};
use crate::normalize::json::{Json, object};
use crate::normalize::whatsapp::{self, Reading, Said};

object! {
    Upsert { messages: Json = "messages", key: Json = "key", }

    /// A message as the library keeps it.
    WebMessage {
        key: Key = "key",
        timestamp: Json = "messageTimestamp",
        push_name: Json = "pushName",
        participant: Json = "participant",
        stub: Json = "messageStubType",
        parameters: Json = "messageStubParameters",
        status: Json = "status",
        message: Json = "message",
        context: Json = "contextInfo",
    }

    /// A reaction.
    Notice { key: Key = "key", text: Json = "text", sender_timestamp_ms: Json = "senderTimestampMs", }

    /// Where Evolution has put the file, which the network's own address serves encrypted only.
    Stored { url: Json = "mediaUrl", }
}

/// The messages of `messages.upsert`, with or without the object around them.
pub(in crate::normalize) fn list_of_upsert(data: Json<'_>) -> Json<'_> {
    if !data.is_object() {
        return data;
    }
    let upsert: Upsert<'_> = data.read();
    if upsert.key.is_there() { data } else { upsert.messages }
}

pub(in crate::normalize) fn upsert<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let message: WebMessage<'a> = json.read();
    let time = message.timestamp.time();
    match read(line, &message) {
        // What is reported twice has no time in its id.
        Ok(fact) => Ok(Fact { happened: time, ..fact }),
        Err(nothing) => Err(nothing.at(time)),
    }
}

fn read<'a>(line: &Line<'a>, message: &WebMessage<'a>) -> Mapped<'a> {
    let named = message.key.named()?;
    if let Some(stub) = message.stub.text() {
        match &*stub {
            "0" | "UNKNOWN" => {}
            "1" | "REVOKE" => return Ok(revoked(line, named.id.clone(), named, None)),
            "2" | "CIPHERTEXT" => return Err(named.nothing("not decrypted yet: the message comes again")),
            _ if is_group_change(&stub) => {
                let key = &message.key;
                let alternative = if key.participant_alt.is_there() {
                    key.participant_alt
                } else {
                    key.participant_pn
                };
                let author = Author([key.participant, message.participant, alternative]);
                return group_change(named, &author, &stub, message.parameters);
            }
            _ => return Err(named.nothing("a notice, not a message")),
        }
    }
    let time = message.timestamp.time();
    let from = message.key.sender(named.outbound, message.push_name.text());
    match whatsapp::read(message.message) {
        Reading::Reacted(content) => {
            let notice: Notice<'a> = content.read();
            match notice.key.id.text() {
                Some(id) => Ok(reacted(line, id, named, from, &notice, time)),
                None => Err(named.nothing("no message key")),
            }
        }
        Reading::Revoked(target) => {
            let id = target.id.text().unwrap_or_else(|| named.id.clone());
            Ok(revoked(line, id, named, from))
        }
        Reading::Edited {
            key,
            message: content,
            time: at,
        } => {
            let id = key.id.text().unwrap_or_else(|| named.id.clone());
            edited(line, id, named, from, content, whole_second(at.time()).or(time))
        }
        Reading::SealedEdit(target) => {
            let id = target.id.text().unwrap_or_else(|| named.id.clone());
            Ok(edited_in_secret(line, id, named, from, time))
        }
        Reading::Nothing(reason) => Err(named.nothing(reason)),
        Reading::Said(said) => {
            let status = named.outbound.then(|| delivery_status(message.status)).flatten();
            let id = named.id.clone();
            let to = to(&message.key, &named);
            let mut said = said.beside(message.context);
            if let Some(file) = said.attachments.first_mut()
                && let Some(url) = message.message.read::<Stored<'a>>().url.text()
            {
                file.url = Some(url);
            }
            let data = Data::MessageCreated(compose(line, id, &named, from, to, said, status));
            let identity = named.identity("message");
            Ok(named.fact(data, identity, time))
        }
    }
}

/// `named` is the reaction's own key, `id` the message that it is about.
pub(super) fn reacted<'a>(
    line: &Line<'a>,
    id: Text<'a>,
    named: Named<'a>,
    from: Option<Party<'a>>,
    notice: &Notice<'a>,
    time: Option<Timestamp>,
) -> Fact<'a> {
    let mut identity = named.identity("reaction");
    identity.extend([id.clone(), notice.text.text().unwrap_or_default()]);
    let data = Data::MessageReaction(MessageReaction {
        id,
        conversation: named.conversation(line),
        direction: named.direction(),
        from,
        emoji: notice.text.text(),
    });
    // The sender's own clock first: the other event about this reaction has no other.
    named.fact(data, identity, notice.sender_timestamp_ms.time().or(time))
}

/// A message is taken back once only, so its id is all the identity. It is reported twice, as a message with a time and as
/// an update without one; so the time is no part of the id.
pub(in crate::normalize) fn revoked<'a>(
    line: &Line<'a>,
    id: Text<'a>,
    named: Named<'a>,
    by: Option<Party<'a>>,
) -> Fact<'a> {
    let identity = vec!["deleted".into(), named.chat.clone(), id.clone()];
    let data = Data::MessageDeleted(MessageDeletion {
        id: Some(id),
        conversation: named.conversation(line),
        by,
        ..MessageDeletion::default()
    });
    named.fact(data, identity, None)
}

/// Distinguished by the new text: the two events about one edit share that and the second, and little else.
pub(in crate::normalize) fn edited<'a>(
    line: &Line<'a>,
    id: Text<'a>,
    named: Named<'a>,
    from: Option<Party<'a>>,
    message: Json<'a>,
    time: Option<Timestamp>,
) -> Mapped<'a> {
    let Some(said) = whatsapp::said(message) else {
        return Err(named.nothing("no content"));
    };
    let message = compose(line, id.clone(), &named, from, None, said, None);
    let text = message.text.clone().unwrap_or_default();
    let identity = vec!["edited".into(), named.chat.clone(), id, text];
    Ok(named.fact(Data::MessageUpdated(message), identity, time))
}

/// It says which message was edited; only the parties can read what is new.
fn edited_in_secret<'a>(
    line: &Line<'a>,
    id: Text<'a>,
    named: Named<'a>,
    from: Option<Party<'a>>,
    time: Option<Timestamp>,
) -> Fact<'a> {
    let data = Data::MessageUpdated(Message {
        id,
        conversation: named.conversation(line),
        direction: named.direction(),
        from,
        ..Message::default()
    });
    let identity = named.identity("edited in secret");
    named.fact(data, identity, time)
}

pub(super) fn compose<'a>(
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
        from,
        to,
        mentions: said.mentions(),
        quoted: said.quoted(),
        kind: Some(said.kind),
        text: said.text,
        attachments: said.attachments,
        answer: said.answer,
        status,
        ..Message::default()
    }
}

/// The other side of a chat that we wrote to; a group has no one side.
pub(super) fn to<'a>(key: &Key<'a>, named: &Named<'a>) -> Option<Party<'a>> {
    let chat_with_one = !named.chat.ends_with("@g.us") && !named.chat.ends_with("@broadcast");
    let addresses = [key.remote, key.remote_alt, key.previous];
    (named.outbound && chat_with_one)
        .then(|| party(addresses, Some(PartyKind::Contact), None))
        .flatten()
}

/// One of the two events about an edit has milliseconds, the other has not.
pub(in crate::normalize) fn whole_second(time: Option<Timestamp>) -> Option<Timestamp> {
    time.and_then(|time| Timestamp::from_millis(time.millis() / 1000 * 1000))
}
