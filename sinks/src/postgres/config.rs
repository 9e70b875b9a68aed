//! The settings of the sink `postgres`.

use std::time::Duration;

use schemas::secret::Secret;
use serde::Deserialize;

/// How long beyond the server's own statement time-out an answer is waited for.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// The section `postgres` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `postgres://user:password@host:port/database`, with `?sslmode=verify-full&sslrootcert=…` where wanted. Required.
    pub url: Secret,
    /// How many connections at most, at least 1. Each partition writes one batch at a time; more connections than
    /// partitions do nothing. Default 4.
    pub max_connections: u32,
    /// How long to wait for a connection before a batch is put off. Default 5000.
    pub connect_timeout_ms: u64,
    /// The server gives up on a statement after this. Default 15000.
    pub statement_timeout_ms: u64,
    /// The server gives up waiting for a lock after this. Default 2000.
    pub lock_timeout_ms: u64,
    /// Events without a time of their own: a second receipt within this span is the same event. Keep it short, since
    /// equal events that are genuine (a member added, removed, added again) look the same. 0 stores every receipt.
    /// Default 600.
    pub receipt_window_seconds: u32,
    /// How long receipts are remembered from when they were stored: longer than the event log keeps records, so that a
    /// replay finds them.
    /// Default 691200 (8 days).
    pub receipt_retention_seconds: u32,
    /// How `forebay migrate` sets up the wide columns. Default `auto`.
    pub compression: Compression,
}

/// The compression of the columns `data` and `raw`. It holds for rows written from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// lz4 where the server has it (half the work of the default): PostgreSQL 14 or later, built with it.
    #[default]
    Auto,
    /// As the server has it.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: Secret::new(""),
            max_connections: 4,
            connect_timeout_ms: 5_000,
            statement_timeout_ms: 15_000,
            lock_timeout_ms: 2_000,
            receipt_window_seconds: 600,
            receipt_retention_seconds: 8 * 24 * 3600,
            compression: Compression::Auto,
        }
    }
}

impl Config {
    pub(super) fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms) + ANSWER_GRACE
    }

    /// What is wrong, naming the key.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.url.is_empty() {
            return Some("`postgres.url` is not set: write postgres://user:password@host:5432/database");
        }
        let positive = [
            (
                self.max_connections == 0,
                "`postgres.max_connections` must be at least 1",
            ),
            (
                self.connect_timeout_ms == 0,
                "`postgres.connect_timeout_ms` must be at least 1",
            ),
            (
                self.statement_timeout_ms == 0,
                "`postgres.statement_timeout_ms` must be at least 1",
            ),
            (
                self.lock_timeout_ms == 0,
                "`postgres.lock_timeout_ms` must be at least 1",
            ),
            (
                self.receipt_retention_seconds < self.receipt_window_seconds,
                "`postgres.receipt_retention_seconds` must not be shorter than `postgres.receipt_window_seconds`",
            ),
        ];
        positive.into_iter().find_map(|(wrong, what)| wrong.then_some(what))
    }
}
