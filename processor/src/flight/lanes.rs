//! Which pending deliveries may go out, of a sink whose targets have nothing to do with one another: an index by target, and
//! within it by sequence. It does no I/O and reads no clock.
//!
//! A sequence is under way, or ready, or waits until its first delivery is due. Targets take turns, and each has at most
//! [`MOST`] sequences and a share of the deliveries under way, so that one that never answers costs the others nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use schemas::sink::Target;
use tokio::time::Instant;

use super::pick::SEQUENCE_MOST;
use super::{Origin, WorkId};

/// How many sequences of one target may be under way, in each partition.
pub(super) const MOST: usize = 64;

/// The index.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    by_target: HashMap<Target, Lane>,
    /// Targets with a sequence that may go out, each once: the next in turn is first.
    turns: VecDeque<Target>,
    /// How many deliveries one target may have under way, as it was when the last were taken.
    share: usize,
    /// When first deliveries are due. An entry whose delivery is no longer the first of its sequence means nothing.
    timers: BTreeSet<(Instant, WorkId)>,
}

/// What is pending for one target.
#[derive(Debug)]
struct Lane {
    sequences: HashMap<Bytes, Sequence>,
    /// The sequences that may go out now, by their first delivery: those that begin with one from the log, and with one from the
    /// backlog.
    ready: [BTreeMap<WorkId, Bytes>; 2],
    /// Whose turn it is of the two.
    next: Origin,
    /// How many sequences and deliveries are under way.
    under_way: usize,
    deliveries: usize,
    has_turn: bool,
}

/// What is pending of one key.
#[derive(Debug, Default)]
struct Sequence {
    ids: BTreeSet<WorkId>,
    /// How many of its deliveries are under way.
    under_way: usize,
    /// Its entry in `Lane::ready`.
    ready: Option<WorkId>,
}

impl Lanes {
    /// Adds a delivery; `due` returns when a pending delivery is due.
    pub(super) fn add(
        &mut self,
        target: &Target,
        key: &Bytes,
        id: WorkId,
        now: Instant,
        due: impl Fn(WorkId) -> Instant,
    ) {
        let lane = self.by_target.entry(target.clone()).or_default();
        let sequence = lane.sequences.entry(key.clone()).or_default();
        sequence.ids.insert(id);
        if sequence.ids.first() == Some(&id) {
            self.refresh(target, key, now, due);
        }
    }

    /// Removes a delivery that is not to go out any more.
    pub(super) fn remove(
        &mut self,
        target: &Target,
        key: &Bytes,
        id: WorkId,
        now: Instant,
        due: impl Fn(WorkId) -> Instant,
    ) {
        let sequence = self
            .by_target
            .get_mut(target)
            .and_then(|lane| lane.sequences.get_mut(key));
        if sequence.is_some_and(|sequence| sequence.ids.remove(&id)) {
            self.refresh(target, key, now, due);
        }
    }

    /// Takes the next sequence in turn that its target admits: its deliveries, for as long as `take` returns true, and until its
    /// target has `share` of them under way. It is under way from now on. At least the first is taken.
    ///
    /// `admits` is asked once for each of the two origins of a target whose turn it is, until it returns true.
    pub(super) fn next(
        &mut self,
        share: usize,
        mut admits: impl FnMut(&Target, Origin) -> bool,
        mut take: impl FnMut(WorkId) -> bool,
    ) -> Option<(Target, Bytes, Vec<WorkId>)> {
        self.share = share;
        for _ in 0..self.turns.len() {
            let target = self.turns.pop_front()?;
            let Some(lane) = self.by_target.get_mut(&target) else {
                continue;
            };
            lane.has_turn = false;
            if lane.deliveries >= share {
                // It keeps its turn for when it may have more.
                lane.give_turn(target, &mut self.turns);
                continue;
            }
            let origins = [lane.next, lane.next.other()].into_iter();
            let mut may = origins.filter(|origin| !lane.ready[*origin as usize].is_empty());
            let Some(origin) = may.find(|origin| admits(&target, *origin)) else {
                lane.give_turn(target, &mut self.turns);
                continue;
            };
            lane.next = origin.other();
            let Some((_, key)) = lane.ready[origin as usize].pop_first() else {
                continue;
            };
            let Some(sequence) = lane.sequences.get_mut(&key) else {
                continue;
            };
            sequence.ready = None;
            let mut taken = Vec::new();
            while let Some(id) = sequence.ids.first().copied() {
                if (!take(id) || lane.deliveries == share) && !taken.is_empty() {
                    break;
                }
                sequence.ids.remove(&id);
                taken.push(id);
                lane.deliveries += 1;
            }
            sequence.under_way = taken.len();
            lane.under_way += 1;
            lane.give_turn(target.clone(), &mut self.turns);
            return Some((target, key, taken));
        }
        None
    }

    /// Notes that what was taken of a sequence has come back: settled, or added again.
    pub(super) fn back(&mut self, target: &Target, key: &Bytes, now: Instant, due: impl Fn(WorkId) -> Instant) {
        let Some(lane) = self.by_target.get_mut(target) else {
            return;
        };
        let sequence = lane.sequences.get_mut(key);
        let deliveries = sequence.map_or(0, |sequence| std::mem::take(&mut sequence.under_way));
        if deliveries > 0 {
            lane.under_way -= 1;
            lane.deliveries -= deliveries;
            self.refresh(target, key, now, due);
        }
    }

    /// Makes the sequences ready whose time has come. `sequence` returns the target and key of a pending delivery.
    pub(super) fn advance<'a>(
        &mut self,
        now: Instant,
        sequence: impl Fn(WorkId) -> Option<(&'a Target, &'a Bytes)>,
        due: impl Fn(WorkId) -> Instant,
    ) {
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            if let Some((target, key)) = sequence(id) {
                self.refresh(target, key, now, &due);
            }
        }
    }

    /// Returns when the next sequence is due that is not by `now`.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        self.timers.iter().map(|(at, _)| *at).find(|at| *at > now)
    }

    /// Whether a target has as much under way as it may.
    pub(super) fn is_full(&self, target: &Target) -> bool {
        // Where what may go out is short for another reason, a share is small and says nothing about the target.
        let share = self.share.max(SEQUENCE_MOST);
        let full = |lane: &Lane| lane.under_way >= MOST || lane.deliveries >= share;
        self.by_target.get(target).is_some_and(full)
    }

    /// Returns the targets for which anything is pending or under way.
    pub(super) fn targets(&self) -> Vec<Target> {
        self.by_target.keys().cloned().collect()
    }

    /// Returns what is pending of a target.
    pub(super) fn of_target(&self, target: &Target) -> Vec<WorkId> {
        let lane = self.by_target.get(target);
        let sequences = lane.into_iter().flat_map(|lane| lane.sequences.values());
        sequences.flat_map(|sequence| sequence.ids.iter().copied()).collect()
    }

    /// Returns what is pending of a sequence.
    pub(super) fn of_sequence(&self, target: &Target, key: &Bytes) -> Vec<WorkId> {
        let sequence = self.by_target.get(target).and_then(|lane| lane.sequences.get(key));
        sequence.map_or_else(Vec::new, |sequence| sequence.ids.iter().copied().collect())
    }

    /// Whether nothing is left of anything that was added.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_target.is_empty() && self.turns.is_empty() && self.timers.is_empty()
    }

    /// Puts a sequence where it belongs.
    fn refresh(&mut self, target: &Target, key: &Bytes, now: Instant, due: impl Fn(WorkId) -> Instant) {
        let Some(lane) = self.by_target.get_mut(target) else {
            return;
        };
        let Some(sequence) = lane.sequences.get_mut(key) else {
            return;
        };
        if let Some(before) = sequence.ready.take() {
            lane.ready[before.origin() as usize].remove(&before);
        }
        match sequence.ids.first().copied() {
            _ if sequence.under_way > 0 => {}
            None => {
                lane.sequences.remove(key);
            }
            Some(first) => {
                let at = due(first);
                if at > now {
                    self.timers.insert((at, first));
                } else {
                    sequence.ready = Some(first);
                    lane.ready[first.origin() as usize].insert(first, key.clone());
                }
            }
        }
        if lane.sequences.is_empty() {
            self.by_target.remove(target);
        } else {
            lane.give_turn(target.clone(), &mut self.turns);
        }
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            sequences: HashMap::new(),
            ready: Default::default(),
            next: Origin::Log,
            under_way: 0,
            deliveries: 0,
            has_turn: false,
        }
    }
}

impl Lane {
    /// Gives the target a turn, if it has use for one and none yet.
    fn give_turn(&mut self, target: Target, turns: &mut VecDeque<Target>) {
        let is_ready = self.ready.iter().any(|ready| !ready.is_empty());
        if !self.has_turn && is_ready && self.under_way < MOST {
            self.has_turn = true;
            turns.push_back(target);
        }
    }
}
