//! A connection of the pool while it is used, and how long its answers are waited for.

use std::io;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};

/// A connection of the pool while it is used.
///
/// Whoever drops it before [`done`](Self::done), after an error or because the partition was lost in the middle, leaves the
/// connection in a state that no one knows, perhaps with a transaction open: it is closed then, and not used again.
#[derive(Debug)]
pub struct InUse {
    connection: PoolConnection<Postgres>,
    /// Whether something that was asked may not have been answered.
    unanswered: bool,
}

impl InUse {
    /// A connection that was just taken out of the pool.
    pub fn new(connection: PoolConnection<Postgres>) -> Self {
        Self {
            connection,
            unanswered: true,
        }
    }

    /// Everything that was asked has been answered: it goes back to the pool.
    pub fn done(mut self) {
        self.unanswered = false;
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if self.unanswered {
            self.connection.close_on_drop();
        }
    }
}

impl std::ops::Deref for InUse {
    type Target = PgConnection;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl std::ops::DerefMut for InUse {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

/// Waits for an answer at most so long: a server that vanished without a word never gives one.
pub async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::Io(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer within {} ms", limit.as_millis()),
        ))),
    }
}
