//! Reading a body: within its limits of size and time, at a pace, and into memory that was asked for first.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::budget::{NoRoom, Share};
use crate::config::Config;

/// A body, with its share of the budget.
#[derive(Debug)]
pub(crate) struct Buffered {
    pub(crate) bytes: Vec<u8>,
    pub(crate) share: Share,
}

/// Why a body was not taken.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// With what is left of it.
    TooLarge(Body),
    /// It came too late as a whole, or slower than the least pace.
    TooSlow,
    /// The client went away, or its framing is broken.
    Broken,
    /// The budget has no room for it. With what is left of it.
    NoRoom(Body),
}

/// Reads a body of at most `limit` bytes. A declared length over the limit is refused before a byte is read; beyond that
/// nothing believes it. `share` holds the request's head already, and grows with the body.
pub(crate) async fn read_body(
    mut body: Body,
    limit: usize,
    mut pace: Pace,
    mut share: Share,
) -> Result<Buffered, BodyError> {
    if declared(&body) > limit as u64 {
        return Err(BodyError::TooLarge(body));
    }
    let most = usize::try_from(declared(&body))
        .ok()
        .filter(|declared| *declared > 0)
        .unwrap_or(limit);
    let mut bytes = Vec::new();
    while let Some(data) = pace.next(&mut body).await? {
        if bytes.len() + data.len() > limit {
            return Err(BodyError::TooLarge(body));
        }
        let capacity = grown(bytes.len() + data.len(), bytes.capacity(), most);
        if let Err(NoRoom) = share.grow(capacity - bytes.capacity()) {
            return Err(BodyError::NoRoom(body));
        }
        bytes.reserve_exact(capacity - bytes.len());
        // Copied, small as most bodies are: a frame is a part of the connection's read buffer and would keep all of it.
        bytes.extend_from_slice(&data);
    }
    Ok(Buffered { bytes, share })
}

/// The capacity for so many bytes: twice what came, but no more than what can come.
fn grown(needed: usize, capacity: usize, most: usize) -> usize {
    if needed <= capacity {
        capacity
    } else {
        (2 * needed).min(most).max(needed)
    }
}

fn declared(body: &Body) -> u64 {
    body.size_hint().lower()
}

/// When a body has to be there, and when the next part of it.
///
/// Each byte buys time at the least rate, and nobody has more than the grace in hand: neither a drip nor a body that stops
/// shortly before its end keeps its place for as long as the deadline.
#[derive(Debug)]
pub(crate) struct Pace {
    deadline: Instant,
    due: Instant,
    grace: Duration,
    /// None: only the deadline counts.
    bytes_per_second: Option<u64>,
}

impl Pace {
    /// Of a body that begins now.
    pub(crate) fn of(config: &Config) -> Self {
        let now = Instant::now();
        let grace = Duration::from_millis(config.body_grace_ms);
        Self {
            deadline: now + Duration::from_millis(config.body_timeout_ms),
            due: now + grace,
            grace,
            bytes_per_second: Some(config.body_min_bytes_per_second).filter(|rate| *rate > 0),
        }
    }

    /// The next data of the body; none at its end.
    async fn next(&mut self, body: &mut Body) -> Result<Option<Bytes>, BodyError> {
        loop {
            let due = self
                .bytes_per_second
                .map_or(self.deadline, |_| self.due.min(self.deadline));
            let frame = match timeout_at(due, body.frame()).await {
                Err(_) => return Err(BodyError::TooSlow),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(BodyError::Broken),
                Ok(Some(Ok(frame))) => frame,
            };
            // What is not data is trailers, which say nothing here.
            if let Ok(data) = frame.into_data() {
                self.came(data.len());
                return Ok(Some(data));
            }
        }
    }

    fn came(&mut self, bytes: usize) {
        let Some(rate) = self.bytes_per_second else { return };
        let micros = (bytes as u64).saturating_mul(1_000_000) / rate;
        let bought = Duration::from_micros(micros).min(self.grace);
        self.due = (self.due + bought).min(Instant::now() + self.grace);
    }
}

/// How much of a refused body is read and thrown away, bytes.
const DISCARD_BYTES: usize = 32 * 1024 * 1024;

/// Throws a refused body away. A connection closed while the client still writes is reset, and the client would never see
/// the answer; what is more than the bound gets the reset. A client that asks first (RFC 9110 §10.1.1) is not told to go on.
pub(crate) async fn discard(mut body: Body, expects_continue: bool, mut pace: Pace) {
    if expects_continue || declared(&body) > DISCARD_BYTES as u64 {
        return;
    }
    let mut seen = 0;
    while seen < DISCARD_BYTES {
        match pace.next(&mut body).await {
            Ok(Some(data)) => seen += data.len(),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests;
