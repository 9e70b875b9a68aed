//! The journal's settings.

use std::path::PathBuf;
use std::time::Duration;

use schemas::log::LogError;
use serde::Deserialize;

/// Settings of the journal. Checked by [`Journal::open`](super::Journal::open).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder that holds `journal.db` and the lock; made if missing. It must be on a local disk: SQLite's write-ahead
    /// log does not work on network file systems. Default `forebay-data/journal`.
    pub path: PathBuf,
    /// How many bytes of `journal.db` records may fill. Beyond 9/10 of it records that every group has read are deleted
    /// first; when there are none, new records are refused. The file may be a few per cent larger, and the write-ahead
    /// log beside it takes up to 64 MiB. Default 4 GiB.
    pub max_bytes: u64,
    /// How long a record is kept at most; a topic's own retention counts where it is shorter. Default 28 days.
    pub max_age_seconds: u64,
    /// How long a publish waits for its commit. Default 1800.
    pub publish_timeout_ms: u64,
    /// How many records may wait for the disk before publishers wait for the queue. Default 8192.
    pub queue_max_records: usize,
    /// The same in bytes; one larger record waits alone. Default 64 MiB.
    pub queue_max_bytes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::from("forebay-data/journal"),
            max_bytes: 4 << 30,
            max_age_seconds: 28 * 24 * 3600,
            publish_timeout_ms: 1800,
            queue_max_records: 8192,
            queue_max_bytes: 64 << 20,
        }
    }
}

/// Below this, the fixed parts of the file would already be a noticeable share of it.
const SMALLEST_MAX_BYTES: u64 = 1 << 20;

impl Config {
    pub(super) fn check(&self) -> Result<(), LogError> {
        let wrong = if self.path.as_os_str().is_empty() {
            "`event_log.journal.path` is empty: name a folder on a local disk".to_owned()
        } else if self.max_bytes < SMALLEST_MAX_BYTES {
            format!(
                "`event_log.journal.max_bytes` is {}: use at least {SMALLEST_MAX_BYTES} (1 MiB)",
                self.max_bytes
            )
        } else if self.max_age_seconds == 0 {
            "`event_log.journal.max_age_seconds` is 0: use at least 1".to_owned()
        } else if self.publish_timeout_ms == 0 {
            "`event_log.journal.publish_timeout_ms` is 0: use at least 1".to_owned()
        } else if self.queue_max_records == 0 {
            "`event_log.journal.queue_max_records` is 0: use at least 1".to_owned()
        } else if self.queue_max_bytes == 0 {
            "`event_log.journal.queue_max_bytes` is 0: use at least 1".to_owned()
        } else {
            return Ok(());
        };
        Err(LogError::Misconfigured(wrong))
    }

    pub(super) fn publish_timeout(&self) -> Duration {
        Duration::from_millis(self.publish_timeout_ms)
    }

    pub(super) fn max_age_ms(&self) -> i64 {
        i64::try_from(self.max_age_seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_cannot_work_is_named() {
        assert!(Config::default().check().is_ok());
        let wrong = [
            (
                Config {
                    path: PathBuf::new(),
                    ..Config::default()
                },
                "journal.path",
            ),
            (
                Config {
                    max_bytes: 1000,
                    ..Config::default()
                },
                "journal.max_bytes",
            ),
            (
                Config {
                    max_age_seconds: 0,
                    ..Config::default()
                },
                "journal.max_age_seconds",
            ),
            (
                Config {
                    publish_timeout_ms: 0,
                    ..Config::default()
                },
                "journal.publish_timeout_ms",
            ),
            (
                Config {
                    queue_max_records: 0,
                    ..Config::default()
                },
                "journal.queue_max_records",
            ),
            (
                Config {
                    queue_max_bytes: 0,
                    ..Config::default()
                },
                "journal.queue_max_bytes",
            ),
        ];
        for (config, key) in wrong {
            let error = config.check().expect_err(key).to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
