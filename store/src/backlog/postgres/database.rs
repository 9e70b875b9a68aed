//! Connections, with a limit of time for all that is asked, and what errors mean.

use std::time::Duration;

use database::postgres::{InUse, Pool, Session, Transaction, sqlstate};
use schemas::backlog::BacklogError;

use super::sql;

/// How long one statement may take, the wait for a connection included.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// The database, by its pool.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pool: Pool,
}

impl Database {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Returns a connection, which is closed and not used again unless [`InUse::done`] is called.
    pub(super) async fn connection(&self) -> Result<InUse, BacklogError> {
        self.within(LIMIT, self.pool.acquire()).await
    }

    pub(super) async fn begin<'c>(&self, connection: &'c mut Session) -> Result<Transaction<'c>, BacklogError> {
        self.within(LIMIT, connection.begin_with(sql::SETTINGS)).await
    }

    /// Waits for an answer of the database, so long and no longer.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, BacklogError> {
        let answered = database::postgres::within(limit, answer).await;
        answered.map_err(|error| self.unavailable(&error))
    }

    /// What happened, where, and the way out. `DETAIL` is left out: it quotes rows.
    pub(super) fn unavailable(&self, error: &sqlx::Error) -> BacklogError {
        let server = self.pool.server();
        let place = format!("the backlog in the {}", server.database());
        if let Some(reason) = server.none_fits(error) {
            return BacklogError::Unavailable(format!("{place} cannot be reached: {reason}"));
        }
        let Some(database) = error.as_database_error() else {
            return BacklogError::Unavailable(match error {
                sqlx::Error::PoolTimedOut => format!(
                    "{place} cannot be reached in time: is PostgreSQL running, reachable, and below its limit of connections?"
                ),
                // Its text may quote a part of the URL.
                sqlx::Error::Configuration(_) => format!("{place} cannot be used: its settings are wrong"),
                error => format!("{place} cannot be reached: {error}"),
            });
        };
        let (message, code) = (database.message(), database.code().unwrap_or_default());
        let user = server.user();
        BacklogError::Unavailable(match &*code {
            "25006" => format!(
                "{place} cannot be written ({message}): this server is a replica, or fails over; it is tried again, point the URL \
                 to the primary if that does not end"
            ),
            "42P01" | "42703" => format!("{place} has not all tables ({message}): run `forebay migrate`"),
            "42501" => format!("{place} refuses the user `{user}` ({message}): grant it what is missing"),
            code if code.starts_with("28") => {
                format!("{place} refuses the user `{user}` ({message}): check user and password")
            }
            code if code.starts_with("53") => format!("{place} has no room ({message}): make some"),
            code => format!("{place} fails: {message} (SQLSTATE {code})"),
        })
    }
}

/// Whether the error is what was written, and would come again for ever: classes 22 (data exception), 23 (integrity constraint)
/// and 54 (program limit), or a trigger that said no.
pub(super) fn is_refusal(error: &sqlx::Error) -> bool {
    let code = sqlstate(error);
    code.is_some_and(|code| matches!(code.get(..2), Some("22" | "23" | "54")) || code == "P0001")
}
