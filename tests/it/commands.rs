//! The commands, as people use them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::exposition;
use harness::program::{dev, run, stderr, stdout};
use harness::sender::{Client, sources, webhook};
use harness::{eventually, repository};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const PLATFORMS: [(&str, &str); 4] = [
    ("baileys", "messages.upsert.text"),
    ("chatwoot", "message_created.incoming"),
    ("digisac", "message.created.full"),
    ("standard", "invoice.paid"),
];

fn sample(platform: &str, name: &str) -> String {
    repository()
        .join(format!("schemas/samples/{platform}/{name}.json"))
        .display()
        .to_string()
}

fn json_lines(output: &[u8]) -> Vec<serde_json::Value> {
    let text = String::from_utf8(output.to_vec()).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("each line is one JSON object"))
        .collect()
}

#[test]
fn normalize_turns_files_and_standard_input_into_json_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    for (platform, name) in PLATFORMS {
        let output = run(&["normalize", platform, &sample(platform, name)], folder.path());
        assert!(output.status.success(), "{}", stderr(&output));
        let events = json_lines(&output.stdout);
        assert_eq!(events.len(), 1, "{platform}");
        let body: serde_json::Value =
            serde_json::from_slice(&std::fs::read(sample(platform, name)).expect("the sample")).expect("JSON");
        match platform {
            "baileys" => assert_eq!(
                events[0]["data"]["raw"], body["data"]["messages"][0],
                "the element of the batch"
            ),
            "chatwoot" => {
                let token = &events[0]["data"]["raw"]["conversation"]["contact_inbox"]["pubsub_token"];
                assert!(token.is_null(), "a credential is blanked: {token}");
            }
            _ => assert_eq!(events[0]["data"]["raw"], body, "the platform's own JSON"),
        }
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_forebay"))
        .args(["normalize", "digisac", "--tenant", "acme", "--source", "sales"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(b"{\"event\":\"ticket.created\",\"data\":{\"id\":7}}")
        .expect("written");
    let output = child.wait_with_output().expect("ends");
    let events = json_lines(&output.stdout);
    assert_eq!(events[0]["type"], "ticket.created");
    assert_eq!(events[0]["source"], "/acme/sales");
    assert_eq!(events[0]["data"]["ticket"]["id"], "7");
}

/// The configuration of `forebay dev` when none is given.
const DEV: &str = include_str!("../../src/config/dev.yaml");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn send_is_accepted_forged_is_refused_and_tail_shows_the_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let (role, base) = dev(folder.path(), &client, DEV).await;
    for (platform, _) in PLATFORMS {
        let listed = run(&["send", platform, "--list"], folder.path());
        assert!(stdout(&listed).lines().count() >= 2, "{platform} has samples");
        let sent = run(&["send", platform, "--url", &base], folder.path());
        assert!(sent.status.success(), "{platform}: {}", stderr(&sent));
        let forged = run(&["send", platform, "--url", &base, "--forge"], folder.path());
        let printed = stdout(&forged);
        assert!(
            printed.contains("401") || printed.contains("404"),
            "{platform}: {printed}"
        );
    }
    let all = run(&["tail", "--from-beginning", "-n", "4"], folder.path());
    assert!(all.status.success(), "{}", stderr(&all));
    let mut types: Vec<String> = json_lines(&all.stdout)
        .iter()
        .map(|e| e["type"].as_str().expect("a type").to_owned())
        .collect();
    types.sort();
    assert_eq!(
        types,
        [
            "message.created",
            "message.created",
            "message.created",
            "standard.contact.created"
        ]
    );
    let some = run(
        &[
            "tail",
            "--from-beginning",
            "-n",
            "1",
            "--type",
            "standard.*",
            "-o",
            "pretty",
        ],
        folder.path(),
    );
    let line = stdout(&some);
    assert!(
        line.contains("standard.contact.created") && line.contains("/default/standard"),
        "{line}"
    );

    let metrics = client
        .get(&format!("{}/metrics", role.admin))
        .await
        .expect("the admin port answers")
        .1;
    for name in ["forebay_ingest_", "forebay_processor_", "forebay_sinks_"] {
        assert!(metrics.contains(name), "no metric begins with {name}");
    }
    exposition::assert_strict(&metrics);
    assert!(metrics.contains("\nforebay_ready 1\n"), "{metrics}");
    assert_eq!(
        client.get(&format!("{}/livez", role.admin)).await.expect("answers").0,
        200
    );
}

/// A message that comes twice, the second time with another text: marked by `tail`, and kept beside the event by the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_comes_again_with_another_body_is_marked_and_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let (role, base) = dev(folder.path(), &client, &sources()).await;
    let first = webhook(0, 1, 30);
    let mut second = first.clone();
    second.body = first.body.replace("text-30", "quite another text");
    assert_ne!(first.body, second.body);
    let mut anew = first.clone();
    anew.body = first.body.replace("\":", "\" : ");
    for sent in [&first, &anew, &second] {
        assert_eq!(client.post(&base, sent).await.expect("answered").status, 200);
    }
    let tail = |format: &str| {
        let shown = run(&["tail", "--from-beginning", "-n", "3", "-o", format], folder.path());
        assert!(shown.status.success(), "{}", stderr(&shown));
        shown.stdout
    };
    let events = json_lines(&tail("json"));
    assert!(events[0]["id"].is_string());
    assert!(events.iter().all(|event| event["id"] == events[0]["id"]), "{events:?}");
    assert!(
        events[0]["differs"].is_null() && events[1]["differs"].is_null(),
        "{events:?}"
    );
    let differs = &events[2]["differs"];
    assert_eq!(differs["from"]["offset"], 0);
    assert_eq!(
        differs["members"],
        serde_json::json!([{ "member": "data.text", "before": "\"text-30\"", "after": "\"quite another text\"" }])
    );
    let lines = String::from_utf8(tail("pretty")).expect("UTF-8");
    let marked: Vec<bool> = lines.lines().map(|line| line.contains("  differs from ")).collect();
    assert_eq!(marked, [false, false, true], "{lines}");
    assert!(
        lines.contains(r#"data.text ("text-30" → "quite another text")"#),
        "{lines}"
    );

    let url = format!(
        "sqlite://{}?mode=ro",
        folder.path().join("forebay-data/forebay.db").display()
    );
    eventually("the variant is kept", Duration::from_secs(30), async || {
        let pool = sqlx::SqlitePool::connect(&url).await.ok()?;
        let count = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM event_variant)";
        let found: (i64, i64) = sqlx::query_as(count).fetch_one(&pool).await.ok()?;
        pool.close().await;
        (found == (1, 1)).then_some(())
    })
    .await;
    let name = "forebay_sinks_table_repeats_differing_total";
    let counted = format!(r#"{name}{{sink="sqlite",source="digisac",type="message.created"}} 1"#);
    eventually("it is counted", Duration::from_secs(10), async || {
        let metrics = client.get(&format!("{}/metrics", role.admin)).await?.1;
        metrics.contains(&counted).then_some(())
    })
    .await;
}

/// Every sample, sent as by its platform, is accepted and stored as the event that the mapping promises.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_of_every_platform_is_accepted_and_becomes_its_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::default();
    let (role, base) = dev(folder.path(), &client, DEV).await;
    let mut promised: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut samples = 0;
    for platform in schemas::platform::Platform::ALL.map(schemas::platform::Platform::as_str) {
        let golden = repository().join("ingest/tests/golden").join(platform);
        let listed = run(&["send", platform, "--list"], folder.path());
        let listed = stdout(&listed);
        for name in listed
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(name, _)| name)
        {
            let sent = run(&["send", platform, "--url", &base, "--sample", name], folder.path());
            assert!(sent.status.success(), "{platform} {name}: {}", stderr(&sent));
            samples += 1;
            let golden = std::fs::read(golden.join(format!("{name}.json"))).expect("each sample has a golden file");
            let events: serde_json::Value = serde_json::from_slice(&golden).expect("JSON");
            for event in events.as_array().map(Vec::as_slice).unwrap_or_default() {
                // Some samples are of the same event.
                let identity = format!("{} {}", event["identity"], event["time"]);
                promised.entry(platform.to_owned()).or_default().insert(identity);
            }
        }
    }
    assert!(samples >= 150, "{samples} samples");
    let promised: BTreeMap<String, i64> = promised
        .into_iter()
        .map(|(platform, ids)| (platform, i64::try_from(ids.len()).expect("few")))
        .collect();
    let database = folder.path().join("forebay-data/forebay.db");
    let url = format!("sqlite://{}?mode=ro", database.display());
    // After that, what is stored is compared, so that the failure shows the difference.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let stored = eventually("the events are rows", Duration::from_secs(30), async || {
        let pool = sqlx::SqlitePool::connect(&url).await.ok()?;
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT platform, count(*) FROM event GROUP BY platform")
            .fetch_all(&pool)
            .await
            .ok()?;
        pool.close().await;
        let rows: BTreeMap<String, i64> = rows.into_iter().collect();
        (rows == promised || std::time::Instant::now() > deadline).then_some(rows)
    })
    .await;
    assert_eq!(stored, promised);
    assert!(!role.logs().contains("panicked"), "{}", role.logs());
}

/// Sends the bytes, keeps the connection open, and returns the status of the response.
async fn status_of(base: &str, bytes: &[u8]) -> String {
    let address = base.strip_prefix("http://").expect("a base URL");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connected");
    stream.write_all(bytes).await.expect("sent");
    let mut head = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_exact(&mut head)).await;
    read.expect("a response in time").expect("a response");
    String::from_utf8_lossy(&head[9..]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_connection_refuses_verify_refuses_with_the_same_status() {
    let (folder, client) = (tempfile::tempdir().expect("a folder"), Client::default());
    let (_role, base) = dev(folder.path(), &client, &sources()).await;
    let sent = webhook(0, 1, 1);
    let request = |path: &str, headers: &str, length: usize| {
        let body = &sent.body;
        format!("POST {path} HTTP/1.1\r\nHost: h\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
    };
    let whole = sent.body.len();
    let many = "X-A: 1\r\n".repeat(120);
    let cases = [
        (request(&sent.path, "", whole), "200"),
        (
            request(&sent.path, &format!("X-A: {}\r\n", "a".repeat(20_000)), whole),
            "431",
        ),
        (request(&sent.path, &many, whole), "431"),
        (request("/in/digisac/wrong", &many, whole), "431"),
        (request(&sent.path, "", whole + 1), "408"),
        (request("/in/digisac/wrong", "", whole + 1), "404"),
        (
            request(&sent.path, "Transfer-Encoding: gzip, chunked\r\n", whole),
            "400",
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(status_of(&base, bytes.as_bytes()).await, expected, "{}", &bytes[..80]);
        if bytes.contains("Transfer-Encoding") {
            continue;
        }
        std::fs::write(folder.path().join("request.http"), &bytes).expect("written");
        let output = run(&["verify", "request.http", "--config", "forebay.yaml"], folder.path());
        let text = stdout(&output);
        let passes = expected == "200";
        assert_eq!(output.status.success(), passes, "{text}");
        assert!(passes || text.contains(&format!("does not pass: {expected}")), "{text}");
    }
}
