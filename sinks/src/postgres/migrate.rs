//! The tables of the sink: made by `forebay migrate`, checked by the sink before it writes.

use std::time::Duration;

use database::postgres::{self, DatabaseServer, Session, Then, Waits, Which};
use database::{Migrated, Migrations, SetupError};
use schemas::BoxFuture;

use super::config::{Compression, Config};
use super::rights::{self, For};
use super::{partitions, sql};

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
                "horizon (works with 7 and later)",
                include_str!("../../migrations/postgres/0008_horizon.sql"),
            ),
            (
                "bound (works with 7 and later)",
                include_str!("../../migrations/postgres/0009_bound.sql"),
            ),
            (
                "key (works with 7 and later)",
                include_str!("../../migrations/postgres/0010_key.sql"),
            ),
            (
                "partitions (works with 7 and later)",
                include_str!("../../migrations/postgres/0011_partitions.sql"),
            ),
            (
                "cleared (works with 7 and later)",
                include_str!("../../migrations/postgres/0012_cleared.sql"),
            ),
            (
                "state (works with 7 and later)",
                include_str!("../../migrations/postgres/0013_state.sql"),
            ),
            (
                "hours (works with 7 and later)",
                include_str!("../../migrations/postgres/0014_hours.sql"),
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
/// Each migration is a transaction, or an attempt that the next one mends: what could not be done within the limit leaves no trace.
///
/// In the end, and also where no migration was missing, partitions are made for the days to come, and those are dropped that are older
/// than events are kept: for sinks whose user is not the owner of the tables.
pub async fn migrate_within(config: &Config, waits: Waits) -> Result<Migrated, SetupError> {
    let server = config.server()?;
    let (compression, settings) = (config.compression, config.partitions());
    let then: Then<'_> = &move |connection, server| finish(connection, server, compression, settings);
    postgres::migrate(&server, &migrations(), waits, then).await
}

/// Returns what [`migrate`] would do. Changes nothing, and waits for no one.
pub async fn pending(config: &Config) -> Result<Migrated, SetupError> {
    postgres::pending(&config.server()?, &migrations()).await
}

/// Returns the migrations as a script for psql; `None` where nothing is to be done.
pub async fn script(config: &Config, which: Which, lock: Duration) -> Result<Option<String>, SetupError> {
    let server = config.server()?;
    let then = match config.compression {
        Compression::Auto => sql::SET_LZ4_WHERE_IT_IS,
        Compression::Off => "",
    };
    postgres::script(&server, &migrations(), which, lock, then).await
}

/// Returns the statements that give a role the rights that it needs. Nothing is connected.
pub fn grants(config: &Config, role: &str, whom: For) -> Result<Vec<String>, SetupError> {
    let server = config.server()?;
    let relations = migrations().relations();
    Ok(match whom {
        For::Process => postgres::grants(&server, role, &rights::needed(&config.state)),
        For::Reader => {
            let read: Vec<(&str, &[&str])> = relations.iter().map(|name| (name.as_str(), &["SELECT"][..])).collect();
            postgres::grants(&server, role, &read)
        }
    })
}

/// What is done once the migrations are there.
fn finish<'c>(
    connection: &'c mut Session,
    server: &'c DatabaseServer,
    compression: Compression,
    settings: partitions::Settings,
) -> BoxFuture<'c, Result<(), sqlx::Error>> {
    Box::pin(async move {
        if compression == Compression::Auto {
            compress(connection, server).await?;
        }
        partitions::look_after(connection, &settings).await
    })
}

async fn compress(connection: &mut Session, server: &DatabaseServer) -> Result<(), sqlx::Error> {
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
            let mut transaction = connection.begin_with(sql::BRIEFLY).await?;
            sqlx::raw_sql(set).execute(&mut *transaction).await?;
            transaction.commit().await?;
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
