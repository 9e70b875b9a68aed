//! The deliveries that failed and wait for another attempt, by age.

use std::collections::HashMap;

use schemas::sink::{Delivery, Target};
use tokio::time::Instant;

use super::{Flight, Pending, Work, WorkId};

impl Flight {
    /// The deliveries that wait for another attempt, in order of offset, each with when its record was read.
    fn waiting(&self, now: Instant) -> impl Iterator<Item = (WorkId, Instant)> {
        let waits = move |pending: &Pending| {
            pending.due > now && matches!(&pending.work, Work::Deliver(delivery) if delivery.attempt > 1)
        };
        let waiting = self.pending.iter().filter(move |(_, pending)| waits(pending));
        waiting.filter_map(|(id, _)| Some((*id, self.unsettled.get(&id.offset)?.read)))
    }

    /// Takes deliveries that wait for another attempt and whose records were read by `read_by`: the oldest that count, at
    /// most `max`, each with when its record was read.
    pub(crate) fn take_waiting(
        &mut self,
        now: Instant,
        read_by: Instant,
        max: usize,
        counts: impl Fn(WorkId) -> bool,
    ) -> Vec<(WorkId, Delivery, Instant)> {
        let old = self.waiting(now).filter(|(id, read)| *read <= read_by && counts(*id));
        let old: Vec<(WorkId, Instant)> = old.take(max).collect();
        let take = |(id, read): (WorkId, Instant)| match self.pending.remove(&id)?.work {
            Work::Deliver(delivery) => Some((id, delivery, read)),
            Work::GiveUp(_) => None,
        };
        old.into_iter().filter_map(take).collect()
    }

    /// Returns the target that most deliveries wait for; `None` if none waits.
    pub(crate) fn most_waiting(&self, now: Instant) -> Option<&Target> {
        let mut counts: HashMap<&Target, usize> = HashMap::new();
        for (id, _) in self.waiting(now) {
            if let Some(Work::Deliver(delivery)) = self.pending.get(&id).map(|pending| &pending.work) {
                *counts.entry(&delivery.target).or_default() += 1;
            }
        }
        counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|(target, _)| target)
    }

    /// Whether dead letters wait to be written.
    pub(crate) fn has_letters(&self) -> bool {
        let mut pending = self.pending.values();
        pending.any(|pending| matches!(pending.work, Work::GiveUp(_)))
    }

    /// Returns when the record was read whose delivery waits longest for another attempt.
    pub(crate) fn oldest_waiting(&self, now: Instant, counts: impl Fn(WorkId) -> bool) -> Option<Instant> {
        let waiting = self.waiting(now).filter(|(id, _)| counts(*id));
        waiting.map(|(_, read)| read).min()
    }
}
