//! A session of the pool while it is used, and how long its answers are waited for.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::pool::{Idle, Shared};
use super::session::Session;

/// A session of the pool while it is used.
///
/// Whoever drops it before [`done`](Self::done), after an error or because the partition was lost in the middle, leaves the
/// session in a state that no one knows, perhaps with a transaction open: it is closed then, and not used again.
pub struct InUse {
    // The session goes first, so that there are never more than are allowed.
    idle: Idle,
    pool: Arc<Shared>,
    permit: OwnedSemaphorePermit,
}

impl fmt::Debug for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.idle.fmt(f)
    }
}

impl InUse {
    pub(super) fn new(idle: Idle, pool: Arc<Shared>, permit: OwnedSemaphorePermit) -> Self {
        Self { idle, pool, permit }
    }

    /// Everything that was asked has been answered: it goes back to the pool.
    pub fn done(self) {
        let Self { idle, pool, permit } = self;
        pool.give_back(idle);
        drop(permit);
    }
}

impl std::ops::Deref for InUse {
    type Target = Session;

    fn deref(&self) -> &Self::Target {
        &self.idle.session
    }
}

impl std::ops::DerefMut for InUse {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.idle.session
    }
}

/// Returns the SQLSTATE of an error, if it comes from the server.
pub fn sqlstate(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
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
