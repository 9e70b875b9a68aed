//! How many lines single targets have: where many fail at once, the first in a minute have one each, the others are counted.

use std::time::Instant;

use parking_lot::Mutex;
use schemas::outage::REPORT_EVERY;

/// How many lines of one kind a minute has.
const IN_A_MINUTE: u32 = 20;

/// The lines of one kind.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// When the minute began whose lines are counted.
    since: Option<Instant>,
    lines: u32,
    /// How many had no line and are in no count yet.
    further: u64,
    /// When their count was last a line.
    counted: Option<Instant>,
}

impl Lines {
    /// Whether there may be a line now. What may have none is counted.
    pub(super) fn allow(&self, now: Instant) -> bool {
        let mut counts = self.0.lock();
        if is_due(counts.since, now) {
            (counts.since, counts.lines) = (Some(now), 0);
        }
        let allowed = counts.lines < IN_A_MINUTE;
        if allowed {
            counts.lines += 1;
        } else {
            counts.further += 1;
        }
        allowed
    }

    /// Returns how many had no line since the last count, if there are any and that count is a minute old.
    pub(super) fn further(&self, now: Instant) -> Option<u64> {
        let mut counts = self.0.lock();
        if counts.further == 0 || !is_due(counts.counted, now) {
            return None;
        }
        counts.counted = Some(now);
        Some(std::mem::take(&mut counts.further))
    }
}

fn is_due(last: Option<Instant>, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= REPORT_EVERY)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_minute_has_so_many_lines_and_one_count_of_the_others() {
        let (lines, begin) = (Lines::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let allowed = |seconds: u64| (0..300).filter(|_| lines.allow(at(seconds))).count();
        assert_eq!(lines.further(at(0)), None, "nothing was held back");
        assert_eq!(allowed(0), 20);
        assert_eq!(lines.further(at(1)), Some(280), "soon");
        assert_eq!(allowed(59), 0, "the same minute");
        assert_eq!(lines.further(at(60)), None, "one count a minute");
        assert_eq!(allowed(60), 20, "another minute");
        assert_eq!(lines.further(at(61)), Some(300 + 280));
        assert_eq!(lines.further(at(600)), None);
    }
}
