//! Troubles that last: few lines, whatever the number of partitions and deliveries; and a target that is away for hours.

use std::time::Duration;

use harness::memory_log::MemoryLog;
use processor::Config;
use schemas::dead_letter::header;
use schemas::name::SinkName;
use schemas::sink::{Delivery, Outcome, Target, Unavailable};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Level;

use crate::deliver::{start, stop};
use crate::stage::sink::{ScriptedSink, each, rejected, retry};
use crate::stage::{eventually, record, worker_with};
use crate::trouble::Lines;

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_away_has_a_line_when_it_begins_one_a_minute_and_one_when_it_is_back() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let begin = Instant::now();
    let sink = ScriptedSink::new(move |batch| {
        if begin.elapsed() < Duration::from_secs(100) {
            return Err(Unavailable {
                sink: SinkName::new("postgres").expect("valid"),
                reason: "the test is away".to_owned(),
            });
        }
        Ok(vec![Outcome::Delivered; batch.deliveries.len()])
    });
    let log = MemoryLog::new(12);
    for partition in 0..12 {
        log.append(partition, record(1, "k"));
    }
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_with(&log, &sink, None, Config::default()).run(shutdown.clone()));
    eventually("all is stored", || (0..12).all(|partition| log.stored(partition) == 1)).await;
    stop(shutdown, run).await;

    let warnings = lines.of(Level::WARN);
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    assert!(warnings[0].contains("sink unavailable") && warnings[0].contains("error=\"the test is away\""));
    assert!(
        warnings[1].contains("sink still unavailable") && warnings[1].contains("seconds=6"),
        "{}",
        warnings[1]
    );
    let infos = lines.of(Level::INFO);
    let back: Vec<&String> = infos.iter().filter(|text| text.contains("sink is back")).collect();
    assert_eq!(back.len(), 1, "{infos:#?}");
    assert!(back[0].contains("seconds=10"), "{}", back[0]);
    let holds = infos
        .iter()
        .filter(|text| text.contains("holds partitions") && text.contains("0-11"));
    assert_eq!((holds.count(), infos.len()), (1, 2), "{infos:#?}");
}

#[tokio::test(start_paused = true)]
async fn dead_letters_of_one_target_are_one_line_a_minute_with_their_number() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let sink = ScriptedSink::new(each(|_, _| rejected()));
    let config = Config {
        valve_window: 0,
        ..Config::default()
    };
    let (log, shutdown, run) = start(40, &sink, config);
    eventually("all are dead letters", || log.stored(0) == 40).await;
    tokio::time::advance(Duration::from_mins(1)).await;
    log.append(0, record(40, "late"));
    eventually("it is a dead letter", || log.stored(0) == 41).await;
    stop(shutdown, run).await;
    let warnings = lines.of(Level::WARN);
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    assert!(warnings[0].contains("delivery given up: dead letter") && warnings[0].contains("held_back=0 "));
    assert!(warnings[1].contains("held_back=39 "), "{}", warnings[1]);
}

/// A window that takes more than its size, and more of it is given up at once than the valve looks back on.
fn small_window() -> Config {
    let hour = 3_600_000;
    Config {
        batch_max_records: 40,
        window_records: 160,
        retry_base_ms: hour,
        retry_max_ms: hour,
        retry_max_attempts: 100,
        valve_window: 20,
        ..Config::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_window_stops_the_worker_if_nothing_at_all_is_delivered() {
    let sink = ScriptedSink::new(each(|_, _| retry()));
    let (log, _shutdown, run) = start(640, &sink, small_window());
    let error = run.await.expect("no panic").expect_err("the valve");
    let text = error.to_string();
    assert!(
        text.contains("of the last 20") && text.contains("given up early"),
        "{text}"
    );
    assert!(
        log.dead_letters().len() <= 20,
        "{} dead letters",
        log.dead_letters().len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_window_gives_up_what_has_waited_for_two_minutes_so_that_others_get_theirs() {
    let (good, bad) = (Target::Named("good".to_owned()), Target::Named("bad".to_owned()));
    let mut sink = ScriptedSink::plain(move |batch| {
        let judge = |d: &Delivery| match &d.target {
            Target::Named(name) if name == "bad" => retry(),
            _ => Outcome::Delivered,
        };
        Ok(batch.deliveries.iter().map(judge).collect())
    });
    sink.targets = vec![good, bad];
    let sink = std::sync::Arc::new(sink);
    let begin = Instant::now();
    let log = MemoryLog::new(1);
    for n in 0..640 {
        log.append(0, record(n, &format!("key-{n}")));
    }
    let worker = worker_with(&log, &sink, None, small_window());
    let (status, shutdown) = (worker.status(), CancellationToken::new());
    let run = tokio::spawn(worker.run(shutdown.clone()));
    let delivered = || sink.delivered().iter().filter(|d| d.target == "good").count();
    eventually("the window is full", || delivered() >= 160).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(log.dead_letters().is_empty(), "an outage of minutes costs none");
    let full = status.snapshot().full;
    assert!(
        matches!(&full[..], [(partition, Target::Named(target))] if partition.index == 0 && target == "bad"),
        "{full:?}"
    );
    eventually("the other target has everything", || delivered() == 640).await;
    assert!(begin.elapsed() < Duration::from_mins(15), "{:?}", begin.elapsed());
    let letters = log.dead_letters();
    assert!((480..=640).contains(&letters.len()), "{} dead letters", letters.len());
    for letter in &letters {
        let reason = letter.header(header::REASON).expect("a reason");
        let reason = String::from_utf8_lossy(reason);
        assert!(reason.starts_with("given up early, after "), "{reason}");
        assert!(reason.contains("the test says later"), "{reason}");
    }
    stop(shutdown, run).await;
}
