//! Reads a body: within its limits of size and time, at a pace, and into memory that was charged to the budget first.

mod pieces;

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use crate::budget::{NoRoom, Share};
use crate::config::Config;
use crate::decide::{BodyLimit, Refused};
use pieces::Pieces;

/// A body, with its share of the budget, which has room for a copy of it.
#[derive(Debug)]
pub(crate) struct Buffered {
    pub(crate) bytes: Vec<u8>,
    pub(crate) share: Share,
}

/// Why a body was not read to its end. With what is left of it, where something may be.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is over the limit.
    TooLarge(Refused, Body),
    /// It came too late as a whole, or slower than the least pace.
    TooSlow,
    /// It came in time, and this process read it too late.
    Behind(Body),
    /// The client went away, or its framing is broken.
    Broken,
    /// The budget has no room for it.
    NoRoom(Body),
}

/// Reads a body within its limit. A declared length over the limit is refused before a byte is read; nothing else depends on
/// it. `share` holds the request's head already, and grows with the body.
pub(crate) async fn read_body(
    mut body: Body,
    limit: BodyLimit,
    mut pace: Pace,
    share: Share,
) -> Result<Buffered, BodyError> {
    let declared = usize::try_from(declared(&body)).unwrap_or(usize::MAX);
    if let Err(refused) = limit.check(declared) {
        return Err(BodyError::TooLarge(refused, body));
    }
    let most = if declared > 0 { declared } else { limit.bytes() };
    let mut pieces = Pieces::new(share);
    loop {
        let data = match pace.next(&mut body).await {
            Next::Data(data) => data,
            Next::End => break,
            Next::TooSlow => return Err(BodyError::TooSlow),
            Next::Behind => return Err(BodyError::Behind(body)),
            Next::Broken => return Err(BodyError::Broken),
        };
        if let Err(refused) = limit.check(pieces.length() + data.len()) {
            return Err(BodyError::TooLarge(refused, body));
        }
        // Copied: a frame is a part of the connection's read buffer, and would keep all of it.
        if let Err(NoRoom) = pieces.push(&data, most) {
            return Err(BodyError::NoRoom(body));
        }
    }
    let (bytes, share) = pieces.whole();
    Ok(Buffered { bytes, share })
}

fn declared(body: &Body) -> u64 {
    body.size_hint().lower()
}

/// The time by which a body must be complete, and by which its next part must come.
///
/// Each byte adds time at the least rate, and never more than the grace: neither a drip nor a body that stops shortly before
/// its end keeps its place for as long as the deadline.
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

    async fn next(&mut self, body: &mut Body) -> Next {
        let mut looked_again = false;
        loop {
            let due = self
                .bytes_per_second
                .map_or(self.deadline, |_| self.due.min(self.deadline));
            let frame = match timeout_at(due, body.frame()).await {
                // On HTTP/2 another task reads: it runs first, if both were late.
                Err(_) if !looked_again => {
                    looked_again = true;
                    yield_now().await;
                    continue;
                }
                Err(_) => return Next::TooSlow,
                Ok(None) => return Next::End,
                Ok(Some(Err(_))) => return Next::Broken,
                Ok(Some(Ok(frame))) => frame,
            };
            // What is not data is trailers, which are ignored.
            if let Ok(data) = frame.into_data() {
                return self.came(data);
            }
        }
    }

    /// Data found after its time was late because of this process, not of the client: it lay unread until now.
    fn came(&mut self, data: Bytes) -> Next {
        let now = Instant::now();
        if now > self.deadline {
            return Next::Behind;
        }
        if let Some(rate) = self.bytes_per_second {
            let micros = (data.len() as u64).saturating_mul(1_000_000) / rate;
            self.due = (self.due.max(now) + Duration::from_micros(micros)).min(now + self.grace);
        }
        Next::Data(data)
    }
}

/// What comes next of a body.
enum Next {
    Data(Bytes),
    End,
    /// The client is late.
    TooSlow,
    /// This process is.
    Behind,
    Broken,
}

/// How much of a refused body is read and dropped, bytes.
const DISCARD_BYTES: usize = 32 * 1024 * 1024;

/// Reads a refused body and drops it. A connection closed while the client still writes is reset, and the client would never
/// see the answer; what is more than the bound gets the reset. A client that asks first (RFC 9110 §10.1.1) is not asked to
/// continue.
pub(crate) async fn discard(mut body: Body, expects_continue: bool, mut pace: Pace) {
    if expects_continue || declared(&body) > DISCARD_BYTES as u64 {
        return;
    }
    let mut seen = 0;
    while seen < DISCARD_BYTES {
        match pace.next(&mut body).await {
            Next::Data(data) => seen += data.len(),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests;
