//! The end of a case: everything arrives where it should, or stops moving; then it is collected, judged and reported.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::kafka;
use crate::report::{self, Line};
use crate::trial::Trial;
use harness::load::judge::{Evidence, Finding, judge, longest_pause, rows};
use harness::load::ledger::{EventState, now_ms};
use harness::load::recorder::Recorder;

/// When nothing has moved for this long, nothing will: far above any session, backoff or time-out of the deployments.
const QUIET: Duration = Duration::from_secs(30);

/// The longest wait, even while something moves.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long repeats may still arrive after everything is complete.
const AFTERWARDS: Duration = Duration::from_secs(2);

impl Trial {
    /// Judges the case, prints its line, and fails if any promise was broken.
    pub(crate) async fn finish(mut self) {
        self.unload().await;
        self.drain().await;
        let evidence = self.evidence().await;
        self.conclude(&evidence, Vec::new(), Value::Null).await;
    }

    /// The same with evidence taken before, additional complaints and other measurements.
    pub(crate) async fn conclude(mut self, evidence: &Evidence, mut complaints: Vec<String>, more: Value) {
        let verdict = judge(evidence);
        for (finding, (count, first)) in &verdict.findings {
            complaints.push(format!("{finding:?}: {count}, the first: {first}"));
        }
        let may_end = self.may_end;
        for member in self.deployment.members() {
            if !may_end && !member.role.alive() {
                complaints.push(format!("a process ended by itself:\n{}", tail(&member.role.logs())));
            }
            if member.role.logs().contains("panicked") {
                complaints.push(format!("a process panicked:\n{}", tail(&member.role.logs())));
            }
        }
        let mut not_accepted = BTreeMap::<String, u64>::new();
        for (_, answer) in &evidence.book.not_accepted {
            *not_accepted.entry(answer.to_string()).or_default() += 1;
        }
        let line = Line {
            phase: self.phase.to_owned(),
            acts: self.acts,
            not_accepted,
            pause_ms: longest_pause(evidence, self.loaded_ms),
            recovery_ms: self.healed_ms.map(|healed| recovery(evidence, healed)),
            seconds: (now_ms() - self.began_ms) / 1000,
            more: json!({ "processors": self.processor_states().await, "case": more, "complaints": complaints }),
        };
        report::add(&line, &verdict);
        assert!(
            complaints.is_empty(),
            "{}: of {} accepted\n{}",
            self.phase,
            verdict.accepted,
            complaints.join("\n")
        );
        self.database.drop().await;
    }

    /// Waits until everything accepted is in the table and at every receiver, or nothing moves any more.
    pub(crate) async fn drain(&self) {
        self.drain_unless_quiet_for(QUIET).await;
    }

    pub(crate) async fn drain_unless_quiet_for(&self, quiet: Duration) {
        let deadline = Instant::now() + PATIENCE;
        let (mut last, mut moved) = ((0, 0), Instant::now());
        while Instant::now() < deadline && moved.elapsed() < quiet {
            let accepted = self.ledger.count_accepted();
            let rows = usize::try_from(self.database.count().await).unwrap_or(0);
            let arrivals: Vec<usize> = self.receivers.iter().map(Recorder::count).collect();
            // Cheap first: these counts include repeats, and events of which the sender never got an answer.
            if rows >= accepted && arrivals.iter().all(|a| *a >= accepted) {
                let verdict = judge(&self.evidence().await);
                if verdict.count(&[Finding::Lost, Finding::NotDelivered]) == 0 {
                    sleep(AFTERWARDS).await;
                    return;
                }
            }
            let now = (rows, arrivals.iter().sum());
            if now != last {
                (last, moved) = (now, Instant::now());
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    pub(crate) async fn evidence(&self) -> Evidence {
        let (brokers, topic) = (self.direct.kafka.clone(), self.deployment.topic("dead-letters"));
        let dead_letters = tokio::task::block_in_place(|| kafka::records(&brokers, &topic));
        let book = self.ledger.book().clone();
        Evidence {
            book,
            rows: rows(&self.database.pool).await,
            receivers: self.receivers.iter().map(Recorder::arrivals).collect(),
            dead_letters: dead_letters.expect("the topic of the dead letters answers"),
            expected_dead_letters: 0,
        }
    }

    /// Returns the state of the processors at the end: readiness, lag, and their metrics of the event log.
    async fn processor_states(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for member in &self.deployment.processors {
            let readiness = member.readiness(&self.deployment.client).await;
            let url = format!("{}/metrics", member.role.admin);
            let (_, text) = self.deployment.client.get(&url).await.unwrap_or_default();
            let mut sums = BTreeMap::<&str, f64>::new();
            for line in text.lines() {
                let name = line.split([' ', '{']).next().unwrap_or_default();
                if name.starts_with("forebay_log_") || name == "forebay_processor_lag_records" {
                    let value = line.rsplit(' ').next().and_then(|v| v.parse::<f64>().ok());
                    *sums.entry(name).or_default() += value.unwrap_or_default();
                }
            }
            all.push(json!({ "readyz": readiness, "metrics": sums }));
        }
        all
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// Returns how long after `healed` the last of the events accepted before it was in the table and at all receivers.
fn recovery(evidence: &Evidence, healed: i64) -> i64 {
    let book = &evidence.book;
    let before = |mark: &str| {
        let number = book.number(mark)?;
        let state = book.entries[number].state;
        matches!(state, EventState::Accepted { at_ms } if at_ms <= healed).then_some(number)
    };
    let mut last = healed;
    for row in &evidence.rows {
        if before(&row.mark).is_some() {
            last = last.max(row.stored_ms);
        }
    }
    for arrivals in &evidence.receivers {
        let mut seen = HashSet::new();
        for arrival in arrivals {
            if before(&arrival.mark).is_some_and(|number| seen.insert(number)) {
                last = last.max(arrival.at_ms);
            }
        }
    }
    last - healed
}
