//! Which deliveries go to the backlog because they wait: those that have for longer than a moment, of a target that does not
//! keep up.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use schemas::sink::Target;
use tokio::time::Instant;

use crate::flight::{Origin, WorkId};
use crate::partition::PartitionTask;

/// How long a delivery may wait, and an attempt may take, before it is parked.
const PATIENCE: Duration = Duration::from_millis(250);

/// How often it is looked for what has waited for so long.
const STEP: Duration = Duration::from_millis(50);

/// How long after the longest attempt a row is due whose attempt is under way: then it has no outcome, because its process died.
const AFTER_ATTEMPT: Duration = Duration::from_secs(5);

/// Which targets have taken deliveries lately, in this partition.
#[derive(Debug)]
pub(super) struct Pace {
    now: HashSet<Target>,
    before: HashSet<Target>,
    since: Instant,
    looked: Instant,
}

/// For how long a target counts as one that takes deliveries.
const SPAN: Duration = Duration::from_millis(250);

/// How many times as much as a target took lately may wait for it: so it would have taken all within a second or two.
const AHEAD: usize = 4;

/// The same where most targets wait: then this process is what is slow, and not they.
const ALL_AHEAD: usize = 32;

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            now: HashSet::new(),
            before: HashSet::new(),
            since: now,
            looked: now,
        }
    }

    pub(super) fn delivered(&mut self, target: &Target) {
        if !self.now.contains(target) {
            self.now.insert(target.clone());
        }
    }

    fn turn(&mut self, now: Instant) {
        if now >= self.since + SPAN {
            self.before = std::mem::take(&mut self.now);
            self.since = now;
        }
    }

    /// How many targets took deliveries lately.
    fn targets(&self) -> usize {
        self.now.union(&self.before).count()
    }
}

impl PartitionTask {
    /// Parks what has waited for too long. Returns when to look again, if anything waits.
    pub(in crate::partition) fn park_what_waits(&mut self, now: Instant) -> Option<Instant> {
        let parked = self.parked.as_mut()?;
        let waits = self.flight.pending_from_log() > 0 || !parked.under_way.is_empty();
        if now < parked.pace.looked + STEP {
            return waits.then(|| parked.pace.looked + STEP);
        }
        parked.pace.looked = now;
        parked.pace.turn(now);
        self.park_attempts(now);
        let waiting = now.checked_sub(PATIENCE).map(|by| self.flight.pending_since(by));
        let mut by_target: HashMap<Target, Vec<WorkId>> = HashMap::new();
        for (id, target) in waiting.into_iter().flatten() {
            by_target.entry(target).or_default().push(id);
        }
        let most_wait = |parked: &super::Parked| by_target.len() * 2 > parked.pace.targets();
        let ahead = if self.parked.as_deref().is_some_and(most_wait) {
            ALL_AHEAD
        } else {
            AHEAD
        };
        for (target, ids) in by_target {
            let keeps_up = |parked: &super::Parked| parked.targets.keeps_up(&target, ids.len(), ahead, now);
            if self.parked.as_deref().is_some_and(keeps_up) {
                continue;
            }
            for id in ids {
                self.park_with_followers(id, now);
            }
        }
        self.park_surplus(now);
        waits.then(|| now + STEP)
    }

    /// Parks what is under way for so long, and takes back what has not begun.
    fn park_attempts(&mut self, now: Instant) {
        let Some(parked) = &mut self.parked else { return };
        let mut begun = Vec::new();
        for (id, under_way) in &mut parked.under_way {
            let settled = id.origin() == Origin::Backlog || parked.parking.contains(id) || parked.settled.contains(id);
            if settled || now.saturating_duration_since(under_way.handed) < PATIENCE {
                continue;
            }
            if under_way.begun.is_noted() {
                begun.push((*id, under_way.delivery.clone()));
            } else if let Some(withdraw) = under_way.withdraw.take() {
                // Its future ends, and it is parked then.
                let _gone = withdraw.send(());
            }
        }
        for (id, delivery) in begun {
            let longest = self
                .shared
                .parking()
                .map(|parking| parking.targets.handling(&delivery.target));
            let longest = longest.map_or(Duration::ZERO, |handling| handling.attempt_max);
            let due = now + longest + AFTER_ATTEMPT;
            self.park(id, &delivery, delivery.attempt - 1, Some(due));
        }
    }

    /// Parks what a target has pending beyond its bound, newest first.
    fn park_surplus(&mut self, now: Instant) {
        let Some(parking) = self.shared.parking() else {
            return;
        };
        let mut surplus = Vec::new();
        for target in self.flight.pending_targets() {
            let most = parking.targets.handling(&target).queue_max;
            let mut ids = self.flight.pending_of(&target);
            ids.retain(|id| id.origin() == Origin::Log);
            if ids.len() > most {
                ids.sort_unstable();
                surplus.extend(ids.split_off(most));
            }
        }
        for id in surplus {
            self.park_with_followers(id, now);
        }
    }
}
