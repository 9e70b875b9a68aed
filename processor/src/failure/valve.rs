//! When nearly everything fails, the cause is the sink or Forebay and not the events: the worker stops before it turns
//! a whole topic into dead letters. It ends with an error (readiness fails first) and is started again later, where it
//! stopped: the records are still in the log.
//!
//! Where a sink delivers to several parties, one of them is no reason to stop the deliveries to the others: it takes that nearly
//! all of those that had outcomes lately fail, and more than one.

use std::collections::{HashMap, VecDeque};

use schemas::sink::Target;

/// A sliding window over final outcomes: delivered, or failed for good.
#[derive(Debug)]
pub struct Valve {
    window: usize,
    percent: u32,
    recent: VecDeque<(bool, Option<Target>)>,
    failures: usize,
    /// The failures and outcomes in the window of each named target.
    targets: HashMap<Target, (usize, usize)>,
    tripped: bool,
    /// Reopened after it had tripped, and nothing has been delivered since.
    on_trial: bool,
}

/// How many outcomes are enough to trip a reopened valve.
const TRIAL: usize = 2;

impl Valve {
    /// Makes a valve that trips when `percent` of the last `window` outcomes are failures, never before there were that
    /// many; a window of 0 never trips.
    pub fn new(window: usize, percent: u32) -> Self {
        Self {
            window,
            percent,
            recent: VecDeque::new(),
            failures: 0,
            targets: HashMap::new(),
            tripped: false,
            on_trial: false,
        }
    }

    /// Reopens it, to test whether the cause is fixed: if there are only failures, it takes fewer of them to trip.
    pub fn reopen(&mut self) {
        self.on_trial |= self.tripped;
        self.tripped = false;
        self.failures = 0;
        self.recent.clear();
        self.targets.clear();
    }

    /// Notes one outcome, of what is no delivery or of a sink with one party. Returns whether the valve is tripped now; once
    /// tripped it stays tripped.
    pub fn note(&mut self, failed: bool) -> bool {
        self.note_of(failed, &Target::Only)
    }

    /// Notes the outcome of a delivery to `target`. Returns the same.
    pub fn note_of(&mut self, failed: bool, target: &Target) -> bool {
        if self.window == 0 {
            return false;
        }
        if self.recent.len() == self.window
            && let Some((failed, target)) = self.recent.pop_front()
        {
            self.failures -= usize::from(failed);
            self.forget(failed, target);
        }
        let named = matches!(target, Target::Named(_)).then(|| target.clone());
        if let Some(target) = &named {
            let (failures, outcomes) = self.targets.entry(target.clone()).or_default();
            *failures += usize::from(failed);
            *outcomes += 1;
        }
        self.recent.push_back((failed, named));
        self.failures += usize::from(failed);
        self.on_trial &= failed;
        let enough = if self.on_trial {
            TRIAL.min(self.window)
        } else {
            self.window
        };
        let outcomes = self.recent.len();
        self.tripped |= outcomes >= enough && self.is_most(self.failures, outcomes) && self.most_targets_fail();
        self.tripped
    }

    fn forget(&mut self, failed: bool, target: Option<Target>) {
        let Some(target) = target else { return };
        if let Some((failures, outcomes)) = self.targets.get_mut(&target) {
            *failures -= usize::from(failed);
            *outcomes -= 1;
            if *outcomes == 0 {
                self.targets.remove(&target);
            }
        }
    }

    fn is_most(&self, failures: usize, of: usize) -> bool {
        failures * 100 >= of * self.percent as usize
    }

    /// Whether nearly all named targets fail, and more than one; true if there is none.
    fn most_targets_fail(&self) -> bool {
        let failing = self
            .targets
            .values()
            .filter(|(failures, outcomes)| self.is_most(*failures, *outcomes));
        let failing = failing.count();
        self.targets.is_empty() || (failing > 1 && self.is_most(failing, self.targets.len()))
    }

    /// Returns whether it is tripped, since it was made or last reopened.
    pub fn is_tripped(&self) -> bool {
        self.tripped
    }

    /// Returns the failures and outcomes in the window.
    pub fn share(&self) -> (usize, usize) {
        (self.failures, self.recent.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_needs_the_full_window() {
        let mut valve = Valve::new(10, 90);
        assert!(!(0..9).any(|_| valve.note(true)));
        assert!(valve.note(true));
        assert_eq!(valve.share(), (10, 10));
        assert!(valve.is_tripped());
        valve.reopen();
        assert!(!valve.is_tripped());
    }

    #[test]
    fn it_looks_only_at_the_window_and_stays_tripped() {
        let mut valve = Valve::new(10, 90);
        for i in 0..100 {
            assert!(!valve.note(i % 5 != 0), "80 per cent is not enough");
        }
        let tripped = (0..10).map(|_| valve.note(true)).position(|tripped| tripped);
        assert!(tripped.is_some());
        for _ in 0..20 {
            assert!(valve.note(false), "only a new start reopens it");
        }
    }

    #[test]
    fn reopened_it_trips_sooner_unless_something_is_delivered() {
        let mut valve = Valve::new(200, 90);
        assert!((0..200).any(|_| valve.note(true)));
        valve.reopen();
        assert_eq!((0..200).position(|_| valve.note(true)), Some(TRIAL - 1));
        valve.reopen();
        assert!(!valve.note(false));
        assert!(!(0..100).any(|_| valve.note(true)), "the whole window counts again");
    }

    #[test]
    fn one_target_of_several_never_trips_it_and_nearly_all_of_them_do() {
        let target = |n: usize| Target::Named(format!("t{n}"));
        let mut valve = Valve::new(10, 90);
        assert!(!(0..100).any(|_| valve.note_of(true, &target(0))), "one alone");
        let mut valve = Valve::new(100, 90);
        assert!(
            !(0..1_000).any(|n| valve.note_of(n % 50 != 1, &target(usize::from(n % 50 == 1)))),
            "one fails often, another never"
        );
        let mut valve = Valve::new(10, 90);
        assert_eq!((0..100).position(|n| valve.note_of(true, &target(n % 3))), Some(9));
    }

    #[test]
    fn a_window_of_zero_switches_it_off() {
        let mut valve = Valve::new(0, 1);
        assert!(!(0..1_000).any(|_| valve.note(true)));
    }
}
