//! The line itself and the people on it: `connection.update`, `presence.update`, `contacts.upsert`, `contacts.update`.

use schemas::data::{Connection, ConnectionState, Contact, Data, Presence, PresenceOf, Text};

use super::jid::{Addressed, addressed, conversation, phone};
use super::{Fact, Line, Mapped, Nothing};
use crate::normalize::digest;
use crate::normalize::json::{Json, object};

object! {
    Update {
        connection: Json = "connection",
        qr: Json = "qr",
        qr_data_url: Json = "qrDataUrl",
        is_online: Json = "isOnline",
        error: Json = "error",
        epoch: Json = "epoch",
        last: LastDisconnect = "lastDisconnect",
    }

    LastDisconnect { error: Failure = "error", date: Json = "date", }

    Failure { message: Json = "message", output: Output = "output", }

    Output { code: Json = "statusCode", payload: Payload = "payload", }

    Payload { message: Json = "message", error: Json = "error", }

    // The other address of the chat is baileys-api's own.
    Present { id: Json = "id", alt: Json = "jidAlt", presences: Json = "presences", }

    LastKnown { presence: Json = "lastKnownPresence", }

    /// What events without a mapping name chats by.
    Other {
        id: Json = "id",
        chat: Json = "chatId" | "groupId" | "jid",
        association: Association = "association",
        remote: Json = "remoteJid",
        remote_alt: Json = "remoteJidAlt",
        from: Json = "from",
        caller_pn: Json = "callerPn",
        date: Json = "date" | "messageTimestamp",
    }

    Association { chat: Json = "chatId", }

    Person {
        id: Json = "id",
        lid: Json = "lid",
        phone: Json = "phoneNumber",
        name: Json = "name",
        notify: Json = "notify",
        verified: Json = "verifiedName",
    }
}

/// Codes to be scanned stay in the raw part: whoever sees one can take the line over.
pub(super) fn connection<'a>(line: &Line<'a>, data: Json<'a>) -> Mapped<'a> {
    if !data.is_object() {
        return Err(Nothing::because("no data"));
    }
    let update: Update<'a> = data.read();
    let failure = update.last.error;
    let reasons = [
        update.error,
        failure.output.payload.message,
        failure.message,
        failure.output.payload.error,
        failure.output.code,
    ];
    Ok(Fact {
        data: Data::ConnectionUpdated(Connection {
            id: line.channel_id.clone(),
            state: match update.connection.text().as_deref() {
                Some("connecting" | "reconnecting") => Some(ConnectionState::Connecting),
                Some("open") => Some(ConnectionState::Open),
                Some("close") => Some(ConnectionState::Closed),
                _ => None,
            },
            online: update.is_online.flag(),
            pairing: (update.qr.is_there() || update.qr_data_url.is_there()).then_some(true),
            epoch: update.epoch.int(),
            reason: reasons.into_iter().find_map(Json::text),
        }),
        identity: vec!["connection.update".into(), digest(data.raw()).into()],
        time: update.last.date.time(),
        happened: None,
        about: None,
    })
}

pub(super) fn presence<'a>(line: &Line<'a>, data: Json<'a>) -> Mapped<'a> {
    let present: Present<'a> = data.read();
    let Some(chat) = addressed([present.id, present.alt]) else {
        return Err(Nothing::because("no chat id"));
    };
    let of = |id: Text<'a>, known: Json<'a>| {
        let state = known.read::<LastKnown<'a>>().presence.text()?;
        Some(PresenceOf {
            // Of a chat with one it is the other side, by either address.
            id: if chat.alternate.as_ref() == Some(&id) {
                chat.id.clone()
            } else {
                id
            },
            state: if state == "composing" { "typing".into() } else { state },
        })
    };
    Ok(Fact {
        data: Data::PresenceUpdated(Presence {
            conversation: conversation(line, chat.clone()),
            parties: present
                .presences
                .members()
                .into_iter()
                .filter_map(|(id, known)| of(id, known))
                .collect(),
        }),
        identity: vec!["presence.update".into(), chat.id.clone(), digest(data.raw()).into()],
        time: None,
        happened: None,
        about: Some(chat.id),
    })
}

/// An event without a mapping: a call, a label, a chat. It may say in which chat, and when.
pub(super) fn other(data: Json<'_>) -> Nothing<'_> {
    let mut all = data.elements();
    let one: Other<'_> = all.next().filter(|_| all.next().is_none()).unwrap_or_default().read();
    let names = [one.chat, one.association.chat, one.remote, one.from, one.id];
    let chats = names
        .into_iter()
        .filter_map(|name| addressed([name, one.remote_alt, one.caller_pn]));
    let chat = chats.map(|chat| chat.id).find(|id| id.contains('@'));
    Nothing::about("no mapping for this event name", chat).at(one.date.time())
}

pub(super) fn contact_created<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    contact(line, json, "contacts.upsert", Data::ContactCreated)
}

pub(super) fn contact_updated<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    contact(line, json, "contacts.update", Data::ContactUpdated)
}

fn contact<'a>(line: &Line<'a>, json: Json<'a>, event: &'static str, data: fn(Contact<'a>) -> Data<'a>) -> Mapped<'a> {
    let person: Person<'a> = json.read();
    let Some(Addressed { id, alternate }) = addressed([person.id, person.phone, person.lid]) else {
        return Err(Nothing::because("no contact id"));
    };
    let names = [person.name, person.notify, person.verified];
    Ok(Fact {
        data: data(Contact {
            id: id.clone(),
            name: names.into_iter().find_map(Json::text),
            phone: phone([person.phone, person.id]),
            alternate_id: alternate,
            channel_id: line.channel_id.clone(),
            group: id.ends_with("@g.us").then_some(true),
            ..Contact::default()
        }),
        identity: vec![event.into(), id.clone(), digest(json.raw()).into()],
        time: None,
        happened: None,
        about: Some(id),
    })
}
