//! The deliveries of the suite: ordinary events, each with an id of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use harness::event::Written;
use schemas::event::Event;
use schemas::id::EventId;
use schemas::name::{SourceId, Tenant, TopicName};
use schemas::record::{Offset, Partition, PartitionProgress, Record, StoredRecord, TopicId};
use schemas::sink::{Batch, Begun, Delivery, Target};
use schemas::time::Timestamp;

/// The tenant of all events here.
const TENANT: &str = "acme";

/// Which events: those of the conversation `key`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample<'s> {
    pub(crate) key: &'s str,
    pub(crate) target: &'s Target,
}

impl Sample<'_> {
    /// A delivery of a new event, read at `offset`.
    pub(crate) fn at(&self, offset: i64) -> Delivery {
        static NUMBER: AtomicI64 = AtomicI64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let time = Timestamp::from_millis(1_773_149_810_912 + number).expect("in range");
        let (tenant, source) = (Tenant::new(TENANT).expect("valid"), SourceId::new("s").expect("valid"));
        let id = EventId::derive(time, &tenant, &source, &[&number.to_string()]);
        let (key, hash) = (format!("{TENANT}/s/{}", self.key), "ab".repeat(32));
        let (id, time) = (id.to_string(), time.to_string());
        let written = Written {
            id: &id,
            source: &format!("/{TENANT}/s"),
            time: &time,
            tenant: TENANT,
            received_time: &time,
            partition_key: &key,
            raw_sha256: &hash,
            data: &format!(r#"{{"message":{{"id":"{number}"}},"raw":{{"id":{number}}}}}"#),
            ..Written::default()
        };
        let value = written.value();
        Delivery {
            event: Arc::new(Event::decode(&value).expect("an event")),
            partition: Arc::new(partition()),
            record: Arc::new(StoredRecord {
                offset: Offset(offset),
                record: Record {
                    key: key.into(),
                    headers: vec![],
                    value,
                },
            }),
            target: self.target.clone(),
            rules: vec![],
            rules_version: "0123456789ab".into(),
            attempt: 1,
        }
    }
}

fn partition() -> Partition {
    Partition {
        topic: TopicName::new("forebay.events").expect("valid"),
        index: 0,
    }
}

/// Progress of the partition that all deliveries come from.
pub(crate) fn progress_to(next: i64) -> PartitionProgress {
    PartitionProgress {
        partition: partition(),
        topic_id: Some(TopicId::new("first")),
        next: Offset(next),
    }
}

/// A batch after which everything up to its end is settled.
pub(crate) fn batch(deliveries: Vec<Delivery>) -> Batch {
    let next = deliveries.last().expect("at least one").record.offset.next();
    Batch {
        deliveries,
        progress: Some(progress_to(next.0)),
        begun: Begun::default(),
    }
}

/// The same deliveries, for which no partition waits.
pub(crate) fn resend(deliveries: Vec<Delivery>) -> Batch {
    Batch {
        deliveries,
        progress: None,
        begun: Begun::default(),
    }
}

/// The ids of the events to `target`, in the order of the deliveries.
pub(crate) fn event_ids<'d>(deliveries: impl IntoIterator<Item = &'d Delivery>, target: &Target) -> Vec<EventId> {
    let to_target = deliveries.into_iter().filter(|d| d.target == *target);
    to_target.map(|d| d.event.id()).collect()
}
