//! The event log between the stages, on Apache Kafka and on a journal on local disk.
//!
//! Both keep the contract of [`schemas::log::EventLog`], and both pass one conformance suite
//! (`stream/tests/conformance`): a third log must pass it, too.
//!
//! The path of one record through this crate:
//!
//! ```text
//! Record ──Publish::publish───► partition of its key ──acknowledged──► Position
//! subscribe ──Change::Assigned──► PartitionReader ──begin, next_batch──► StoredRecord(s) ──store──► progress of the group
//! ```
//!
//! * [`kafka`]: Apache Kafka through librdkafka; any number of processes
//! * [`journal`]: one folder on local disk, one process
//! * `headers`: the names of headers that both read back; `queue`: how full the queue of either is

mod headers;
pub mod journal;
pub mod kafka;
mod queue;
