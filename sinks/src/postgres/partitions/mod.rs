//! The partitions of `event`: ranges of ids, which are spans of time. They are made ahead, and dropped when they are older than
//! events are kept.
//!
//! **There is no default partition**: it would keep others from being made and detached without a wait. A row without a partition is one
//! of two things. Either its partition has not been made: it is made, and the row is written again. Or the row is older than the
//! **horizon** (`event_horizon`): partitions below it were dropped, and what they held must not be stored a second time. Such a row is
//! expired: answered as delivered, and counted.
//!
//! **Why nothing is stored twice.** A row is stored only where a partition takes it, and partitions are made only above the horizon,
//! which is read under the lock of makers. Whoever drops a partition first writes the horizon beyond it, under the same lock, so that
//! no one makes it again. A writer need not know the horizon: as long as the partition is attached, so are its rows, and `ON CONFLICT`
//! finds them. Once it is detached, the server finds no partition, and the writer reads the horizon. So a horizon that is known too
//! late costs an attempt, and nothing else.
//!
//! **Why a broken attempt goes on.** The names of the partitions to drop are written with the horizon, in one transaction. A later run
//! goes on with each from where it is: attached, being detached, detached, gone.

mod keeper;
mod make;
mod period;
mod retention;
mod span;
mod sql;

use std::time::Duration;

use database::postgres::Session;
use sqlx::postgres::PgDatabaseError;

pub(super) use keeper::Keeper;
pub use period::Period;

/// How partitions are made and dropped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) period: Period,
    pub(super) ahead: Duration,
    /// How long events are kept; for ever, if it is not set.
    pub(super) retention: Option<Duration>,
    /// Receipts just below the horizon are kept for so long: what repeats them may be above it.
    pub(super) receipt_window: Duration,
}

/// Whether a row has no partition. Unlike a row that violates a constraint, there is nothing wrong with it.
pub(super) fn is_missing(error: &sqlx::Error) -> bool {
    let error = error
        .as_database_error()
        .and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(of_partitions)
}

/// The same, of an error that is known to be the server's. No constraint is named, in whatever language the message is.
pub(super) fn of_partitions(error: &PgDatabaseError) -> bool {
    error.code() == "23514" && error.constraint().is_none()
}

/// Makes what is missing and drops what is too old, for `forebay migrate`. Only what is missing must not fail.
pub(super) async fn look_after(connection: &mut Session, settings: &Settings) -> Result<(), sqlx::Error> {
    let made = make::ahead(connection, settings).await?;
    if !made.may_make {
        tracing::warn!("this user may not make partitions of `event`: run `forebay migrate` as the owner of the table");
        return Ok(());
    }
    for name in &made.names {
        tracing::info!("made the partition {name}");
    }
    // Someone reads them, most likely: no reason for the migration to fail.
    if let Err(error) = retention::retain(connection, settings).await {
        tracing::warn!(%error, "old partitions of `event` were not all dropped; the next run goes on");
    }
    Ok(())
}
