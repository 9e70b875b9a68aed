//! The tables: made by `forebay migrate` in PostgreSQL, and when the file is opened in SQLite. Which migrations a database has stands in
//! a table of their own, so that it may also hold the tables of a sink.

use ::database::postgres::{self, Waits, nothing_more};
use ::database::{Migrated, Migrations, SetupError};

use crate::config;

/// The table in which a database notes these migrations.
const TABLE: &str = "_store_migrations";
/// What tells them from those of a sink.
const WHOSE: &str = " (store)";

/// What a process needs that delivers, per table.
pub(crate) const NEEDED: &[(&str, &[&str])] = &[(TABLE, &["SELECT"])];

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
/// one another. Refuses a database that a newer version has migrated, unless that says that this one can go on.
pub async fn migrate(config: &postgres::Config, waits: Waits) -> Result<Migrated, SetupError> {
    postgres::migrate(&config::server(config)?, &of_postgres(), waits, &nothing_more).await
}

/// Returns what [`migrate`] would do. Changes nothing, and waits for no one.
pub async fn pending(config: &postgres::Config) -> Result<Migrated, SetupError> {
    postgres::pending(&config::server(config)?, &of_postgres()).await
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
