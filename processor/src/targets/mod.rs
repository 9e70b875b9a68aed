//! What a worker knows of its targets, for all its partitions together: whether each works, how much it has under way, and which
//! partitions wait for it. What other processes have to know of a target goes through the backlog (`keep`).

mod keep;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use schemas::backlog::{Backlog, Disabled, Order, TargetRows};
use schemas::operations::Operations;
use schemas::sink::{Handling, Sink, Target};
use schemas::time::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::flight::Origin;
use crate::health::{Admission, Changed, Ended, Health, State, Ticket};

/// How often a paused or disabled target is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long what waits for a disabled target is kept, so that it can be enabled again.
const GRACE: Duration = Duration::from_hours(24);

/// How many orders are remembered for partitions that have not looked yet.
const ORDERS: usize = 1_000;

/// The targets of a worker.
#[derive(Debug)]
pub(crate) struct Targets {
    sink: Arc<dyn Sink>,
    backlog: Arc<dyn Backlog>,
    operations: Option<Arc<dyn Operations>>,
    entries: RwLock<HashMap<Target, Arc<Mutex<Entry>>>>,
    orders: Mutex<Orders>,
    /// What waits in the backlog, as it was last counted, and over how much it is full for one target.
    waiting: Mutex<Vec<TargetRows>>,
    most: u64,
}

/// What is known of one target.
#[derive(Debug)]
struct Entry {
    health: Health,
    /// Partitions that are to look again when an attempt has ended.
    waiting: Vec<Arc<Notify>>,
    /// Since when attempts fail, without a success.
    failing_since: Option<(Timestamp, Instant)>,
    /// Whether the last attempt that says something of the target went through.
    works: bool,
    /// How many attempts in a row have failed.
    failures: u64,
    /// The last failure.
    reason: String,
    /// Whether other processes know that it fails or is disabled, and since when they know it to fail.
    noted: bool,
    known_since: Option<Timestamp>,
    disabled: Option<Disabled>,
    /// How many deliveries wait, if these are more than may.
    full: Option<u64>,
    /// How many attempts have gone through lately.
    recent: Recent,
}

/// How many attempts have gone through in this span of time and in the one before.
#[derive(Debug)]
struct Recent {
    now: usize,
    before: usize,
    since: Instant,
}

/// How long a span is.
const SPAN: Duration = Duration::from_millis(250);

impl Recent {
    fn at(&mut self, now: Instant) -> usize {
        let spans = now.saturating_duration_since(self.since).as_millis() / SPAN.as_millis();
        if spans > 0 {
            self.before = if spans == 1 { self.now } else { 0 };
            (self.now, self.since) = (0, now);
        }
        self.now + self.before
    }
}

/// The orders of operators, for the partitions.
#[derive(Debug, Default)]
struct Orders {
    recent: VecDeque<Order>,
    partitions: Vec<Arc<Notify>>,
}

/// Whether a delivery may go out.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It is under way from now on.
    Go(Ticket),
    /// Not soon: to the backlog with it. Only for one from the log.
    Park,
    /// Not now: to be asked again at that time at the latest, or when the partition is notified.
    Wait(Option<Instant>),
    /// Never, for this reason.
    GiveUp(String),
}

/// How an attempt ended, as far as its target is concerned.
#[derive(Debug, Clone)]
pub(crate) enum Result {
    /// The target works.
    Works,
    /// The target is at fault.
    Failed {
        /// What its `Retry-After` asked for.
        after: Option<Duration>,
        reason: String,
    },
    /// The target wants nothing any more.
    Refused { reason: String },
    /// It was not tried.
    NotTried,
}

impl Targets {
    pub(crate) fn new(
        sink: Arc<dyn Sink>,
        backlog: Arc<dyn Backlog>,
        operations: Option<Arc<dyn Operations>>,
        most: u64,
    ) -> Self {
        Self {
            sink,
            backlog,
            operations,
            entries: RwLock::default(),
            orders: Mutex::default(),
            waiting: Mutex::default(),
            most,
        }
    }

    /// Returns how deliveries of a target are handled. One that is gone is handled as usual: the sink rejects what it gets for it.
    pub(crate) fn handling(&self, target: &Target) -> Arc<Handling> {
        self.sink.handling(target).unwrap_or_default()
    }

    /// Whether it is reported, and so logged, that a target begins to fail and that it works again.
    pub(crate) fn reports_changes(&self) -> bool {
        self.operations.is_some()
    }

    /// Whether new events go to a target at all.
    pub(crate) fn is_disabled(&self, target: &Target) -> bool {
        let entry = self.find(target);
        entry.is_some_and(|entry| entry.lock().disabled.is_some())
    }

    /// Returns how many deliveries wait in the backlog for a target, if these are more than may, as they were last counted.
    pub(crate) fn is_full(&self, target: &Target) -> Option<u64> {
        let entry = self.find(target)?;
        entry.lock().full
    }

    /// Returns how many deliveries wait in the backlog, of all processes, and since when the oldest does.
    pub(crate) fn waiting(&self) -> (u64, Option<Timestamp>) {
        let waiting = self.waiting.lock();
        let count = waiting.iter().map(|rows| rows.in_line + rows.with_time).sum();
        (count, waiting.iter().map(|rows| rows.oldest_since).min())
    }

    /// Returns how many rows of a target are of use in memory, at most `most`: none while nothing goes out to it, and one for its
    /// next probe.
    pub(crate) fn appetite(&self, target: &Target, most: usize, now: Instant) -> usize {
        if self.handling(target).paused {
            return 0;
        }
        let Some(entry) = self.find(target) else {
            return most;
        };
        let entry = entry.lock();
        if entry.disabled.is_some() {
            return 1;
        }
        match entry.health.next_probe() {
            Some(due) => usize::from(due <= now + LOOK_AGAIN),
            None if entry.health.is_broken() => 0,
            None => most,
        }
    }

    /// Whether a delivery may go out now. Who has to wait is notified through `partition`.
    pub(crate) fn admit(&self, target: &Target, origin: Origin, now: Instant, partition: &Arc<Notify>) -> Turn {
        let handling = self.handling(target);
        let wait = Turn::Wait(Some(now + LOOK_AGAIN));
        let entry = self.entry(target);
        let mut entry = entry.lock();
        if let Some(disabled) = &entry.disabled {
            let until = disabled.at.millis() + i64::try_from(GRACE.as_millis()).unwrap_or(i64::MAX);
            let over = Timestamp::now().millis() >= until;
            return match origin {
                Origin::Log => Turn::Park,
                Origin::Backlog if over => Turn::GiveUp(format!("disabled for a day: {}", disabled.reason)),
                Origin::Backlog => wait,
            };
        }
        if handling.paused {
            return match origin {
                Origin::Log => Turn::Park,
                Origin::Backlog => wait,
            };
        }
        match entry.health.admit(origin, handling.slots, now) {
            Admission::Go(ticket) => Turn::Go(ticket),
            Admission::Park => Turn::Park,
            Admission::Wait(until) => {
                if !entry.waiting.iter().any(|waits| Arc::ptr_eq(waits, partition)) {
                    entry.waiting.push(Arc::clone(partition));
                }
                Turn::Wait(until)
            }
        }
    }

    /// Notes how an attempt ended, at a target that takes so many at once.
    pub(crate) fn ended(&self, target: &Target, ticket: Ticket, result: &Result, slots: usize, now: Instant) {
        let entry = self.entry(target);
        let mut entry = entry.lock();
        let ended = match result {
            Result::Works => Ended::Delivered,
            Result::Failed { after, .. } => Ended::Failed { after: *after },
            Result::Refused { .. } => Ended::Failed { after: None },
            Result::NotTried => Ended::NotTried,
        };
        let changed = entry.health.ended(ticket, ended, slots, now, fastrand::f64());
        match result {
            Result::Works => {
                (entry.failures, entry.failing_since, entry.works) = (0, None, true);
                entry.recent.at(now);
                entry.recent.now += 1;
            }
            Result::Failed { reason, .. } | Result::Refused { reason } => {
                entry.failures += 1;
                entry.works = false;
                entry.failing_since.get_or_insert_with(|| (Timestamp::now(), now));
                entry.reason.clone_from(reason);
            }
            Result::NotTried => {}
        }
        let waiting = std::mem::take(&mut entry.waiting);
        drop(entry);
        if changed == Some(Changed::Broken) {
            tracing::debug!(sink = %self.sink.name(), delivery_target = %target, "target fails, and is tried now and then");
        }
        notify(&waiting);
    }

    /// Whether a target takes deliveries so quickly that `waiting` of them in one partition need not be parked: it has taken that many
    /// lately, or a part of it, for each of the partitions that share its slots. Which of them had most of it is chance.
    pub(crate) fn keeps_up(&self, target: &Target, waiting: usize, ahead: usize, now: Instant) -> bool {
        let partitions = self.orders.lock().partitions.len().max(1);
        let recent = self.find(target).map_or(0, |entry| entry.lock().recent.at(now));
        recent * ahead >= waiting * partitions
    }

    /// Disables a target that said that it wants nothing any more.
    pub(crate) fn refuse(&self, target: &Target, reason: &str) {
        let entry = self.entry(target);
        let at = Timestamp::now();
        let reason = reason.to_owned();
        entry.lock().disabled.get_or_insert(Disabled { at, reason });
    }

    /// Has `partition` notified of orders. Returns the number of the newest one.
    pub(crate) fn follow_orders(&self, partition: &Arc<Notify>) -> i64 {
        let mut orders = self.orders.lock();
        orders.partitions.retain(|partition| Arc::strong_count(partition) > 1);
        orders.partitions.push(Arc::clone(partition));
        orders.recent.back().map_or(0, |order| order.id)
    }

    /// Returns the orders after that number.
    pub(crate) fn orders_after(&self, id: i64) -> Vec<Order> {
        let orders = self.orders.lock();
        let newer = orders.recent.iter().filter(|order| order.id > id);
        newer.cloned().collect()
    }

    /// Returns the states of the targets of which something is known.
    pub(crate) fn states(&self) -> Vec<State> {
        let now = Instant::now();
        let entries = self.entries.read();
        entries.values().map(|entry| entry.lock().health.state(now)).collect()
    }

    /// Returns how many targets are disabled.
    pub(crate) fn disabled(&self) -> usize {
        let entries = self.entries.read();
        entries.values().filter(|entry| entry.lock().disabled.is_some()).count()
    }

    fn find(&self, target: &Target) -> Option<Arc<Mutex<Entry>>> {
        self.entries.read().get(target).cloned()
    }

    fn entry(&self, target: &Target) -> Arc<Mutex<Entry>> {
        if let Some(entry) = self.find(target) {
            return entry;
        }
        let mut entries = self.entries.write();
        let entry = entries.entry(target.clone()).or_insert_with(|| {
            Arc::new(Mutex::new(Entry {
                health: Health::new(),
                waiting: Vec::new(),
                failing_since: None,
                works: false,
                failures: 0,
                reason: String::new(),
                noted: false,
                known_since: None,
                disabled: None,
                full: None,
                recent: Recent {
                    now: 0,
                    before: 0,
                    since: Instant::now(),
                },
            }))
        });
        Arc::clone(entry)
    }
}

fn notify(partitions: &[Arc<Notify>]) {
    for partition in partitions {
        partition.notify_one();
    }
}
