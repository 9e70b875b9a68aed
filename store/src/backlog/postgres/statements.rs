//! Rows as the arrays of a statement, sorted by their key.

use chrono::{DateTime, Utc};
use database::postgres::{Session, within};
use schemas::backlog::Waiting;
use schemas::record::Offset;
use sqlx::postgres::PgBindIterExt as _;

use super::database::LIMIT;
use super::sql;
use crate::backlog::changes::Tried;
use crate::backlog::row::{attempts, key_hash, write_headers, write_rules};

/// The most rows of one statement.
const ROWS: usize = 1000;
/// The size from which on a statement takes no further row.
const BYTES: usize = 8 * 1024 * 1024;

/// Stream, partition, target, offset: the primary key.
pub(super) type Place = (i32, i32, i32, i64);

/// A row that belongs to something else of it.
pub(super) type Placed<T> = (Place, T);

/// Returns the place of a row in a partition.
pub(super) fn place((stream, part): (i32, i32), target: i32, offset: Offset) -> Place {
    (stream, part, target, offset.0)
}

/// Inserts rows by one of the statements that do.
pub(super) async fn insert(
    connection: &mut Session,
    statement: &'static str,
    rows: &mut [Placed<&Waiting>],
) -> Result<u64, sqlx::Error> {
    rows.sort_unstable_by_key(|(place, _)| *place);
    let mut rest = &*rows;
    let mut done = 0;
    while !rest.is_empty() {
        let piece;
        (piece, rest) = rest.split_at(how_many(rest));
        let query = sqlx::query(statement)
            .bind(piece.iter().map(|(place, _)| place.0).bind_iter())
            .bind(piece.iter().map(|(place, _)| place.1).bind_iter())
            .bind(piece.iter().map(|(place, _)| place.2).bind_iter())
            .bind(piece.iter().map(|(place, _)| place.3).bind_iter())
            .bind(piece.iter().map(|(_, w)| attempts(w.attempts)).bind_iter())
            .bind(piece.iter().map(|(_, w)| key_hash(&w.record.record.key)).bind_iter())
            .bind(piece.iter().map(|(_, w)| w.since.to_datetime()).bind_iter())
            .bind(piece.iter().map(|(_, w)| due(w)).bind_iter())
            .bind(piece.iter().map(|(_, w)| w.ordered).bind_iter())
            .bind(piece.iter().map(|(_, w)| &w.record.record.key[..]).bind_iter())
            .bind(piece.iter().map(|(_, w)| &*w.rules_version).bind_iter())
            .bind(piece.iter().map(|(_, w)| write_rules(&w.rules)).bind_iter())
            .bind(
                piece
                    .iter()
                    .map(|(_, w)| write_headers(&w.record.record.headers))
                    .bind_iter(),
            )
            .bind(piece.iter().map(|(_, w)| &w.record.record.value[..]).bind_iter());
        done += within(LIMIT, query.execute(&mut *connection)).await?.rows_affected();
    }
    Ok(done)
}

fn due(waiting: &Waiting) -> Option<DateTime<Utc>> {
    waiting.due.map(schemas::time::Timestamp::to_datetime)
}

/// At least one, and no more than fit.
fn how_many(rows: &[Placed<&Waiting>]) -> usize {
    let mut bytes = 0;
    let fits = |(_, waiting): &&Placed<&Waiting>| {
        let fits = bytes < BYTES;
        bytes += waiting.record.record.size_bytes();
        fits
    };
    rows.iter().take(ROWS).take_while(fits).count()
}

pub(super) async fn tried(connection: &mut Session, rows: &mut [Placed<Tried<'_>>]) -> Result<(), sqlx::Error> {
    rows.sort_unstable_by_key(|(place, _)| *place);
    for piece in rows.chunks(ROWS) {
        let query = sqlx::query(sql::TRIED)
            .bind(piece.iter().map(|(place, _)| place.0).bind_iter())
            .bind(piece.iter().map(|(place, _)| place.1).bind_iter())
            .bind(piece.iter().map(|(place, _)| place.2).bind_iter())
            .bind(piece.iter().map(|(place, _)| place.3).bind_iter())
            .bind(piece.iter().map(|(_, tried)| attempts(tried.attempts)).bind_iter())
            .bind(piece.iter().map(|(_, tried)| tried.due.to_datetime()).bind_iter());
        within(LIMIT, query.execute(&mut *connection)).await?;
    }
    Ok(())
}

pub(super) async fn remove(connection: &mut Session, rows: &mut [Place]) -> Result<(), sqlx::Error> {
    rows.sort_unstable();
    for piece in rows.chunks(ROWS) {
        let query = sqlx::query(sql::REMOVE)
            .bind(piece.iter().map(|place| place.0).bind_iter())
            .bind(piece.iter().map(|place| place.1).bind_iter())
            .bind(piece.iter().map(|place| place.2).bind_iter())
            .bind(piece.iter().map(|place| place.3).bind_iter());
        within(LIMIT, query.execute(&mut *connection)).await?;
    }
    Ok(())
}
