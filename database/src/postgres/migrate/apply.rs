//! Applying what is missing. Each migration is a transaction with the note that it was applied, under a lock that others wait for.
//!
//! The lock is the one that the driver's own migrations take, but belongs to the transaction: so it holds behind a pooler too. A migration
//! that must not be in a transaction takes it for the session, which needs a connection of its own. Whoever waits for it does so
//! without a transaction: an index that is built concurrently waits for every one that is open.

use std::time::{Duration, Instant};

use sqlx::migrate::{MigrateError, Migration};

use super::super::database_server::DatabaseServer;
use super::super::session::{Session, trusted};
use super::super::sql;
use super::waiting::Watched;
use super::{Failure, found};
use crate::migrations::statements_of;
use crate::{Found, Migrations, SetupError};

/// How often it is looked whether another process has migrated.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a lock, while others may have to wait behind.
    pub(super) lock: Duration,
    /// For what waits without keeping others waiting.
    pub(super) alone: Duration,
}

/// Applies those that are not among `before`, in their order.
pub(super) async fn apply(
    session: &mut Session,
    server: &DatabaseServer,
    migrations: &Migrations,
    before: &[Found],
    watched: &Watched,
    patience: Patience,
) -> Result<(), Failure> {
    check(server, migrations, before)?;
    for migration in migrations.missing_from(before) {
        if migration.no_tx {
            alone(session, server, migrations, migration, watched, patience).await?;
        } else {
            let deadline = Instant::now() + patience.lock;
            while !in_transaction(session, server, migrations, migration, watched).await? {
                wait(session, server, deadline).await?;
            }
        }
    }
    Ok(())
}

/// Waits a moment for whoever has the lock, or says that it is locked.
async fn wait(session: &mut Session, server: &DatabaseServer, deadline: Instant) -> Result<(), Failure> {
    if Instant::now() >= deadline {
        let locked = sqlx::raw_sql(sql::LOCKED).execute(&mut *session).await;
        locked.map_err(|error| Failure::of(server, &error, None))?;
    }
    tokio::time::sleep(LOOK_AGAIN).await;
    Ok(())
}

/// False if another one has the lock.
async fn in_transaction(
    session: &mut Session,
    server: &DatabaseServer,
    migrations: &Migrations,
    migration: &Migration,
    watched: &Watched,
) -> Result<bool, Failure> {
    let failed = |error: &sqlx::Error| Failure::of(server, error, None);
    let mut transaction = session.begin().await.map_err(|e| failed(&e))?;
    watched.set(&mut transaction).await.map_err(|e| failed(&e))?;
    let lock = sqlx::query_scalar(sql::LOCK_TRANSACTION).bind(lock_number(server.database_name()));
    let ours: bool = lock.fetch_one(&mut *transaction).await.map_err(|e| failed(&e))?;
    if !ours {
        transaction.rollback().await.map_err(|e| failed(&e))?;
        return Ok(false);
    }
    // Before anything is asked: it makes the server notice what others have made while the lock was waited for.
    let make = sqlx::raw_sql(trusted(sql::make_migrations(migrations.table())));
    make.execute(&mut *transaction).await.map_err(|e| failed(&e))?;
    if !is_missing(&mut transaction, server, migrations, migration).await? {
        transaction.rollback().await.map_err(|e| failed(&e))?;
        return Ok(true);
    }
    let started = Instant::now();
    let applied = async {
        sqlx::raw_sql(migration.sql.clone()).execute(&mut *transaction).await?;
        note(&mut transaction, migrations, migration, started).await?;
        transaction.commit().await
    };
    applied.await.map_err(|e| of_version(server, e, migration))?;
    Ok(true)
}

async fn alone(
    session: &mut Session,
    server: &DatabaseServer,
    migrations: &Migrations,
    migration: &Migration,
    watched: &Watched,
    patience: Patience,
) -> Result<(), Failure> {
    let failed = |error: &sqlx::Error| Failure::of(server, error, None);
    if session.is_pooled() {
        return Err(Failure::Final(SetupError::Misconfigured(format!(
            "migration {}{} of the {} must not be in a transaction, and the session goes through a pooler, which gives each transaction \
             another connection: run `forebay migrate` with a URL that leads to the server itself",
            migration.version,
            migrations.whose(),
            server.database()
        ))));
    }
    watched.set(session).await.map_err(|e| failed(&e))?;
    let number = lock_number(server.database_name());
    let deadline = Instant::now() + patience.lock;
    loop {
        let lock = sqlx::query_scalar(sql::LOCK_SESSION).bind(number);
        if lock.fetch_one(&mut *session).await.map_err(|e| failed(&e))? {
            break;
        }
        wait(session, server, deadline).await?;
    }
    if is_missing(session, server, migrations, migration).await? {
        let started = Instant::now();
        let applied = async {
            sqlx::raw_sql(trusted(sql::make_migrations(migrations.table())))
                .execute(&mut *session)
                .await?;
            // An index that is built beside writers waits for transactions, and no one waits for it. Given up for one, it would have
            // to begin again.
            wait_for_locks(session, patience.alone).await?;
            for statement in statements_of(migration) {
                session.run_alone(trusted(statement)).await?;
            }
            wait_for_locks(session, patience.lock).await?;
            note(session, migrations, migration, started).await
        };
        applied.await.map_err(|e| of_version(server, e, migration))?;
    }
    let unlock = sqlx::query(sql::UNLOCK_SESSION).bind(number);
    unlock.execute(session).await.map(drop).map_err(|e| failed(&e))
}

async fn wait_for_locks(session: &mut Session, limit: Duration) -> Result<(), sqlx::Error> {
    let limit = format!("{}ms", limit.as_millis().clamp(1, i32::MAX.unsigned_abs().into()));
    let query = sqlx::query(sql::SET_LOCK_TIMEOUT).bind(limit);
    query.execute(session).await.map(drop)
}

/// Whether no one has applied it while the lock was waited for.
async fn is_missing(
    session: &mut Session,
    server: &DatabaseServer,
    migrations: &Migrations,
    migration: &Migration,
) -> Result<bool, Failure> {
    let found = found(session, server, migrations).await?;
    check(server, migrations, &found)?;
    Ok(found.iter().all(|found| found.version != migration.version))
}

fn check(server: &DatabaseServer, migrations: &Migrations, found: &[Found]) -> Result<(), Failure> {
    match migrations.contradiction(found) {
        Some(error) => Err(Failure::of_migration(server, error)),
        None => Ok(()),
    }
}

async fn note(
    session: &mut Session,
    migrations: &Migrations,
    migration: &Migration,
    started: Instant,
) -> Result<(), sqlx::Error> {
    let took = i64::try_from(started.elapsed().as_nanos()).unwrap_or(i64::MAX);
    sqlx::query(trusted(sql::note_migration(migrations.table())))
        .bind(migration.version)
        .bind(&*migration.description)
        .bind(&*migration.checksum)
        .bind(took)
        .execute(session)
        .await
        .map(drop)
}

fn of_version(server: &DatabaseServer, error: sqlx::Error, migration: &Migration) -> Failure {
    Failure::of_migration(server, MigrateError::ExecuteMigration(error, migration.version))
}

/// The number of the lock in the database of this name, as the driver has it: an older version that migrates at the same time waits.
pub(super) fn lock_number(database: &str) -> i64 {
    let mut crc = !0_u32;
    for byte in database.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    0x3d32_ad9e * i64::from(!crc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_that_of_the_driver() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(lock_number("123456789"), 0x3d32_ad9e * 0xcbf4_3926);
    }
}
