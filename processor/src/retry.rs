//! When a delivery is tried again, and when it is given up. A value with pure methods.

use std::time::Duration;

use crate::config::Config;

/// How long to wait between attempts, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    base: Duration,
    max: Duration,
    factor: f64,
    max_attempts: u32,
    max_after: Duration,
    max_unavailable: Duration,
}

impl RetryPolicy {
    /// The largest value for the longest wait that a target may ask for: 24 hours.
    pub const AFTER_LIMIT_MS: u64 = 24 * 3_600 * 1_000;

    /// Makes the policy of a checked configuration.
    pub fn new(config: &Config) -> Self {
        Self {
            base: Duration::from_millis(config.retry_base_ms),
            max: Duration::from_millis(config.retry_max_ms),
            factor: config.retry_factor,
            max_attempts: config.retry_max_attempts,
            max_after: Duration::from_millis(config.retry_after_max_ms.min(Self::AFTER_LIMIT_MS)),
            max_unavailable: Duration::from_millis(config.unavailable_max_ms),
        }
    }

    /// Whether a delivery that was tried `attempts` times is given up.
    pub fn is_exhausted(&self, attempts: u32) -> bool {
        attempts >= self.max_attempts
    }

    /// Returns the longest wait after `failures` failures in a row (from 1): base · factor^(failures − 1), at most
    /// `max`.
    pub fn ceiling(&self, failures: u32) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.base.as_secs_f64() * self.factor.powi(exponent);
        // A power too large for a duration is beyond `max`, too.
        Duration::try_from_secs_f64(seconds).map_or(self.max, |d| d.min(self.max))
    }

    /// Returns the wait after `failures` failures in a row: full jitter, that is anything from zero to the
    /// [`ceiling`](Self::ceiling), so that what failed together is not retried together. A wait that the target asked
    /// for (`after`) is the minimum, up to the configured bound, with the jitter added. `random` is from 0 to 1.
    pub fn delay(&self, failures: u32, after: Option<Duration>, random: f64) -> Duration {
        let jittered = self.ceiling(failures).mul_f64(random.clamp(0.0, 1.0));
        match after {
            Some(after) => after.min(self.max_after) + jittered.min(self.base),
            None => jittered,
        }
    }

    /// Returns the wait before trying an unavailable sink or log again. There is no limit of tries, so it must not
    /// spin: the wait is at least half of its maximum.
    pub fn while_unavailable(&self, failures: u32, random: f64) -> Duration {
        self.ceiling(failures)
            .min(self.max_unavailable)
            .mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> RetryPolicy {
        RetryPolicy::new(&Config::default())
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let seconds: Vec<u64> = (1..=9).map(|n| policy().ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(policy().ceiling(u32::MAX), Duration::from_mins(1));
    }

    #[test]
    fn the_last_attempt_is_the_eighth() {
        assert!(!policy().is_exhausted(7));
        assert!(policy().is_exhausted(8));
    }

    #[test]
    fn the_wait_that_a_target_asks_for_is_honoured_within_bounds() {
        let after = |seconds| policy().delay(1, Some(Duration::from_secs(seconds)), 1.0).as_secs();
        assert_eq!(after(30), 31);
        assert_eq!(after(7_200), 301, "at most `retry_after_max_ms`, and the jitter");
    }

    #[test]
    fn what_is_unavailable_is_tried_again_within_seconds_but_not_at_once() {
        assert_eq!(policy().while_unavailable(1, 0.0), Duration::from_millis(500));
        assert_eq!(policy().while_unavailable(1_000, 0.0), Duration::from_millis(2_500));
        assert_eq!(policy().while_unavailable(1_000, 1.0), Duration::from_secs(5));
    }

    proptest! {
        #[test]
        fn a_wait_is_never_above_its_ceiling_nor_below_what_was_asked_for(
            failures in 1_u32..1_000_000, random in 0.0_f64..=1.0, asked in proptest::option::of(0_u64..1_000_000),
        ) {
            let delay = policy().delay(failures, asked.map(Duration::from_secs), random);
            match asked {
                None => prop_assert!(delay <= policy().ceiling(failures)),
                Some(asked) => {
                    let least = Duration::from_secs(asked.min(300));
                    prop_assert!(delay >= least && delay <= least + Duration::from_secs(1));
                }
            }
        }
    }
}
