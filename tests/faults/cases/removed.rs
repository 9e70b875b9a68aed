//! Deliveries wait for an endpoint that hangs, and what they wait for goes: the endpoint is taken out of the configuration, or the
//! topic is made anew.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::json;

use super::sick::{leave_operations_out, setup};
use crate::deployment::Which;
use crate::kafka;
use crate::letters::{Letter, dead_letters};
use crate::trial::{Setup, Trial};
use harness::eventually;
use harness::load::ledger::mark_in;
use harness::load::recorder::Condition;

/// How often a dead letter may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeats {
    /// Once.
    No,
    /// A process that was killed may have written it and not noted that.
    AfterKill,
}

impl Trial {
    /// Has the first endpoint hang until a good number of its deliveries wait.
    async fn many_wait(&mut self) {
        self.load().await;
        self.first_is(Condition::Hanging);
        self.some_wait().await;
        self.accept_more(self.plan.short_or_long(160, 3000)).await;
    }

    /// Where the records lie whose deliveries to the first endpoint wait, as dead letters say it.
    async fn waiting_for_first(&self) -> HashSet<String> {
        let rows: Vec<(String, i32, i64)> = sqlx::query_as(
            "SELECT s.topic, b.part, b.off
             FROM backlog b JOIN backlog_stream s ON s.id = b.stream JOIN backlog_target t ON t.id = b.target
             WHERE t.name = 'receiver-0'",
        )
        .fetch_all(&self.database.pool)
        .await
        .expect("the backlog");
        let position = |(topic, part, off)| format!("{topic}[{part}]@{off}");
        rows.into_iter().map(position).collect()
    }

    fn letters(&self) -> Vec<Letter> {
        let (brokers, topic) = (&self.direct.kafka, self.deployment.topic("dead-letters"));
        tokio::task::block_in_place(|| dead_letters(brokers, &topic))
    }

    /// Waits until nothing waits any more, and all that was read is settled.
    async fn nothing_is_left(&mut self) {
        eventually("nothing waits", Duration::from_mins(2), async || {
            (self.waiting().await == 0).then_some(())
        })
        .await;
        let client = self.deployment.client.clone();
        for member in &self.deployment.processors {
            let url = format!("{}/metrics", member.role.admin);
            eventually("progress is at the end", Duration::from_mins(1), async || {
                let (_, text) = client.get(&url).await?;
                let lag = |line: &&str| line.starts_with("forebay_processor_lag_records{sink=\"http\"");
                let lags: Vec<&str> = text.lines().filter(lag).collect();
                lags.iter().all(|line| line.ends_with(" 0")).then_some(())
            })
            .await;
        }
    }

    /// Judges what became of the deliveries to the first endpoint, which is gone, and of the others. `waited` is what certainly waited.
    async fn finish_without_first(mut self, waited: HashSet<String>, repeats: Repeats) {
        self.unload().await;
        let first = self.receivers.remove(0);
        self.drain().await;
        self.nothing_is_left().await;
        let letters = self.letters();
        let mut complaints = Vec::new();
        let (mut counts, mut marks) = (BTreeMap::<&str, usize>::new(), HashSet::new());
        for letter in &letters {
            *counts.entry(&letter.position).or_default() += 1;
            marks.extend(mark_in(&letter.value));
            if letter.target != "receiver-0" || letter.reason != "endpoint `receiver-0` was removed" {
                complaints.push(format!("a dead letter of `{}`: {}", letter.target, letter.reason));
            }
        }
        let twice = counts.values().filter(|count| **count > 1).count();
        if repeats == Repeats::No && twice > 0 {
            complaints.push(format!("{twice} of {} are dead letters more than once", counts.len()));
        }
        let missing: Vec<_> = waited
            .iter()
            .filter(|position| !counts.contains_key(position.as_str()))
            .collect();
        if !missing.is_empty() {
            complaints.push(format!(
                "{} of {} that waited are no dead letters: {:?}",
                missing.len(),
                waited.len(),
                missing[0]
            ));
        }
        let arrived = first.arrivals();
        let both = arrived
            .iter()
            .filter(|arrival| marks.contains(arrival.mark.as_str()))
            .count();
        if both > 0 {
            complaints.push(format!("{both} were delivered, and are dead letters as well"));
        }
        let mut evidence = self.evidence().await;
        evidence.expected_dead_letters = u64::try_from(letters.len()).expect("fits");
        leave_operations_out(&mut evidence);
        let more = json!({ "waited": waited.len(), "dead_letters": letters.len(), "more_than_once": twice });
        self.conclude(&evidence, complaints, more).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_that_wait_for_an_endpoint_that_is_removed_become_dead_letters_once_each() {
    let mut trial = Trial::begin("endpoint removed", setup()).await;
    trial.many_wait().await;
    let waited = trial.waiting_for_first().await;
    assert!(!waited.is_empty(), "nothing waits");
    trial.deployment.remove_endpoint(0);
    for number in 0..2 {
        trial.restart(Which::Processor(number)).await;
    }
    while trial.goes_on(2) {
        trial.accept_more(50).await;
    }
    trial.finish_without_first(waited, Repeats::No).await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_processor_that_is_killed_while_an_endpoint_is_removed_loses_none_of_its_dead_letters() {
    let mut trial = Trial::begin("endpoint removed, kill -9", setup()).await;
    trial.many_wait().await;
    let waited = trial.waiting_for_first().await;
    assert!(!waited.is_empty(), "nothing waits");
    trial.deployment.remove_endpoint(0);
    for number in 0..2 {
        trial.deployment.get(Which::Processor(number)).role.kill();
    }
    for number in 0..2 {
        trial.deployment.start(Which::Processor(number));
    }
    // In the middle of it.
    let (brokers, topic) = (trial.direct.kafka.clone(), trial.deployment.topic("dead-letters"));
    eventually("the first are dead letters", Duration::from_mins(1), async || {
        let letters = tokio::task::block_in_place(|| kafka::records(&brokers, &topic));
        letters.is_some_and(|letters| letters > 0).then_some(())
    })
    .await;
    for number in 0..2 {
        trial.kill_and_start(Which::Processor(number)).await;
    }
    while trial.goes_on(2) {
        trial.accept_more(50).await;
    }
    trial.finish_without_first(waited, Repeats::AfterKill).await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_that_wait_when_the_topic_is_made_anew_arrive_after_all() {
    let mut trial = Trial::begin(
        "topic created again, rows wait",
        Setup {
            processors: 1,
            ..setup()
        },
    )
    .await;
    trial.many_wait().await;
    trial.unload().await;
    // The others have everything, so that nothing is lost with the topic.
    let first = trial.receivers.remove(0);
    trial.drain().await;
    trial.receivers.insert(0, first);
    let code = trial.deployment.processors[0].role.terminate().await;
    assert_eq!(code, Some(0), "the processor drains");
    let waited = trial.waiting_for_first().await.len();
    assert!(waited > 0, "nothing waits");

    kafka::delete_topic(&trial.direct.kafka, &trial.deployment.topic("events")).await;
    tokio::task::block_in_place(|| trial.deployment.migrate());
    for sink in ["postgres", "http"] {
        let set = ["progress", "set", "--sink", sink, "--to", "earliest", "--yes"];
        tokio::task::block_in_place(|| trial.deployment.operate(&set));
    }
    trial.first_is(Condition::Healthy);
    trial.deployment.start_again(Which::Processor(0)).await;
    trial.healed();
    trial.drain().await;
    trial.nothing_is_left().await;
    let mut evidence = trial.evidence().await;
    leave_operations_out(&mut evidence);
    trial.conclude(&evidence, Vec::new(), json!({ "waited": waited })).await;
}
