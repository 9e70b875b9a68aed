//! A database of its own for every test, with the tables of the backlog.

use std::sync::Arc;
use std::time::Duration;

use ::database::postgres::{self, DatabaseServer, Owner, Pool};
use harness::postgres_server::PgBouncer;
use schemas::backlog::{Backlog, BacklogError, Claim, Waiting};
use schemas::name::{SinkName, TopicName};
use schemas::record::{Partition, TopicId};
use schemas::secret::Secret;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, PgPool};
use store::backlog::{Again, Lease, Outside, PostgresBacklog, SqliteBacklog, TargetRows};
use tempfile::TempDir;
use uuid::Uuid;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn sink() -> SinkName {
    SinkName::new("http").expect("valid")
}

pub(crate) fn topic() -> TopicName {
    TopicName::new("events").expect("valid")
}

pub(crate) fn partition(index: i32) -> Partition {
    Partition { topic: topic(), index }
}

/// Both databases, for the suite.
#[derive(Debug)]
pub(crate) enum Both {
    Postgres(PostgresBacklog),
    Sqlite(SqliteBacklog),
}

impl Both {
    pub(crate) fn backlog(&self) -> &dyn Backlog {
        match self {
            Self::Postgres(backlog) => backlog,
            Self::Sqlite(backlog) => backlog,
        }
    }

    pub(crate) async fn claim(&self, index: i32) -> Arc<dyn Claim> {
        claim(self.backlog(), index).await.expect("no one else has it")
    }

    pub(crate) async fn add_from_outside(
        &self,
        topic_id: Option<&TopicId>,
        deliveries: Vec<(i32, Waiting)>,
        again: Again,
    ) -> u64 {
        let (sink, topic) = (sink(), topic());
        let added = match self {
            Self::Postgres(backlog) => {
                backlog
                    .add_from_outside(&sink, &topic, topic_id, deliveries, again)
                    .await
            }
            Self::Sqlite(backlog) => {
                backlog
                    .add_from_outside(&sink, &topic, topic_id, deliveries, again)
                    .await
            }
        };
        added.expect("available")
    }

    /// The backlog as commands and the API see it.
    pub(crate) fn outside(&self) -> Outside {
        match self {
            Self::Postgres(backlog) => backlog.clone().into(),
            Self::Sqlite(backlog) => backlog.clone().into(),
        }
    }

    pub(crate) async fn try_now(&self, target: &str) -> u64 {
        let sink = sink();
        let tried = match self {
            Self::Postgres(backlog) => backlog.try_now(&sink, target).await,
            Self::Sqlite(backlog) => backlog.try_now(&sink, target).await,
        };
        tried.expect("available")
    }

    pub(crate) async fn targets(&self, sink: &SinkName) -> Vec<TargetRows> {
        let targets = match self {
            Self::Postgres(backlog) => backlog.targets(sink).await,
            Self::Sqlite(backlog) => backlog.targets(sink).await,
        };
        targets.expect("available")
    }
}

pub(crate) async fn claim(backlog: &dyn Backlog, index: i32) -> Result<Arc<dyn Claim>, BacklogError> {
    backlog.claim(&sink(), &partition(index), None).await
}

/// Sessions with the database that a pool of the driver leads to.
pub(crate) fn sessions(pool: &PgPool) -> Pool {
    let config = postgres::Config {
        url: Secret::new(pool.connect_options().to_url_lossy().as_str()),
        ..postgres::Config::default()
    };
    let owner = Owner {
        section: "store.postgres",
        name: "store",
    };
    DatabaseServer::new(&config, owner).expect("a valid URL").pool()
}

/// A process with a claim of partition 0, with times of its own.
pub(crate) fn process(pool: &PgPool, lease: Lease) -> PostgresBacklog {
    PostgresBacklog::with_lease(sessions(pool), Uuid::new_v4(), lease)
}

/// Runs `test` on a PostgreSQL database with the tables.
pub(crate) async fn with_postgres<F: Future<Output = ()>>(test: impl FnOnce(PgPool) -> F) {
    let database = harness::Database::create().await;
    sqlx::raw_sql(include_str!("../../migrations/postgres/0001_backlog.sql"))
        .execute(&database.pool)
        .await
        .expect("the tables are made");
    test(database.pool.clone()).await;
    database.drop().await;
}

/// Runs `test` on both databases, and on PostgreSQL behind a pooler, each with the tables and nothing in them.
pub(crate) async fn on_both<F: Future<Output = ()>>(test: impl Fn(Both) -> F) {
    let (pool, _folder) = sqlite().await;
    test(Both::Sqlite(SqliteBacklog::new(pool))).await;
    with_postgres(|pool| test(Both::Postgres(PostgresBacklog::new(sessions(&pool), Uuid::new_v4())))).await;
    with_postgres(async |pool| {
        let url = pool.connect_options().to_url_lossy();
        let pooler = PgBouncer::start(&url, &["postgres"], 2, "");
        let through = PgPool::connect_lazy_with(PgConnectOptions::from_url(&pooler.url(&url)).expect("a URL"));
        test(Both::Postgres(PostgresBacklog::new(sessions(&through), Uuid::new_v4()))).await;
    })
    .await;
}

pub(crate) async fn sqlite() -> (sqlx::SqlitePool, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("backlog.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
    let pool = pool.expect("a file");
    sqlx::raw_sql(include_str!("../../migrations/sqlite/0001_backlog.sql"))
        .execute(&pool)
        .await
        .expect("the tables are made");
    (pool, folder)
}

/// Asks again and again until it is so.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !so().await {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
