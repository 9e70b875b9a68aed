//! The attempt log: what became of each attempt to deliver, for those who want to know later.

use std::fmt;
use std::time::Duration;

use crate::id::EventId;
use crate::name::{EventType, SinkName, Tenant};
use crate::record::Position;
use crate::time::Timestamp;

/// One attempt that has ended.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// The sink.
    pub sink: SinkName,
    /// The target's name.
    pub target: String,
    /// Whose event it is.
    pub tenant: Tenant,
    /// The event.
    pub event: EventId,
    /// Its type.
    pub event_type: EventType,
    /// Where the event is in the log.
    pub position: Position,
    /// The number of this attempt, from 1.
    pub number: u32,
    /// What became of it: `delivered`, `timeout`, `status_5xx`… as in the metrics.
    pub class: &'static str,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// How long it took to have a connection, if a new one was made: resolving, connecting and TLS.
    pub connect: Option<Duration>,
    /// How long it took until the head of the answer had come, if it came.
    pub first_byte: Option<Duration>,
    /// How long all of it took.
    pub total: Duration,
    /// Why it failed; without secrets.
    pub reason: Option<String>,
    /// The beginning of the answer's body, of a failure.
    pub answer: Option<String>,
    /// The headers of the request, without what proves who we are: a JSON object.
    pub request_headers: Option<String>,
}

/// Where attempts are written.
pub trait AttemptLog: Send + Sync + fmt::Debug {
    /// Takes an attempt. Never waits: what cannot be taken is counted and dropped.
    fn record(&self, attempt: Attempt);
}
