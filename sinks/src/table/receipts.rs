//! Which receipts are one event, for events whose payload has no time of its own.
//!
//! Their ids differ in the time half and share the hash half. Within the redelivery window a second receipt is the same
//! event; outside it, it is another one that looks the same (add, remove, add again in a group). A receipt is compared
//! with **stored** receipts only, in both directions of time, so that a replay from anywhere in the log decides as the
//! first pass did.
//!
//! Receipts of one event share its partition key, so they come one after the other and need no lock.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use schemas::id::{EventId, HashHalf};
use schemas::time::Timestamp;

/// A receipt that was stored, or is about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) id: EventId,
    pub(crate) received: Timestamp,
}

/// The stored receipts that matter to a batch.
#[derive(Debug)]
pub(crate) struct Receipts {
    window_ms: u64,
    stored: HashMap<HashHalf, Vec<Receipt>>,
}

impl Receipts {
    pub(crate) fn new(window_seconds: u32, stored: impl IntoIterator<Item = Receipt>) -> Self {
        let mut receipts = Self {
            window_ms: u64::from(window_seconds) * 1000,
            stored: HashMap::new(),
        };
        for receipt in stored {
            receipts.stored.entry(receipt.id.hash_half()).or_default().push(receipt);
        }
        receipts
    }

    /// The id of the receipt that `receipt` repeats; or, if it repeats none, remembers it as stored.
    pub(crate) fn repeats_or_store(&mut self, receipt: Receipt) -> Option<EventId> {
        let stored = self.stored.entry(receipt.id.hash_half()).or_default();
        if stored.iter().any(|s| s.id == receipt.id) {
            return None;
        }
        let near = |s: &&Receipt| s.received.millis().abs_diff(receipt.received.millis()) < self.window_ms;
        if let Some(repeated) = stored.iter().find(near) {
            return Some(repeated.id);
        }
        stored.push(receipt);
        None
    }
}

/// How often old receipts are looked for.
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// When old receipts are to be removed: with the first batch, and then once a minute.
#[derive(Debug, Default)]
pub(crate) struct Forgetting(Mutex<Option<Instant>>);

impl Forgetting {
    /// Whether it is time; to one asker.
    pub(crate) fn is_due(&self) -> bool {
        let mut last = self.0.lock();
        let due = last.is_none_or(|last| last.elapsed() >= FORGET_EVERY);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use schemas::name::{SourceId, Tenant};

    fn receipt(key: &str, ms: i64) -> Receipt {
        let received = Timestamp::from_millis(ms).expect("in range");
        let tenant = Tenant::new("acme").expect("valid");
        let source = SourceId::new("s").expect("valid");
        Receipt {
            id: EventId::derive(received, &tenant, &source, &[key]),
            received,
        }
    }

    #[test]
    fn a_second_receipt_repeats_the_first_only_within_the_window() {
        let mut receipts = Receipts::new(600, []);
        let first = receipt("a", 1_000_000);
        assert_eq!(receipts.repeats_or_store(first), None);
        assert_eq!(receipts.repeats_or_store(receipt("b", 1_000_001)), None);
        assert_eq!(receipts.repeats_or_store(receipt("a", 1_599_999)), Some(first.id));
        assert_eq!(
            receipts.repeats_or_store(receipt("a", 1_600_000)),
            None,
            "another event"
        );
        assert_eq!(
            receipts.repeats_or_store(first),
            None,
            "the same record again is itself, not a repeat"
        );
    }

    #[test]
    fn a_window_of_zero_stores_every_receipt() {
        let mut receipts = Receipts::new(0, []);
        assert_eq!(receipts.repeats_or_store(receipt("a", 1)), None);
        assert_eq!(receipts.repeats_or_store(receipt("a", 2)), None);
    }

    proptest! {
        #[test]
        fn a_replay_from_anywhere_decides_as_the_first_pass(mut times in prop::collection::vec(0_i64..4_000_000, 1..40), from in 0_usize..40) {
            times.sort_unstable();
            times.dedup();
            let mut stored = Vec::new();
            let mut receipts = Receipts::new(600, []);
            let first: Vec<bool> = times.iter().map(|&ms| {
                let new = receipts.repeats_or_store(receipt("a", ms)).is_none();
                if new { stored.push(receipt("a", ms)); }
                new
            }).collect();
            let from = from.min(times.len());
            let mut again = Receipts::new(600, stored);
            for (&ms, &was_new) in times.iter().zip(&first).skip(from) {
                prop_assert_eq!(again.repeats_or_store(receipt("a", ms)).is_none(), was_new);
            }
        }
    }
}
