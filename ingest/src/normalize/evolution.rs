//! Evolution API: `{"event": …, "instance": …, "data": …, "date_time", "sender", "server_url", "apikey"}`, one `WhatsApp` line
//! per instance. Source: the sender's code, 2.3.6 and 2.3.7.
//!
//! The data are mostly what the Baileys library says, so mostly `baileys` maps them; messages come one by one and not in a
//! list. What Evolution writes itself is mapped here: updates and deletions (flat, the message's id in `keyId`), edits (the
//! bare notice), contacts, the connection.
//!
//! `date_time` is the sender's wall clock with a false `Z` and never a time. `participantsData` is broken in some versions
//! and never read. What Evolution sends for others (`send.message`) may come as `messages.upsert` too: the same event.

use schemas::data::{Connection, ConnectionState, Contact, Data, Text, Unmapped};

use super::baileys::jid::{Addressed, addressed, jid, phone};
use super::baileys::key::Key;
use super::baileys::messages::{edited, list_of_upsert, revoked, upsert, whole_second};
use super::baileys::updates::{delete, list_of_delete, status, update};
use super::baileys::{self, Fact, Line, Mapped, Nothing, Scope};
use super::json::{Json, object};
use super::{Adapter, Because, Normalized, Webhook, digest, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    // The instance's own key, if the server is configured to show it; and the URL that it posts to, with the secret in its path.
    credential: Some("apikey destination"),
    map,
};

object! {
    Body { event: Json = "event", instance: Json = "instance", data: Json = "data", sender: Json = "sender", }

    /// An update or a deletion: a key and what became of it.
    Flat {
        key: Json = "key",
        key_id: Json = "keyId",
        id: Json = "id",
        remote: Json = "remoteJid",
        remote_alt: Json = "remoteJidAlt",
        from_me: Json = "fromMe",
        status: Json = "status",
        datetime: Json = "datetime",
        message: Json = "message",
        votes: Json = "pollUpdates",
    }

    Edit {
        key: Key = "key",
        kind: Json = "type",
        edited: Json = "editedMessage",
        message: Json = "message",
        timestamp_ms: Json = "timestampMs",
        timestamp: Json = "messageTimestamp",
    }

    Person {
        remote: Json = "remoteJid",
        remote_alt: Json = "remoteJidAlt",
        lid: Json = "lid",
        id: Json = "id",
        push_name: Json = "pushName",
        name: Json = "name",
        notify: Json = "notify",
    }

    State { state: Json = "state", reason: Json = "statusReason", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let Some(event) = body.event.short() else {
        return Err(Unmapped::because("no event name"));
    };
    let line = &Line::named(body.instance);
    let data = body.data;
    let scope = Scope {
        webhook,
        event: event.clone(),
        line,
    };
    Ok(Normalized::Events(match &*event {
        // What was written before the line was up comes as it would have at its time.
        "send.message" | "messages.set" => scope.each(list_of_upsert(data), upsert),
        "messages.update" => scope.each(data, updated),
        "messages.delete" => scope.each(list_of_delete(data).unwrap_or(data), deleted),
        "messages.edited" | "send.message.update" => {
            scope.each(data, |line, json| rewritten(line, json, jid(body.sender)))
        }
        "contacts.upsert" => scope.each(data, |line, json| {
            contact(line, json, "contacts.upsert", Data::ContactCreated)
        }),
        "contacts.update" => scope.each(data, |line, json| {
            contact(line, json, "contacts.update", Data::ContactUpdated)
        }),
        "connection.update" => vec![scope.whole(connection(line, data))],
        _ => baileys::events(webhook, event, data, line),
    }))
}

/// Flat, or as Baileys says it. In groups Evolution writes a person into `participant` who need not be the sender.
///
/// What changes something else than the status has a status too, `SERVER_ACK`, which then says nothing.
fn updated<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let flat: Flat<'a> = json.read();
    if flat.key.is_there() {
        return update(line, json);
    }
    if flat.status.text().as_deref() == Some("DELETED") {
        return deleted(line, json);
    }
    let named = flat.key().named()?;
    if flat.votes.is_there() {
        return Err(named.nothing("a vote in a poll"));
    }
    if flat.message.is_object() {
        let (id, from) = (named.id.clone(), flat.key().sender(named.outbound, None));
        return edited(line, id, named, from, flat.message, flat.datetime.time());
    }
    status(line, named, flat.status, None, flat.datetime.time())
}

/// The identity has no more than the message, because some versions report it as an update as well.
fn deleted<'a>(line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let flat: Flat<'a> = json.read();
    if flat.key.is_there() {
        return delete(line, flat.key);
    }
    let named = flat.key().named()?;
    Ok(Fact {
        happened: flat.datetime.time(),
        ..revoked(line, named.id.clone(), named, None)
    })
}

/// The notice as its author's device wrote it, which calls the chat by the name of the other side: of a customer's edit
/// in a chat with us that is `ours`, and the customer is nowhere. Such an edit has no conversation.
fn rewritten<'a>(line: &Line<'a>, json: Json<'a>, ours: Option<Text<'a>>) -> Mapped<'a> {
    let edit: Edit<'a> = json.read();
    let named = edit.key.named()?;
    if ours.is_some_and(|ours| ours == named.chat) {
        return Err(Nothing::because("a change that does not say in which chat"));
    }
    let time = whole_second(edit.timestamp_ms.time()).or_else(|| edit.timestamp.time());
    let id = named.id.clone();
    let content = [edit.edited, edit.message].into_iter().find(|json| json.is_there());
    match (content, edit.kind.text().as_deref()) {
        (Some(content), _) => {
            let from = edit.key.sender(named.outbound, None);
            edited(line, id, named, from, content, time)
        }
        // Some versions report every notice under this name.
        (None, Some("0" | "REVOKE")) => Ok(Fact {
            happened: time,
            ..revoked(line, id, named, None)
        }),
        _ => Err(named.nothing("no content")),
    }
}

fn contact<'a>(line: &Line<'a>, json: Json<'a>, event: &'static str, data: fn(Contact<'a>) -> Data<'a>) -> Mapped<'a> {
    let person: Person<'a> = json.read();
    let address = if person.remote.is_there() {
        person.remote
    } else {
        person.id
    };
    let Some(Addressed { id, alternate }) = addressed([address, person.remote_alt, person.lid]) else {
        return Err(Nothing::because("no contact id"));
    };
    let names = [person.push_name, person.name, person.notify];
    Ok(Fact {
        data: data(Contact {
            id: id.clone(),
            name: names.into_iter().find_map(Json::text),
            phone: phone([address, person.remote_alt]),
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

fn connection<'a>(line: &Line<'a>, data: Json<'a>) -> Mapped<'a> {
    let State { state, reason } = data.read();
    let word = state.text();
    let state = match word.as_deref() {
        Some("open") => ConnectionState::Open,
        Some("connecting") => ConnectionState::Connecting,
        Some("close" | "refused") => ConnectionState::Closed,
        _ => return Err(Nothing::because("no state")),
    };
    // 200 is written where there is no reason.
    let reason = reason
        .text()
        .filter(|reason| reason != "200")
        .or_else(|| word.filter(|word| word == "refused"));
    Ok(Fact {
        data: Data::ConnectionUpdated(Connection {
            id: line.channel_id.clone(),
            state: Some(state),
            reason: reason.filter(|_| state == ConnectionState::Closed),
            ..Connection::default()
        }),
        identity: vec!["connection.update".into(), digest(data.raw()).into()],
        time: None,
        happened: None,
        about: None,
    })
}

impl<'a> Flat<'a> {
    fn key(&self) -> Key<'a> {
        Key {
            id: if self.key_id.is_there() { self.key_id } else { self.id },
            remote: self.remote,
            remote_alt: self.remote_alt,
            from_me: self.from_me,
            ..Key::default()
        }
    }
}
