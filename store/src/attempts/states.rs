//! Where deliveries stand: reading the view `delivery_state`, which both databases have.

use chrono::{DateTime, Utc};
use schemas::id::EventId;
use schemas::name::SinkName;
use schemas::time::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::read::{Database, ReadError, Reader, ask};

/// The statements are the same in both databases.
const OF_EVENT: &str = "SELECT * FROM delivery_state WHERE event_id = $1 ORDER BY sink, target";
const OF_TARGET: &str =
    "SELECT * FROM delivery_state WHERE sink = $1 AND target = $2 ORDER BY last_attempt_at DESC LIMIT $3";

/// What is to be expected of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It went through.
    Delivered,
    /// It is in the backlog.
    Waiting,
    /// It is in the backlog of a target that gets no deliveries.
    Disabled,
    /// It did not go through and is not in the backlog: a dead letter, or it waits in memory for its next attempt.
    Failed,
}

/// Where a delivery stands that was tried at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryState {
    /// The event.
    pub event: EventId,
    /// The sink.
    pub sink: String,
    /// The target's name.
    pub target: String,
    /// Whose event it is.
    pub tenant: String,
    /// The type of the event.
    pub event_type: String,
    /// What is to be expected.
    pub state: State,
    /// The number of the last attempt.
    pub attempts: u32,
    /// What became of the last attempt: `delivered`, `timeout`, `status_5xx`…
    pub last_class: String,
    /// The status of the last answer, if one came.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_reason: Option<String>,
    /// When the last attempt began.
    pub last_attempt_at: Timestamp,
    /// When it is tried again. `None` where it waits: as soon as its target takes deliveries.
    pub next_attempt_at: Option<Timestamp>,
}

impl Reader {
    /// Returns where the deliveries of an event stand, by sink and target.
    pub async fn states_of_event(&self, event: EventId) -> Result<Vec<DeliveryState>, ReadError> {
        match &self.0 {
            Database::Postgres(pool) => {
                let query = sqlx::query(OF_EVENT).bind(event.uuid());
                states(ask(pool, query).await?.iter().map(of_postgres))
            }
            Database::Sqlite(pool) => {
                let query = sqlx::query(OF_EVENT).bind(event.to_string());
                states(query.fetch_all(pool).await?.iter().map(of_sqlite))
            }
        }
    }

    /// Returns where the deliveries to a target stand that were tried last, newest first, at most `limit`.
    pub async fn newest_states_of_target(
        &self,
        sink: &SinkName,
        target: &str,
        limit: u32,
    ) -> Result<Vec<DeliveryState>, ReadError> {
        let limit = i64::from(limit);
        match &self.0 {
            Database::Postgres(pool) => {
                let query = sqlx::query(OF_TARGET).bind(sink.as_str()).bind(target).bind(limit);
                states(ask(pool, query).await?.iter().map(of_postgres))
            }
            Database::Sqlite(pool) => {
                let query = sqlx::query(OF_TARGET).bind(sink.as_str()).bind(target).bind(limit);
                states(query.fetch_all(pool).await?.iter().map(of_sqlite))
            }
        }
    }
}

fn states(found: impl Iterator<Item = Result<DeliveryState, sqlx::Error>>) -> Result<Vec<DeliveryState>, ReadError> {
    Ok(found.collect::<Result<_, _>>()?)
}

fn state(word: &str) -> State {
    match word {
        "delivered" => State::Delivered,
        "waiting" => State::Waiting,
        "disabled" => State::Disabled,
        _ => State::Failed,
    }
}

fn of_postgres(row: &PgRow) -> Result<DeliveryState, sqlx::Error> {
    let time = |at: DateTime<Utc>| Timestamp::from_millis(at.timestamp_millis()).unwrap_or(Timestamp::MIN);
    let status: Option<i16> = row.try_get("last_status")?;
    Ok(DeliveryState {
        event: EventId::from(row.try_get::<Uuid, _>("event_id")?),
        sink: row.try_get("sink")?,
        target: row.try_get("target")?,
        tenant: row.try_get("tenant")?,
        event_type: row.try_get("event_type")?,
        state: state(row.try_get("state")?),
        attempts: u32::try_from(row.try_get::<i32, _>("attempts")?).unwrap_or_default(),
        last_class: row.try_get("last_class")?,
        last_status: status.and_then(|status| u16::try_from(status).ok()),
        last_reason: row.try_get("last_reason")?,
        last_attempt_at: time(row.try_get("last_attempt_at")?),
        next_attempt_at: row.try_get::<Option<DateTime<Utc>>, _>("next_attempt_at")?.map(time),
    })
}

fn of_sqlite(row: &SqliteRow) -> Result<DeliveryState, sqlx::Error> {
    let time = |at: i64| Timestamp::from_millis(at).unwrap_or(Timestamp::MIN);
    let event: String = row.try_get("event_id")?;
    Ok(DeliveryState {
        event: event.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        sink: row.try_get("sink")?,
        target: row.try_get("target")?,
        tenant: row.try_get("tenant")?,
        event_type: row.try_get("event_type")?,
        state: state(row.try_get("state")?),
        attempts: row.try_get("attempts")?,
        last_class: row.try_get("last_class")?,
        last_status: row.try_get("last_status")?,
        last_reason: row.try_get("last_reason")?,
        last_attempt_at: time(row.try_get("last_attempt_at")?),
        next_attempt_at: row.try_get::<Option<i64>, _>("next_attempt_at")?.map(time),
    })
}
