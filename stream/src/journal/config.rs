//! The journal's settings.

use std::path::PathBuf;
use std::time::Duration;

use schemas::setting::{Findings, Invalid};
use serde::Deserialize;

/// Settings of the journal. Checked by [`Journal::open`](super::Journal::open).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
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
    /// Everything that is wrong with the settings, as far as it shows without the folder.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        if self.path.as_os_str().is_empty() {
            found.add("path", "is empty: name a folder on a local disk");
        }
        if self.max_bytes < SMALLEST_MAX_BYTES {
            let reason = format!("is {}: use at least {SMALLEST_MAX_BYTES} (1 MiB)", self.max_bytes);
            found.add("max_bytes", reason);
        }
        let at_least_one = [
            ("max_age_seconds", self.max_age_seconds == 0),
            ("publish_timeout_ms", self.publish_timeout_ms == 0),
            ("queue_max_records", self.queue_max_records == 0),
            ("queue_max_bytes", self.queue_max_bytes == 0),
        ];
        for (key, _) in at_least_one.into_iter().filter(|(_, zero)| *zero) {
            found.add(key, "is 0: use at least 1");
        }
        found.into_result()
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
                "path",
            ),
            (
                Config {
                    max_bytes: 1000,
                    ..Config::default()
                },
                "max_bytes",
            ),
            (
                Config {
                    max_age_seconds: 0,
                    ..Config::default()
                },
                "max_age_seconds",
            ),
            (
                Config {
                    publish_timeout_ms: 0,
                    ..Config::default()
                },
                "publish_timeout_ms",
            ),
            (
                Config {
                    queue_max_records: 0,
                    ..Config::default()
                },
                "queue_max_records",
            ),
            (
                Config {
                    queue_max_bytes: 0,
                    ..Config::default()
                },
                "queue_max_bytes",
            ),
        ];
        for (config, key) in wrong {
            let found = config.check().expect_err(key);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].place, key);
        }
    }
}
