//! Histories for the tables of current state: events as the platforms send them, about so few messages, tickets, groups and lines
//! that they get in each other's way, in any order and with repeats; and [`model`], which says how they end.
//!
//! The same histories go through the registers in memory (`sinks/src/state/model`) and through both databases.

#![allow(
    dead_code,
    unused_imports,
    reason = "the tests in memory and those on databases take different parts"
)]

mod dice;
pub(crate) mod model;
mod shapes;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use harness::event::Written;
use schemas::event::Event;
use schemas::id::EventId;
use schemas::name::{SourceId, Tenant, TopicName};
use schemas::record::{Offset, Partition, PartitionProgress, Record, StoredRecord, TopicId};
use schemas::sink::{Batch, Begun, Delivery, Target};
use schemas::time::Timestamp;
use serde_json::Value;

pub(crate) use dice::{Dice, permutations};
pub(crate) use shapes::Shapes;

/// 2026-03-10T13:36:50Z.
const BEGIN_MS: i64 = 1_773_149_810_000;

/// One event, as it stands in the log.
#[derive(Clone)]
pub(crate) struct Happened {
    pub(crate) id: EventId,
    pub(crate) time: Timestamp,
    /// Whether its id has the time of receipt.
    pub(crate) received: bool,
    pub(crate) tenant: &'static str,
    pub(crate) source: &'static str,
    pub(crate) platform: String,
    pub(crate) event_type: String,
    pub(crate) data: Value,
    identity: String,
    event: Arc<Event>,
    value: Bytes,
}

/// What an event is made from.
#[derive(Debug, Clone)]
pub(crate) struct Making {
    pub(crate) tenant: &'static str,
    pub(crate) source: &'static str,
    pub(crate) platform: String,
    pub(crate) event_type: String,
    pub(crate) data: Value,
    /// What tells it from others of the same time.
    pub(crate) identity: String,
    pub(crate) time_ms: i64,
    pub(crate) received: bool,
}

impl Making {
    /// An event of the one source `acme/wa-1`, so many seconds after the first.
    pub(crate) fn new(seconds: i64, event_type: &str, data: Value) -> Self {
        Self {
            tenant: "acme",
            source: "wa-1",
            platform: "baileys".to_owned(),
            event_type: event_type.to_owned(),
            identity: format!("{seconds} {event_type} {data}"),
            data,
            time_ms: BEGIN_MS + seconds * 1000,
            received: false,
        }
    }

    pub(crate) fn happened(self) -> Happened {
        let time = Timestamp::from_millis(self.time_ms).expect("in range");
        let (tenant, source) = (
            Tenant::new(self.tenant).expect("valid"),
            SourceId::new(self.source).expect("valid"),
        );
        let id = EventId::derive(time, &tenant, &source, &[&self.identity]);
        let written = Written {
            id: &id.to_string(),
            received: self.received,
            source: &format!("/{}/{}", self.tenant, self.source),
            event_type: &self.event_type,
            subject: None,
            time: &time.to_string(),
            tenant: self.tenant,
            platform: &self.platform,
            received_time: &time.to_string(),
            partition_key: &format!("{}/{}/1", self.tenant, self.source),
            traceparent: None,
            raw_sha256: &"ab".repeat(32),
            data: &self.data.to_string(),
        };
        let value = written.value();
        Happened {
            id,
            time,
            received: self.received,
            tenant: self.tenant,
            source: self.source,
            platform: self.platform,
            event_type: self.event_type,
            data: self.data,
            identity: self.identity,
            event: Arc::new(Event::decode(&value).expect("an event")),
            value,
        }
    }
}

impl fmt::Debug for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            tenant,
            source,
            event_type,
            data,
            ..
        } = self;
        write!(f, "{id} {tenant}/{source} {event_type} {data}")
    }
}

impl Happened {
    /// Another receipt of it, so many seconds later.
    fn received_again(&self, seconds: i64) -> Self {
        let making = Making {
            tenant: self.tenant,
            source: self.source,
            platform: self.platform.clone(),
            event_type: self.event_type.clone(),
            data: self.data.clone(),
            identity: self.identity.clone(),
            time_ms: self.time.millis() + seconds * 1000,
            received: true,
        };
        making.happened()
    }

    fn delivery(&self, offset: i64, partition: &Arc<Partition>) -> Delivery {
        Delivery {
            event: Arc::clone(&self.event),
            partition: Arc::clone(partition),
            record: Arc::new(StoredRecord {
                offset: Offset(offset),
                record: Record {
                    key: "1".into(),
                    headers: vec![],
                    value: self.value.clone(),
                },
            }),
            target: Target::Only,
            rules: vec![],
            rules_version: "0123456789ab".into(),
            attempt: 1,
        }
    }
}

/// `length` events, each another one. Short histories are of one family as often as of all, so that their events meet.
pub(crate) fn history(shapes: &Shapes, dice: &mut Dice, length: usize) -> Vec<Happened> {
    let mut events = Vec::new();
    let family = match length {
        ..100 => dice.below(2 * shapes.families()),
        _ => shapes.families(),
    };
    for number in 0..length {
        let (platform, event_type, untimed, data) = shapes.event(dice, family);
        // Few sources, and mostly one, so that events meet.
        let (tenant, source) = match dice.below(12) {
            0 => ("acme", "wa-2"),
            1 => ("bell", "wa-1"),
            _ => ("acme", "wa-1"),
        };
        // Whole seconds, most of them taken twice.
        let seconds = i64::try_from(dice.below(2 + length / 2)).expect("small");
        let making = Making {
            tenant,
            source,
            platform,
            received: untimed,
            identity: number.to_string(),
            ..Making::new(seconds, &event_type, data)
        };
        events.push(making.happened());
    }
    events
}

/// The events in this order with repeats: one in four comes again under the same id, at any place; and most of those whose id is of
/// their receipt come a second time within a minute after the first, with another id.
pub(crate) fn with_repeats(dice: &mut Dice, order: Vec<Happened>) -> Vec<Happened> {
    let mut arriving = order.clone();
    for event in order {
        if dice.below(4) == 0 {
            let place = dice.below(arriving.len() + 1);
            arriving.insert(place, event.clone());
        }
        if event.received && dice.below(3) > 0 {
            let again = event.received_again(i64::try_from(1 + dice.below(59)).expect("small"));
            // One partition has all receipts of an event, in their order: the second never comes before the first.
            let first = arriving
                .iter()
                .position(|other| other.id == event.id)
                .unwrap_or_default();
            let place = first + 1 + dice.below(arriving.len() - first);
            arriving.insert(place, again);
        }
    }
    arriving
}

/// The events as batches of one partition, cut anywhere, the first at this offset.
pub(crate) fn batches(dice: &mut Dice, first: i64, arriving: &[Happened]) -> Vec<Batch> {
    let partition = Arc::new(partition());
    let deliveries = (first..)
        .zip(arriving)
        .map(|(offset, event)| event.delivery(offset, &partition));
    let mut batches: Vec<Vec<Delivery>> = vec![Vec::new()];
    for delivery in deliveries {
        match batches.last_mut() {
            Some(batch) if batch.is_empty() || dice.below(3) > 0 => batch.push(delivery),
            _ => batches.push(vec![delivery]),
        }
    }
    let batch = |deliveries: Vec<Delivery>| Batch {
        progress: deliveries.last().map(|last| PartitionProgress {
            partition: (*partition).clone(),
            topic_id: Some(TopicId::new("first")),
            next: Offset(last.record.offset.0 + 1),
        }),
        deliveries,
        begun: Begun::default(),
    };
    batches.into_iter().map(batch).collect()
}

fn partition() -> Partition {
    Partition {
        topic: TopicName::new("forebay.events").expect("valid"),
        index: 0,
    }
}
