//! The settings of the attempt log.

use schemas::setting::{Findings, Invalid};
use serde::Deserialize;

/// Ten years. PostgreSQL has a partition per day, and plans slowly with many thousands of them.
const MAX_RETENTION_DAYS: u32 = 3_660;
const MAX_ANSWER_BYTES: usize = 65_536;
const MIN_QUEUE_BYTES: usize = 1_048_576;

/// The section of the attempt log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many whole days attempts are kept, 1 to 3660. Default 14.
    pub retention_days: u32,
    /// How much of the answer to a failed attempt is kept, at most 65536; 0 keeps nothing of it. Default 1024.
    pub answer_max_bytes: usize,
    /// How much memory attempts may take that are not written yet, at least 1048576. What does not fit is counted and dropped.
    /// Default 33554432 (32 MiB), which holds about 80000 attempts that went well, or 20000 with an answer of 1 KB.
    pub queue_max_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            retention_days: 14,
            answer_max_bytes: 1_024,
            queue_max_bytes: 32 * 1_048_576,
        }
    }
}

impl Config {
    /// Everything that is wrong with the settings.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        if !(1..=MAX_RETENTION_DAYS).contains(&self.retention_days) {
            found.add(
                "retention_days",
                format!("is {}: give 1 to {MAX_RETENTION_DAYS}", self.retention_days),
            );
        }
        if self.answer_max_bytes > MAX_ANSWER_BYTES {
            found.add(
                "answer_max_bytes",
                format!("is {}: give at most {MAX_ANSWER_BYTES}", self.answer_max_bytes),
            );
        }
        if self.queue_max_bytes < MIN_QUEUE_BYTES {
            found.add(
                "queue_max_bytes",
                format!("is {}: give at least {MIN_QUEUE_BYTES}", self.queue_max_bytes),
            );
        }
        found.into_result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> Config {
        serde_json::from_str(json).expect("a section")
    }

    #[test]
    fn the_defaults_are_right_and_what_is_out_of_range_is_named() {
        assert_eq!(config("{}").check(), Ok(()));
        let wrong = config(r#"{"retention_days": 0, "answer_max_bytes": 65537, "queue_max_bytes": 1000}"#);
        let found = wrong.check().expect_err("three are wrong");
        let found: Vec<String> = found.iter().map(Invalid::to_string).collect();
        assert_eq!(
            found,
            [
                "`retention_days` is 0: give 1 to 3660",
                "`answer_max_bytes` is 65537: give at most 65536",
                "`queue_max_bytes` is 1000: give at least 1048576",
            ]
        );
        assert!(serde_json::from_str::<Config>(r#"{"retention": 3}"#).is_err());
    }
}
