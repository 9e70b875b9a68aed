//! The task of one partition: reads ahead, delivers, retries, writes dead letters, settles in order, stores progress.

mod apart;
mod hand_off;
mod intake;
mod outcome;
mod parked;
mod progress;
mod room;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use schemas::log::{Begin, LogError, PartitionReader};
use schemas::record::{Offset, Partition};
use schemas::sink::{Batch, Outcome, Sink, Unavailable};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::error::WorkerError;
use crate::failure::dead_letters::{self, Written};
use crate::flight::{Flight, GivenUp, Picked, WorkId};
use crate::shared::Shared;
use crate::troubles::Trouble;
use parked::Parked;

/// How often deliveries that wait for a commit check whether it is done.
const COMMIT_STEP: Duration = Duration::from_millis(5);

/// Runs until `stop` is cancelled, the partition is revoked, or an error that will not pass. At `stop` the current
/// batch is finished and progress is stored; a caller that cannot wait for that drops the future, and then nothing is
/// stored.
pub(crate) async fn run(
    reader: Box<dyn PartitionReader>,
    shared: Arc<Shared>,
    in_flight: Gauge,
    stop: CancellationToken,
) -> Result<(), WorkerError> {
    let partition = Arc::new(reader.partition().clone());
    let mut task = PartitionTask {
        flight: Flight::new(Partition::clone(&partition), shared.sink.delivers_apart()),
        partition,
        reader,
        shared,
        stop,
        in_flight,
        stored: None,
        known_to_sink: None,
        checkpointed: Instant::now(),
        read_failures: 0,
        read_after: Instant::now(),
        letters_failing: false,
        uncommitted_since: None,
        uncommitted_reported: false,
        lacking: BTreeSet::new(),
        delivered_at: None,
        room_looked: Instant::now(),
        parked: None,
    };
    if task.begin().await? {
        let result = if task.shared.sink.delivers_apart() {
            task.work_apart().await
        } else {
            task.work().await
        };
        // What is settled is stored, even when an error ends the rest.
        let finished = task.finish().await;
        task.release_claim().await;
        return result.and(finished);
    }
    Ok(())
}

struct PartitionTask {
    partition: Arc<Partition>,
    reader: Box<dyn PartitionReader>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    flight: Flight,
    in_flight: Gauge,
    /// The progress that this task has stored in the event log.
    stored: Option<Offset>,
    /// The progress of the sink, as far as known.
    known_to_sink: Option<Offset>,
    checkpointed: Instant,
    read_failures: u32,
    read_after: Instant,
    /// Whether the last dead letter could not be written.
    letters_failing: bool,
    /// Since when deliveries wait for progress to become durable, and whether that was reported.
    uncommitted_since: Option<Instant>,
    uncommitted_reported: bool,
    /// Deliveries that were not tried the last time because this process lacked a resource.
    lacking: BTreeSet<WorkId>,
    /// When any target took a delivery the last time.
    delivered_at: Option<Instant>,
    /// When it was last looked for what to give up in a full window, by [`Self::make_room_sometimes`].
    room_looked: Instant,
    /// What it has in the backlog, if its sink has one.
    parked: Option<Box<Parked>>,
}

/// What one turn of the task's loop has done: deliveries, and dead letters that were written.
struct Turn {
    /// The batch and its outcomes; no outcomes if it was interrupted.
    delivered: Option<(Picked, Option<Vec<Outcome>>)>,
    letters: Vec<Written>,
}

impl PartitionTask {
    /// Finds where to begin. Returns false if stopped before that.
    async fn begin(&mut self) -> Result<bool, WorkerError> {
        let mut failures = 0;
        loop {
            let (trouble, reason) = match beginning(&*self.shared.sink, &self.partition).await {
                Ok(from) => match self.reader.begin(from.clone()).await {
                    Ok(()) => {
                        let kept = match from {
                            Begin::At(progress) => Some(progress.next),
                            Begin::Stored | Begin::Oldest => None,
                        };
                        tracing::debug!(sink = %self.shared.sink.name(), partition = %self.partition,
                            offset = kept.map(|o| o.0), "partition begun");
                        self.shared.troubles.over(Trouble::Log);
                        self.known_to_sink = kept;
                        self.flight.begin(self.reader.topic_id());
                        let claimed = self.claim_in_time().await;
                        self.stalled(None);
                        return Ok(claimed);
                    }
                    Err(LogError::Unavailable(reason)) => (Trouble::Log, reason),
                    Err(error) => return Err(error.into()),
                },
                Err(unavailable) => (Trouble::Sink, unavailable.reason),
            };
            failures += 1;
            self.shared.troubles.met(trouble, &reason);
            self.stalled(Some(reason));
            tokio::select! {
                () = self.stop.cancelled() => return Ok(false),
                () = sleep(self.backoff(failures)) => {}
            }
        }
    }

    async fn work(&mut self) -> Result<(), WorkerError> {
        while !self.stop.is_cancelled() {
            let now = Instant::now();
            self.make_room(now)?;
            let letters = self.flight.take_letters(now, dead_letters::AT_ONCE);
            let most = self.may_deliver();
            self.report_uncommitted(most == 0);
            let picked = match most {
                0 => None,
                most => self.flight.pick(now, most, self.shared.config.batch_max_bytes),
            };
            if letters.is_empty() && picked.is_none() {
                if !self.wait(now, most == 0).await? {
                    return Ok(());
                }
            } else if !self.turn(picked, letters).await? {
                return Ok(());
            }
            self.advance().await?;
        }
        Ok(())
    }

    /// Reads on or waits until the next work is due, because nothing can go out `now`; `uncommitted` if deliveries wait
    /// for progress to become durable. Returns false if the partition is no longer owned.
    async fn wait(&mut self, now: Instant, uncommitted: bool) -> Result<bool, WorkerError> {
        let room = self.room();
        if !uncommitted {
            self.show_full();
        }
        let checkpoint = self
            .owes_checkpoint()
            .then(|| self.checkpointed + Duration::from_millis(self.shared.config.checkpoint_ms));
        let due = if uncommitted {
            Some(Instant::now() + COMMIT_STEP)
        } else {
            self.flight.next_due(now)
        };
        let wake = [due, checkpoint, self.room_due()].into_iter().flatten().min();
        let stop = self.stop.clone();
        let (read_after, max) = (self.read_after, self.shared.config.batch_max_records);
        let read = async {
            sleep_until(read_after).await;
            self.reader.next_batch(max).await
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(false),
            read = read, if room => self.handle_read(read),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => Ok(true),
        }
    }

    /// Delivers a batch and writes dead letters, and meanwhile reads the next records. Returns false if the partition
    /// is no longer owned.
    async fn turn(&mut self, picked: Option<Picked>, letters: Vec<(WorkId, GivenUp)>) -> Result<bool, WorkerError> {
        let shared = Arc::clone(&self.shared);
        let partition = Arc::clone(&self.partition);
        let stop = self.stop.clone();
        let work = async {
            let delivered = async {
                match picked {
                    Some(picked) => {
                        let outcomes = deliver(&shared, &partition, &picked.batch, &stop).await;
                        Some((picked, outcomes))
                    }
                    None => None,
                }
            };
            let letters = dead_letters::write(
                &*shared.log.writer,
                &shared.log.dead_letters,
                shared.sink.name(),
                &partition,
                letters,
            );
            let (delivered, letters) = futures_util::join!(delivered, letters);
            Turn { delivered, letters }
        };
        let mut work = std::pin::pin!(work);
        let mut owned = true;
        let mut may_read = self.room();
        let max = self.shared.config.batch_max_records;
        let turn = loop {
            let read_after = self.read_after;
            let read = async {
                sleep_until(read_after).await;
                self.reader.next_batch(max).await
            };
            tokio::select! {
                biased;
                turn = &mut work => break turn,
                read = read, if may_read => {
                    owned = self.handle_read(read)?;
                    may_read = false;
                }
            }
        };
        self.hand_off(turn.letters)?;
        if let Some((picked, outcomes)) = turn.delivered {
            match outcomes {
                Some(outcomes) => self.outcomes(picked, outcomes)?,
                // Stopped while the sink was unavailable: these stay unsettled, and are read again after the next
                // start.
                None => owned = false,
            }
        }
        Ok(owned)
    }

    fn stalled(&self, reason: Option<String>) {
        self.shared.status.stalled(&self.partition, reason);
    }

    fn backoff(&self, failures: u32) -> Duration {
        self.shared.backoff(failures)
    }
}

/// Returns where to begin: a sink's own progress wins. Where it has none yet, its group's progress does not count,
/// because it is unknown which of those events are in its data.
async fn beginning(sink: &dyn Sink, partition: &Partition) -> Result<Begin, Unavailable> {
    let Some(kept) = sink.kept_progress() else {
        return Ok(Begin::Stored);
    };
    let progress = kept.progress(partition).await?;
    Ok(progress.map_or(Begin::Oldest, Begin::At))
}

/// Hands a batch to the sink until it accepts it; returns `None` if stopped before. An unavailable sink costs no
/// attempt.
async fn deliver(
    shared: &Shared,
    partition: &Partition,
    batch: &Batch,
    stop: &CancellationToken,
) -> Option<Vec<Outcome>> {
    let mut failures = 0;
    loop {
        let started = Instant::now();
        match shared.sink.deliver(batch).await {
            Ok(outcomes) => {
                shared.metrics.attempts.inc_by(batch.deliveries.len() as u64);
                shared.metrics.batch_seconds.observe(started.elapsed().as_secs_f64());
                shared.troubles.over(Trouble::Sink);
                if failures > 0 {
                    shared.status.stalled(partition, None);
                }
                return Some(outcomes);
            }
            Err(Unavailable { reason, .. }) => {
                shared.metrics.unavailable.inc();
                failures += 1;
                shared.troubles.met(Trouble::Sink, &reason);
                if failures == 1 {
                    shared.status.stalled(partition, Some(reason));
                }
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = sleep(shared.backoff(failures)) => {}
                }
            }
        }
    }
}
