//! Targets that have nothing to do with one another: what one does costs no other anything. In paused time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::memory_log::MemoryLog;
use processor::Config;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use schemas::sink::{Batch, Delivery, Outcome, Target};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::deliver::stop;
use crate::stage::sink::{ScriptedSink, each, retry};
use crate::stage::{eventually, number, record, worker_in, worker_with};

/// A sink with two targets, of which `slow` takes as long as `delay` says.
fn two_targets(
    delay: fn(&Batch) -> Duration,
    answer: impl FnMut(&Batch) -> Result<Vec<Outcome>, schemas::sink::Unavailable> + Send + 'static,
) -> Arc<ScriptedSink> {
    let mut sink = ScriptedSink::plain(answer);
    sink.targets = vec![Target::Named("quick".into()), Target::Named("slow".into())];
    sink.delay = delay;
    sink.apart = true;
    Arc::new(sink)
}

fn is_slow(batch: &Batch) -> bool {
    batch.deliveries[0].target == Target::Named("slow".into())
}

fn offsets_of(sink: &ScriptedSink, target: &str) -> Vec<i64> {
    let ours = |d: &crate::stage::sink::Delivered| (d.target == target).then_some(d.offset);
    sink.delivered().iter().filter_map(ours).collect()
}

/// Of 1500 events with so many keys, all are at the target `quick` within seconds, whatever becomes of the others.
async fn the_quick_one_has_all_soon(sink: &Arc<ScriptedSink>, keys: u64) {
    let log = MemoryLog::new(1);
    (0..1_500).for_each(|n| log.append(0, record(n, &format!("key-{}", n % keys))));
    let begin = Instant::now();
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, sink, None, Config::default()).run(shutdown.clone()));
    eventually("the other has all", || offsets_of(sink, "quick").len() == 1_500).await;
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_never_answers_holds_up_no_other() {
    let hangs = |batch: &Batch| Duration::from_millis(if is_slow(batch) { 3_600_000 } else { 1 });
    let sink = two_targets(hangs, each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(1);
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, None, Config::default()).run(shutdown.clone()));
    // From the first event on, and for as long as the window has room.
    for n in 0..1_500 {
        let sent = Instant::now();
        log.append(0, record(n, &format!("key-{}", n % 200)));
        eventually("the other has it", || {
            offsets_of(&sink, "quick").last() == Some(&(n.cast_signed()))
        })
        .await;
        assert!(
            sent.elapsed() < Duration::from_millis(50),
            "event {n} took {:?}",
            sent.elapsed()
        );
    }
    assert_eq!(
        (log.stored(0), offsets_of(&sink, "slow")),
        (0, vec![]),
        "nothing of it is settled"
    );
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_backlog_for_a_target_that_never_answers_leaves_room_for_the_others() {
    let hangs = |batch: &Batch| Duration::from_millis(if is_slow(batch) { 3_600_000 } else { 1 });
    let sink = two_targets(hangs, each(|_, _| Outcome::Delivered));
    // Few keys, so that each batch for it is large.
    the_quick_one_has_all_soon(&sink, 40).await;
}

#[tokio::test(start_paused = true)]
async fn many_targets_that_never_answer_leave_room_for_the_others() {
    let hangs = |batch: &Batch| {
        let quick = batch.deliveries[0].target == Target::Named("quick".into());
        Duration::from_millis(if quick { 1 } else { 3_600_000 })
    };
    let mut sink = ScriptedSink::plain(each(|_, _| Outcome::Delivered));
    sink.targets = (0..12).map(|n| Target::Named(format!("slow-{n}"))).collect();
    sink.targets.push(Target::Named("quick".into()));
    (sink.delay, sink.apart) = (hangs, true);
    let sink = Arc::new(sink);
    the_quick_one_has_all_soon(&sink, 300).await;
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_by_key_and_target_whatever_fails() {
    // A fifth fails the first two times, and the times vary by target.
    let delay = |batch: &Batch| {
        let offset = batch.deliveries[0].record.offset.0.unsigned_abs();
        Duration::from_millis(if is_slow(batch) { 20 + offset % 7 } else { offset % 3 })
    };
    let fails = |batch: &Batch| {
        let mut held = false;
        let judge = |d: &Delivery| {
            let outcome = match number(&d.record.record) % 5 {
                _ if held => Outcome::Held,
                3 if d.attempt < 3 => retry(),
                _ => Outcome::Delivered,
            };
            held |= outcome != Outcome::Delivered;
            outcome
        };
        Ok(batch.deliveries.iter().map(judge).collect())
    };
    let sink = two_targets(delay, fails);
    let log = MemoryLog::new(1);
    for n in 0..600 {
        log.append(0, record(n, &format!("key-{}", n % 37)));
    }
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, None, Config::default()).run(shutdown.clone()));
    eventually("all is stored", || log.stored(0) == 600).await;
    stop(shutdown, run).await;
    for target in ["quick", "slow"] {
        let delivered = offsets_of(&sink, target);
        let mut by_key: HashMap<i64, Vec<i64>> = HashMap::new();
        for offset in &delivered {
            by_key.entry(offset % 37).or_default().push(*offset);
        }
        assert!(
            by_key.values().all(|offsets| offsets.is_sorted()),
            "{target}: {by_key:?}"
        );
        assert_eq!(delivered.len(), 600, "{target} gets each once");
    }
    assert!(log.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn batches_hold_one_sequence_and_of_each_only_one_is_under_way() {
    type UnderWay = Arc<Mutex<Vec<(Target, String)>>>;
    let seen: UnderWay = UnderWay::default();
    let note = Arc::clone(&seen);
    let sink = two_targets(
        |_| Duration::from_millis(5),
        move |batch: &Batch| {
            let key = |d: &Delivery| String::from_utf8_lossy(&d.record.record.key).into_owned();
            let first = &batch.deliveries[0];
            assert!(
                batch
                    .deliveries
                    .iter()
                    .all(|d| d.target == first.target && key(d) == key(first))
            );
            note.lock().expect("no panic").push((first.target.clone(), key(first)));
            Ok(vec![Outcome::Delivered; batch.deliveries.len()])
        },
    );
    let log = MemoryLog::new(1);
    for n in 0..64 {
        log.append(0, record(n, if n % 2 == 0 { "even" } else { "odd" }));
    }
    let begin = Instant::now();
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, None, Config::default()).run(shutdown.clone()));
    eventually("all is stored", || log.stored(0) == 64).await;
    // Four sequences beside each other, each of 32 in batches of 16, one after the other.
    assert_eq!(seen.lock().expect("no panic").len(), 8);
    assert!(begin.elapsed() < Duration::from_millis(100), "{:?}", begin.elapsed());
    stop(shutdown, run).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_under_way_and_stores_the_progress_of_the_rest() {
    let delay = |batch: &Batch| Duration::from_millis(if is_slow(batch) { 800 } else { 1 });
    let sink = two_targets(delay, each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(1);
    for n in 0..20 {
        log.append(0, record(n, &format!("key-{n}")));
    }
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, None, Config::default()).run(shutdown.clone()));
    eventually("the quick one has all", || offsets_of(&sink, "quick").len() == 20).await;
    stop(shutdown, run).await;
    assert_eq!((log.stored(0), offsets_of(&sink, "slow").len()), (20, 20));
}

#[tokio::test(start_paused = true)]
async fn what_the_window_cannot_hold_any_more_is_given_up_and_the_others_go_on() {
    let hangs = |batch: &Batch| Duration::from_millis(if is_slow(batch) { 36_000_000 } else { 1 });
    let sink = two_targets(hangs, each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(1);
    let config = Config {
        window_records: 500,
        ..Config::default()
    };
    for n in 0..700 {
        log.append(0, record(n, &format!("key-{n}")));
    }
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, None, config).run(shutdown.clone()));
    eventually("the other has all", || offsets_of(&sink, "quick").len() == 700).await;
    assert!(!log.dead_letters().is_empty());
    // What is under way is never given up: its outcome is not known.
    assert!(log.stored(0) < 64, "{}", log.stored(0));
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn no_more_is_given_up_while_dead_letters_that_make_room_are_being_written() {
    let hangs = |batch: &Batch| Duration::from_millis(if is_slow(batch) { 36_000_000 } else { 1 });
    let sink = two_targets(hangs, each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(1);
    log.publishes_slowly(Duration::from_secs(5));
    for n in 0..700 {
        log.append(0, record(n, &format!("key-{n}")));
    }
    let mut registry = Registry::default();
    let config = Config {
        window_records: 500,
        ..Config::default()
    };
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_in(&mut registry, &log, &sink, None, config).run(shutdown.clone()));
    let given_up = || {
        let mut text = String::new();
        encode(&mut text, &registry).expect("text");
        let line = text.lines().find(|line| line.contains(r#"outcome="exhausted""#));
        line.map_or(0, |line| {
            line.rsplit(' ')
                .next()
                .map_or(0, |value| value.parse().expect("a number"))
        })
    };
    eventually("some are given up", || given_up() > 0).await;
    // Others go on, and wake the task, meanwhile.
    for _ in 0..200 {
        let unwritten = given_up() - log.dead_letters().len();
        assert!(unwritten <= 500 / 8, "{unwritten} at once");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(log.dead_letters().len() > 100);
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_stop_and_a_revocation_take_no_longer_than_what_is_under_way() {
    let sink = two_targets(|_| Duration::from_millis(300), each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(2);
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, None, Config::default()).run(shutdown.clone()));
    for partition in [0, 1] {
        log.append(partition, record(1, "key"));
        eventually("it is stored", || log.stored(partition) == 1).await;
    }
    let begin = Instant::now();
    log.revoke(&[0]).await;
    assert!(
        begin.elapsed() < Duration::from_millis(100),
        "idle: {:?}",
        begin.elapsed()
    );
    log.append(1, record(2, "key"));
    // The batch begins.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begin = Instant::now();
    stop(shutdown, run).await;
    assert!(
        begin.elapsed() < Duration::from_millis(500),
        "busy: {:?}",
        begin.elapsed()
    );
    assert_eq!(log.stored(1), 2);
}
