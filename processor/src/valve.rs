//! When nearly everything fails, the fault is ours or the sink's and not the events': the worker stops before it turns a
//! whole topic into dead letters. It then exits with an error (readiness goes first), and once the cause is mended goes on
//! where it stopped; what stood in the log is still there.

use std::collections::VecDeque;

/// A sliding window over final outcomes: delivered, or failed for good.
#[derive(Debug)]
pub struct Valve {
    window: usize,
    percent: u32,
    recent: VecDeque<bool>,
    failures: usize,
    tripped: bool,
}

impl Valve {
    /// Trips when `percent` of the last `window` outcomes are failures, never before there were so many; a window of 0
    /// never trips.
    pub fn new(window: usize, percent: u32) -> Self {
        Self {
            window,
            percent,
            recent: VecDeque::new(),
            failures: 0,
            tripped: false,
        }
    }

    /// Notes one outcome. Says whether the valve is tripped now; once tripped it stays so.
    pub fn note(&mut self, failed: bool) -> bool {
        if self.window == 0 {
            return false;
        }
        if self.recent.len() == self.window {
            self.failures -= usize::from(self.recent.pop_front() == Some(true));
        }
        self.recent.push_back(failed);
        self.failures += usize::from(failed);
        self.tripped |= self.recent.len() == self.window && self.failures * 100 >= self.window * self.percent as usize;
        self.tripped
    }

    /// Failures and outcomes in the window.
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
            assert!(valve.note(false), "nobody re-opens it but a restart");
        }
    }

    #[test]
    fn a_window_of_zero_switches_it_off() {
        let mut valve = Valve::new(0, 1);
        assert!(!(0..1_000).any(|_| valve.note(true)));
    }
}
