//! One case from beginning to end: its site, the load on it, what was done to it and how long that took, and the judgement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

use crate::command::Done;
use crate::pods::{self, Usage};
use crate::records::records;
use crate::report::{self, Line};
use crate::site::{NODE, Site};
use harness::eventually;
use harness::load::judge::{Evidence, Finding, judge, longest_pause, rows};
use harness::load::ledger::{Ledger, now_ms};
use harness::load::recorder::Recorder;
use harness::load::sender::{Load, Route};
use harness::sender::Client;

/// One case at a time: each has the node for itself.
static TURN: Mutex<()> = Mutex::const_new(());

/// The bytes of a body, like a typical one of a platform.
const BODY_BYTES: usize = 1000;

const KEYS: usize = 60;

/// When nothing has moved for this long, nothing will.
const QUIET: Duration = Duration::from_secs(45);

/// Webhooks a second, unless `FOREBAY_CLUSTER_RATE` says otherwise.
fn rate() -> u32 {
    let rate = std::env::var_os("FOREBAY_CLUSTER_RATE").and_then(|rate| rate.into_string().ok());
    rate.map_or(200, |rate| rate.parse().expect("a number"))
}

pub(crate) struct Trial {
    pub(crate) case: &'static str,
    pub(crate) site: Site,
    pub(crate) recorder: Recorder,
    pub(crate) ledger: Arc<Ledger>,
    load: Option<Load>,
    loaded_ms: (i64, i64),
    steps: Vec<(String, f64)>,
    notes: Vec<String>,
    first: BTreeMap<String, Usage>,
    _turn: MutexGuard<'static, ()>,
}

impl Trial {
    pub(crate) async fn begin(case: &'static str) -> Self {
        Self::begin_on(case, "FOREBAY_TEST_KAFKA").await
    }

    /// The same on other brokers.
    pub(crate) async fn begin_on(case: &'static str, kafka: &str) -> Self {
        let turn = TURN.lock().await;
        report::say(&format!("\n== {case}"));
        Self {
            case,
            site: Site::make(case, kafka).await,
            recorder: Recorder::start_on(NODE).await,
            ledger: Arc::new(Ledger::new(KEYS)),
            load: None,
            loaded_ms: (now_ms(), now_ms()),
            steps: Vec::new(),
            notes: Vec::new(),
            first: BTreeMap::new(),
            _turn: turn,
        }
    }

    pub(crate) fn values(&self) -> Value {
        self.site.values(&self.recorder.url)
    }

    /// Notes how long something took.
    pub(crate) fn step(&mut self, name: &str, done: &Done) {
        report::say(&format!("{name}: {:.1} s", done.seconds));
        self.steps.push((name.to_owned(), done.seconds));
    }

    /// Notes something that was seen.
    pub(crate) fn note(&mut self, what: impl Into<String>) {
        let what = what.into();
        report::say(&what);
        self.notes.push(what);
    }

    /// Installs the release, and waits until it is ready.
    pub(crate) fn install(&mut self, values: &Value) {
        self.release("install", "install", values);
    }

    /// Changes the release, waits until that is ready, and goes on for a while.
    pub(crate) async fn upgrade(&mut self, name: &str, values: &Value) {
        self.release("upgrade", name, values);
        self.accept_more(usize::try_from(rate()).expect("fits") * 3).await;
    }

    fn release(&mut self, verb: &str, name: &str, values: &Value) {
        let done = self.site.helm_and_wait(verb, values);
        if !done.succeeded {
            self.leave_traces();
        }
        let done = done.expected();
        self.step(name, &done);
    }

    pub(crate) async fn rollback(&mut self, revision: &str) {
        let done = self.site.rollback(revision).expected();
        self.step("rollback", &done);
        self.accept_more(usize::try_from(rate()).expect("fits") * 3).await;
    }

    /// Starts sending through the Service, half by connections that are kept and half by one for each request, and waits
    /// until something has arrived at the other end.
    pub(crate) async fn load(&mut self) {
        let base = self.site.base();
        let kept = Route {
            client: Client::default(),
            base: base.clone(),
        };
        let fresh = Route {
            client: Client::unpooled(),
            base,
        };
        self.loaded_ms.0 = now_ms();
        self.load = Some(Load::start(&self.ledger, vec![kept, fresh], rate(), BODY_BYTES));
        eventually("rows and deliveries", Duration::from_mins(2), async || {
            (self.recorder.count() > 0 && self.site.database.count().await > 0).then_some(())
        })
        .await;
        self.accept_more(usize::try_from(rate()).expect("fits") * 3).await;
        self.first = pods::usages(&self.site.namespace)
            .into_iter()
            .map(|(name, (_, usage))| (name, usage))
            .collect();
    }

    /// Waits until `count` more were accepted.
    pub(crate) async fn accept_more(&self, count: usize) {
        let wanted = self.ledger.count_accepted() + count;
        eventually("events are accepted", Duration::from_mins(3), async || {
            (self.ledger.count_accepted() >= wanted).then_some(())
        })
        .await;
    }

    /// Waits until every component has `least` pods that are ready, and none that is leaving.
    pub(crate) async fn ready(&self, least: usize) {
        eventually("the pods are ready", Duration::from_mins(3), async || {
            sleep(Duration::from_millis(300)).await;
            let pods = pods::of(&self.site.namespace);
            let mut ready = BTreeMap::<&str, usize>::new();
            for pod in &pods {
                *ready.entry(&pod.component).or_default() += usize::from(pod.ready && !pod.leaving);
            }
            (ready.len() == 3 && ready.values().all(|count| *count >= least)).then_some(())
        })
        .await;
    }

    /// Notes what the pods that run have used, beside their names' sorts.
    pub(crate) fn measure(&mut self) {
        let mut lines = Vec::new();
        for (name, (pod, usage)) in pods::usages(&self.site.namespace) {
            let cpu = self.first.get(&name).map_or_else(String::new, |before| {
                format!(", {:.0} m CPU", usage.millicores_since(before))
            });
            let mib = |bytes: u64| bytes / 1024 / 1024;
            lines.push(format!(
                "{}: {} MiB resident at most, {} MiB with the pages of files{cpu}",
                pod.component,
                mib(usage.resident),
                mib(usage.group)
            ));
        }
        lines.sort();
        for line in lines {
            self.note(line);
        }
    }

    /// Stops the load, and judges what it left; any answer but 2xx is a failure where `all_answered`.
    pub(crate) async fn finish(mut self, all_answered: bool) {
        if let Some(load) = self.load.take() {
            self.loaded_ms.1 = now_ms();
            load.stop(Duration::from_mins(1)).await;
        }
        self.drain().await;
        let evidence = self.evidence().await;
        let verdict = judge(&evidence);
        let mut complaints: Vec<String> = verdict
            .findings
            .iter()
            .map(|(finding, (count, first))| format!("{finding:?}: {count}, the first: {first}"))
            .collect();
        let mut not_accepted = BTreeMap::<String, u64>::new();
        for (_, answer) in &evidence.book.not_accepted {
            *not_accepted.entry(answer.to_string()).or_default() += 1;
        }
        if all_answered && !not_accepted.is_empty() {
            let moments: Vec<i64> = evidence
                .book
                .not_accepted
                .iter()
                .map(|(at, _)| at - self.loaded_ms.0)
                .collect();
            complaints.push(format!(
                "answers other than 2xx, these milliseconds after the load began: {moments:?}"
            ));
        }
        let mut errors = BTreeMap::<&str, usize>::new();
        for error in &evidence.book.errors {
            *errors.entry(error).or_default() += 1;
        }
        for (error, count) in errors {
            self.notes.push(format!("broken, {count} of the first: {error}"));
        }
        if !complaints.is_empty() {
            self.leave_traces();
        }
        report::add(
            &Line {
                case: self.case,
                not_accepted,
                pause_ms: longest_pause(&evidence, self.loaded_ms),
                loaded_ms: self.loaded_ms.1 - self.loaded_ms.0,
                steps: self.steps,
                notes: self.notes,
                complaints: complaints.clone(),
            },
            &verdict,
        );
        assert!(
            complaints.is_empty(),
            "{}: of {} accepted\n{}",
            self.case,
            verdict.accepted,
            complaints.join("\n")
        );
        self.site.database.drop().await;
    }

    /// The same where no load was needed.
    pub(crate) async fn finish_without_load(self) {
        report::add(
            &Line {
                case: self.case,
                not_accepted: BTreeMap::new(),
                pause_ms: 0,
                loaded_ms: 0,
                steps: self.steps,
                notes: self.notes,
                complaints: Vec::new(),
            },
            &judge(&Evidence {
                book: self.ledger.book().clone(),
                rows: Vec::new(),
                receivers: Vec::new(),
                dead_letters: 0,
                expected_dead_letters: 0,
            }),
        );
        self.site.database.drop().await;
    }

    /// Waits until everything accepted is in the table and delivered, or nothing moves any more.
    async fn drain(&self) {
        let (mut last, mut moved) = ((0, 0), Instant::now());
        while moved.elapsed() < QUIET {
            let accepted = self.ledger.count_accepted();
            let now = (
                usize::try_from(self.site.database.count().await).unwrap_or(0),
                self.recorder.count(),
            );
            if now.0 >= accepted && now.1 >= accepted {
                let verdict = judge(&self.evidence().await);
                if verdict.count(&[Finding::Lost, Finding::NotDelivered]) == 0 {
                    sleep(Duration::from_secs(2)).await;
                    return;
                }
            }
            if now != last {
                (last, moved) = (now, Instant::now());
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    async fn evidence(&self) -> Evidence {
        let (brokers, topic) = (self.site.brokers.clone(), format!("{}.dead-letters", self.site.prefix));
        let dead_letters = tokio::task::block_in_place(|| records(&brokers, &topic));
        let book = self.ledger.book().clone();
        Evidence {
            book,
            rows: rows(&self.site.database.pool).await,
            receivers: vec![self.recorder.arrivals()],
            dead_letters: dead_letters.expect("the topic of the dead letters answers"),
            expected_dead_letters: 0,
        }
    }

    /// Keeps what the cluster says of the case: objects, events, logs.
    pub(crate) fn leave_traces(&self) {
        let described = self.site.kubectl(&["describe", "pods,deployments,jobs,pdb"]);
        self.site.write("describe.txt", &described.said);
        self.site.write(
            "events.txt",
            &self.site.kubectl(&["get", "events", "--sort-by=.lastTimestamp"]).said,
        );
        let pods = self.site.kubectl(&["get", "pods", "-o", "name"]);
        for pod in pods.said.lines().filter(|line| line.starts_with("pod/")) {
            let logs = self.site.kubectl(&["logs", pod, "--all-containers", "--ignore-errors"]);
            self.site.write(&format!("{}.log", pod.replace('/', "-")), &logs.said);
            let logs = self.site.kubectl(&["logs", pod, "--all-containers", "--previous"]);
            if logs.succeeded {
                self.site
                    .write(&format!("{}.previous.log", pod.replace('/', "-")), &logs.said);
            }
        }
        report::say(&format!(
            "{}: what the cluster says is in target/tmp/cluster/{}",
            self.case, self.case
        ));
    }
}
