//! The rows of one target.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use schemas::record::Offset;

use super::{Held, Place};

/// What is known of the rows of one target.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Whether there may be rows in line after the cursor.
    pub(super) more: bool,
    /// The last row that was fetched in line.
    pub(super) cursor: Option<Offset>,
    /// The first row that has come into line since rows were last wanted.
    pub(super) came: Option<Offset>,
    pub(super) held: HashMap<Offset, Held>,
    /// How many of these are in memory.
    pub(super) here: usize,
    /// Rows whose time has come.
    pub(super) due: BTreeSet<Offset>,
    /// How many rows in line are being added.
    pub(super) adding: usize,
    /// Of a target that takes deliveries in order: keys of which something has to be settled first.
    blocked: HashMap<Bytes, Blocked>,
}

/// A key of which a row waits for its time, or of which not all rows are in memory.
#[derive(Debug, Default)]
struct Blocked {
    /// The rows that have to be settled first. None while those after them are being fetched.
    heads: BTreeSet<Offset>,
    /// Whether rows after them may be in the database.
    behind: bool,
}

impl Lane {
    pub(super) fn is_empty(&self) -> bool {
        !self.more && self.held.is_empty() && self.adding == 0 && self.blocked.is_empty()
    }

    /// Notes a row in line at `offset`, so that it will be fetched.
    pub(super) fn add_below(&mut self, offset: Offset) {
        self.more = true;
        self.came = Some(self.came.map_or(offset, |came| came.min(offset)));
        self.lower();
    }

    /// Moves the cursor before the first row that came into line below it.
    fn lower(&mut self) {
        if let (Some(cursor), Some(came)) = (self.cursor, self.came)
            && cursor >= came
        {
            self.cursor = Some(Offset(came.0 - 1));
        }
    }

    /// Notes the last row that was fetched in line.
    pub(super) fn fetched_to(&mut self, last: Offset) {
        self.cursor = Some(last);
        self.lower();
    }

    /// Whether rows of a key may be in the database that are not in memory.
    pub(super) fn is_behind(&self, key: &Bytes) -> bool {
        self.more || self.adding > 0 || self.blocked.contains_key(key)
    }

    pub(super) fn hold(&mut self, offset: Offset, held: Held) {
        self.release(offset);
        self.here += usize::from(matches!(held, Held::Here(_)));
        self.held.insert(offset, held);
    }

    /// Forgets what is known of a row.
    pub(super) fn release(&mut self, offset: Offset) {
        self.due.remove(&offset);
        if let Some(Held::Here(_)) = self.held.remove(&offset) {
            self.here -= 1;
        }
    }

    /// Notes that a row waits for its time.
    pub(super) fn time(&mut self, place: &Place<'_>) {
        self.hold(place.offset, Held::Timed(place.key.clone()));
        self.block(place);
    }

    /// Has the rows after this one of its key wait until it is settled.
    pub(super) fn block(&mut self, place: &Place<'_>) {
        if place.ordered {
            let blocked = self.blocked.entry(place.key.clone()).or_default();
            blocked.heads.insert(place.offset);
        }
    }

    /// Notes that rows of a key are in the database after those that block it, if it is blocked. Returns whether it is.
    pub(super) fn set_behind(&mut self, key: &Bytes) -> bool {
        let blocked = self.blocked.get_mut(key);
        blocked.map(|blocked| blocked.behind = true).is_some()
    }

    /// Whether no other row of its key has to be settled before this one, as far as that is known.
    pub(super) fn is_first_of_key(&self, offset: Offset) -> bool {
        let Some(Held::Timed(key)) = self.held.get(&offset) else {
            return true;
        };
        let heads = self.blocked.get(key).map(|blocked| &blocked.heads);
        heads.is_none_or(|heads| heads.first().is_none_or(|first| *first >= offset))
    }

    /// Notes that a row goes back to where it was in line: it is in the database, after another that blocks its key.
    pub(super) fn put_back(&mut self, place: &Place<'_>) {
        self.release(place.offset);
        if let Some(blocked) = self.blocked.get_mut(place.key) {
            blocked.heads.remove(&place.offset);
            blocked.behind = true;
        } else {
            self.add_below(place.offset);
        }
    }

    /// Notes that a row is settled. Returns whether those after it of its key are to be fetched now.
    #[must_use]
    pub(super) fn settle(&mut self, key: &Bytes, offset: Offset) -> bool {
        let Some(blocked) = self.blocked.get_mut(key) else {
            return false;
        };
        if !blocked.heads.remove(&offset) || !blocked.heads.is_empty() {
            return false;
        }
        let behind = std::mem::take(&mut blocked.behind);
        if !behind {
            self.blocked.remove(key);
        }
        behind
    }

    /// Handles what was fetched of a key after `after`: the last row that is not being removed, if there is one.
    pub(super) fn key_fetched(&mut self, key: &Bytes, after: Offset, last: Option<Offset>) {
        let Some(blocked) = self.blocked.get_mut(key) else {
            return;
        };
        if let Some(last) = last {
            // Whether there are more is seen when these are settled.
            blocked.heads.insert(last);
            blocked.behind = true;
        } else if blocked.heads.is_empty() {
            // What is being added meanwhile lowers the cursor by itself. What was added while its target took deliveries
            // without order is not found by its key.
            self.blocked.remove(key);
            self.add_below(after.next());
        }
    }
}
