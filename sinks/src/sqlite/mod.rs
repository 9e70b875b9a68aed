//! The sink `sqlite`: the tables of `postgres` in one file, for `forebay dev`.
//!
//! One connection writes; a batch is one transaction, synced to disk before it is answered. A row that SQLite refuses
//! leaves the transaction as it was, so nothing has to be searched for.

mod explain;
mod progress;
mod sql;
mod variants;
mod write;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use schemas::BoxFuture;
use schemas::event::Event;
use schemas::name::SinkName;
use schemas::setting::{Findings, Invalid};
use schemas::sink::{Batch, KeepsProgress, Outcome, Sink, Target, Unavailable};
use serde::Deserialize;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Row as _, SqlSafeStr as _};

use crate::table::{Forgetting, Found, Metrics, Plan, SetupError, check_receipts, newest_unknown};

/// SQLite's own page size; `max_size_bytes` is counted in such pages.
const PAGE_BYTES: u64 = 4096;
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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            max_size_bytes: None,
            busy_timeout_ms: 5_000,
            receipt_window_seconds: 600,
            receipt_retention_seconds: 8 * 24 * 3600,
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
        found.into_result()
    }
}

/// Writes events to a SQLite file.
#[derive(Debug)]
pub struct SqliteSink {
    name: SinkName,
    pool: SqlitePool,
    config: Config,
    forgetting: Forgetting,
    metrics: Metrics,
}

impl SqliteSink {
    /// Opens the file, makes it where it is missing, and brings its tables up to date.
    pub async fn open(config: &Config, name: SinkName, metrics: Metrics) -> Result<Self, SetupError> {
        config.check()?;
        let path = config.path.display();
        if let Some(folder) = config.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                SetupError::Misconfigured(format!(
                    "the folder of `{path}` (`sqlite.path`) cannot be made: {error}"
                ))
            })?;
        }
        let mut options = SqliteConnectOptions::new()
            .filename(&config.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_millis(config.busy_timeout_ms))
            .disable_statement_logging();
        if let Some(bytes) = config.max_size_bytes {
            options = options.pragma("max_page_count", (bytes / PAGE_BYTES).to_string());
        }
        // One connection: SQLite has one writer, and batches of other partitions wait for it here, in order of arrival.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options);
        let sink = Self {
            name,
            pool,
            config: config.clone(),
            forgetting: Forgetting::default(),
            metrics,
        };
        let mut migrator = Migrator::with_migrations(migrations());
        if let Some(version) = sink.newer().await? {
            tracing::info!("`{path}` has migration {version} of a newer `forebay`, which this version can work with");
            migrator.set_ignore_missing(true);
        }
        migrator.run(&sink.pool).await.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                SetupError::Unavailable(explain::explain(&sink.config, &error))
            }
            error => SetupError::Misconfigured(format!("`{path}` cannot be migrated: {error}")),
        })?;
        Ok(sink)
    }

    /// The newest migration of a newer version which this one can work with, if the file has one.
    async fn newer(&self) -> Result<Option<i64>, SetupError> {
        let failed = |error: sqlx::Error| SetupError::Unavailable(explain::explain(&self.config, &error));
        let exists: bool = sqlx::query_scalar(sql::HAS_MIGRATIONS)
            .fetch_one(&self.pool)
            .await
            .map_err(failed)?;
        if !exists {
            return Ok(None);
        }
        let rows = sqlx::query(sql::MIGRATIONS)
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        let found = |row: &SqliteRow| {
            Ok(Found {
                version: row.try_get(0)?,
                description: row.try_get(1)?,
                checksum: row.try_get(2)?,
                success: row.try_get(3)?,
            })
        };
        let found = rows.iter().map(found).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        newest_unknown(&found, &migrations()).map_err(|version| {
            SetupError::Misconfigured(format!(
                "`{}` has migration {version}, which this version does not know, nor can work with: it was made by a newer \
                 `forebay`, run that one",
                self.config.path.display()
            ))
        })
    }

    /// Finishes what is being written and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn down(&self, error: &sqlx::Error) -> Unavailable {
        Unavailable {
            sink: self.name.clone(),
            reason: explain::explain(&self.config, error),
        }
    }
}

/// Every description from 6 on ends with `(works with N and later)` or `(breaking)`: see `newest_unknown`.
fn migrations() -> Vec<Migration> {
    let event = include_str!("../../migrations/sqlite/0001_event.sql").into_sql_str();
    let views = include_str!("../../migrations/sqlite/0002_views.sql").into_sql_str();
    let progress = include_str!("../../migrations/sqlite/0003_progress.sql").into_sql_str();
    let variant = include_str!("../../migrations/sqlite/0004_variant.sql").into_sql_str();
    let envelope = include_str!("../../migrations/sqlite/0005_envelope.sql").into_sql_str();
    let operations = include_str!("../../migrations/sqlite/0006_operations.sql").into_sql_str();
    vec![
        Migration::new(1, "event".into(), MigrationType::Simple, event, false),
        Migration::new(2, "views".into(), MigrationType::Simple, views, false),
        Migration::new(3, "progress".into(), MigrationType::Simple, progress, false),
        Migration::new(4, "variant".into(), MigrationType::Simple, variant, false),
        Migration::new(5, "envelope".into(), MigrationType::Simple, envelope, false),
        Migration::new(
            6,
            "operations (works with 5 and later)".into(),
            MigrationType::Simple,
            operations,
            false,
        ),
    ]
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

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        Box::pin(async move {
            let started = Instant::now();
            let mut plan = Plan::new(batch);
            let written = self.write(&mut plan).await.map_err(|e| self.down(&e))?;
            // The batch is stored: a failure here is only logged.
            if let Err(error) = self.forget_old_receipts().await {
                let error = self.down(&error);
                tracing::warn!(sink = %self.name, %error, "old receipts were not removed; trying again later");
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
        crate::table::check_descriptions(&migrations(), 5);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
        let files = std::fs::read_dir(folder).expect("the folder").count();
        assert_eq!(files, migrations().len(), "every file is one of the list");
    }
}
