//! What is logged about a target that fails, and about a resource that the process lacks: the beginning and the end,
//! not every attempt between; and about a rule that cannot be evaluated.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::stage::sink::{ScriptedSink, lack, retry};
use crate::stage::{eventually, number, record, worker_in, worker_with};
use harness::memory_log::MemoryLog;
use processor::Config;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use schemas::sink::{Delivery, Outcome, Target};
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps every line.
#[derive(Debug, Default, Clone)]
pub(crate) struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Lines {
    pub(crate) fn of(&self, level: Level) -> Vec<String> {
        let lines = self.0.lock().expect("no panic");
        lines
            .iter()
            .filter(|(l, _)| *l == level)
            .map(|(_, text)| text.clone())
            .collect()
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("processor")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                write!(self.0, "{field}={value:?} ").expect("a string takes everything");
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        let line = (*event.metadata().level(), text.0);
        self.0.lock().expect("no panic").push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn a_failing_target_is_logged_when_it_begins_and_when_it_recovers() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let mut sink = ScriptedSink::plain(|batch| {
        let judge = |d: &Delivery| {
            let bad = d.target == Target::Named("bad".to_owned());
            if bad && d.attempt < 4 {
                retry()
            } else {
                Outcome::Delivered
            }
        };
        Ok(batch.deliveries.iter().map(judge).collect())
    });
    sink.targets = vec![Target::Named("good".to_owned()), Target::Named("bad".to_owned())];
    // Two partitions with several keys each: it is one target, hence one failure.
    let log = MemoryLog::new(2);
    for n in 0..6 {
        let record = record(n, &format!("key-{n}"));
        assert_eq!(number(&record), n);
        log.append(i32::from(n % 2 == 1), record);
    }
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &Arc::new(sink), None, Config::default()).run(shutdown.clone()));
    eventually("all is stored", || log.stored(0) == 3 && log.stored(1) == 3).await;
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");

    let warnings = lines.of(Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    for part in [
        "sink=postgres ",
        "target=bad ",
        "event_id=019cd7f6-f0e0-82b2-9fbf-00000000000",
        "error=\"",
        "wait_ms=",
        "attempt=1 ",
    ] {
        assert!(warnings[0].contains(part), "{part} is not in {}", warnings[0]);
    }
    let again = |text: &String| text.contains("takes deliveries again");
    let infos: Vec<String> = lines.of(Level::INFO).into_iter().filter(again).collect();
    assert_eq!(infos.len(), 1, "{infos:#?}");
    assert!(infos[0].contains("target=bad "), "{}", infos[0]);
    let debug = lines.of(Level::DEBUG);
    let retries = debug.iter().filter(|text| text.contains("trying again")).count();
    assert_eq!(retries, 6 * 3 - 1, "all but the one that was a warning");
}

#[tokio::test(start_paused = true)]
async fn many_targets_that_fail_at_once_have_few_lines_and_a_count() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let mut sink = ScriptedSink::plain(|batch| {
        let judge = |d: &Delivery| if d.attempt < 2 { retry() } else { Outcome::Delivered };
        Ok(batch.deliveries.iter().map(judge).collect())
    });
    sink.targets = (0..300).map(|n| Target::Named(format!("t{n}"))).collect();
    let log = MemoryLog::new(1);
    log.append(0, record(0, "key"));
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &Arc::new(sink), None, Config::default()).run(shutdown.clone()));
    let of = |level: Level, part: &str| -> Vec<String> {
        let found = lines.of(level).into_iter();
        found.filter(|text| text.contains(part)).collect()
    };
    eventually("all is stored", || log.stored(0) == 1).await;
    eventually("the others are counted", || {
        !of(Level::INFO, "further targets take deliveries again").is_empty()
    })
    .await;
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");

    assert_eq!(of(Level::WARN, "trying again").len(), 20);
    let further = of(Level::WARN, "further targets fail");
    assert!(
        matches!(&further[..], [line] if line.contains("sink=postgres ") && line.contains("targets=280 ")),
        "{further:?}"
    );
    let ending = |text: &String| text.contains("target takes deliveries again");
    assert_eq!(lines.of(Level::INFO).iter().filter(|text| ending(text)).count(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_cannot_be_evaluated_is_logged_once_a_minute_and_counted() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let sink = ScriptedSink::new(crate::stage::sink::each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(2);
    let rules = "rules:\n  - { name: bad, when: 'event.data.message[\"i\" + \"d\"] > 5', to: [postgres] }\n  \
                 - { name: good, when: 'true', to: [postgres] }\n";
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, Some(rules), Config::default()).run(shutdown.clone()));
    let of_rule = || {
        let mut warnings = lines.of(Level::WARN);
        warnings.retain(|text| text.contains("rule=bad "));
        warnings
    };
    for (round, logged) in [(1, 1), (2, 1)] {
        for n in 0..5 {
            log.append(i32::from(n % 2 == 1), record(n, "k"));
        }
        eventually("all is stored", || {
            log.stored(0) == 3 * round && log.stored(1) == 2 * round
        })
        .await;
        assert_eq!(of_rule().len(), logged, "{round}");
    }
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    log.append(0, record(0, "k"));
    eventually("it is stored", || log.stored(0) == 7).await;
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
    let warnings = of_rule();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    for part in [
        "sink=postgres ",
        "event_id=019cd7f6",
        "error=\"`>` does not take string, int\"",
        "held_back=0 ",
    ] {
        assert!(warnings[0].contains(part), "{part} is not in {}", warnings[0]);
    }
    assert!(warnings[1].contains("held_back=9 "), "{}", warnings[1]);
}

#[tokio::test(start_paused = true)]
async fn a_lacking_resource_costs_no_attempt_and_is_shown_while_it_lasts() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let short = Arc::new(AtomicBool::new(true));
    let lacking = Arc::clone(&short);
    // Like a sink that keeps order by key: after a delivery that was not tried, the rest of its key is held.
    let sink = Arc::new(ScriptedSink::plain(move |batch| {
        let short = lacking.load(Ordering::SeqCst);
        let mut waiting = false;
        let outcomes = batch.deliveries.iter().map(|d| match &*d.record.record.key {
            b"key-a" if short && waiting => Outcome::Held,
            b"key-a" if short => {
                waiting = true;
                lack()
            }
            _ => Outcome::Delivered,
        });
        Ok(outcomes.collect())
    }));
    let log = MemoryLog::new(2);
    for n in 0..6 {
        log.append(0, record(n, if n % 2 == 0 { "key-a" } else { "key-b" }));
    }
    log.append(1, record(6, "key-a"));
    let config = Config {
        retry_max_attempts: 2,
        valve_window: 4,
        valve_percent: 1,
        ..Config::default()
    };
    let mut registry = Registry::default();
    let worker = worker_in(&mut registry, &log, &sink, None, config);
    let (status, shutdown) = (worker.status(), CancellationToken::new());
    let run = tokio::spawn(worker.run(shutdown.clone()));
    let not_tried = || {
        let mut text = String::new();
        encode(&mut text, &registry).expect("text");
        let line = text
            .lines()
            .find(|line| line.starts_with("forebay_processor_not_tried_total"));
        line.and_then(|line| line.split(' ').nth(1)?.parse::<u32>().ok())
            .unwrap_or(0)
    };
    eventually("it was postponed many times", || not_tried() > 20).await;
    assert_eq!(sink.offsets(0), [1, 3, 5], "the other key goes on");
    let stalled = status.snapshot().stalled;
    assert!(
        stalled.len() == 2
            && stalled
                .iter()
                .all(|(_, reason)| reason == "the test has no descriptors"),
        "{stalled:?}"
    );
    assert_eq!(lines.of(Level::ERROR).len(), 1, "{:#?}", lines.of(Level::ERROR));

    short.store(false, Ordering::SeqCst);
    eventually("all is stored", || log.stored(0) == 6 && log.stored(1) == 1).await;
    assert_eq!(status.snapshot().stalled, []);
    shutdown.cancel();
    run.await.expect("no panic").expect("the valve has seen no failure");
    let order: Vec<i64> = sink.offsets(0).into_iter().filter(|offset| offset % 2 == 0).collect();
    assert_eq!(order, [0, 2, 4]);
    assert!(
        sink.delivered().iter().all(|d| d.attempt == 1),
        "{:?}",
        sink.delivered()
    );
    assert!(log.dead_letters().is_empty());
    let over = |text: &String| text.contains("nothing is lacking any more");
    assert_eq!(lines.of(Level::INFO).iter().filter(|text| over(text)).count(), 1);
    assert_eq!(lines.of(Level::ERROR).len(), 1);
}
