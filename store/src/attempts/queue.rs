//! What waits to be written, bounded by its memory.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use schemas::attempt::{Attempt, AttemptLog};
use tokio::sync::Notify;

use super::bounds::{bound, bytes};
use super::config::Config;
use super::metrics::{Dropped, Metrics};
use super::troubles::Troubles;

/// So many are written at once, without waiting for more: beyond it a row costs hardly less.
pub(super) const FULL: usize = 500;
/// No statement has more rows.
const MAX_ROWS: usize = 2_000;
/// The first of a batch waits no longer for others.
const INTERVAL: Duration = Duration::from_millis(200);

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// The first row has come, or enough of them.
    wake: Notify,
    max_bytes: usize,
    answer_max_bytes: usize,
    pub(super) metrics: Metrics,
    pub(super) troubles: Troubles,
}

#[derive(Debug, Default)]
struct Waiting {
    rows: VecDeque<Attempt>,
    /// Of these and of those that are being written.
    bytes: usize,
    /// How many are being written.
    taken: usize,
    /// No one will write any more.
    closed: bool,
}

/// Rows that are being written. They count as waiting until [`Queue::done`].
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) rows: Vec<Attempt>,
    bytes: usize,
}

impl Queue {
    pub(super) fn new(config: &Config, metrics: Metrics) -> Self {
        Self {
            waiting: Mutex::default(),
            wake: Notify::new(),
            max_bytes: config.queue_max_bytes,
            answer_max_bytes: config.answer_max_bytes,
            metrics,
            troubles: Troubles::default(),
        }
    }

    /// Waits until a batch is worth writing.
    pub(super) async fn filled(&self) {
        while self.len() == 0 {
            self.wake.notified().await;
        }
        let interval = tokio::time::sleep(INTERVAL);
        tokio::pin!(interval);
        while self.len() < FULL {
            tokio::select! {
                () = self.wake.notified() => {}
                () = &mut interval => return,
            }
        }
    }

    fn len(&self) -> usize {
        self.waiting.lock().rows.len()
    }

    /// Takes what waits longest.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut waiting = self.waiting.lock();
        let number = waiting.rows.len().min(MAX_ROWS);
        if number == 0 {
            return None;
        }
        waiting.taken += number;
        let rows: Vec<Attempt> = waiting.rows.drain(..number).collect();
        // What an outage took is given back.
        if waiting.rows.is_empty() && waiting.rows.capacity() > 4 * MAX_ROWS {
            waiting.rows.shrink_to(MAX_ROWS);
        }
        drop(waiting);
        let bytes = rows.iter().map(bytes).sum();
        Some(Batch { rows, bytes })
    }

    /// The rows of a batch wait no longer, whatever became of them.
    pub(super) fn done(&self, batch: Batch) {
        let number = batch.rows.len();
        let mut waiting = self.waiting.lock();
        waiting.taken -= number;
        waiting.bytes -= batch.bytes;
        self.metrics.waiting.dec_by(i64::try_from(number).unwrap_or_default());
        drop(waiting);
        // Many texts to free: not while others wait for the lock.
        drop(batch);
    }

    /// Takes nothing more, and drops what still waits, also what was taken.
    pub(super) fn close(&self) {
        let mut waiting = self.waiting.lock();
        let left = std::mem::take(&mut *waiting);
        waiting.closed = true;
        let number = left.rows.len() + left.taken;
        self.metrics.waiting.set(0);
        drop(waiting);
        if number > 0 {
            self.drop_rows(Dropped::Database, u64::try_from(number).unwrap_or_default());
        }
    }

    /// Notes rows that no one will find in the log.
    pub(super) fn drop_rows(&self, reason: Dropped, number: u64) {
        if number > 0 {
            self.metrics.dropped(reason, number);
            self.troubles.dropped(reason, number);
        }
    }

    fn put(&self, attempt: Attempt) -> Result<(), Dropped> {
        let bytes = bytes(&attempt);
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(Dropped::Database);
        }
        if waiting.bytes + bytes > self.max_bytes {
            return Err(Dropped::QueueFull);
        }
        waiting.bytes += bytes;
        waiting.rows.push_back(attempt);
        let number = waiting.rows.len();
        self.metrics.waiting.inc();
        drop(waiting);
        if number == 1 || number == FULL {
            self.wake.notify_one();
        }
        Ok(())
    }
}

impl AttemptLog for Queue {
    fn record(&self, mut attempt: Attempt) {
        bound(&mut attempt, self.answer_max_bytes);
        if let Err(reason) = self.put(attempt) {
            self.drop_rows(reason, 1);
        }
    }
}
