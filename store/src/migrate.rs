//! The tables: made by `forebay migrate` in PostgreSQL, and when the file is opened in SQLite. Which migrations a database has stands in
//! a table of their own, so that it may also hold the tables of a sink.

use std::time::Duration;

use ::database::postgres::{self, DatabaseServer, Waits, Which, nothing_more};
use ::database::{Migrated, Migrations, SetupError};

use crate::attempts;
use crate::config::{self, Config};

/// The table in which a database notes these migrations.
const TABLE: &str = "_store_migrations";
/// What tells them from those of a sink.
const WHOSE: &str = " (store)";

/// What a process needs that delivers, per table. Locking a row needs the right to update.
pub(crate) const NEEDED: &[(&str, &[&str])] = &[
    (TABLE, &["SELECT"]),
    ("backlog_stream", &["SELECT", "INSERT"]),
    ("backlog_target", &["SELECT", "INSERT"]),
    ("backlog_owner", &["SELECT", "INSERT", "UPDATE"]),
    ("backlog", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("backlog_condition", &["SELECT", "INSERT", "UPDATE"]),
    ("backlog_order", &["SELECT", "INSERT", "DELETE"]),
    ("backlog_counter", &["SELECT", "UPDATE"]),
    ("attempt", &["SELECT", "INSERT"]),
];

/// Every description ends with `(works with N and later)` or `(breaking)` from the first release on: see [`Migrations`].
pub(crate) fn of_postgres() -> Migrations {
    Migrations::new(
        TABLE,
        WHOSE,
        &[
            ("backlog", include_str!("../migrations/postgres/0001_backlog.sql")),
            ("attempts", include_str!("../migrations/postgres/0002_attempts.sql")),
        ],
    )
}

/// The same for SQLite.
pub(crate) fn of_sqlite() -> Migrations {
    Migrations::new(
        TABLE,
        WHOSE,
        &[
            ("backlog", include_str!("../migrations/sqlite/0001_backlog.sql")),
            ("attempts", include_str!("../migrations/sqlite/0002_attempts.sql")),
        ],
    )
}

/// Brings a PostgreSQL database up to date: `forebay migrate`. Does nothing where nothing is to be done; several at once wait for
/// one another. Refuses a database that a newer version has migrated, unless that says that this one can go on. Then makes the
/// partitions of the attempt log for the days to come, and drops those that are too old: another user than the one of `forebay process`
/// may own the tables. `None` without a PostgreSQL database.
pub async fn migrate(config: &Config, waits: Waits) -> Result<Option<Migrated>, SetupError> {
    let Some(server) = server(config)? else {
        return Ok(None);
    };
    let migrated = postgres::migrate(&server, &of_postgres(), waits, &nothing_more).await?;
    let pool = server.pool();
    let kept = attempts::keep_partitions(&pool, &config.attempts).await;
    pool.close().await;
    kept.map_err(|reason| SetupError::Unavailable(format!("the partitions of the table `attempt`: {reason}")))?;
    Ok(Some(migrated))
}

/// Returns what [`migrate`] would do. Changes nothing, and waits for no one.
pub async fn pending(config: &Config) -> Result<Option<Migrated>, SetupError> {
    match server(config)? {
        Some(server) => postgres::pending(&server, &of_postgres()).await.map(Some),
        None => Ok(None),
    }
}

/// Returns the migrations as a script for psql; `None` where nothing is to be done, and without a PostgreSQL database.
pub async fn script(config: &Config, which: Which, lock: Duration) -> Result<Option<String>, SetupError> {
    match server(config)? {
        Some(server) => postgres::script(&server, &of_postgres(), which, lock, &attempts::partitions_ahead()).await,
        None => Ok(None),
    }
}

/// Returns the statements that give a role what a process needs that delivers, or, for a `reader`, what it needs to ask. Nothing is
/// connected; empty without a PostgreSQL database.
pub fn grants(config: &Config, role: &str, reader: bool) -> Result<Vec<String>, SetupError> {
    let Some(server) = server(config)? else {
        return Ok(vec![]);
    };
    let relations = of_postgres().relations();
    let read: Vec<(&str, &[&str])> = relations.iter().map(|name| (name.as_str(), &["SELECT"][..])).collect();
    Ok(postgres::grants(&server, role, if reader { &read } else { NEEDED }))
}

fn server(config: &Config) -> Result<Option<DatabaseServer>, SetupError> {
    config.check()?;
    Ok(config.postgres.as_ref().map(config::server).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_new_migration_says_which_older_versions_go_on() {
        for (folder, migrations) in [("postgres", of_postgres()), ("sqlite", of_sqlite())] {
            assert_eq!(migrations.check_descriptions(2), Ok(()));
            let folder = format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let files = std::fs::read_dir(&folder).expect("the folder").count();
            assert_eq!(files, migrations.count(), "every file of {folder} is one of the list");
        }
    }
}
