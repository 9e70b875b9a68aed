//! A log in memory and sinks that follow a script, for the tests of this crate.
#![expect(dead_code, reason = "each test file uses its own part of the harness")]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use processor::{Config, Metrics, Rules, Topics, Worker};
use prometheus_client::registry::Registry;
use schemas::BoxFuture;
use schemas::event::Event;
use schemas::log::{
    Change, Consumer, EventLog, LogError, PartitionReader, PublishError, Revocation, Subscription, TopicSpec,
};
use schemas::name::{GroupName, SinkName, TopicName};
use schemas::record::{Header, Offset, Partition, Position, Record, StoredRecord};
use schemas::sink::{Batch, Outcome, Sink, Target, Unavailable};
use tokio::sync::{Notify, mpsc};

pub(crate) fn topic(name: &'static str) -> TopicName {
    TopicName::new(name).expect("valid")
}

pub(crate) fn partition(index: i32) -> Partition {
    Partition {
        topic: topic("events"),
        index,
    }
}

fn offset(at: usize) -> Offset {
    Offset(i64::try_from(at).expect("a small number"))
}

/// An event whose id ends in `number`.
pub(crate) fn value(number: u64, event_type: &str, data: &str) -> Bytes {
    format!(
        r#"{{"specversion":"1.0","id":"019cd7f6-f0e0-82b2-9fbf-{number:012}","source":"/acme/s","type":"{event_type}",
        "subject":"c1","time":"2026-03-10T13:36:50.912Z","tenant":"acme","platform":"chatwoot",
        "receivedtime":"2026-03-10T13:36:51.000Z","partitionkey":"acme/s/k","rawsha256":"00","data":{data}}}"#
    )
    .into()
}

pub(crate) fn event(event_type: &str, data: &str) -> Arc<Event> {
    Arc::new(Event::decode(&value(1, event_type, data)).expect("an event"))
}

pub(crate) fn record(number: u64, key: &str) -> Record {
    Record {
        key: key.to_owned().into(),
        headers: vec![Header {
            name: "ce_id".into(),
            value: number.to_string().into(),
        }],
        value: value(number, "message.created", r#"{"message":{"id":"1"}}"#),
    }
}

/// The number behind a record of [`record`].
pub(crate) fn number(record: &Record) -> u64 {
    let id = record.header("ce_id").expect("a header");
    std::str::from_utf8(id).expect("text").parse().expect("a number")
}

/// Partitions in memory, one group.
#[derive(Debug, Default)]
pub(crate) struct MemoryLog {
    state: Mutex<LogState>,
    grown: Notify,
}

#[derive(Debug, Default)]
struct LogState {
    partitions: BTreeMap<i32, Vec<Record>>,
    stored: HashMap<i32, Offset>,
    /// Every progress that was ever stored, with the records that had been settled then being for the test to judge.
    stores: Vec<(i32, Offset)>,
    dead_letters: Vec<Record>,
    /// The next so many publishes are refused.
    refuse: u32,
    refused: u32,
    too_large: bool,
    errors: VecDeque<LogError>,
    /// Partitions taken away from the reader.
    revoked: Vec<i32>,
    changes: Option<mpsc::UnboundedSender<Change>>,
}

impl MemoryLog {
    pub(crate) fn new(partitions: i32) -> Arc<Self> {
        let log = Self::default();
        log.lock().partitions = (0..partitions).map(|index| (index, Vec::new())).collect();
        Arc::new(log)
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().expect("no panic in the log")
    }

    pub(crate) fn append(&self, index: i32, record: Record) {
        self.lock()
            .partitions
            .get_mut(&index)
            .expect("the partition")
            .push(record);
        self.grown.notify_waiters();
    }

    pub(crate) fn stored(&self, index: i32) -> i64 {
        self.lock().stored.get(&index).map_or(0, |offset| offset.0)
    }

    pub(crate) fn stores(&self) -> Vec<(i32, Offset)> {
        self.lock().stores.clone()
    }

    pub(crate) fn dead_letters(&self) -> Vec<Record> {
        self.lock().dead_letters.clone()
    }

    /// The next `count` publishes are refused.
    pub(crate) fn refuse(&self, count: u32) {
        self.lock().refuse = count;
    }

    pub(crate) fn refused(&self) -> u32 {
        self.lock().refused
    }

    pub(crate) fn takes_nothing(&self) {
        self.lock().too_large = true;
    }

    pub(crate) fn fail_reading(&self, error: LogError) {
        self.lock().errors.push_back(error);
    }

    /// Takes partitions away; the future ends once the worker has let go.
    pub(crate) async fn revoke(self: &Arc<Self>, indices: &[i32]) {
        let (done, wait) = tokio::sync::oneshot::channel();
        let revocation = Revocation::new(indices.iter().copied().map(partition).collect(), move || {
            done.send(()).expect("the test waits");
        });
        self.change(Change::Revoked(revocation));
        wait.await.expect("done is called");
        self.lock().revoked.extend(indices);
    }

    pub(crate) fn lose(self: &Arc<Self>, index: i32) {
        self.change(Change::Lost(vec![partition(index)]));
    }

    pub(crate) fn assign(self: &Arc<Self>, indices: &[i32]) {
        self.lock().revoked.retain(|index| !indices.contains(index));
        self.change(Change::Assigned(self.readers(indices)));
    }

    fn change(&self, change: Change) {
        let changes = self.lock().changes.clone();
        changes.expect("somebody has joined").send(change).expect("a member");
    }

    fn readers(self: &Arc<Self>, indices: &[i32]) -> Vec<Box<dyn PartitionReader>> {
        let reader = |index: &i32| -> Box<dyn PartitionReader> {
            Box::new(MemoryReader {
                log: Arc::clone(self),
                partition: partition(*index),
                next: 0,
            })
        };
        indices.iter().map(reader).collect()
    }
}

/// The log as a trait object: the trait's methods cannot see the `Arc` that readers hold on to.
#[derive(Debug, Clone)]
pub(crate) struct Shared(pub(crate) Arc<MemoryLog>);

impl EventLog for Shared {
    fn publish<'a>(&'a self, topic: &'a TopicName, record: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            assert_eq!(topic.as_str(), "dead-letters");
            let mut state = self.0.lock();
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
                    topic: topic.clone(),
                    index: 0,
                },
                offset: offset(state.dead_letters.len() - 1),
            })
        })
    }

    fn subscribe(&self, _: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, LogError>> {
        let (sender, changes) = mpsc::unbounded_channel();
        let indices: Vec<i32> = self.0.lock().partitions.keys().copied().collect();
        let assigned = Change::Assigned(self.0.readers(&indices));
        sender.send(assigned).expect("the receiver is here");
        self.0.lock().changes = Some(sender);
        let log = Arc::clone(&self.0);
        Box::pin(async move { Ok(Box::new(MemoryConsumer { changes, log }) as Box<dyn Consumer>) })
    }

    fn ensure_topics<'a>(&'a self, _: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }

    fn check_topics<'a>(&'a self, _: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }

    fn flush(&self, _: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }
}

struct MemoryConsumer {
    changes: mpsc::UnboundedReceiver<Change>,
    log: Arc<MemoryLog>,
}

impl Consumer for MemoryConsumer {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, LogError>> {
        Box::pin(async {
            match self.changes.recv().await {
                Some(change) => Ok(change),
                None => std::future::pending().await,
            }
        })
    }

    fn lag(&self) -> BoxFuture<'_, Result<Vec<(Partition, u64)>, LogError>> {
        let state = self.log.lock();
        let lag = |(index, records): (&i32, &Vec<Record>)| {
            let stored = state.stored.get(index).map_or(0, |o| o.0);
            (
                partition(*index),
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
    log: Arc<MemoryLog>,
    partition: Partition,
    next: usize,
}

impl PartitionReader for MemoryReader {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn begin(&mut self, from: Option<Offset>) -> BoxFuture<'_, Result<(), LogError>> {
        let stored = self.log.lock().stored.get(&self.partition.index).copied();
        self.next = usize::try_from(from.or(stored).unwrap_or(Offset(0)).0).expect("an offset");
        Box::pin(async { Ok(()) })
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
        state.stored.insert(self.partition.index, next);
        state.stores.push((self.partition.index, next));
        Ok(())
    }
}

/// What a scripted sink answers to a batch.
pub(crate) type Answer = Box<dyn FnMut(&Batch) -> Result<Vec<Outcome>, Unavailable> + Send>;

/// Answers as it is told to, and keeps what it delivered.
pub(crate) struct ScriptedSink {
    pub(crate) name: SinkName,
    pub(crate) targets: Vec<Target>,
    pub(crate) delay: fn(&Batch) -> Duration,
    answer: Mutex<Answer>,
    delivered: Mutex<Vec<Delivered>>,
    checkpoints: Mutex<Vec<(i32, Offset)>>,
    pub(crate) position: Mutex<Option<Offset>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) target: String,
    pub(crate) attempt: u32,
    pub(crate) rules: Vec<String>,
}

impl std::fmt::Debug for ScriptedSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScriptedSink")
    }
}

impl ScriptedSink {
    pub(crate) fn new(answer: impl FnMut(&Batch) -> Result<Vec<Outcome>, Unavailable> + Send + 'static) -> Arc<Self> {
        Arc::new(Self::plain(answer))
    }

    pub(crate) fn plain(answer: impl FnMut(&Batch) -> Result<Vec<Outcome>, Unavailable> + Send + 'static) -> Self {
        Self {
            name: SinkName::new("postgres").expect("valid"),
            targets: vec![Target::Only],
            delay: |_| Duration::from_millis(1),
            answer: Mutex::new(Box::new(answer)),
            delivered: Mutex::default(),
            checkpoints: Mutex::default(),
            position: Mutex::default(),
        }
    }

    pub(crate) fn delivered(&self) -> Vec<Delivered> {
        self.delivered.lock().expect("no panic").clone()
    }

    pub(crate) fn offsets(&self, partition: i32) -> Vec<i64> {
        let ours = |d: &Delivered| (d.partition == partition).then_some(d.offset);
        self.delivered().iter().filter_map(ours).collect()
    }

    pub(crate) fn checkpoints(&self) -> Vec<(i32, Offset)> {
        self.checkpoints.lock().expect("no panic").clone()
    }
}

impl Sink for ScriptedSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn targets(&self, _: &Event, _: Option<&str>) -> Vec<Target> {
        self.targets.clone()
    }

    fn check_argument(&self, argument: Option<&str>) -> Result<(), String> {
        match argument {
            None => Ok(()),
            Some(_) => Err("takes no argument: write its name alone".to_owned()),
        }
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        Box::pin(async move {
            tokio::time::sleep((self.delay)(batch)).await;
            assert!(!batch.deliveries.is_empty());
            let offsets: Vec<Offset> = batch.deliveries.iter().map(|d| d.record.offset).collect();
            assert!(offsets.is_sorted(), "in order of offset");
            let outcomes = (self.answer.lock().expect("no panic"))(batch)?;
            let mut delivered = self.delivered.lock().expect("no panic");
            for (delivery, outcome) in batch.deliveries.iter().zip(&outcomes) {
                if *outcome == Outcome::Delivered {
                    delivered.push(Delivered {
                        partition: batch.partition.index,
                        offset: delivery.record.offset.0,
                        target: delivery.target.to_string(),
                        attempt: delivery.attempt,
                        rules: delivery.rules.iter().map(ToString::to_string).collect(),
                    });
                }
            }
            Ok(outcomes)
        })
    }

    fn position<'a>(&'a self, _: &'a Partition) -> BoxFuture<'a, Result<Option<Offset>, Unavailable>> {
        let position = *self.position.lock().expect("no panic");
        Box::pin(async move { Ok(position) })
    }

    fn checkpoint<'a>(&'a self, partition: &'a Partition, next: Offset) -> BoxFuture<'a, Result<(), Unavailable>> {
        self.checkpoints.lock().expect("no panic").push((partition.index, next));
        Box::pin(async { Ok(()) })
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(async { Ok(()) })
    }
}

/// Every delivery gets what `judge` says of its record's number and its attempt.
pub(crate) fn each(
    mut judge: impl FnMut(u64, u32) -> Outcome + Send + 'static,
) -> impl FnMut(&Batch) -> Result<Vec<Outcome>, Unavailable> + Send + 'static {
    move |batch| {
        let judged = batch
            .deliveries
            .iter()
            .map(|d| judge(number(&d.record.record), d.attempt));
        Ok(judged.collect())
    }
}

pub(crate) fn retry() -> Outcome {
    Outcome::Retry {
        after: None,
        reason: "the test says later".to_owned(),
    }
}

pub(crate) fn rejected() -> Outcome {
    Outcome::Rejected {
        reason: "the test says no".to_owned(),
    }
}

pub(crate) fn worker_with(
    log: &Arc<MemoryLog>,
    sink: &Arc<ScriptedSink>,
    rules: Option<&str>,
    config: Config,
) -> Worker {
    let sink: Arc<dyn Sink> = Arc::clone(sink) as Arc<dyn Sink>;
    let rules = match rules {
        None => Rules::everything(std::slice::from_ref(&sink)),
        Some(text) => Rules::parse(text, "rules.yaml", std::slice::from_ref(&sink)).expect("valid rules"),
    };
    let topics = Topics {
        events: topic("events"),
        dead_letters: topic("dead-letters"),
    };
    let group = GroupName::new("forebay.postgres").expect("valid");
    let metrics = Metrics::register(&mut Registry::default());
    Worker::new(
        sink,
        Arc::new(rules),
        Arc::new(Shared(Arc::clone(log))),
        topics,
        group,
        config,
        metrics,
    )
    .expect("a valid configuration")
}

/// Polls until it is so. In paused time this costs nothing.
pub(crate) async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {what}");
}
