//! The connection family: tells of a line, in one lease of it.

use schemas::data::{Connection, ConnectionState};
use serde::Deserialize;

use super::{Told, text};
use crate::state::{Part, State};

#[derive(Deserialize)]
struct Member<T> {
    connection: T,
}

/// Where the platform names no line, all of the source are one, whose id is empty; where it tells no lease, there is one, number 0.
pub(super) fn told(state: &mut State, event: &Told<'_>) -> Option<()> {
    let Member { connection } = event.read::<Member<Connection<'_>>>()?;
    let version = event.version();
    let mut key = event.key(&[])?;
    key.push(Part::Text(text(connection.id).unwrap_or_default()));
    key.push(Part::Number(connection.epoch.unwrap_or_default()));
    let row = state.connections.entry(key).or_default();
    row.platform.say(Some(event.platform()));
    row.last_time.say(Some(event.time));
    if let Some(now) = connection.state {
        row.opened_version
            .say((now == ConnectionState::Open).then_some(version));
        row.state.say(version, word(now).to_owned());
    }
    if let Some(online) = connection.online {
        row.online.say(version, online);
    }
    if let Some(pairing) = connection.pairing {
        row.pairing.say(version, pairing);
    }
    if let Some(reason) = text(connection.reason) {
        row.reason.say(version, reason);
    }
    Some(())
}

fn word(state: ConnectionState) -> &'static str {
    match state {
        ConnectionState::Connecting => "connecting",
        ConnectionState::Open => "open",
        ConnectionState::Closed => "closed",
    }
}
