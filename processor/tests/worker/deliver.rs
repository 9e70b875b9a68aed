//! Deliveries: order, retries, a sink or a log that is unavailable. In paused time.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::stage::sink::{ScriptedSink, each, retry};
use crate::stage::{eventually, number, record, worker_in, worker_with};
use harness::memory_log::MemoryLog;
use processor::{Config, Status, WorkerError};
use prometheus_client::registry::Registry;
use schemas::log::LogError;
use schemas::name::SinkName;
use schemas::record::Offset;
use schemas::sink::{Batch, Outcome, Target, Unavailable};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Starts a worker over `count` records in partition 0, each with its own key.
pub(crate) fn start(
    count: u64,
    sink: &Arc<ScriptedSink>,
    config: Config,
) -> (
    Arc<MemoryLog>,
    CancellationToken,
    tokio::task::JoinHandle<Result<(), WorkerError>>,
) {
    let log = MemoryLog::new(1);
    for n in 0..count {
        log.append(0, record(n, &format!("key-{n}")));
    }
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, sink, None, config).run(shutdown.clone()));
    (log, shutdown, run)
}

pub(crate) async fn stop(shutdown: CancellationToken, run: tokio::task::JoinHandle<Result<(), WorkerError>>) {
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn events_are_delivered_in_order_and_progress_follows() {
    let sink = ScriptedSink::new(each(|_, _| Outcome::Delivered));
    let (log, shutdown, run) = start(2_500, &sink, Config::default());
    eventually("all is stored", || log.stored(0) == 2_500).await;
    assert_eq!(sink.offsets(0), (0..2_500).collect::<Vec<i64>>());
    log.append(0, record(2_500, "late"));
    eventually("the late one is stored", || log.stored(0) == 2_501).await;
    stop(shutdown, run).await;
    assert!(log.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_delivered_later_and_only_its_own_sequence_waits() {
    let sink = ScriptedSink::new(each(|n, attempt| {
        if n == 0 && attempt < 4 {
            retry()
        } else {
            Outcome::Delivered
        }
    }));
    let log = MemoryLog::new(1);
    for n in 0..20 {
        log.append(0, record(n, if n % 2 == 0 { "even" } else { "odd" }));
    }
    // One at a time, so that the batch of the first attempt holds nothing else.
    let config = Config {
        batch_max_records: 1,
        ..Config::default()
    };
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, None, config).run(shutdown.clone()));
    eventually("the odd ones are delivered", || sink.offsets(0).len() == 10).await;
    assert!(
        sink.offsets(0).iter().all(|offset| offset % 2 == 1),
        "{:?}",
        sink.offsets(0)
    );
    assert_eq!(log.stored(0), 0, "nothing is settled before the first");
    eventually("all is stored", || log.stored(0) == 20).await;
    let delivered = sink.delivered();
    let even: Vec<i64> = delivered.iter().map(|d| d.offset).filter(|o| o % 2 == 0).collect();
    assert_eq!(
        even,
        (0..20).step_by(2).collect::<Vec<i64>>(),
        "in order within the sequence"
    );
    let first = delivered.iter().find(|d| d.offset == 0).expect("delivered");
    assert_eq!(first.attempt, 4);
    assert!(delivered.iter().filter(|d| d.offset != 0).all(|d| d.attempt == 1));
    stop(shutdown, run).await;
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_a_target_asks_for_is_kept() {
    let later = Outcome::Retry {
        after: Some(Duration::from_mins(2)),
        reason: "429".to_owned(),
    };
    let sink = ScriptedSink::new(each(move |_, attempt| {
        if attempt == 1 {
            later.clone()
        } else {
            Outcome::Delivered
        }
    }));
    let begin = Instant::now();
    let (log, shutdown, run) = start(1, &sink, Config::default());
    eventually("it is stored", || log.stored(0) == 1).await;
    assert!(
        (120..=122).contains(&begin.elapsed().as_secs()),
        "{:?}",
        begin.elapsed()
    );
    stop(shutdown, run).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_held_back_has_all_its_attempts_left() {
    // All of one key: the first fails twice, those after it are not tried.
    let sink = ScriptedSink::new(|batch: &Batch| {
        let failing = batch
            .deliveries
            .iter()
            .any(|d| number(&d.record.record) == 0 && d.attempt < 3);
        Ok(batch
            .deliveries
            .iter()
            .map(|d| match number(&d.record.record) {
                0 if failing => retry(),
                _ if failing => Outcome::Held,
                _ => Outcome::Delivered,
            })
            .collect())
    });
    let log = MemoryLog::new(1);
    for n in 0..4 {
        log.append(0, record(n, "key"));
    }
    let config = Config {
        retry_max_attempts: 3,
        ..Config::default()
    };
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, None, config).run(shutdown.clone()));
    eventually("all is stored", || log.stored(0) == 4).await;
    stop(shutdown, run).await;
    let attempts: Vec<(i64, u32)> = sink.delivered().iter().map(|d| (d.offset, d.attempt)).collect();
    assert_eq!(attempts, [(0, 3), (1, 1), (2, 1), (3, 1)]);
    assert!(log.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_sink_costs_no_attempt_and_loses_nothing() {
    let begin = Instant::now();
    let sink = ScriptedSink::new(move |batch| {
        if begin.elapsed() < Duration::from_hours(5) {
            return Err(Unavailable {
                sink: SinkName::new("postgres").expect("valid"),
                reason: "connection refused".to_owned(),
            });
        }
        Ok(batch.deliveries.iter().map(|_| Outcome::Delivered).collect())
    });
    let log = MemoryLog::new(1);
    log.append(0, record(0, "k"));
    let worker = worker_with(&log, &sink, None, Config::default());
    let status = worker.status();
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker.run(shutdown.clone()));
    eventually("the status shows it", || !status.snapshot().stalled.is_empty()).await;
    assert_eq!(status.snapshot().stalled[0].1, "connection refused");
    assert_eq!(log.stored(0), 0);
    tokio::time::sleep(Duration::from_hours(5)).await;
    eventually("it is stored", || log.stored(0) == 1).await;
    assert!(status.snapshot().stalled.is_empty());
    assert_eq!(sink.delivered()[0].attempt, 1);
    assert!(status.snapshot().since_poll.expect("polled") < Duration::from_secs(3));
    stop(shutdown, run).await;
}

#[tokio::test(start_paused = true)]
async fn each_target_is_delivered_and_retried_on_its_own() {
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let mut sink = ScriptedSink::plain(move |batch| {
        let judge = |d: &schemas::sink::Delivery| {
            seen.lock()
                .expect("no panic")
                .push((number(&d.record.record), d.target.to_string(), d.attempt));
            if d.target == Target::Named("bad".to_owned()) && d.attempt < 3 {
                retry()
            } else {
                Outcome::Delivered
            }
        };
        Ok(batch.deliveries.iter().map(judge).collect())
    });
    sink.targets = vec![Target::Named("good".to_owned()), Target::Named("bad".to_owned())];
    let sink = Arc::new(sink);
    let (log, shutdown, run) = start(1, &sink, Config::default());
    eventually("it is stored", || log.stored(0) == 1).await;
    stop(shutdown, run).await;
    let attempts: Vec<(String, u32)> = attempts
        .lock()
        .expect("no panic")
        .iter()
        .map(|(_, t, a)| (t.clone(), *a))
        .collect();
    let expected = [("good", 1), ("bad", 1), ("bad", 2), ("bad", 3)].map(|(t, a)| (t.to_owned(), a));
    assert_eq!(attempts, expected);
}

#[tokio::test(start_paused = true)]
async fn events_that_no_rule_matches_are_settled_and_the_sink_gets_a_checkpoint() {
    let mut sink = ScriptedSink::plain(each(|_, _| Outcome::Delivered));
    sink.keeps = true;
    let sink = Arc::new(sink);
    let log = MemoryLog::new(1);
    (0..100).for_each(|n| log.append(0, record(n, "k")));
    let rules = "rules: [{ name: none, when: 'event.type == \"ticket.created\"', to: [postgres] }]";
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, Some(rules), Config::default()).run(shutdown.clone()));
    eventually("all is stored", || log.stored(0) == 100).await;
    eventually("a checkpoint is made", || sink.checkpoints() == [(0, Offset(100))]).await;
    assert!(sink.delivered().is_empty());
    stop(shutdown, run).await;
    assert_eq!(sink.checkpoints().len(), 1, "no second one for the same progress");
}

#[tokio::test(start_paused = true)]
async fn a_crash_repeats_no_more_than_the_bound() {
    let status: Arc<OnceLock<Arc<Status>>> = Arc::default();
    let shared_status = Arc::clone(&status);
    // While it delivers, it is no longer stalled.
    let sink = ScriptedSink::new(each(move |n, _| {
        let shared_status = shared_status.get().map(|status| status.snapshot().stalled);
        assert!(
            shared_status.is_some_and(|stalled| stalled.is_empty()),
            "stalled at {n}"
        );
        Outcome::Delivered
    }));
    let log = MemoryLog::new(1);
    (0..2_000).for_each(|n| log.append(0, record(n, "k")));
    log.hold_commits(true);
    let shutdown = CancellationToken::new();
    let worker = worker_with(&log, &sink, None, Config::default());
    let status = status.get_or_init(|| worker.status());
    let run = tokio::spawn(worker.run(shutdown.clone()));
    eventually("a commit is asked for", || log.commits_asked() > 0).await;
    eventually("the bound is reached", || sink.delivered().len() == 1_000).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(sink.delivered().len(), 1_000, "the rest waits for a commit");
    let reason = "progress does not become durable, deliveries wait for it";
    assert_eq!(status.snapshot().stalled[0].1, reason);
    log.hold_commits(false);
    eventually("all is delivered", || sink.delivered().len() == 2_000).await;
    stop(shutdown, run).await;
}

#[tokio::test(start_paused = true)]
async fn a_canary_is_seen_and_delivered_to_no_one() {
    let sink = ScriptedSink::new(each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(2);
    log.append(0, record(0, "k"));
    for partition in [0, 1] {
        log.append(partition, schemas::canary::record(schemas::time::Timestamp::now()));
    }
    let worker = worker_with(&log, &sink, None, Config::default());
    let status = worker.status();
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker.run(shutdown.clone()));
    eventually("progress is past the canaries", || {
        log.stored(0) == 2 && log.stored(1) == 1
    })
    .await;
    assert_eq!(status.canary_ages().len(), 2);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let seen = status.snapshot().canaries;
    assert!(
        seen.iter().all(|(_, since)| *since >= Duration::from_mins(1)),
        "{seen:?}"
    );
    assert_eq!((sink.delivered().len(), log.dead_letters().len()), (1, 0));
    stop(shutdown, run).await;
}

#[tokio::test(start_paused = true)]
async fn a_lag_that_cannot_be_measured_is_not_exported() {
    let mut registry = Registry::default();
    let sink = ScriptedSink::new(each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(1);
    log.append(0, record(0, "k"));
    let worker = worker_in(&mut registry, &log, &sink, None, Config::default());
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker.run(shutdown.clone()));
    let shown = || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("metrics");
        let lag = text.contains("forebay_processor_lag_records{");
        let failures = text
            .lines()
            .any(|l| l.starts_with("forebay_processor_lag_failures_total") && l.ends_with(" 1"));
        (lag, failures)
    };
    eventually("the lag is exported", || shown() == (true, false)).await;
    log.fail_lag();
    eventually("the lag is no longer exported", || shown() == (false, true)).await;
    stop(shutdown, run).await;
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_log_is_waited_for_and_lost_progress_is_not() {
    let sink = ScriptedSink::new(each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(1);
    log.append(0, record(0, "k"));
    (0..3).for_each(|_| log.fail_reading(LogError::Unavailable("broker away".to_owned())));
    let run = tokio::spawn(worker_with(&log, &sink, None, Config::default()).run(CancellationToken::new()));
    eventually("it is stored", || log.stored(0) == 1).await;
    log.fail_reading(LogError::Misconfigured("the topic is gone".to_owned()));
    log.append(0, record(1, "k"));
    let error = run.await.expect("no panic").expect_err("this does not pass");
    assert_eq!(error.to_string(), "event log misconfigured: the topic is gone");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_ends_the_worker_and_is_named() {
    let sink = ScriptedSink::new(each(|n, _| {
        assert_ne!(n, 3, "the sink's own bug");
        Outcome::Delivered
    }));
    let config = Config {
        batch_max_records: 2,
        ..Config::default()
    };
    let (log, _shutdown, run) = start(10, &sink, config);
    let error = run
        .await
        .expect("no panic of the worker")
        .expect_err("it must not be silent");
    let text = error.to_string();
    assert!(
        text.starts_with("the task of events[0] for sink `postgres` panicked: "),
        "{text}"
    );
    assert!(text.contains("the sink's own bug"), "{text}");
    assert_eq!(log.stored(0), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_miscounts_ends_the_worker() {
    let sink = ScriptedSink::new(|_| Ok(vec![]));
    let (log, _shutdown, run) = start(2, &sink, Config::default());
    let error = run.await.expect("no panic").expect_err("a bug of the sink");
    assert_eq!(
        error.to_string(),
        "sink `postgres` returned 0 outcomes for 2 deliveries; this is a bug of the sink"
    );
    assert_eq!(log.stored(0), 0);
}
