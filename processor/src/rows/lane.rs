//! The rows of one target.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use schemas::record::Offset;
use tokio::time::Instant;

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
    /// The first row in the database, as far as known, that waits for them. It may come before them: what is read from the log
    /// once more does.
    behind: Option<Offset>,
    /// Whether anything of the key has changed since its rows were wanted.
    changed: bool,
}

impl Blocked {
    fn set_behind(&mut self, offset: Offset) {
        self.behind = Some(self.behind.map_or(offset, |behind| behind.min(offset)));
        self.changed = true;
    }
}

impl Lane {
    pub(super) fn is_empty(&self) -> bool {
        !self.more && self.held.is_empty() && self.adding == 0 && self.blocked.is_empty()
    }

    /// Notes a row in line at `offset`, so that it will be fetched.
    pub(super) fn add_below(&mut self, offset: Offset) {
        self.more = true;
        self.comes(offset);
        self.lower();
    }

    /// Notes that a row comes into line at `offset`: of what is being fetched, nothing after it may go out before it.
    pub(super) fn comes(&mut self, offset: Offset) {
        self.came = Some(self.came.map_or(offset, |came| came.min(offset)));
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

    /// Notes that a row waits for its time, which is `due`.
    pub(super) fn time(&mut self, place: &Place<'_>, due: Instant) {
        self.hold(place.offset, Held::Timed(place.key.clone(), due));
        self.block(place);
    }

    /// Has the rows after this one of its key wait until it is settled.
    pub(super) fn block(&mut self, place: &Place<'_>) {
        if place.ordered {
            let blocked = self.blocked.entry(place.key.clone()).or_default();
            blocked.heads.insert(place.offset);
            blocked.changed = true;
        }
    }

    /// Notes that a row of a key is in the database and waits for those that block it, if it is blocked. Returns whether it is.
    pub(super) fn set_behind(&mut self, key: &Bytes, offset: Offset) -> bool {
        let blocked = self.blocked.get_mut(key);
        blocked.map(|blocked| blocked.set_behind(offset)).is_some()
    }

    /// Whether a row of a key that comes before this one has to be settled first.
    pub(super) fn waits_for_another(&self, key: &Bytes, offset: Offset) -> bool {
        let heads = self.blocked.get(key).map(|blocked| &blocked.heads);
        heads.is_some_and(|heads| heads.first().is_some_and(|first| *first < offset))
    }

    /// Whether no other row of its key has to be settled before this one, as far as that is known.
    pub(super) fn is_first_of_key(&self, offset: Offset) -> bool {
        let Some(Held::Timed(key, _)) = self.held.get(&offset) else {
            return true;
        };
        !self.waits_for_another(key, offset)
    }

    /// Notes that a row goes back to where it was in line: it is in the database, after another. Returns after which offset the
    /// rows of its key are to be fetched now, if they are.
    #[must_use]
    pub(super) fn put_back(&mut self, place: &Place<'_>) -> Option<Offset> {
        self.release(place.offset);
        let Some(blocked) = self.blocked.get_mut(place.key) else {
            self.add_below(place.offset);
            return None;
        };
        blocked.set_behind(place.offset);
        self.unblock(place.key, place.offset)
    }

    /// Notes that a row is settled. Returns after which offset the rows of its key are to be fetched now, if they are.
    #[must_use]
    pub(super) fn settle(&mut self, key: &Bytes, offset: Offset) -> Option<Offset> {
        self.unblock(key, offset)
    }

    /// Has a row no longer hold back others.
    fn unblock(&mut self, key: &Bytes, offset: Offset) -> Option<Offset> {
        let blocked = self.blocked.get_mut(key)?;
        if !blocked.heads.remove(&offset) || !blocked.heads.is_empty() {
            return None;
        }
        let Some(behind) = blocked.behind.take() else {
            self.blocked.remove(key);
            return None;
        };
        // Rows between may have come into line before it blocked its key.
        Some(before(behind).min(offset))
    }

    /// Notes that the rows of a key are wanted after an offset. Returns after which they are: more may have come.
    pub(super) fn want_key(&mut self, key: &Bytes, after: Offset) -> Offset {
        let Some(blocked) = self.blocked.get_mut(key) else {
            return after;
        };
        blocked.changed = false;
        blocked.behind.take().map_or(after, |behind| after.min(before(behind)))
    }

    /// Whether anything of a key has changed since its rows were wanted after an offset, so that what was fetched is not all that
    /// there is. Then it is to be fetched again: after the offset that is returned, or once those are settled that come first.
    pub(super) fn key_changed(&mut self, key: &Bytes, after: Offset) -> Option<Again> {
        let blocked = self.blocked.get_mut(key).filter(|blocked| blocked.changed)?;
        blocked.set_behind(after.next());
        if !blocked.heads.is_empty() {
            return Some(Again::Later);
        }
        Some(Again::Now(blocked.behind.take().map_or(after, before)))
    }

    /// Handles what was fetched of a key after `after`: the last row that is in memory or has a time of its own, if there is one,
    /// and the first that stays in the database.
    pub(super) fn key_fetched(&mut self, key: &Bytes, after: Offset, last: Option<Offset>, left: Option<Offset>) {
        let Some(blocked) = self.blocked.get_mut(key) else {
            return;
        };
        if let Some(left) = left {
            blocked.set_behind(left);
        }
        if let Some(last) = last {
            // Whether there are more is seen when these are settled.
            blocked.heads.insert(last);
            blocked.set_behind(last.next());
        } else if blocked.heads.is_empty() {
            // What is being added meanwhile lowers the cursor by itself. What was added while its target took deliveries
            // without order is not found by its key.
            self.blocked.remove(key);
            self.add_below(after.next());
        }
    }
}

/// When the rows of a key are to be fetched again.
#[derive(Debug)]
pub(super) enum Again {
    /// Now, after this offset.
    Now(Offset),
    /// Once those are settled that block the key.
    Later,
}

fn before(offset: Offset) -> Offset {
    Offset(offset.0 - 1)
}
