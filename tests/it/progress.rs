//! `forebay progress` as an operator uses it: on a journal with SQLite, and on Kafka with PostgreSQL.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use harness::free_port;
use harness::program::{Role, dev, run, stderr, stdout};
use harness::sender::{Client, sources, webhook};
use harness::{Database, eventually, service, unique};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(30);

/// Returns the output of `progress show` for a sink's partitions.
fn shown(folder: &Path, config: &str, sink: &str) -> Vec<Value> {
    let args = [
        "progress", "show", "--config", config, "--sink", sink, "--output", "json",
    ];
    let output = run(&args, folder);
    assert!(output.status.success(), "{}", stderr(&output));
    let lines: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    assert!(lines.iter().all(|line| line["sink"] == sink), "{lines:?}");
    lines
}

/// The same, once nothing is left to deliver.
async fn shown_without_lag(folder: &Path, config: &str, sink: &str) -> Vec<Value> {
    eventually("nothing is left", SOON, async || {
        let lines = shown(folder, config, sink);
        lines.iter().all(|line| line["lag"] == 0).then_some(lines)
    })
    .await
}

fn set(folder: &Path, config: &str, args: &[&str]) -> Output {
    let mut all = vec!["progress", "set", "--config", config];
    all.extend(args);
    run(&all, folder)
}

fn is_set(folder: &Path, config: &str, args: &[&str]) -> String {
    let output = set(folder, config, args);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

fn is_refused(folder: &Path, config: &str, args: &[&str], code: i32, reason: &str) {
    let output = set(folder, config, args);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    assert!(message.contains(reason), "{args:?} lacks `{reason}`: {message}");
}

/// Posts messages with these numbers, all of one conversation.
async fn post(client: &Client, base: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let answer = client.post(base, &webhook(1, 1, number)).await.expect("ingest answers");
        assert_eq!(answer.status, 200);
    }
}

fn journal() -> String {
    format!(
        "event_log: {{ partitions: 1, journal: {{ path: journal }} }}\nsinks: {{ sqlite: {{ path: forebay.db }} }}\n{}",
        sources()
    )
}

async fn sqlite(folder: &Path) -> sqlx::SqlitePool {
    let url = format!("sqlite://{}", folder.join("forebay.db").display());
    sqlx::SqlitePool::connect(&url).await.expect("the database of dev")
}

async fn has_rows(folder: &Path, expected: i64) {
    let pool = sqlite(folder).await;
    eventually("the rows are stored", SOON, async || {
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM event")
            .fetch_one(&pool)
            .await
            .ok()?;
        (rows == expected).then_some(())
    })
    .await;
    pool.close().await;
}

/// Starts `forebay dev` on a journal of one partition, and waits until five events are in its database.
async fn dev_with_five_rows(folder: &Path, client: &Client) -> Role {
    let (role, base) = dev(folder, client, &journal()).await;
    post(client, &base, 0..5).await;
    has_rows(folder, 5).await;
    role
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_journal_a_sink_is_shown_set_back_and_delivers_again() {
    const FILE: &str = "forebay.yaml";
    let (folder, client) = (tempfile::tempdir().expect("a folder"), Client::default());
    let folder = folder.path();
    let mut role = dev_with_five_rows(folder, &client).await;
    let lines = shown_without_lag(folder, FILE, "sqlite").await;
    assert_eq!(lines.len(), 1, "one partition");
    assert_eq!(lines[0]["kept"]["next"], 5);
    assert_eq!(lines[0]["kept"]["topic_id"], lines[0]["topic_id"]);
    assert_eq!((&lines[0]["earliest"], &lines[0]["end"]), (&0.into(), &5.into()));
    let text = stdout(&run(&["progress", "show", "--config", FILE], folder));
    assert!(text.starts_with("sink") && text.contains("forebay.sqlite"), "{text}");

    // While the program runs, the command shows what would happen, and changes nothing.
    let printed = is_set(folder, FILE, &["--sink", "sqlite", "--to", "earliest"]);
    assert!(
        printed.contains("from 5 to 0: repeats up to 5 records") && printed.contains("nothing was changed"),
        "{printed}"
    );
    let earliest = ["--sink", "sqlite", "--to", "earliest", "--yes"];
    is_refused(folder, FILE, &earliest, 1, "in use by another process");
    assert_eq!(shown(folder, FILE, "sqlite")[0]["kept"]["next"], 5);

    assert_eq!(role.terminate().await, Some(0));
    is_refused(folder, FILE, &["--sink", "sqlite", "--to", "6", "--yes"], 1, "0 to 5");
    is_refused(
        folder,
        FILE,
        &["--sink", "nowhere", "--to", "0"],
        2,
        "the configured sinks are: sqlite",
    );
    let unknown = ["--sink", "sqlite", "--partition", "7", "--to", "0"];
    is_refused(folder, FILE, &unknown, 2, "no partition 7");
    is_refused(
        folder,
        FILE,
        &["--sink", "sqlite", "--to", "-1"],
        2,
        "`earliest`, `latest`",
    );

    let pool = sqlite(folder).await;
    sqlx::query("DELETE FROM event").execute(&pool).await.expect("deleted");
    pool.close().await;
    let printed = is_set(
        folder,
        FILE,
        &["--sink", "sqlite", "--partition", "0", "--to", "2", "--yes"],
    );
    assert!(printed.contains("from 5 to 2: repeats up to 3 records"), "{printed}");
    let lines = shown(folder, FILE, "sqlite");
    assert_eq!(
        (&lines[0]["stored"]["next"], &lines[0]["kept"]["next"]),
        (&2.into(), &2.into())
    );
    assert_eq!(lines[0]["lag"], 3);
    let (mut role, _) = dev(folder, &client, &journal()).await;
    has_rows(folder, 3).await;
    assert_eq!(role.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_created_again_is_shown_and_can_be_decided() {
    const FILE: &str = "forebay.yaml";
    let (folder, client) = (tempfile::tempdir().expect("a folder"), Client::default());
    let folder = folder.path();
    let mut role = dev_with_five_rows(folder, &client).await;
    assert_eq!(role.terminate().await, Some(0));
    std::fs::remove_dir_all(folder.join("journal")).expect("removed");
    let migrated = run(&["migrate", "--config", FILE], folder);
    assert!(migrated.status.success(), "{}", stderr(&migrated));

    let line = shown(folder, FILE, "sqlite").remove(0);
    assert_eq!(
        (&line["state"], &line["lag"]),
        (&"other_topic".into(), &Value::Null),
        "{line}"
    );
    let text = stdout(&run(&["progress", "show", "--config", FILE], folder));
    assert!(text.contains("stored for another topic"), "{text}");
    let printed = is_set(folder, FILE, &["--sink", "sqlite", "--to", "earliest", "--yes"]);
    assert!(printed.contains("5 of another topic to 0"), "{printed}");
    assert_eq!(shown(folder, FILE, "sqlite")[0]["state"], "ok");

    let (mut role, base) = dev(folder, &client, &journal()).await;
    post(&client, &base, 5..8).await;
    has_rows(folder, 8).await;
    assert_eq!(role.terminate().await, Some(0));
}

const CLUSTER: &str = "process.yaml";

/// Ingest and processor on Kafka and PostgreSQL, each with its own configuration and ports.
struct Cluster {
    folder: tempfile::TempDir,
    database: Database,
    client: Client,
    base: String,
    process_admin: u16,
}

impl Cluster {
    /// Migrates, and starts ingest only.
    async fn start() -> (Self, Role) {
        let (port, ingest_admin, process_admin) = (free_port(), free_port(), free_port());
        let cluster = Self {
            folder: tempfile::tempdir().expect("a folder"),
            database: Database::create().await,
            client: Client::default(),
            base: format!("http://127.0.0.1:{port}"),
            process_admin,
        };
        cluster.write(port, ingest_admin);
        let folder = cluster.folder.path();
        let migrated = run(&["migrate", "--config", CLUSTER], folder);
        assert!(migrated.status.success(), "{}", stderr(&migrated));
        let mut ingest = Role::start(&["ingest", "--config", "ingest.yaml"], folder, "ingest", ingest_admin);
        ingest.ready(&cluster.client).await;
        (cluster, ingest)
    }

    fn write(&self, port: u16, ingest_admin: u16) {
        let common = format!(
            "event_log:\n  kafka: {{ brokers: \"{}\" }}\n  topic_prefix: {}\n  partitions: 2\n  replication: 1\n\
             ingest: {{ listen: \"127.0.0.1:{port}\" }}\nsinks:\n  postgres: {{ url: \"{}\" }}\n  http: {{}}\n{}",
            service("FOREBAY_TEST_KAFKA"),
            unique("progress"),
            self.database.url,
            sources()
        );
        for (name, admin) in [("ingest", ingest_admin), ("process", self.process_admin)] {
            let text = format!("{common}admin: {{ listen: \"127.0.0.1:{admin}\" }}\n");
            std::fs::write(self.folder.path().join(format!("{name}.yaml")), text).expect("written");
        }
    }

    async fn process(&self) -> Role {
        let mut process = Role::start(
            &["process", "--config", CLUSTER],
            self.folder.path(),
            "process",
            self.process_admin,
        );
        process.ready(&self.client).await;
        process
    }

    async fn has_rows(&self, expected: i64) {
        eventually("the rows are stored", SOON, async || {
            (self.database.count().await == expected).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_kafka_and_postgres_group_and_progress_are_set_together() {
    let (cluster, mut ingest) = Cluster::start().await;
    let (folder, client, base) = (cluster.folder.path(), &cluster.client, &cluster.base);
    let lines = shown(folder, CLUSTER, "postgres");
    assert!(
        lines
            .iter()
            .all(|line| line["state"] == "not_begun" && line["kept"].is_null()),
        "{lines:?}"
    );
    let mut process = cluster.process().await;
    post(client, base, 0..6).await;
    cluster.has_rows(6).await;
    let lines = shown_without_lag(folder, CLUSTER, "postgres").await;
    let began: Vec<&Value> = lines.iter().filter(|line| !line["kept"].is_null()).collect();
    assert!(!began.is_empty(), "{lines:?}");
    for line in began {
        assert!(line["topic_id"].is_string(), "{line}");
        assert_eq!(line["kept"]["topic_id"], line["topic_id"]);
    }
    let earliest = ["--sink", "postgres", "--to", "earliest", "--yes"];
    is_refused(folder, CLUSTER, &earliest, 1, "stop the workers of this sink first");
    assert!(
        shown_without_lag(folder, CLUSTER, "http")
            .await
            .iter()
            .all(|line| line["kept"].is_null())
    );

    assert_eq!(process.terminate().await, Some(0));
    sqlx::query("DELETE FROM event")
        .execute(&cluster.database.pool)
        .await
        .expect("deleted");
    let other = shown(folder, CLUSTER, "http");
    let printed = is_set(folder, CLUSTER, &earliest);
    assert!(printed.contains("to 0: repeats up to"), "{printed}");
    for line in shown(folder, CLUSTER, "postgres") {
        assert_eq!((&line["stored"]["next"], &line["kept"]["next"]), (&0.into(), &0.into()));
        assert_eq!(line["kept"]["topic_id"], line["topic_id"]);
    }
    let stored = |lines: &[Value]| lines.iter().map(|line| line["stored"].clone()).collect::<Vec<_>>();
    assert_eq!(
        stored(&shown(folder, CLUSTER, "http")),
        stored(&other),
        "the other sink is where it was"
    );
    let mut process = cluster.process().await;
    cluster.has_rows(6).await;

    assert_eq!(process.terminate().await, Some(0));
    post(client, base, 6..10).await;
    let printed = is_set(folder, CLUSTER, &["--sink", "postgres", "--to", "latest", "--yes"]);
    assert!(printed.contains("skips up to"), "{printed}");
    let mut process = cluster.process().await;
    post(client, base, 10..11).await;
    cluster.has_rows(7).await;
    let skipped: i64 = sqlx::query_scalar("SELECT count(*) FROM event WHERE data ->> 'message' ~ 'text-[6-9]'")
        .fetch_one(&cluster.database.pool)
        .await
        .expect("counted");
    assert_eq!(skipped, 0);
    assert_eq!(process.terminate().await, Some(0));
    assert_eq!(ingest.terminate().await, Some(0));
    cluster.database.drop().await;
}
