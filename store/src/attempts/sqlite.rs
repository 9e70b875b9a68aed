//! The table of attempts in SQLite.

use std::time::Duration;

use schemas::attempt::Attempt;
use schemas::time::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::config::Config;
use super::failure::{Again, Failure, Written};

/// Rows per statement: SQLite takes 32 766 parameters, and each row has 18.
const ROWS: usize = 100;
/// Old rows are removed by so many at a time.
const STEP: u64 = 1_000;
/// Another process of this machine may hold the file.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Takes the write lock at once, so that a batch never fails in its middle because another process wrote.
const BEGIN: &str = "BEGIN IMMEDIATE";

const INSERT: &str = "\
INSERT INTO attempt (at, event_id, log_offset, log_partition, number, total_us, connect_us, first_byte_us, status, sink, target,
                     tenant, event_type, class, log_topic, reason, answer, request_headers) ";

const REMOVE: &str =
    "DELETE FROM attempt WHERE rowid IN (SELECT rowid FROM attempt WHERE at < ?1 ORDER BY at LIMIT 1000)";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT at, event_id, log_offset, log_partition, number, total_us, connect_us, first_byte_us, status, sink, target, \
             tenant, event_type, class, log_topic, reason, answer, request_headers FROM attempt ",
            $rest
        )
    };
}

pub(super) const NEWEST_OF_TARGET: &str = select!("WHERE sink = ?1 AND target = ?2 ORDER BY at DESC LIMIT ?3");

/// The condition on `class` is that of the index.
pub(super) const NEWEST_FAILURES_OF_TARGET: &str =
    select!("WHERE sink = ?1 AND target = ?2 AND class <> 'delivered' ORDER BY at DESC LIMIT ?3");

pub(super) const OF_EVENT: &str = select!("WHERE event_id = ?1 ORDER BY at, number");

/// Of these events, a JSON array, those that were delivered to a target.
pub(super) const DELIVERED: &str = "\
SELECT DISTINCT event_id FROM attempt
WHERE event_id IN (SELECT value FROM json_each(?3)) AND sink = ?1 AND target = ?2 AND class = 'delivered'";

/// The table of attempts in SQLite.
#[derive(Debug)]
pub(super) struct Table {
    pool: SqlitePool,
    retention: Duration,
}

impl Table {
    pub(super) fn new(pool: SqlitePool, config: &Config) -> Self {
        Self {
            pool,
            retention: Duration::from_hours(24 * u64::from(config.retention_days)),
        }
    }

    pub(super) async fn write(&self, rows: &[Attempt]) -> Result<Written, Failure> {
        let write = async {
            let mut transaction = self.pool.begin_with(BEGIN).await?;
            for part in rows.chunks(ROWS) {
                insert(&mut transaction, part).await?;
            }
            transaction.commit().await
        };
        within(write).await?;
        Ok(Written {
            rows: u64::try_from(rows.len()).unwrap_or(u64::MAX),
            ..Written::default()
        })
    }

    pub(super) async fn look_after(&self, now: Timestamp) -> Result<Again, Failure> {
        let oldest_kept = now.before(self.retention).millis();
        let remove = async {
            let query = sqlx::query(REMOVE).bind(oldest_kept);
            Ok(query.execute(&self.pool).await?.rows_affected())
        };
        let removed = within(remove).await?;
        Ok(if removed < STEP { Again::Later } else { Again::Soon })
    }
}

async fn insert(connection: &mut sqlx::SqliteConnection, rows: &[Attempt]) -> Result<(), sqlx::Error> {
    let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    let mut query = QueryBuilder::<Sqlite>::new(INSERT);
    query.push_values(rows, |mut values, a| {
        values
            .push_bind(a.at.millis())
            .push_bind(a.event.to_string())
            .push_bind(a.position.offset.0)
            .push_bind(a.position.partition.index)
            .push_bind(i64::from(a.number))
            .push_bind(micros(a.total))
            .push_bind(a.connect.map(micros))
            .push_bind(a.first_byte.map(micros))
            .push_bind(a.status)
            .push_bind(a.sink.as_str())
            .push_bind(&*a.target)
            .push_bind(a.tenant.as_str())
            .push_bind(a.event_type.as_str())
            .push_bind(a.class)
            .push_bind(a.position.partition.topic.as_str())
            .push_bind(a.reason.as_deref())
            .push_bind(a.answer.as_deref())
            .push_bind(a.request_headers.as_deref());
    });
    // Statements of another length than usual are not worth keeping prepared.
    let query = query.build().persistent(rows.len() == ROWS);
    query.execute(connection).await.map(drop)
}

async fn within<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(ANSWER_WITHIN, answer).await {
        Ok(answer) => answer.map_err(|error| Failure::Unavailable(error.to_string())),
        Err(_) => Err(Failure::Unavailable(format!(
            "no answer within {} s",
            ANSWER_WITHIN.as_secs()
        ))),
    }
}
