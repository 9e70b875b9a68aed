//! Endpoints that remember what came to them, and judge it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::crash::CrashPoints;
use harness::memory_backlog::MemoryBacklog;
use harness::memory_log::MemoryLog;
use processor::{Config, WorkerError};
use schemas::BoxFuture;
use schemas::backlog::Backlog;
use schemas::event::Event;
use schemas::name::SinkName;
use schemas::schedule::Schedule;
use schemas::sink::{Batch, Delivery, Handling, Outcome, Sink, Target, Unavailable};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::stage::sink::{lack, rejected, retry};
use crate::stage::{number, record, worker_of};

/// The targets; the last one takes deliveries in any order.
pub(super) const TARGETS: [&str; 3] = ["a", "b", "free"];

/// How many attempts a delivery gets.
const ATTEMPTS: u32 = 4;

/// How an endpoint behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mode {
    Well,
    /// It never answers.
    Hangs,
    Fails,
    /// It takes so many milliseconds.
    Late(u64),
    /// Anything, by chance.
    Wild,
    /// The first attempt of each delivery fails.
    FailsOnce,
}

/// A target, by its number, and an offset.
pub(super) type Name = (usize, i64);

/// The endpoints and the log.
#[derive(Debug)]
pub(super) struct World {
    pub(super) log: Arc<MemoryLog>,
    pub(super) backlog: MemoryBacklog,
    pub(super) keys: u64,
    pub(super) appended: Mutex<u64>,
    seen: Mutex<Seen>,
    crash: Mutex<CrashPoints>,
}

#[derive(Debug)]
struct Seen {
    modes: [Mode; 3],
    random: fastrand::Rng,
    arrived: HashSet<Name>,
    /// What was answered with yes, and when first.
    delivered: BTreeMap<Name, Instant>,
    /// What will not be tried again.
    finished: HashSet<Name>,
    /// What may not come again.
    protected: HashSet<Name>,
    /// What came again, with when it was delivered first.
    repeated: Vec<(Name, Instant)>,
    wrong: Vec<String>,
}

/// A worker that runs.
pub(super) struct Running {
    pub(super) shutdown: CancellationToken,
    pub(super) run: JoinHandle<Result<(), WorkerError>>,
}

impl World {
    pub(super) fn new(keys: u64, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            log: MemoryLog::new(1),
            backlog: MemoryBacklog::default(),
            keys,
            appended: Mutex::new(0),
            seen: Mutex::new(Seen {
                modes: [Mode::Well; 3],
                random: fastrand::Rng::with_seed(seed),
                arrived: HashSet::new(),
                delivered: BTreeMap::new(),
                finished: HashSet::new(),
                protected: HashSet::new(),
                repeated: Vec::new(),
                wrong: Vec::new(),
            }),
            crash: Mutex::default(),
        })
    }

    pub(super) fn behave(&self, modes: [Mode; 3]) {
        self.seen.lock().expect("no panic").modes = modes;
    }

    pub(super) fn crash_at(&self, points: &CrashPoints) {
        *self.crash.lock().expect("no panic") = points.clone();
        self.backlog.crash_at(points);
        self.log.crash_at(points);
    }

    pub(super) fn append(&self) {
        let mut appended = self.appended.lock().expect("no panic");
        self.log
            .append(0, record(*appended, &format!("key-{}", *appended % self.keys)));
        *appended += 1;
    }

    pub(super) fn end(&self) -> i64 {
        self.appended.lock().expect("no panic").cast_signed()
    }

    pub(super) fn start(self: &Arc<Self>) -> Running {
        let sink: Arc<dyn Sink> = Arc::new(Endpoints(Arc::clone(self), SinkName::new("http").expect("valid")));
        let backlog: Arc<dyn Backlog> = Arc::new(self.backlog.clone());
        let config = Config {
            valve_window: 0,
            ..Config::default()
        };
        let worker = worker_of(&self.log, &sink, config).with_backlog(backlog, None);
        let shutdown = CancellationToken::new();
        let run = tokio::spawn(worker.run(shutdown.clone()));
        Running { shutdown, run }
    }

    /// From now on nothing that was delivered may come again, but that of which the answer was not awaited: it has a row.
    pub(super) fn protect(&self) {
        let waiting = TARGETS.map(|target| self.backlog.waiting(target));
        let mut seen = self.seen.lock().expect("no panic");
        let has_row = |name: &Name| waiting[name.0].contains(&name.1);
        seen.protected = seen.delivered.keys().filter(|name| !has_row(name)).copied().collect();
    }

    /// What came again to a target since this was asked the last time, with when it was delivered first.
    pub(super) fn repeated(&self, of: usize) -> Vec<(Name, Instant)> {
        let repeated = std::mem::take(&mut self.seen.lock().expect("no panic").repeated);
        repeated.into_iter().filter(|(name, _)| name.0 == of).collect()
    }

    pub(super) fn wrong(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").wrong.clone()
    }

    fn dead_letters(&self) -> HashSet<Name> {
        let letters = self.log.dead_letters();
        let name = |letter: &schemas::record::Record| {
            let target = letter.header(schemas::dead_letter::header::TARGET)?;
            let of = TARGETS.iter().position(|name| name.as_bytes() == target)?;
            Some((of, number(letter).cast_signed()))
        };
        letters.iter().filter_map(name).collect()
    }

    /// All that is wrong once everything is over.
    pub(super) fn judge(&self) -> Vec<String> {
        let mut wrong = self.wrong();
        let letters = self.dead_letters();
        let seen = self.seen.lock().expect("no panic");
        for of in 0..TARGETS.len() {
            for offset in 0..self.end() {
                let name = (of, offset);
                if !seen.delivered.contains_key(&name) && !letters.contains(&name) {
                    wrong.push(format!("{name:?} is lost"));
                }
            }
        }
        wrong
    }

    /// Goes on until all is over.
    pub(super) async fn finish(self: &Arc<Self>) -> Vec<String> {
        self.behave([Mode::Well; 3]);
        self.backlog.set_away(false);
        self.backlog.set_delay(Duration::ZERO);
        self.backlog.lose_answers(0);
        self.crash_at(&CrashPoints::default());
        let running = self.start();
        let deadline = Instant::now() + Duration::from_hours(48);
        while self.log.stored(0) < self.end() || !self.backlog.is_empty() {
            if Instant::now() > deadline {
                let mut wrong = self.judge();
                let waiting = TARGETS.map(|target| self.backlog.waiting(target));
                wrong.push(format!("it does not end: at {}, {waiting:?} wait", self.log.stored(0)));
                return wrong;
            }
            sleep(Duration::from_millis(500)).await;
        }
        running.shutdown.cancel();
        running.run.await.expect("no panic").expect("a clean end");
        self.judge()
    }

    fn key(&self, offset: i64) -> u64 {
        offset.unsigned_abs() % self.keys
    }

    fn name(delivery: &Delivery) -> Name {
        let target = delivery.target.to_string();
        let of = TARGETS.iter().position(|name| *name == target).expect("a target");
        (of, delivery.record.offset.0)
    }

    /// Something comes to an endpoint.
    fn arrives(&self, name: Name) {
        let letters = self.dead_letters();
        let mut seen = self.seen.lock().expect("no panic");
        if let Some(first) = seen.delivered.get(&name).copied() {
            seen.repeated.push((name, first));
        }
        if seen.protected.contains(&name) {
            seen.wrong.push(format!("{name:?} came again after a clean stop"));
        }
        if !seen.arrived.insert(name) || name.0 == 2 {
            return;
        }
        let earlier = (0..name.1)
            .filter(|offset| self.key(*offset) == self.key(name.1))
            .map(|offset| (name.0, offset));
        let open: Vec<Name> = earlier
            .filter(|name| !seen.finished.contains(name) && !letters.contains(name))
            .collect();
        if !open.is_empty() {
            seen.wrong.push(format!("{name:?} came before {open:?}"));
        }
    }

    fn ends(&self, name: Name, attempt: u32, outcome: &Outcome) {
        let mut seen = self.seen.lock().expect("no panic");
        match outcome {
            Outcome::Delivered => {
                seen.delivered.entry(name).or_insert_with(Instant::now);
                seen.finished.insert(name);
            }
            Outcome::Retry { .. } if attempt < ATTEMPTS => {}
            Outcome::Retry { .. } | Outcome::Rejected { .. } => {
                seen.finished.insert(name);
            }
            _ => {}
        }
    }
}

struct Endpoints(Arc<World>, SinkName);

impl std::fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Endpoints")
    }
}

impl Sink for Endpoints {
    fn name(&self) -> &SinkName {
        &self.1
    }

    fn targets(&self, _: &Event, _: Option<&str>) -> Vec<Target> {
        TARGETS.map(|name| Target::Named(name.to_owned())).to_vec()
    }

    fn delivers_apart(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        Box::pin(async move {
            let world = &self.0;
            let crash = world.crash.lock().expect("no panic").clone();
            let delivery = &batch.deliveries[0];
            let name = World::name(delivery);
            let (mode, chance, millis) = {
                let mut seen = world.seen.lock().expect("no panic");
                (seen.modes[name.0], seen.random.u8(..), seen.random.u64(1..600))
            };
            if mode == Mode::Wild && chance % 7 == 0 {
                // It waits for a slot or an address, and may be taken back.
                sleep(Duration::from_millis(millis)).await;
            }
            crash.pass().await;
            batch.begun.note();
            if mode == Mode::Wild && chance >= 245 {
                sleep(Duration::from_millis(millis)).await;
                return Ok(vec![lack()]);
            }
            world.arrives(name);
            crash.pass().await;
            let (takes, outcome) = match mode {
                Mode::Well => (2, Outcome::Delivered),
                Mode::Hangs => (15_000, retry()),
                Mode::Fails => (1, retry()),
                Mode::Late(millis) => (millis, Outcome::Delivered),
                Mode::FailsOnce if delivery.attempt == 1 => (1, retry()),
                Mode::FailsOnce => (1, Outcome::Delivered),
                Mode::Wild => match chance {
                    0..60 => (millis, retry()),
                    60..80 => (millis, rejected()),
                    80..85 => (15_000, retry()),
                    85..160 => (millis, Outcome::Delivered),
                    _ => (3, Outcome::Delivered),
                },
            };
            sleep(Duration::from_millis(takes)).await;
            world.ends(name, delivery.attempt, &outcome);
            crash.pass().await;
            Ok(vec![outcome])
        })
    }

    fn handling(&self, target: &Target) -> Option<Arc<Handling>> {
        Some(Arc::new(Handling {
            ordered: *target != Target::Named(TARGETS[2].to_owned()),
            queue_max: 20,
            schedule: Some(Schedule::Steps([1, 5, 20].map(Duration::from_secs).to_vec())),
            ..Handling::default()
        }))
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(async { Ok(()) })
    }
}
