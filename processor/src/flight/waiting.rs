//! The deliveries that wait, by age: for another attempt, or because their target has as much under way as it may.

use std::collections::HashMap;

use schemas::sink::{Delivery, Target};
use tokio::time::Instant;

use super::{Flight, Pending, WorkId};

impl Flight {
    /// The deliveries that wait, in order of offset, each with when its record was read.
    fn waiting(&self, now: Instant) -> impl Iterator<Item = (WorkId, &Target, Instant)> {
        let waits = move |pending: &Pending<Delivery>| {
            let delivery = &pending.work;
            pending.due > now && delivery.attempt > 1
                || self.lanes.as_ref().is_some_and(|lanes| lanes.is_full(&delivery.target))
        };
        let waiting = self.pending.iter().filter(move |(_, pending)| waits(pending));
        waiting.filter_map(|(id, pending)| Some((*id, &pending.work.target, self.unsettled.get(&id.offset)?.read)))
    }

    /// Takes deliveries that wait and whose records were read by `read_by`: the oldest that count, at most `max`, each with
    /// when its record was read.
    pub(crate) fn take_waiting(
        &mut self,
        now: Instant,
        read_by: Instant,
        max: usize,
        counts: impl Fn(WorkId) -> bool,
    ) -> Vec<(WorkId, Delivery, Instant)> {
        let old = self
            .waiting(now)
            .filter(|(id, _, read)| *read <= read_by && counts(*id));
        let old: Vec<(WorkId, Instant)> = old.map(|(id, _, read)| (id, read)).take(max).collect();
        let take = |(id, read)| Some((id, self.remove(id, now)?, read));
        old.into_iter().filter_map(take).collect()
    }

    /// Returns the target that most deliveries wait for; `None` if none waits.
    pub(crate) fn most_waiting(&self, now: Instant) -> Option<&Target> {
        let mut counts: HashMap<&Target, usize> = HashMap::new();
        for (_, target, _) in self.waiting(now) {
            *counts.entry(target).or_default() += 1;
        }
        counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|(target, _)| target)
    }

    /// Whether dead letters wait to be written.
    pub(crate) fn has_letters(&self) -> bool {
        !self.letters.is_empty()
    }

    /// Returns when the record was read whose delivery waits longest.
    pub(crate) fn oldest_waiting(&self, now: Instant, counts: impl Fn(WorkId) -> bool) -> Option<Instant> {
        let waiting = self.waiting(now).filter(|(id, ..)| counts(*id));
        waiting.map(|(_, _, read)| read).min()
    }
}
