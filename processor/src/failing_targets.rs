//! Which targets are in trouble, so that the log tells of it once when it begins and once when it is over.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemas::sink::Target;
use tokio::time::Instant;

/// A target that fails now and then is told of at most this often.
const TELL_EVERY: Duration = Duration::from_mins(1);
/// More targets than this are not remembered. Beyond it the same trouble may be told again.
const MAX_TARGETS: usize = 4_096;

/// What all partitions of a worker know of their sink's targets. A target that is well is not in here.
#[derive(Debug, Default)]
pub(crate) struct Trouble(Mutex<HashMap<Target, Told>>);

#[derive(Debug)]
struct Told {
    at: Instant,
    /// It takes deliveries again, which was told too.
    over: bool,
}

impl Trouble {
    /// Notes that a delivery failed; `true` if that is to be told aloud.
    pub(crate) fn failed(&self, target: &Target, now: Instant) -> bool {
        let mut targets = self.lock();
        if let Some(told) = targets.get(target)
            && (!told.over || now.duration_since(told.at) < TELL_EVERY)
        {
            return false;
        }
        if targets.len() >= MAX_TARGETS {
            targets.clear();
        }
        targets.insert(target.clone(), Told { at: now, over: false });
        true
    }

    /// Notes that a delivery went well; `true` if trouble was told before, so that its end should be.
    pub(crate) fn delivered(&self, target: &Target, now: Instant) -> bool {
        let mut targets = self.lock();
        // The usual case, and that of every delivery.
        if targets.is_empty() {
            return false;
        }
        let Some(told) = targets.get_mut(target) else {
            return false;
        };
        let ends = !told.over;
        told.over = true;
        if now.duration_since(told.at) >= TELL_EVERY {
            targets.remove(target);
        }
        ends
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Target, Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_once_and_at_most_once_a_minute() {
        let trouble = Trouble::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let (a, b) = (Target::Named("a".to_owned()), Target::Only);
        assert!(!trouble.delivered(&a, at(0)), "nothing was wrong");
        assert!(trouble.failed(&a, at(1)), "the first failure");
        assert!(!trouble.failed(&a, at(2)), "the second is the same trouble");
        assert!(trouble.failed(&b, at(2)), "another target's is another trouble");
        assert!(!trouble.failed(&a, at(100)), "however long it lasts");
        assert!(trouble.delivered(&b, at(3)), "the end is told");
        assert!(!trouble.delivered(&b, at(4)), "once");
        assert!(!trouble.failed(&b, at(61)), "a flapping target does not fill the log");
        assert!(!trouble.delivered(&b, at(61)), "and what was not told does not end");
        assert!(trouble.failed(&b, at(62)), "but after a minute it is told again");
        assert!(trouble.delivered(&b, at(63)));
        assert!(trouble.delivered(&a, at(100)));
        assert!(
            !trouble.delivered(&b, at(200)),
            "a target that is well again is forgotten"
        );
        assert!(trouble.lock().is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let trouble = Trouble::default();
        let now = Instant::now();
        for number in 0..3 * MAX_TARGETS {
            assert!(trouble.failed(&Target::Named(number.to_string()), now));
            assert!(trouble.lock().len() <= MAX_TARGETS);
        }
    }
}
