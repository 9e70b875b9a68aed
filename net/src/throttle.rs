//! Keeps a log line that any peer can provoke down to about one a second.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use schemas::time::Timestamp;

/// Allows one line a second and counts the others.
#[derive(Debug, Default)]
pub struct LogThrottle {
    second: AtomicI64,
    held_back: AtomicU64,
}

impl LogThrottle {
    /// `Some(n)` if a line may be logged now; `n` were held back since the last one.
    pub fn allow(&self, now: Timestamp) -> Option<u64> {
        let second = now.millis() / 1000;
        if self.second.swap(second, Ordering::Relaxed) == second {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            None
        } else {
            Some(self.held_back.swap(0, Ordering::Relaxed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_and_a_count_of_the_others() {
        let throttle = LogThrottle::default();
        let at = |ms| Timestamp::from_millis(ms).expect("in range");
        assert_eq!(throttle.allow(at(5_000)), Some(0));
        assert_eq!(throttle.allow(at(5_999)), None);
        assert_eq!(throttle.allow(at(5_999)), None);
        assert_eq!(throttle.allow(at(6_000)), Some(2));
        assert_eq!(throttle.allow(at(7_000)), Some(0));
    }
}
