//! The tables: made by `forebay migrate`, checked by their owner before it writes.

mod apply;
mod script;
mod waiting;

use std::time::Duration;

use schemas::BoxFuture;
use sqlx::Row as _;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgRow;
use tokio::time::Instant;

use super::connection::sqlstate;
use super::database_server::{DatabaseServer, Purpose};
use super::session::Session;
use super::{sql, within};
use crate::{Found, Migrated, Migrations, SetupError};
pub use script::{Which, script};
pub use waiting::Waits;
use waiting::{Waiting, Watched};

/// What is done on the connection once the migrations are there, such as what depends on the server. It is done at every attempt.
pub type Then<'t> =
    &'t (dyn for<'c> Fn(&'c mut Session, &'c DatabaseServer) -> BoxFuture<'c, Result<(), sqlx::Error>> + Sync);

/// For who has nothing to do then.
pub fn nothing_more<'c>(_: &'c mut Session, _: &'c DatabaseServer) -> BoxFuture<'c, Result<(), sqlx::Error>> {
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
        let code = sqlstate(error);
        match code.as_deref() {
            _ if DatabaseServer::is_misconfigured(error) => Self::Final(SetupError::Misconfigured(reason)),
            Some("55P03" | "40P01") => Self::Locked { version, reason },
            // A broken connection, too many of them, a server that starts or ends, a standby that may be promoted.
            Some(code) if ["08", "53", "57P", "25006"].iter().any(|class| code.starts_with(class)) => {
                Self::Away(reason)
            }
            Some(_) => Self::Final(SetupError::Unavailable(reason)),
            None => Self::Away(reason),
        }
    }

    fn into_error(self) -> SetupError {
        match self {
            Self::Final(error) => error,
            Self::Locked { reason, .. } | Self::Away(reason) => SetupError::Unavailable(reason),
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

/// One attempt in a session of its own, whose end gives back all locks. `before` is what was missing at first.
async fn attempt(
    server: &DatabaseServer,
    (migrations, then): (&Migrations, Then<'_>),
    lock: Duration,
    waiting: &Waiting<'_>,
    before: &mut Option<usize>,
) -> Result<Migrated, Failure> {
    let failed = |error: &sqlx::Error| Failure::of(server, error, None);
    let mut session = connect(server, Purpose::Migrating(lock)).await?;
    let found = found(&mut session, server, migrations).await?;
    let state = state(&found, server, migrations)?;
    let missing = *before.get_or_insert(state.missing);
    let watched = Watched::default();
    let work = async {
        let patience = apply::Patience {
            lock,
            alone: waiting.limit(),
        };
        apply::apply(&mut session, server, migrations, &found, &watched, patience).await?;
        watched.set(&mut session).await.map_err(|e| failed(&e))?;
        then(&mut session, server).await.map_err(|e| failed(&e))
    };
    let done = tokio::select! {
        done = work => done,
        never = waiting.watch(&watched) => match never {},
    };
    // Everything is committed, or undone: how the session ends does not matter.
    drop(session.close().await);
    done.map(|()| Migrated {
        missing,
        newer: state.newer,
    })
}

/// Returns what [`migrate`] would do. Changes nothing, and waits for no one.
pub async fn pending(server: &DatabaseServer, migrations: &Migrations) -> Result<Migrated, SetupError> {
    let asked = async {
        let found = all_found(server, migrations).await?;
        state(&found, server, migrations)
    };
    asked.await.map_err(Failure::into_error)
}

async fn connect(server: &DatabaseServer, purpose: Purpose) -> Result<Session, Failure> {
    let session = server.connect(purpose, Instant::now() + server.patience()).await;
    session.map_err(|error| Failure::of(server, &error, None))
}

/// Which migrations the database has.
async fn all_found(server: &DatabaseServer, migrations: &Migrations) -> Result<Vec<Found>, Failure> {
    let mut session = connect(server, Purpose::Asking).await?;
    let found = found(&mut session, server, migrations).await;
    drop(session.close().await);
    found
}

async fn found(session: &mut Session, server: &DatabaseServer, migrations: &Migrations) -> Result<Vec<Found>, Failure> {
    let read = async {
        let exists: bool = sqlx::query_scalar(sql::HAS_MIGRATIONS)
            .bind(migrations.table())
            .fetch_one(&mut *session)
            .await?;
        if !exists {
            return Ok(vec![]);
        }
        let rows = sqlx::query(migrations.query()).fetch_all(session).await?;
        rows.iter().map(of_row).collect()
    };
    read.await.map_err(|error| Failure::of(server, &error, None))
}

/// How far the database is, if this version can work with it.
fn state(found: &[Found], server: &DatabaseServer, migrations: &Migrations) -> Result<Migrated, Failure> {
    let newer = migrations.newest_unknown(found);
    Ok(Migrated {
        missing: migrations.missing_from(found).count(),
        newer: newer.map_err(|version| Failure::Final(unknown(server, migrations, version)))?,
    })
}

fn of_row(row: &PgRow) -> Result<Found, sqlx::Error> {
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
    connection: &mut Session,
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
    let all = rows.iter().map(of_row).collect::<Result<Vec<_>, _>>().map_err(failed)?;
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
