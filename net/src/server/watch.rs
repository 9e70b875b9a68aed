//! The deadlines of one connection, without I/O: when a client has been silent or slow for too long.
//!
//! hyper alone waits for ever for the first byte, and its header time-out also ends idle connections. Here each wait has
//! its own limit: the first byte, the head of a request, the pause between requests, a client that does not read. (The body
//! has its own, where it is read.)

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::Settings;

/// The limits, milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) first_byte: u64,
    pub(super) header: u64,
    pub(super) idle: u64,
    pub(super) write: u64,
}

impl Limits {
    pub(super) fn of(settings: &Settings) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2);
        Self {
            first_byte: millis(settings.first_byte_timeout),
            header: millis(settings.header_timeout),
            idle: millis(settings.idle_timeout),
            write: millis(settings.write_timeout),
        }
    }
}

/// A moment of a connection in milliseconds since it opened, or none; in one atomic word, where 0 is none.
#[derive(Debug, Default)]
struct Since(AtomicU64);

impl Since {
    fn get(&self) -> Option<u64> {
        self.0.load(Relaxed).checked_sub(1)
    }

    fn set(&self, at: u64) {
        self.0.store(at.saturating_add(1), Relaxed);
    }

    fn clear(&self) {
        self.0.store(0, Relaxed);
    }
}

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Watch {
    opened: Instant,
    limits: Limits,
    served: AtomicBool,
    http2: AtomicBool,
    in_flight: AtomicU32,
    idle_since: Since,
    head_since: Since,
    blocked_since: Since,
}

impl Watch {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            opened: Instant::now(),
            limits,
            served: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            idle_since: Since::default(),
            head_since: Since::default(),
            blocked_since: Since::default(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Notes that bytes came.
    pub(super) fn on_read(&self) {
        if self.in_flight.load(Relaxed) == 0 && self.head_since.get().is_none() {
            self.head_since.set(self.now());
        }
    }

    /// Notes that bytes were written, or that the client took none.
    pub(super) fn on_write(&self, blocked: bool) {
        if !blocked {
            if self.blocked_since.get().is_some() {
                self.blocked_since.clear();
            }
        } else if self.blocked_since.get().is_none() {
            self.blocked_since.set(self.now());
        }
    }

    /// Notes that the head of a request is complete. Returns when its first byte came; on HTTP/2, whose bytes may belong to
    /// anything, and for a request that came together with the one before, that is now.
    pub(super) fn begin(&self, http2: bool) -> Instant {
        let head_since = self.head_since.get().filter(|_| !http2);
        let began = head_since.map_or_else(Instant::now, |at| self.opened + Duration::from_millis(at));
        self.in_flight.fetch_add(1, Relaxed);
        self.head_since.clear();
        self.served.store(true, Relaxed);
        if http2 {
            self.http2.store(true, Relaxed);
        }
        began
    }

    /// Notes that a request is answered, or given up.
    pub(super) fn end(&self) {
        self.idle_since.set(self.now());
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// When the connection has to be closed if nothing happens before; `None` while a request is being worked on.
    pub(super) fn due(&self) -> Option<Instant> {
        let Limits {
            first_byte,
            header,
            idle,
            write,
        } = self.limits;
        let at = if let Some(blocked) = self.blocked_since.get() {
            blocked + write
        } else if self.in_flight.load(Relaxed) > 0 {
            return None;
        } else if let Some(head) = self.head_since.get().filter(|_| !self.http2.load(Relaxed)) {
            // On HTTP/2 the bytes may be a ping: there only the pause between requests counts.
            head + header
        } else if self.served.load(Relaxed) {
            self.idle_since.get().unwrap_or_default() + idle
        } else {
            first_byte
        };
        Some(self.opened + Duration::from_millis(at))
    }

    /// When to look again although nothing is due.
    pub(super) fn look_again(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.limits.header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const LIMITS: Limits = Limits {
        first_byte: 10,
        header: 20,
        idle: 300,
        write: 40,
    };

    fn due_in(watch: &Watch) -> Option<u128> {
        watch.due().map(|due| (due - Instant::now()).as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_limit() {
        let watch = Watch::new(LIMITS);
        let pass = async |ms| advance(Duration::from_millis(ms)).await;
        assert_eq!(due_in(&watch), Some(10), "no byte yet");
        pass(5).await;
        watch.on_read();
        pass(1).await;
        watch.on_read();
        assert_eq!(due_in(&watch), Some(19), "later bytes do not prolong the head");
        watch.begin(false);
        assert_eq!(due_in(&watch), None, "being worked on");
        pass(100).await;
        watch.on_read();
        watch.end();
        assert_eq!(due_in(&watch), Some(300), "idle");
        pass(100).await;
        watch.on_read();
        assert_eq!(due_in(&watch), Some(20), "the next head");
        watch.begin(false);
        watch.on_write(true);
        pass(1).await;
        watch.on_write(true);
        assert_eq!(due_in(&watch), Some(39), "a client that does not read");
        watch.on_write(false);
        assert_eq!(due_in(&watch), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_begins_with_the_first_byte_of_its_head() {
        let watch = Watch::new(LIMITS);
        watch.on_read();
        advance(Duration::from_millis(7)).await;
        watch.on_read();
        assert_eq!(watch.begin(false).elapsed(), Duration::from_millis(7));
        assert_eq!(
            watch.begin(false).elapsed(),
            Duration::ZERO,
            "it came with the one before"
        );
        watch.end();
        watch.end();
        watch.on_read();
        advance(Duration::from_millis(7)).await;
        assert_eq!(watch.begin(true).elapsed(), Duration::ZERO, "of HTTP/2 it is not known");
    }

    #[tokio::test(start_paused = true)]
    async fn pings_do_not_keep_an_http2_connection() {
        let watch = Watch::new(LIMITS);
        watch.on_read();
        watch.begin(true);
        watch.begin(true);
        watch.end();
        assert_eq!(due_in(&watch), None, "one stream is left");
        watch.end();
        advance(Duration::from_millis(100)).await;
        watch.on_read();
        assert_eq!(due_in(&watch), Some(200), "counted from the last answer");
    }
}
