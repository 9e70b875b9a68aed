//! A worker that dies at any moment, with a sink whose answers are random: nothing is skipped, and keys keep their order.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::stage::sink::{ScriptedSink, lack, rejected, retry};
use crate::stage::{eventually, number, record, worker_with};
use harness::memory_log::MemoryLog;
use processor::Config;
use proptest::prelude::*;
use schemas::record::Offset;
use schemas::sink::{Batch, Outcome, Unavailable};
use tokio_util::sync::CancellationToken;

/// What happens to a worker in a test run: how often and when it is killed, and what the sink answers.
#[derive(Debug, Clone)]
struct Scenario {
    records: u64,
    keys: u64,
    batch: usize,
    window: usize,
    lives_ms: Vec<u64>,
    seed: u64,
    refuse: u32,
    kind: Kind,
}

/// What kind of a sink it is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Takes one batch after the other.
    Plain,
    /// Keeps its own progress, which then wins.
    KeepsProgress,
    /// Has targets that have nothing to do with one another.
    Apart,
}

fn scenario() -> impl Strategy<Value = Scenario> {
    (
        1_u64..120,
        1_u64..20,
        1_usize..20,
        0_usize..40,
        proptest::collection::vec(0_u64..5_000, 0..6),
        any::<u64>(),
        0_u32..8,
        prop_oneof![Just(Kind::Plain), Just(Kind::KeepsProgress), Just(Kind::Apart)],
    )
        .prop_map(|(records, keys, batch, more, lives_ms, seed, refuse, kind)| Scenario {
            records,
            keys,
            batch,
            window: batch + more,
            lives_ms,
            seed,
            refuse,
            kind,
        })
}

/// What the sinks of all lives did.
#[derive(Debug, Default)]
struct Done {
    delivered: Mutex<HashSet<u64>>,
    /// The life and the number of each delivery, in order.
    order: Mutex<Vec<(usize, u64)>>,
    /// The progress that the sink keeps.
    progress: Mutex<Option<Offset>>,
}

fn filled_log(scenario: &Scenario) -> Arc<MemoryLog> {
    let log = MemoryLog::new(1);
    for n in 0..scenario.records {
        let mut record = record(n, &format!("key-{}", n % scenario.keys));
        if n % 17 == 16 {
            record.value = "no event".into();
        }
        log.append(0, record);
    }
    log.refuse(scenario.refuse);
    log
}

/// A sink that is unavailable, rejects and postpones at random.
fn random_sink(scenario: &Scenario, life: usize, done: &Arc<Done>) -> ScriptedSink {
    let mut random = fastrand::Rng::with_seed(scenario.seed.wrapping_add(life as u64));
    let keeps_progress = scenario.kind == Kind::KeepsProgress;
    let recorded = Arc::clone(done);
    let mut sink = ScriptedSink::plain(move |batch| {
        if random.u8(..) < 40 {
            return Err(Unavailable {
                sink: schemas::name::SinkName::new("postgres").expect("valid"),
                reason: "away".to_owned(),
            });
        }
        let outcomes = random_outcomes(batch, life, &mut random, &recorded);
        if keeps_progress {
            keep_progress(batch, &outcomes, &recorded);
        }
        Ok(outcomes)
    });
    *sink.progress.lock().expect("no panic") = *done.progress.lock().expect("no panic");
    sink.keeps = keeps_progress;
    sink.apart = scenario.kind == Kind::Apart;
    sink
}

/// Like a sink that keeps order by key: what follows a retry is held.
fn random_outcomes(batch: &Batch, life: usize, random: &mut fastrand::Rng, done: &Done) -> Vec<Outcome> {
    let mut waiting = HashSet::new();
    let outcomes = batch.deliveries.iter().map(|d| {
        let n = number(&d.record.record);
        let outcome = match random.u8(..) {
            _ if waiting.contains(&d.record.record.key) => Outcome::Held,
            0..60 => retry(),
            60..90 => rejected(),
            90..110 => lack(),
            _ => Outcome::Delivered,
        };
        match outcome {
            Outcome::Retry { .. } | Outcome::Unavailable { .. } => {
                waiting.insert(d.record.record.key.clone());
            }
            Outcome::Delivered => {
                done.delivered.lock().expect("no panic").insert(n);
                done.order.lock().expect("no panic").push((life, n));
            }
            Outcome::Rejected { .. } | Outcome::Refused { .. } | Outcome::Held => {}
        }
        outcome
    });
    outcomes.collect()
}

/// Like a sink that stores its progress with the data: up to the first that was not delivered.
fn keep_progress(batch: &Batch, outcomes: &[Outcome], done: &Done) {
    let mut deliveries = batch.deliveries.iter().zip(outcomes);
    let open = deliveries.find(|(_, outcome)| **outcome != Outcome::Delivered);
    let settled = batch.progress.as_ref().expect("a partition waits").next;
    let next = open.map_or(settled, |(d, _)| d.record.offset.min(settled));
    let mut kept = done.progress.lock().expect("no panic");
    *kept = (*kept).max(Some(next));
}

/// Lives as often as the scenario says; the last life ends by itself.
async fn live(scenario: &Scenario) -> Result<(), TestCaseError> {
    let log = filled_log(scenario);
    let config = Config {
        batch_max_records: scenario.batch,
        window_records: scenario.window,
        valve_window: 0,
        retry_max_attempts: 4,
        ..Config::default()
    };
    let done = Arc::new(Done::default());
    let lives = scenario.lives_ms.iter().map(|ms| Some(*ms)).chain([None]);
    let mut checked = 0;
    for (life, lifetime) in lives.enumerate() {
        let sink = Arc::new(random_sink(scenario, life, &done));
        let worker = worker_with(&log, &sink, None, config.clone());
        if let Some(ms) = lifetime {
            // Killed: dropped in the middle of its work.
            drop(tokio::time::timeout(Duration::from_millis(ms), worker.run(CancellationToken::new())).await);
            tokio::task::yield_now().await;
        } else {
            let shutdown = CancellationToken::new();
            let run = tokio::spawn(worker.run(shutdown.clone()));
            let end = i64::try_from(scenario.records).expect("small");
            eventually("all is stored", || log.stored(0) == end).await;
            shutdown.cancel();
            run.await.expect("no panic").expect("a clean end");
        }
        checked = nothing_was_skipped(&log, checked, &done)?;
    }
    keys_are_in_order(scenario, &done)
}

/// Progress never passed a record that is not settled: delivered, or a dead letter in the log. Returns how many stores of
/// progress there were; the first `checked` were checked before.
fn nothing_was_skipped(log: &MemoryLog, checked: usize, done: &Done) -> Result<usize, TestCaseError> {
    let letters: HashSet<u64> = log.dead_letters().iter().map(number).collect();
    let delivered = done.delivered.lock().expect("no panic").clone();
    let stores = log.stores();
    let kept = *done.progress.lock().expect("no panic");
    for next in stores[checked..].iter().map(|(_, next)| *next).chain(kept) {
        for n in 0..u64::try_from(next.0).expect("positive") {
            prop_assert!(delivered.contains(&n) || letters.contains(&n), "{} was skipped", n);
        }
    }
    Ok(stores.len())
}

/// Within one life, what was delivered of one key was delivered in order.
fn keys_are_in_order(scenario: &Scenario, done: &Done) -> Result<(), TestCaseError> {
    let order = done.order.lock().expect("no panic").clone();
    for life in 0..=scenario.lives_ms.len() {
        for key in 0..scenario.keys {
            let of_key = order
                .iter()
                .filter(|(l, n)| *l == life && n % scenario.keys == key)
                .map(|(_, n)| *n);
            prop_assert!(of_key.is_sorted(), "key {} out of order", key);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn nothing_is_skipped_whenever_the_worker_dies(scenario in scenario()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(live(&scenario))?;
    }
}
