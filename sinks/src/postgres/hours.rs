//! `event_hour`: kept in the transaction of the rows, and counted anew from the rows that are there.

use std::time::Duration;

use database::postgres::{Session, within};
use schemas::id::EventId;
use schemas::sink::Unavailable;
use schemas::time::Timestamp;
use sqlx::postgres::PgBindIterExt as _;
use uuid::Uuid;

use super::{PostgresSink, sql};
use crate::table::{Hours, begin_of_hour};

impl PostgresSink {
    /// Adds what is new.
    pub(super) async fn count_hours(&self, connection: &mut Session, hours: &Hours<'_>) -> Result<(), sqlx::Error> {
        if hours.is_empty() {
            return Ok(());
        }
        let query = sqlx::query(sql::COUNT_HOURS)
            .bind(hours.iter().map(|(hour, _)| hour.begin.to_datetime()).bind_iter())
            .bind(hours.iter().map(|(_, count)| count).bind_iter())
            .bind(hours.iter().map(|(hour, _)| hour.partition).bind_iter())
            .bind(hours.iter().map(|(hour, _)| hour.tenant).bind_iter())
            .bind(hours.iter().map(|(hour, _)| hour.source).bind_iter())
            .bind(hours.iter().map(|(hour, _)| hour.platform).bind_iter())
            .bind(hours.iter().map(|(hour, _)| hour.event_type).bind_iter());
        within(self.answer_timeout, query.execute(connection)).await.map(drop)
    }

    /// Each hour is a transaction, in which no writer adds to a count: one that has stored its rows and not counted them yet waits,
    /// and what it has stored is not seen; any other has done both.
    pub(super) async fn recount_all_hours(&self) -> Result<(), Unavailable> {
        let mut connection = self.acquire().await?;
        let counted = recount_all(&mut connection, self.answer_timeout).await;
        counted.map_err(|error| self.broken(&error))?;
        connection.done();
        Ok(())
    }
}

async fn recount_all(connection: &mut Session, limit: Duration) -> Result<(), sqlx::Error> {
    let mut from = Timestamp::MIN;
    while let Some(hour) = next_hour(connection, limit, from).await? {
        recount(connection, limit, hour).await?;
        let Some(next) = Timestamp::from_millis(hour.millis() + 3_600_000) else {
            break;
        };
        from = next;
    }
    Ok(())
}

/// The first hour from `from` on that has rows.
async fn next_hour(
    connection: &mut Session,
    limit: Duration,
    from: Timestamp,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let query = sqlx::query_scalar(sql::FIRST_EVENT_FROM).bind(from.to_datetime());
    let found: Option<Uuid> = within(limit, query.fetch_optional(connection)).await?;
    Ok(found.map(|id| begin_of_hour(EventId::from(id))))
}

async fn recount(connection: &mut Session, limit: Duration, hour: Timestamp) -> Result<(), sqlx::Error> {
    let mut transaction = within(limit, connection.begin()).await?;
    // A statement of its own: what the next one sees is decided when the lock is held.
    within(limit, sqlx::raw_sql(sql::LOCK_HOURS).execute(&mut *transaction)).await?;
    let query = sqlx::query(sql::RECOUNT_HOUR).bind(hour.to_datetime());
    within(limit, query.execute(&mut *transaction)).await?;
    within(limit, transaction.commit()).await
}
