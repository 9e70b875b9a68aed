//! An event log in memory, with one group, whose failures the test decides.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use schemas::BoxFuture;
use schemas::log::{
    Begin, Change, Consumer, LogError, PartitionReader, Publish, PublishError, Revocation, Subscribe, Subscription,
};
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, Position, Record, StoredRecord, TopicId};
use tokio::sync::{Notify, mpsc};

use crate::crash::CrashPoints;

/// A partition of the topic `events`.
pub fn partition(index: i32) -> Partition {
    Partition {
        topic: TopicName::new("events").expect("a valid name"),
        index,
    }
}

fn offset(at: usize) -> Offset {
    Offset(i64::try_from(at).expect("a small number"))
}

/// Partitions of one topic in memory, one group.
#[derive(Debug, Default)]
pub struct MemoryLog {
    /// `None` is the topic `events`.
    topic: Option<TopicName>,
    state: Mutex<LogState>,
    grown: Notify,
}

#[derive(Debug, Default)]
struct LogState {
    partitions: BTreeMap<i32, Vec<Record>>,
    stored: HashMap<i32, Offset>,
    /// Every progress that was ever stored.
    stores: Vec<(i32, Offset)>,
    dead_letters: Vec<Record>,
    /// How many of the next publishes are refused.
    refuse: u32,
    refused: u32,
    /// Progress that is stored does not become durable.
    hold_commits: bool,
    commits_asked: u32,
    lag_fails: bool,
    too_large: bool,
    publish_takes: Duration,
    crash: CrashPoints,
    /// How often each partition was assigned: what stores progress has to be of the last time.
    generations: HashMap<i32, u64>,
    errors: VecDeque<LogError>,
    /// The errors that joining the group returns first.
    join_errors: VecDeque<LogError>,
    /// Partitions that were revoked.
    revoked: Vec<i32>,
    changes: Option<mpsc::UnboundedSender<Result<Change, LogError>>>,
}

impl MemoryLog {
    /// Empty partitions, numbered from 0.
    pub fn new(partitions: i32) -> Arc<Self> {
        let log = Self::default();
        log.lock().partitions = (0..partitions).map(|index| (index, Vec::new())).collect();
        Arc::new(log)
    }

    /// The same, of another topic than `events`.
    pub fn of(topic: TopicName, partitions: i32) -> Arc<Self> {
        let log = Self {
            topic: Some(topic),
            ..Self::default()
        };
        log.lock().partitions = (0..partitions).map(|index| (index, Vec::new())).collect();
        Arc::new(log)
    }

    fn partition(&self, index: i32) -> Partition {
        let of_events = partition(index);
        Partition {
            topic: self.topic.clone().unwrap_or(of_events.topic),
            index,
        }
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().expect("no panic in the log")
    }

    /// Appends a record to a partition, and wakes its reader.
    pub fn append(&self, index: i32, record: Record) {
        self.lock()
            .partitions
            .get_mut(&index)
            .expect("the partition")
            .push(record);
        self.grown.notify_waiters();
    }

    /// The progress that is stored for a partition; 0 if there is none.
    pub fn stored(&self, index: i32) -> i64 {
        self.lock().stored.get(&index).map_or(0, |offset| offset.0)
    }

    /// Every progress that was stored, in order.
    pub fn stores(&self) -> Vec<(i32, Offset)> {
        self.lock().stores.clone()
    }

    /// The dead letters, in the order in which they were published.
    pub fn dead_letters(&self) -> Vec<Record> {
        self.lock().dead_letters.clone()
    }

    /// Refuses the next `count` publishes.
    pub fn refuse(&self, count: u32) {
        self.lock().refuse = count;
    }

    /// How many publishes were refused.
    pub fn refused(&self) -> u32 {
        self.lock().refused
    }

    /// While held, progress that is stored does not become durable.
    pub fn hold_commits(&self, hold: bool) {
        self.lock().hold_commits = hold;
    }

    /// How often a commit was asked for.
    pub fn commits_asked(&self) -> u32 {
        self.lock().commits_asked
    }

    /// Makes measuring the lag fail.
    pub fn fail_lag(&self) {
        self.lock().lag_fails = true;
    }

    /// Makes every publish fail because its record is too large.
    pub fn takes_nothing(&self) {
        self.lock().too_large = true;
    }

    /// Makes every publish take this long.
    pub fn publishes_slowly(&self, takes: Duration) {
        self.lock().publish_takes = takes;
    }

    /// Has every publish and every answer to one be a moment at which its process may die.
    pub fn crash_at(&self, points: &CrashPoints) {
        self.lock().crash = points.clone();
    }

    /// Takes progress back to what it was `back` stores ago, but not before `floor`: as after a process that died before it had
    /// committed the last ones.
    pub fn take_back(&self, index: i32, back: usize, floor: i64) {
        let mut state = self.lock();
        let of_partition = state.stores.iter().rev().filter(|(of, _)| *of == index);
        let Some(next) = of_partition.map(|(_, next)| *next).nth(back) else {
            return;
        };
        let next = Offset(next.0.max(floor));
        let stored = state.stored.entry(index).or_insert(next);
        *stored = next.min(*stored);
    }

    /// Makes the next read fail.
    pub fn fail_reading(&self, error: LogError) {
        self.lock().errors.push_back(error);
    }

    /// Makes the next subscription fail.
    pub fn fail_joining(&self, error: LogError) {
        self.lock().join_errors.push_back(error);
    }

    /// Revokes partitions; the future ends once the worker has released them.
    pub async fn revoke(self: &Arc<Self>, indices: &[i32]) {
        let (done, wait) = tokio::sync::oneshot::channel();
        let revocation = Revocation::new(
            indices.iter().map(|index| self.partition(*index)).collect(),
            move || {
                done.send(()).expect("the test waits");
            },
        );
        self.change(Change::Revoked(revocation));
        wait.await.expect("done is called");
        self.lock().revoked.extend(indices);
    }

    /// Takes a partition away without a drain.
    pub fn lose(self: &Arc<Self>, index: i32) {
        self.change(Change::Lost(vec![self.partition(index)]));
    }

    /// Assigns partitions again.
    pub fn assign(self: &Arc<Self>, indices: &[i32]) {
        self.lock().revoked.retain(|index| !indices.contains(index));
        self.change(Change::Assigned(self.readers(indices)));
    }

    /// Breaks the consumer: it returns an error once, its readers end, and nothing more comes from it.
    pub fn break_consumer(&self) {
        self.send(Err(LogError::Unavailable("the consumer has ended".to_owned())));
        let mut state = self.lock();
        state.revoked = state.partitions.keys().copied().collect();
        self.grown.notify_waiters();
    }

    fn change(&self, change: Change) {
        self.send(Ok(change));
    }

    fn send(&self, change: Result<Change, LogError>) {
        let changes = self.lock().changes.clone();
        changes.expect("a member has joined").send(change).expect("a member");
    }

    fn append_dead_letter(&self, record: Record) -> Result<Position, PublishError> {
        let mut state = self.lock();
        if state.too_large {
            return Err(PublishError::TooLarge {
                size_bytes: record.size_bytes(),
                limit_bytes: 10,
            });
        }
        if state.refuse > 0 {
            state.refuse -= 1;
            state.refused += 1;
            return Err(PublishError::Unavailable {
                reason: "the test refuses".to_owned(),
            });
        }
        state.dead_letters.push(record);
        Ok(Position {
            partition: Partition {
                topic: TopicName::new("dead-letters").expect("a valid name"),
                index: 0,
            },
            offset: offset(state.dead_letters.len() - 1),
        })
    }

    fn readers(self: &Arc<Self>, indices: &[i32]) -> Vec<Box<dyn PartitionReader>> {
        let reader = |index: &i32| -> Box<dyn PartitionReader> {
            let mut state = self.lock();
            let generation = state.generations.entry(*index).or_default();
            *generation += 1;
            Box::new(MemoryReader {
                generation: *generation,
                log: Arc::clone(self),
                partition: self.partition(*index),
                next: 0,
            })
        };
        indices.iter().map(reader).collect()
    }
}

/// The log as a trait object: the trait's methods have no access to the `Arc` that readers need.
#[derive(Debug, Clone)]
pub struct Shared(pub Arc<MemoryLog>);

impl Publish for Shared {
    fn publish<'a>(&'a self, topic: &'a TopicName, record: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(async move {
            let (takes, crash) = {
                let state = self.0.lock();
                (state.publish_takes, state.crash.clone())
            };
            crash.pass().await;
            tokio::time::sleep(takes).await;
            assert_eq!(topic.as_str(), "dead-letters");
            let position = self.0.append_dead_letter(record)?;
            crash.pass().await;
            Ok(position)
        })
    }

    fn publish_to<'a>(
        &'a self,
        partition: &'a Partition,
        record: Record,
    ) -> BoxFuture<'a, Result<Position, PublishError>> {
        self.publish(&partition.topic, record)
    }

    fn ready<'a>(&'a self, _: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }

    fn answers<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        self.ready(topic)
    }

    fn flush(&self, _: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Subscribe for Shared {
    fn subscribe(&self, _: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, LogError>> {
        if let Some(error) = self.0.lock().join_errors.pop_front() {
            return Box::pin(async { Err(error) });
        }
        let (sender, changes) = mpsc::unbounded_channel();
        let indices: Vec<i32> = self.0.lock().partitions.keys().copied().collect();
        let assigned = Change::Assigned(self.0.readers(&indices));
        sender.send(Ok(assigned)).expect("the receiver is here");
        let mut state = self.0.lock();
        state.changes = Some(sender);
        state.revoked.clear();
        drop(state);
        let log = Arc::clone(&self.0);
        Box::pin(async move { Ok(Box::new(MemoryConsumer { changes, log }) as Box<dyn Consumer>) })
    }
}

struct MemoryConsumer {
    changes: mpsc::UnboundedReceiver<Result<Change, LogError>>,
    log: Arc<MemoryLog>,
}

impl Consumer for MemoryConsumer {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, LogError>> {
        Box::pin(async {
            match self.changes.recv().await {
                Some(change) => change,
                None => std::future::pending().await,
            }
        })
    }

    fn lag(&self) -> BoxFuture<'static, Result<Vec<(Partition, u64)>, LogError>> {
        let state = self.log.lock();
        if state.lag_fails {
            return Box::pin(async { Err(LogError::Unavailable("no answer".to_owned())) });
        }
        let lag = |(index, records): (&i32, &Vec<Record>)| {
            let stored = state.stored.get(index).map_or(0, |o| o.0);
            (
                self.log.partition(*index),
                records.len() as u64 - u64::try_from(stored).expect("positive"),
            )
        };
        let lags = state.partitions.iter().map(lag).collect();
        Box::pin(async move { Ok(lags) })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }
}

struct MemoryReader {
    generation: u64,
    log: Arc<MemoryLog>,
    partition: Partition,
    next: usize,
}

impl PartitionReader for MemoryReader {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn begin(&mut self, from: Begin) -> BoxFuture<'_, Result<(), LogError>> {
        let stored = self.log.lock().stored.get(&self.partition.index).copied();
        let at = match from {
            Begin::At(progress) => progress.next,
            Begin::Stored => stored.unwrap_or(Offset(0)),
            Begin::Oldest => Offset(0),
        };
        self.next = usize::try_from(at.0).expect("an offset");
        Box::pin(async { Ok(()) })
    }

    fn topic_id(&self) -> Option<TopicId> {
        None
    }

    fn commit_soon(&mut self) {
        self.log.lock().commits_asked += 1;
    }

    fn durable(&self) -> Option<Offset> {
        let state = self.log.lock();
        let stored = state.stored.get(&self.partition.index).copied();
        if state.hold_commits { Some(Offset(0)) } else { stored }
    }

    fn next_batch(&mut self, max: usize) -> BoxFuture<'_, Result<Option<Vec<StoredRecord>>, LogError>> {
        Box::pin(async move {
            loop {
                let grown = self.log.grown.notified();
                {
                    let mut state = self.log.lock();
                    if let Some(error) = state.errors.pop_front() {
                        return Err(error);
                    }
                    if state.revoked.contains(&self.partition.index) {
                        return Ok(None);
                    }
                    let records = &state.partitions[&self.partition.index];
                    let batch: Vec<StoredRecord> = (self.next..)
                        .zip(records.iter().skip(self.next))
                        .take(max)
                        .map(|(at, record)| StoredRecord {
                            offset: offset(at),
                            record: record.clone(),
                        })
                        .collect();
                    if !batch.is_empty() {
                        self.next += batch.len();
                        return Ok(Some(batch));
                    }
                }
                grown.await;
            }
        })
    }

    fn store(&mut self, next: Offset) -> Result<(), LogError> {
        let mut state = self.log.lock();
        if state.generations.get(&self.partition.index) != Some(&self.generation) {
            // It was assigned to another meanwhile.
            return Ok(());
        }
        state.stored.insert(self.partition.index, next);
        state.stores.push((self.partition.index, next));
        Ok(())
    }
}
