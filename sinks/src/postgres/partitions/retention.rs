//! Dropping partitions that are older than events are kept.
//!
//! `DROP TABLE` of an attached partition, and `DETACH` without `CONCURRENTLY`, wait for every query on `event`, and everyone who comes
//! later waits behind them. So a partition is detached concurrently, which nobody waits for, and dropped when it is a table of its own.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use uuid::Uuid;

use super::make::{Table, horizon, partitions, table};
use super::period::{id_at, ms_of};
use super::{Settings, sql};

/// Drops what is older than events are kept, goes on with what an earlier run began, and returns the names of what was dropped. Nothing,
/// where they are kept for ever, or this user may not.
pub(super) async fn retain(connection: &mut PgConnection, settings: &Settings) -> Result<Vec<String>, sqlx::Error> {
    let Some(retention) = settings.retention else {
        return Ok(Vec::new());
    };
    let table = table(connection).await?;
    if !table.may_make {
        return Ok(Vec::new());
    }
    let keep_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    expire(connection, id_at(table.now_ms.saturating_sub(keep_ms))).await?;
    let dropped = drop_expired(connection, &table).await?;
    let horizon = horizon(connection).await?;
    sweep(connection, sql::EXPIRE_VARIANTS, horizon).await?;
    let window_ms = i64::try_from(settings.receipt_window.as_millis()).unwrap_or(i64::MAX);
    let receipts = id_at(ms_of(horizon.as_u128()).saturating_sub(window_ms));
    sweep(connection, sql::EXPIRE_RECEIPTS, Uuid::from_u128(receipts)).await?;
    Ok(dropped)
}

/// Writes down which partitions end before `limit`: from then on nothing is stored that would belong to them.
async fn expire(connection: &mut PgConnection, limit: u128) -> Result<(), sqlx::Error> {
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
    let query = sqlx::query(sql::MOVE_HORIZON).bind(Uuid::from_u128(horizon)).bind(names);
    query.execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Brings everything that is being dropped one step on, until nothing is left.
async fn drop_expired(connection: &mut PgConnection, table: &Table) -> Result<Vec<String>, sqlx::Error> {
    let schema = &table.schema;
    let mut dropped = Vec::new();
    while let Some(row) = sqlx::query(sql::DROPPING).fetch_optional(&mut *connection).await? {
        let (name, attached, pending, exists): (String, bool, bool, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let state = (attached, pending, exists);
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let done = if attached {
            let how = if pending { "FINALIZE" } else { "CONCURRENTLY" };
            let statement = format!("ALTER TABLE {schema}.event DETACH PARTITION {schema}.{quoted} {how}");
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await.map(drop)
        } else {
            let statement = exists.then(|| format!("DROP TABLE {schema}.{quoted}"));
            drop_one(connection, statement, &name).await
        };
        match done {
            Ok(()) if attached => {}
            Ok(()) => dropped.push(name),
            // Another process may be at the same, one step ahead.
            Err(error) => match sqlx::query(sql::DROPPING).fetch_optional(&mut *connection).await? {
                Some(row) if row.try_get::<String, _>(0)? == name && state == (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?) => {
                    return Err(error);
                }
                // Not while its own attempt goes on: that would only be in its way.
                _ if error.as_database_error().is_some_and(|e| e.code().as_deref() == Some("55P03")) => return Err(error),
                _ => {}
            },
        }
    }
    Ok(dropped)
}

/// Drops a detached partition, and crosses it off.
async fn drop_one(connection: &mut PgConnection, statement: Option<String>, name: &str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    if let Some(statement) = statement {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    }
    sqlx::query(sql::DROPPED).bind(name).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Removes rows below an id, a few at a time, so that no one waits long for one of them.
async fn sweep(connection: &mut PgConnection, statement: &'static str, below: Uuid) -> Result<(), sqlx::Error> {
    while sqlx::query(statement).bind(below).execute(&mut *connection).await?.rows_affected() > 0 {}
    Ok(())
}
