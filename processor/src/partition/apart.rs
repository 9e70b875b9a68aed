//! The work of a partition whose sink delivers to targets that have nothing to do with one another: sequences are under way
//! beside each other, reading goes on meanwhile, and what waits for one target holds up no other.

use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use schemas::BoxFuture;
use schemas::sink::Outcome;
use tokio::time::{Instant, sleep_until};

use super::{COMMIT_STEP, PartitionTask, deliver};
use crate::error::WorkerError;
use crate::failure::dead_letters::{self, Written};
use crate::flight::Picked;

/// What was handed to the sink, and its outcomes; none if it was interrupted.
type Delivered = (Picked, Option<Vec<Outcome>>);

/// What goes on beside the reading.
#[derive(Default)]
struct UnderWay {
    sequences: FuturesUnordered<BoxFuture<'static, Delivered>>,
    deliveries: usize,
    letters: Option<BoxFuture<'static, Vec<Written>>>,
}

impl UnderWay {
    fn is_empty(&self) -> bool {
        self.sequences.is_empty() && self.letters.is_none()
    }
}

impl PartitionTask {
    /// Works until stopped, and then until all that is under way has its outcome.
    pub(super) async fn work_apart(&mut self) -> Result<(), WorkerError> {
        let mut under_way = UnderWay::default();
        let mut going_on = true;
        loop {
            going_on = going_on && !self.stop.is_cancelled();
            if !going_on && under_way.is_empty() {
                return Ok(());
            }
            let wake = if going_on {
                self.begin_more(&mut under_way)?
            } else {
                None
            };
            let reads = going_on && self.room();
            let (stop, read_after, max) = (self.stop.clone(), self.read_after, self.shared.config.batch_max_records);
            let read = async {
                sleep_until(read_after).await;
                self.reader.next_batch(max).await
            };
            tokio::select! {
                () = stop.cancelled(), if going_on => {}
                Some(delivered) = under_way.sequences.next() => self.came_back(&mut under_way, delivered)?,
                written = written(&mut under_way.letters) => self.hand_off(written)?,
                read = read, if reads => going_on = self.handle_read(read)?,
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
                else => {}
            }
            // All that has ended meanwhile, so that progress is stored once for it.
            while let Some(Some(delivered)) = under_way.sequences.next().now_or_never() {
                self.came_back(&mut under_way, delivered)?;
            }
            self.advance().await?;
        }
    }

    /// Hands over what may go out. Returns when there is something to do again, at the latest.
    fn begin_more(&mut self, under_way: &mut UnderWay) -> Result<Option<Instant>, WorkerError> {
        let now = Instant::now();
        // What was given up before makes room once it is written.
        let room = match &under_way.letters {
            None => self.make_room_sometimes(now)?,
            Some(_) => None,
        };
        if under_way.letters.is_none() {
            let letters = self.flight.take_letters(now, dead_letters::AT_ONCE);
            under_way.letters = (!letters.is_empty()).then(|| {
                let (shared, partition) = (Arc::clone(&self.shared), Arc::clone(&self.partition));
                Box::pin(async move {
                    let (log, sink) = (&shared.log, shared.sink.name());
                    dead_letters::write(&*log.writer, &log.dead_letters, sink, &partition, letters).await
                }) as BoxFuture<'static, _>
            });
        }
        let most = self.may_deliver();
        self.report_uncommitted(most == 0);
        while let Some(left) = most.checked_sub(under_way.deliveries).filter(|left| *left > 0) {
            let max_bytes = self.shared.config.batch_max_bytes;
            let Some(picked) = self.flight.pick_sequence(now, left, max_bytes, |_, _| true) else {
                break;
            };
            under_way.deliveries += picked.ids.len();
            let (shared, partition) = (Arc::clone(&self.shared), Arc::clone(&self.partition));
            let stop = self.stop.clone();
            under_way.sequences.push(Box::pin(async move {
                let outcomes = deliver(&shared, &partition, &picked.batch, &stop).await;
                (picked, outcomes)
            }));
        }
        // Once progress is durable more may go out, whatever becomes of what is under way.
        let short = most <= under_way.deliveries && most < self.shared.config.batch_max_records;
        let uncommitted = short.then(|| now + COMMIT_STEP);
        let due = self.flight.next_due(now);
        Ok([uncommitted, due, room].into_iter().flatten().min())
    }

    /// Handles what became of a sequence.
    fn came_back(&mut self, under_way: &mut UnderWay, (picked, outcomes): Delivered) -> Result<(), WorkerError> {
        under_way.deliveries -= picked.ids.len();
        // Stopped while the sink was unavailable: these stay unsettled, and are read again after the next start.
        let Some(outcomes) = outcomes else {
            return Ok(());
        };
        let sequence = picked.sequence.clone();
        let result = self.outcomes(picked, outcomes);
        if let Some(sequence) = sequence {
            self.flight.back(&sequence, Instant::now());
        }
        result
    }
}

/// The dead letters that are being written, once they are; never, if none are.
async fn written(letters: &mut Option<BoxFuture<'static, Vec<Written>>>) -> Vec<Written> {
    let Some(writing) = letters else {
        return std::future::pending().await;
    };
    let written = writing.await;
    *letters = None;
    written
}
