//! Failures, as a user of the program meets them: nothing panics, hangs or stops silently; nothing accepted is lost.

use std::path::Path;
use std::time::Duration;

use harness::free_port;
use harness::program::{Role, dev, run, stderr};
use harness::sender::{BAILEYS_TOKEN, Client, DIGISAC_SECRET, Webhook, sources};
use harness::{Database, eventually, service, unique};

use crate::bad_input::{refused, write};

#[tokio::test]
async fn without_kafka_ingest_answers_503_logs_it_and_is_not_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, admin, unused) = (free_port(), free_port(), free_port());
    let config = format!(
        "logging: {{ format: json }}\nevent_log:\n  kafka:\n    brokers: 127.0.0.1:{unused}\n  replication: 1\n\
         admin:\n  listen: 127.0.0.1:{admin}\ningest:\n  listen: 127.0.0.1:{port}\n{}",
        sources()
    );
    write(folder.path(), "forebay.yaml", &config);
    let client = Client::default();
    let mut role = Role::start(&["ingest"], folder.path(), "ingest", admin);
    let base = format!("http://127.0.0.1:{port}");
    let answer = eventually("ingest answers", Duration::from_secs(20), async || {
        client.post(&base, &harness::sender::webhook(1, 1, 1)).await.ok()
    })
    .await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.retry_after.is_some() && answer.took < Duration::from_millis(2500),
        "{answer:?}"
    );
    let (status, text) = client
        .get(&format!("{}/readyz", role.admin))
        .await
        .expect("the admin port answers");
    assert_eq!(status, 503, "{text}");
    let address = format!("127.0.0.1:{unused}");
    eventually("one clear line in the log", Duration::from_secs(20), async || {
        role.logs().contains(&address).then_some(())
    })
    .await;
    assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
    assert!(
        role.logs().lines().count() < 200,
        "it must not flood its log:\n{}",
        role.logs()
    );
}

/// A configuration with one source per platform, and only the table as sink.
fn plain() -> String {
    format!("logging: {{ format: json }}\n{}sinks:\n  sqlite: {{}}\n", sources())
}

async fn rows(folder: &Path) -> Vec<(String, Vec<u8>, String)> {
    let url = format!("sqlite://{}?mode=ro", folder.join("forebay-data/forebay.db").display());
    let Ok(pool) = sqlx::SqlitePool::connect(&url).await else {
        return vec![];
    };
    let rows = sqlx::query_as("SELECT type, raw, data FROM event ORDER BY log_partition, log_offset")
        .fetch_all(&pool)
        .await;
    pool.close().await;
    rows.unwrap_or_default()
}

/// Neither the database nor the journal has the token.
fn is_in_no_file(folder: &Path, token: &str) {
    for file in [
        "forebay-data/forebay.db",
        "forebay-data/forebay.db-wal",
        "forebay-data/journal/journal.db",
        "forebay-data/journal/journal.db-wal",
    ] {
        let bytes = std::fs::read(folder.join(file)).unwrap_or_default();
        let found = bytes.windows(token.len()).any(|w| w == token.as_bytes());
        assert!(!found, "the token is in {file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_bodies_are_accepted_kept_to_the_byte_and_do_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let (mut role, base) = dev(folder.path(), &client, &plain()).await;
    let digisac = |body: String| Webhook {
        path: format!("/in/digisac/{DIGISAC_SECRET}"),
        headers: vec![],
        body,
    };
    let message = |text: &str, id: &str| {
        format!(
            r#"{{"event":"message.created","data":{{"id":{id},"timestamp":"2026-03-10T13:36:50.897Z","contactId":"c","text":{text}}}}}"#
        )
    };
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies = [
        ("unmapped", "this is not JSON".to_owned()),
        ("unmapped", String::new()),
        ("unmapped", deep),
        ("message.created", message(r#""two^53+1""#, "9007199254740993")),
        ("message.created", message(r#""nul \u0000 inside""#, r#""nul""#)),
        ("message.created", message(r#""half a pair \ud83d""#, r#""half""#)),
    ];
    for (_, body) in &bodies {
        let answer = client
            .post(&base, &digisac(body.clone()))
            .await
            .expect("ingest answers");
        assert_eq!(answer.status, 200, "{body:.60}");
    }
    // Invalid UTF-8 is no String, so it is sent over a raw socket.
    let invalid = b"{\"event\":\"\xff\xfe\"}";
    assert!(
        post_bytes(&base, &format!("/in/digisac/{DIGISAC_SECRET}"), invalid)
            .await
            .starts_with("HTTP/1.1 200")
    );

    let stored = eventually("all of them are rows", Duration::from_secs(30), async || {
        let rows = rows(folder.path()).await;
        (rows.len() == bodies.len() + 1).then_some(rows)
    })
    .await;
    for (event_type, body) in &bodies {
        assert!(
            stored
                .iter()
                .any(|(t, raw, _)| t == event_type && raw == body.as_bytes()),
            "{event_type} {body:.60} is not kept to the byte"
        );
    }
    assert!(stored.iter().any(|(t, raw, _)| t == "unmapped" && raw == invalid));
    assert!(
        stored
            .iter()
            .any(|(_, _, data)| data.contains(r#""id":"9007199254740993""#)),
        "an id keeps all its digits"
    );

    // A token inside a body is a credential, the only thing that is not kept.
    let baileys = harness::sender::webhook(2, 1, 1);
    assert_eq!(client.post(&base, &baileys).await.expect("ingest answers").status, 200);
    eventually("one more row", Duration::from_secs(30), async || {
        (rows(folder.path()).await.len() == 8).then_some(())
    })
    .await;
    is_in_no_file(folder.path(), BAILEYS_TOKEN);
    assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
    assert!(!role.logs().contains("panicked"), "{}", role.logs());
}

async fn post_bytes(base: &str, path: &str, body: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host = base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.expect("ingest listens");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    stream.write_all(body).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_dev_process_has_kept_everything_that_it_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let (mut role, base) = dev(folder.path(), &client, &plain()).await;
    let mut accepted = 0;
    for number in 0..200 {
        if client
            .post(&base, &harness::sender::webhook(number % 4, number % 8, number))
            .await
            .expect("ingest answers")
            .status
            == 200
        {
            accepted += 1;
        }
    }
    role.kill();
    let (mut role, _) = dev(folder.path(), &client, &plain()).await;
    eventually("all of them are rows", Duration::from_secs(30), async || {
        (rows(folder.path()).await.len() == accepted).then_some(())
    })
    .await;
    assert_eq!(accepted, 200);
    assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
}

#[tokio::test]
async fn a_second_process_on_one_journal_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let (_role, _) = dev(folder.path(), &client, &plain()).await;
    let config = "admin: { listen: \"127.0.0.1:0\" }\ningest: { listen: \"127.0.0.1:0\" }\nsinks:\n  sqlite: {}\n";
    refused(
        folder.path(),
        &["dev", "--config", "forebay.yaml"],
        config,
        1,
        &["journal", "in use"],
    );
}

#[tokio::test]
async fn a_database_without_its_tables_says_what_to_do() {
    let database = Database::create().await;
    let folder = tempfile::tempdir().expect("a folder");
    let prefix = unique("bad");
    let config = format!(
        "event_log:\n  kafka:\n    brokers: {}\n  topic_prefix: {prefix}\n  partitions: 1\n  replication: 1\n\
         sinks:\n  postgres:\n    url: {}\n",
        service("FOREBAY_TEST_KAFKA"),
        database.url
    );
    refused(folder.path(), &["check", "--connect"], &config, 1, &["forebay migrate"]);
    write(folder.path(), "forebay.yaml", &config);
    let migrated = run(&["migrate"], folder.path());
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    let checked = run(&["check", "--connect"], folder.path());
    assert!(checked.status.success(), "{}", stderr(&checked));
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_fails_for_good_costs_only_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let fails = harness::deliveries::Receiver::start(&[500; 1_000]).await;
    // All of several endpoints: one alone is no reason to stop.
    let endpoint = |n| {
        let (url, secret) = (&fails.url, harness::deliveries::SECRET);
        format!("  - {{ id: fails-{n}, url: \"{url}\", secrets: [{secret}] }}\n")
    };
    let config = format!(
        "logging: {{ format: json }}\n{}endpoints:\n{}processor: {{ valve_window: 5 }}\n\
         sinks:\n  sqlite: {{}}\n  http: {{ allowed_networks: [127.0.0.0/8], retry: {{ max_attempts: 1 }} }}\n",
        sources(),
        (0..6).map(endpoint).collect::<String>(),
    );
    let (mut role, base) = dev(folder.path(), &client, &config).await;
    for number in 0..40 {
        let answer = client.post(&base, &harness::sender::webhook(0, number, number)).await;
        assert_eq!(answer.expect("ingest answers").status, 200);
    }
    eventually("the other sink has everything", Duration::from_secs(30), async || {
        (rows(folder.path()).await.len() == 40).then_some(())
    })
    .await;
    let reason = eventually("readiness fails", Duration::from_secs(30), async || {
        let (status, text) = client.get(&format!("{}/readyz", role.admin)).await?;
        (status == 503).then_some(text)
    })
    .await;
    assert!(
        reason.contains("worker http: sink `http` failed") && reason.contains("worker sqlite: ok"),
        "{reason}"
    );
    assert!(reason.contains("500"), "the reason is named: {reason}");
    assert_eq!(
        role.terminate().await,
        Some(1),
        "the exit code says that something was wrong"
    );
}
