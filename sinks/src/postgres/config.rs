//! The settings of the sink `postgres`.

use std::str::FromStr as _;
use std::time::Duration;

use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};
use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;

use crate::table::check_receipts;

/// How long beyond the server's own statement time-out an answer is waited for.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// The section `postgres` of the configuration.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
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

    /// Everything that is wrong with the settings, as far as it shows without a server.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        found.keep_at("url", self.options());
        let at_least_one = [
            ("max_connections", u64::from(self.max_connections)),
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("statement_timeout_ms", self.statement_timeout_ms),
            ("lock_timeout_ms", self.lock_timeout_ms),
        ];
        for (key, _) in at_least_one.into_iter().filter(|(_, value)| *value == 0) {
            found.add(key, "is 0: give at least 1");
        }
        check_receipts(self.receipt_window_seconds, self.receipt_retention_seconds, &mut found);
        found.into_result()
    }

    /// The connection that `url` names. The error never quotes it, for it may hold a password.
    pub(super) fn options(&self) -> Result<PgConnectOptions, String> {
        if self.url.is_empty() {
            return Err("is not set: write postgres://user:password@host:5432/database".to_owned());
        }
        let wrong = |why: &str| format!("is not a connection URL: {why}");
        let url = self.url.expose_str().ok_or_else(|| wrong("it is not UTF-8"))?;
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("it does not begin with postgres://"));
        }
        PgConnectOptions::from_str(url).map_err(|error| match error {
            // The error of the URL parser names what is wrong without quoting the URL.
            sqlx::Error::Configuration(why) => wrong(&why.to_string()),
            _ => wrong("it cannot be read"),
        })
    }
}
