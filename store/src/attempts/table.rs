//! The table of attempts, in whichever database.

use schemas::attempt::Attempt;
use schemas::time::Timestamp;

use super::failure::{Again, Failure, Written};
use super::{postgres, sqlite};

/// The table of attempts.
#[derive(Debug)]
pub(super) enum Table {
    Postgres(postgres::Table),
    Sqlite(sqlite::Table),
}

impl Table {
    /// Writes a batch. After a failure none of it is there, unless the answer to the commit was lost.
    pub(super) async fn write(&self, rows: &[Attempt]) -> Result<Written, Failure> {
        match self {
            Self::Postgres(table) => table.write(rows).await,
            Self::Sqlite(table) => table.write(rows).await,
        }
    }

    /// Makes room for what comes, and removes what is older than the retention.
    pub(super) async fn look_after(&self, now: Timestamp) -> Result<Again, Failure> {
        match self {
            Self::Postgres(table) => table.look_after(now).await,
            Self::Sqlite(table) => table.look_after(now).await,
        }
    }
}
