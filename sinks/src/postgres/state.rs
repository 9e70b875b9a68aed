//! Current state, in the transaction of the rows: one statement per table, in one order of tables and keys, so that writers wait
//! for one another and never in a circle.

use std::ops::Range;

use chrono::{DateTime, Utc};
use database::postgres::{Session, within};
use schemas::BoxFuture;
use schemas::id::EventId;
use schemas::name::SinkName;
use schemas::sink::Unavailable;
use schemas::time::Timestamp;
use sqlx::postgres::{PgArguments, PgBindIterExt as _, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row as _};
use uuid::Uuid;

use super::refusal::{halve, refusal};
use super::{PostgresSink, sql};
use crate::state::register::{Cell, Type};
use crate::state::{
    EVENTS_AT_A_TIME, Filled, FillsState, Sheet, SheetRow, State, StateWritten, StoredEvent, Stretch, sheets,
};
use crate::table::pieces;

impl FillsState for PostgresSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn keeps_state(&self) -> bool {
        !self.state.is_empty()
    }

    fn fill_state(&self, stretch: Stretch) -> BoxFuture<'_, Result<Filled, Unavailable>> {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            let events = self.events_of(&mut connection, stretch).await;
            let events = events.map_err(|error| self.broken(&error))?;
            connection.done();
            let (state, filled) = Filled::tell(&events);
            let written = self.write_state_alone(&state).await?;
            Ok(filled.and(written))
        })
    }

    fn recount_hours(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(self.recount_all_hours())
    }
}

impl PostgresSink {
    async fn events_of(&self, connection: &mut Session, stretch: Stretch) -> Result<Vec<StoredEvent>, sqlx::Error> {
        let query = sqlx::query(sql::EVENTS_OF)
            .bind(stretch.after)
            .bind(stretch.before)
            .bind(EVENTS_AT_A_TIME);
        let rows = within(self.answer_timeout, query.fetch_all(connection)).await?;
        let event = |row: &PgRow| {
            let time: DateTime<Utc> = row.try_get(1)?;
            Ok(StoredEvent {
                id: EventId::from(row.try_get::<Uuid, _>(0)?),
                time: Timestamp::from_millis(time.timestamp_millis()).unwrap_or(Timestamp::MIN),
                tenant: row.try_get(2)?,
                source: row.try_get(3)?,
                platform: row.try_get(4)?,
                event_type: row.try_get(5)?,
                data: row.try_get(6)?,
            })
        };
        rows.iter().map(event).collect()
    }

    /// Writes what `state` says in a transaction of its own: to fill the tables from events that were stored without them. Events
    /// that are written at the same time change nothing about the result.
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
        connection: &mut Session,
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
        connection: &mut Session,
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
        connection: &mut Session,
        sheet: &Sheet<'_>,
        piece: Range<usize>,
        written: &mut StateWritten,
    ) -> Result<(), sqlx::Error> {
        let mut parts = vec![piece];
        while let Some(part) = parts.pop() {
            self.run(connection, sql::SAVEPOINT).await?;
            let upserted = self.upsert(connection, sheet, &sheet.rows[part.clone()]).await;
            match self.release(connection, upserted).await? {
                Ok(changed) => written.count(sheet.of.table, part.len(), changed),
                Err(reason) if part.len() == 1 => written.refuse_for(sheet.of.table, &reason),
                Err(_) => halve(&part, &mut parts),
            }
        }
        Ok(())
    }

    /// Gives how many rows are new or changed.
    async fn upsert(
        &self,
        connection: &mut Session,
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
