//! What happens to messages later: `messages.update`, `message-receipt.update`, `messages.delete`, `messages.reaction`.

use schemas::data::{Data, DeliveryStatus, MessageDeletion, MessageStatus, PartyKind, Text};
use schemas::time::Timestamp;

use super::jid::{addressed, conversation, party};
use super::key::{Key, Named, delivery_status};
use super::messages::{Notice, compose, edited, reacted, revoked, to};
use super::{Fact, Line, Mapped, Nothing};
use crate::normalize::digest;
use crate::normalize::json::{Json, object};
use crate::normalize::whatsapp::{self, Reading};

object! {
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

pub(in crate::normalize) fn update<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let Update { key, update } = json.read();
    let named = key.named()?;
    let time = update.timestamp.time();
    if matches!(update.stub.text().as_deref(), Some("1" | "REVOKE")) {
        return Ok(revoked(line, named.id.clone(), named, None));
    }
    if update.message.is_there() {
        let from = key.sender(named.outbound, None);
        let id = named.id.clone();
        let said = match whatsapp::read(update.message) {
            Reading::Edited { message, .. } => return edited(line, id, named, from, message, time),
            // A message whose content came late.
            Reading::Said(said) => said,
            _ => return Err(named.nothing("no content").at(time)),
        };
        let status = named.outbound.then(|| delivery_status(update.status)).flatten();
        let to = to(&key, &named);
        let data = Data::MessageUpdated(compose(line, id, &named, from, to, said, status));
        let mut identity = named.identity("messages.update");
        identity.push(digest(update.message.raw()).into());
        return Ok(named.fact(data, identity, time));
    }
    let error = update.parameters.elements().find_map(Json::text);
    status(line, named, update.status, error, time)
}

/// How far a message got; `error` counts if it failed.
pub(in crate::normalize) fn status<'a>(
    line: &Line<'a>,
    named: Named<'a>,
    reported: Json<'a>,
    error: Option<Text<'a>>,
    time: Option<Timestamp>,
) -> Mapped<'a> {
    let Some(status) = delivery_status(reported) else {
        return Err(named.nothing("an update without a mapping"));
    };
    let data = Data::MessageStatus(MessageStatus {
        id: named.id.clone(),
        conversation: named.conversation(line),
        status,
        recipient: None,
        at: None,
        error: error.filter(|_| status == DeliveryStatus::Failed),
        external_id: None,
    });
    let mut identity = named.identity("status");
    identity.push(reported.text().unwrap_or_default());
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
        [receipt.user, key.participant, key.participant_alt, key.participant_pn],
        Some(PartyKind::Contact),
        None,
    );
    let mut identity = named.identity("receipt");
    identity.extend([
        recipient
            .as_ref()
            .and_then(|party| party.id.clone())
            .unwrap_or_default(),
        word.into(),
    ]);
    let data = Data::MessageStatus(MessageStatus {
        id: named.id.clone(),
        conversation: named.conversation(line),
        status,
        recipient,
        at: None,
        error: None,
        external_id: None,
    });
    Ok(named.fact(data, identity, Some(time)))
}

/// The keys of `messages.delete`; none if a whole chat was emptied.
pub(in crate::normalize) fn list_of_delete(data: Json<'_>) -> Option<Json<'_>> {
    if !data.is_object() {
        return Some(data);
    }
    let deletion: Deletion<'_> = data.read();
    deletion.keys.is_there().then_some(deletion.keys)
}

pub(in crate::normalize) fn delete<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let named = json.read::<Key<'a>>().named()?;
    Ok(revoked(line, named.id.clone(), named, None))
}

pub(super) fn delete_all<'a>(line: &Line<'a>, data: Json<'a>) -> Mapped<'a> {
    let deletion: Deletion<'a> = data.read();
    let (Some(chat), Some(true)) = (addressed([deletion.jid]), deletion.all.flag()) else {
        return Err(Nothing::because("no message key"));
    };
    Ok(Fact {
        identity: vec!["deleted".into(), chat.id.clone(), "all".into()],
        about: Some(chat.id.clone()),
        data: Data::MessageDeleted(MessageDeletion {
            conversation: conversation(line, chat),
            ..MessageDeletion::default()
        }),
        time: None,
        happened: None,
    })
}

pub(super) fn reaction<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let Reacted { key, reaction } = json.read();
    let named = reaction.key.named().map_err(|nothing| Nothing {
        about: addressed([key.remote, key.remote_alt]).map(|chat| chat.id),
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
