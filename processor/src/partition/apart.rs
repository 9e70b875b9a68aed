//! The work of a partition whose sink delivers to targets that have nothing to do with one another: sequences are under way
//! beside each other, reading goes on meanwhile, and what waits for one target holds up no other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use schemas::BoxFuture;
use schemas::sink::{Outcome, Target};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::parked::{Exchange, exchanged};
use super::{COMMIT_STEP, PartitionTask, deliver};
use crate::error::WorkerError;
use crate::failure::dead_letters::{self, Written};
use crate::flight::Picked;
use crate::targets::Turn;

/// How often a stop looks whether it has waited enough.
const STOP_STEP: Duration = Duration::from_millis(20);

/// What was handed to the sink, and what came of it.
type Delivered = (Picked, Came);

/// What came of deliveries that were handed over.
#[derive(Debug)]
pub(super) enum Came {
    /// Their outcomes.
    Outcomes(Vec<Outcome>),
    /// They were taken back before anything went out.
    TakenBack,
    /// They were interrupted by a stop, while the sink was unavailable.
    Stopped,
    /// They were not handed over, because their target gets nothing more, for this reason.
    GivenUp(String),
}

/// What goes on beside the reading.
#[derive(Default)]
struct UnderWay {
    sequences: FuturesUnordered<BoxFuture<'static, Delivered>>,
    deliveries: usize,
    letters: Option<BoxFuture<'static, Vec<Written>>>,
    exchange: Exchange,
}

impl UnderWay {
    fn is_empty(&self) -> bool {
        self.sequences.is_empty() && self.letters.is_none()
    }
}

impl PartitionTask {
    /// Works until stopped, and then until all that is under way has its outcome, or is in the backlog.
    pub(super) async fn work_apart(&mut self) -> Result<(), WorkerError> {
        let mut under_way = UnderWay::default();
        let mut going_on = true;
        let notify = self.parked.as_deref().map(super::parked::Parked::notify);
        loop {
            going_on = going_on && !self.stop.is_cancelled();
            let now = Instant::now();
            let letters_left = under_way.letters.is_some() || self.flight.has_letters();
            let stopped = !going_on && self.stop_parked(now, letters_left);
            if stopped && (under_way.is_empty() || self.parked.is_some()) {
                return Ok(());
            }
            self.still_owned()?;
            let mut wake = if going_on {
                self.begin_more(&mut under_way)?
            } else if self.parked.is_some() {
                // What is given up is settled only by that, and holds back the progress of all that came after it.
                self.begin_letters(&mut under_way, now);
                Some(now + STOP_STEP)
            } else {
                None
            };
            for at in [self.park_what_waits(now), self.exchange(&mut under_way.exchange, now)] {
                wake = [wake, at].into_iter().flatten().min();
            }
            let reads = going_on && self.room() && self.has_room_to_park();
            let (stop, read_after, max) = (self.stop.clone(), self.read_after, self.read_at_once());
            let read = async {
                sleep_until(read_after).await;
                self.reader.next_batch(max).await
            };
            tokio::select! {
                () = stop.cancelled(), if going_on => {}
                Some(delivered) = under_way.sequences.next() => self.came_back(&mut under_way, delivered)?,
                written = written(&mut under_way.letters) => self.hand_off(written)?,
                exchanged = exchanged(&mut under_way.exchange) => self.handle_exchanged(exchanged)?,
                read = read, if reads => going_on = self.handle_read(read)?,
                () = notified(notify.as_ref()) => self.obey_orders(),
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
        // What was given up before makes room once it is written. With a backlog nothing has to be given up for that.
        let room = match &under_way.letters {
            None if self.parked.is_none() => self.make_room_sometimes(now)?,
            _ => None,
        };
        self.begin_letters(under_way, now);
        let most = self.may_deliver();
        self.report_uncommitted(most == 0);
        let mut asks_again = None;
        while let Some(left) = most.checked_sub(under_way.deliveries).filter(|left| *left > 0) {
            let Some(delivered) = self.hand_over(left, now, &mut asks_again) else {
                break;
            };
            under_way.deliveries += delivered.0;
            under_way.sequences.push(delivered.1);
        }
        // Once progress is durable more may go out, whatever becomes of what is under way.
        let short = most <= under_way.deliveries && most < self.shared.config.batch_max_records;
        let uncommitted = short.then(|| now + COMMIT_STEP);
        let due = self.flight.next_due(now);
        Ok([uncommitted, due, room, asks_again].into_iter().flatten().min())
    }

    /// Begins to write the dead letters that are due, if none are being written.
    fn begin_letters(&mut self, under_way: &mut UnderWay, now: Instant) {
        if under_way.letters.is_none() {
            let letters = self.flight.take_letters(now, dead_letters::AT_ONCE);
            under_way.letters = (!letters.is_empty()).then(|| {
                let (shared, partition) = (Arc::clone(&self.shared), Arc::clone(&self.partition));
                let write = async move {
                    let (writer, topic) = (&*shared.log.writer, &shared.log.dead_letters);
                    dead_letters::write(writer, topic, shared.sink.name(), &partition, letters).await
                };
                Box::pin(write) as BoxFuture<'static, Vec<Written>>
            });
        }
    }

    /// Hands over the next sequence, of at most `left` deliveries; `None` if none may go out now, and then `asks_again` is when one
    /// may.
    fn hand_over(
        &mut self,
        left: usize,
        now: Instant,
        asks_again: &mut Option<Instant>,
    ) -> Option<(usize, BoxFuture<'static, Delivered>)> {
        let max_bytes = self.shared.config.batch_max_bytes;
        let (mut ticket, mut given_up, mut shut): (_, _, Vec<Target>) = (None, None, Vec::new());
        let (parked, parking) = (self.parked.as_deref(), self.shared.parking());
        let picked = self.flight.pick_sequence(now, left, max_bytes, |target, origin| {
            let (Some(parked), Some(parking)) = (parked, parking) else {
                return true;
            };
            match parked.turn_of(parking, target, origin, now) {
                Turn::Go(admitted) => {
                    ticket = Some(admitted);
                    return true;
                }
                Turn::GiveUp(reason) => {
                    given_up = Some(reason);
                    return true;
                }
                Turn::Park => shut.push(target.clone()),
                Turn::Wait(until) => *asks_again = [*asks_again, until].into_iter().flatten().min(),
            }
            false
        });
        for target in shut {
            self.park_target(&target, now);
        }
        let picked = picked?;
        let count = picked.ids.len();
        if let Some(reason) = given_up {
            return Some((count, Box::pin(async move { (picked, Came::GivenUp(reason)) })));
        }
        let taken_back = self.handed_over(&picked, ticket);
        let (shared, partition, stop) = (Arc::clone(&self.shared), Arc::clone(&self.partition), self.stop.clone());
        let delivered = async move {
            let came = {
                let mut delivering = std::pin::pin!(deliver(&shared, &partition, &picked.batch, &stop));
                let outcomes = tokio::select! {
                    biased;
                    outcomes = &mut delivering => outcomes.map_or(Came::Stopped, Came::Outcomes),
                    () = wanted_back(taken_back) => {
                        if picked.batch.begun.is_noted() {
                            delivering.await.map_or(Came::Stopped, Came::Outcomes)
                        } else {
                            Came::TakenBack
                        }
                    }
                };
                outcomes
            };
            (picked, came)
        };
        Some((count, Box::pin(delivered)))
    }

    /// Handles what became of a sequence.
    fn came_back(&mut self, under_way: &mut UnderWay, (picked, came): Delivered) -> Result<(), WorkerError> {
        under_way.deliveries -= picked.ids.len();
        if self.parked.is_some() {
            return self.came_back_parked(picked, came);
        }
        // Stopped while the sink was unavailable: these stay unsettled, and are read again after the next start.
        let Came::Outcomes(outcomes) = came else {
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

/// Waits until a delivery that was handed over is wanted back; for ever, if no one can want it.
async fn wanted_back(taken_back: Option<oneshot::Receiver<()>>) {
    if let Some(taken_back) = taken_back
        && taken_back.await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

async fn notified(notify: Option<&Arc<Notify>>) {
    match notify {
        Some(notify) => notify.notified().await,
        None => std::future::pending().await,
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
