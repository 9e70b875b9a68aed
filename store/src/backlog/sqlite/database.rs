//! The file, with a limit of time for all that is asked, and what errors mean.

use std::time::Duration;

use database::sqlite::{code, primary_code};
use schemas::backlog::BacklogError;
use schemas::time::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::sql;

/// How long one call may take, the wait for others included.
const LIMIT: Duration = Duration::from_secs(30);

/// The file, by its pool.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pool: SqlitePool,
}

impl Database {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    pub(super) async fn connection(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        self.pool.acquire().await
    }

    /// Begins to write; undone if it is dropped before its commit.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.pool.begin_with(sql::BEGIN).await
    }

    /// Waits for an answer, and says what an error means.
    pub(super) async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, BacklogError> {
        let answered = tokio::time::timeout(LIMIT, answer).await;
        let answered = answered.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        answered.map_err(|error| BacklogError::Unavailable(self.explain(&error)))
    }

    fn explain(&self, error: &sqlx::Error) -> String {
        let options = self.pool.connect_options();
        let place = format!("the backlog in `{}`", options.get_filename().display());
        let Some(code) = primary_code(error) else {
            return match error {
                sqlx::Error::PoolTimedOut => format!("{place} is busy: nothing was done within {} s", LIMIT.as_secs()),
                error => format!("{place} fails: {error}"),
            };
        };
        let message = error.as_database_error().map_or("", |error| error.message());
        match code {
            code::ERROR if message.starts_with("no such") => format!("{place} has not all tables ({message})"),
            code::FULL => format!("{place} cannot grow ({message}): make room on its disk, or raise its limit"),
            code::IOERR => format!("{place} cannot be read or written ({message}): is its disk full or failing?"),
            code::BUSY | code::LOCKED => format!("{place} is written by another process ({message}): stop that one"),
            code::READONLY => format!("{place} cannot be written ({message}): check its permissions"),
            code::CANTOPEN => format!("{place} cannot be opened ({message}): check its path and permissions"),
            code::CORRUPT | code::NOTADB => {
                format!("{place} is damaged or no SQLite database ({message}): move it away")
            }
            code => format!("{place} fails: {message} (SQLite code {code})"),
        }
    }
}

pub(super) fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap_or(Timestamp::MIN)
}
