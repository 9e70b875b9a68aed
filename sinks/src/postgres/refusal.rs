//! Which errors are the row's own fault: they would come again for ever, and no other row's. And how the rest of a batch is written
//! without that row: within savepoints, by halves.

use std::fmt::Write as _;
use std::ops::Range;

use database::postgres::Session;
use sqlx::postgres::PgDatabaseError;

use super::{PostgresSink, sql};

impl PostgresSink {
    /// Ends the savepoint within which something was written. What the server refused is taken back, and why is the inner error;
    /// the transaction goes on.
    pub(super) async fn release<T>(
        &self,
        connection: &mut Session,
        written: Result<T, sqlx::Error>,
    ) -> Result<Result<T, String>, sqlx::Error> {
        match written {
            Ok(written) => {
                self.run(connection, sql::RELEASE).await?;
                Ok(Ok(written))
            }
            Err(error) => {
                let Some(reason) = refusal(&error) else {
                    return Err(error);
                };
                self.run(connection, sql::ROLLBACK_TO).await?;
                Ok(Err(reason))
            }
        }
    }
}

/// Puts the halves of a part that was refused on a stack. The left one comes off first: locks are still taken in order.
pub(super) fn halve(part: &Range<usize>, parts: &mut Vec<Range<usize>>) {
    let middle = part.start + part.len() / 2;
    parts.push(middle..part.end);
    parts.push(part.start..middle);
}

use super::partitions::of_partitions;

/// Why PostgreSQL refuses a row for what it is; `None` for every other error.
///
/// Classes 22 (data exception), 23 (integrity constraint), 54 (program limit), and P0001 (a trigger said no). `DETAIL` is
/// left out: it quotes the row. A row without a partition has nothing wrong with it.
pub(super) fn refusal(error: &sqlx::Error) -> Option<String> {
    let sqlx::Error::Database(error) = error else {
        return None;
    };
    let error = error.try_downcast_ref::<PgDatabaseError>()?;
    if of_partitions(error) {
        return None;
    }
    let code = error.code();
    if !matches!(code.get(..2), Some("22" | "23" | "54")) && code != "P0001" {
        return None;
    }
    let mut reason = format!("PostgreSQL refuses the row: {} (SQLSTATE {code}", error.message());
    // Only `data` is parsed as JSON by the server, and its errors do not name the column.
    let column = error
        .column()
        .or_else(|| error.r#where().filter(|w| w.starts_with("JSON data")).map(|_| "data"));
    for (what, name) in [("column", column), ("constraint", error.constraint())] {
        if let Some(name) = name {
            write!(reason, ", {what} `{name}`").unwrap_or_else(|_| unreachable!("a string takes everything"));
        }
    }
    reason.push(')');
    Some(reason)
}
