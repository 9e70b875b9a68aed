//! The tables: made by `forebay migrate`, checked by their owner before it writes.

mod steps;
mod waiting;

use std::time::Duration;

use schemas::BoxFuture;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};

use super::database_server::DatabaseServer;
use super::{sql, within};
use crate::{Found, Migrated, Migrations, SetupError};
use waiting::Waiting;
pub use waiting::Waits;

/// What is done on the connection once the migrations are there, such as what depends on the server. It is done at every attempt.
pub type Then<'t> =
    &'t (dyn for<'c> Fn(&'c mut PgConnection, &'c DatabaseServer) -> BoxFuture<'c, Result<(), sqlx::Error>> + Sync);

/// For who has nothing to do then.
pub fn nothing_more<'c>(_: &'c mut PgConnection, _: &'c DatabaseServer) -> BoxFuture<'c, Result<(), sqlx::Error>> {
    Box::pin(async { Ok(()) })
}

/// Brings the database up to date: `forebay migrate`. Does nothing where nothing is to be done; several at once wait for
/// one another. Refuses a database that a newer version has migrated, unless that says that this one can go on.
///
/// Each migration is a transaction, or mends what a broken attempt left: what could not be done within the limit leaves no trace.
pub async fn migrate(
    server: &DatabaseServer,
    migrations: &Migrations,
    waits: Waits,
    then: Then<'_>,
) -> Result<Migrated, SetupError> {
    let waiting = Waiting::new(server, waits);
    let mut before = None;
    loop {
        let failure = match attempt(server, (migrations, then), waits.lock, &waiting, &mut before).await {
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
    server: &DatabaseServer,
    (migrations, then): (&Migrations, Then<'_>),
    lock: Duration,
    waiting: &Waiting<'_>,
    before: &mut Option<usize>,
) -> Result<Migrated, Failure> {
    let failed = |error: &sqlx::Error| Failure::of(server, error, None);
    let mut connection = connect(server, server.options_for_migrations(lock))
        .await
        .map_err(|e| failed(&e))?;
    let Migrated { missing, newer } = state(&mut connection, server, migrations).await?;
    let missing = *before.get_or_insert(missing);
    let pid: i32 = sqlx::query_scalar(sql::OWN_PID)
        .fetch_one(&mut connection)
        .await
        .map_err(|e| failed(&e))?;
    let work = async {
        // Those that are not ours were judged above.
        steps::run(&mut connection, migrations, newer.is_some(), waiting.limit())
            .await
            .map_err(|error| Failure::of_migration(server, error))?;
        then(&mut connection, server).await.map_err(|e| failed(&e))
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
pub async fn pending(server: &DatabaseServer, migrations: &Migrations) -> Result<Migrated, SetupError> {
    let asked = async {
        let mut connection = connect(server, server.options())
            .await
            .map_err(|e| Failure::of(server, &e, None))?;
        let state = state(&mut connection, server, migrations).await;
        drop(connection.close().await);
        state
    };
    asked.await.map_err(|failure| match failure {
        Failure::Final(error) => error,
        Failure::Locked { reason, .. } | Failure::Away(reason) => SetupError::Unavailable(reason),
    })
}

async fn connect(server: &DatabaseServer, options: PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    within(server.patience(), options.connect()).await
}

/// How far the database is, if this version can work with it.
async fn state(
    connection: &mut PgConnection,
    server: &DatabaseServer,
    migrations: &Migrations,
) -> Result<Migrated, Failure> {
    let failed = |error: sqlx::Error| Failure::of(server, &error, None);
    let exists: bool = sqlx::query_scalar(sql::HAS_MIGRATIONS)
        .bind(migrations.table())
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if !exists {
        return Ok(Migrated {
            missing: migrations.count(),
            newer: None,
        });
    }
    let rows = sqlx::query(migrations.query())
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    let found = rows.iter().map(found).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let newer = migrations.newest_unknown(&found);
    Ok(Migrated {
        missing: migrations.missing_from(&found),
        newer: newer.map_err(|version| Failure::Final(unknown(server, migrations, version)))?,
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

fn unknown(server: &DatabaseServer, migrations: &Migrations, version: i64) -> SetupError {
    let whose = migrations.whose();
    SetupError::Misconfigured(format!(
        "the {} has migration {version}{whose}, which this version does not know, nor can work with: it was migrated by a newer \
         `forebay`, run that one",
        server.database()
    ))
}

/// Whether the database has our migrations, and no others but newer ones that this version can work with; returns the newest
/// of these.
pub async fn check(
    connection: &mut PgConnection,
    server: &DatabaseServer,
    migrations: &Migrations,
) -> Result<Option<i64>, SetupError> {
    let failed = |error: sqlx::Error| {
        let reason = server.explain(&error);
        if DatabaseServer::is_not_set_up(&error) {
            SetupError::Misconfigured(reason)
        } else {
            SetupError::Unavailable(reason)
        }
    };
    let rows = within(
        server.answer_timeout(),
        sqlx::query(migrations.query()).fetch_all(connection),
    )
    .await
    .map_err(failed)?;
    let all = rows.iter().map(found).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let newer = migrations.newest_unknown(&all);
    let newer = newer.map_err(|version| unknown(server, migrations, version))?;
    let (database, whose) = (server.database(), migrations.whose());
    for migration in migrations.iter() {
        let version = migration.version;
        match all.iter().find(|found| found.version == version) {
            None => {
                return Err(SetupError::Misconfigured(format!(
                    "the {database} lacks migration {version}{whose}: run `forebay migrate`"
                )));
            }
            Some(found) if found.success && found.checksum == *migration.checksum => {}
            Some(_) => {
                return Err(SetupError::Misconfigured(format!(
                    "migration {version}{whose} of the {database} is half done or not the one of this version: restore the \
                     database, or run the `forebay` that migrated it"
                )));
            }
        }
    }
    Ok(newer)
}
