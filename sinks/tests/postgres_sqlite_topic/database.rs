//! A database of its own for every test, dropped afterwards.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt as _;
use schemas::name::SinkName;
use schemas::secret::Secret;
use schemas::sink::Outcome;
use schemas::time::Timestamp;
use sinks::postgres::{self, Config, PostgresSink};
use sinks::table::Metrics;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) url: Url,
}

pub(crate) fn server() -> Url {
    harness::service("FOREBAY_TEST_POSTGRES").parse().expect("a URL")
}

async fn on_server(statement: String) {
    let mut connection = PgConnection::connect(server().as_str()).await.expect("the test server");
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("the right to make databases");
}

/// Runs `test` on an empty database.
pub(crate) async fn with_empty_database<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    let database = Database::create().await;
    let result = AssertUnwindSafe(test(database.clone())).catch_unwind().await;
    database.remove().await;
    if let Err(panic) = result {
        resume_unwind(panic);
    }
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
    /// An empty database, to be given to [`remove`](Self::remove).
    pub(crate) async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "forebay_sinks_{}_{}_{}",
            Timestamp::now().millis(),
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        on_server(format!("CREATE DATABASE {name}")).await;
        let mut url = server();
        url.set_path(&name);
        Self { url }
    }

    pub(crate) async fn remove(&self) {
        let name = self.url.path().trim_start_matches('/');
        on_server(format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            url: Secret::new(self.url.as_str()),
            ..Config::default()
        }
    }

    /// The same database as a user who has no rights yet. To be given to [`drop_user`](Self::drop_user).
    pub(crate) async fn new_user(&self) -> (Self, String) {
        let name = format!("{}_user", self.url.path().trim_start_matches('/'));
        self.run(format!("CREATE ROLE {name} LOGIN")).await;
        let mut url = self.url.clone();
        url.set_username(&name).expect("a user");
        (Self { url }, name)
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

pub(crate) fn all_delivered(outcomes: &[Outcome]) -> bool {
    outcomes.iter().all(|outcome| *outcome == Outcome::Delivered)
}

/// The reason of a rejection.
pub(crate) fn rejected(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Rejected { reason } => reason,
        other => panic!("rejected was expected, not {other:?}"),
    }
}
