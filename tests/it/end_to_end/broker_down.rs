//! A broker that is down: ingest refuses what it cannot store, and what it accepted is stored.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::sender::{Answer, Client, webhook};
use harness::{Database, eventually, repository};

use super::{Accepted, Deployment, Ledger, check_rows};

const LANES: usize = 8;

/// Senders that try again until they get 200, as platforms that retry do.
#[derive(Default, Clone)]
struct Senders {
    stop: Arc<AtomicBool>,
    accepted: Arc<Mutex<Accepted>>,
    refused: Arc<Mutex<Vec<Answer>>>,
}

impl Senders {
    /// Sends the numbers of one lane, each in its turn, until `stop`.
    async fn send(self, client: Client, base: String, lane: usize) {
        for number in (lane..).step_by(LANES) {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            loop {
                let answer = client
                    .post(&base, &webhook(lane % 4, lane, number))
                    .await
                    .expect("ingest answers");
                if answer.status == 200 {
                    self.accepted
                        .lock()
                        .expect("not poisoned")
                        .entry((lane % 4, lane))
                        .or_default()
                        .push(number);
                    break;
                }
                self.refused.lock().expect("not poisoned").push(answer);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many were accepted until now.
    fn total(&self) -> usize {
        let accepted = self.accepted.lock().expect("not poisoned");
        accepted.values().map(Vec::len).sum()
    }

    async fn have_sent(&self, what: &str, patience: Duration, total: usize) {
        eventually(what, patience, async || (self.total() > total).then_some(())).await;
    }

    /// Every refusal was a 503 within the time that a sender is kept waiting, and says when to try again.
    fn check_refusals(&self) {
        let refused = self.refused.lock().expect("not poisoned");
        assert!(refused.len() > 20, "the outage was felt: {} refusals", refused.len());
        for answer in refused.iter() {
            assert_eq!(answer.status, 503, "our own failure is never the sender's fault");
            assert!(answer.retry_after.is_some_and(|s| (1..=60).contains(&s)), "{answer:?}");
            // 2 s is the budget; the rest allows for a slow machine.
            assert!(answer.took < Duration::from_millis(2500), "{answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_down_costs_503s_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = OwnBroker {
        folder: folder.path().join("broker"),
    };
    let kafka = broker.start();
    let database = Database::create().await;
    let deployment = Deployment::new(&kafka, &database.url, "  []\n");
    deployment.migrate();
    let client = Client::default();
    let ingest = deployment.ingest(&client).await;
    let _process = deployment.process(&client).await;

    let senders = Senders::default();
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..LANES {
        tasks.spawn(senders.clone().send(client.clone(), deployment.base(), lane));
    }
    senders.have_sent("a calm start", Duration::from_secs(30), 100).await;

    broker.kill();
    let outage = Instant::now();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(broker.start(), kafka, "the broker comes back on its port");
    assert!(outage.elapsed() >= Duration::from_secs(20));
    let after = senders.total();
    senders
        .have_sent("accepting again", Duration::from_mins(1), after + 100)
        .await;
    senders.stop.store(true, Ordering::Relaxed);
    while let Some(done) = tasks.join_next().await {
        done.expect("a sender does not fail");
    }

    senders.check_refusals();
    let wanted = i64::try_from(senders.total()).expect("fits");
    let ledger = Ledger {
        accepted: std::mem::take(&mut *senders.accepted.lock().expect("not poisoned")),
        ..Ledger::default()
    };
    eventually("all rows", Duration::from_mins(2), async || {
        (database.count().await >= wanted).then_some(())
    })
    .await;
    check_rows(&database, &ledger).await;
    assert!(!ingest.logs().contains("panicked"), "{}", ingest.logs());
    database.drop().await;
}

/// A broker for one test, which may kill it; removed at the end.
struct OwnBroker {
    folder: std::path::PathBuf,
}

impl OwnBroker {
    fn services(&self, command: &str) -> String {
        let output = Command::new(repository().join("deploy/local/services"))
            .args([command, "--dir"])
            .arg(&self.folder)
            .arg("kafka")
            .output()
            .expect("the services script runs");
        assert!(
            output.status.success(),
            "{command}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts it, or starts it again, and returns its address.
    fn start(&self) -> String {
        let exports = self.services("start");
        let address = exports
            .lines()
            .find_map(|l| l.strip_prefix("export FOREBAY_TEST_KAFKA="));
        address.expect("the script prints the address").to_owned()
    }

    fn kill(&self) {
        let pid = std::fs::read_to_string(self.folder.join("kafka/pid")).expect("the broker's pid");
        let pid = pid.split_whitespace().next().expect("a pid");
        assert!(
            Command::new("kill")
                .args(["-KILL", pid])
                .status()
                .expect("kill(1)")
                .success()
        );
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        self.services("stop");
    }
}
