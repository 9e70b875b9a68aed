//! How the program ends, and what it says of a fault that lasts: signals, the time in which it is no longer ready and still
//! accepts, and the number of lines.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::program::{Role, dev, run, stderr};
use harness::proxy::Proxy;
use harness::sender::{Client, sources, webhook};
use harness::{Database, eventually, free_port, service, unique};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bad_input::write;

fn signal(role: &Role, name: &str) {
    let pid = role.pid().to_string();
    let sent = Command::new("kill").args([name, &pid]).status().expect("kill(1)");
    assert!(sent.success());
}

async fn logged(role: &Role, text: &str) {
    eventually(text, Duration::from_secs(20), async || {
        role.logs().contains(text).then_some(())
    })
    .await;
}

/// `forebay dev` with the table as its only sink, and these settings of ingest.
async fn start(folder: &Path, client: &Client, ingest: &str) -> (Role, String) {
    let (port, admin) = (free_port(), free_port());
    let config = format!(
        "logging: {{ format: json }}\n{}sinks:\n  sqlite: {{}}\nadmin: {{ listen: \"127.0.0.1:{admin}\" }}\n\
         ingest: {{ listen: \"127.0.0.1:{port}\", {ingest} }}\n",
        sources()
    );
    write(folder, "forebay.yaml", &config);
    let mut role = Role::start(&["dev", "--config", "forebay.yaml"], folder, "dev", admin);
    role.ready(client).await;
    (role, format!("http://127.0.0.1:{port}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_is_logged_and_ends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let config = format!("logging: {{ format: json }}\n{}sinks:\n  sqlite: {{}}\n", sources());
    let (mut role, base) = dev(folder.path(), &client, &config).await;
    signal(&role, "-HUP");
    logged(&role, "hangup: the configuration is not read again").await;
    let answer = client.post(&base, &webhook(0, 1, 1)).await.expect("ingest answers");
    assert_eq!(answer.status, 200);
    assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
    assert!(role.logs().contains("stopped"), "{}", role.logs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_asked_to_end_is_not_ready_and_accepts_until_the_delay_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    // Longer than the test: only the second signal ends the delay.
    let (mut role, base) = start(folder.path(), &client, "shutdown_delay_ms: 60000").await;
    signal(&role, "-TERM");
    let readyz = format!("{}/readyz", role.admin);
    let text = eventually("not ready", Duration::from_secs(10), async || {
        let (status, text) = client.get(&readyz).await?;
        (status == 503).then_some(text)
    })
    .await;
    assert!(text.contains("draining"), "{text}");

    let host = base.trim_start_matches("http://");
    let webhook = webhook(0, 1, 1);
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n{}",
        webhook.path,
        webhook.body.len(),
        webhook.body
    );
    let mut stream = TcpStream::connect(host).await.expect("a new connection is accepted");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    // It ends, because the answer closes the connection.
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");

    let asked = Instant::now();
    assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
    assert!(asked.elapsed() < Duration::from_secs(20), "the delay is skipped");
    assert!(!role.logs().contains("second signal"), "{}", role.logs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_what_would_drain_for_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let settings = "drain_timeout_ms: 60000, body_timeout_ms: 60000, body_min_bytes_per_second: 0";
    let (mut role, base) = start(folder.path(), &client, settings).await;
    let host = base.trim_start_matches("http://");
    // A request that has begun, and does not end.
    let mut half = TcpStream::connect(host).await.expect("connected");
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n",
        webhook(0, 1, 1).path
    );
    half.write_all(head.as_bytes()).await.expect("written");
    let mut interim = [0; 12];
    half.read_exact(&mut interim).await.expect("its body is being read");
    assert_eq!(&interim, b"HTTP/1.1 100");

    signal(&role, "-TERM");
    logged(&role, "stopping: what is under way is finished first").await;
    assert!(role.alive(), "it waits for the request");
    signal(&role, "-TERM");
    let asked = Instant::now();
    let code = role.ended(Duration::from_secs(10)).await;
    // A second is what is promised; the rest allows for a slow machine.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(code, Some(1), "something was cut off: {}", role.logs());
    let logs = role.logs();
    assert!(
        logs.contains("second signal: what is unfinished is not waited for"),
        "{logs}"
    );
    drop(half);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_makes_three_lines_at_most_whatever_the_number_of_partitions() {
    let database = Database::create().await;
    let upstream: url::Url = database.url.parse().expect("a URL");
    let (host, port) = (upstream.host_str().expect("a host"), upstream.port().unwrap_or(5432));
    let proxy = Proxy::start("127.0.0.1:0", &format!("{host}:{port}")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (port, admin, process_admin) = (free_port(), free_port(), free_port());
    let prefix = unique("night");
    let common = format!(
        "logging: {{ format: json }}\nevent_log:\n  kafka:\n    brokers: {}\n  topic_prefix: {prefix}\n  partitions: 6\n  \
         replication: 1\ningest:\n  listen: 127.0.0.1:{port}\n{}sinks:\n  postgres:\n    url: {}\n    \
         connect_timeout_ms: 500\n",
        service("FOREBAY_TEST_KAFKA"),
        sources(),
        proxy.url(&upstream)
    );
    write(
        folder.path(),
        "ingest.yaml",
        &format!("{common}admin: {{ listen: \"127.0.0.1:{admin}\" }}\n"),
    );
    let config = format!("{common}admin: {{ listen: \"127.0.0.1:{process_admin}\" }}\n");
    write(folder.path(), "process.yaml", &config);
    let migrated = run(&["migrate", "--config", "process.yaml"], folder.path());
    assert!(migrated.status.success(), "{}", stderr(&migrated));

    let client = Client::default();
    let mut ingest = Role::start(&["ingest", "--config", "ingest.yaml"], folder.path(), "ingest", admin);
    let mut process = Role::start(
        &["process", "--config", "process.yaml"],
        folder.path(),
        "process",
        process_admin,
    );
    ingest.ready(&client).await;
    process.ready(&client).await;
    let base = format!("http://127.0.0.1:{port}");
    let mut sent = 0;
    let mut send = async |count: usize| {
        for _ in 0..count {
            let answer = client.post(&base, &webhook(sent % 4, sent, sent)).await;
            assert_eq!(answer.expect("ingest answers").status, 200);
            sent += 1;
        }
    };
    send(60).await;
    eventually("all rows", Duration::from_mins(1), async || {
        (database.count().await == 60).then_some(())
    })
    .await;
    let start = process.logs().lines().count();
    assert!(start <= 8, "{start} lines at the start:\n{}", process.logs());

    proxy.cut();
    proxy.listening(false).await;
    send(60).await;
    logged(&process, "sink unavailable, trying until it is back").await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    proxy.open();
    eventually("all rows", Duration::from_mins(1), async || {
        (database.count().await == 120).then_some(())
    })
    .await;
    logged(&process, "sink is back").await;
    let logs = process.logs();
    let lines: Vec<&str> = logs.lines().skip(start).collect();
    assert!(lines.len() <= 3, "{lines:#?}");
    assert_eq!(process.terminate().await, Some(0), "{}", process.logs());
    assert_eq!(ingest.terminate().await, Some(0), "{}", ingest.logs());
    database.drop().await;
}
