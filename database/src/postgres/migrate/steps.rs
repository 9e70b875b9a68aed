//! Applies migrations in their order, those outside a transaction with what they need around them.

use std::time::{Duration, Instant};

use sqlx::migrate::{Migrate as _, MigrateError};
use sqlx::{AssertSqlSafe, PgConnection};

use super::super::sql;
use crate::Migrations;

/// How often it is looked whether another process has migrated.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Applies what is missing; `newer` says whether the database may have others. `patience` is for what waits without keeping others
/// waiting.
pub(super) async fn run(
    connection: &mut PgConnection,
    migrations: &Migrations,
    newer: bool,
    patience: Duration,
) -> Result<(), MigrateError> {
    alone(connection).await?;
    let migrator = migrations.migrator(newer);
    for (version, mend) in migrations.mends() {
        migrator.run_to(version - 1, &mut *connection).await?;
        if is_applied(connection, migrations, version).await? {
            continue;
        }
        let lock_timeout: String = sqlx::query_scalar(sql::LOCK_TIMEOUT)
            .fetch_one(&mut *connection)
            .await?;
        // An index that is built beside writers waits for transactions, and no one waits for it. Given up for one, it would have to
        // begin again.
        wait_for_locks(connection, &format!("{}ms", patience.as_millis())).await?;
        let failed = |error| MigrateError::ExecuteMigration(error, version);
        sqlx::raw_sql(mend).execute(&mut *connection).await.map_err(failed)?;
        migrator.run_to(version, &mut *connection).await?;
        wait_for_locks(connection, &lock_timeout).await?;
    }
    migrator.run(connection).await
}

/// Keeps other migrations out until the connection is closed.
///
/// Whoever waits for this lock does so without a transaction: an index that is built concurrently waits for every one that is open.
async fn alone(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let lock_timeout: i32 = sqlx::query_scalar(sql::LOCK_TIMEOUT_MS)
        .fetch_one(&mut *connection)
        .await?;
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(lock_timeout).unwrap_or(0));
    loop {
        let ours: bool = sqlx::query_scalar(sql::TRY_MIGRATING)
            .fetch_one(&mut *connection)
            .await?;
        if ours {
            // The driver's own, for older versions.
            return connection.lock().await;
        }
        if Instant::now() >= deadline {
            sqlx::raw_sql(sql::LOCKED).execute(&mut *connection).await?;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn wait_for_locks(connection: &mut PgConnection, limit: &str) -> Result<(), sqlx::Error> {
    let query = sqlx::query(sql::SET_LOCK_TIMEOUT).bind(limit);
    query.execute(connection).await.map(drop)
}

async fn is_applied(connection: &mut PgConnection, migrations: &Migrations, version: i64) -> Result<bool, sqlx::Error> {
    // The name of the table is a literal of the program.
    let asked = format!("SELECT EXISTS (SELECT FROM {} WHERE version = $1)", migrations.table());
    sqlx::query_scalar(AssertSqlSafe(asked))
        .bind(version)
        .fetch_one(connection)
        .await
}
