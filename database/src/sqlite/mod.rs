//! SQLite: one file, opened by one process, and its migrations.

mod explain;

use std::path::PathBuf;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Row as _};

use crate::{Found, Migrations, SetupError};
pub use explain::{code, primary_code, refusal};

/// SQLite's own page size; `max_size_bytes` is counted in such pages.
pub const PAGE_BYTES: u64 = 4096;

/// Whether a table of migrations exists.
const HAS_MIGRATIONS: &str = "SELECT count(*) > 0 FROM sqlite_schema WHERE name = ?1";

/// A database file.
#[derive(Debug, Clone)]
pub struct File {
    /// Where it is. It and its folder are made where missing.
    pub path: PathBuf,
    /// It does not grow beyond this.
    pub max_size_bytes: Option<u64>,
    /// How long to wait for another process that writes to it.
    pub busy_timeout: Duration,
    /// The section with the settings, for messages: `sqlite` or `store.sqlite`.
    pub section: &'static str,
}

impl File {
    /// A connection, made when it is first used: what is written is synced to disk before it is answered. Makes the folder where it
    /// is missing.
    pub fn pool(&self) -> Result<SqlitePool, SetupError> {
        let path = self.path.display();
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                SetupError::Misconfigured(format!(
                    "the folder of `{path}` (`{}.path`) cannot be made: {error}",
                    self.section
                ))
            })?;
        }
        let mut options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(self.busy_timeout)
            .disable_statement_logging();
        if let Some(bytes) = self.max_size_bytes {
            options = options.pragma("max_page_count", (bytes / PAGE_BYTES).to_string());
        }
        // One connection: SQLite has one writer, and who comes meanwhile waits for it here, in order of arrival.
        Ok(SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options))
    }

    /// Brings the tables up to date. Refuses a file that a newer version has migrated, unless that says that this one can go on.
    pub async fn migrate(&self, pool: &SqlitePool, migrations: &Migrations) -> Result<(), SetupError> {
        let path = self.path.display();
        let newer = self.newer(pool, migrations).await?;
        if let Some(version) = newer {
            tracing::info!("`{path}` has migration {version} of a newer `forebay`, which this version can work with");
        }
        let migrator = migrations.migrator(newer.is_some());
        migrator.run(pool).await.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                SetupError::Unavailable(self.explain(&error))
            }
            error => SetupError::Misconfigured(format!("`{path}` cannot be migrated: {error}")),
        })
    }

    /// The newest migration of a newer version which this one can work with, if the file has one.
    async fn newer(&self, pool: &SqlitePool, migrations: &Migrations) -> Result<Option<i64>, SetupError> {
        let failed = |error: sqlx::Error| SetupError::Unavailable(self.explain(&error));
        let exists: bool = sqlx::query_scalar(HAS_MIGRATIONS)
            .bind(migrations.table())
            .fetch_one(pool)
            .await
            .map_err(failed)?;
        if !exists {
            return Ok(None);
        }
        let rows = sqlx::query(migrations.query()).fetch_all(pool).await.map_err(failed)?;
        let found = |row: &SqliteRow| {
            Ok(Found {
                version: row.try_get(0)?,
                description: row.try_get(1)?,
                checksum: row.try_get(2)?,
                success: row.try_get(3)?,
            })
        };
        let found = rows.iter().map(found).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        migrations.newest_unknown(&found).map_err(|version| {
            SetupError::Misconfigured(format!(
                "`{}` has migration {version}{}, which this version does not know, nor can work with: it was made by a newer \
                 `forebay`, run that one",
                self.path.display(),
                migrations.whose()
            ))
        })
    }
}
