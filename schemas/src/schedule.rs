//! When a delivery is tried again, and when it is given up. Values with pure methods.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest that a delivery may wait for its next attempt: 24 hours.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// The factors by which waits may grow.
pub const FACTORS: RangeInclusive<f64> = 1.0..=100.0;

/// By how much the wait of a step varies, to either side, so that what failed together is not retried together.
const STEP_JITTER: f64 = 0.2;

/// When a delivery is tried again, and how many attempts it gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Waits that grow by a factor.
    Exponential {
        /// How they grow.
        growth: Growth,
        /// How many attempts there are.
        max_attempts: u32,
    },
    /// One wait after each failed attempt, and one attempt more than there are waits.
    Steps(Vec<Duration>),
}

/// Waits that grow by a factor, up to a maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// The longest wait after the first failure.
    pub base: Duration,
    /// By how much it grows with each further failure.
    pub factor: f64,
    /// The longest wait of all.
    pub max: Duration,
}

impl Growth {
    /// Returns the longest wait after `failures` failures in a row (from 1): base · factor^(failures − 1), at most
    /// `max`.
    pub fn ceiling(&self, failures: u32) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.base.as_secs_f64() * self.factor.powi(exponent);
        // A power too large for a duration is beyond `max`, too.
        Duration::try_from_secs_f64(seconds).map_or(self.max, |d| d.min(self.max))
    }

    /// Returns the wait before something is tried again that has no limit of attempts. It must not spin: the wait is at
    /// least half of its maximum. `random` is from 0 to 1.
    pub fn at_least_half(&self, failures: u32, random: f64) -> Duration {
        self.ceiling(failures).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }
}

impl Schedule {
    /// Returns how many attempts a delivery gets.
    pub fn max_attempts(&self) -> u32 {
        match self {
            Self::Exponential { max_attempts, .. } => *max_attempts,
            Self::Steps(waits) => u32::try_from(waits.len()).map_or(u32::MAX, |waits| waits.saturating_add(1)),
        }
    }

    /// Whether a delivery that was tried `attempts` times is given up.
    pub fn is_exhausted(&self, attempts: u32) -> bool {
        attempts >= self.max_attempts()
    }

    /// Returns the longest wait after `failures` failures in a row (from 1), unless the target asks for more.
    pub fn ceiling(&self, failures: u32) -> Duration {
        match self {
            Self::Exponential { growth, .. } => growth.ceiling(failures),
            Self::Steps(_) => self.step(failures).mul_f64(1.0 + STEP_JITTER),
        }
    }

    /// Returns the wait after `failures` failures in a row. `random` is from 0 to 1; `asked` is the wait that the target
    /// asked for, within the bound that the caller sets, and is the least.
    ///
    /// An exponential schedule waits anything from zero to the [`ceiling`](Self::ceiling) (full jitter), or what was asked
    /// for and some of the base. A schedule of steps waits its step within a fifth to either side, or what was asked for
    /// and up to a tenth more, whichever is longer.
    pub fn wait(&self, failures: u32, asked: Option<Duration>, random: f64) -> Duration {
        let random = random.clamp(0.0, 1.0);
        match self {
            Self::Exponential { growth, .. } => {
                let wait = growth.ceiling(failures).mul_f64(random);
                asked.map_or(wait, |asked| asked + wait.min(growth.base))
            }
            Self::Steps(_) => {
                let wait = self
                    .step(failures)
                    .mul_f64(1.0 - STEP_JITTER + 2.0 * STEP_JITTER * random);
                asked.map_or(wait, |asked| wait.max(asked.mul_f64(1.0 + random / 10.0)))
            }
        }
    }

    /// Returns the longest time from the first attempt to the last, the attempts themselves left out.
    pub fn span(&self) -> Duration {
        let mut span = Duration::ZERO;
        for failures in 1..self.max_attempts() {
            let wait = self.ceiling(failures);
            let left = self.max_attempts() - failures;
            span = span.saturating_add(wait);
            // From here on all waits are equal.
            if matches!(self, Self::Exponential { growth, .. } if wait == growth.max) {
                return span.saturating_add(wait.saturating_mul(left - 1));
            }
        }
        span
    }

    /// The wait after so many failures: the last one where there are no more, which is so only after the last attempt.
    fn step(&self, failures: u32) -> Duration {
        let Self::Steps(waits) = self else {
            return Duration::ZERO;
        };
        let place = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        waits.get(place).or(waits.last()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GROWTH: Growth = Growth {
        base: Duration::from_secs(1),
        factor: 2.0,
        max: Duration::from_mins(1),
    };
    const EIGHT: Schedule = Schedule::Exponential {
        growth: GROWTH,
        max_attempts: 8,
    };

    fn steps() -> Schedule {
        Schedule::Steps([5, 300, 1800].map(Duration::from_secs).to_vec())
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let seconds: Vec<u64> = (1..=9).map(|n| EIGHT.ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(EIGHT.ceiling(u32::MAX), Duration::from_mins(1));
    }

    #[test]
    fn there_is_one_attempt_more_than_there_are_waits() {
        assert!(!EIGHT.is_exhausted(7));
        assert!(EIGHT.is_exhausted(8));
        assert!(!steps().is_exhausted(3));
        assert!(steps().is_exhausted(4));
    }

    #[test]
    fn each_step_has_its_wait_within_a_fifth() {
        let wait = |failures, random| steps().wait(failures, None, random).as_secs_f64();
        for (failures, expected) in [(1, 5.0), (2, 300.0), (3, 1800.0), (9, 1800.0)] {
            for (random, share) in [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)] {
                let found = wait(failures, random);
                assert!((found - expected * share).abs() < 1e-6, "{failures} {random}: {found}");
            }
        }
    }

    #[test]
    fn the_wait_that_a_target_asks_for_is_the_least() {
        let after = |schedule: &Schedule, seconds| schedule.wait(1, Some(Duration::from_secs(seconds)), 1.0);
        assert_eq!(after(&EIGHT, 30).as_secs(), 31);
        assert_eq!(after(&steps(), 30).as_secs(), 33, "longer than the step");
        assert_eq!(after(&steps(), 1).as_secs(), 6, "shorter than the step, which counts");
    }

    #[test]
    fn the_span_is_the_sum_of_the_longest_waits() {
        assert_eq!(EIGHT.span(), Duration::from_secs(1 + 2 + 4 + 8 + 16 + 32 + 60));
        assert_eq!(steps().span().as_secs(), (5 + 300 + 1800) * 6 / 5);
        let endless = Schedule::Exponential {
            growth: GROWTH,
            max_attempts: u32::MAX,
        };
        assert!(
            endless.span() > Duration::from_hours(1_000_000),
            "found without counting"
        );
        assert_eq!(Schedule::Steps(vec![]).span(), Duration::ZERO);
    }

    #[test]
    fn what_is_unavailable_is_tried_again_within_seconds_but_not_at_once() {
        let growth = Growth {
            max: Duration::from_secs(5),
            ..GROWTH
        };
        assert_eq!(growth.at_least_half(1, 0.0), Duration::from_millis(500));
        assert_eq!(growth.at_least_half(1_000, 0.0), Duration::from_millis(2_500));
        assert_eq!(growth.at_least_half(1_000, 1.0), Duration::from_secs(5));
    }

    proptest! {
        #[test]
        fn a_wait_is_never_above_its_ceiling_nor_below_what_was_asked_for(
            failures in 1_u32..1_000_000, random in 0.0_f64..=1.0, asked in proptest::option::of(0_u64..90_000),
            by_steps: bool,
        ) {
            let schedule = if by_steps { steps() } else { EIGHT };
            let asked = asked.map(Duration::from_secs);
            let wait = schedule.wait(failures, asked, random);
            let most = schedule.ceiling(failures);
            match asked {
                None => prop_assert!(wait <= most),
                Some(asked) => {
                    prop_assert!(wait >= asked);
                    prop_assert!(wait <= most.max(asked.mul_f64(1.1)).max(asked + GROWTH.base));
                }
            }
        }
    }
}
