//! What each type of event says of the tables of state, a file for each family.
//!
//! An event of another type says nothing: what the sender names itself, what no mapping knows, presence, reactions, requests to
//! join, and Forebay's own. Of contacts only the contact family tells, not the parties of messages and tickets: these carry what a
//! message was sent with, which may be older than what is known.
//!
//! **Nothing here fails.** A row of `event` that is stored stands, whatever its data are: what cannot be read, or names nothing that
//! can be a key, is left out and counted in [`State::unread`].

mod connection;
mod contact;
mod group;
mod message;
mod ticket;

use std::borrow::Cow;

use schemas::data::Text;
use schemas::id::EventId;
use schemas::time::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::register::Version;
use super::{Key, Part, State};
use crate::table::Row;

/// What the tables of state take from an event, be it in the log or in the table `event`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) id: EventId,
    pub(crate) time: Timestamp,
    pub(crate) tenant: &'a str,
    pub(crate) source: &'a str,
    pub(crate) platform: &'a str,
    pub(crate) event_type: &'a str,
    /// The normalized event as the table has it: an object whose one member is that of the type.
    pub(crate) data: &'a str,
}

impl<'a> From<&'a Row<'_>> for Told<'a> {
    fn from(row: &'a Row<'_>) -> Self {
        Self {
            id: row.id,
            time: row.time,
            tenant: row.tenant,
            source: &row.source,
            platform: &row.platform,
            event_type: row.event_type,
            data: &row.data,
        }
    }
}

impl State {
    /// Takes what an event says.
    pub(crate) fn take_told(&mut self, event: &Told<'_>) {
        let read = match event.event_type {
            "message.created" => message::created(self, event),
            "message.updated" => message::updated(self, event),
            "message.status" => message::status(self, event),
            "message.deleted" => message::deleted(self, event),
            "ticket.created" | "ticket.updated" | "ticket.transferred" | "ticket.closed" | "ticket.reopened" => {
                ticket::told(self, event)
            }
            "contact.created" | "contact.updated" => contact::told(self, event),
            "group.created" | "group.updated" => group::told(self, event),
            "group.participants.updated" => group::participants(self, event),
            "connection.updated" => connection::told(self, event),
            _ => Some(()),
        };
        if read.is_none() {
            self.unread += 1;
        }
    }
}

impl<'a> Told<'a> {
    /// Its id with the rank of its type in the digit of the UUID's version: of what is told for one millisecond, what is created
    /// comes first, and what ends something comes last.
    pub(crate) fn version(&self) -> Version {
        let rank = match self.event_type {
            "message.created" | "ticket.created" | "contact.created" | "group.created" => 0x00,
            "ticket.closed" | "ticket.reopened" | "message.deleted" => 0x90,
            _ => 0x80,
        };
        let mut bytes = self.id.uuid().into_bytes();
        bytes[6] = (bytes[6] & 0x0f) | rank;
        Version(Uuid::from_bytes(bytes))
    }

    /// The member of `data`, in the type that wraps it with its name. `None` if it cannot be read.
    fn read<T: Deserialize<'a>>(&self) -> Option<T> {
        serde_json::from_str(self.data).ok()
    }

    fn platform(&self) -> String {
        self.platform.to_owned()
    }

    /// The key of what has these ids. `None` if one of them is empty.
    fn key(&self, ids: &[&str]) -> Option<Key> {
        if ids.iter().any(|id| id.is_empty()) {
            return None;
        }
        let parts = [self.tenant, self.source].into_iter().chain(ids.iter().copied());
        Some(parts.map(|part| Part::Text(part.to_owned())).collect())
    }
}

/// An id that is no part of the key, unless it is empty.
fn id(id: Option<Text<'_>>) -> Option<String> {
    text(id.filter(|id| !id.is_empty()))
}

fn text(text: Option<Text<'_>>) -> Option<String> {
    text.map(Cow::into_owned)
}
