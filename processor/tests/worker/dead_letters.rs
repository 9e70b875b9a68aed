//! Dead letters, and the valve that stops a worker before everything is one. In paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::deliver::{start, stop};
use crate::stage::sink::{ScriptedSink, each, rejected, retry};
use crate::stage::{eventually, record, worker_with};
use harness::memory_log::MemoryLog;
use processor::{Config, WorkerError};
use schemas::sink::Outcome;
use tokio_util::sync::CancellationToken;

#[tokio::test(start_paused = true)]
async fn a_rejected_delivery_becomes_a_dead_letter_that_keeps_everything() {
    let sink = ScriptedSink::new(each(|n, _| if n == 3 { rejected() } else { Outcome::Delivered }));
    let (log, shutdown, run) = start(10, &sink, Config::default());
    eventually("all is stored", || log.stored(0) == 10).await;
    stop(shutdown, run).await;
    let letters = log.dead_letters();
    assert_eq!(letters.len(), 1);
    let (letter, original) = (&letters[0], record(3, "key-3"));
    assert_eq!((&letter.key, &letter.value), (&original.key, &original.value));
    assert_eq!(
        letter.headers[..1],
        original.headers[..],
        "the original headers come first"
    );
    let header = |name| letter.header(name).map(|v| String::from_utf8_lossy(v).into_owned());
    assert_eq!(header("fb_sink").as_deref(), Some("postgres"));
    assert_eq!(header("fb_target"), None);
    assert_eq!(header("fb_reason").as_deref(), Some("the test says no"));
    assert_eq!(header("fb_attempts").as_deref(), Some("1"));
    assert_eq!(header("fb_position").as_deref(), Some("events[0]@3"));
    assert_eq!(header("fb_rules_version").map(|v| v.len()), Some(12));
    assert!(header("fb_time").is_some());
    assert_eq!(sink.offsets(0).len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_never_succeeds_is_given_up_after_its_attempts() {
    let tries = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    let sink = ScriptedSink::new(each(move |n, _| {
        if n == 1 {
            counted.fetch_add(1, Ordering::Relaxed);
            retry()
        } else {
            Outcome::Delivered
        }
    }));
    let (log, shutdown, run) = start(3, &sink, Config::default());
    eventually("all is stored", || log.stored(0) == 3).await;
    stop(shutdown, run).await;
    assert_eq!(tries.load(Ordering::Relaxed), 8);
    let letter = &log.dead_letters()[0];
    assert_eq!(letter.header("fb_attempts"), Some(&b"8"[..]));
    assert_eq!(
        letter.header("fb_reason"),
        Some(&b"given up after 8 attempts: the test says later"[..])
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_written_is_not_settled() {
    let sink = ScriptedSink::new(each(|n, _| if n == 2 { rejected() } else { Outcome::Delivered }));
    let log = MemoryLog::new(1);
    (0..5).for_each(|n| log.append(0, record(n, "k")));
    log.refuse(12);
    let worker = worker_with(&log, &sink, None, Config::default());
    let status = worker.status();
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker.run(shutdown.clone()));
    eventually("the rest is delivered", || sink.offsets(0) == [0, 1, 3, 4]).await;
    eventually("eleven tries have failed", || log.refused() == 11).await;
    assert_eq!(log.stored(0), 2, "nothing from the rejected one on is settled");
    assert!(
        status.snapshot().stalled[0]
            .1
            .contains("dead letters cannot be written")
    );
    eventually("all is stored", || log.stored(0) == 5).await;
    assert_eq!(log.dead_letters().len(), 1);
    assert!(status.snapshot().stalled.is_empty());
    stop(shutdown, run).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_the_log_can_never_accept_ends_the_worker() {
    let sink = ScriptedSink::new(each(|_, _| rejected()));
    let log = MemoryLog::new(1);
    log.append(0, record(0, "k"));
    log.takes_nothing();
    let worker = worker_with(&log, &sink, None, Config::default());
    let status = worker.status();
    let error = worker.run(CancellationToken::new()).await.expect_err("it cannot go on");
    let expected = "sink `postgres` gave up the record events[0]@0, and its dead letter is more than topic `dead-letters` \
                    takes (10 bytes): raise that topic's record size above that of the events";
    assert_eq!(error.to_string(), expected);
    assert_eq!(status.snapshot().ended.as_deref(), Some(expected));
    assert_eq!(log.stored(0), 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_not_an_event_is_a_dead_letter_without_attempts() {
    let sink = ScriptedSink::new(each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(1);
    let mut broken = record(0, "k");
    broken.value = "nonsense".into();
    log.append(0, broken);
    log.append(0, record(1, "k"));
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, None, Config::default()).run(shutdown.clone()));
    eventually("all is stored", || log.stored(0) == 2).await;
    stop(shutdown, run).await;
    let letter = &log.dead_letters()[0];
    assert_eq!(&letter.value[..], b"nonsense");
    assert_eq!(letter.header("fb_attempts"), Some(&b"0"[..]));
    let reason = String::from_utf8_lossy(letter.header("fb_reason").expect("a reason")).into_owned();
    assert!(reason.starts_with("the record is not an event: "), "{reason}");
    assert_eq!(letter.header("fb_rules_version"), None);
    assert_eq!(sink.offsets(0), [1]);
}

#[tokio::test(start_paused = true)]
async fn the_valve_stops_the_worker_before_everything_is_a_dead_letter() {
    let sink = ScriptedSink::new(each(|_, _| rejected()));
    let config = Config {
        batch_max_records: 50,
        valve_window: 100,
        ..Config::default()
    };
    let (log, _shutdown, run) = start(10_000, &sink, config);
    let error = run.await.expect("no panic").expect_err("the valve");
    let text = error.to_string();
    assert!(
        matches!(
            error,
            WorkerError::Valve {
                failures: 100,
                outcomes: 100,
                ..
            }
        ),
        "{text}"
    );
    assert!(
        text.contains("`postgres` failed 100 of the last 100") && text.contains("the test says no"),
        "{text}"
    );
    assert_eq!(
        log.dead_letters().len(),
        50,
        "the batch that tripped it is not dead-lettered"
    );
    assert_eq!(log.stored(0), 50, "and not settled");
}

#[tokio::test(start_paused = true)]
async fn what_another_partition_has_delivered_is_settled_when_the_valve_trips() {
    let mut sink = ScriptedSink::plain(|batch| {
        let healthy = batch.deliveries[0].partition.index == 1;
        let outcome = |_| if healthy { Outcome::Delivered } else { rejected() };
        Ok(batch.deliveries.iter().map(outcome).collect())
    });
    sink.delay = |batch| Duration::from_secs(if batch.deliveries[0].partition.index == 1 { 5 } else { 1 });
    let log = MemoryLog::new(2);
    for n in 0..10 {
        log.append(0, record(n, "a"));
        log.append(1, record(n, "b"));
    }
    let config = Config {
        valve_window: 10,
        ..Config::default()
    };
    let worker = worker_with(&log, &Arc::new(sink), None, config);
    worker.run(CancellationToken::new()).await.expect_err("the valve");
    assert_eq!((log.stored(0), log.stored(1)), (0, 10));
    assert!(log.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn some_failures_do_not_trip_the_valve() {
    let sink = ScriptedSink::new(each(|n, _| if n % 10 < 8 { rejected() } else { Outcome::Delivered }));
    let (log, shutdown, run) = start(3_000, &sink, Config::default());
    eventually("all is stored", || log.stored(0) == 3_000).await;
    assert_eq!(log.dead_letters().len(), 2_400);
    stop(shutdown, run).await;
}
