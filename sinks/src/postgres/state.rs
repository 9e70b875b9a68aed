//! Current state, in the transaction of the rows: one statement per table, in one order of tables and keys, so that writers wait
//! for one another and never in a circle.

use std::ops::Range;

use database::postgres::within;
use schemas::sink::Unavailable;
use sqlx::postgres::{PgArguments, PgBindIterExt as _};
use sqlx::query::Query;
use sqlx::{Connection as _, PgConnection, Postgres};

use super::refusal::refusal;
use super::{PostgresSink, sql};
use crate::state::register::{Cell, Type};
use crate::state::{Sheet, SheetRow, State, StateWritten, sheets};
use crate::table::pieces;

impl PostgresSink {
    /// Writes what `state` says in a transaction of its own: to fill the tables from events that were stored without them. Events
    /// that are written at the same time change nothing about the result.
    #[allow(dead_code, reason = "the command that fills the tables")]
    pub(crate) async fn write_state_alone(&self, state: &State) -> Result<StateWritten, Unavailable> {
        let mut connection = self.acquire().await?;
        let written = match self.state_alone(&mut connection, state, false).await {
            Err(error) if refusal(&error).is_some() => self.state_alone(&mut connection, state, true).await,
            result => result,
        };
        let written = written.map_err(|error| self.broken(&error))?;
        connection.done();
        self.metrics.state(&self.name, &written);
        Ok(written)
    }

    async fn state_alone(
        &self,
        connection: &mut PgConnection,
        state: &State,
        halving: bool,
    ) -> Result<StateWritten, sqlx::Error> {
        if state.is_empty() {
            return Ok(StateWritten::begin(state));
        }
        let mut transaction = within(self.answer_timeout, connection.begin()).await?;
        let written = self.write_state(&mut transaction, state, halving).await?;
        within(self.answer_timeout, transaction.commit()).await?;
        Ok(written)
    }

    /// Writes what `state` says of the tables that are kept. With `halving`, rows that PostgreSQL refuses are left out and counted: the
    /// events that say so are stored, and a batch does not wait for what can never be written.
    pub(super) async fn write_state(
        &self,
        connection: &mut PgConnection,
        state: &State,
        halving: bool,
    ) -> Result<StateWritten, sqlx::Error> {
        let mut written = StateWritten::begin(state);
        for sheet in sheets(state, &self.state) {
            written.refuse(sheet.of.table, sheet.left_out);
            for piece in pieces(sheet.rows.iter().map(SheetRow::size)) {
                if halving {
                    self.upsert_halving(connection, &sheet, piece, &mut written).await?;
                } else {
                    let rows = &sheet.rows[piece];
                    let changed = self.upsert(connection, &sheet, rows).await?;
                    written.count(sheet.of.table, rows.len(), changed);
                }
            }
        }
        Ok(written)
    }

    /// Writes a piece; while a part of it is refused, its two halves.
    async fn upsert_halving(
        &self,
        connection: &mut PgConnection,
        sheet: &Sheet<'_>,
        piece: Range<usize>,
        written: &mut StateWritten,
    ) -> Result<(), sqlx::Error> {
        let mut parts = vec![piece];
        while let Some(part) = parts.pop() {
            self.run(connection, sql::SAVEPOINT).await?;
            match self.upsert(connection, sheet, &sheet.rows[part.clone()]).await {
                Ok(changed) => {
                    self.run(connection, sql::RELEASE).await?;
                    written.count(sheet.of.table, part.len(), changed);
                }
                Err(error) => {
                    let Some(reason) = refusal(&error) else {
                        return Err(error);
                    };
                    self.run(connection, sql::ROLLBACK_TO).await?;
                    if part.len() == 1 {
                        written.refuse_for(sheet.of.table, &reason);
                    } else {
                        let middle = part.start + part.len() / 2;
                        parts.push(middle..part.end);
                        parts.push(part.start..middle);
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives how many rows are new or changed.
    async fn upsert(
        &self,
        connection: &mut PgConnection,
        sheet: &Sheet<'_>,
        rows: &[SheetRow<'_>],
    ) -> Result<u64, sqlx::Error> {
        let mut query = sqlx::query(&*sheet.of.postgres);
        if sheet.of.hashed {
            query = query.bind(rows.iter().map(|row| row.key).bind_iter());
        }
        for (place, column) in sheet.of.columns.iter().enumerate() {
            query = bind(query, rows, place, column.of);
        }
        let done = within(self.answer_timeout, query.execute(connection)).await?;
        Ok(done.rows_affected())
    }
}

/// Binds a column as an array.
fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    rows: &[SheetRow<'_>],
    place: usize,
    of: Type,
) -> Query<'q, Postgres, PgArguments> {
    let cells = rows.iter().map(|row| row.cells.get(place).copied().flatten());
    match of {
        Type::Text | Type::Json => query.bind(
            cells
                .map(|cell| match cell {
                    Some(Cell::Text(text) | Cell::Json(text)) => Some(text),
                    _ => None,
                })
                .bind_iter(),
        ),
        Type::Time => query.bind(
            cells
                .map(|cell| match cell {
                    Some(Cell::Time(time)) => Some(time.to_datetime()),
                    _ => None,
                })
                .bind_iter(),
        ),
        Type::Flag => query.bind(
            cells
                .map(|cell| match cell {
                    Some(Cell::Flag(flag)) => Some(flag),
                    _ => None,
                })
                .bind_iter(),
        ),
        Type::Number => query.bind(
            cells
                .map(|cell| match cell {
                    Some(Cell::Number(number)) => Some(number),
                    _ => None,
                })
                .bind_iter(),
        ),
        Type::Version => query.bind(
            cells
                .map(|cell| match cell {
                    Some(Cell::Version(version)) => Some(version.0),
                    _ => None,
                })
                .bind_iter(),
        ),
    }
}
