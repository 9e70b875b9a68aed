//! Current state, in the transaction of the rows: row by row, with one statement per table.

use database::sqlite::refusal;
use schemas::BoxFuture;
use schemas::name::SinkName;
use schemas::sink::Unavailable;
use schemas::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::{SqliteSink, sql};
use crate::state::register::Cell;
use crate::state::{
    EVENTS_AT_A_TIME, Filled, FillsState, Sheet, SheetRow, State, StateTables, StateWritten, StoredEvent, Stretch,
    sheets,
};

impl FillsState for SqliteSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn keeps_state(&self) -> bool {
        !self.config.state.is_empty()
    }

    fn fill_state(&self, stretch: Stretch) -> BoxFuture<'_, Result<Filled, Unavailable>> {
        Box::pin(async move {
            let events = self.events_of(stretch).await.map_err(|e| self.down(&e))?;
            let (state, filled) = Filled::tell(&events);
            let written = self.write_state_alone(&state).await?;
            Ok(filled.and(written))
        })
    }

    fn recount_hours(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(async move {
            let recounted = sqlx::query(sql::RECOUNT_HOURS).execute(&self.pool).await;
            recounted.map(drop).map_err(|error| self.down(&error))
        })
    }
}

impl SqliteSink {
    async fn events_of(&self, stretch: Stretch) -> Result<Vec<StoredEvent>, sqlx::Error> {
        let query = sqlx::query(sql::EVENTS_OF)
            .bind(stretch.after.to_string())
            .bind(stretch.before.to_string())
            .bind(EVENTS_AT_A_TIME);
        let event = |row: &SqliteRow| {
            let (id, time): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            Ok(StoredEvent {
                id: id.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
                time: Timestamp::parse(&time).unwrap_or(Timestamp::MIN),
                tenant: row.try_get(2)?,
                source: row.try_get(3)?,
                platform: row.try_get(4)?,
                event_type: row.try_get(5)?,
                data: row.try_get(6)?,
            })
        };
        query.fetch_all(&self.pool).await?.iter().map(event).collect()
    }

    /// Writes what `state` says in a transaction of its own: to fill the tables from events that were stored without them.
    pub(crate) async fn write_state_alone(&self, state: &State) -> Result<StateWritten, Unavailable> {
        let mut connection = self.pool.acquire().await.map_err(|e| self.down(&e))?;
        let written = self.state_alone(&mut connection, state).await;
        if written.is_err() {
            connection.close_on_drop();
        }
        let written = written.map_err(|e| self.down(&e))?;
        self.metrics.state(&self.name, &written);
        Ok(written)
    }

    async fn state_alone(&self, connection: &mut SqliteConnection, state: &State) -> Result<StateWritten, sqlx::Error> {
        if state.is_empty() {
            return Ok(StateWritten::begin(state));
        }
        let mut transaction = connection.begin_with(sql::BEGIN).await?;
        let written = write_state(&mut transaction, state, &self.config.state).await?;
        transaction.commit().await?;
        Ok(written)
    }
}

/// Writes what `state` says of the tables that are kept. Rows that SQLite refuses are left out and counted.
pub(super) async fn write_state(
    connection: &mut SqliteConnection,
    state: &State,
    kept: &StateTables,
) -> Result<StateWritten, sqlx::Error> {
    let mut written = StateWritten::begin(state);
    for sheet in sheets(state, kept) {
        written.refuse(sheet.of.table, sheet.left_out);
        for row in &sheet.rows {
            match upsert(connection, &sheet, row).await {
                Ok(changed) => written.count(sheet.of.table, 1, changed),
                Err(error) => match refusal(&error) {
                    Some(reason) => written.refuse_for(sheet.of.table, &reason),
                    None => return Err(error),
                },
            }
        }
    }
    Ok(written)
}

async fn upsert(connection: &mut SqliteConnection, sheet: &Sheet<'_>, row: &SheetRow<'_>) -> Result<u64, sqlx::Error> {
    let mut query = sqlx::query(&*sheet.of.sqlite);
    for cell in &row.cells {
        query = match cell {
            None => query.bind(None::<&str>),
            Some(Cell::Text(text) | Cell::Json(text)) => query.bind(*text),
            Some(Cell::Time(time)) => query.bind(time.to_string()),
            Some(Cell::Flag(flag)) => query.bind(*flag),
            Some(Cell::Number(number)) => query.bind(*number),
            Some(Cell::Version(version)) => query.bind(version.0.to_string()),
        };
    }
    Ok(query.execute(connection).await?.rows_affected())
}
