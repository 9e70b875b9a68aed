//! Deletes events that are older than they are kept, a few at a time.
//!
//! The horizon moves first, or with the first of them: what is below it is not stored again, whether it is deleted yet or not. There is
//! one writer at a time, so nothing comes in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use schemas::id::EventId;
use schemas::time::Timestamp;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{SqliteSink, sql};
use crate::table::Upkeep;

const DAY_MS: i64 = 86_400_000;

/// Whether there was more to delete than one step took.
#[derive(Debug, Default)]
pub(super) struct Expiring(AtomicBool);

impl Expiring {
    pub(super) fn has_more(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The lowest id that is stored.
pub(super) async fn horizon(connection: &mut SqliteConnection) -> Result<EventId, sqlx::Error> {
    let stored: Option<String> = sqlx::query_scalar(sql::HORIZON).fetch_optional(connection).await?;
    let stored = stored.and_then(|id| id.parse().ok());
    Ok(stored.unwrap_or_else(|| Uuid::nil().into()))
}

impl SqliteSink {
    /// Moves the horizon and removes a few events below it, with what belongs to them.
    pub(super) async fn expire(&self) -> Result<(), sqlx::Error> {
        let Some(days) = self.config.retention_days else {
            return Ok(());
        };
        let now = Timestamp::now();
        let limit = now.before(Duration::from_secs(u64::from(days) * 86_400)).millis();
        // At midnight, as on PostgreSQL.
        let limit = first_id_at(limit - limit.rem_euclid(DAY_MS));
        let mut transaction = self.pool.begin_with(sql::BEGIN).await?;
        let query = sqlx::query(sql::MOVE_HORIZON).bind(limit.to_string());
        query.execute(&mut *transaction).await?;
        let horizon = horizon(&mut transaction).await?;
        let window_ms = i64::from(self.config.receipt_window_seconds) * 1000;
        let receipts = first_id_at(horizon.time().millis() - window_ms);
        let mut more = false;
        for (statement, below) in [
            (sql::EXPIRE_EVENTS, horizon),
            (sql::EXPIRE_VARIANTS, horizon),
            (sql::EXPIRE_RECEIPTS, receipts),
        ] {
            let query = sqlx::query(statement).bind(below.to_string());
            more |= query.execute(&mut *transaction).await?.rows_affected() >= sql::STEP;
        }
        let oldest: Option<String> = sqlx::query_scalar(sql::OLDEST)
            .fetch_optional(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.expiring.0.store(more, Ordering::Relaxed);
        let oldest = oldest.and_then(|id| id.parse::<EventId>().ok());
        let upkeep = Upkeep {
            oldest_ms: oldest.map(|id| now.millis() - id.time().millis()),
            ..Upkeep::default()
        };
        self.metrics.upkeep(&self.name, &upkeep);
        Ok(())
    }
}

/// The lowest id of a millisecond.
fn first_id_at(ms: i64) -> EventId {
    let time = Timestamp::from_millis(ms).unwrap_or(Timestamp::MIN);
    EventId::from(Uuid::nil()).at(time)
}
