//! The settings of a worker, with their defaults.

use std::time::Duration;

use schemas::schedule::{FACTORS, Growth, LONGEST_WAIT, Schedule};
use schemas::setting::{Findings, Invalid};
use schemas::spec::Retry;
use serde::Deserialize;

/// The settings of one worker. Plain data; [`Worker::new`](crate::Worker::new) checks it.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The most deliveries that a sink is handed at once. Default 500.
    pub batch_max_records: usize,
    /// The most bytes of records that a sink is handed at once; one larger record goes alone. Default 4 MiB.
    pub batch_max_bytes: usize,
    /// How many records of one partition may be in flight: read, but not settled. While some wait for their next
    /// attempt, later ones are still delivered, up to this bound; then those that have waited for two minutes are given
    /// up. Default 2 000.
    pub window_records: usize,
    /// The same in bytes; reading stops once it is exceeded. Default 16 MiB.
    pub window_bytes: usize,
    /// The longest wait before the second attempt, where the sink has no [`Retry`] of its own. Default 1 000.
    pub retry_base_ms: u64,
    /// The longest wait before any attempt, unless the target itself asked for more or the sink has its own. Default
    /// 60 000.
    pub retry_max_ms: u64,
    /// The factor by which the longest wait grows with each attempt. Default 2.
    pub retry_factor: f64,
    /// How many attempts a delivery gets before it becomes a dead letter. Default 8.
    pub retry_max_attempts: u32,
    /// The longest wait that a target may ask for (`Retry-After`). Such a delivery keeps its partition's progress from
    /// moving on, hence a default far below the 24 hours that are allowed at most. Default 300 000.
    pub retry_after_max_ms: u64,
    /// The longest wait before trying again when the whole sink, the event log or the dead-letter topic is unavailable.
    /// This has no limit of tries, and costs no attempt. Default 5 000.
    pub unavailable_max_ms: u64,
    /// How many of the last final outcomes (delivered, rejected, given up) the valve considers; 0 switches the valve
    /// off. Default 200.
    pub valve_window: usize,
    /// How many per cent of these must be failures for the worker to stop. Default 90.
    pub valve_percent: u32,
    /// How many deliveries of one partition, settled in order, a crash may repeat at most: further ones wait until
    /// progress is durable. Deliveries settled after a record that waits for its next attempt are not counted: all of them
    /// are repeated. Sinks that keep their progress with their data repeat none. Default 1 000.
    pub repeat_max_deliveries: usize,
    /// How many deliveries may wait in the backlog for one target, of a sink that has one: beyond that, what is new for it
    /// becomes a dead letter. They are counted once a minute. Default 1 000 000.
    pub backlog_max_deliveries: u64,
    /// How long a shutdown waits for the current batches. Default 10 000.
    pub drain_ms: u64,
    /// How long a revocation waits for the current batch before it is abandoned (and repeated by the next owner).
    /// Event logs wait about five seconds. Default 4 000.
    pub revoke_ms: u64,
    /// How often, at most, a sink gets a checkpoint of progress that is not from its own deliveries. Default 3 000.
    pub checkpoint_ms: u64,
    /// How often the lag is measured. Default 10 000.
    pub lag_ms: u64,
    /// How many targets of each sink have a count of dead letters of their own: those first that have some first; the others
    /// are counted as `(other)`. One that has had none for an hour makes room. Default 200.
    pub metrics_targets_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            batch_max_records: 500,
            batch_max_bytes: 4 << 20,
            window_records: 2_000,
            window_bytes: 16 << 20,
            retry_base_ms: 1_000,
            retry_max_ms: 60_000,
            retry_factor: 2.0,
            retry_max_attempts: 8,
            retry_after_max_ms: 300_000,
            unavailable_max_ms: 5_000,
            valve_window: 200,
            valve_percent: 90,
            repeat_max_deliveries: 1_000,
            backlog_max_deliveries: 1_000_000,
            drain_ms: 10_000,
            revoke_ms: 4_000,
            checkpoint_ms: 3_000,
            lag_ms: 10_000,
            metrics_targets_max: 200,
        }
    }
}

impl Config {
    /// Checks all values.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let at_least_one = [
            ("batch_max_records", self.batch_max_records as u64),
            ("batch_max_bytes", self.batch_max_bytes as u64),
            ("window_bytes", self.window_bytes as u64),
            ("repeat_max_deliveries", self.repeat_max_deliveries as u64),
            ("backlog_max_deliveries", self.backlog_max_deliveries),
            ("retry_base_ms", self.retry_base_ms),
            ("retry_max_attempts", u64::from(self.retry_max_attempts)),
            ("unavailable_max_ms", self.unavailable_max_ms),
            ("drain_ms", self.drain_ms),
            ("revoke_ms", self.revoke_ms),
            ("checkpoint_ms", self.checkpoint_ms),
            ("lag_ms", self.lag_ms),
        ];
        let mut found = Findings::default();
        for (key, _) in at_least_one.into_iter().filter(|(_, value)| *value == 0) {
            found.add(key, "is 0: give at least 1");
        }
        let (window, batch) = (self.window_records, self.batch_max_records);
        if window < batch {
            let reason = format!("is {window}, less than `batch_max_records` ({batch}): give at least that");
            found.add("window_records", reason);
        }
        let (longest, shortest) = (self.retry_max_ms, self.retry_base_ms);
        if longest < shortest {
            let reason = format!("is {longest}, less than `retry_base_ms` ({shortest}): give at least that");
            found.add("retry_max_ms", reason);
        }
        if !FACTORS.contains(&self.retry_factor) {
            found.add("retry_factor", format!("is {}: give 1 to 100", self.retry_factor));
        }
        if Duration::from_millis(self.retry_after_max_ms) > LONGEST_WAIT {
            let limit = LONGEST_WAIT.as_millis();
            let reason = format!("is {}: give at most {limit} (24 hours)", self.retry_after_max_ms);
            found.add("retry_after_max_ms", reason);
        }
        if !(1..=100).contains(&self.valve_percent) {
            found.add("valve_percent", format!("is {}: give 1 to 100", self.valve_percent));
        }
        found.into_result()
    }

    /// Finds what may be meant, and seldom is.
    pub fn warnings(&self) -> Vec<Invalid> {
        let mut found = Findings::default();
        if self.revoke_ms >= REVOCATION_MS {
            let reason = format!(
                "is {}: the event log waits {REVOCATION_MS} ms for a partition that goes to another process, so give less",
                self.revoke_ms
            );
            found.add("revoke_ms", reason);
        }
        if self.batch_max_bytes > self.window_bytes {
            let reason = format!(
                "is {}, more than `window_bytes` ({}), which ends a batch before",
                self.batch_max_bytes, self.window_bytes
            );
            found.add("batch_max_bytes", reason);
        }
        if self.valve_window > 0 && self.valve_window < LEAST_VALVE_WINDOW {
            let reason = format!(
                "is {}: so few failures stop a worker; give at least {LEAST_VALVE_WINDOW}, or 0 for no valve",
                self.valve_window
            );
            found.add("valve_window", reason);
        }
        found.into_warnings()
    }

    /// Returns the schedule of a sink that has none of its own.
    pub fn schedule(&self) -> Schedule {
        Schedule::Exponential {
            growth: self.growth(),
            max_attempts: self.retry_max_attempts,
        }
    }

    /// Returns the schedule of a sink with a `retry` of its own, in which what is left out is this one's; or everything that is
    /// wrong.
    pub fn schedule_of(&self, retry: &Retry) -> Result<Schedule, Vec<Invalid>> {
        retry.schedule(self.growth(), self.retry_max_attempts)
    }

    /// Returns how the waits grow while something is unavailable as a whole; without limit of attempts.
    pub(crate) fn while_unavailable(&self) -> Growth {
        let growth = self.growth();
        Growth {
            max: growth.max.min(Duration::from_millis(self.unavailable_max_ms)),
            ..growth
        }
    }

    fn growth(&self) -> Growth {
        Growth {
            base: Duration::from_millis(self.retry_base_ms),
            factor: self.retry_factor,
            max: Duration::from_millis(self.retry_max_ms),
        }
    }
}

/// How long event logs wait for a revoked partition.
const REVOCATION_MS: u64 = 5_000;

/// Below this, a few bad events in a row stop a worker.
const LEAST_VALVE_WINDOW: usize = 5;

#[cfg(test)]
mod tests {
    use schemas::setting::in_one_line;

    use super::*;

    #[test]
    fn the_defaults_are_valid_and_a_wrong_value_names_its_key() {
        type Spoil = fn(&mut Config);
        Config::default().check().expect("the defaults");
        let table: [(Spoil, &str); 7] = [
            (|c| c.batch_max_records = 0, "`batch_max_records` is 0: give at least 1"),
            (
                |c| c.window_records = 10,
                "`window_records` is 10, less than `batch_max_records` (500): give at least that",
            ),
            (
                |c| c.retry_max_ms = 10,
                "`retry_max_ms` is 10, less than `retry_base_ms` (1000): give at least that",
            ),
            (|c| c.retry_factor = f64::NAN, "`retry_factor` is NaN: give 1 to 100"),
            (
                |c| c.retry_max_attempts = 0,
                "`retry_max_attempts` is 0: give at least 1",
            ),
            (
                |c| c.retry_after_max_ms = 86_400_001,
                "`retry_after_max_ms` is 86400001: give at most 86400000 (24 hours)",
            ),
            (|c| c.valve_percent = 101, "`valve_percent` is 101: give 1 to 100"),
        ];
        for (spoil, message) in table {
            let mut config = Config::default();
            spoil(&mut config);
            assert_eq!(in_one_line(&config.check().expect_err(message)), message);
        }
        assert_eq!(Config::default().warnings(), []);
        let odd = Config {
            revoke_ms: 5_000,
            batch_max_bytes: 32 << 20,
            valve_window: 1,
            ..Config::default()
        };
        let warnings = odd.warnings();
        let places: Vec<&str> = warnings.iter().map(|warning| warning.place.as_str()).collect();
        assert_eq!(places, ["revoke_ms", "batch_max_bytes", "valve_window"]);
        let mut config = Config::default();
        (config.drain_ms, config.valve_percent) = (0, 0);
        assert_eq!(config.check().expect_err("two").len(), 2, "all of them at once");
    }
}
