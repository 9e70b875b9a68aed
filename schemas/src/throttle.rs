//! Keeps a log line that could repeat without end down to one in each interval, and counts the others.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Timestamp;

/// Allows one line in each interval of the clock and counts the others. The default interval is a second.
#[derive(Debug)]
pub struct LogThrottle {
    interval_ms: i64,
    /// The number of the interval in which a line was last asked for; -1 before the first.
    interval: AtomicI64,
    held_back: AtomicU64,
}

impl LogThrottle {
    /// One line in each interval of this length; at least a millisecond.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval_ms: i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1),
            interval: AtomicI64::new(-1),
            held_back: AtomicU64::new(0),
        }
    }

    /// `Some(n)` if a line may be logged now; `n` were held back since the last one.
    pub fn allow(&self, now: Timestamp) -> Option<u64> {
        let interval = now.millis() / self.interval_ms;
        if self.interval.swap(interval, Ordering::Relaxed) == interval {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            None
        } else {
            Some(self.held_back.swap(0, Ordering::Relaxed))
        }
    }
}

impl Default for LogThrottle {
    fn default() -> Self {
        Self::new(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms).expect("in range")
    }

    #[test]
    fn one_line_a_second_and_a_count_of_the_others() {
        let throttle = LogThrottle::default();
        assert_eq!(throttle.allow(at(5_000)), Some(0));
        assert_eq!(throttle.allow(at(5_999)), None);
        assert_eq!(throttle.allow(at(5_999)), None);
        assert_eq!(throttle.allow(at(6_000)), Some(2));
        assert_eq!(throttle.allow(at(7_000)), Some(0));
    }

    #[test]
    fn the_interval_is_a_matter_of_choice_and_the_first_line_is_never_held_back() {
        let throttle = LogThrottle::new(Duration::from_mins(1));
        assert_eq!(throttle.allow(at(0)), Some(0));
        assert_eq!(throttle.allow(at(59_999)), None);
        assert_eq!(throttle.allow(at(60_000)), Some(1));
        let throttle = LogThrottle::new(Duration::ZERO);
        assert_eq!(throttle.allow(at(1)), Some(0));
        assert_eq!(throttle.allow(at(1)), None);
        assert_eq!(throttle.allow(at(2)), Some(1));
    }
}
