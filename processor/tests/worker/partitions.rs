//! Partitions are assigned and revoked, the process dies: nothing is skipped, and one partition does not delay another.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::stage::sink::{ScriptedSink, each, lack, rejected, retry};
use crate::stage::{eventually, number, record, worker_in, worker_with};
use harness::memory_log::MemoryLog;
use processor::{Config, WorkerError};
use prometheus_client::registry::Registry;
use proptest::prelude::*;
use schemas::log::LogError;
use schemas::record::Offset;
use schemas::sink::{Outcome, Unavailable};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

type Run = tokio::task::JoinHandle<Result<(), WorkerError>>;

fn spawn(log: &Arc<MemoryLog>, sink: &Arc<ScriptedSink>, config: Config) -> (CancellationToken, Run) {
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(log, sink, None, config).run(shutdown.clone()));
    (shutdown, run)
}

fn small_batches() -> Config {
    Config {
        batch_max_records: 10,
        ..Config::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_partition_does_not_hold_up_the_others() {
    let mut sink = ScriptedSink::plain(each(|_, _| Outcome::Delivered));
    sink.delay = |batch| {
        Duration::from_secs(if batch.deliveries[0].partition.index == 0 {
            600
        } else {
            0
        })
    };
    let sink = Arc::new(sink);
    let log = MemoryLog::new(3);
    for n in 0..300 {
        log.append(i32::try_from(n % 3).expect("small"), record(n, "k"));
    }
    let begin = Instant::now();
    let (shutdown, run) = spawn(&log, &sink, small_batches());
    eventually("the quick ones are done", || {
        log.stored(1) == 100 && log.stored(2) == 100
    })
    .await;
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_eq!(log.stored(0), 0);
    shutdown.cancel();
    run.await
        .expect("no panic")
        .expect("abandoning the slow batch is no error");
    assert!(begin.elapsed() < Duration::from_secs(25), "the drain is bounded");
    assert_eq!(log.stored(0), 0, "an abandoned batch stores nothing");
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_finishes_its_batch_and_stores_it() {
    let mut sink = ScriptedSink::plain(each(|_, _| Outcome::Delivered));
    sink.delay = |_| Duration::from_secs(1);
    let sink = Arc::new(sink);
    let log = MemoryLog::new(2);
    for n in 0..200 {
        log.append(i32::try_from(n % 2).expect("small"), record(n, "k"));
    }
    let (shutdown, run) = spawn(&log, &sink, small_batches());
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(log.stored(0), 20);
    let begin = Instant::now();
    log.revoke(&[0]).await;
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "only the current batch is waited for"
    );
    assert_eq!(
        (log.stored(0), sink.offsets(0).len()),
        (30, 30),
        "and it is stored before `done`"
    );
    eventually("the other goes on", || log.stored(1) == 100).await;
    assert_eq!(sink.offsets(0).len(), 30);
    log.assign(&[0]);
    eventually("it goes on where it stopped", || log.stored(0) == 100).await;
    assert_eq!(sink.offsets(0), (0..100).collect::<Vec<i64>>(), "without a repeat");
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_revocation_does_not_wait_for_a_sink_that_hangs_or_is_unavailable() {
    for away in [false, true] {
        let mut sink = ScriptedSink::plain(move |batch| {
            let unavailable = Unavailable {
                sink: schemas::name::SinkName::new("postgres").expect("valid"),
                reason: "away".to_owned(),
            };
            if away {
                Err(unavailable)
            } else {
                Ok(batch.deliveries.iter().map(|_| Outcome::Delivered).collect())
            }
        });
        sink.delay = if away {
            |_| Duration::ZERO
        } else {
            |_| Duration::from_hours(1)
        };
        let sink = Arc::new(sink);
        let log = MemoryLog::new(1);
        log.append(0, record(0, "k"));
        let (shutdown, run) = spawn(&log, &sink, Config::default());
        sleep(Duration::from_mins(5)).await;
        let begin = Instant::now();
        log.revoke(&[0]).await;
        assert!(begin.elapsed() <= Duration::from_millis(4_010), "{:?}", begin.elapsed());
        assert_eq!(log.stored(0), 0);
        shutdown.cancel();
        run.await.expect("no panic").expect("a clean end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_partition_stops_at_once_and_stores_nothing() {
    let mut sink = ScriptedSink::plain(each(|_, _| Outcome::Delivered));
    sink.delay = |_| Duration::from_secs(1);
    let sink = Arc::new(sink);
    let log = MemoryLog::new(1);
    (0..100).for_each(|n| log.append(0, record(n, "k")));
    let worker = worker_with(&log, &sink, None, small_batches());
    let status = worker.status();
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker.run(shutdown.clone()));
    sleep(Duration::from_millis(1_500)).await;
    log.lose(0);
    eventually("it is released", || status.snapshot().assigned.is_empty()).await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!((log.stored(0), sink.offsets(0).len()), (10, 10));
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_restart_resumes_where_progress_stands() {
    let sink = ScriptedSink::new(each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(1);
    (0..50).for_each(|n| log.append(0, record(n, "k")));
    for end in [50, 80] {
        let (shutdown, run) = spawn(&log, &sink, small_batches());
        eventually("all is stored", || log.stored(0) == end).await;
        shutdown.cancel();
        run.await.expect("no panic").expect("a clean end");
        (50..80)
            .filter(|_| end == 50)
            .for_each(|n| log.append(0, record(n, "k")));
    }
    assert_eq!(sink.offsets(0), (0..80).collect::<Vec<i64>>(), "each once");
}

#[tokio::test(start_paused = true)]
async fn the_position_that_a_sink_keeps_wins() {
    let mut sink = ScriptedSink::plain(each(|_, _| Outcome::Delivered));
    sink.keeps = true;
    let sink = Arc::new(sink);
    *sink.position.lock().expect("no panic") = Some(Offset(7));
    let log = MemoryLog::new(1);
    (0..10).for_each(|n| log.append(0, record(n, "k")));
    let (shutdown, run) = spawn(&log, &sink, Config::default());
    eventually("all is stored", || log.stored(0) == 10).await;
    assert_eq!(sink.offsets(0), [7, 8, 9]);
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_unavailable_at_start_is_waited_for_and_a_wrong_one_is_not() {
    let sink = ScriptedSink::new(each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(1);
    log.append(0, record(0, "k"));
    (0..20).for_each(|_| log.fail_joining(LogError::Unavailable("broker away".to_owned())));
    let worker = worker_with(&log, &sink, None, Config::default());
    let status = worker.status();
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker.run(shutdown.clone()));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(status.snapshot().since_poll, None, "not ready while it waits");
    eventually("it is stored", || log.stored(0) == 1).await;
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");

    log.fail_joining(LogError::Unavailable("broker away".to_owned()));
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let worker = worker_with(&log, &sink, None, Config::default());
    worker
        .run(cancelled)
        .await
        .expect("a shutdown does not wait for the log");

    log.fail_joining(LogError::Misconfigured("no such topic `events`".to_owned()));
    let worker = worker_with(&log, &sink, None, Config::default());
    let error = worker
        .run(CancellationToken::new())
        .await
        .expect_err("it does not pass");
    assert_eq!(error.to_string(), "event log misconfigured: no such topic `events`");
}

#[tokio::test(start_paused = true)]
async fn a_broken_consumer_is_replaced() {
    let sink = ScriptedSink::new(each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(2);
    log.append(0, record(0, "k"));
    let (shutdown, run) = spawn(&log, &sink, Config::default());
    eventually("it is stored", || log.stored(0) == 1).await;
    for n in 1..4 {
        log.fail_joining(LogError::Unavailable("broker away".to_owned()));
        log.break_consumer();
        log.append(0, record(u64::try_from(n).expect("positive"), "k"));
        eventually("a new consumer goes on", || log.stored(0) == n + 1).await;
    }
    assert_eq!(sink.offsets(0), [0, 1, 2, 3], "where the old one stopped");
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn metrics_count_what_happens_and_a_revoked_partition_is_removed() {
    let sink = ScriptedSink::new(each(|n, attempt| match n {
        0 if attempt == 1 => retry(),
        1 => rejected(),
        2 => retry(),
        _ => Outcome::Delivered,
    }));
    let log = MemoryLog::new(1);
    (0..10).for_each(|n| log.append(0, record(n, &format!("key-{n}"))));
    let config = Config {
        retry_max_attempts: 2,
        ..Config::default()
    };
    let mut registry = Registry::default();
    let worker = worker_in(&mut registry, &log, &sink, None, config);
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker.run(shutdown.clone()));
    eventually("all is stored", || log.stored(0) == 10).await;
    sleep(Duration::from_secs(11)).await;
    let text = |registry: &Registry| {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).expect("text");
        text
    };
    let shown = text(&registry);
    for line in [
        r#"events_total{sink="postgres"} 10"#,
        r#"attempts_total{sink="postgres"} 12"#,
        r#"retries_total{sink="postgres"} 2"#,
        r#"deliveries_total{sink="postgres",outcome="delivered"} 8"#,
        r#"deliveries_total{sink="postgres",outcome="rejected"} 1"#,
        r#"deliveries_total{sink="postgres",outcome="exhausted"} 1"#,
        r#"dead_letters_total{sink="postgres"} 2"#,
        r#"rule_matches_total{sink="postgres",rule="everything"} 10"#,
        r#"lag_records{sink="postgres",partition="0"} 0"#,
        r#"in_flight_records{sink="postgres",partition="0"} 0"#,
    ] {
        let line = format!("forebay_processor_{line}\n");
        assert!(shown.contains(&line), "{line} is not in\n{shown}");
    }
    log.revoke(&[0]).await;
    assert!(!text(&registry).contains("partition="), "{}", text(&registry));
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

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
    /// Whether the sink keeps its own position, which then wins.
    keeps_position: bool,
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
        any::<bool>(),
    )
        .prop_map(
            |(records, keys, batch, more, lives_ms, seed, refuse, keeps_position)| Scenario {
                records,
                keys,
                batch,
                window: batch + more,
                lives_ms,
                seed,
                refuse,
                keeps_position,
            },
        )
}

async fn live(scenario: Scenario) -> Result<(), TestCaseError> {
    let log = MemoryLog::new(1);
    for n in 0..scenario.records {
        let mut record = record(n, &format!("key-{}", n % scenario.keys));
        if n % 17 == 16 {
            record.value = "no event".into();
        }
        log.append(0, record);
    }
    log.refuse(scenario.refuse);
    // What is really settled: delivered, or a dead letter in the log.
    let delivered = Arc::new(Mutex::new(HashSet::new()));
    let order = Arc::new(Mutex::new(Vec::new()));
    let config = Config {
        batch_max_records: scenario.batch,
        window_records: scenario.window,
        valve_window: 0,
        retry_max_attempts: 4,
        ..Config::default()
    };
    let lives = scenario.lives_ms.iter().map(|ms| Some(*ms)).chain([None]);
    let position: Arc<Mutex<Option<Offset>>> = Arc::default();
    let mut checked = 0;
    for (life, lifetime) in lives.enumerate() {
        let mut random = fastrand::Rng::with_seed(scenario.seed.wrapping_add(life as u64));
        let (delivered_to, ordered) = (Arc::clone(&delivered), Arc::clone(&order));
        let kept = Arc::clone(&position);
        let mut sink = ScriptedSink::plain(move |batch| {
            if random.u8(..) < 40 {
                return Err(Unavailable {
                    sink: schemas::name::SinkName::new("postgres").expect("valid"),
                    reason: "away".to_owned(),
                });
            }
            // Like a sink that keeps order by key: what follows a retry is held.
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
                        delivered_to.lock().expect("no panic").insert(n);
                        ordered.lock().expect("no panic").push((life, n));
                    }
                    Outcome::Rejected { .. } | Outcome::Held => {}
                }
                outcome
            });
            let outcomes: Vec<Outcome> = outcomes.collect();
            if scenario.keeps_position {
                let mut deliveries = batch.deliveries.iter().zip(&outcomes);
                let open = deliveries.find(|(_, outcome)| **outcome != Outcome::Delivered);
                let settled = batch.progress.as_ref().expect("a partition waits").next;
                let next = open.map_or(settled, |(d, _)| d.record.offset.min(settled));
                let mut kept = kept.lock().expect("no panic");
                *kept = (*kept).max(Some(next));
            }
            Ok(outcomes)
        });
        *sink.position.lock().expect("no panic") = *position.lock().expect("no panic");
        sink.keeps = scenario.keeps_position;
        let sink = Arc::new(sink);
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
        // Progress never passed a record that was not settled.
        let letters: HashSet<u64> = log.dead_letters().iter().map(number).collect();
        let delivered = delivered.lock().expect("no panic").clone();
        let stores = log.stores();
        let positions = stores[checked..].iter().map(|(_, next)| *next);
        for next in positions.chain(*position.lock().expect("no panic")) {
            for n in 0..u64::try_from(next.0).expect("positive") {
                prop_assert!(delivered.contains(&n) || letters.contains(&n), "{} was skipped", n);
            }
        }
        checked = stores.len();
    }
    // Within one life, what was delivered of one key was delivered in order.
    let order = order.lock().expect("no panic").clone();
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
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_is_skipped_whenever_the_worker_dies(scenario in scenario()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(live(scenario))?;
    }
}
