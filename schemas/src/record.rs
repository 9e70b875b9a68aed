//! How an event lies in the event log: key, headers, value, and where.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::name::TopicName;

/// What is published: the unit of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The partition key; records of equal keys are in one partition, in the order in which they were accepted.
    pub key: Bytes,
    /// Repeats of attributes, so that a consumer can filter without parsing the value.
    pub headers: Vec<Header>,
    /// The CloudEvent in structured JSON.
    pub value: Bytes,
}

/// A header of a record: a name and the bytes of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// For example [`header::CE_TYPE`].
    pub name: std::borrow::Cow<'static, str>,
    /// UTF-8 text for all headers that Forebay writes.
    pub value: Bytes,
}

/// The names of the headers that Forebay writes.
pub mod header {
    /// `application/cloudevents+json` (CloudEvents Kafka binding §3.3.1).
    pub const CONTENT_TYPE: &str = "content-type";
    /// The event id, a UUID as text.
    pub const CE_ID: &str = "ce_id";
    /// The event type, such as `message.created`.
    pub const CE_TYPE: &str = "ce_type";
    /// `/<tenant>/<source>`.
    pub const CE_SOURCE: &str = "ce_source";
    /// When it happened, RFC 3339.
    pub const CE_TIME: &str = "ce_time";
    /// The tenant that the source belongs to.
    pub const CE_TENANT: &str = "ce_tenant";
}

impl Record {
    /// The value of the first header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|h| h.name == name).map(|h| &*h.value)
    }

    /// Bytes of key, headers and value together: what a size limit of the event log counts, but for its framing.
    pub fn size_bytes(&self) -> usize {
        self.key.len() + self.value.len() + self.headers.iter().map(|h| h.name.len() + h.value.len()).sum::<usize>()
    }
}

/// A partition of a topic: records in it have one order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition {
    /// The topic that the partition is of.
    pub topic: TopicName,
    /// The partition's number, from 0.
    pub index: i32,
}

/// The place of a record inside its partition. As progress it means the **next** record to read, as in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub i64);

impl Offset {
    /// The offset after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Which topic it is, beside its name: a topic that was deleted and made anew has another id. Opaque text, from the event
/// log: Kafka's topic id (KIP-516), the journal's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(std::sync::Arc<str>);

impl TopicId {
    /// The id as the log writes it.
    pub fn new(id: impl Into<std::sync::Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as the log writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How far a partition is settled: everything before `next` is.
///
/// Progress belongs to one topic, not to whatever has its name later: hence the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionProgress {
    /// The partition, with its topic.
    pub partition: Partition,
    /// The topic that `next` is an offset of. `None`: not known, because the log has no ids, or because an older version or
    /// a foreign tool stored this.
    pub topic_id: Option<TopicId>,
    /// The offset of the next record to read; all before it are settled.
    pub next: Offset,
}

/// Where a record is: topic, partition, offset. Every failure names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The partition, with its topic.
    pub partition: Partition,
    /// The offset inside the partition, from 0.
    pub offset: Offset,
}

/// A record read back, with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Where it was read.
    pub offset: Offset,
    /// What was read.
    pub record: Record,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.index)
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.partition, self.offset)
    }
}
