//! The sink `sqlite`: the tables of `postgres` in one file, for `forebay dev`.
//!
//! One connection writes; a batch is one transaction, synced to disk before it is answered. A row that SQLite refuses
//! leaves the transaction as it was, so nothing has to be searched for.

mod progress;
mod retention;
mod sql;
mod state;
mod variants;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use database::Migrations;
use database::sqlite::{File, PAGE_BYTES};
use schemas::BoxFuture;
use schemas::event::Event;
use schemas::name::SinkName;
use schemas::setting::{Findings, Invalid};
use schemas::sink::{Batch, Handling, KeepsProgress, Outcome, Sink, Target, Unavailable};
use serde::Deserialize;
use sqlx::sqlite::SqlitePool;

use retention::Expiring;

use crate::state::StateTables;
use crate::table::{Forgetting, Metrics, Plan, SetupError, check_receipts, check_retention};

/// Tables and views have to have room.
const LEAST_PAGES: u64 = 256;

/// The section `sqlite` of the configuration.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The database file. It and its folder are made where missing. Required.
    pub path: PathBuf,
    /// The file does not grow beyond this: the sink is unavailable then, and says so. Default: no limit but the disk.
    pub max_size_bytes: Option<u64>,
    /// How long to wait for another process that writes to the file. Default 5000.
    pub busy_timeout_ms: u64,
    /// As for `postgres`. Default 600.
    pub receipt_window_seconds: u32,
    /// As for `postgres`. Default 691200 (8 days).
    pub receipt_retention_seconds: u32,
    /// As for `postgres`. Default `all`.
    pub state: StateTables,
    /// How long events are kept, by the time in their id, in whole days UTC: older ones are deleted, with their variants, a thousand with
    /// each batch. What is older is not stored any more, a replay of it neither. Left out, events are kept for ever.
    pub retention_days: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            max_size_bytes: None,
            busy_timeout_ms: 5_000,
            receipt_window_seconds: 600,
            receipt_retention_seconds: 8 * 24 * 3600,
            state: StateTables::default(),
            retention_days: None,
        }
    }
}

impl Config {
    /// Everything that is wrong with the settings, as far as it shows without the file.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        if self.path.as_os_str().is_empty() {
            found.add("path", "is not set: name the file of the database");
        }
        if let Some(bytes) = self.max_size_bytes.filter(|bytes| *bytes < LEAST_PAGES * PAGE_BYTES) {
            let least = LEAST_PAGES * PAGE_BYTES;
            found.add("max_size_bytes", format!("is {bytes}: give at least {least}"));
        }
        check_receipts(self.receipt_window_seconds, self.receipt_retention_seconds, &mut found);
        self.state.check(&mut found);
        check_retention(self.retention_days, self.receipt_window_seconds, &mut found);
        found.into_result()
    }
}

/// Writes events to a SQLite file.
#[derive(Debug)]
pub struct SqliteSink {
    name: SinkName,
    pool: SqlitePool,
    file: File,
    config: Config,
    forgetting: Forgetting,
    expiring: Expiring,
    metrics: Metrics,
}

impl SqliteSink {
    /// Opens the file, makes it where it is missing, and brings its tables up to date.
    pub async fn open(config: &Config, name: SinkName, metrics: Metrics) -> Result<Self, SetupError> {
        config.check()?;
        let file = File {
            path: config.path.clone(),
            max_size_bytes: config.max_size_bytes,
            busy_timeout: Duration::from_millis(config.busy_timeout_ms),
            section: "sqlite",
        };
        let pool = file.pool()?;
        file.migrate(&pool, &migrations()).await?;
        Ok(Self {
            name,
            pool,
            file,
            config: config.clone(),
            forgetting: Forgetting::default(),
            expiring: Expiring::default(),
            metrics,
        })
    }

    /// Finishes what is being written and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn down(&self, error: &sqlx::Error) -> Unavailable {
        Unavailable {
            sink: self.name.clone(),
            reason: self.file.explain(error),
        }
    }
}

/// Every description from 6 on ends with `(works with N and later)` or `(breaking)`: see [`Migrations`].
fn migrations() -> Migrations {
    Migrations::new(
        "_sqlx_migrations",
        "",
        &[
            ("event", include_str!("../../migrations/sqlite/0001_event.sql")),
            ("views", include_str!("../../migrations/sqlite/0002_views.sql")),
            ("progress", include_str!("../../migrations/sqlite/0003_progress.sql")),
            ("variant", include_str!("../../migrations/sqlite/0004_variant.sql")),
            ("envelope", include_str!("../../migrations/sqlite/0005_envelope.sql")),
            (
                "operations (works with 5 and later)",
                include_str!("../../migrations/sqlite/0006_operations.sql"),
            ),
            (
                "horizon (works with 6 and later)",
                include_str!("../../migrations/sqlite/0007_horizon.sql"),
            ),
            (
                "cleared (works with 6 and later)",
                include_str!("../../migrations/sqlite/0008_cleared.sql"),
            ),
            (
                "state (works with 6 and later)",
                include_str!("../../migrations/sqlite/0009_state.sql"),
            ),
            (
                "hours (works with 6 and later)",
                include_str!("../../migrations/sqlite/0010_hours.sql"),
            ),
        ],
    )
}

impl Sink for SqliteSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn targets(&self, _event: &Event, _argument: Option<&str>) -> Vec<Target> {
        vec![Target::Only]
    }

    fn delivers_apart(&self) -> bool {
        false
    }

    fn handling(&self, _: &Target) -> Option<Arc<Handling>> {
        None
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        Box::pin(async move {
            let started = Instant::now();
            let mut plan = Plan::new(batch);
            let written = self.write(&mut plan).await.map_err(|e| self.down(&e))?;
            // The batch is stored: a failure here is only logged.
            if let Err(error) = self.forget_old().await {
                let error = self.down(&error);
                tracing::warn!(sink = %self.name, %error, "old receipts and events were not removed; trying again later");
            }
            let outcomes = plan.outcomes();
            self.metrics
                .batch(&self.name, started.elapsed(), batch, &outcomes, &written);
            Ok(outcomes)
        })
    }

    fn kept_progress(&self) -> Option<&dyn KeepsProgress> {
        Some(self)
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(async move {
            // With the lock that a batch takes: reading alone succeeds although another process writes.
            let read = async {
                let mut transaction = self.pool.begin_with(sql::BEGIN).await?;
                sqlx::query(sql::READY).execute(&mut *transaction).await?;
                transaction.rollback().await
            };
            read.await.map_err(|e| self.down(&e))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_new_migration_says_which_older_versions_go_on() {
        assert_eq!(migrations().check_descriptions(5), Ok(()));
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
        let files = std::fs::read_dir(folder).expect("the folder").count();
        assert_eq!(files, migrations().count(), "every file is one of the list");
    }
}
