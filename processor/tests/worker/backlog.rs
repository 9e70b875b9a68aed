//! Deliveries that wait go to the backlog: what one target does costs no other anything, progress goes on, and a restart repeats
//! only what was in flight. In paused time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::memory_backlog::MemoryBacklog;
use harness::memory_log::MemoryLog;
use processor::{Config, Worker};
use schemas::backlog::{Backlog, What};
use schemas::operations::{Operations, TargetChange, TargetChanged};
use schemas::schedule::Schedule;
use schemas::sink::{Batch, Delivery, Handling, Outcome, Target, Unavailable};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::deliver::stop;
use crate::stage::sink::{Delivered, ScriptedSink, rejected, retry};
use crate::stage::{eventually, record, worker_with};

/// Whether the target `sick` works now.
type Works = Arc<AtomicBool>;

/// A sink with the targets `well` and `sick`. While the second does not work, an attempt there takes `delay` and fails.
fn sink(works: &Works, delay: Duration, fails: fn(&Delivery) -> Outcome) -> ScriptedSink {
    let working = Arc::clone(works);
    let mut sink = ScriptedSink::plain(move |batch: &Batch| {
        let judge = |delivery: &Delivery| {
            if is_sick(delivery) && !working.load(Ordering::Relaxed) {
                fails(delivery)
            } else {
                Outcome::Delivered
            }
        };
        Ok::<_, Unavailable>(batch.deliveries.iter().map(judge).collect())
    });
    sink.targets = vec![Target::Named("sick".into()), Target::Named("well".into())];
    sink.apart = true;
    sink.delay = |batch| Duration::from_millis(if is_sick(&batch.deliveries[0]) { 1 } else { 2 });
    if delay > Duration::from_secs(1) {
        sink.delay = |batch| {
            if is_sick(&batch.deliveries[0]) {
                Duration::from_secs(15)
            } else {
                Duration::from_millis(2)
            }
        };
    }
    sink.handling = Some(Arc::new(Handling {
        schedule: Some(Schedule::Steps([5, 300, 1800].map(Duration::from_secs).to_vec())),
        ..Handling::default()
    }));
    sink
}

fn is_sick(delivery: &Delivery) -> bool {
    delivery.target == Target::Named("sick".into())
}

fn of<'a>(delivered: &'a [Delivered], target: &str) -> Vec<&'a Delivered> {
    delivered.iter().filter(|d| d.target == target).collect()
}

fn offsets(sink: &ScriptedSink, target: &str) -> Vec<i64> {
    of(&sink.delivered(), target).iter().map(|d| d.offset).collect()
}

struct Running {
    shutdown: CancellationToken,
    run: JoinHandle<Result<(), processor::WorkerError>>,
}

fn worker(log: &Arc<MemoryLog>, sink: &Arc<ScriptedSink>, backlog: &MemoryBacklog) -> Worker {
    let backlog: Arc<dyn Backlog> = Arc::new(backlog.clone());
    worker_with(log, sink, None, Config::default()).with_backlog(backlog, None)
}

fn start(log: &Arc<MemoryLog>, sink: &Arc<ScriptedSink>, backlog: &MemoryBacklog) -> Running {
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker(log, sink, backlog).run(shutdown.clone()));
    Running { shutdown, run }
}

impl Running {
    async fn stop(self) {
        stop(self.shutdown, self.run).await;
    }
}

/// Waits for what takes hours of the schedule.
async fn in_time(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_hours(48);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within two days");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn append(log: &MemoryLog, numbers: std::ops::Range<u64>, keys: u64) {
    for n in numbers {
        log.append(0, record(n, &format!("key-{}", n % keys)));
    }
}

/// Whether the first arrivals of each key came in the order of the log.
fn in_order(offsets: &[i64], keys: i64) -> bool {
    let mut last: HashMap<i64, i64> = HashMap::new();
    let mut seen = std::collections::HashSet::new();
    offsets.iter().all(|offset| {
        if !seen.insert(*offset) {
            return true;
        }
        last.insert(offset % keys, *offset)
            .is_none_or(|before| before < *offset)
    })
}

#[tokio::test(start_paused = true)]
async fn a_target_that_never_answers_holds_neither_the_others_nor_progress() {
    let works = Works::default();
    let sink = Arc::new(sink(&works, Duration::from_secs(15), |_| retry()));
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    let running = start(&log, &sink, &backlog);
    for n in 0..1_000 {
        let sent = Instant::now();
        append(&log, n..n + 1, 100);
        eventually("the other has it", || {
            offsets(&sink, "well").last() == Some(&(n.cast_signed()))
        })
        .await;
        assert!(sent.elapsed() < Duration::from_millis(50), "{n}: {:?}", sent.elapsed());
    }
    let begin = Instant::now();
    eventually("all is settled", || log.stored(0) == 1_000).await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(backlog.waiting("sick").len(), 1_000);
    assert!(backlog.waiting("well").is_empty());
    works.store(true, Ordering::Relaxed);
    in_time("the sick one has all", || backlog.is_empty()).await;
    let sick = offsets(&sink, "sick");
    assert!(in_order(&sick, 100), "{sick:?}");
    let unique: std::collections::HashSet<_> = sick.iter().collect();
    assert_eq!((sick.len(), unique.len()), (1_000, 1_000), "each once");
    assert!(log.dead_letters().is_empty());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_is_tried_now_and_then_and_gets_all_in_order_once_it_works() {
    let works = Works::default();
    let mut scripted = sink(&works, Duration::ZERO, |_| retry());
    scripted.handling = Some(Arc::new(Handling::default()));
    let sink = Arc::new(scripted);
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    append(&log, 0..2_000, 50);
    let running = start(&log, &sink, &backlog);
    eventually("the other has all", || offsets(&sink, "well").len() == 2_000).await;
    eventually("all is settled", || log.stored(0) == 2_000).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(backlog.waiting("sick").len(), 2_000);
    assert!(log.dead_letters().is_empty(), "a sick target costs no dead letter");
    works.store(true, Ordering::Relaxed);
    in_time("the sick one has all", || backlog.is_empty()).await;
    let sick = offsets(&sink, "sick");
    assert_eq!(sick.len(), 2_000, "each once");
    assert!(in_order(&sick, 50), "{sick:?}");
    // Fed from the log again.
    let writes = backlog.writes();
    append(&log, 2_000..2_200, 50);
    eventually("new ones come", || offsets(&sink, "sick").len() == 2_200).await;
    eventually("they are settled", || log.stored(0) == 2_200).await;
    assert_eq!(backlog.writes(), writes, "without the backlog");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_repeats_nothing_at_a_target_that_works() {
    let works = Works::default();
    let sink = Arc::new(sink(&works, Duration::from_secs(15), |_| retry()));
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    for round in 0..5 {
        let running = start(&log, &sink, &backlog);
        append(&log, round * 200..(round + 1) * 200, 40);
        let expected = usize::try_from((round + 1) * 200).expect("few");
        eventually("the other has all", || offsets(&sink, "well").len() >= expected).await;
        running.stop().await;
        assert_eq!(log.stored(0), i64::try_from(expected).expect("few"), "all is settled");
    }
    assert_eq!(offsets(&sink, "well").len(), 1_000, "each once");
    works.store(true, Ordering::Relaxed);
    let running = start(&log, &sink, &backlog);
    in_time("the sick one has all", || backlog.is_empty()).await;
    let sick = offsets(&sink, "sick");
    assert!(in_order(&sick, 40), "{sick:?}");
    let unique: std::collections::HashSet<_> = sick.iter().collect();
    assert_eq!(unique.len(), 1_000);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_for_good_becomes_a_dead_letter_and_those_after_it_go_on() {
    let works = Works::default();
    // Every tenth fails at the sick target, whatever is done.
    let mut scripted = sink(&works, Duration::ZERO, |delivery| {
        if delivery.record.offset.0 % 10 == 0 {
            retry()
        } else {
            Outcome::Delivered
        }
    });
    scripted.handling = Some(Arc::new(Handling {
        schedule: Some(Schedule::Steps([1, 2, 3].map(Duration::from_secs).to_vec())),
        ..Handling::default()
    }));
    let sink = Arc::new(scripted);
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    append(&log, 0..300, 7);
    let running = start(&log, &sink, &backlog);
    in_time("all else is delivered", || offsets(&sink, "sick").len() == 270).await;
    in_time("nothing waits", || backlog.is_empty()).await;
    assert_eq!(log.dead_letters().len(), 30);
    let sick = offsets(&sink, "sick");
    assert!(in_order(&sick, 7), "{sick:?}");
    assert_eq!(log.stored(0), 300);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_rejected_is_a_dead_letter_at_once_and_the_backlog_is_not_used() {
    let works = Works::default();
    let sink = Arc::new(sink(&works, Duration::ZERO, |_| rejected()));
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    append(&log, 0..50, 7);
    let running = start(&log, &sink, &backlog);
    eventually("all is settled", || log.stored(0) == 50).await;
    assert_eq!((log.dead_letters().len(), backlog.writes()), (50, 0));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn while_the_backlog_is_away_deliveries_go_on_and_nothing_is_lost() {
    let works = Works::default();
    let sink = Arc::new(sink(&works, Duration::ZERO, |_| retry()));
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    let running = start(&log, &sink, &backlog);
    append(&log, 0..1, 7);
    eventually("it works", || offsets(&sink, "well").len() == 1).await;
    backlog.set_away(true);
    append(&log, 1..301, 7);
    eventually("the other has all", || offsets(&sink, "well").len() == 301).await;
    assert!(log.stored(0) <= 2, "nothing that waits is settled: {}", log.stored(0));
    backlog.set_away(false);
    eventually("all is settled", || log.stored(0) == 301).await;
    works.store(true, Ordering::Relaxed);
    in_time("the sick one has all", || backlog.is_empty()).await;
    let sick = offsets(&sink, "sick");
    assert!(in_order(&sick, 7), "{sick:?}");
    assert_eq!(sick.len(), 301);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_backlog_another_has_taken_over_stops() {
    let works = Works::default();
    let sink = Arc::new(sink(&works, Duration::ZERO, |_| retry()));
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    let running = start(&log, &sink, &backlog);
    append(&log, 0..10, 7);
    eventually("it works", || log.stored(0) == 10).await;
    backlog.take_over();
    append(&log, 10..20, 7);
    let error = running
        .run
        .await
        .expect("no panic")
        .expect_err("it is not the owner any more");
    assert!(
        error.to_string().contains("has taken over the backlog of events[0]"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_paused_target_gets_nothing_and_all_of_it_later() {
    let works: Works = Arc::new(AtomicBool::new(true));
    let mut paused = sink(&works, Duration::ZERO, |_| retry());
    paused.handling = Some(Arc::new(Handling {
        paused: true,
        ..Handling::default()
    }));
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    append(&log, 0..100, 7);
    let paused = Arc::new(paused);
    let running = start(&log, &paused, &backlog);
    eventually("all is settled", || log.stored(0) == 100).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((paused.delivered().len(), backlog.len()), (0, 200));
    running.stop().await;
    let resumed = Arc::new(sink(&works, Duration::ZERO, |_| retry()));
    let running = start(&log, &resumed, &backlog);
    eventually("nothing waits", || backlog.is_empty()).await;
    assert_eq!(resumed.delivered().len(), 200);
    assert!(in_order(&offsets(&resumed, "sick"), 7));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_has_a_target_tried_at_once() {
    let works = Works::default();
    let sink = Arc::new(sink(&works, Duration::ZERO, |_| retry()));
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    append(&log, 0..50, 7);
    let running = start(&log, &sink, &backlog);
    eventually("all is settled", || log.stored(0) == 50).await;
    // By now pauses are long.
    tokio::time::sleep(Duration::from_mins(20)).await;
    works.store(true, Ordering::Relaxed);
    backlog.order("sick", What::Try);
    let begin = Instant::now();
    eventually("nothing waits", || backlog.is_empty()).await;
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_healthy_target_that_has_much_to_do_is_not_parked() {
    let works: Works = Arc::new(AtomicBool::new(true));
    let sink = Arc::new(sink(&works, Duration::ZERO, |_| retry()));
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    append(&log, 0..10_000, 300);
    let running = start(&log, &sink, &backlog);
    eventually("all is settled", || log.stored(0) == 10_000).await;
    assert_eq!(backlog.writes(), 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_when_a_partition_was_lost_takes_up_no_slot() {
    let works = Works::default();
    let mut hangs = sink(&works, Duration::from_secs(15), |_| retry());
    hangs.handling = Some(Arc::new(Handling {
        slots: 2,
        ..Handling::default()
    }));
    let sink = Arc::new(hangs);
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    let running = start(&log, &sink, &backlog);
    append(&log, 0..4, 4);
    eventually("the other has all", || offsets(&sink, "well").len() == 4).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Two attempts are under way, all that the target may have.
    log.lose(0);
    log.assign(&[0]);
    works.store(true, Ordering::Relaxed);
    in_time("the sick one has all", || backlog.is_empty()).await;
    let sick: std::collections::HashSet<i64> = offsets(&sink, "sick").into_iter().collect();
    assert_eq!(sick.len(), 4);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_dead_letters_so_that_progress_goes_past_them() {
    let works = Works::default();
    let sink = Arc::new(sink(&works, Duration::ZERO, |_| rejected()));
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    log.publishes_slowly(Duration::from_secs(1));
    let running = start(&log, &sink, &backlog);
    append(&log, 0..20, 7);
    eventually("the other has all", || offsets(&sink, "well").len() == 20).await;
    running.stop().await;
    assert_eq!((log.stored(0), log.dead_letters().len()), (20, 20));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_waits_for_its_turn_at_the_target_is_taken_back_untried() {
    let works: Works = Arc::new(AtomicBool::new(true));
    let mut slow = sink(&works, Duration::ZERO, |_| retry());
    // As where a target's rate allows no more.
    slow.begins_after = |batch| Duration::from_secs(if is_sick(&batch.deliveries[0]) { 2 } else { 0 });
    let sink = Arc::new(slow);
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    append(&log, 0..30, 7);
    let running = start(&log, &sink, &backlog);
    eventually("all is settled", || log.stored(0) == 30).await;
    in_time("all is delivered", || backlog.is_empty()).await;
    let sick = of(&sink.delivered(), "sick")
        .iter()
        .map(|d| d.attempt)
        .collect::<Vec<_>>();
    assert_eq!(sick, [1; 30], "each once, and none was counted as tried");
    running.stop().await;
}

/// Who is told what happens to targets.
#[derive(Debug, Clone, Default)]
struct Told(Arc<std::sync::Mutex<Vec<TargetChange>>>);

impl Operations for Told {
    fn report(&self, changed: TargetChanged) {
        assert_eq!((changed.target.as_str(), changed.sink.as_str()), ("sick", "postgres"));
        self.0.lock().expect("no panic").push(changed.change);
    }
}

impl Told {
    /// Those since it was asked last.
    fn now(&self) -> Vec<TargetChange> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

#[tokio::test(start_paused = true)]
async fn that_a_target_fails_works_again_or_wants_nothing_more_is_reported_once() {
    let (works, refuses) = (Works::default(), Works::default());
    let says_gone = Arc::clone(&refuses);
    let working = Arc::clone(&works);
    let mut scripted = ScriptedSink::plain(move |batch: &Batch| {
        let outcome = match &batch.deliveries[0] {
            delivery if !is_sick(delivery) => Outcome::Delivered,
            _ if says_gone.load(Ordering::Relaxed) => Outcome::Refused {
                reason: "410".to_owned(),
            },
            _ if working.load(Ordering::Relaxed) => Outcome::Delivered,
            _ => retry(),
        };
        Ok(vec![outcome])
    });
    scripted.targets = vec![Target::Named("sick".into()), Target::Named("well".into())];
    scripted.apart = true;
    let sink = Arc::new(scripted);
    let (log, backlog, told) = (MemoryLog::new(1), MemoryBacklog::default(), Told::default());
    let begin = || {
        let shutdown = CancellationToken::new();
        let (backlog, told): (Arc<dyn Backlog>, Arc<dyn Operations>) =
            (Arc::new(backlog.clone()), Arc::new(told.clone()));
        let worker = worker_with(&log, &sink, None, Config::default()).with_backlog(backlog, Some(told));
        let run = tokio::spawn(worker.run(shutdown.clone()));
        Running { shutdown, run }
    };
    let running = begin();
    append(&log, 0..20, 7);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(matches!(told.now()[..], [TargetChange::Failing { .. }]));
    assert!(
        backlog
            .condition("sick")
            .is_some_and(|condition| condition.failing_since.is_some())
    );
    // A process that has just begun has seen neither failures nor successes.
    running.stop().await;
    let running = begin();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(told.now(), [], "nothing has changed");
    works.store(true, Ordering::Relaxed);
    in_time("nothing waits", || backlog.is_empty()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(matches!(told.now()[..], [TargetChange::Recovered { .. }]));
    refuses.store(true, Ordering::Relaxed);
    append(&log, 20..40, 7);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(matches!(told.now()[..], [TargetChange::Disabled { .. }]));
    let before = sink.delivered().len();
    append(&log, 40..60, 7);
    eventually("the other has all", || offsets(&sink, "well").len() == 60).await;
    assert_eq!(sink.delivered().len(), before + 20, "nothing goes to it any more");
    assert_eq!(log.stored(0), 60);
    running.stop().await;
    // Whoever begins later knows it.
    let running = begin();
    append(&log, 60..80, 7);
    eventually("the other has all", || offsets(&sink, "well").len() == 80).await;
    assert_eq!(told.now(), []);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_slow_for_a_moment_is_fed_from_the_log_again_while_the_load_goes_on() {
    let works: Works = Arc::new(AtomicBool::new(true));
    let mut moment = sink(&works, Duration::ZERO, |_| retry());
    moment.delay = |batch| {
        let slow = (100..140).contains(&batch.deliveries[0].record.offset.0);
        Duration::from_millis(if slow { 700 } else { 1 })
    };
    let sink = Arc::new(moment);
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    let running = start(&log, &sink, &backlog);
    let mut writes = 0;
    for n in 0..2_000 {
        append(&log, n..n + 1, 9);
        tokio::time::sleep(Duration::from_millis(10)).await;
        if n == 1_000 {
            writes = backlog.writes();
            assert!(writes > 0, "some went to the backlog");
        }
    }
    assert_eq!(backlog.writes(), writes, "and none any more");
    eventually("all is settled", || log.stored(0) == 2_000 && backlog.is_empty()).await;
    for target in ["sick", "well"] {
        let delivered = offsets(&sink, target);
        assert_eq!(delivered.len(), 2_000, "each once");
        assert!(in_order(&delivered, 9), "{target}: {delivered:?}");
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_targets_that_are_removed_becomes_dead_letters_and_stops_no_other() {
    let fails = |_: &Batch| Ok(vec![retry()]);
    let mut sick = ScriptedSink::plain(fails);
    let targets: Vec<Target> = (0..4).map(|n| Target::Named(format!("sick-{n}"))).collect();
    (sick.targets, sick.apart) = (targets, true);
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    append(&log, 0..300, 7);
    let running = start(&log, &Arc::new(sick), &backlog);
    eventually("all is settled", || log.stored(0) == 300).await;
    running.stop().await;
    assert_eq!(backlog.len(), 1_200);
    let mut removed = ScriptedSink::plain(|_: &Batch| Ok(vec![rejected()]));
    (removed.apart, removed.handling) = (true, None);
    removed.targets = Vec::new();
    let running = start(&log, &Arc::new(removed), &backlog);
    in_time("nothing waits", || backlog.is_empty()).await;
    assert_eq!(log.dead_letters().len(), 1_200);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_on_though_its_record_is_read_again_and_sent_there_no_more() {
    let works = Works::default();
    let (log, backlog) = (MemoryLog::new(1), MemoryBacklog::default());
    append(&log, 0..20, 7);
    // All is parked, and none of that is progress when the process dies.
    log.hold_commits(true);
    let running = start(&log, &Arc::new(sink(&works, Duration::ZERO, |_| retry())), &backlog);
    eventually("all of the sick one waits", || backlog.waiting("sick").len() == 20).await;
    running.run.abort();
    drop(running.run.await);
    log.hold_commits(false);
    let mut without = sink(&works, Duration::ZERO, |_| rejected());
    without.targets = vec![Target::Named("well".into())];
    let running = start(&log, &Arc::new(without), &backlog);
    in_time("nothing waits", || backlog.is_empty()).await;
    eventually("all is settled", || log.stored(0) == 20).await;
    assert_eq!(log.dead_letters().len(), 20);
    running.stop().await;
}
