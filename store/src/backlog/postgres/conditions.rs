//! What all processes know of targets, and orders to the owners of partitions.
//!
//! Of those that find the same at once, one changes the row: the others' statements find their condition no longer true.

use ::database::postgres::Session;
use chrono::{DateTime, Utc};
use schemas::backlog::{BacklogError, Condition, Disabled, Finding, Order, What};
use schemas::name::SinkName;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::claim::timestamp;
use super::database::{Database, LIMIT};
use super::sql;

pub(super) async fn read(
    database: &Database,
    sink: &SinkName,
    after: Option<i64>,
) -> Result<Vec<Condition>, BacklogError> {
    let mut connection = database.connection().await?;
    let query = sqlx::query(sql::CONDITIONS).bind(sink.as_str()).bind(after);
    let rows = database.within(LIMIT, query.fetch_all(&mut *connection)).await?;
    connection.done();
    let conditions = rows.iter().map(condition).collect::<Result<_, _>>();
    conditions.map_err(|error| database.unavailable(&error))
}

pub(super) async fn note(
    database: &Database,
    sink: &SinkName,
    target: &str,
    finding: Finding,
) -> Result<Option<Condition>, BacklogError> {
    let mut connection = database.connection().await?;
    let mut transaction = database.begin(&mut connection).await?;
    let query = |statement| sqlx::query(statement).bind(sink.as_str()).bind(target);
    let query = match &finding {
        Finding::Failing { since } => query(sql::FAILING).bind(since.to_datetime()),
        Finding::Works => query(sql::WORKS),
        Finding::Refuses { reason } => query(sql::REFUSES).bind(reason),
        Finding::FailedSince { before, reason } => query(sql::FAILED_SINCE).bind(before.to_datetime()).bind(reason),
        Finding::Enabled => query(sql::ENABLED),
    };
    let changed = database.within(LIMIT, query.fetch_optional(&mut *transaction)).await?;
    let mut changed = changed
        .map(|row| condition(&row))
        .transpose()
        .map_err(|error| database.unavailable(&error))?;
    if let Some(condition) = &mut changed {
        condition.version = count(database, &mut transaction, "condition").await?;
        let query = sqlx::query(sql::SET_VERSION)
            .bind(sink.as_str())
            .bind(target)
            .bind(condition.version);
        database.within(LIMIT, query.execute(&mut *transaction)).await?;
    }
    if finding == Finding::Enabled {
        add_order(database, &mut transaction, sink, target, What::Try).await?;
    }
    database.within(LIMIT, transaction.commit()).await?;
    connection.done();
    Ok(changed)
}

pub(super) async fn orders(database: &Database, sink: &SinkName, after: i64) -> Result<Vec<Order>, BacklogError> {
    let mut connection = database.connection().await?;
    let query = sqlx::query(sql::ORDERS).bind(sink.as_str()).bind(after);
    let rows = database.within(LIMIT, query.fetch_all(&mut *connection)).await?;
    connection.done();
    let order = |row: &PgRow| {
        Ok(Order {
            id: row.try_get(0)?,
            target: row.try_get(1)?,
            what: if row.try_get::<&str, _>(2)? == "try" {
                What::Try
            } else {
                What::Look
            },
        })
    };
    rows.iter()
        .map(order)
        .collect::<Result<_, _>>()
        .map_err(|error| database.unavailable(&error))
}

pub(super) async fn newest_order(database: &Database, sink: &SinkName) -> Result<i64, BacklogError> {
    let mut connection = database.connection().await?;
    let query = sqlx::query_scalar(sql::NEWEST_ORDER).bind(sink.as_str());
    let newest = database.within(LIMIT, query.fetch_one(&mut *connection)).await?;
    connection.done();
    Ok(newest)
}

/// Adds an order. To be the last thing of its transaction: others wait for the counter.
pub(super) async fn add_order(
    database: &Database,
    connection: &mut Session,
    sink: &SinkName,
    target: &str,
    what: What,
) -> Result<(), BacklogError> {
    let id = count(database, connection, "order").await?;
    let query = sqlx::query(sql::ADD_ORDER)
        .bind(id)
        .bind(sink.as_str())
        .bind(target)
        .bind(match what {
            What::Look => "look",
            What::Try => "try",
        });
    database.within(LIMIT, query.execute(&mut *connection)).await?;
    let query = sqlx::query(sql::FORGET_ORDERS);
    database.within(LIMIT, query.execute(connection)).await?;
    Ok(())
}

/// Counts on, and keeps others from counting until the transaction ends.
async fn count(database: &Database, connection: &mut Session, counter: &str) -> Result<i64, BacklogError> {
    let query = sqlx::query_scalar(sql::COUNT).bind(counter);
    database.within(LIMIT, query.fetch_one(connection)).await
}

fn condition(row: &PgRow) -> Result<Condition, sqlx::Error> {
    let disabled: Option<DateTime<Utc>> = row.try_get(2)?;
    let reason: Option<String> = row.try_get(3)?;
    Ok(Condition {
        target: row.try_get(0)?,
        failing_since: row.try_get::<Option<DateTime<Utc>>, _>(1)?.map(timestamp),
        disabled: disabled.map(|at| Disabled {
            at: timestamp(at),
            reason: reason.unwrap_or_default(),
        }),
        version: row.try_get(4)?,
    })
}
