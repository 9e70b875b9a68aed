//! The sink `sqlite` on real files.

use std::path::PathBuf;
use std::sync::Arc;

use schemas::name::SinkName;
use schemas::record::Offset;
use schemas::sink::{Outcome, Sink as _};
use sinks::sqlite::{Config, SqliteSink};
use sinks::table::{Metrics, SetupError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use tempfile::TempDir;

use crate::conformance::all_delivered;
use crate::database::rejected;
use crate::events::{batch, batch_of, checkpoint, kept, sample, samples};

/// A database file in a folder of its own.
#[derive(Debug)]
pub(crate) struct File {
    folder: TempDir,
}

impl File {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a temporary folder"),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("data").join("forebay.db")
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            path: self.path(),
            ..Config::default()
        }
    }

    pub(crate) async fn sink(&self) -> SqliteSink {
        open(&self.config()).await.expect("opens")
    }

    pub(crate) async fn connection(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path());
        options.connect().await.expect("the file exists")
    }

    pub(crate) async fn run(&self, statements: &str) {
        sqlx::raw_sql(AssertSqlSafe(statements))
            .execute(&mut self.connection().await)
            .await
            .expect("a valid statement");
    }

    /// The first column of all rows.
    pub(crate) async fn values<T>(&self, query: &str) -> Vec<T>
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut self.connection().await)
            .await
            .expect("a valid query")
    }
}

impl File {
    /// How SQLite would go about a query.
    pub(crate) async fn plan(&self, query: &str) -> Vec<String> {
        let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")))
            .fetch_all(&mut self.connection().await)
            .await
            .expect("a valid query");
        rows.iter().map(|row| row.get("detail")).collect()
    }
}

pub(crate) async fn open(config: &Config) -> Result<SqliteSink, SetupError> {
    SqliteSink::open(config, SinkName::new("sqlite").expect("valid"), Metrics::default()).await
}

#[tokio::test]
async fn the_file_is_made_and_every_column_reads_back() {
    let file = File::new();
    let sink = file.sink().await;
    sink.ready().await.expect("ready");
    let mut event = sample("one");
    event.raw = "\r\n\t { \"id\": 9007199254740993, \"s\": \"\\ud800\\u0000\" } \n".into();
    event.data = r#""message":{"text":"a\u0000b","n":9007199254740993}"#.into();
    event.subject = "nul \0".into();
    assert!(all_delivered(
        &sink.deliver(&batch(41, &[event.clone()])).await.expect("available")
    ));

    let row = sqlx::query("SELECT *, json_extract(data, '$.message.text') AS text FROM event")
        .fetch_one(&mut file.connection().await)
        .await
        .expect("one row");
    assert_eq!(row.get::<i64, _>("log_offset"), 41);
    assert_eq!(row.get::<i64, _>("log_partition"), 0);
    for (column, expected) in [
        ("id", &*event.id().to_string()),
        ("time", "2026-03-10T13:36:50.912Z"),
        ("received_time", "2026-03-10T13:36:50.912Z"),
        ("log_topic", "forebay.events"),
        ("tenant", "acme"),
        ("source", "wa-1"),
        ("platform", "baileys"),
        ("type", "message.created"),
        ("subject", "nul \u{fffd}"),
        ("partition_key", "acme/wa-1/3/128"),
        ("rules_version", "0123456789ab"),
        ("data", r#"{"message":{"text":"a\ufffdb","n":9007199254740993}}"#),
        ("text", "a\u{fffd}b"),
    ] {
        assert_eq!(row.get::<String, _>(column), expected, "{column}");
    }
    assert_eq!(row.get::<Vec<u8>, _>("raw"), event.raw.as_bytes());
    assert_eq!(row.get::<Vec<u8>, _>("raw_sha256"), [0xab; 32]);
    assert!(schemas::time::Timestamp::parse(row.get("stored_time")).is_some());
}

#[tokio::test]
async fn batches_are_stored_once_and_survive_a_restart_with_their_progress() {
    let file = File::new();
    let sink = file.sink().await;
    assert_eq!(kept(&sink, 0).await, None);
    let events = batch(0, &samples("e", 50));
    for _ in 0..2 {
        assert!(all_delivered(&sink.deliver(&events).await.expect("available")));
    }
    checkpoint(&sink, 0, 7).await;
    sink.close().await;

    let sink = file.sink().await;
    assert_eq!(kept(&sink, 0).await, Some(Offset(50)), "never back");
    checkpoint(&sink, 0, 60).await;
    assert_eq!(kept(&sink, 0).await, Some(Offset(60)));
    assert!(all_delivered(&sink.deliver(&events).await.expect("available")));
    assert_eq!(file.values::<i64>("SELECT count(*) FROM event").await, [50]);
    assert_eq!(file.values::<String>("PRAGMA journal_mode").await, ["wal"]);
}

#[tokio::test]
async fn partitions_write_at_the_same_time() {
    let file = File::new();
    let sink = Arc::new(file.sink().await);
    let mut writers = tokio::task::JoinSet::new();
    for index in 0..8 {
        let sink = Arc::clone(&sink);
        writers.spawn(async move {
            let outcomes = sink.deliver(&batch_of(index, 0, &samples("hot", 100))).await;
            assert!(all_delivered(&outcomes.expect("available")));
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.expect("no writer failed");
    }
    assert_eq!(file.values::<i64>("SELECT count(*) FROM event").await, [100]);
}

#[tokio::test]
async fn one_poisonous_row_does_not_lose_its_batch() {
    let file = File::new();
    let sink = file.sink().await;
    file.run(
        "CREATE TRIGGER refuse BEFORE INSERT ON event WHEN NEW.subject = 'poison'
         BEGIN SELECT RAISE(ABORT, 'not wanted here'); END",
    )
    .await;
    let mut events = samples("e", 10);
    events[4].subject = "poison".into();
    let outcomes = sink.deliver(&batch(0, &events)).await.expect("available");
    assert_eq!(rejected(&outcomes[4]), "SQLite refuses the row: not wanted here");
    assert_eq!(outcomes.iter().filter(|o| **o == Outcome::Delivered).count(), 9);
    assert_eq!(file.values::<i64>("SELECT count(*) FROM event").await, [9]);
    assert_eq!(kept(&sink, 0).await, Some(Offset(4)));
}

#[tokio::test]
async fn a_full_disk_is_reported_with_the_path_and_leaves_nothing_half() {
    let file = File::new();
    let config = Config {
        max_size_bytes: Some(1 << 20),
        ..file.config()
    };
    let sink = open(&config).await.expect("opens");
    assert!(all_delivered(
        &sink.deliver(&batch(0, &[sample("small")])).await.expect("available")
    ));
    let mut large = samples("large", 4);
    for event in &mut large {
        event.raw = format!("\"{}\"", "x".repeat(400_000));
    }
    let message = sink.deliver(&batch(1, &large)).await.expect_err("full").to_string();
    assert!(
        message.contains(&*file.path().to_string_lossy()) && message.contains("`sqlite.max_size_bytes` (1048576)"),
        "{message}"
    );
    assert_eq!(file.values::<i64>("SELECT count(*) FROM event").await, [1]);
    assert_eq!(kept(&sink, 0).await, Some(Offset(1)));
    // What has room goes through without a restart.
    assert!(all_delivered(
        &sink.deliver(&batch(1, &[sample("next")])).await.expect("available")
    ));
    // More room, and the same batch goes through.
    sink.close().await;
    let sink = file.sink().await;
    assert!(all_delivered(
        &sink.deliver(&batch(2, &large)).await.expect("available")
    ));
}

#[tokio::test]
async fn another_process_that_holds_the_file_is_reported() {
    let file = File::new();
    let config = Config {
        busy_timeout_ms: 50,
        ..file.config()
    };
    let sink = open(&config).await.expect("opens");
    let mut other = file.connection().await;
    let blocking = other.begin_with("BEGIN IMMEDIATE").await.expect("begins");
    let message = sink
        .deliver(&batch(0, &[sample("a")]))
        .await
        .expect_err("busy")
        .to_string();
    assert!(message.contains("another process is writing to"), "{message}");
    blocking.rollback().await.expect("rolls back");
    assert!(sink.deliver(&batch(0, &[sample("a")])).await.is_ok());
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_reported_at_start() {
    let misconfigured = async |config: Config| open(&config).await.expect_err("cannot be used").to_string();
    assert!(misconfigured(Config::default()).await.starts_with("`path` is not set"));

    let file = File::new();
    let small = Config {
        max_size_bytes: Some(10),
        ..file.config()
    };
    assert!(misconfigured(small).await.contains("`max_size_bytes`"));

    std::fs::write(file.folder.path().join("data"), "a file where the folder should be").expect("writes");
    assert!(
        misconfigured(file.config())
            .await
            .contains("forebay.db` (`sqlite.path`)")
    );

    let file = File::new();
    std::fs::create_dir(file.folder.path().join("data")).expect("makes");
    std::fs::write(file.path(), "this is no database, ".repeat(100)).expect("writes");
    assert!(misconfigured(file.config()).await.contains("not a SQLite database"));

    let file = File::new();
    file.sink().await.close().await;
    file.run("INSERT INTO _sqlx_migrations VALUES (999, 'newer', '2030-01-01', true, x'00', 1)")
        .await;
    let message = misconfigured(file.config()).await;
    assert!(
        message.contains("migration 999") && message.contains("newer `forebay`"),
        "{message}"
    );
    file.run("UPDATE _sqlx_migrations SET description = 'newer (works with 5 and later)' WHERE version = 999")
        .await;
    file.sink().await.close().await;
    assert!(serde_json::from_str::<Config>(r#"{"pth":"x"}"#).is_err());
}
