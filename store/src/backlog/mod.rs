//! The backlog in a database: see [`schemas::backlog`] for what it promises.
//!
//! * [`PostgresBacklog`]: for many processes. A partition is owned by a lease with an epoch ([`Lease`]); every write carries the
//!   epoch of its claim, so that a process that has lost a partition, and does not know yet, changes nothing.
//! * [`SqliteBacklog`]: for one process, which owns everything in its file.
//! * [`Outside`]: either of them for who owns nothing, and may do so beside the owner.
//!
//! A row is written once and never leased: its owner alone reads it, by a cursor, and removes it. Tables and their columns are
//! described in `store/migrations/`.

mod answer;
mod changes;
mod lease;
mod outside;
mod postgres;
mod row;
mod sqlite;

use schemas::record::Offset;

pub use lease::Lease;
pub use outside::Outside;
pub use postgres::PostgresBacklog;
pub use schemas::backlog::TargetRows;
pub use sqlite::SqliteBacklog;

/// How far before the offsets of a topic those of an earlier topic of the same name are: far more than a partition ever has.
const APART: i64 = 1 << 40;

/// Before all offsets, those of earlier topics as well.
const START: Offset = Offset(i64::MIN);

/// Where a delivery that waits lies in the event log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowPlace {
    /// The topic.
    pub topic: String,
    /// The id of the topic; empty where the log has none.
    pub topic_id: String,
    /// The number of the partition.
    pub partition: i32,
    /// The offset in the partition. Negative: the delivery waited for an earlier topic of this name, and was taken over.
    pub offset: i64,
}

/// What becomes of a delivery that is added from outside, and waits already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It becomes due now, and stays as it is otherwise: someone wants this one.
    DueNow,
    /// It stays as it is: its time comes, or it is under way.
    AsItIs,
}
