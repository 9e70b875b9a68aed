//! What progress depends on is deleted: the topic, or the group's offsets. Then the program stops with an error, and
//! skips nothing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::deployment::Which;
use crate::kafka;
use crate::trial::{Setup, Trial};
use crate::verdict::tail;
use harness::load::judge::{Finding, judge};
use harness::load::ledger::Ledger;
use harness::load::recorder::Recorder;
use harness::program::Role;

const ONE_PROCESSOR: Setup = Setup {
    three_brokers: false,
    ingests: 2,
    processors: 1,
    proxied_ingests: false,
    proxied_processors: false,
    store: false,
};

impl Trial {
    /// Stops sending, and waits until everything accepted is where it should be.
    async fn come_to_rest(&mut self) {
        self.unload().await;
        self.drain().await;
    }

    /// Waits until a process ends by itself or reports that it is not ready; returns its reason, or an error after
    /// `patience`.
    async fn reports_failure(&mut self, which: Which, patience: Duration) -> Result<String, String> {
        let client = self.deployment.client.clone();
        let deadline = Instant::now() + patience;
        loop {
            let member = self.deployment.get(which);
            if !member.role.alive() {
                return Ok(format!("ended:\n{}", tail(&member.role.logs())));
            }
            let said = member.readiness(&client).await;
            match said {
                Some((503, reason)) if !reason.contains("draining") => return Ok(reason),
                said if Instant::now() > deadline => {
                    return Err(format!(
                        "after {patience:?} still {}",
                        said.map_or(0, |(status, _)| status)
                    ));
                }
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_topic_stops_both_sides_with_an_error() {
    let mut trial = Trial::begin("topic deleted", ONE_PROCESSOR).await;
    trial.load().await;
    trial.accept_more(trial.plan.events).await;
    trial.come_to_rest().await;
    let (mut complaints, mut said) = (Vec::new(), Vec::new());

    kafka::delete_topic(&trial.direct.kafka, &trial.deployment.topic("events")).await;
    trial.acts += 1;
    trial.load_blindly(20);
    for (which, patience) in [
        (Which::Ingest(0), 30),
        (Which::Ingest(1), 30),
        (Which::Processor(0), 60),
    ] {
        let started = Instant::now();
        match trial.reports_failure(which, Duration::from_secs(patience)).await {
            Ok(reason) => said.push(format!("{which:?} after {:.1?}: {reason}", started.elapsed())),
            Err(silence) => complaints.push(format!(
                "{which:?} does not report that its topic is missing: {silence}"
            )),
        }
    }
    trial.unload_within(Duration::from_secs(3)).await;
    trial.may_end = true;
    // What was accepted after the topic was deleted is lost, and judged as such.
    let evidence = trial.evidence().await;
    trial.conclude(&evidence, complaints, json!({ "said": said })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_created_again_while_the_processor_is_down_is_not_taken_for_the_old_one() {
    let mut trial = Trial::begin("topic created again", ONE_PROCESSOR).await;
    trial.load().await;
    trial.accept_more(trial.plan.events / 2).await;
    trial.come_to_rest().await;
    let before = trial.evidence().await;
    let code = trial.deployment.processors[0].role.terminate().await;
    assert_eq!(code, Some(0), "the processor drains");

    kafka::delete_topic(&trial.direct.kafka, &trial.deployment.topic("events")).await;
    tokio::task::block_in_place(|| trial.deployment.migrate());
    trial.acts += 1;
    // Filled beyond the old progress, in every partition: with the same keys and more events.
    trial.ledger = Arc::new(Ledger::new(trial.plan.keys));
    trial.load().await;
    let old = before.book.entries.len();
    trial.accept_more(old + old / 2).await;
    trial.unload().await;

    trial.may_end = true;
    trial.deployment.start(Which::Processor(0));
    let reported = trial.reports_lost_progress().await;
    // A sink that did not stop goes on; one that did delivers nothing more.
    trial.drain_unless_quiet_for(Duration::from_secs(5)).await;
    let after = trial.evidence().await;
    let verdict = judge(&after);
    let count = |finding| verdict.count(&[finding]);
    let (lost, undelivered) = (count(Finding::Lost), count(Finding::NotDelivered));
    let mut complaints = Vec::new();
    if let Err(silence) = &reported {
        complaints.push(format!("`progress lost` was not reported: {silence}"));
    }
    // Nothing or everything must be missing: anything between was skipped.
    let all = verdict.accepted * after.receivers.len();
    for (sink, missing, of) in [("postgres", lost, verdict.accepted), ("http", undelivered, all)] {
        if missing != 0 && missing != of {
            complaints.push(format!("{sink}: {missing} of {of} were skipped"));
        }
    }
    let more = json!({ "said": reported.unwrap_or_default(), "accepted_anew": verdict.accepted, "lost": lost, "not_delivered": undelivered });
    trial.conclude(&before, complaints, more).await;
}

impl Trial {
    /// Waits until the only processor logs that its progress is lost, and stops; returns the line, or an error.
    async fn reports_lost_progress(&mut self) -> Result<String, String> {
        let said = |role: &Role| {
            let logs = role.logs();
            let line = logs.lines().rev().find(|line| line.contains("progress lost"));
            line.map(str::to_owned)
        };
        // A processor that is starting is not ready at first, which does not count.
        let deadline = Instant::now() + Duration::from_secs(45);
        while Instant::now() < deadline {
            let member = self.deployment.get(Which::Processor(0));
            if let Some(line) = said(&member.role) {
                return self
                    .reports_failure(Which::Processor(0), Duration::from_secs(30))
                    .await
                    .map(|_| line);
            }
            if !member.role.alive() {
                return Err(format!("it ended with another error:\n{}", tail(&member.role.logs())));
            }
            if self.is_idle_while_ready().await {
                break;
            }
            sleep(Duration::from_millis(200)).await;
        }
        Err("it is ready, and has nothing more to do".to_owned())
    }

    /// Whether it is ready for ten seconds, without a new row or arrival.
    async fn is_idle_while_ready(&mut self) -> bool {
        let client = self.deployment.client.clone();
        let mut last = None;
        for _ in 0..20 {
            let member = self.deployment.get(Which::Processor(0));
            let ready = member.readiness(&client).await.is_some_and(|(status, _)| status == 200);
            let arrivals: usize = self.receivers.iter().map(Recorder::count).sum();
            let now = (self.database.count().await, arrivals);
            if !ready || last.is_some_and(|last| last != now) {
                return false;
            }
            last = Some(now);
            sleep(Duration::from_millis(500)).await;
        }
        true
    }
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_without_offsets_lose_nothing() {
    let mut trial = Trial::begin("group offsets deleted", Setup::default()).await;
    trial.load().await;
    trial.accept_more(trial.plan.events / 2).await;
    trial.come_to_rest().await;
    for member in &mut trial.deployment.processors {
        assert_eq!(member.role.terminate().await, Some(0), "the processor drains");
    }
    let groups = ["postgres", "http"].map(|sink| trial.deployment.topic(sink));
    kafka::delete_groups(&trial.direct.kafka, &groups).await;
    for number in 0..2 {
        trial.deployment.start_again(Which::Processor(number)).await;
    }
    trial.healed();
    trial.load().await;
    trial.accept_more(trial.plan.events / 2).await;
    trial.finish().await;
}
