//! Partitions are assigned and revoked: nothing is skipped, and one partition does not delay another.

use std::sync::Arc;
use std::time::Duration;

use crate::stage::sink::{ScriptedSink, each, rejected, retry};
use crate::stage::{eventually, record, worker_in, worker_with};
use harness::memory_log::MemoryLog;
use processor::{Config, WorkerError};
use prometheus_client::registry::Registry;
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
async fn the_progress_that_a_sink_keeps_wins() {
    let mut sink = ScriptedSink::plain(each(|_, _| Outcome::Delivered));
    sink.keeps = true;
    let sink = Arc::new(sink);
    *sink.progress.lock().expect("no panic") = Some(Offset(7));
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
        r#"target_dead_letters_total{sink="postgres",target=""} 2"#,
        r#"delivery_age_seconds_count{sink="postgres"} 8"#,
        r#"oldest_unsettled_seconds{sink="postgres"} 0.0"#,
        r#"partitions{sink="postgres"} 1.0"#,
        r#"joined{sink="postgres"} 1.0"#,
        r#"rebalances_total{sink="postgres",change="assigned"} 1"#,
        r#"rebalances_total{sink="postgres",change="revoked"} 0"#,
        r#"valve_failures_ratio{sink="postgres",valve="deliveries"} 0.2"#,
        r#"valve_failures_ratio{sink="postgres",valve="routing"} 0.0"#,
        r#"valve_tripped{sink="postgres",valve="deliveries"} 0.0"#,
        r#"rule_matches_total{sink="postgres",rule="everything"} 10"#,
        r#"lag_records{sink="postgres",topic="events",partition="0"} 0"#,
        r#"in_flight_records{sink="postgres",topic="events",partition="0"} 0"#,
    ] {
        let line = format!("forebay_processor_{line}\n");
        assert!(shown.contains(&line), "{line} is not in\n{shown}");
    }
    log.revoke(&[0]).await;
    let shown = text(&registry);
    assert!(!shown.contains("partition="), "{shown}");
    for line in [
        r#"partitions{sink="postgres"} 0.0"#,
        r#"rebalances_total{sink="postgres",change="revoked"} 1"#,
    ] {
        assert!(
            shown.contains(&format!("forebay_processor_{line}\n")),
            "{line} is not in\n{shown}"
        );
    }
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_says_why_before_its_other_partitions_have_drained() {
    let mut sink = ScriptedSink::plain(each(|_, _| rejected()));
    sink.delay = |batch| Duration::from_secs(if batch.deliveries[0].partition.index == 1 { 8 } else { 1 });
    let sink = Arc::new(sink);
    let log = MemoryLog::new(2);
    log.append(1, record(0, "other"));
    (0..5).for_each(|n| log.append(0, record(n, "key")));
    let config = Config {
        valve_window: 5,
        ..Config::default()
    };
    let worker = worker_with(&log, &sink, None, config);
    let status = worker.status();
    let run = tokio::spawn(worker.run(CancellationToken::new()));
    eventually("the reason is shown", || status.snapshot().ended.is_some()).await;
    assert!(!run.is_finished(), "the other partition is still at its batch");
    let ended = run.await.expect("no panic");
    assert!(matches!(ended, Err(WorkerError::Valve { .. })), "{ended:?}");
}
