//! What the log tells of a target that fails: its beginning and its end, and not every attempt between.

mod harness;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use harness::log::MemoryLog;
use harness::sink::{ScriptedSink, retry};
use harness::{eventually, number, record, worker_with};
use processor::Config;
use schemas::sink::{Delivery, Outcome, Target};
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps every line.
#[derive(Debug, Default, Clone)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Lines {
    fn of(&self, level: Level) -> Vec<String> {
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
async fn a_targets_trouble_is_told_when_it_begins_and_when_it_is_over() {
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
    // Two partitions with several keys each: it is one target, hence one trouble.
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
    assert_eq!(retries, 6 * 3 - 1, "all but the one that was told aloud");
}
