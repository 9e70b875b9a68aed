//! What the task of a partition knows of its rows in the backlog: which are in memory, which have a time of their own, and what
//! is to be fetched next. It does no I/O and reads no clock.
//!
//! Rows are fetched in the order of the log, behind a cursor that is lowered by each row that is added below it, so that none
//! is passed over and none is read twice for nothing. Of a target that takes deliveries in order, a row with a time of its own
//! blocks its key: those after it stay in the database, and are fetched by their key once it is settled.
//!
//! Fetching and writing never overlap, so what a fetch returns is either unknown here or held ([`Held`]) until the change of it
//! is durable.

mod fetched;
mod lane;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use bytes::Bytes;
use schemas::backlog::{Contents, Wanted, Which};
use schemas::record::Offset;
use schemas::sink::Target;
use schemas::time::Timestamp;
use tokio::time::Instant;

use self::lane::Lane;
use crate::flight::WorkId;

/// How many rows of one key are fetched together.
const OF_KEY: usize = 16;

/// How many rows are fetched together, of all targets.
const AT_ONCE: usize = 400;

/// What is known of a row that is not simply in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// It is in memory: it waits for its turn, is under way, or is being given up.
    Here(WorkId),
    /// It waits in the database until its time has come: its key, and that time.
    Timed(Bytes, Instant),
    /// It is settled, and being removed.
    Leaving,
}

/// A delivery as far as its row is concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) target: &'a Target,
    pub(crate) key: &'a Bytes,
    pub(crate) offset: Offset,
    /// Whether its target takes deliveries of one key in order.
    pub(crate) ordered: bool,
}

/// The rows of one partition.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    lanes: HashMap<Target, Lane>,
    timers: BTreeSet<(Instant, Offset, TimerTarget)>,
    /// Rows whose record will be read from the log once more.
    read_again: BTreeMap<Offset, HashSet<Target>>,
    /// Keys whose rows are to be fetched, each with the offset after which.
    keys: VecDeque<(Target, Bytes, Offset)>,
    /// What was fetched last, so that each kind has its turn.
    turn: usize,
}

/// A target in the order of its name.
type TimerTarget = String;

impl Rows {
    /// Takes over what the database holds. `moment` says when a time is.
    pub(crate) fn load(
        &mut self,
        contents: Contents,
        ordered: impl Fn(&Target) -> bool,
        moment: impl Fn(Timestamp) -> Instant,
    ) {
        for target in contents.in_line {
            self.look(&Target::Named(target));
        }
        for due in contents.due {
            let target = Target::Named(due.target);
            let place = Place {
                target: &target,
                key: &due.key,
                offset: due.offset,
                ordered: ordered(&target),
            };
            let lane = self.lanes.entry(target.clone()).or_default();
            let at = moment(due.at);
            match lane.held.get(&due.offset) {
                None => {
                    lane.time(&place, at);
                    // What of its key came after it, if anything did.
                    lane.set_behind(place.key, place.offset.next());
                }
                // Others may have made it due.
                Some(Held::Timed(_, before)) if at < *before => lane.time(&place, at),
                Some(_) => continue,
            }
            self.timers.insert((at, due.offset, target.to_string()));
        }
        for (target, offset) in contents.read_again {
            let target = Target::Named(target);
            self.read_again.entry(offset).or_default().insert(target);
        }
    }

    /// Looks through all that is in line for a target again.
    pub(crate) fn look(&mut self, target: &Target) {
        let lane = self.lanes.entry(target.clone()).or_default();
        (lane.more, lane.cursor) = (true, None);
    }

    /// Makes everything of a target due that has a time of its own.
    pub(crate) fn make_due(&mut self, target: &Target) {
        if let Some(lane) = self.lanes.get_mut(target) {
            let timed = lane.held.iter().filter(|(_, held)| matches!(held, Held::Timed(..)));
            lane.due.extend(timed.map(|(offset, _)| *offset));
            let name = target.to_string();
            self.timers.retain(|(_, _, target)| *target != name);
        }
    }

    /// Whether a delivery that was read from the log is in the backlog already: then it is settled there.
    pub(crate) fn was_parked(&mut self, target: &Target, offset: Offset) -> bool {
        let again = self.read_again.get_mut(&offset);
        if !again.is_some_and(|again| again.remove(target)) {
            return false;
        }
        // From now on it may be fetched.
        self.lanes.entry(target.clone()).or_default().add_below(offset);
        true
    }

    /// Notes that the log was read up to `offset`. Rows up to there may be fetched, also those whose record is sent to their target no
    /// more: the target is gone, or other rules hold.
    pub(crate) fn read_past(&mut self, offset: Offset) {
        while let Some(first) = self.read_again.first_entry().filter(|first| *first.key() <= offset) {
            let (at, targets) = first.remove_entry();
            for target in targets {
                self.lanes.entry(target).or_default().add_below(at);
            }
        }
    }

    /// Whether a delivery that was read from the log has to go to the backlog because others of its key are there, not all of
    /// which are in memory.
    pub(crate) fn must_follow(&self, place: &Place<'_>) -> bool {
        let lane = self.lanes.get(place.target);
        place.ordered && lane.is_some_and(|lane| lane.is_behind(place.key))
    }

    /// Notes that a row is being added. With `here` its delivery is under way, and a time of its own keeps others from trying it
    /// too; without, it is in line if it has no `due`.
    pub(crate) fn adding(&mut self, place: &Place<'_>, due: Option<Instant>, here: Option<WorkId>) {
        let lane = self.lanes.entry(place.target.clone()).or_default();
        match (here, due) {
            (Some(id), _) => {
                lane.hold(place.offset, Held::Here(id));
                lane.block(place);
            }
            (None, Some(due)) => {
                lane.time(place, due);
                self.timers.insert((due, place.offset, place.target.to_string()));
            }
            (None, None) => {
                lane.adding += 1;
                lane.comes(place.offset);
                lane.set_behind(place.key, place.offset);
            }
        }
    }

    /// Notes that a row is being added whose delivery stays in memory, as if it had been fetched: it goes out in its turn. Only where
    /// nothing of its key is in the database alone ([`Self::must_follow`]).
    pub(crate) fn adding_here(&mut self, place: &Place<'_>, id: WorkId) {
        let lane = self.lanes.entry(place.target.clone()).or_default();
        lane.hold(place.offset, Held::Here(id));
    }

    /// Returns how many rows of a target are in memory.
    pub(crate) fn here(&self, target: &Target) -> usize {
        self.lanes.get(target).map_or(0, |lane| lane.here)
    }

    /// Notes that a row was added that is in line.
    pub(crate) fn added_in_line(&mut self, target: &Target, offset: Offset) {
        let lane = self.lanes.entry(target.clone()).or_default();
        lane.adding = lane.adding.saturating_sub(1);
        lane.add_below(offset);
    }

    /// Notes that the attempt of a row failed, and when the next one is due.
    pub(crate) fn tried(&mut self, place: &Place<'_>, due: Instant) {
        let lane = self.lanes.entry(place.target.clone()).or_default();
        lane.time(place, due);
        self.timers.insert((due, place.offset, place.target.to_string()));
    }

    /// Notes that a row that is in memory goes back to where it was in line, because one before it of its key waits.
    pub(crate) fn put_back(&mut self, place: &Place<'_>) {
        if let Some(lane) = self.lanes.get_mut(place.target)
            && let Some(after) = lane.put_back(place)
        {
            self.fetch_key(place.target, place.key, after);
        }
    }

    /// Notes that a row is settled and being removed.
    pub(crate) fn removing(&mut self, place: &Place<'_>) {
        if let Some(lane) = self.lanes.get_mut(place.target) {
            lane.hold(place.offset, Held::Leaving);
            if let Some(after) = lane.settle(place.key, place.offset) {
                self.fetch_key(place.target, place.key, after);
            }
        }
    }

    fn fetch_key(&mut self, target: &Target, key: &Bytes, after: Offset) {
        self.keys.push_back((target.clone(), key.clone(), after));
    }

    /// Notes that a row was removed.
    pub(crate) fn removed(&mut self, target: &Target, offset: Offset) {
        if let Some(lane) = self.lanes.get_mut(target) {
            if lane.held.get(&offset) == Some(&Held::Leaving) {
                lane.held.remove(&offset);
            }
            self.drop_if_empty(target);
        }
    }

    /// Whether a delivery has a row, or is about to.
    pub(crate) fn holds(&self, target: &Target, offset: Offset) -> bool {
        let lane = self.lanes.get(target);
        lane.is_some_and(|lane| lane.held.contains_key(&offset))
    }

    /// Whether the delivery `id`, which is in memory, is that of a row.
    pub(crate) fn is_here(&self, target: &Target, offset: Offset, id: WorkId) -> bool {
        let lane = self.lanes.get(target);
        lane.is_some_and(|lane| lane.held.get(&offset) == Some(&Held::Here(id)))
    }

    /// Returns how many targets have rows.
    pub(crate) fn targets(&self) -> u32 {
        u32::try_from(self.lanes.len()).unwrap_or(u32::MAX)
    }

    /// Returns when to ask again what is wanted, not before `soonest`.
    pub(crate) fn next_want(&self, soonest: Instant) -> Option<Instant> {
        let waits = |lane: &Lane| lane.more || !lane.due.is_empty();
        if !self.keys.is_empty() || self.lanes.values().any(waits) {
            return Some(soonest);
        }
        let timer = self.timers.first().map(|(at, ..)| *at);
        timer.map(|at| at.max(soonest))
    }

    /// Notes that what was wanted could not be fetched.
    pub(crate) fn not_fetched(&mut self, wanted: Vec<Wanted>) {
        for want in wanted {
            if let Which::OfKey {
                key,
                after: Some(after),
                ..
            } = want.which
            {
                self.keys.push_back((Target::Named(want.target), key, after));
            }
        }
    }

    /// Returns what to fetch now: rows of one kind, for targets for which `appetite` returns how many more may be in memory. What
    /// is at or after `before` is not fetched.
    pub(crate) fn wants(
        &mut self,
        now: Instant,
        before: Offset,
        appetite: impl Fn(&Target, usize) -> usize,
    ) -> Option<Vec<Wanted>> {
        self.advance(now);
        for _ in 0..3 {
            self.turn = (self.turn + 1) % 3;
            let wanted = match self.turn {
                0 => self.want_keys(),
                1 => self.want_due(before, &appetite),
                _ => self.want_in_line(&appetite),
            };
            if !wanted.is_empty() {
                return Some(wanted);
            }
        }
        None
    }

    /// Makes those due whose time has come.
    fn advance(&mut self, now: Instant) {
        while self.timers.first().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, offset, target)) = self.timers.pop_first() else {
                return;
            };
            if let Some(lane) = self.lanes.get_mut(&Target::Named(target))
                && let Some(Held::Timed(_, due)) = lane.held.get(&offset)
                && *due <= now
            {
                lane.due.insert(offset);
            }
        }
    }

    fn want_keys(&mut self) -> Vec<Wanted> {
        let count = self.keys.len().min(AT_ONCE / OF_KEY);
        let lanes = &mut self.lanes;
        let of_key = |(target, key, after): (Target, Bytes, Offset)| {
            let lane = lanes.get_mut(&target)?;
            let (after, limit) = (Some(lane.want_key(&key, after)), OF_KEY);
            Some(want(&target, Which::OfKey { key, after, limit }))
        };
        self.keys.drain(..count).filter_map(of_key).collect()
    }

    fn want_due(&mut self, before: Offset, appetite: &impl Fn(&Target, usize) -> usize) -> Vec<Wanted> {
        let mut wanted: Vec<Wanted> = Vec::new();
        for (target, lane) in self.lanes.iter().filter(|(_, lane)| !lane.due.is_empty()) {
            let most = appetite(target, lane.here).min(AT_ONCE - wanted.len());
            let may = |offset: &&Offset| **offset < before && lane.is_first_of_key(**offset);
            let due = lane.due.iter().filter(may).take(most);
            wanted.extend(due.map(|offset| want(target, Which::At(*offset))));
            if wanted.len() >= AT_ONCE {
                break;
            }
        }
        wanted
    }

    fn want_in_line(&mut self, appetite: &impl Fn(&Target, usize) -> usize) -> Vec<Wanted> {
        let (mut wanted, mut rows) = (Vec::new(), 0);
        for (target, lane) in self.lanes.iter_mut().filter(|(_, lane)| lane.more) {
            let limit = appetite(target, lane.here).min(AT_ONCE - rows);
            if limit > 0 {
                lane.came = None;
                let after = lane.cursor;
                wanted.push(want(target, Which::InLine { after, limit }));
                rows += limit;
            }
            if rows >= AT_ONCE {
                break;
            }
        }
        wanted
    }

    fn drop_if_empty(&mut self, target: &Target) {
        if self.lanes.get(target).is_some_and(Lane::is_empty) {
            self.lanes.remove(target);
        }
    }
}

fn want(target: &Target, which: Which) -> Wanted {
    Wanted {
        target: target.to_string(),
        which,
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
