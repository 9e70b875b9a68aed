//! Operational events from end to end: published to the journal, routed by a rule to a table and to another endpoint, and shown.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use harness::program::{Role, dev, run, stderr, stdout};
use harness::receiver::{Answer, Receiver};
use harness::sender::Client;
use harness::{free_port, service, unique, until};
use processor::operations::{OperationsMetrics, publisher};
use prometheus_client::registry::Registry;
use schemas::endpoint::{Endpoint, EndpointDirectory};
use schemas::log::{Administer as _, Publish, TopicSpec};
use schemas::name::{EndpointId, GroupName, SinkName, Tenant, TopicName};
use schemas::operations::{TargetChange, TargetChanged};
use schemas::secret::Secret;
use schemas::time::Timestamp;
use sqlx::Connection as _;
use stream::journal::Journal;
use stream::kafka::KafkaLog;
use tokio_util::sync::CancellationToken;

const RULES: &str = "\
rules:
  - name: disabled
    when: event.type == \"endpoint.disabled\" && event.platform == \"forebay\" && event.data.endpoint.sink == \"http\"
    to: [sqlite, \"http:ops\"]
";

#[derive(Debug)]
struct Crm(Arc<[Arc<Endpoint>]>);

impl EndpointDirectory for Crm {
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.0)
    }
}

fn changed(version: i64, change: TargetChange) -> TargetChanged {
    TargetChanged {
        sink: SinkName::new("http").expect("valid"),
        target: "crm".to_owned(),
        at: Timestamp::now(),
        change,
        version,
    }
}

fn topic(name: String, partitions: i32) -> TopicSpec {
    TopicSpec {
        name: TopicName::new(name).expect("valid"),
        partitions,
        replication: 1,
        retention: Duration::from_hours(1),
        max_record_bytes: 1 << 20,
    }
}

/// Publishes, as a worker would, that the endpoint `crm` fails and is disabled.
async fn publish(log: Arc<dyn Publish>, topic: TopicName) {
    let crm = Endpoint::new(
        EndpointId::new("crm").expect("valid"),
        Tenant::new("acme").expect("valid"),
        "https://crm.example.com/".parse().expect("a URL"),
        vec![Secret::new("a-key-that-is-long-enough")],
    );
    let endpoints = Arc::new(Crm([Arc::new(crm)].into()));
    let metrics = OperationsMetrics::register(&mut Registry::default());
    let (operations, publishing) = publisher(log, topic, endpoints, metrics);
    operations.report(changed(
        1,
        TargetChange::Failing {
            reason: "timed out".to_owned(),
        },
    ));
    operations.report(changed(
        2,
        TargetChange::Disabled {
            reason: "answered 410 Gone".to_owned(),
            failing_since: None,
        },
    ));
    drop(operations);
    publishing.run(CancellationToken::new(), Duration::from_secs(5)).await;
}

/// The rows of the view, if it can be read.
async fn rows(database: &Path) -> Vec<(String, String, i64)> {
    let url = format!("sqlite://{}?mode=ro", database.display());
    let Ok(mut connection) = sqlx::SqliteConnection::connect(&url).await else {
        return Vec::new();
    };
    let rows = sqlx::query_as("SELECT tenant || '/' || source, reason, version FROM endpoint_disabled");
    rows.fetch_all(&mut connection).await.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_sends_the_event_of_a_disabled_endpoint_to_a_table_and_to_another_endpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("forebay-data");
    let journal = stream::journal::Config {
        path: data.join("journal"),
        ..stream::journal::Config::default()
    };
    let journal = Journal::open(&journal).await.expect("a journal");
    let operations = topic("forebay.operations".to_owned(), 1);
    let name = operations.name.clone();
    journal.ensure_topics(&[operations]).await.expect("the topic");
    publish(Arc::new(journal), name).await;
    std::fs::write(folder.path().join("rules.yaml"), RULES).expect("written");

    let receiver = Receiver::start([Answer::Status(204)]).await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let url = receiver.url();
    let config = format!(
        "rules_file: rules.yaml\nsources: []\nsinks:\n  sqlite: {{}}\n  http: {{ allowed_networks: [127.0.0.0/8] }}\nendpoints:\n  \
         - {{ id: crm, tenant: acme, url: \"{url}\", secrets: [{secret}] }}\n  \
         - {{ id: ops, tenant: acme, url: \"{url}&to=ops\", secrets: [{secret}] }}\n"
    );
    let (_role, _) = dev(folder.path(), &Client::default(), &config).await;
    until("it is delivered", Duration::from_secs(20), || {
        receiver.seen().len() == 1
    })
    .await;
    let seen = receiver.seen();
    let event: serde_json::Value = serde_json::from_slice(&seen[0].body).expect("JSON");
    assert!(event.to_string().contains("endpoint.disabled"), "{event}");
    assert!(seen[0].target.ends_with("to=ops"), "{seen:?}");

    let database = data.join("forebay.db");
    let found = harness::eventually("it is in the table", Duration::from_secs(20), || async {
        let rows = rows(&database).await;
        (!rows.is_empty()).then_some(rows)
    })
    .await;
    let row = ("acme/forebay".to_owned(), "answered 410 Gone".to_owned(), 2);
    assert_eq!(found, [row]);
    assert_eq!(receiver.seen().len(), 1, "no rule sends the other event");

    let shown = run(&["tail", "--operations", "--end", "--output", "json"], folder.path());
    let types: Vec<String> = stdout(&shown)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["type"].to_string())
        .collect();
    assert_eq!(
        types,
        ["\"endpoint.failing\"", "\"endpoint.disabled\""],
        "{}",
        stderr(&shown)
    );
    let shown = run(&["progress", "show", "--operations", "--sink", "http"], folder.path());
    assert!(
        stdout(&shown).contains("forebay.http.operations"),
        "{}{}",
        stdout(&shown),
        stderr(&shown)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_kafka_a_rule_sends_it_to_a_named_topic() {
    let folder = tempfile::tempdir().expect("a folder");
    let (prefix, admin, brokers) = (unique("operations"), free_port(), service("FOREBAY_TEST_KAFKA"));
    let config = format!(
        "event_log:\n  kafka: {{ brokers: \"{brokers}\" }}\n  topic_prefix: {prefix}\n  partitions: 2\n  replication: 1\n\
         admin: {{ listen: \"127.0.0.1:{admin}\" }}\nrules_file: rules.yaml\nsinks:\n  topic: {{}}\n"
    );
    std::fs::write(folder.path().join("forebay.yaml"), config).expect("written");
    let named = topic(format!("{prefix}-trouble"), 1);
    let rules = RULES.replace("sqlite, \"http:ops\"", &format!("\"topic:{}\"", named.name));
    std::fs::write(folder.path().join("rules.yaml"), rules).expect("written");
    let migrated = run(&["migrate"], folder.path());
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    assert!(
        stdout(&migrated).contains(&format!("{prefix}.operations: made, 1 partition")),
        "{}",
        stdout(&migrated)
    );

    let kafka = stream::kafka::Config {
        brokers,
        ..stream::kafka::Config::default()
    };
    let log = Arc::new(KafkaLog::connect(kafka).expect("a client"));
    log.ensure_topics(std::slice::from_ref(&named))
        .await
        .expect("the topic");
    let mut role = Role::start(&["process"], folder.path(), "process", admin);
    role.ready(&Client::default()).await;
    let operations = TopicName::new(format!("{prefix}.operations")).expect("valid");
    publish(Arc::clone(&log) as _, operations.clone()).await;

    let group = GroupName::new(format!("{prefix}.topic.operations")).expect("valid");
    let settled = harness::eventually("both are settled", Duration::from_secs(30), || async {
        let states = log.progress(&group, &operations).await.ok()?;
        let next = states.first()?.stored.as_ref()?.next;
        (next.0 == 2).then_some(next)
    });
    settled.await;
    let states = log.progress(&group, &named.name).await.expect("an answer");
    assert_eq!(states[0].end.0, 1, "one of the two is routed: {}", role.logs());
    let checked = run(&["check", "--connect"], folder.path());
    assert!(
        stdout(&checked).contains(&format!("group {group}: can be used")),
        "{}{}",
        stdout(&checked),
        stderr(&checked)
    );
}

#[test]
fn the_source_of_operational_events_is_refused_as_a_source_and_their_topic_as_a_destination() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "rules_file: rules.yaml\nsources:\n  - { id: forebay, platform: chatwoot, secrets: [a-long-secret] }\nsinks:\n  topic: {}\n";
    std::fs::write(folder.path().join("forebay.yaml"), config).expect("written");
    let rules = "rules:\n  - { name: loop, when: \"true\", to: [\"topic:forebay.operations\"] }\n";
    std::fs::write(folder.path().join("rules.yaml"), rules).expect("written");
    let checked = run(&["check"], folder.path());
    let message = stderr(&checked);
    assert_eq!(checked.status.code(), Some(2), "{message}");
    assert!(
        message.contains("is reserved") && message.contains("forebay.yaml:3"),
        "{message}"
    );
    assert!(message.contains("forebay.operations"), "{message}");
}
