//! What comes back, and where the time went.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::aside::Rest;

/// A response whose head has come. Its body comes with [`Client::finish`](super::Client::finish).
#[derive(Debug)]
pub struct Answer {
    /// The status, of any class; redirects are not followed.
    pub status: StatusCode,
    /// The headers, as they were received.
    pub headers: HeaderMap,
    pub(super) timing: Timing,
    pub(super) rest: Rest,
}

/// Where the time of an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Resolving, connecting and TLS together. `None`: the connection was there.
    pub connect: Option<Duration>,
    /// From the moment that the request could be sent until the head of its answer had come.
    pub first_byte: Duration,
}

impl Answer {
    /// Where the time went until the head had come. What was waited for before, slots and connections of this process, is not in it.
    pub fn timing(&self) -> Timing {
        self.timing
    }
}

/// What came back.
#[derive(Debug)]
pub struct Response {
    /// The status, of any class; redirects are not followed.
    pub status: StatusCode,
    /// The headers, as they were received.
    pub headers: HeaderMap,
    /// The body, up to `response_max_bytes`, encoded as it was sent. Never to be repeated to whoever registered the URL:
    /// it may come from a place that only we reach.
    pub body: Bytes,
    /// Whether that is the whole body: it may be longer, or not have come in time.
    pub complete: bool,
    /// Where the time went until the head had come.
    pub timing: Timing,
}
