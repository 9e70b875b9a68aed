//! `forebay endpoints`: one is tested, looked at, gets events once more, and is enabled after a 410; beside `forebay dev`, and on
//! Kafka and PostgreSQL.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use harness::event::Written;
use harness::program::{Role, dev, run, stderr, stdout};
use harness::receiver::{Answer, Receiver};
use harness::sender::{Client, STANDARD_SECRET, webhook};
use harness::{Database, eventually, free_port, service, unique, until};
use schemas::log::Publish as _;
use schemas::name::TopicName;
use schemas::record::Record;
use serde_json::Value;
use stream::kafka::KafkaLog;

const PATIENCE: Duration = Duration::from_mins(1);
/// The number of the platform `standard` for the sender.
const STANDARD: usize = 3;

/// A configuration for `forebay dev` with one partition and the endpoint `crm`, which has `more` settings.
fn config(url: &str, more: &str) -> String {
    format!(
        "event_log: {{ partitions: 1 }}\n\
         sources: [{{ id: standard, tenant: acme, platform: standard, secrets: [{STANDARD_SECRET}] }}]\n\
         endpoints:\n  \
         - {{ id: crm, tenant: acme, url: '{url}', secrets: [{STANDARD_SECRET}], concurrency: 1{more} }}\n  \
         - {{ id: off, tenant: acme, url: '{url}', secrets: [{STANDARD_SECRET}], enabled: false }}\n  \
         - {{ id: other, tenant: globex, url: '{url}', secrets: [{STANDARD_SECRET}], paused: true }}\n\
         sinks: {{ http: {{ allowed_networks: [127.0.0.0/8] }} }}\n"
    )
}

/// `forebay endpoints` in that folder.
fn endpoints(folder: &Path, args: &[&str]) -> Output {
    run(&[&["endpoints"], args, &["--config", "forebay.yaml"]].concat(), folder)
}

/// The JSON objects that it prints; it must end well.
fn json(folder: &Path, args: &[&str]) -> Vec<Value> {
    let output = endpoints(folder, &[args, &["--output", "json"]].concat());
    assert!(
        output.status.success(),
        "{args:?}: {}{}",
        stdout(&output),
        stderr(&output)
    );
    let lines = stdout(&output);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// The line of `crm`.
fn crm(folder: &Path) -> Value {
    let lines = json(folder, &["list"]);
    lines
        .into_iter()
        .find(|line| line["id"] == "crm")
        .expect("the endpoint")
}

async fn post(client: &Client, base: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let answer = client.post(base, &webhook(STANDARD, number % 5, number)).await;
        assert_eq!(answer.expect("an answer").status, 200);
    }
}

fn ids(receiver: &Receiver) -> Vec<String> {
    let seen = receiver.seen();
    seen.iter().map(|seen| seen.header("webhook-id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_event_is_signed_and_marked_and_its_fate_is_said_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = [
        Answer::StatusBody(200, b"thank you"),
        Answer::StatusBody(500, b"database is away"),
        Answer::Never,
    ];
    let receiver = Receiver::start(script).await;
    let more = ", timeout_ms: 400, headers: { x-team: s3cret-team }, auth: { bearer: s3cret-token }";
    std::fs::write(folder.path().join("forebay.yaml"), config(&receiver.url(), more)).expect("written");

    let taken = endpoints(folder.path(), &["test", "crm"]);
    let printed = stdout(&taken);
    assert!(taken.status.success(), "{printed}{}", stderr(&taken));
    for expected in [
        "message.created",
        "delivered: status 200",
        "answer: thank you",
        "webhook-id: ",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    assert!(!printed.contains("s3cret") && !printed.contains("x=1"), "{printed}");
    let seen = receiver.seen();
    let event: Value = serde_json::from_slice(&seen[0].body).expect("an event");
    assert_eq!(
        (&event["source"], &event["subject"], &event["data"]["raw"]["test"]),
        (&"/acme/forebay".into(), &"test".into(), &true.into())
    );
    assert_eq!(event["id"], seen[0].header("webhook-id"));
    assert_eq!(seen[0].header("authorization"), "Bearer s3cret-token");
    assert_eq!(seen[0].header("x-team"), "s3cret-team");
    let verifier = standardwebhooks::Webhook::new(STANDARD_SECRET).expect("a secret");
    verifier.verify(&seen[0].body, &seen[0].headers).expect("it is signed");

    let refused = endpoints(folder.path(), &["test", "crm", "--type", "ticket.closed", "-o", "json"]);
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    let told: Value = serde_json::from_str(&stdout(&refused)).expect("JSON");
    assert_eq!(
        (&told["status"], &told["class"], &told["answer"], &told["event"]["type"]),
        (
            &500.into(),
            &"status_5xx".into(),
            &"database is away".into(),
            &"ticket.closed".into()
        )
    );
    assert!(
        told["first_byte_ms"].is_number() && told["request_headers"]["x-team"] == "[redacted]",
        "{told}"
    );
    assert!(stderr(&refused).contains("the receiver fails"), "{}", stderr(&refused));

    let hung = endpoints(folder.path(), &["test", "crm"]);
    assert_eq!(hung.status.code(), Some(1));
    assert!(stdout(&hung).contains("timeout: no answer"), "{}", stdout(&hung));
    assert!(stderr(&hung).contains("`timeout_ms`"), "{}", stderr(&hung));
    assert!(!folder.path().join("forebay-data").exists(), "nothing is stored");

    for (args, expected) in [
        (
            &["test", "nobody"][..],
            "there is no endpoint `nobody`; there are: crm, other",
        ),
        (&["test", "off"], "is not enabled"),
        (
            &["test", "crm", "--type", "nothing.such"],
            "no sample of the type `nothing.such`",
        ),
        (&["enable", "crm"], "there is no store at `forebay-data/store.sqlite`"),
        (&["recover", "crm", "--since", "1h"], "there is no store at"),
    ] {
        let output = endpoints(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_store_the_list_is_what_the_configuration_says_and_it_is_said_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let kafka = "event_log: { kafka: { brokers: 'localhost:1' } }\n";
    let rest = config("https://crm.example.com:8443/hook?key=s3cret", "");
    // Only with a store an endpoint can be paused.
    let rest = rest
        .replace("event_log: { partitions: 1 }\n", kafka)
        .replace(", paused: true", "");
    std::fs::write(folder.path().join("forebay.yaml"), rest).expect("written");
    let listed = endpoints(folder.path(), &["list", "-o", "json", "--tenant", "acme"]);
    assert!(listed.status.success(), "{}", stderr(&listed));
    let lines: Vec<Value> = stdout(&listed)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let states: Vec<_> = lines
        .iter()
        .map(|line| (&line["id"], &line["host"], &line["state"]))
        .collect();
    let host = Value::from("crm.example.com:8443");
    assert_eq!(
        states,
        [
            (&"crm".into(), &host, &"active".into()),
            (&"off".into(), &host, &"not_enabled".into())
        ]
    );
    assert!(
        stderr(&listed).contains("write `store: { postgres: { url: … } }`"),
        "{}",
        stderr(&listed)
    );
    let resent = endpoints(
        folder.path(),
        &["resend", "crm", "019cd7f8-77d8-8df2-9f00-b7c961202156"],
    );
    assert_eq!(resent.status.code(), Some(2));
    assert!(stderr(&resent).contains("there is no `store`"), "{}", stderr(&resent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_sent_once_more_while_dev_runs_on_the_same_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let client = Client::default();
    let (_role, base) = dev(folder.path(), &client, &config(&receiver.url(), "")).await;
    post(&client, &base, 0..3).await;
    until("all three are there", PATIENCE, || receiver.seen().len() == 3).await;
    let id = ids(&receiver)[1].clone();
    eventually("the attempts are noted", PATIENCE, async || {
        (crm(folder.path())["last_attempt"]["class"] == "delivered").then_some(())
    })
    .await;

    let resent = endpoints(folder.path(), &["resend", "crm", &id, "--wait"]);
    assert!(resent.status.success(), "{}{}", stdout(&resent), stderr(&resent));
    assert!(stdout(&resent).contains("delivered, status 200"), "{}", stdout(&resent));
    assert_eq!(receiver.seen().len(), 4);
    assert_eq!(ids(&receiver)[3], id);

    let place = "forebay.events:0:0";
    let resent = json(folder.path(), &["resend", "crm", "--position", place, "--wait=30s"]);
    assert_eq!(resent[0]["attempt"]["status"], 200, "{resent:?}");
    assert_eq!(ids(&receiver)[4], ids(&receiver)[0]);

    for (args, code, expected) in [
        (
            &["resend", "crm", "019cd7f8-77d8-8df2-9f00-b7c961202156"][..],
            1,
            "is not in the event log",
        ),
        (
            &["resend", "crm", "--position", "forebay.events:0:99"],
            1,
            "there is no record at",
        ),
        (
            &["resend", "crm", "--position", "forebay.events:9:0"],
            1,
            "the topic has 1 partitions",
        ),
        (
            &["resend", "crm", "--position", "elsewhere:0:0"],
            2,
            "is no topic of events",
        ),
        (&["resend", "other", &id], 2, "no one gets events of another tenant"),
        (&["resend", "crm"], 2, "required"),
    ] {
        let output = endpoints(folder.path(), args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_410_an_endpoint_is_enabled_and_gets_what_it_missed_once_and_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = std::iter::repeat_n(Answer::Status(200), 20).chain([Answer::Status(410), Answer::Status(200)]);
    let receiver = Receiver::start(script).await;
    let client = Client::default();
    // Not what happens to itself.
    let config = config(&receiver.url(), ", filter: 'event.platform == \"standard\"'");
    let (mut role, base) = dev(folder.path(), &client, &config).await;
    post(&client, &base, 0..20).await;
    until("twenty are delivered", PATIENCE, || receiver.seen().len() == 20).await;
    post(&client, &base, 20..21).await;
    let line = eventually("it is disabled", PATIENCE, async || {
        let line = crm(folder.path());
        (line["state"] == "disabled").then_some(line)
    })
    .await;
    assert!(
        line["reason"].as_str().is_some_and(|reason| reason.contains("410")),
        "{line}"
    );
    post(&client, &base, 21..50).await;

    let in_vain = endpoints(folder.path(), &["recover", "crm", "--since", "1h"]);
    assert_eq!(in_vain.status.code(), Some(1), "{}", stdout(&in_vain));
    let message = stderr(&in_vain);
    assert!(
        message.contains("is disabled since") && message.contains("`forebay endpoints enable crm`"),
        "{message}"
    );
    // All are read by the worker before it ends, or the rest would be delivered as ever.
    eventually("what came meanwhile is settled", PATIENCE, async || {
        let shown = run(&["progress", "show", "--sink", "http", "-o", "json"], folder.path());
        let line: Value = serde_json::from_str(stdout(&shown).lines().next()?).ok()?;
        (line["lag"] == 0).then_some(())
    })
    .await;
    assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
    assert_eq!(receiver.seen().len(), 21, "a disabled endpoint gets nothing");

    let enabled = endpoints(folder.path(), &["enable", "crm"]);
    assert!(
        stdout(&enabled).starts_with("enabled: "),
        "{}{}",
        stdout(&enabled),
        stderr(&enabled)
    );
    let again = endpoints(folder.path(), &["enable", "crm"]);
    assert!(
        again.status.success() && stdout(&again).starts_with("nothing to enable"),
        "{}",
        stdout(&again)
    );
    assert_eq!(crm(folder.path())["state"], "active");

    let counts = |args: &[&str]| {
        let counts = json(folder.path(), &[&["recover", "crm", "--since", "1h"], args].concat()).remove(0);
        ["wanted", "delivered", "waiting", "added"].map(|name| counts[name].as_u64())
    };
    assert_eq!(counts(&["--dry-run"]), [Some(50), Some(20), Some(0), Some(30)]);
    assert_eq!(counts(&[]), [Some(50), Some(20), Some(0), Some(30)]);
    assert_eq!(
        counts(&[]),
        [Some(50), Some(20), Some(30), Some(0)],
        "a second time adds nothing"
    );
    assert_eq!(crm(folder.path())["waiting"]["with_time"], 30);

    let (_role, _) = dev(folder.path(), &client, &config).await;
    until("the rest is delivered", PATIENCE, || receiver.seen().len() >= 51).await;
    eventually("all are noted", PATIENCE, async || {
        (counts(&["--dry-run"]) == [Some(50), Some(50), Some(0), Some(0)]).then_some(())
    })
    .await;
    assert_eq!(counts(&[]), [Some(50), Some(50), Some(0), Some(0)]);
    let ids = ids(&receiver);
    assert_eq!(ids.len(), 51, "each of them once, but for the one that was refused");
    assert_eq!(
        ids[20], ids[21],
        "the refused one is the first of those that are sent again"
    );
    let listed = run(
        &["tail", "--end", "-o", "json", "--config", "forebay.yaml"],
        folder.path(),
    );
    let in_log: Vec<String> = stdout(&listed)
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("an event")["id"]
                .as_str()
                .expect("an id")
                .to_owned()
        })
        .collect();
    let in_log: Vec<String> = in_log.into_iter().filter(|id| ids.contains(id)).collect();
    assert_eq!(in_log.len(), 50);
    assert_eq!(ids[21..], in_log[20..], "in the order of the log");
}

/// An event as it lies in the log, with a number.
fn record(number: usize) -> Record {
    let id = format!("019cd7f6-f0e0-82b2-9fbf-{number:012}");
    let value = Written {
        id: &id,
        ..Written::default()
    };
    Record {
        key: "acme/s/k".into(),
        headers: Vec::new(),
        value: value.value(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_kafka_and_postgresql_an_endpoint_that_came_later_gets_what_was_before_it() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), Database::create().await);
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let late = Receiver::start([Answer::Status(200)]).await;
    let (prefix, admin, brokers) = (unique("endpoints"), free_port(), service("FOREBAY_TEST_KAFKA"));
    let write = |more: &str| {
        let endpoint = |id: &str, url: &str| {
            format!("  - {{ id: {id}, tenant: acme, url: '{url}', secrets: [{STANDARD_SECRET}] }}\n")
        };
        let config = format!(
            "event_log:\n  kafka: {{ brokers: \"{brokers}\" }}\n  topic_prefix: {prefix}\n  partitions: 2\n  replication: 1\n  \
             canary_seconds: 0\nadmin: {{ listen: \"127.0.0.1:{admin}\" }}\nstore: {{ postgres: {{ url: \"{}\" }} }}\n\
             sinks: {{ http: {{ allowed_networks: [127.0.0.0/8] }} }}\nendpoints:\n{}{more}",
            database.url,
            endpoint("crm", &receiver.url()),
        );
        std::fs::write(folder.path().join("forebay.yaml"), config).expect("written");
        endpoint("late", &late.url())
    };
    let later = write("");
    let migrated = run(&["migrate"], folder.path());
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    let kafka = stream::kafka::Config {
        brokers: brokers.clone(),
        ..stream::kafka::Config::default()
    };
    let log = KafkaLog::connect(kafka).expect("a client");
    let events = TopicName::new(format!("{prefix}.events")).expect("valid");
    for number in 0..5 {
        log.publish(&events, record(number)).await.expect("published");
    }
    let client = Client::default();
    let mut role = Role::start(&["process"], folder.path(), "process", admin);
    role.ready(&client).await;
    until("five are delivered", PATIENCE, || receiver.seen().len() == 5).await;
    let id = ids(&receiver)[2].clone();
    let resent = endpoints(folder.path(), &["resend", "crm", &id, "--wait"]);
    assert!(
        resent.status.success(),
        "{}{}\n{}",
        stdout(&resent),
        stderr(&resent),
        role.logs()
    );
    assert_eq!(ids(&receiver)[5], id);
    eventually("all are noted", PATIENCE, async || {
        let counts = json(folder.path(), &["recover", "crm", "--since", "1h", "--dry-run"]);
        (counts[0]["delivered"] == 5 && counts[0]["added"] == 0).then_some(())
    })
    .await;
    assert_eq!(role.terminate().await, Some(0), "{}", role.logs());

    write(&later);
    let mut role = Role::start(&["process"], folder.path(), "later", admin);
    role.ready(&client).await;
    let added = json(folder.path(), &["recover", "late", "--since", "1h"]);
    assert_eq!((&added[0]["wanted"], &added[0]["added"]), (&5.into(), &5.into()));
    until("the later one has all", PATIENCE, || late.seen().len() == 5).await;
    assert_eq!(receiver.seen().len(), 6, "the other one gets none of it");
    assert_eq!(ids(&late), ids(&receiver)[..5], "one key, one order");
    let line = eventually("nothing waits", PATIENCE, async || {
        let lines = json(folder.path(), &["list"]);
        let line = lines.into_iter().find(|line| line["id"] == "late")?;
        (line["waiting"].is_null() && line["last_attempt"]["status"] == 200).then_some(line)
    })
    .await;
    assert_eq!((&line["state"], &line["tenant"]), (&"active".into(), &"acme".into()));
    assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
    database.drop().await;
}
