//! A database of its own for every test, dropped afterwards.

use std::sync::Arc;

use schemas::name::SinkName;
use schemas::secret::Secret;
use schemas::sink::Outcome;
use sinks::postgres::{self, Config, PostgresSink};
use sinks::table::Metrics;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqlSafeStr as _};
use url::Url;

/// A database as one of its users sees it; it is removed with the last of these.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) url: Url,
    owned: Arc<harness::Database>,
}

pub(crate) fn server() -> Url {
    harness::service("FOREBAY_TEST_POSTGRES").parse().expect("a URL")
}

/// Runs `test` on an empty database.
pub(crate) async fn with_empty_database<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    let database = Database::create().await;
    // Held here as well: a test whose future has only the URL of it drops the rest at once.
    let _held = Arc::clone(&database.owned);
    test(database).await;
}

/// Runs `test` on a migrated database.
pub(crate) async fn with_database<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    with_empty_database(|database| async {
        postgres::migrate(&database.config())
            .await
            .expect("an empty database migrates");
        test(database).await;
    })
    .await;
}

pub(crate) fn sink_name() -> SinkName {
    SinkName::new("postgres").expect("valid")
}

impl Database {
    /// An empty database, as its owner.
    pub(crate) async fn create() -> Self {
        let owned = harness::Database::create().await;
        Self {
            url: owned.url.parse().expect("a URL"),
            owned: Arc::new(owned),
        }
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            url: Secret::new(self.url.as_str()),
            ..Config::default()
        }
    }

    /// Applies the migrations up to this one, as the program of that time did.
    pub(crate) async fn migrate_to(&self, version: i64) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder")
            .map(|file| file.expect("a file").path())
            .collect();
        files.sort();
        let migrations = (1..).zip(files).map(|(number, file)| {
            let statements = AssertSqlSafe(std::fs::read_to_string(&file).expect("a file")).into_sql_str();
            let mut migration = Migration::new(number, "as it was".into(), MigrationType::Simple, statements, false);
            if migration.sql.as_str().starts_with("-- no-transaction") {
                // One statement at a time; the first ones take back what a broken attempt left.
                let (_, last) = migration.sql.as_str().rsplit_once("CREATE ").expect("an index");
                migration.sql = AssertSqlSafe(format!("CREATE {last}")).into_sql_str();
                migration.no_tx = true;
            }
            migration
        });
        let migrator = Migrator::with_migrations(migrations.collect());
        migrator
            .run_to(version, &mut self.connection().await)
            .await
            .expect("migrates");
    }

    /// The same database as a user who has no rights yet. To be given to [`drop_user`](Self::drop_user).
    pub(crate) async fn new_user(&self) -> (Self, String) {
        let name = format!("{}_user", self.url.path().trim_start_matches('/'));
        self.run(format!("CREATE ROLE {name} LOGIN")).await;
        let mut url = self.url.clone();
        url.set_username(&name).expect("a user");
        let owned = Arc::clone(&self.owned);
        (Self { url, owned }, name)
    }

    /// A role of this database, to be given to [`drop_user`](Self::drop_user).
    pub(crate) async fn new_role(&self, name: &str) -> String {
        let name = format!("{}_{name}", self.url.path().trim_start_matches('/'));
        self.run(format!("CREATE ROLE {name}")).await;
        name
    }

    pub(crate) async fn drop_user(&self, name: &str) {
        self.run(format!("DROP OWNED BY {name}; DROP ROLE {name}")).await;
    }

    pub(crate) fn sink(&self) -> PostgresSink {
        PostgresSink::connect(&self.config(), sink_name(), Metrics::default()).expect("a valid configuration")
    }

    pub(crate) async fn connection(&self) -> PgConnection {
        PgConnection::connect(self.url.as_str()).await.expect("the test server")
    }

    pub(crate) async fn run(&self, statements: impl Into<String>) {
        sqlx::raw_sql(AssertSqlSafe(statements.into()))
            .execute(&mut self.connection().await)
            .await
            .expect("a valid statement");
    }

    /// One value of one row.
    pub(crate) async fn value<T>(&self, query: impl Into<String>) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        sqlx::query_scalar(AssertSqlSafe(query.into()))
            .fetch_one(&mut self.connection().await)
            .await
            .expect("a valid query with one row")
    }

    pub(crate) async fn rows(&self) -> i64 {
        self.value("SELECT count(*) FROM event").await
    }
}

/// The reason of a rejection.
pub(crate) fn rejected(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Rejected { reason } => reason,
        other => panic!("rejected was expected, not {other:?}"),
    }
}
