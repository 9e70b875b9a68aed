//! The tables of current state: how tickets, messages, contacts, groups, lines and conversations stand, kept in the transaction
//! of the rows of `event`.
//!
//! **State is a join.** Every column is a register whose merge is commutative, associative and idempotent: order,
//! repeats, replays, two writers and one that was thought dead change nothing, and no statement has to know which events of a
//! batch were new. There are no counters; what is counted is counted in a table of changes.
//!
//! **The version is the id of the event.** It sorts by time, and a redelivery has the same one. Platforms that report whole seconds
//! make ties common: in a `Version` one digit of the id, which is the same in all of them, is the rank of
//! the type, so that what was created and changed within one second ends as changed.
//!
//! **Absent says nothing.** What a platform says is empty now comes in `cleared`; what nobody reported stays null.
//!
//! `tables` has the tables, each column with its register; `facts` what each event says of them; `State` is what a batch says
//! together, each key once. The databases write that with statements made from the same descriptions (`table`).

#[cfg(test)]
mod databases;
pub(crate) mod facts;
mod fill;
mod kept;
mod key;
#[cfg(test)]
mod model;
pub(crate) mod register;
mod sheet;
pub(crate) mod sql;
pub(crate) mod table;
pub(crate) mod tables;

use std::collections::BTreeMap;

use facts::Told;
use register::Version;
use tables::{Connection, Contact, Conversation, Group, GroupMember, Message, Ticket, TicketChange};

use crate::table::Row;

pub(crate) use fill::{EVENTS_AT_A_TIME, StoredEvent};
pub use fill::{Filled, FillsState, Stretch};
pub use kept::{StateTable, StateTables};
pub(crate) use sheet::{Sheet, SheetRow, StateWritten, sheets};

/// The key of a row: tenant, source, and what the table adds.
pub(crate) type Key = Vec<Part>;

/// A part of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Text(String),
    Number(i64),
    Version(Version),
}

/// The rows of one table, each key once, in the order of their keys.
pub(crate) type Rows<T> = BTreeMap<Key, T>;

/// What the events of a batch say of the state.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) messages: Rows<Message>,
    pub(crate) conversations: Rows<Conversation>,
    pub(crate) tickets: Rows<Ticket>,
    pub(crate) ticket_changes: Rows<TicketChange>,
    pub(crate) contacts: Rows<Contact>,
    pub(crate) groups: Rows<Group>,
    pub(crate) group_members: Rows<GroupMember>,
    pub(crate) connections: Rows<Connection>,
    /// How many events were left out, wholly or in part: their data could not be read, or named nothing that can be a key.
    pub(crate) unread: u64,
}

impl State {
    /// What these rows say together. To be given **only rows that stand**: those that a batch leaves after
    /// [`leave_out_repeats`](crate::table::Plan::leave_out_repeats) (a repeated receipt has another id, hence another version, and
    /// would say everything once more as if it were news), without the rejected ones, and without those that repeat a stored event with
    /// another body (two things under one version have no order). That a row repeats a stored event and says the same does no harm.
    pub(crate) fn of<'r, 'a: 'r>(rows: impl IntoIterator<Item = &'r Row<'a>>) -> Self {
        let mut state = Self::default();
        for row in rows {
            state.take(row);
        }
        state
    }

    /// Takes what an event says.
    pub(crate) fn take(&mut self, row: &Row<'_>) {
        self.take_told(&Told::from(row));
    }

    /// Whether it says nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
            && self.conversations.is_empty()
            && self.tickets.is_empty()
            && self.ticket_changes.is_empty()
            && self.contacts.is_empty()
            && self.groups.is_empty()
            && self.group_members.is_empty()
            && self.connections.is_empty()
    }
}
