//! What is known of targets, and orders to the owners of partitions.

use std::time::Duration;

use schemas::backlog::{Condition, Disabled, Finding, Order, What};
use schemas::name::SinkName;
use schemas::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::database::{Database, timestamp};
use super::sql;

/// How long orders are kept.
const DAY: Duration = Duration::from_hours(24);

pub(super) async fn read(
    database: &Database,
    sink: &SinkName,
    after: Option<i64>,
) -> Result<Vec<Condition>, sqlx::Error> {
    let mut connection = database.connection().await?;
    let query = sqlx::query(sql::CONDITIONS).bind(sink.as_str()).bind(after);
    let rows = query.fetch_all(&mut *connection).await?;
    rows.iter().map(condition).collect()
}

pub(super) async fn note(
    database: &Database,
    sink: &SinkName,
    target: &str,
    finding: Finding,
) -> Result<Option<Condition>, sqlx::Error> {
    let mut transaction = database.begin().await?;
    let now = Timestamp::now().millis();
    let query = |statement| sqlx::query(statement).bind(sink.as_str()).bind(target);
    let query = match &finding {
        Finding::Failing { since } => query(sql::FAILING).bind(since.millis()),
        Finding::Works => query(sql::WORKS),
        Finding::Refuses { reason } => query(sql::REFUSES).bind(now).bind(reason),
        Finding::FailedSince { before, reason } => {
            query(sql::FAILED_SINCE).bind(now).bind(reason).bind(before.millis())
        }
        Finding::Enabled => query(sql::ENABLED),
    };
    let changed = query.fetch_optional(&mut *transaction).await?;
    let mut changed = changed.map(|row| condition(&row)).transpose()?;
    if let Some(condition) = &mut changed {
        condition.version = count(&mut transaction, "condition").await?;
        let query = sqlx::query(sql::SET_VERSION).bind(sink.as_str()).bind(target);
        query.bind(condition.version).execute(&mut *transaction).await?;
    }
    if finding == Finding::Enabled {
        add_order(&mut transaction, sink, target, What::Try).await?;
    }
    transaction.commit().await?;
    Ok(changed)
}

pub(super) async fn orders(database: &Database, sink: &SinkName, after: i64) -> Result<Vec<Order>, sqlx::Error> {
    let mut connection = database.connection().await?;
    let query = sqlx::query(sql::ORDERS).bind(sink.as_str()).bind(after);
    let rows = query.fetch_all(&mut *connection).await?;
    let order = |row: &SqliteRow| {
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
    rows.iter().map(order).collect()
}

pub(super) async fn newest_order(database: &Database, sink: &SinkName) -> Result<i64, sqlx::Error> {
    let mut connection = database.connection().await?;
    let query = sqlx::query_scalar(sql::NEWEST_ORDER).bind(sink.as_str());
    query.fetch_one(&mut *connection).await
}

pub(super) async fn add_order(
    connection: &mut SqliteConnection,
    sink: &SinkName,
    target: &str,
    what: What,
) -> Result<(), sqlx::Error> {
    let id = count(connection, "order").await?;
    let now = Timestamp::now();
    let query = sqlx::query(sql::ADD_ORDER).bind(id).bind(sink.as_str()).bind(target);
    let what = match what {
        What::Look => "look",
        What::Try => "try",
    };
    query.bind(what).bind(now.millis()).execute(&mut *connection).await?;
    let query = sqlx::query(sql::FORGET_ORDERS).bind(now.before(DAY).millis());
    query.execute(connection).await?;
    Ok(())
}

async fn count(connection: &mut SqliteConnection, counter: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(sql::COUNT).bind(counter).fetch_one(connection).await
}

fn condition(row: &SqliteRow) -> Result<Condition, sqlx::Error> {
    let disabled: Option<i64> = row.try_get(2)?;
    let reason: Option<String> = row.try_get(3)?;
    Ok(Condition {
        target: row.try_get(0)?,
        failing_since: row.try_get::<Option<i64>, _>(1)?.map(timestamp),
        disabled: disabled.map(|at| Disabled {
            at: timestamp(at),
            reason: reason.unwrap_or_default(),
        }),
        version: row.try_get(4)?,
    })
}
