//! Reading the attempt log.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use database::postgres::Pool;
use schemas::id::EventId;
use schemas::name::SinkName;
use schemas::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqlitePool};
use uuid::Uuid;

use super::{postgres, sqlite};

/// An attempt, as it is in the log. Names are texts here: what they may be might have changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When it began.
    pub at: Timestamp,
    /// The sink.
    pub sink: String,
    /// The target's name.
    pub target: String,
    /// Whose event it is.
    pub tenant: String,
    /// The event.
    pub event: EventId,
    /// Its type.
    pub event_type: String,
    /// The topic in which the event is.
    pub log_topic: String,
    /// The partition of that topic.
    pub log_partition: i32,
    /// The offset in that partition.
    pub log_offset: i64,
    /// The number of the attempt, from 1.
    pub number: u32,
    /// What became of it: `delivered`, `timeout`, `status_5xx`…
    pub class: String,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// How long it took to have a connection, if a new one was made.
    pub connect: Option<Duration>,
    /// How long it took until the head of the answer had come, if it came.
    pub first_byte: Option<Duration>,
    /// How long all of it took.
    pub total: Duration,
    /// Why it failed.
    pub reason: Option<String>,
    /// The beginning of the answer's body, of a failure.
    pub answer: Option<String>,
    /// The headers of the request: a JSON object.
    pub request_headers: Option<String>,
}

/// The attempt log cannot be read now: the reason, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the attempt log cannot be read: {0}")]
pub struct ReadError(String);

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        Self(error.to_string())
    }
}

/// Reads the attempt log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader(pub(super) Database);

#[derive(Debug, Clone)]
pub(super) enum Database {
    Postgres(Pool),
    Sqlite(SqlitePool),
}

impl Reader {
    /// Reads from PostgreSQL. Needs SELECT on `attempt`.
    pub fn postgres(pool: Pool) -> Self {
        Self(Database::Postgres(pool))
    }

    /// Reads from SQLite.
    pub fn sqlite(pool: SqlitePool) -> Self {
        Self(Database::Sqlite(pool))
    }

    /// Returns the newest attempts of a target, newest first, at most `limit`; with `only_failures` those that did not deliver.
    pub async fn newest_of_target(
        &self,
        sink: &SinkName,
        target: &str,
        limit: u32,
        only_failures: bool,
    ) -> Result<Vec<Row>, ReadError> {
        let limit = i64::from(limit);
        match &self.0 {
            Database::Postgres(pool) => {
                let query = sqlx::query(if only_failures {
                    postgres::NEWEST_FAILURES_OF_TARGET
                } else {
                    postgres::NEWEST_OF_TARGET
                });
                let query = query.bind(sink.as_str()).bind(target).bind(limit);
                rows(ask(pool, query).await?.iter().map(of_postgres))
            }
            Database::Sqlite(pool) => {
                let query = sqlx::query(if only_failures {
                    sqlite::NEWEST_FAILURES_OF_TARGET
                } else {
                    sqlite::NEWEST_OF_TARGET
                });
                let query = query.bind(sink.as_str()).bind(target).bind(limit);
                rows(query.fetch_all(pool).await?.iter().map(of_sqlite))
            }
        }
    }

    /// Returns which of these events were delivered to a target, according to the log: what was delivered before its retention, or
    /// noted nowhere because the database was away, is missing. For some hundred events at a time.
    pub async fn delivered(
        &self,
        sink: &SinkName,
        target: &str,
        events: &[EventId],
    ) -> Result<HashSet<EventId>, ReadError> {
        match &self.0 {
            Database::Postgres(pool) => {
                let ids: Vec<Uuid> = events.iter().map(|event| event.uuid()).collect();
                let query = sqlx::query_scalar::<_, Uuid>(postgres::DELIVERED).bind(sink.as_str());
                let mut session = pool.acquire().await.map_err(|error| unread(pool, &error))?;
                let found = query.bind(target).bind(ids).fetch_all(&mut *session).await?;
                session.done();
                Ok(found.into_iter().map(EventId::from).collect())
            }
            Database::Sqlite(pool) => {
                let ids: Vec<String> = events.iter().map(ToString::to_string).collect();
                let ids = serde_json::Value::from(ids).to_string();
                let query = sqlx::query_scalar::<_, String>(sqlite::DELIVERED).bind(sink.as_str());
                let found = query.bind(target).bind(ids).fetch_all(pool).await?;
                let read = |id: &String| id.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)));
                Ok(found.iter().map(read).collect::<Result<_, _>>()?)
            }
        }
    }

    /// Returns all attempts of an event, at all targets, in the order in which they began.
    pub async fn of_event(&self, event: EventId) -> Result<Vec<Row>, ReadError> {
        match &self.0 {
            Database::Postgres(pool) => {
                let query = sqlx::query(postgres::OF_EVENT).bind(event.uuid());
                rows(ask(pool, query).await?.iter().map(of_postgres))
            }
            Database::Sqlite(pool) => {
                let query = sqlx::query(sqlite::OF_EVENT).bind(event.to_string());
                rows(query.fetch_all(pool).await?.iter().map(of_sqlite))
            }
        }
    }
}

/// All rows of a query, in a session of the pool.
pub(super) async fn ask(
    pool: &Pool,
    query: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
) -> Result<Vec<PgRow>, ReadError> {
    let mut session = pool.acquire().await.map_err(|error| unread(pool, &error))?;
    let found = query.fetch_all(&mut *session).await?;
    session.done();
    Ok(found)
}

fn unread(pool: &Pool, error: &sqlx::Error) -> ReadError {
    ReadError(pool.server().explain(error))
}

fn rows(found: impl Iterator<Item = Result<Row, sqlx::Error>>) -> Result<Vec<Row>, ReadError> {
    Ok(found.collect::<Result<_, _>>()?)
}

fn of_postgres(row: &PgRow) -> Result<Row, sqlx::Error> {
    let at: DateTime<Utc> = row.try_get("at")?;
    let status: Option<i16> = row.try_get("status")?;
    let micros = |span: i32| Duration::from_micros(u64::try_from(span).unwrap_or_default());
    Ok(Row {
        at: Timestamp::from_millis(at.timestamp_millis()).unwrap_or(Timestamp::MIN),
        sink: row.try_get("sink")?,
        target: row.try_get("target")?,
        tenant: row.try_get("tenant")?,
        event: EventId::from(row.try_get::<Uuid, _>("event_id")?),
        event_type: row.try_get("event_type")?,
        log_topic: row.try_get("log_topic")?,
        log_partition: row.try_get("log_partition")?,
        log_offset: row.try_get("log_offset")?,
        number: u32::try_from(row.try_get::<i32, _>("number")?).unwrap_or_default(),
        class: row.try_get("class")?,
        status: status.and_then(|status| u16::try_from(status).ok()),
        connect: row.try_get::<Option<i32>, _>("connect_us")?.map(micros),
        first_byte: row.try_get::<Option<i32>, _>("first_byte_us")?.map(micros),
        total: micros(row.try_get("total_us")?),
        reason: row.try_get("reason")?,
        answer: row.try_get("answer")?,
        request_headers: row.try_get("request_headers")?,
    })
}

fn of_sqlite(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let at: i64 = row.try_get("at")?;
    let event: String = row.try_get("event_id")?;
    let micros = |span: i64| Duration::from_micros(u64::try_from(span).unwrap_or_default());
    Ok(Row {
        at: Timestamp::from_millis(at).unwrap_or(Timestamp::MIN),
        sink: row.try_get("sink")?,
        target: row.try_get("target")?,
        tenant: row.try_get("tenant")?,
        event: event.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        event_type: row.try_get("event_type")?,
        log_topic: row.try_get("log_topic")?,
        log_partition: row.try_get("log_partition")?,
        log_offset: row.try_get("log_offset")?,
        number: row.try_get("number")?,
        class: row.try_get("class")?,
        status: row.try_get("status")?,
        connect: row.try_get::<Option<i64>, _>("connect_us")?.map(micros),
        first_byte: row.try_get::<Option<i64>, _>("first_byte_us")?.map(micros),
        total: micros(row.try_get("total_us")?),
        reason: row.try_get("reason")?,
        answer: row.try_get("answer")?,
        request_headers: row.try_get("request_headers")?,
    })
}
