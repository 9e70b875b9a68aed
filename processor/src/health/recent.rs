//! The last outcomes of a target that is not known to be broken.

use tokio::time::Instant;

use super::pause;

/// So many failures in a row open the breaker.
const IN_A_ROW: u32 = 5;
/// So many failures of the last [`LAST`] outcomes open it.
const OF_THE_LAST: u32 = 16;
const LAST: u32 = 20;

/// The last outcomes. What was never tried counts as delivered: it takes as many failures to open it either way.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// A bit for each of the last outcomes, the newest lowest: 1 is a failure.
    failures: u32,
    /// The latest time that one of the failures in a row asked for.
    asked: Option<Instant>,
    /// When the next attempt may begin, after a `Retry-After`.
    not_before: Option<Instant>,
}

impl Recent {
    pub(super) fn delivered(&mut self) {
        self.note(0);
        self.asked = None;
    }

    /// Returns whether it opens. `asked` is the time of its `Retry-After`.
    pub(super) fn failed(&mut self, asked: Option<Instant>, now: Instant) -> bool {
        self.note(1);
        if let Some(asked) = asked {
            self.asked = self.asked.max(Some(asked));
            self.not_before = self.not_before.max(Some(pause::breath(asked, now)));
        }
        self.failures.trailing_ones() >= IN_A_ROW || self.failures.count_ones() >= OF_THE_LAST
    }

    /// What the failures in a row have asked for.
    pub(super) fn asked(&self) -> Option<Instant> {
        self.asked
    }

    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Whether none of the last outcomes was a failure.
    pub(super) fn is_clean(&self) -> bool {
        self.failures == 0
    }

    fn note(&mut self, failure: u32) {
        self.failures = ((self.failures << 1) | failure) & ((1 << LAST) - 1);
    }
}
