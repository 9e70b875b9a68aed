//! The tables of the sink: made by `forebay migrate`, checked by the sink before it writes.

use database::postgres::{self, DatabaseServer, Then, Waits, nothing_more};
use database::{Migrated, Migrations, SetupError};
use schemas::BoxFuture;
use sqlx::PgConnection;

use super::config::{Compression, Config};
use super::sql;

/// The table in which a database notes its migrations: the driver's usual one.
pub(super) const TABLE: &str = "_sqlx_migrations";

/// Every description from 7 on ends with `(works with N and later)` or `(breaking)`: see [`Migrations`].
pub(super) fn migrations() -> Migrations {
    Migrations::new(
        TABLE,
        "",
        &[
            ("event", include_str!("../../migrations/postgres/0001_event.sql")),
            ("views", include_str!("../../migrations/postgres/0002_views.sql")),
            ("progress", include_str!("../../migrations/postgres/0003_progress.sql")),
            ("variant", include_str!("../../migrations/postgres/0004_variant.sql")),
            ("raw", include_str!("../../migrations/postgres/0005_raw.sql")),
            ("envelope", include_str!("../../migrations/postgres/0006_envelope.sql")),
            (
                "operations (works with 6 and later)",
                include_str!("../../migrations/postgres/0007_operations.sql"),
            ),
            (
                "cleared (works with 6 and later)",
                include_str!("../../migrations/postgres/0008_cleared.sql"),
            ),
            (
                "state (works with 7 and later)",
                include_str!("../../migrations/postgres/0009_state.sql"),
            ),
        ],
    )
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
    let server = config.server()?;
    let then: Then<'_> = match config.compression {
        Compression::Auto => &compressed,
        Compression::Off => &nothing_more,
    };
    postgres::migrate(&server, &migrations(), waits, then).await
}

/// Returns what [`migrate`] would do. Changes nothing, and waits for no one.
pub async fn pending(config: &Config) -> Result<Migrated, SetupError> {
    postgres::pending(&config.server()?, &migrations()).await
}

fn compressed<'c>(
    connection: &'c mut PgConnection,
    server: &'c DatabaseServer,
) -> BoxFuture<'c, Result<(), sqlx::Error>> {
    Box::pin(compress(connection, server))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_new_migration_says_which_older_versions_go_on() {
        assert_eq!(migrations().check_descriptions(6), Ok(()));
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
        let files = std::fs::read_dir(folder).expect("the folder").count();
        assert_eq!(files, migrations().count(), "every file is one of the list");
    }
}
