//! The table of attempts in PostgreSQL: a partition per day.
//!
//! A batch is one transaction, which the server need not have on its disk before it answers (`synchronous_commit = off`): after a
//! crash of the server the last half second may be missing, and nothing else.

mod partitions;
mod refusal;
mod sql;

use std::time::Duration;

use database::postgres::{Pool, Session, within};
use schemas::attempt::Attempt;
use schemas::time::Timestamp;
use sqlx::postgres::PgBindIterExt as _;

use super::config::Config;
use super::failure::{Again, Failure, Written};
use refusal::Refusal;

pub(super) use sql::{DELIVERED, NEWEST_FAILURES_OF_TARGET, NEWEST_OF_TARGET, OF_EVENT};

/// Longer than the server's own time-outs in `sql.rs`, which end what hangs in the server; this ends what hangs on the way.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The table of attempts in PostgreSQL.
#[derive(Debug)]
pub(super) struct Table {
    pool: Pool,
    retention_days: u32,
}

/// Makes the partitions of the days to come and drops those that are older than the retention, as the [`Writer`](super::Writer)
/// does every hour. For `forebay migrate`, whose user may do it where the program's user may not. The error names what is missing.
pub async fn keep_partitions(pool: &Pool, config: &Config) -> Result<(), String> {
    let kept = Table::new(pool.clone(), config).look_after(Timestamp::now()).await;
    kept.map(drop).map_err(|failure| match failure {
        Failure::Unavailable(reason) | Failure::Rights(reason) => reason,
    })
}

/// The statements that make the partitions of the days to come, for a script that has just made the table.
pub(crate) fn partitions_ahead() -> String {
    partitions::ahead(Timestamp::now())
}

impl Table {
    pub(super) fn new(pool: Pool, config: &Config) -> Self {
        Self {
            pool,
            retention_days: config.retention_days,
        }
    }

    pub(super) async fn write(&self, rows: &[Attempt]) -> Result<Written, Failure> {
        let written = async {
            let mut connection = self.pool.acquire().await?;
            let written = write(&mut connection, rows).await?;
            connection.done();
            Ok(written)
        };
        within(ANSWER_WITHIN, written)
            .await
            .map_err(|error| refusal::failure(&self.pool, &error))
    }

    pub(super) async fn look_after(&self, now: Timestamp) -> Result<Again, Failure> {
        let looked_after = async {
            let mut connection = self.pool.acquire().await?;
            partitions::look_after(&mut connection, now, self.retention_days).await?;
            connection.done();
            Ok(())
        };
        match within(ANSWER_WITHIN, looked_after).await {
            Ok(()) => Ok(Again::Later),
            Err(error) => Err(refusal::failure_of_partitions(&self.pool, &error)),
        }
    }
}

/// Nearly every batch goes through whole. One that does not is begun anew, first without the rows of days that have no
/// partition, then with savepoints.
async fn write(connection: &mut Session, rows: &[Attempt]) -> Result<Written, sqlx::Error> {
    let all: Vec<&Attempt> = rows.iter().collect();
    match transaction(connection, &all, false).await {
        Err(error) if Refusal::of(&error) == Some(Refusal::NoPartition) => {}
        Err(error) if Refusal::of(&error).is_some() => return transaction(connection, &all, true).await,
        result => return result,
    }
    let days = partitions::days(connection).await?;
    let (fitting, others): (Vec<&Attempt>, Vec<&Attempt>) = all
        .into_iter()
        .partition(|row| days.contains(&row.at.to_datetime().date_naive()));
    let mut written = match transaction(connection, &fitting, false).await {
        Err(error) if Refusal::of(&error).is_some() => transaction(connection, &fitting, true).await?,
        result => result?,
    };
    written.no_partition += count(others.len());
    Ok(written)
}

/// Writes what is not refused. Not halving, a refusal of any row is the error.
async fn transaction(connection: &mut Session, rows: &[&Attempt], halving: bool) -> Result<Written, sqlx::Error> {
    let mut written = Written::default();
    if rows.is_empty() {
        return Ok(written);
    }
    let mut transaction = connection.begin_with(sql::SETTINGS).await?;
    if halving {
        insert_halving(&mut transaction, rows, &mut written).await?;
    } else {
        insert(&mut transaction, rows).await?;
        written.rows = count(rows.len());
    }
    transaction.commit().await?;
    Ok(written)
}

/// Inserts the rows; while a part of them is refused, its two halves.
async fn insert_halving(connection: &mut Session, rows: &[&Attempt], written: &mut Written) -> Result<(), sqlx::Error> {
    let mut parts = vec![rows];
    while let Some(part) = parts.pop() {
        run(connection, sql::SAVEPOINT).await?;
        let Err(error) = insert(connection, part).await else {
            run(connection, sql::RELEASE).await?;
            written.rows += count(part.len());
            continue;
        };
        let Some(refusal) = Refusal::of(&error) else {
            return Err(error);
        };
        run(connection, sql::ROLLBACK_TO).await?;
        match (part, refusal) {
            ([_], Refusal::NoPartition) => written.no_partition += 1,
            ([_], Refusal::Row) => written.refused += 1,
            _ => {
                let (left, right) = part.split_at(part.len() / 2);
                parts.extend([right, left]);
            }
        }
    }
    Ok(())
}

async fn insert(connection: &mut Session, rows: &[&Attempt]) -> Result<(), sqlx::Error> {
    let of = || rows.iter().copied();
    let micros = |span: Duration| i32::try_from(span.as_micros()).unwrap_or(i32::MAX);
    let query = sqlx::query(sql::INSERT)
        .bind(of().map(|a| a.at.to_datetime()).bind_iter())
        .bind(of().map(|a| a.event.uuid()).bind_iter())
        .bind(of().map(|a| a.position.offset.0).bind_iter())
        .bind(of().map(|a| a.position.partition.index).bind_iter())
        .bind(of().map(|a| i32::try_from(a.number).unwrap_or(i32::MAX)).bind_iter())
        .bind(of().map(|a| micros(a.total)).bind_iter())
        .bind(of().map(|a| a.connect.map(micros)).bind_iter())
        .bind(of().map(|a| a.first_byte.map(micros)).bind_iter())
        .bind(
            of().map(|a| a.status.map(|s| i16::try_from(s).unwrap_or(i16::MAX)))
                .bind_iter(),
        )
        .bind(of().map(|a| a.sink.as_str()).bind_iter())
        .bind(of().map(|a| &*a.target).bind_iter())
        .bind(of().map(|a| a.tenant.as_str()).bind_iter())
        .bind(of().map(|a| a.event_type.as_str()).bind_iter())
        .bind(of().map(|a| a.class).bind_iter())
        .bind(of().map(|a| a.position.partition.topic.as_str()).bind_iter())
        .bind(of().map(|a| a.reason.as_deref()).bind_iter())
        .bind(of().map(|a| a.answer.as_deref()).bind_iter())
        .bind(of().map(|a| a.request_headers.as_deref()).bind_iter());
    query.execute(connection).await.map(drop)
}

async fn run(connection: &mut Session, statement: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(statement).execute(connection).await.map(drop)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
