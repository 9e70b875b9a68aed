//! The whole program on real Kafka and PostgreSQL: what was accepted is stored exactly once, what was refused is not,
//! with a killed processor and with a broker that is down.

mod broker_down;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::exposition;
use harness::deliveries::{Receiver, SECRET};
use harness::free_port;
use harness::program::{Role, run, stderr};
use harness::sender::{Client, is_ticket, sources, webhook};
use harness::{Database, eventually, service, unique};
use sqlx::Row as _;

/// Ports and files of one deployment: ingest and processor as two processes on one configuration each.
struct Deployment {
    folder: tempfile::TempDir,
    ingest_port: u16,
    ingest_admin: u16,
    process_admin: u16,
}

impl Deployment {
    fn new(kafka: &str, database: &str, endpoints: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (ingest_port, ingest_admin, process_admin) = (free_port(), free_port(), free_port());
        let prefix = unique("e2e");
        let common = format!(
            "logging: {{ format: json, filter: info }}\nevent_log:\n  kafka:\n    brokers: {kafka}\n  topic_prefix: {prefix}\n  \
             partitions: 6\n  replication: 1\ningest:\n  listen: 127.0.0.1:{ingest_port}\n{}endpoints:\n{endpoints}\
             rules_file: rules.yaml\nprocessor: {{ retry_base_ms: 50, retry_max_ms: 1000, retry_max_attempts: 8 }}\n\
             sinks:\n  postgres:\n    url: {database}\n  http:\n    allowed_networks: [127.0.0.0/8]\n",
            sources()
        );
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("written");
        write(
            "ingest.yaml",
            format!("{common}admin:\n  listen: 127.0.0.1:{ingest_admin}\n"),
        );
        write(
            "process.yaml",
            format!("{common}admin:\n  listen: 127.0.0.1:{process_admin}\n"),
        );
        write(
            "rules.yaml",
            "rules:\n  - { name: everything, when: \"true\", to: [postgres, http] }\n".into(),
        );
        Self {
            folder,
            ingest_port,
            ingest_admin,
            process_admin,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn migrate(&self) {
        let output = run(&["migrate", "--config", "ingest.yaml"], self.path());
        assert!(output.status.success(), "{}", stderr(&output));
    }

    async fn ingest(&self, client: &Client) -> Role {
        let mut role = Role::start(
            &["ingest", "--config", "ingest.yaml"],
            self.path(),
            "ingest",
            self.ingest_admin,
        );
        role.ready(client).await;
        role
    }

    async fn process(&self, client: &Client) -> Role {
        let mut role = Role::start(
            &["process", "--config", "process.yaml"],
            self.path(),
            "process",
            self.process_admin,
        );
        role.ready(client).await;
        role
    }

    fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.ingest_port)
    }
}

/// The numbers that were accepted, in the order of acceptance, by platform and conversation.
type Accepted = BTreeMap<(usize, usize), Vec<usize>>;

/// The sender's record.
#[derive(Default)]
struct Ledger {
    accepted: Accepted,
    answers: HashMap<u16, usize>,
}

const CONVERSATIONS: usize = 24;

/// Sends `numbers` of one conversation one after the other: each 10th twice, each 20th also forged.
async fn converse(
    client: Client,
    base: String,
    kind: usize,
    conversation: usize,
    numbers: Vec<usize>,
    ledger: Arc<Mutex<Ledger>>,
) {
    for number in numbers {
        let webhook = webhook(kind, conversation, number);
        let repeats = if number.is_multiple_of(10) { 2 } else { 1 };
        for repeat in 0..repeats {
            let answer = client.post(&base, &webhook).await.expect("ingest answers");
            let mut ledger = ledger.lock().expect("not poisoned");
            *ledger.answers.entry(answer.status).or_default() += 1;
            if answer.status == 200 && repeat == 0 {
                ledger.accepted.entry((kind, conversation)).or_default().push(number);
            }
        }
        if number.is_multiple_of(20) {
            let answer = client.post(&base, &webhook.forged()).await.expect("ingest answers");
            assert!(
                matches!(answer.status, 401 | 404),
                "a forgery was answered {}",
                answer.status
            );
        }
    }
}

/// Sends `total` webhooks of all platforms, conversations side by side.
async fn send_all(client: &Client, base: &str, first: usize, total: usize, ledger: &Arc<Mutex<Ledger>>) {
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..CONVERSATIONS {
        let numbers: Vec<usize> = (first..first + total).filter(|n| n % CONVERSATIONS == lane).collect();
        tasks.spawn(converse(
            client.clone(),
            base.to_owned(),
            lane % 4,
            lane,
            numbers,
            Arc::clone(ledger),
        ));
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("a sender does not fail");
    }
}

/// The number in a stored body, `text-<number>`.
fn number_of(raw: &[u8]) -> usize {
    let text = String::from_utf8_lossy(raw);
    let digits = text.split("text-").nth(1).expect("every body has its number");
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .and_then(|d| d.parse().ok())
        .expect("a number")
}

/// Every accepted number is one row, no forgery is stored, and each conversation is stored in the order of acceptance.
async fn check_rows(database: &Database, ledger: &Ledger) {
    let rows = sqlx::query("SELECT partition_key, raw, log_partition FROM event ORDER BY log_partition, log_offset")
        .fetch_all(&database.pool)
        .await
        .expect("the table is readable");
    let mut stored: HashMap<String, Vec<usize>> = HashMap::new();
    for row in &rows {
        let raw: Vec<u8> = row.get("raw");
        assert!(!String::from_utf8_lossy(&raw).contains("TEXT-"), "a forgery was stored");
        stored
            .entry(row.get("partition_key"))
            .or_default()
            .push(number_of(&raw));
    }
    let mut by_conversation: Vec<Vec<usize>> = stored.into_values().collect();
    let mut expected: Vec<Vec<usize>> = ledger.accepted.values().cloned().collect();
    by_conversation.sort();
    expected.sort();
    assert_eq!(by_conversation, expected, "rows per conversation, in order");
}

/// Each of `numbers` arrived at least once, everything that arrived was signed, nothing else arrived.
fn check_deliveries(receiver: &Receiver, numbers: &HashSet<usize>, what: &str) {
    let received = receiver.received();
    let mut seen: HashMap<usize, HashSet<String>> = HashMap::new();
    let mut first_arrivals: HashMap<String, Vec<usize>> = HashMap::new();
    for delivery in &received {
        assert!(
            delivery.verified,
            "{what}: a delivery whose signature does not verify: {delivery:?}"
        );
        assert_eq!(
            delivery.event["id"],
            delivery.webhook_id.as_str(),
            "{what}: webhook-id is the event id"
        );
        let raw = delivery.event["data"]["raw"].to_string();
        let number = number_of(raw.as_bytes());
        if !seen.contains_key(&number) {
            let conversation = delivery.event["partitionkey"].to_string();
            first_arrivals.entry(conversation).or_default().push(number);
        }
        seen.entry(number).or_default().insert(delivery.webhook_id.clone());
    }
    for (conversation, numbers) in first_arrivals {
        assert!(
            numbers.is_sorted(),
            "{what}: {conversation} arrived out of order: {numbers:?}"
        );
    }
    let missing: Vec<_> = numbers.iter().filter(|n| !seen.contains_key(n)).collect();
    assert!(missing.is_empty(), "{what}: never delivered: {missing:?}");
    let strange: Vec<_> = seen.keys().filter(|n| !numbers.contains(n)).collect();
    assert!(strange.is_empty(), "{what}: delivered but not wanted: {strange:?}");
    assert!(
        seen.values().all(|ids| ids.len() == 1),
        "{what}: one event has one id over all attempts"
    );
}

/// The numbers that were accepted, those of them that are ticket events, and how often each status was the answer.
fn accepted_numbers(ledger: &Mutex<Ledger>) -> (HashSet<usize>, HashSet<usize>, HashMap<u16, usize>) {
    let ledger = ledger.lock().expect("not poisoned");
    let accepted = ledger.accepted.values().flatten().copied().collect();
    let tickets = ledger
        .accepted
        .iter()
        .filter(|((kind, _), _)| *kind == 0)
        .flat_map(|(_, numbers)| numbers);
    let tickets = tickets.copied().filter(|n| is_ticket(*n)).collect();
    (accepted, tickets, ledger.answers.clone())
}

/// A role drains and ends, and has logged neither a panic nor a secret.
async fn ends_cleanly(mut role: Role, name: &str) {
    assert_eq!(
        role.terminate().await,
        Some(0),
        "{name} drains and ends cleanly:\n{}",
        role.logs()
    );
    assert!(!role.logs().contains("panicked"), "{name}:\n{}", role.logs());
    for secret in [
        "chatwoot-secret-1",
        "digisac-url-secret-1",
        "baileys-token-1",
        "C2FVsBQIhrscChlQIMV",
        "MfKQ9r8GKYqr",
    ] {
        assert!(!role.logs().contains(secret), "{name} logged a secret");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_invented_when_the_processor_is_killed() {
    let database = Database::create().await;
    let everything = Receiver::start(&[500, 503, 429]).await;
    let tickets = Receiver::start(&[]).await;
    let endpoints = format!(
        "  - {{ id: everything, url: \"{}\", secrets: [{SECRET}] }}\n  \
         - {{ id: tickets, url: \"{}\", events: [ticket.*], secrets: [{SECRET}] }}\n",
        everything.url, tickets.url
    );
    let deployment = Deployment::new(&service("FOREBAY_TEST_KAFKA"), &database.url, &endpoints);
    deployment.migrate();
    let client = Client::default();
    let ingest = deployment.ingest(&client).await;
    let mut process = deployment.process(&client).await;

    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let sending = {
        let (client, base, ledger) = (client.clone(), deployment.base(), Arc::clone(&ledger));
        tokio::spawn(async move { send_all(&client, &base, 0, 3000, &ledger).await })
    };
    // In the middle of the work, not after a fixed time.
    eventually("the first rows", Duration::from_mins(1), async || {
        (database.count().await > 400).then_some(())
    })
    .await;
    process.kill();
    sending.await.expect("the senders end");
    let before = database.count().await;
    let process = deployment.process(&client).await;

    let (accepted, ticket_numbers, answers) = accepted_numbers(&ledger);
    assert_eq!(
        accepted.len(),
        3000,
        "a healthy ingest accepts everything authentic: {answers:?}"
    );
    assert!(!ticket_numbers.is_empty());
    assert!(before < 3000, "the kill came before the end");

    let wanted = i64::try_from(accepted.len()).expect("fits");
    eventually("all rows", Duration::from_mins(2), async || {
        (database.count().await >= wanted).then_some(())
    })
    .await;
    eventually("all deliveries", Duration::from_mins(2), async || {
        let ids: HashSet<_> = everything.received().into_iter().map(|r| r.webhook_id).collect();
        (ids.len() >= accepted.len() && tickets.received().len() >= ticket_numbers.len()).then_some(())
    })
    .await;

    {
        let ledger = std::mem::take(&mut *ledger.lock().expect("not poisoned"));
        check_rows(&database, &ledger).await;
    }
    check_deliveries(&everything, &accepted, "everything");
    check_deliveries(&tickets, &ticket_numbers, "tickets");
    assert!(
        ingest.metric(&client, "forebay_ingest_refused_total").await >= 150.0,
        "forgeries are counted"
    );
    for role in [&ingest, &process] {
        let metrics = client.get(&format!("{}/metrics", role.admin)).await;
        exposition::assert_strict(&metrics.expect("the admin port answers").1);
    }

    ends_cleanly(ingest, "ingest").await;
    ends_cleanly(process, "process").await;
    database.drop().await;
}
