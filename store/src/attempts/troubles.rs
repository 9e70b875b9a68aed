//! What is logged of the attempt log's own troubles: a line when one begins, one a minute while it lasts, and one when it is over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use schemas::outage::Outages;

use super::metrics::Dropped;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Trouble {
    Writing,
    Dropping,
    LookingAfter,
}

#[derive(Debug, Default)]
pub(super) struct Troubles {
    outages: Outages<Trouble>,
    /// How many were dropped since the process began.
    dropped: AtomicU64,
    /// How many were dropped when dropping was over the last time.
    dropped_before: AtomicU64,
}

impl Troubles {
    /// How many attempts were dropped so far.
    pub(super) fn number_dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn dropped(&self, reason: Dropped, number: u64) {
        let dropped = self.dropped.fetch_add(number, Ordering::Relaxed) + number;
        let reason = match reason {
            Dropped::QueueFull => "too many wait to be written",
            Dropped::NoPartition => "the table `attempt` has no partition for their day",
            Dropped::Database => "the database does not take them",
        };
        if let Some(line) = self.outages.failed(&Trouble::Dropping, reason, Instant::now()) {
            let dropped = dropped.saturating_sub(self.dropped_before.load(Ordering::Relaxed));
            tracing::warn!(
                reason = line.reason,
                dropped,
                seconds = line.seconds,
                "attempts are missing in the attempt log; deliveries go on"
            );
        }
    }

    /// A batch was written, and nothing was dropped meanwhile.
    pub(super) fn nothing_dropped(&self) {
        if let Some(line) = self.outages.over(&Trouble::Dropping, Instant::now()) {
            let all = self.number_dropped();
            let dropped = all.saturating_sub(self.dropped_before.swap(all, Ordering::Relaxed));
            tracing::info!(dropped, seconds = line.seconds, "the attempt log is complete again");
        }
    }

    pub(super) fn not_written(&self, reason: &str) {
        if let Some(line) = self.outages.failed(&Trouble::Writing, reason, Instant::now()) {
            tracing::warn!(
                reason = line.reason,
                failures = line.failures,
                seconds = line.seconds,
                "the attempt log cannot be written; attempts wait in memory"
            );
        }
    }

    pub(super) fn written(&self) {
        if let Some(line) = self.outages.over(&Trouble::Writing, Instant::now()) {
            tracing::info!(seconds = line.seconds, "the attempt log is written again");
        }
    }

    pub(super) fn not_looked_after(&self, reason: &str) {
        if let Some(line) = self.outages.failed(&Trouble::LookingAfter, reason, Instant::now()) {
            tracing::warn!(
                reason = line.reason,
                failures = line.failures,
                seconds = line.seconds,
                "the table `attempt` could not be looked after: no new days, and old ones stay; trying again"
            );
        }
    }

    pub(super) fn looked_after(&self) {
        if let Some(line) = self.outages.over(&Trouble::LookingAfter, Instant::now()) {
            tracing::info!(seconds = line.seconds, "the table `attempt` is looked after again");
        }
    }
}
