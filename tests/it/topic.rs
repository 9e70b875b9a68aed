//! The sink `topic` in the conformance suite of sinks, on both event logs. Here, because sinks know no log.

mod journal {
    sink_conformance!(super::Topics::in_a_journal());
}

mod kafka {
    sink_conformance!(super::Topics::in_kafka());
}

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use harness::{service, unique};
use schemas::BoxFuture;
use schemas::event::Event;
use schemas::id::EventId;
use schemas::log::{
    Begin, Change, EventLog, LogError, Membership, PartitionState, Publish, PublishError, Start, Subscription,
    TopicSpec,
};
use schemas::name::{GroupName, SinkName, TopicName};
use schemas::record::{Header, Partition, Position, Record, StoredRecord};
use schemas::sink::{Delivery, Sink, Target};
use sinks::topic::{Config, TopicSink};

use crate::conformance::Harness;

/// The largest record that the topics here take.
const MAX_RECORD_BYTES: u32 = 300_000;

/// A real log, whose acknowledgements can be lost on the way, all of them or those of some records.
#[derive(Debug)]
struct Faulty {
    log: Arc<dyn EventLog>,
    cut: AtomicBool,
    refused: Mutex<HashSet<Bytes>>,
}

impl Faulty {
    fn refuses(&self, record: &Record) -> bool {
        self.cut.load(Ordering::Relaxed) || self.refused.lock().expect("no panic").contains(&record.value)
    }
}

impl Publish for Faulty {
    fn publish<'a>(&'a self, topic: &'a TopicName, record: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        if self.refuses(&record) {
            let reason = format!("topic `{topic}`: no acknowledgement");
            return Box::pin(std::future::ready(Err(PublishError::Unavailable { reason })));
        }
        self.log.publish(topic, record)
    }

    fn publish_to<'a>(&'a self, _: &'a Partition, _: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        unreachable!("the sink publishes by key")
    }

    fn ready<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        if self.cut.load(Ordering::Relaxed) {
            let away = LogError::Unavailable("the log is away".to_owned());
            return Box::pin(std::future::ready(Err(away)));
        }
        self.log.ready(topic)
    }

    fn answers<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        if self.cut.load(Ordering::Relaxed) {
            let away = LogError::Unavailable("the log is away".to_owned());
            return Box::pin(std::future::ready(Err(away)));
        }
        self.log.answers(topic)
    }

    fn flush(&self, grace: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        self.log.flush(grace)
    }
}

/// Two topics that rules send to, and one of our own.
struct Topics {
    log: Arc<Faulty>,
    sink: TopicSink,
    named: [&'static str; 2],
    /// Removes the journal at the end.
    _folder: Option<tempfile::TempDir>,
}

impl Topics {
    async fn in_a_journal() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = stream::journal::Config {
            path: folder.path().join("journal"),
            ..stream::journal::Config::default()
        };
        let journal = stream::journal::Journal::open(&config).await.expect("a new journal");
        Self::new(Arc::new(journal), Some(folder)).await
    }

    async fn in_kafka() -> Self {
        let config = stream::kafka::Config {
            brokers: service("FOREBAY_TEST_KAFKA"),
            // Many tests run at once on a machine that does other things as well.
            publish_timeout_ms: 10_000,
            request_timeout_ms: 15_000,
            max_record_bytes: MAX_RECORD_BYTES,
            ..stream::kafka::Config::default()
        };
        let kafka = stream::kafka::KafkaLog::connect(config).expect("a valid configuration");
        Self::new(Arc::new(kafka), None).await
    }

    async fn new(log: Arc<dyn EventLog>, folder: Option<tempfile::TempDir>) -> Self {
        let name = |what: &str| TopicName::new(unique(what)).expect("a valid name");
        let (own, vip, other) = (name("own"), name("vip"), name("other"));
        let spec = |name: &TopicName| TopicSpec {
            name: name.clone(),
            partitions: 1,
            replication: 1,
            retention: Duration::from_hours(1),
            max_record_bytes: MAX_RECORD_BYTES,
        };
        let specs = [&own, &vip, &other].map(spec);
        log.ensure_topics(&specs).await.expect("new topics");
        let log = Arc::new(Faulty {
            log,
            cut: AtomicBool::new(false),
            refused: Mutex::default(),
        });
        let publish: Arc<dyn Publish> = Arc::<Faulty>::clone(&log);
        let topics = Self {
            sink: TopicSink::new(
                Config::default(),
                SinkName::new("topic").expect("valid"),
                publish,
                vec![own.clone()],
            ),
            log,
            // What rules write is part of the program's settings, and lives as long.
            named: [vip, other].map(|name| &*name.to_string().leak()),
            _folder: folder,
        };
        // A new topic of Kafka has no leader for a moment.
        for name in [own.as_str(), topics.named[0], topics.named[1]] {
            let name = TopicName::new(name.to_owned()).expect("valid");
            harness::eventually("a leader", Duration::from_mins(1), || async {
                topics.log.ready(&name).await.ok()
            })
            .await;
        }
        topics
    }

    /// All records of a topic with one partition.
    async fn records(&self, topic: &TopicName) -> Vec<StoredRecord> {
        let log = &self.log.log;
        let group = GroupName::new(unique("reads-nothing")).expect("a valid name");
        let states = log.progress(&group, topic).await.expect("an answer");
        let [PartitionState { earliest, end, .. }] = &states[..] else {
            panic!("one partition: {states:?}")
        };
        let mut records: Vec<StoredRecord> = Vec::new();
        if earliest == end {
            return records;
        }
        let subscription = Subscription {
            topic: topic.clone(),
            membership: Membership::Alone,
            start: Start::Earliest,
        };
        let mut consumer = log.subscribe(subscription).await.expect("a reader");
        let Change::Assigned(mut readers) = consumer.next().await.expect("an assignment") else {
            panic!("a reader alone is assigned everything")
        };
        let reader = &mut readers[0];
        reader.begin(Begin::Stored).await.expect("the oldest record");
        while records.last().is_none_or(|last| last.offset.next() < *end) {
            records.extend(reader.next_batch(1_000).await.expect("records").expect("not revoked"));
        }
        consumer.close().await.expect("a clean close");
        records
    }
}

impl Harness for Topics {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn arguments(&self) -> Vec<(Option<&'static str>, Vec<Target>)> {
        let target = |name: &str| vec![Target::Named(name.to_owned())];
        let [vip, other] = self.named;
        vec![(Some(vip), target(vip)), (Some(other), target(other)), (None, vec![])]
    }

    fn arrived<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Vec<EventId>> {
        Box::pin(async {
            let topic = TopicName::new(target.to_string()).expect("a topic");
            let records = self.records(&topic).await;
            let id = |stored: &StoredRecord| Event::decode(&stored.record.value).expect("an event").id();
            records.iter().map(id).collect()
        })
    }

    fn keeps_events_once(&self) -> bool {
        false
    }

    fn delivers_one_by_one(&self) -> bool {
        true
    }

    fn fail<'a>(&'a mut self, delivery: &'a Delivery) -> BoxFuture<'a, ()> {
        let value = delivery.record.record.value.clone();
        self.log.refused.lock().expect("no panic").insert(value);
        Box::pin(std::future::ready(()))
    }

    fn cut(&mut self) -> BoxFuture<'_, ()> {
        self.log.cut.store(true, Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }

    fn restore(&mut self) -> BoxFuture<'_, ()> {
        self.log.cut.store(false, Ordering::Relaxed);
        self.log.refused.lock().expect("no panic").clear();
        Box::pin(std::future::ready(()))
    }

    /// A record over the limit of its topic.
    fn spoil(&self, delivery: &mut Delivery) {
        let record = Arc::make_mut(&mut delivery.record);
        record.record.headers.push(Header {
            name: "large".into(),
            value: vec![b'x'; MAX_RECORD_BYTES as usize].into(),
        });
    }
}
