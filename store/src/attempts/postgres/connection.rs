//! A connection of the pool while it is used.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};

/// Whoever drops it before [`done`](Self::done), after an error or because time was up, leaves the connection in a state that no
/// one knows, perhaps with a transaction open: it is closed then, and not used again.
#[derive(Debug)]
pub(super) struct InUse {
    connection: PoolConnection<Postgres>,
    /// Whether something that was asked may not have been answered.
    unanswered: bool,
}

impl InUse {
    pub(super) fn new(connection: PoolConnection<Postgres>) -> Self {
        Self {
            connection,
            unanswered: true,
        }
    }

    /// Everything that was asked has been answered, and no transaction is open: it goes back to the pool.
    pub(super) fn done(mut self) {
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

impl Deref for InUse {
    type Target = PgConnection;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl DerefMut for InUse {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}
