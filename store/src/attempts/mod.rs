//! The attempt log. A stand-in with the agreed signatures: it drops what it is given.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use schemas::attempt::{Attempt, AttemptLog};
use schemas::setting::{Findings, Invalid};
use serde::Deserialize;
use sqlx::{PgPool, SqlitePool};
use tokio_util::sync::CancellationToken;

/// The section of the attempt log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many whole days attempts are kept, 1 to 3660. Default 14.
    pub retention_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { retention_days: 14 }
    }
}

impl Config {
    /// Everything that is wrong with the settings.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        if !(1..=3_660).contains(&self.retention_days) {
            found.add("retention_days", format!("is {}: give 1 to 3660", self.retention_days));
        }
        found.into_result()
    }
}

#[derive(Debug)]
struct Dropped;

impl AttemptLog for Dropped {
    fn record(&self, _: Attempt) {}
}

/// The task that writes.
#[derive(Debug)]
pub struct Writer;

impl Writer {
    /// Writes until `shutdown`, which is to come after the last attempt.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.cancelled().await;
    }
}

/// The attempt log in PostgreSQL.
pub fn postgres(_: PgPool, _: &Config, _: &mut Registry) -> (Arc<dyn AttemptLog>, Writer) {
    (Arc::new(Dropped), Writer)
}

/// The attempt log in SQLite.
pub fn sqlite(_: SqlitePool, _: &Config, _: &mut Registry) -> (Arc<dyn AttemptLog>, Writer) {
    (Arc::new(Dropped), Writer)
}
