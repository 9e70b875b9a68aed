//! The backlog: deliveries that wait are kept in a database, so that they hold up neither their partition nor their neighbours;
//! and what all processes know of a target in trouble.
//!
//! A delivery in the backlog is settled in the event log. Its place there, with its target, is its name: adding the same one
//! twice is harmless, and their order is the order of the log.
//!
//! Whoever owns a partition of the log adds and removes its rows, and no one else does. A [`Claim`] is that right. It is taken
//! after the log has assigned the partition and before the first record is delivered, and it is lost when another process takes
//! it: what a process writes whose claim is lost changes nothing.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::BoxFuture;
use crate::name::{RuleName, SinkName};
use crate::record::{Offset, Partition, StoredRecord, TopicId};
use crate::time::Timestamp;

/// A delivery that waits in the backlog.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The target's name; a target without a name has no backlog.
    pub target: String,
    /// The record as it is in the log: offset, key, headers, value.
    pub record: Arc<StoredRecord>,
    /// The rules that sent it, in the order of the file.
    pub rules: Vec<RuleName>,
    /// The version of the set of rules.
    pub rules_version: Arc<str>,
    /// How many attempts were made.
    pub attempts: u32,
    /// When its next attempt is due, if it has been tried or is being tried. `None`: it is in line, and goes out as soon as its
    /// target takes deliveries.
    pub due: Option<Timestamp>,
    /// Whether the target takes deliveries of one key in their order.
    pub ordered: bool,
    /// When it came into the backlog.
    pub since: Timestamp,
}

/// A change of the rows of one partition.
#[derive(Debug, Clone)]
pub enum Change {
    /// Adds a delivery. One of the same place and target stays as it is.
    Add(Waiting),
    /// Notes an attempt that failed. Changes nothing if the row is gone.
    Tried {
        /// The target's name.
        target: String,
        /// The offset of the record.
        offset: Offset,
        /// How many attempts were made.
        attempts: u32,
        /// When the next one is due.
        due: Timestamp,
    },
    /// Removes a delivery: it went through, or is a dead letter.
    Remove {
        /// The target's name.
        target: String,
        /// The offset of the record.
        offset: Offset,
    },
}

/// What waits in a partition, without the events themselves.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// The targets that have deliveries in line (`due` is `None`).
    pub in_line: Vec<String>,
    /// All that have a time of their own.
    pub due: Vec<Due>,
    /// Target and offset of all whose record is at or after the position that was asked for: the log will be read there again.
    pub read_again: Vec<(String, Offset)>,
}

/// A delivery in the backlog with a time of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The target's name.
    pub target: String,
    /// The offset of the record.
    pub offset: Offset,
    /// The key of the record.
    pub key: Bytes,
    /// When its next attempt is due.
    pub at: Timestamp,
}

/// Which deliveries of a target to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The target's name.
    pub target: String,
    /// Which of them.
    pub which: Which,
}

/// A choice among the deliveries of a target in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those in line after this offset, in their order.
    InLine {
        /// The last one that is known; `None` for all.
        after: Option<Offset>,
        /// At most so many.
        limit: usize,
    },
    /// All [`ordered`](Waiting::ordered) ones of one key after this offset, in their order, with a time of their own or not.
    OfKey {
        /// The key of the records.
        key: Bytes,
        /// The last one that is known; `None` for all.
        after: Option<Offset>,
        /// At most so many.
        limit: usize,
    },
    /// Exactly this one.
    At(Offset),
}

/// Whether a claim is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// No other process can have it.
    Held,
    /// It was not renewed in time, because this process paused or the database is slow: another process may have it. It is being
    /// renewed.
    Expired,
    /// It could not be renewed, because the database is away: the reason. No other process can take it meanwhile either, unless
    /// that one reaches the database.
    Away(String),
    /// Another process has it.
    Lost,
}

/// Why the backlog did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BacklogError {
    /// It cannot now; trying again may help. The reason, and what would fix it; without secrets.
    #[error("{0}")]
    Unavailable(String),
    /// Another process has the partition. Nothing was changed.
    #[error("another process has the backlog of this partition")]
    NotOwner,
}

/// The right to one partition's rows.
pub trait Claim: Send + Sync + fmt::Debug {
    /// Whether it is good now. Quick, and never I/O.
    fn standing(&self) -> Standing;

    /// Returns what waits. `position` is where the log will be read from.
    fn contents(&self, position: Offset) -> BoxFuture<'_, Result<Contents, BacklogError>>;

    /// Makes all changes, in one transaction, in their order; `Ok` means durable. After an error it is unknown whether they were
    /// made, and making them again is harmless. Calls of one claim must not overlap.
    fn write(&self, changes: Arc<[Change]>) -> BoxFuture<'_, Result<(), BacklogError>>;

    /// Returns deliveries, those of each element of `wanted` in the order of the log. What is at or after `before` is left out.
    /// The answer may hold less than was wanted where it would become too large.
    fn fetch(&self, wanted: Vec<Wanted>, before: Offset) -> BoxFuture<'_, Result<Vec<Waiting>, BacklogError>>;

    /// Gives the claim up, so that the next owner need not wait for it to expire.
    fn release(&self) -> BoxFuture<'_, ()>;
}

/// Where deliveries wait. Cheap to share.
pub trait Backlog: Send + Sync + fmt::Debug {
    /// Claims a partition for a sink. [`BacklogError::NotOwner`] while another process has it, which is until that one releases it
    /// or does not renew it for some seconds.
    fn claim<'a>(
        &'a self,
        sink: &'a SinkName,
        partition: &'a Partition,
        topic_id: Option<&'a TopicId>,
    ) -> BoxFuture<'a, Result<Arc<dyn Claim>, BacklogError>>;

    /// Returns what is known of targets in trouble, all of it or what has changed after `version`.
    fn conditions<'a>(
        &'a self,
        sink: &'a SinkName,
        after: Option<i64>,
    ) -> BoxFuture<'a, Result<Vec<Condition>, BacklogError>>;

    /// Notes what a process has found of a target. Returns the target's condition after that, if it has changed by it: so of
    /// several processes that find the same, one alone is told of the change.
    fn note<'a>(
        &'a self,
        sink: &'a SinkName,
        target: &'a str,
        finding: Finding,
    ) -> BoxFuture<'a, Result<Option<Condition>, BacklogError>>;

    /// Returns what waits for each target that has rows, sorted by name. Looks at all rows: for people, and for gauges that are
    /// read once a minute.
    fn waiting<'a>(&'a self, sink: &'a SinkName) -> BoxFuture<'a, Result<Vec<TargetRows>, BacklogError>>;

    /// Returns orders to the owners of partitions that were given after `after`, oldest first.
    fn orders<'a>(&'a self, sink: &'a SinkName, after: i64) -> BoxFuture<'a, Result<Vec<Order>, BacklogError>>;

    /// Returns the number of the newest order, for [`orders`](Self::orders); 0 if there was none.
    fn newest_order<'a>(&'a self, sink: &'a SinkName) -> BoxFuture<'a, Result<i64, BacklogError>>;
}

/// What all processes know of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The target's name.
    pub target: String,
    /// Since when no delivery went through, if that is so.
    pub failing_since: Option<Timestamp>,
    /// Since when nothing is delivered to it, and why, if that is so.
    pub disabled: Option<Disabled>,
    /// Raised with every change of any target's condition.
    pub version: i64,
}

/// A target that gets no deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// Why, for people.
    pub reason: String,
}

/// What a process finds of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Deliveries fail, and none went through since then.
    Failing {
        /// Since when.
        since: Timestamp,
    },
    /// A delivery went through.
    Works,
    /// The target wants no more deliveries.
    Refuses {
        /// Why, for people.
        reason: String,
    },
    /// It is to be disabled if it has failed since before that moment without a success.
    FailedSince {
        /// That moment.
        before: Timestamp,
        /// Why, for people.
        reason: String,
    },
    /// An operator wants it to get deliveries again.
    Enabled,
}

/// What waits for one target, over all topics and partitions of a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRows {
    /// The target's name.
    pub target: String,
    /// How many deliveries are in line.
    pub in_line: u64,
    /// How many have a time of their own.
    pub with_time: u64,
    /// When the one that has waited longest came into the backlog.
    pub oldest_since: Timestamp,
    /// When the next of those with a time of their own is due.
    pub next_due: Option<Timestamp>,
}

/// Something that the owners of partitions are to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Raised with every order.
    pub id: i64,
    /// The target's name.
    pub target: String,
    /// What is to be done.
    pub what: What,
}

/// What an order asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Rows were added or made due by others: look again.
    Look,
    /// Try the target now, whatever is known of it.
    Try,
}
