//! The tables: made by `forebay migrate`, checked by the sink before it writes.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _, SqlSafeStr as _};

use super::config::{Compression, Config};
use super::database_server::DatabaseServer;
use super::sql;
use super::write::within;
use crate::table::SetupError;

fn migrations() -> Vec<Migration> {
    let event = include_str!("../../migrations/postgres/0001_event.sql").into_sql_str();
    let views = include_str!("../../migrations/postgres/0002_views.sql").into_sql_str();
    let progress = include_str!("../../migrations/postgres/0003_progress.sql").into_sql_str();
    let variant = include_str!("../../migrations/postgres/0004_variant.sql").into_sql_str();
    let raw = include_str!("../../migrations/postgres/0005_raw.sql").into_sql_str();
    let envelope = include_str!("../../migrations/postgres/0006_envelope.sql").into_sql_str();
    vec![
        Migration::new(1, "event".into(), MigrationType::Simple, event, false),
        Migration::new(2, "views".into(), MigrationType::Simple, views, false),
        Migration::new(3, "progress".into(), MigrationType::Simple, progress, false),
        Migration::new(4, "variant".into(), MigrationType::Simple, variant, false),
        Migration::new(5, "raw".into(), MigrationType::Simple, raw, false),
        Migration::new(6, "envelope".into(), MigrationType::Simple, envelope, false),
    ]
}

/// Brings the database up to date: `forebay migrate`. Does nothing where nothing is to be done; several at once wait for
/// one another. Refuses a database that a newer version has migrated. Returns how many migrations were missing before.
pub async fn migrate(config: &Config) -> Result<usize, SetupError> {
    let server = DatabaseServer::new(config)?;
    let failed = |error: &sqlx::Error| failure(&server, error);
    let mut connection = connect(config, &server).await?;
    let missing = missing(&mut connection).await.map_err(|e| failed(&e))?;
    let migrated = Migrator::with_migrations(migrations()).run(&mut connection).await;
    migrated.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => failed(&error),
        error => SetupError::Misconfigured(format!("the {} cannot be migrated: {error}", server.database())),
    })?;
    if config.compression == Compression::Auto {
        compress(&mut connection, &server).await.map_err(|e| failed(&e))?;
    }
    // Everything is committed: how the connection ends does not matter.
    drop(connection.close().await);
    Ok(missing)
}

/// Returns how many migrations [`migrate`] would apply. Changes nothing.
pub async fn pending(config: &Config) -> Result<usize, SetupError> {
    let server = DatabaseServer::new(config)?;
    let mut connection = connect(config, &server).await?;
    let missing = missing(&mut connection).await;
    drop(connection.close().await);
    missing.map_err(|e| failure(&server, &e))
}

async fn connect(config: &Config, server: &DatabaseServer) -> Result<PgConnection, SetupError> {
    let connect_timeout = Duration::from_millis(config.connect_timeout_ms);
    let options = server.options();
    let connection = within(connect_timeout, options.connect()).await;
    connection.map_err(|e| failure(server, &e))
}

fn failure(server: &DatabaseServer, error: &sqlx::Error) -> SetupError {
    let reason = server.explain(error);
    if DatabaseServer::is_misconfigured(error) {
        SetupError::Misconfigured(reason)
    } else {
        SetupError::Unavailable(reason)
    }
}

/// How many of our migrations the database does not have yet.
async fn missing(connection: &mut PgConnection) -> Result<usize, sqlx::Error> {
    let ours = migrations();
    let exists: bool = sqlx::query_scalar(sql::HAS_MIGRATIONS)
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(ours.len());
    }
    let rows = sqlx::query(sql::MIGRATIONS).fetch_all(connection).await?;
    let found: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(ours
        .iter()
        .filter(|migration| !found.contains(&migration.version))
        .count())
}

async fn compress(connection: &mut PgConnection, server: &DatabaseServer) -> Result<(), sqlx::Error> {
    let available: bool = sqlx::query_scalar(sql::HAS_LZ4).fetch_one(&mut *connection).await?;
    if !available {
        tracing::info!(
            database = %server.database(),
            "this PostgreSQL has no lz4 compression; the columns keep its default, which is slower to write"
        );
        return Ok(());
    }
    for (table, set) in sql::SET_LZ4 {
        let query = sqlx::query_scalar(sql::NOT_LZ4).bind(table);
        let wanted: bool = query.fetch_one(&mut *connection).await?;
        if wanted {
            sqlx::raw_sql(set).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Whether the database has exactly our migrations.
pub(super) async fn check(
    connection: &mut PgConnection,
    server: &DatabaseServer,
    limit: Duration,
) -> Result<(), SetupError> {
    let rows = match within(limit, sqlx::query(sql::MIGRATIONS).fetch_all(connection)).await {
        Ok(rows) => rows,
        Err(error) => return Err(SetupError::Unavailable(server.explain(&error))),
    };
    let read = |row: &sqlx::postgres::PgRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    let found: Result<Vec<(i64, Vec<u8>, bool)>, sqlx::Error> = rows.iter().map(read).collect();
    let found = found.map_err(|error| SetupError::Unavailable(server.explain(&error)))?;
    let ours = migrations();
    let database = server.database();
    if let Some((version, ..)) = found
        .iter()
        .find(|(version, ..)| ours.iter().all(|m| m.version != *version))
    {
        return Err(SetupError::Misconfigured(format!(
            "the {database} has migration {version}, which this version does not know: it was migrated by a newer \
             `forebay`, run that one"
        )));
    }
    for migration in &ours {
        let version = migration.version;
        match found.iter().find(|(v, ..)| *v == version) {
            None => {
                return Err(SetupError::Misconfigured(format!(
                    "the {database} lacks migration {version}: run `forebay migrate`"
                )));
            }
            Some((_, checksum, true)) if **checksum == *migration.checksum => {}
            Some(_) => {
                return Err(SetupError::Misconfigured(format!(
                    "migration {version} of the {database} is half done or not the one of this version: restore the \
                     database, or run the `forebay` that migrated it"
                )));
            }
        }
    }
    Ok(())
}
