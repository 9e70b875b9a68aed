//! Which targets are failing, so that it is logged once when that begins and once when it ends.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use schemas::sink::Target;
use tokio::time::Instant;

/// How often the failures of one target are logged, at most.
const REPORT_EVERY: Duration = Duration::from_mins(1);
/// No more targets than this are remembered. Beyond it the same failure may be logged again.
const MAX_TARGETS: usize = 4_096;

/// The failing targets of a sink, for all partitions of a worker. A healthy target has no entry.
#[derive(Debug, Default)]
pub(crate) struct FailingTargets(Mutex<HashMap<Target, LastLogged>>);

/// When a target's failures were last logged.
#[derive(Debug)]
struct LastLogged {
    at: Instant,
    /// Whether it accepts deliveries again, which was logged, too.
    recovered: bool,
}

impl FailingTargets {
    /// Notes that a delivery failed; returns `true` if that is to be logged as a warning.
    pub(crate) fn failed(&self, target: &Target, now: Instant) -> bool {
        let mut targets = self.lock();
        if let Some(last_logged) = targets.get(target)
            && (!last_logged.recovered || now.duration_since(last_logged.at) < REPORT_EVERY)
        {
            return false;
        }
        if targets.len() >= MAX_TARGETS {
            targets.clear();
        }
        targets.insert(
            target.clone(),
            LastLogged {
                at: now,
                recovered: false,
            },
        );
        true
    }

    /// Notes that a delivery succeeded; returns `true` if a failure was logged before, so that its end should be.
    pub(crate) fn delivered(&self, target: &Target, now: Instant) -> bool {
        let mut targets = self.lock();
        // The usual case, for every delivery.
        if targets.is_empty() {
            return false;
        }
        let Some(last_logged) = targets.get_mut(target) else {
            return false;
        };
        let ends = !last_logged.recovered;
        last_logged.recovered = true;
        if now.duration_since(last_logged.at) >= REPORT_EVERY {
            targets.remove(target);
        }
        ends
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Target, LastLogged>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_target_is_logged_once_and_at_most_once_a_minute() {
        let failing = FailingTargets::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let (a, b) = (Target::Named("a".to_owned()), Target::Only);
        assert!(!failing.delivered(&a, at(0)), "nothing was wrong");
        assert!(failing.failed(&a, at(1)), "the first failure");
        assert!(!failing.failed(&a, at(2)), "the second is the same failure");
        assert!(failing.failed(&b, at(2)), "another target is another failure");
        assert!(!failing.failed(&a, at(100)), "however long it lasts");
        assert!(failing.delivered(&b, at(3)), "the end is logged");
        assert!(!failing.delivered(&b, at(4)), "once");
        assert!(!failing.failed(&b, at(61)), "a flapping target does not fill the log");
        assert!(
            !failing.delivered(&b, at(61)),
            "and a failure that was not logged has no end"
        );
        assert!(failing.failed(&b, at(62)), "but after a minute it is logged again");
        assert!(failing.delivered(&b, at(63)));
        assert!(failing.delivered(&a, at(100)));
        assert!(
            !failing.delivered(&b, at(200)),
            "a target that has recovered is forgotten"
        );
        assert!(failing.lock().is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let failing = FailingTargets::default();
        let now = Instant::now();
        for number in 0..3 * MAX_TARGETS {
            assert!(failing.failed(&Target::Named(number.to_string()), now));
            assert!(failing.lock().len() <= MAX_TARGETS);
        }
    }
}
