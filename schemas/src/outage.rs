//! What is logged of something that fails for a while: a line when it begins, one a minute while it lasts, and one when it
//! is over, however many tasks meet it. Reads no clock and logs nothing: it says whether a line is due, and with which
//! figures.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often one outage is logged, at most, the line of its end included.
pub const REPORT_EVERY: Duration = Duration::from_mins(1);
/// No more outages than this are remembered. Beyond it the same one may be logged again.
const MAX_KEPT: usize = 4_096;

/// The outages of one place, each with a key. What works has no entry.
#[derive(Debug)]
pub struct Outages<K> {
    /// Whether there is any entry: read for every success, so without the lock.
    any: AtomicBool,
    kept: Mutex<HashMap<K, Kept>>,
}

/// A line that is due now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it is the first line of this outage.
    pub begins: bool,
    /// How long it has lasted, in whole seconds.
    pub seconds: u64,
    /// How many failures it has had.
    pub failures: u64,
    /// How many failures had no line since the one before, of earlier outages too.
    pub held_back: u64,
    /// The reason of the last failure.
    pub reason: String,
}

#[derive(Debug)]
struct Kept {
    since: Instant,
    failures: u64,
    held_back: u64,
    reason: String,
    /// When the last line was due.
    told: Option<Instant>,
    /// Whether this outage has had a line, so that its end gets one.
    begun: bool,
    over: bool,
    /// No one looks whether it lasts.
    unwatched: bool,
}

impl Kept {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            failures: 0,
            held_back: 0,
            reason: String::new(),
            told: None,
            begun: false,
            over: false,
            unwatched: false,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.told
            .is_none_or(|told| now.saturating_duration_since(told) >= REPORT_EVERY)
    }

    fn line(&mut self, now: Instant) -> Line {
        self.told = Some(now);
        Line {
            begins: !std::mem::replace(&mut self.begun, true),
            seconds: now.saturating_duration_since(self.since).as_secs(),
            failures: self.failures,
            held_back: std::mem::take(&mut self.held_back),
            reason: self.reason.clone(),
        }
    }
}

impl<K: Clone + Eq + Hash> Outages<K> {
    /// Notes a failure. Returns a line if one is due: what fails again within a minute of its last line has none.
    pub fn failed(&self, key: &K, reason: &str, now: Instant) -> Option<Line> {
        let mut all = self.lock();
        if all.len() >= MAX_KEPT && !all.contains_key(key) {
            all.clear();
        }
        self.any.store(true, Ordering::Relaxed);
        let kept = all.entry(key.clone()).or_insert_with(|| Kept::new(now));
        // Long after the last line, what no one watched is another outage.
        let another = std::mem::take(&mut kept.unwatched) && kept.is_due(now);
        if std::mem::take(&mut kept.over) || another {
            (kept.since, kept.failures, kept.begun) = (now, 0, false);
        }
        kept.failures += 1;
        reason.clone_into(&mut kept.reason);
        if kept.is_due(now) {
            return Some(kept.line(now));
        }
        kept.held_back += 1;
        None
    }

    /// Notes a success. Returns a line if it ends an outage whose beginning had one.
    pub fn over(&self, key: &K, now: Instant) -> Option<Line> {
        // The usual case, for every delivery.
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let mut all = self.lock();
        let kept = all.get_mut(key)?;
        if kept.over {
            if kept.is_due(now) {
                all.remove(key);
                self.any.store(!all.is_empty(), Ordering::Relaxed);
            }
            return None;
        }
        kept.over = true;
        kept.begun.then(|| kept.line(now))
    }

    /// Returns a line for every outage that lasts and has had none for a minute, although nothing fails anew.
    pub fn lasting(&self, now: Instant) -> Vec<(K, Line)> {
        if !self.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut all = self.lock();
        let lasting = all
            .iter_mut()
            .filter(|(_, kept)| kept.begun && !kept.over && !kept.unwatched && kept.is_due(now));
        lasting.map(|(key, kept)| (key.clone(), kept.line(now))).collect()
    }

    /// Returns the reason of the last failure of an outage that lasts.
    pub fn reason(&self, key: &K) -> Option<String> {
        let all = self.lock();
        all.get(key).filter(|kept| !kept.over).map(|kept| kept.reason.clone())
    }

    /// Logs no more that these outages last, because no one is left who could notice their end. One that is found to be
    /// over later still has the line of its end.
    pub fn leave(&self, which: impl Fn(&K) -> bool) {
        for (_, kept) in self.lock().iter_mut().filter(|(key, _)| which(key)) {
            kept.unwatched = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Kept>> {
        // No change panics half-way.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Default for Outages<K> {
    fn default() -> Self {
        Self {
            any: AtomicBool::new(false),
            kept: Mutex::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> impl Fn(u64) -> Instant {
        let begin = Instant::now();
        move |seconds| begin + Duration::from_secs(seconds)
    }

    fn figures(line: Option<Line>) -> Option<(bool, u64, u64, u64)> {
        line.map(|line| (line.begins, line.seconds, line.failures, line.held_back))
    }

    #[test]
    fn an_outage_has_a_line_when_it_begins_one_a_minute_and_one_when_it_is_over() {
        let (outages, at) = (Outages::default(), clock());
        assert_eq!(outages.over(&"db", at(0)), None, "nothing was wrong");
        let lines: Vec<_> = (0..=125)
            .filter_map(|second| figures(outages.failed(&"db", "refused", at(second))))
            .collect();
        assert_eq!(lines, [(true, 0, 1, 0), (false, 60, 61, 59), (false, 120, 121, 59)]);
        assert_eq!(figures(outages.over(&"db", at(130))), Some((false, 130, 126, 5)));
        assert_eq!(outages.over(&"db", at(131)), None, "once");
    }

    #[test]
    fn twelve_tasks_that_meet_one_outage_make_two_lines() {
        let (outages, at) = (Outages::default(), clock());
        let mut lines = 0;
        for second in 0..34 {
            for _ in 0..12 {
                lines += usize::from(outages.failed(&"db", "refused", at(second)).is_some());
            }
        }
        // The first is back, and the others still meet what is left of it.
        for _ in 0..12 {
            lines += usize::from(outages.over(&"db", at(34)).is_some());
            lines += usize::from(outages.failed(&"db", "refused", at(35)).is_some());
            lines += usize::from(outages.over(&"db", at(36)).is_some());
        }
        assert_eq!(lines, 2);
    }

    #[test]
    fn what_flaps_does_not_fill_the_log_and_is_told_again_after_a_minute() {
        let (outages, at) = (Outages::default(), clock());
        assert!(outages.failed(&1, "a", at(1)).is_some());
        assert!(outages.over(&1, at(2)).is_some());
        assert_eq!(outages.failed(&1, "b", at(61)), None);
        assert_eq!(outages.over(&1, at(61)), None, "what had no beginning has no end");
        assert_eq!(figures(outages.failed(&1, "c", at(62))), Some((true, 0, 1, 1)));
        assert_eq!(outages.failed(&1, "d", at(63)), None);
        assert_eq!(outages.reason(&1).as_deref(), Some("d"));
        assert!(outages.over(&1, at(64)).is_some());
        assert_eq!(outages.reason(&1), None);
        assert_eq!(outages.over(&1, at(124)), None);
        assert!(outages.lock().is_empty(), "what works is forgotten");
    }

    #[test]
    fn what_lasts_without_failing_anew_is_told_each_minute() {
        let (outages, at) = (Outages::default(), clock());
        assert!(outages.failed(&"a", "stuck", at(0)).is_some());
        assert!(outages.failed(&"b", "stuck", at(30)).is_some());
        assert_eq!(outages.lasting(at(59)), []);
        let lines = outages.lasting(at(60));
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (lines[0].0, lines[0].1.seconds, &*lines[0].1.reason),
            ("a", 60, "stuck")
        );
        assert_eq!(outages.lasting(at(61)), []);
        assert!(outages.over(&"a", at(70)).is_some());
        assert_eq!(outages.lasting(at(200)).len(), 1, "only the other one");
        outages.leave(|key| *key == "b");
        assert_eq!(outages.lasting(at(300)), [], "nobody looks");
        assert_eq!(figures(outages.over(&"b", at(300))), Some((false, 270, 1, 0)));
    }

    #[test]
    fn what_was_left_and_fails_again_is_the_same_outage_within_a_minute_and_another_one_later() {
        let (outages, at) = (Outages::default(), clock());
        assert!(outages.failed(&1, "stuck", at(0)).is_some());
        outages.leave(|_| true);
        assert_eq!(outages.failed(&1, "stuck", at(30)), None);
        assert_eq!(outages.lasting(at(60)).len(), 1, "watched again");
        outages.leave(|_| true);
        assert_eq!(
            figures(outages.failed(&1, "stuck", at(600))),
            Some((true, 0, 1, 0)),
            "the time in between is not known"
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (outages, at) = (Outages::default(), clock());
        for number in 0..3 * MAX_KEPT {
            assert!(outages.failed(&number, "x", at(0)).is_some());
            assert!(outages.lock().len() <= MAX_KEPT);
        }
    }
}
