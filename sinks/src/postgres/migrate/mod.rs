//! The tables: made by `forebay migrate`, checked by the sink before it writes.

mod waiting;

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _, SqlSafeStr as _};

use super::config::{Compression, Config};
use super::database_server::DatabaseServer;
use super::sql;
use super::write::within;
use crate::table::{Found, SetupError, newest_unknown};
use waiting::Waiting;
pub use waiting::Waits;

/// Every description from 7 on ends with `(works with N and later)` or `(breaking)`: see `newest_unknown`.
fn migrations() -> Vec<Migration> {
    let event = include_str!("../../../migrations/postgres/0001_event.sql").into_sql_str();
    let views = include_str!("../../../migrations/postgres/0002_views.sql").into_sql_str();
    let progress = include_str!("../../../migrations/postgres/0003_progress.sql").into_sql_str();
    let variant = include_str!("../../../migrations/postgres/0004_variant.sql").into_sql_str();
    let raw = include_str!("../../../migrations/postgres/0005_raw.sql").into_sql_str();
    let envelope = include_str!("../../../migrations/postgres/0006_envelope.sql").into_sql_str();
    let operations = include_str!("../../../migrations/postgres/0007_operations.sql").into_sql_str();
    vec![
        Migration::new(1, "event".into(), MigrationType::Simple, event, false),
        Migration::new(2, "views".into(), MigrationType::Simple, views, false),
        Migration::new(3, "progress".into(), MigrationType::Simple, progress, false),
        Migration::new(4, "variant".into(), MigrationType::Simple, variant, false),
        Migration::new(5, "raw".into(), MigrationType::Simple, raw, false),
        Migration::new(6, "envelope".into(), MigrationType::Simple, envelope, false),
        Migration::new(
            7,
            "operations (works with 6 and later)".into(),
            MigrationType::Simple,
            operations,
            false,
        ),
    ]
}

/// What [`migrate`] found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// How many of our migrations were missing before.
    pub missing: usize,
    /// The newest migration of a newer version which this one can work with, if the database has one.
    pub newer: Option<i64>,
}

/// The same as [`migrate_within`] with the waits that are usual.
pub async fn migrate(config: &Config) -> Result<Migrated, SetupError> {
    migrate_within(config, Waits::default()).await
}

/// Brings the database up to date: `forebay migrate`. Does nothing where nothing is to be done; several at once wait for
/// one another. Refuses a database that a newer version has migrated, unless that says that this one can go on.
///
/// Each migration is a transaction: what could not be done within the limit leaves no trace.
pub async fn migrate_within(config: &Config, waits: Waits) -> Result<Migrated, SetupError> {
    let server = DatabaseServer::new(config)?;
    let waiting = Waiting::new(&server, waits);
    let mut before = None;
    loop {
        let failure = match attempt(config, &server, waits.lock, &waiting, &mut before).await {
            Ok(migrated) => return Ok(migrated),
            Err(failure) => failure,
        };
        match failure {
            Failure::Final(error) => return Err(error),
            Failure::Locked { version, reason } => {
                waiting.say("a lock");
                if !waiting.pause(true).await {
                    let what = match version {
                        Some(version) => format!("migration {version} could not be applied, and nothing of it was"),
                        None => "a lock could not be had".to_owned(),
                    };
                    return Err(SetupError::Unavailable(format!(
                        "{what}, within {} s: {reason}; {}",
                        waiting.limit().as_secs(),
                        waiting.held_by()
                    )));
                }
            }
            Failure::Away(reason) => {
                waiting.say(&format!("the server: {reason}"));
                if !waiting.pause(false).await {
                    return Err(SetupError::Unavailable(reason));
                }
            }
        }
    }
}

/// Why an attempt ended, by what is done then.
enum Failure {
    /// Another attempt cannot help.
    Final(SetupError),
    /// Another session holds a lock.
    Locked { version: Option<i64>, reason: String },
    /// The server does not answer, or not yet.
    Away(String),
}

impl Failure {
    fn of(server: &DatabaseServer, error: &sqlx::Error, version: Option<i64>) -> Self {
        let reason = server.explain(error);
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match code.as_deref() {
            _ if DatabaseServer::is_misconfigured(error) => Self::Final(SetupError::Misconfigured(reason)),
            Some("55P03" | "40P01") => Self::Locked { version, reason },
            // A broken connection, too many of them, a server that starts or ends.
            Some(code) if ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) => Self::Away(reason),
            Some(_) => Self::Final(SetupError::Unavailable(reason)),
            None => Self::Away(reason),
        }
    }

    fn of_migration(server: &DatabaseServer, error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => Self::of(server, &error, None),
            MigrateError::ExecuteMigration(error, version) => Self::of(server, &error, Some(version)),
            error => Self::Final(SetupError::Misconfigured(format!(
                "the {} cannot be migrated: {error}",
                server.database()
            ))),
        }
    }
}

/// One attempt on a connection of its own, whose end gives back all locks. `before` is what was missing at first.
async fn attempt(
    config: &Config,
    server: &DatabaseServer,
    lock: Duration,
    waiting: &Waiting<'_>,
    before: &mut Option<usize>,
) -> Result<Migrated, Failure> {
    let failed = |error: &sqlx::Error| Failure::of(server, error, None);
    let mut connection = connect(config, server.options_for_migrations(lock))
        .await
        .map_err(|e| failed(&e))?;
    let Migrated { missing, newer } = state(&mut connection, server).await?;
    let missing = *before.get_or_insert(missing);
    let pid: i32 = sqlx::query_scalar(sql::OWN_PID)
        .fetch_one(&mut connection)
        .await
        .map_err(|e| failed(&e))?;
    let work = async {
        let mut migrator = Migrator::with_migrations(migrations());
        // Those that are not ours were judged above.
        migrator.set_ignore_missing(newer.is_some());
        let migrated = migrator.run(&mut connection).await;
        migrated.map_err(|error| Failure::of_migration(server, error))?;
        if config.compression == Compression::Auto {
            compress(&mut connection, server).await.map_err(|e| failed(&e))?;
        }
        Ok(())
    };
    let done = tokio::select! {
        done = work => done,
        never = waiting.watch(pid) => match never {},
    };
    // Everything is committed, or undone: how the connection ends does not matter.
    drop(connection.close().await);
    done.map(|()| Migrated { missing, newer })
}

/// Returns what [`migrate`] would do. Changes nothing, and waits for no one.
pub async fn pending(config: &Config) -> Result<Migrated, SetupError> {
    let server = DatabaseServer::new(config)?;
    let asked = async {
        let mut connection = connect(config, server.options())
            .await
            .map_err(|e| Failure::of(&server, &e, None))?;
        let state = state(&mut connection, &server).await;
        drop(connection.close().await);
        state
    };
    asked.await.map_err(|failure| match failure {
        Failure::Final(error) => error,
        Failure::Locked { reason, .. } | Failure::Away(reason) => SetupError::Unavailable(reason),
    })
}

async fn connect(config: &Config, options: PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    within(Duration::from_millis(config.connect_timeout_ms), options.connect()).await
}

/// How far the database is, if this version can work with it.
async fn state(connection: &mut PgConnection, server: &DatabaseServer) -> Result<Migrated, Failure> {
    let failed = |error: sqlx::Error| Failure::of(server, &error, None);
    let ours = migrations();
    let exists: bool = sqlx::query_scalar(sql::HAS_MIGRATIONS)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if !exists {
        return Ok(Migrated {
            missing: ours.len(),
            newer: None,
        });
    }
    let rows = sqlx::query(sql::MIGRATIONS)
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    let found = rows.iter().map(found).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let newer = newest_unknown(&found, &ours).map_err(|version| Failure::Final(unknown(server, version)))?;
    let is_missing = |migration: &&Migration| found.iter().all(|found| found.version != migration.version);
    Ok(Migrated {
        missing: ours.iter().filter(is_missing).count(),
        newer,
    })
}

fn found(row: &PgRow) -> Result<Found, sqlx::Error> {
    Ok(Found {
        version: row.try_get(0)?,
        description: row.try_get(1)?,
        checksum: row.try_get(2)?,
        success: row.try_get(3)?,
    })
}

fn unknown(server: &DatabaseServer, version: i64) -> SetupError {
    SetupError::Misconfigured(format!(
        "the {} has migration {version}, which this version does not know, nor can work with: it was migrated by a newer \
         `forebay`, run that one",
        server.database()
    ))
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

/// Whether the database has our migrations, and no others but newer ones that this version can work with; returns the newest
/// of these.
pub(super) async fn check(
    connection: &mut PgConnection,
    server: &DatabaseServer,
    limit: Duration,
) -> Result<Option<i64>, SetupError> {
    let unavailable = |error: sqlx::Error| SetupError::Unavailable(server.explain(&error));
    let rows = within(limit, sqlx::query(sql::MIGRATIONS).fetch_all(connection))
        .await
        .map_err(unavailable)?;
    let all = rows
        .iter()
        .map(found)
        .collect::<Result<Vec<_>, _>>()
        .map_err(unavailable)?;
    let ours = migrations();
    let newer = newest_unknown(&all, &ours).map_err(|version| unknown(server, version))?;
    let database = server.database();
    for migration in &ours {
        let version = migration.version;
        match all.iter().find(|found| found.version == version) {
            None => {
                return Err(SetupError::Misconfigured(format!(
                    "the {database} lacks migration {version}: run `forebay migrate`"
                )));
            }
            Some(found) if found.success && found.checksum == *migration.checksum => {}
            Some(_) => {
                return Err(SetupError::Misconfigured(format!(
                    "migration {version} of the {database} is half done or not the one of this version: restore the \
                     database, or run the `forebay` that migrated it"
                )));
            }
        }
    }
    Ok(newer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_new_migration_says_which_older_versions_go_on() {
        crate::table::check_descriptions(&migrations(), 6);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
        let files = std::fs::read_dir(folder).expect("the folder").count();
        assert_eq!(files, migrations().len(), "every file is one of the list");
    }
}
