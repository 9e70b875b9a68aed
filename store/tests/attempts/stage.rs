//! A database with the tables of this crate, an attempt log in it, and attempts.

use std::sync::Arc;
use std::time::Duration;

use ::database::postgres::{self, DatabaseServer, Owner, Pool};
use harness::eventually;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use schemas::attempt::{Attempt, AttemptLog};
use schemas::id::EventId;
use schemas::name::{EventType, SinkName, SourceId, Tenant, TopicName};
use schemas::record::{Offset, Partition, Position};
use schemas::secret::Secret;
use schemas::time::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgPool, SqlitePool};
use store::attempts::{self, Config, Reader, Writer};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::backlog_tables;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A database that goes with this.
#[derive(Debug)]
pub(crate) enum Database {
    Postgres(harness::Database),
    Sqlite(SqlitePool, #[expect(dead_code, reason = "removes the folder")] TempDir),
}

impl Database {
    pub(crate) async fn postgres() -> Self {
        let database = harness::Database::create().await;
        for file in migrations("postgres") {
            let made = sqlx::raw_sql(AssertSqlSafe(file)).execute(&database.pool).await;
            made.expect("the tables");
        }
        Self::Postgres(database)
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("store.db"))
            .create_if_missing(true)
            .busy_timeout(Duration::from_secs(5))
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let pool = SqlitePool::connect_with(options).await.expect("a file");
        for file in migrations("sqlite") {
            let made = sqlx::raw_sql(AssertSqlSafe(file)).execute(&pool).await;
            made.expect("the tables");
        }
        Self::Sqlite(pool, folder)
    }

    pub(crate) fn open(&self, config: &Config) -> Log {
        match self {
            Self::Postgres(database) => Log::postgres(&database.pool, config),
            Self::Sqlite(pool, _) => Log::new(Reader::sqlite(pool.clone()), |registry| {
                attempts::sqlite(pool.clone(), config, registry)
            }),
        }
    }

    /// The pool, of PostgreSQL.
    pub(crate) fn pool(&self) -> &PgPool {
        match self {
            Self::Postgres(database) => &database.pool,
            Self::Sqlite(..) => panic!("not PostgreSQL"),
        }
    }

    pub(crate) async fn run(&self, statements: impl Into<String>) {
        let statements = AssertSqlSafe(statements.into());
        match self {
            Self::Postgres(database) => drop(sqlx::raw_sql(statements).execute(&database.pool).await.expect("valid")),
            Self::Sqlite(pool, _) => drop(sqlx::raw_sql(statements).execute(pool).await.expect("valid")),
        }
    }

    pub(crate) async fn number(&self, query: impl Into<String>) -> i64 {
        let query = AssertSqlSafe(query.into());
        match self {
            Self::Postgres(database) => sqlx::query_scalar(query).fetch_one(&database.pool).await,
            Self::Sqlite(pool, _) => sqlx::query_scalar(query).fetch_one(pool).await,
        }
        .expect("a valid query with one row")
    }

    /// The first column of all rows.
    pub(crate) async fn texts(&self, query: impl Into<String>) -> Vec<String> {
        let query = AssertSqlSafe(query.into());
        match self {
            Self::Postgres(database) => sqlx::query_scalar(query).fetch_all(&database.pool).await,
            Self::Sqlite(pool, _) => sqlx::query_scalar(query).fetch_all(pool).await,
        }
        .expect("a valid query")
    }
}

/// All migrations of this crate, in their order.
fn migrations(database: &str) -> Vec<String> {
    let folder = format!("{}/migrations/{database}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).expect("the migrations");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).expect("text");
    let mut all: Vec<String> = files.iter().map(read).collect();
    if !files.iter().any(|path| path.ends_with("0001_backlog.sql")) {
        all.insert(0, backlog_tables::of(database).to_owned());
    }
    all
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

/// An attempt log whose writer does not run yet.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) attempts: Arc<dyn AttemptLog>,
    pub(crate) reader: Reader,
    writer: Option<Writer>,
    registry: Registry,
    shutdown: CancellationToken,
}

impl Log {
    pub(crate) fn postgres(pool: &PgPool, config: &Config) -> Self {
        let sessions = sessions(pool);
        Self::new(Reader::postgres(sessions.clone()), |registry| {
            attempts::postgres(sessions, config, registry)
        })
    }

    fn new(reader: Reader, open: impl FnOnce(&mut Registry) -> (Arc<dyn AttemptLog>, Writer)) -> Self {
        let mut registry = Registry::default();
        let (attempts, writer) = open(&mut registry);
        Self {
            attempts,
            reader,
            writer: Some(writer),
            registry,
            shutdown: CancellationToken::new(),
        }
    }

    /// Starts the writer.
    pub(crate) fn start(&mut self) -> Running {
        let writer = self.writer.take().expect("it is started once");
        Running {
            task: tokio::spawn(writer.run(self.shutdown.clone())),
            shutdown: self.shutdown.clone(),
        }
    }

    /// The value of a series, 0 if there is none: `written_total`, `dropped_total{reason="queue_full"}`, `waiting`.
    pub(crate) fn metric(&self, series: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("text");
        let series = format!("forebay_attempt_log_{series} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.map_or(0, |value| value.parse().expect("a whole number"))
    }

    pub(crate) fn written(&self) -> u64 {
        self.metric("written_total")
    }

    pub(crate) fn dropped(&self, reason: &str) -> u64 {
        self.metric(&format!("dropped_total{{reason=\"{reason}\"}}"))
    }

    pub(crate) async fn until_written(&self, number: u64) {
        let ask = async || (self.written() >= number).then_some(());
        eventually(&format!("{number} attempts are written"), PATIENCE, ask).await;
        assert_eq!(self.written(), number);
    }
}

/// A writer that runs.
#[derive(Debug)]
pub(crate) struct Running {
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl Running {
    pub(crate) async fn end(self) {
        self.shutdown.cancel();
        self.task.await.expect("no panic");
    }
}

pub(crate) fn sink() -> SinkName {
    SinkName::new("http").expect("valid")
}

/// An event that happened now; another one for another number.
pub(crate) fn event(number: u64) -> EventId {
    let (tenant, source) = (tenant(), SourceId::new("chatwoot").expect("valid"));
    EventId::derive(Timestamp::now(), &tenant, &source, &[&number.to_string()])
}

fn tenant() -> Tenant {
    Tenant::new("acme").expect("valid")
}

/// An attempt that went well, of an event of its own.
pub(crate) fn delivered(target: &str, number: u64) -> Attempt {
    Attempt {
        at: Timestamp::now(),
        sink: sink(),
        target: target.to_owned(),
        tenant: tenant(),
        event: event(number),
        event_type: EventType::new("message.created").expect("valid"),
        position: Position {
            partition: Partition {
                topic: TopicName::new("forebay.events").expect("valid"),
                index: 3,
            },
            offset: Offset(i64::try_from(number).expect("small")),
        },
        number: 1,
        class: "delivered",
        status: Some(200),
        connect: None,
        first_byte: Some(Duration::from_micros(1_234)),
        total: Duration::from_micros(2_345),
        reason: None,
        answer: None,
        request_headers: None,
    }
}

/// An attempt that the target answered with 500.
pub(crate) fn failed(target: &str, number: u64) -> Attempt {
    Attempt {
        class: "status_5xx",
        status: Some(500),
        connect: Some(Duration::from_micros(777)),
        reason: Some(format!("endpoint `{target}` answered 500 Internal Server Error")),
        answer: Some("we are sorry".to_owned()),
        request_headers: Some(r#"{"webhook-id":"1"}"#.to_owned()),
        ..delivered(target, number)
    }
}

/// A moment that many milliseconds ago.
pub(crate) fn ago(millis: u64) -> Timestamp {
    Timestamp::now().before(Duration::from_millis(millis))
}
