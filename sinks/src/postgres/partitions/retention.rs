//! Dropping partitions that are older than events are kept.
//!
//! `DROP TABLE` of an attached partition, and `DETACH` without `CONCURRENTLY`, wait for every query on `event`, and everyone who comes
//! later waits behind them. So a partition is detached concurrently, which nobody waits for, and dropped when it is a table of its own.

use database::postgres::{Session, sqlstate};
use sqlx::postgres::{PgDatabaseError, PgRow};
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _};
use uuid::Uuid;

use super::make::{Table, horizon, partitions, table};
use super::period::{id_at, ms_of};
use super::{Settings, sql};

/// Drops what is older than events are kept, and goes on with what an earlier run began. Nothing, where they are kept for ever, or this
/// user may not.
pub(super) async fn retain(connection: &mut Session, settings: &Settings) -> Result<(), sqlx::Error> {
    let Some(retention) = settings.retention else {
        return Ok(());
    };
    let table = table(connection).await?;
    if !table.may_make {
        return Ok(());
    }
    let keep_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    expire(connection, id_at(table.now_ms.saturating_sub(keep_ms))).await?;
    let dropped = drop_expired(connection, &table).await;
    let horizon = horizon(connection).await?;
    sweep(connection, sql::EXPIRE_VARIANTS, horizon).await?;
    let window_ms = i64::try_from(settings.receipt_window.as_millis()).unwrap_or(i64::MAX);
    let receipts = id_at(ms_of(horizon.as_u128()).saturating_sub(window_ms));
    sweep(connection, sql::EXPIRE_RECEIPTS, Uuid::from_u128(receipts)).await?;
    dropped
}

/// Writes down which partitions end before `limit`: from then on nothing is stored that would belong to them.
async fn expire(connection: &mut Session, limit: u128) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let ours: bool = sqlx::query_scalar(sql::TRY_LOCK).fetch_one(&mut *transaction).await?;
    let mut names = Vec::new();
    let mut horizon = 0;
    for partition in partitions(&mut transaction).await? {
        if let Some(span) = partition.span.filter(|span| span.to <= limit) {
            names.push(partition.name);
            horizon = span.to.max(horizon);
        }
    }
    // Whoever has the lock does the same, or it is done the next time.
    if names.is_empty() || !ours {
        return transaction.rollback().await;
    }
    let query = sqlx::query(sql::MOVE_HORIZON)
        .bind(Uuid::from_u128(horizon))
        .bind(names);
    query.execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Brings everything that is being dropped one step on, until nothing is left but what cannot be dropped.
async fn drop_expired(connection: &mut Session, table: &Table) -> Result<(), sqlx::Error> {
    let mut stuck: Option<(Vec<String>, sqlx::Error)> = None;
    let is_stuck = |stuck: &Option<(Vec<String>, sqlx::Error)>, name: &String| {
        stuck.as_ref().is_some_and(|(names, _)| names.contains(name))
    };
    while let Some(next) = dropping(connection)
        .await?
        .into_iter()
        .find(|one| !is_stuck(&stuck, &one.name))
    {
        let Err(error) = step(connection, &table.schema, &next).await else {
            continue;
        };
        let code = sqlstate(&error);
        match code.as_deref() {
            // Something of the user's is made for this partition. The others go on.
            Some("2BP01") => {
                let on_it = error
                    .as_database_error()
                    .and_then(|e| e.try_downcast_ref::<PgDatabaseError>()?.detail());
                tracing::warn!(
                    "the partition {} is too old, and cannot be dropped while other objects depend on it: drop them ({})",
                    next.name,
                    on_it.unwrap_or_default()
                );
                let (mut names, first) = stuck.unwrap_or((Vec::new(), error));
                names.push(next.name);
                stuck = Some((names, first));
            }
            // Another process may be at the same, one step ahead; unless it waits, as this one has.
            Some(code) if code != "55P03" && !dropping(connection).await?.contains(&next) => {}
            _ => return Err(error),
        }
    }
    stuck.map_or(Ok(()), |(_, error)| Err(error))
}

/// A partition that is being dropped.
#[derive(Debug, PartialEq, Eq)]
struct Dropping {
    name: String,
    attached: bool,
    /// Whether an attempt to detach it was begun.
    pending: bool,
    /// Whether the table is there.
    exists: bool,
}

async fn dropping(connection: &mut Session) -> Result<Vec<Dropping>, sqlx::Error> {
    let rows = sqlx::query(sql::DROPPING).fetch_all(connection).await?;
    let one = |row: &PgRow| {
        Ok(Dropping {
            name: row.try_get(0)?,
            attached: row.try_get(1)?,
            pending: row.try_get(2)?,
            exists: row.try_get(3)?,
        })
    };
    rows.iter().map(one).collect()
}

/// Detaches one, or drops what is detached.
async fn step(connection: &mut Session, schema: &str, one: &Dropping) -> Result<(), sqlx::Error> {
    let name = format!("{schema}.\"{}\"", one.name.replace('"', "\"\""));
    if one.attached {
        let how = if one.pending { "FINALIZE" } else { "CONCURRENTLY" };
        let statement = format!("ALTER TABLE {schema}.event DETACH PARTITION {name} {how}");
        return connection.run_alone(AssertSqlSafe(statement).into_sql_str()).await;
    }
    let mut transaction = connection.begin().await?;
    if one.exists {
        let statement = format!("DROP TABLE {name}");
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::query(sql::DROPPED)
        .bind(&one.name)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    tracing::info!(
        "dropped the partition {}: its events are older than they are kept",
        one.name
    );
    Ok(())
}

/// Removes rows below an id, a few at a time, so that no one waits long for one of them.
async fn sweep(connection: &mut Session, statement: &'static str, below: Uuid) -> Result<(), sqlx::Error> {
    while sqlx::query(statement)
        .bind(below)
        .execute(&mut *connection)
        .await?
        .rows_affected()
        > 0
    {}
    Ok(())
}
