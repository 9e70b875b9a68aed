//! What an error of PostgreSQL means for the attempt log.

use database::postgres::Pool;
use sqlx::postgres::PgDatabaseError;

use crate::attempts::failure::Failure;

/// Why PostgreSQL refuses a row for what it is: it would do so again for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No partition holds its day.
    NoPartition,
    /// Any other reason.
    Row,
}

impl Refusal {
    /// Classes 22 (data exception), 23 (integrity constraint) and 54 (program limit), and P0001 (a trigger said no). That there is
    /// no partition is reported as a violated check (23514) without the name of a constraint.
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        let error = of_server(error)?;
        match error.code() {
            "23514" if error.constraint().is_none() => Some(Self::NoPartition),
            "P0001" => Some(Self::Row),
            code if matches!(code.get(..2), Some("22" | "23" | "54")) => Some(Self::Row),
            _ => None,
        }
    }
}

fn of_server(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    let sqlx::Error::Database(error) = error else {
        return None;
    };
    error.try_downcast_ref()
}

/// Whether a lock was not had in time.
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    of_server(error).is_some_and(|error| matches!(error.code(), "55P03" | "40P01"))
}

/// Why a batch was not written, or the log not read.
pub(super) fn failure(pool: &Pool, error: &sqlx::Error) -> Failure {
    match of_server(error).map(PgDatabaseError::code) {
        Some("42501") => Failure::Rights(format!(
            "{error}; as the owner of the table run: GRANT SELECT, INSERT ON attempt TO the user of the program"
        )),
        Some("42P01" | "42703") => Failure::Unavailable(format!("{error}; run `forebay migrate`")),
        _ => Failure::Unavailable(pool.server().none_fits(error).unwrap_or_else(|| error.to_string())),
    }
}

/// Why partitions were not made or dropped.
pub(super) fn failure_of_partitions(pool: &Pool, error: &sqlx::Error) -> Failure {
    match of_server(error).map(PgDatabaseError::code) {
        Some("42501") => Failure::Rights(format!(
            "the user of the database may not make and drop the partitions of the table `attempt` ({error}): attempts of days \
             without a partition are dropped, and old ones stay. Grant the user the role that owns the table, with CREATE on \
             its schema, or run `forebay migrate` as the owner at least every three days"
        )),
        _ => failure(pool, error),
    }
}
