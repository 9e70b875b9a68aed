//! The slow start of a target that has just recovered: a window of attempts under way that grows by one with each success, and
//! a rate that doubles with each good second. A failure halves both.

use std::time::Duration;

use tokio::time::Instant;

use super::pause;

/// The gap between attempts at first: 5 in a second.
const FIRST_GAP: Duration = Duration::from_millis(200);
/// The longest gap that failures lead to.
const LONGEST_GAP: Duration = Duration::from_secs(1);
/// With so short a gap it is over, once the window is as large as the slots: 1 000 in a second.
const LAST_GAP: Duration = Duration::from_millis(1);
/// So long without failure, and it is over, however little there was to deliver.
const QUIET: Duration = Duration::from_mins(1);
/// So many failures in a row end it.
const IN_A_ROW: u32 = 3;
/// How much of lost time is made up for. A timer is late by a millisecond or so, which is longer than the shortest gaps; with
/// the gaps of the first seconds this is less than one attempt.
const CATCH_UP: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);

/// How much a target gets.
#[derive(Debug)]
pub(super) struct Ramp {
    /// How many attempts may be under way at once.
    window: usize,
    /// The time from one attempt to the next.
    gap: Duration,
    /// When the next attempt may begin.
    next: Instant,
    /// When the second began that the gap is judged by.
    second: Instant,
    /// Whether anything was delivered in that second: nothing tried is nothing shown.
    proven: bool,
    /// When it began, or last failed.
    quiet_since: Instant,
    in_a_row: u32,
    /// The latest time that one of the failures in a row asked for.
    asked: Option<Instant>,
}

impl Ramp {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            window: 1,
            gap: FIRST_GAP,
            next: now,
            second: now,
            proven: false,
            quiet_since: now,
            in_a_row: 0,
            asked: None,
        }
    }

    /// How many attempts may be under way at once.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// When the next attempt may begin.
    pub(super) fn not_before(&self) -> Instant {
        self.next
    }

    /// What the failures in a row have asked for.
    pub(super) fn asked(&self) -> Option<Instant> {
        self.asked
    }

    /// An attempt begins.
    pub(super) fn began(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.next);
        let from = if late > CATCH_UP { now - CATCH_UP } else { self.next };
        self.next = from + self.gap;
    }

    pub(super) fn delivered(&mut self, slots: usize) {
        self.window = (self.window + 1).min(slots);
        self.proven = true;
        self.in_a_row = 0;
        self.asked = None;
    }

    /// Returns whether it opens again. `asked` is the time of its `Retry-After`.
    pub(super) fn failed(&mut self, asked: Option<Instant>, now: Instant) -> bool {
        self.window = (self.window / 2).max(1);
        self.gap = (self.gap * 2).min(LONGEST_GAP);
        self.next = self.next.max(now + self.gap);
        if let Some(asked) = asked {
            self.asked = self.asked.max(Some(asked));
            self.next = self.next.max(pause::breath(asked, now));
        }
        self.second = now;
        self.proven = false;
        self.quiet_since = now;
        self.in_a_row += 1;
        self.in_a_row >= IN_A_ROW
    }

    /// Time has passed. Returns whether a good second has.
    pub(super) fn pass(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.second);
        if elapsed < SECOND {
            return false;
        }
        self.second = if elapsed < 2 * SECOND {
            self.second + SECOND
        } else {
            now
        };
        let good = std::mem::take(&mut self.proven);
        if good && self.gap > LAST_GAP {
            self.gap /= 2;
        }
        good
    }

    /// Whether the target has shown that it needs no slow start any more.
    pub(super) fn is_over(&self, slots: usize, now: Instant) -> bool {
        (self.window >= slots && self.gap <= LAST_GAP) || self.is_quiet(now)
    }

    /// Whether nothing has failed for long.
    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.quiet_since) >= QUIET
    }
}
