//! The database with the tables: opened, asked whether it can be used, and made into a backlog and an attempt log.

use std::sync::Arc;
use std::time::Duration;

use ::database::postgres::{Pool, check, check_rights, within};
use ::database::sqlite::File;
use ::database::{Migrations, SetupError};
use prometheus_client::registry::Registry;
use schemas::attempt::AttemptLog;
use schemas::backlog::Backlog;
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::backlog::{Outside, PostgresBacklog, SqliteBacklog};
use crate::config::{self, Config};
use crate::{attempts, migrate};

/// How long the answers may take to whether the database can be used, all together.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// Takes the lock that a write takes: reading alone succeeds although another process writes.
const BEGIN: &str = "BEGIN IMMEDIATE";
/// Reads something, in a transaction that could write.
const READY: &str = "SELECT 1 FROM _store_migrations LIMIT 1";

/// A database with the tables of the store.
#[derive(Debug)]
pub struct Tables {
    place: Place,
    attempts: attempts::Config,
}

#[derive(Debug)]
enum Place {
    Postgres { pool: Pool, migrations: Migrations },
    Sqlite { pool: SqlitePool, file: File },
}

impl Tables {
    /// Opens the database. PostgreSQL is connected to when it is first used, and is brought up to date by [`migrate`](fn@crate::migrate)
    /// alone; a SQLite file is made where it is missing, and brought up to date.
    ///
    /// Must be called inside a tokio runtime, which looks after the connections.
    pub async fn open(config: &Config) -> Result<Self, SetupError> {
        config.check()?;
        let place = match (&config.postgres, &config.sqlite) {
            (Some(postgres), _) => Place::Postgres {
                pool: config::server(postgres)?.pool(),
                migrations: migrate::of_postgres(),
            },
            (None, Some(sqlite)) if !sqlite.path.as_os_str().is_empty() => {
                let file = sqlite.file();
                let pool = file.pool()?;
                file.migrate(&pool, &migrate::of_sqlite()).await?;
                Place::Sqlite { pool, file }
            }
            (None, Some(_)) => {
                return Err(SetupError::Misconfigured(
                    "`store.sqlite.path` is not set: name the file of the database".to_owned(),
                ));
            }
            (None, None) => {
                return Err(SetupError::Misconfigured(
                    "`store` names no database: give `store.postgres.url`".to_owned(),
                ));
            }
        };
        Ok(Self {
            place,
            attempts: config.attempts.clone(),
        })
    }

    /// Whether the database can be reached and its tables are those of this version. Returns the newest migration of a newer version
    /// which this one can work with, if the database has one. [`SetupError::Misconfigured`] is what `forebay migrate` or a grant ends.
    pub async fn ready(&self) -> Result<Option<i64>, SetupError> {
        match &self.place {
            Place::Postgres { pool, migrations } => {
                let asked = async {
                    let server = pool.server();
                    // The pool asks a session whether its server takes writes before it hands it out.
                    let connection = pool.acquire().await;
                    let mut connection = connection.map_err(|e| SetupError::Unavailable(server.explain(&e)))?;
                    check_rights(&mut connection, server, migrations, migrate::NEEDED).await?;
                    let newer = check(&mut connection, server, migrations).await?;
                    connection.done();
                    Ok(newer)
                };
                let answer = tokio::time::timeout(READY_WITHIN, asked).await;
                answer.unwrap_or_else(|_| {
                    let (database, limit) = (pool.server().database(), READY_WITHIN.as_secs());
                    let reason = format!("the {database} gave no answer within {limit} s");
                    Err(SetupError::Unavailable(reason))
                })
            }
            Place::Sqlite { pool, file } => {
                let read = async {
                    let mut transaction = pool.begin_with(BEGIN).await?;
                    sqlx::query(READY).execute(&mut *transaction).await?;
                    transaction.rollback().await
                };
                let read = within(READY_WITHIN, read).await;
                read.map(|()| None)
                    .map_err(|error| SetupError::Unavailable(file.explain(&error)))
            }
        }
    }

    /// The database in words, for messages.
    pub fn database(&self) -> String {
        match &self.place {
            Place::Postgres { pool, .. } => pool.server().database(),
            Place::Sqlite { file, .. } => format!("`{}`", file.path.display()),
        }
    }

    /// The backlog, for a process of which there is no other with the same number: it is drawn here.
    pub fn backlog(&self) -> Arc<dyn Backlog> {
        match &self.place {
            Place::Postgres { pool, .. } => Arc::new(PostgresBacklog::new(pool.clone(), Uuid::new_v4())),
            Place::Sqlite { pool, .. } => Arc::new(SqliteBacklog::new(pool.clone())),
        }
    }

    /// The backlog for who owns no partition: commands and the API.
    pub fn outside(&self) -> Outside {
        match &self.place {
            Place::Postgres { pool, .. } => PostgresBacklog::new(pool.clone(), Uuid::new_v4()).into(),
            Place::Sqlite { pool, .. } => SqliteBacklog::new(pool.clone()).into(),
        }
    }

    /// The attempt log, to be read.
    pub fn reader(&self) -> attempts::Reader {
        match &self.place {
            Place::Postgres { pool, .. } => attempts::Reader::postgres(pool.clone()),
            Place::Sqlite { pool, .. } => attempts::Reader::sqlite(pool.clone()),
        }
    }

    /// The attempt log, and what writes it. To be called once per registry.
    pub fn attempts(&self, metrics: &mut Registry) -> (Arc<dyn AttemptLog>, attempts::Writer) {
        match &self.place {
            Place::Postgres { pool, .. } => attempts::postgres(pool.clone(), &self.attempts, metrics),
            Place::Sqlite { pool, .. } => attempts::sqlite(pool.clone(), &self.attempts, metrics),
        }
    }

    /// Closes all connections, once what they do is done.
    pub async fn close(&self) {
        match &self.place {
            Place::Postgres { pool, .. } => pool.close().await,
            Place::Sqlite { pool, .. } => pool.close().await,
        }
    }
}
