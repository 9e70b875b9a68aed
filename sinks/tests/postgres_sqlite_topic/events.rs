//! Events to deliver, with every part that a test may want to spoil.

use std::sync::Arc;

use harness::event::Written;
use schemas::event::Event;
use schemas::id::EventId;
use schemas::name::{SourceId, Tenant, TopicName};
use schemas::record::{Offset, Partition, PartitionProgress, Record, StoredRecord, TopicId};
use schemas::sink::{Batch, Begun, Delivery, Sink, Target};
use schemas::time::Timestamp;

/// 2026-03-10T13:36:50.912Z
pub(crate) const TIME_MS: i64 = 1_773_149_810_912;

/// One event in the making; the default is an ordinary one.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) identity: String,
    pub(crate) event_type: String,
    pub(crate) time_ms: i64,
    pub(crate) received: bool,
    pub(crate) subject: String,
    pub(crate) conversation: String,
    pub(crate) data: String,
    pub(crate) raw: String,
    pub(crate) rawsha256: String,
}

pub(crate) fn sample(identity: impl Into<String>) -> Sample {
    Sample {
        identity: identity.into(),
        event_type: "message.created".into(),
        time_ms: TIME_MS,
        received: false,
        subject: "conversation 128".into(),
        conversation: "3/128".into(),
        data: r#""message":{"text":"Olá 👋"}"#.into(),
        raw: r#"{ "id": 9001 }"#.into(),
        rawsha256: "ab".repeat(32),
    }
}

impl Sample {
    /// A second receipt of what has the same identity.
    pub(crate) fn received_after(mut self, seconds: i64) -> Self {
        self.received = true;
        self.time_ms = TIME_MS + seconds * 1000;
        self
    }

    pub(crate) fn id(&self) -> EventId {
        let time = Timestamp::from_millis(self.time_ms).expect("in range");
        let (tenant, source) = (
            Tenant::new("acme").expect("valid"),
            SourceId::new("wa-1").expect("valid"),
        );
        EventId::derive(time, &tenant, &source, &[&self.identity])
    }

    pub(crate) fn partition_key(&self) -> String {
        format!("acme/wa-1/{}", self.conversation)
    }

    pub(crate) fn delivery(&self, offset: i64) -> Delivery {
        let time = Timestamp::from_millis(self.time_ms).expect("in range").to_string();
        let written = Written {
            id: &self.id().to_string(),
            received: self.received,
            source: "/acme/wa-1",
            event_type: &self.event_type,
            subject: Some(&self.subject),
            time: &time,
            tenant: "acme",
            platform: "baileys",
            received_time: &time,
            partition_key: &self.partition_key(),
            traceparent: None,
            raw_sha256: &self.rawsha256,
            data: &format!(r#"{{{},"raw":{}}}"#, self.data, self.raw),
        };
        let value = written.value();
        Delivery {
            event: Arc::new(Event::decode(&value).expect("an event")),
            partition: Arc::new(partition(0)),
            record: Arc::new(StoredRecord {
                offset: Offset(offset),
                record: Record {
                    key: self.partition_key().into(),
                    headers: vec![],
                    value,
                },
            }),
            target: Target::Only,
            rules: vec![],
            rules_version: "0123456789ab".into(),
            attempt: 1,
        }
    }
}

pub(crate) fn partition(index: i32) -> Partition {
    Partition {
        topic: TopicName::new("forebay.events").expect("valid"),
        index,
    }
}

/// Progress in the topic that is meant where nothing is said.
pub(crate) fn progress(index: i32, next: i64) -> PartitionProgress {
    PartitionProgress {
        partition: partition(index),
        topic_id: Some(TopicId::new("first")),
        next: Offset(next),
    }
}

/// Where a sink is, as it keeps it.
pub(crate) async fn kept(sink: &dyn Sink, index: i32) -> Option<Offset> {
    let kept = sink.kept_progress().expect("kept").progress(&partition(index)).await;
    kept.expect("available").map(|progress| progress.next)
}

pub(crate) async fn checkpoint(sink: &dyn Sink, index: i32, next: i64) {
    let stored = sink
        .kept_progress()
        .expect("kept")
        .checkpoint(&progress(index, next))
        .await;
    stored.expect("available");
}

/// A batch of partition 0 that begins at offset `first`.
pub(crate) fn batch(first: i64, samples: &[Sample]) -> Batch {
    batch_of(0, first, samples)
}

pub(crate) fn batch_of(index: i32, first: i64, samples: &[Sample]) -> Batch {
    let partition = Arc::new(partition(index));
    let delivery = |(offset, sample): (i64, &Sample)| Delivery {
        partition: Arc::clone(&partition),
        ..sample.delivery(offset)
    };
    let deliveries: Vec<_> = (first..).zip(samples).map(delivery).collect();
    Batch {
        progress: Some(progress(index, first + i64::try_from(deliveries.len()).expect("few"))),
        deliveries,
        begun: Begun::default(),
    }
}

/// `count` ordinary events with identities of their own.
pub(crate) fn samples(name: &str, count: usize) -> Vec<Sample> {
    (0..count).map(|n| sample(format!("{name}-{n}"))).collect()
}
