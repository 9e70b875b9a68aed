//! WAHA, one `WhatsApp` line per session: `{"id": "evt_…", "timestamp", "event", "session", "me", "payload", "engine"}`.
//!
//! WAHA runs over several engines that fill the payload differently; `_data` is what the engine said and is read for what
//! WAHA leaves out: names, authors, contents. Addresses are spelled WAHA's way (`@c.us`). Messages are named
//! `<from us>_<chat>_<id>` with the participant after it in groups; where an edit or a deletion gives the bare id, the
//! whole name is put together again.
//!
//! `message.any` has all messages, `message` those of customers, so these come under both names: the same event. Sources:
//! the events page of waha.devlike.pro and the sender's data types.

mod content;
mod groups;
mod messages;
mod names;
mod notices;

use schemas::data::{Connection, ConnectionState, Data, Party, PartyKind, Presence, PresenceOf, Text, Unmapped};
use schemas::time::Timestamp;

use super::baileys::jid::{self, Addressed, phone, spelled};
use super::baileys::{Fact, Line, Mapped, Nothing, Scope};
use super::json::{Json, object};
use super::{Adapter, Because, Normalized, Webhook, digest, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body {
        id: Json = "id",
        timestamp: Json = "timestamp",
        event: Json = "event",
        session: Json = "session",
        me: Me = "me",
        payload: Json = "payload",
        engine: Json = "engine",
    }

    /// The number that the session is logged in with.
    Me { id: Json = "id", lid: Json = "lid", jid: Json = "jid", name: Json = "pushName", }

    Session { name: Json = "name", status: Json = "status", }

    /// What an engine says of itself: a word, or one of these.
    State { state: Json = "state", connection: Json = "connection", }

    Moment { timestamp: Json = "timestamp", vote: Vote = "vote", }

    Vote { timestamp: Json = "timestamp", }

    Present { id: Json = "id", presences: Json = "presences", }

    Known { participant: Json = "participant", presence: Json = "lastKnownPresence", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let Some(event) = body.event.short() else {
        return Err(Unmapped::because("no event name"));
    };
    let line = &Line::named(body.session);
    let mapped = match &*event {
        "message" | "message.any" => body.message(line),
        "message.edited" => body.edited(line),
        "message.revoked" => body.revoked(line),
        "message.reaction" => body.reaction(line),
        "message.ack" | "message.ack.group" => body.ack(line),
        "session.status" => body.session_status(line),
        "state.change" => body.engine_state(line),
        "presence.update" => body.presence(line),
        "group.join" => body.joined_or_left("join"),
        "group.leave" => body.joined_or_left("leave"),
        "group.v2.join" => body.we_joined(),
        "group.v2.leave" => body.we_left(),
        "group.v2.update" => body.group_updated(),
        "group.v2.participants" => body.participants(),
        "group.v2.participants.join-request" | "group.v2.participants.join_request" => body.join_request(),
        _ => Err(Nothing::about("no mapping for this event name", body.chat_of_other())),
    };
    let mapped = mapped.map_err(|nothing| nothing.at(body.happened_by_itself()));
    let scope = Scope { webhook, event, line };
    Ok(Normalized::Events(vec![scope.whole(mapped)]))
}

impl<'a> Body<'a> {
    /// What distinguishes the webhook where its payload has no name of its own: every retry repeats it.
    fn own_identity(&self, event: &'static str) -> Vec<Text<'a>> {
        let id = self.id.text();
        vec![event.into(), id.unwrap_or_else(|| digest(self.payload.raw()).into())]
    }

    /// When WAHA made the webhook.
    fn time(&self) -> Option<Timestamp> {
        self.timestamp.time()
    }

    /// When what has no mapping happened, or else when WAHA reported it.
    fn happened_by_itself(&self) -> Option<Timestamp> {
        let Moment { timestamp, vote } = self.payload.read();
        let stated = [timestamp, vote.timestamp].into_iter().find_map(Json::time);
        stated.or_else(|| self.time())
    }

    fn we(&self) -> Option<Party<'a>> {
        party(
            [self.me.id, self.me.jid, self.me.lid],
            PartyKind::Agent,
            self.me.name.text(),
        )
    }

    fn session_status(&self, line: &Line<'a>) -> Mapped<'a> {
        let session: Session<'a> = self.payload.read();
        let (state, pairing) = match session.status.text().as_deref() {
            Some("WORKING") => (ConnectionState::Open, None),
            Some("STARTING") => (ConnectionState::Connecting, None),
            Some("SCAN_QR_CODE" | "PASSKEY_REQUIRED" | "PASSKEY_CONFIRMATION_REQUIRED") => {
                (ConnectionState::Connecting, Some(true))
            }
            Some("STOPPED" | "FAILED") => (ConnectionState::Closed, None),
            _ => return Err(Nothing::because("no status")),
        };
        let closed = state == ConnectionState::Closed;
        Ok(self.connection(
            "session.status",
            Connection {
                id: session.name.text().or_else(|| line.channel_id.clone()),
                state: Some(state),
                pairing,
                reason: session.status.text().filter(|_| closed),
                ..Connection::default()
            },
        ))
    }

    /// The engine's own state, in the words of the browser or of the library.
    fn engine_state(&self, line: &Line<'a>) -> Mapped<'a> {
        let state: State<'a> = self.payload.read();
        let words = [self.payload, state.state, state.connection];
        let word = words.into_iter().find_map(Json::text);
        let (state, pairing) = match word.as_deref() {
            Some("CONNECTED" | "open") => (ConnectionState::Open, None),
            Some("OPENING" | "connecting") => (ConnectionState::Connecting, None),
            Some("PAIRING") => (ConnectionState::Connecting, Some(true)),
            Some(
                "CONFLICT" | "DEPRECATED_VERSION" | "PROXYBLOCK" | "SMB_TOS_BLOCK" | "TIMEOUT" | "TOS_BLOCK"
                | "UNLAUNCHED" | "UNPAIRED" | "UNPAIRED_IDLE" | "close",
            ) => (ConnectionState::Closed, None),
            _ => return Err(Nothing::because("no state")),
        };
        let closed = state == ConnectionState::Closed;
        Ok(self.connection(
            "state.change",
            Connection {
                id: line.channel_id.clone(),
                state: Some(state),
                pairing,
                reason: word.filter(|word| closed && word != "close"),
                ..Connection::default()
            },
        ))
    }

    fn connection(&self, event: &'static str, connection: Connection<'a>) -> Fact<'a> {
        Fact {
            data: Data::ConnectionUpdated(connection),
            identity: self.own_identity(event),
            time: self.time(),
            happened: None,
            about: None,
        }
    }

    fn presence(&self, line: &Line<'a>) -> Mapped<'a> {
        let present: Present<'a> = self.payload.read();
        let Some(chat) = addressed([present.id]) else {
            return Err(Nothing::because("no chat id"));
        };
        let of = |json: Json<'a>| {
            let known: Known<'a> = json.read();
            let state = known.presence.text()?;
            Some(PresenceOf {
                id: address(known.participant)?,
                state: match &*state {
                    "online" => "available".into(),
                    "offline" => "unavailable".into(),
                    _ => state,
                },
            })
        };
        Ok(Fact {
            data: Data::PresenceUpdated(Presence {
                conversation: jid::conversation(line, chat.clone()),
                parties: present.presences.elements().filter_map(of).collect(),
            }),
            identity: self.own_identity("presence.update"),
            time: self.time(),
            happened: None,
            about: Some(chat.id),
        })
    }
}

/// An address as WAHA spells it, whatever the engine does.
fn address(json: Json<'_>) -> Option<Text<'_>> {
    Some(spelled(json.text()?, "s.whatsapp.net", "c.us"))
}

/// As [`jid::addressed`], in WAHA's spelling.
fn addressed<'a>(addresses: impl IntoIterator<Item = Json<'a>>) -> Option<Addressed<'a>> {
    addressed_texts(addresses.into_iter().filter_map(Json::text))
}

fn addressed_texts<'a>(addresses: impl IntoIterator<Item = Text<'a>>) -> Option<Addressed<'a>> {
    let Addressed { id, alternate } = jid::addressed_texts(addresses)?;
    let waha = |address| spelled(address, "s.whatsapp.net", "c.us");
    Some(Addressed {
        id: waha(id),
        alternate: alternate.map(waha),
    })
}

/// A person or chat under these addresses, with the phone number from any of them.
fn party<'a>(
    addresses: impl IntoIterator<Item = Json<'a>> + Clone,
    kind: PartyKind,
    name: Option<Text<'a>>,
) -> Option<Party<'a>> {
    let Addressed { id, alternate } = addressed(addresses.clone())?;
    Some(Party {
        id: Some(id),
        kind: Some(kind),
        name,
        phone: phone(addresses),
        alternate_id: alternate,
    })
}
