//! The task of one partition: read ahead, deliver, retry, write dead letters, settle in order, store progress.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use schemas::event::Event;
use schemas::log::{EventLog, LogError, PartitionReader, PublishError};
use schemas::record::{Offset, Partition, Position, StoredRecord};
use schemas::sink::{Delivery, Outcome, Sink, Unavailable};
use schemas::time::Timestamp;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::dead_letters::{self, Written};
use crate::flight::{Flight, GivenUp, Picked, Slot};
use crate::metrics::SinkMetrics;
use crate::retry::RetryPolicy;
use crate::route::Router;
use crate::status::Status;
use crate::valve::Valve;
use crate::worker::{Topics, WorkerError};

/// What all partitions of a worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) topics: Topics,
    pub(crate) router: Router,
    pub(crate) config: Config,
    pub(crate) policy: RetryPolicy,
    pub(crate) valve: Mutex<Valve>,
    pub(crate) metrics: SinkMetrics,
    pub(crate) status: Arc<Status>,
}

/// Runs until `stop` is cancelled, the partition is revoked, or an error that will not pass. At `stop` the batch in hand is
/// finished and progress is stored; whoever cannot wait for that drops the future, and then nothing is stored.
pub(crate) async fn run(
    reader: Box<dyn PartitionReader>,
    shared: Arc<Shared>,
    in_flight: Gauge,
    stop: CancellationToken,
) -> Result<(), WorkerError> {
    let partition = reader.partition().clone();
    let mut task = PartitionTask {
        flight: Flight::new(partition.clone()),
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
        letter_failures: 0,
    };
    if task.begin().await? {
        let result = task.work().await;
        // What is settled is settled, also when an error ends the rest.
        return result.and(task.finish().await);
    }
    Ok(())
}

struct PartitionTask {
    partition: Partition,
    reader: Box<dyn PartitionReader>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    flight: Flight,
    in_flight: Gauge,
    /// Progress as the event log has it from us.
    stored: Option<Offset>,
    /// Progress as the sink has it, as far as we know.
    known_to_sink: Option<Offset>,
    checkpointed: Instant,
    read_failures: u32,
    read_after: Instant,
    letter_failures: u32,
}

/// One turn's results.
struct Turn {
    /// The batch and its outcomes; no outcomes if it was interrupted.
    delivered: Option<(Picked, Option<Vec<Outcome>>)>,
    letters: Vec<Written>,
}

impl PartitionTask {
    /// Finds where to begin. False: stopped before that.
    async fn begin(&mut self) -> Result<bool, WorkerError> {
        let mut failures = 0;
        loop {
            let reason = match self.shared.sink.position(&self.partition).await {
                Ok(from) => match self.reader.begin(from).await {
                    Ok(()) => {
                        tracing::info!(sink = %self.shared.sink.name(), partition = %self.partition,
                            offset = from.map(|o| o.0), "partition begun");
                        self.known_to_sink = from;
                        self.stalled(None);
                        return Ok(true);
                    }
                    Err(LogError::Unavailable(reason)) => reason,
                    Err(error) => return Err(error.into()),
                },
                Err(unavailable) => unavailable.to_string(),
            };
            failures += 1;
            if failures == 1 {
                tracing::warn!(sink = %self.shared.sink.name(), partition = %self.partition, error = reason,
                    "partition cannot begin, trying again until it can");
            }
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
            let config = &self.shared.config;
            let letters = self.flight.take_letters(now, dead_letters::AT_ONCE);
            let picked = self.flight.pick(now, config.batch_max_records, config.batch_max_bytes);
            if letters.is_empty() && picked.is_none() {
                if !self.wait().await? {
                    return Ok(());
                }
            } else if !self.turn(picked, letters).await? {
                return Ok(());
            }
            self.advance().await?;
        }
        Ok(())
    }

    /// Nothing can go out now: reads on, or waits for what is due next. False: the partition is no longer ours.
    async fn wait(&mut self) -> Result<bool, WorkerError> {
        let room = self.room();
        let checkpoint = self
            .owes_checkpoint()
            .then(|| self.checkpointed + Duration::from_millis(self.shared.config.checkpoint_ms));
        let wake = [self.flight.next_due(), checkpoint].into_iter().flatten().min();
        let stop = self.stop.clone();
        let (read_after, max) = (self.read_after, self.shared.config.batch_max_records);
        let read = async {
            sleep_until(read_after).await;
            self.reader.next_batch(max).await
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(false),
            read = read, if room => self.take_in(read),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => Ok(true),
        }
    }

    /// Delivers a batch and writes dead letters, and meanwhile reads the next records. False: no longer ours.
    async fn turn(&mut self, picked: Option<Picked>, letters: Vec<(Slot, GivenUp)>) -> Result<bool, WorkerError> {
        let shared = Arc::clone(&self.shared);
        let partition = self.partition.clone();
        let stop = self.stop.clone();
        let work = async {
            let delivered = async {
                match picked {
                    Some(picked) => {
                        let outcomes = deliver(&shared, &picked, &stop).await;
                        Some((picked, outcomes))
                    }
                    None => None,
                }
            };
            let letters = dead_letters::write(
                &*shared.log,
                &shared.topics.dead_letters,
                shared.sink.name(),
                &partition,
                letters,
            );
            let (delivered, letters) = futures_util::join!(delivered, letters);
            Turn { delivered, letters }
        };
        let mut work = std::pin::pin!(work);
        let mut ours = true;
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
                    ours = self.take_in(read)?;
                    may_read = false;
                }
            }
        };
        self.letters_written(turn.letters)?;
        if let Some((picked, outcomes)) = turn.delivered {
            match outcomes {
                Some(outcomes) => self.outcomes(picked, outcomes)?,
                // Stopped while the sink was unavailable: these stay unsettled, and come again after the next start.
                None => ours = false,
            }
        }
        Ok(ours)
    }

    fn room(&self) -> bool {
        self.flight.records() < self.shared.config.window_records
            && self.flight.bytes() < self.shared.config.window_bytes
    }

    /// Decodes and routes what was read. False: the reader has ended.
    fn take_in(&mut self, read: Result<Option<Vec<StoredRecord>>, LogError>) -> Result<bool, WorkerError> {
        let records = match read {
            Ok(Some(records)) => records,
            Ok(None) => return Ok(false),
            Err(LogError::Unavailable(reason)) => {
                self.read_failures += 1;
                if self.read_failures == 1 {
                    tracing::warn!(sink = %self.shared.sink.name(), partition = %self.partition, error = reason,
                        "event log unavailable, reading again until it is back");
                }
                self.read_after = Instant::now() + self.backoff(self.read_failures);
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        if self.read_failures > 0 {
            tracing::info!(sink = %self.shared.sink.name(), partition = %self.partition, "event log is back");
            self.read_failures = 0;
        }
        let now = Instant::now();
        self.shared.metrics.events.inc_by(records.len() as u64);
        for record in records {
            let record = Arc::new(record);
            match Event::decode(&record.record.value) {
                Ok(event) => {
                    let deliveries = self.shared.router.route(&Arc::new(event), &record);
                    self.flight.add(&record, deliveries, now);
                }
                Err(error) => {
                    self.shared.metrics.undecodable.inc();
                    let reason = error.to_string();
                    self.note(true, &reason)?;
                    tracing::warn!(sink = %self.shared.sink.name(), partition = %self.partition,
                        offset = record.offset.0, error = reason, "record is no event: dead letter");
                    self.flight.add_undecodable(&record, reason, now);
                }
            }
        }
        Ok(true)
    }

    /// Settles what is delivered, plans what is retried, gives up the rest.
    fn outcomes(&mut self, picked: Picked, outcomes: Vec<Outcome>) -> Result<(), WorkerError> {
        let Picked { batch, slots } = picked;
        if outcomes.len() != slots.len() {
            return Err(WorkerError::Contract {
                sink: self.shared.sink.name().clone(),
                deliveries: slots.len(),
                outcomes: outcomes.len(),
            });
        }
        if outcomes.iter().all(|outcome| *outcome == Outcome::Delivered) {
            self.known_to_sink = self.known_to_sink.max(Some(batch.next));
        }
        let now = Instant::now();
        for ((delivery, slot), outcome) in batch.deliveries.into_iter().zip(slots).zip(outcomes) {
            let metrics = &self.shared.metrics;
            let (reason, attempts) = match outcome {
                Outcome::Delivered => {
                    metrics.delivered.inc();
                    self.note(false, "")?;
                    self.flight.settled(slot);
                    continue;
                }
                Outcome::Retry { after, reason } if !self.shared.policy.is_exhausted(delivery.attempt) => {
                    metrics.retries.inc();
                    let wait = self.shared.policy.delay(delivery.attempt, after, fastrand::f64());
                    tracing::debug!(sink = %self.shared.sink.name(), event_id = %delivery.event.id(),
                        target = %delivery.target, attempt = delivery.attempt, error = reason,
                        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "delivery failed, trying again");
                    let next = Delivery {
                        attempt: delivery.attempt + 1,
                        ..delivery
                    };
                    self.flight.again(slot, next, now + wait);
                    continue;
                }
                Outcome::Retry { reason, .. } => {
                    metrics.exhausted.inc();
                    let attempts = delivery.attempt;
                    (format!("given up after {attempts} attempts: {reason}"), attempts)
                }
                Outcome::Rejected { reason } => {
                    metrics.rejected.inc();
                    (reason, delivery.attempt)
                }
            };
            self.note(true, &reason)?;
            tracing::warn!(sink = %self.shared.sink.name(), event_id = %delivery.event.id(), target = %delivery.target,
                partition = %self.partition, offset = slot.0.0, attempt = attempts, error = reason,
                "delivery given up: dead letter");
            let given_up = GivenUp {
                record: delivery.record,
                target: Some(delivery.target),
                reason,
                attempts,
                rules_version: Some(delivery.rules_version),
                failures: 0,
            };
            self.flight.give_up(slot, given_up, now);
        }
        Ok(())
    }

    fn letters_written(&mut self, letters: Vec<Written>) -> Result<(), WorkerError> {
        for (slot, mut given_up, result) in letters {
            match result {
                Ok(()) => {
                    self.shared.metrics.dead_letters.inc();
                    self.flight.settled(slot);
                    if self.letter_failures > 0 {
                        self.letter_failures = 0;
                        tracing::info!(sink = %self.shared.sink.name(), partition = %self.partition,
                            topic = %self.shared.topics.dead_letters, "dead letters are written again");
                        self.stalled(None);
                    }
                }
                Err(PublishError::Unavailable { reason }) => {
                    self.letter_failures = self.letter_failures.saturating_add(1);
                    if self.letter_failures == 1 {
                        tracing::error!(sink = %self.shared.sink.name(), partition = %self.partition, offset = slot.0.0,
                            topic = %self.shared.topics.dead_letters, error = reason,
                            "dead letter not written, trying until it is; progress waits");
                        self.stalled(Some(format!("dead letters cannot be written: {reason}")));
                    }
                    given_up.failures = given_up.failures.saturating_add(1);
                    let due = Instant::now() + self.backoff(given_up.failures);
                    self.flight.give_up(slot, given_up, due);
                }
                Err(PublishError::TooLarge { limit_bytes, .. }) => {
                    return Err(WorkerError::DeadLetterTooLarge {
                        sink: self.shared.sink.name().clone(),
                        topic: self.shared.topics.dead_letters.clone(),
                        position: Position {
                            partition: self.partition.clone(),
                            offset: slot.0,
                        },
                        limit_bytes,
                    });
                }
            }
        }
        Ok(())
    }

    /// Tells the valve of a final outcome. An error if it is tripped: then no further dead letter is written.
    fn note(&self, failed: bool, reason: &str) -> Result<(), WorkerError> {
        let mut valve = self.shared.valve.lock().unwrap_or_else(PoisonError::into_inner);
        if !valve.note(failed) {
            return Ok(());
        }
        let (failures, outcomes) = valve.share();
        Err(WorkerError::Valve {
            sink: self.shared.sink.name().clone(),
            failures,
            outcomes,
            reason: reason.to_owned(),
        })
    }

    /// Stores progress where it has moved.
    async fn advance(&mut self) -> Result<(), WorkerError> {
        self.in_flight
            .set(i64::try_from(self.flight.records()).unwrap_or(i64::MAX));
        if let Some(next) = self.flight.next().filter(|next| Some(*next) > self.stored) {
            match self.reader.store(next) {
                Ok(()) => {
                    self.stored = Some(next);
                    self.shared.metrics.progress_time.set(Timestamp::now().millis() / 1_000);
                }
                Err(LogError::Unavailable(reason)) => {
                    // Nothing is lost by it but time after a restart; the next move tries again.
                    tracing::warn!(sink = %self.shared.sink.name(), partition = %self.partition, offset = next.0,
                        error = reason, "progress not stored");
                }
                Err(error) => return Err(error.into()),
            }
        }
        let interval = Duration::from_millis(self.shared.config.checkpoint_ms);
        if self.owes_checkpoint() && self.checkpointed.elapsed() >= interval {
            self.checkpoint(interval).await;
        }
        Ok(())
    }

    /// Whether progress has moved past what the sink knows of, over records that it never saw, or rejected.
    fn owes_checkpoint(&self) -> bool {
        self.flight.next().is_some_and(|next| Some(next) > self.known_to_sink)
    }

    async fn checkpoint(&mut self, patience: Duration) {
        self.checkpointed = Instant::now();
        let Some(next) = self.flight.next() else {
            return;
        };
        match timeout(patience, self.shared.sink.checkpoint(&self.partition, next)).await {
            Ok(Ok(())) => self.known_to_sink = Some(next),
            Ok(Err(unavailable)) => {
                tracing::debug!(partition = %self.partition, error = %unavailable, "checkpoint put off");
            }
            Err(_elapsed) => tracing::debug!(partition = %self.partition, "checkpoint put off: no answer"),
        }
    }

    /// The last word: progress, to the log and to the sink.
    async fn finish(&mut self) -> Result<(), WorkerError> {
        self.advance().await?;
        if self.owes_checkpoint() {
            self.checkpoint(Duration::from_secs(1)).await;
        }
        tracing::info!(sink = %self.shared.sink.name(), partition = %self.partition,
            offset = self.flight.next().map(|o| o.0), unsettled = self.flight.records(), "partition ended");
        Ok(())
    }

    fn stalled(&self, reason: Option<String>) {
        self.shared.status.stalled(&self.partition, reason);
    }

    fn backoff(&self, failures: u32) -> Duration {
        backoff(&self.shared.policy, failures)
    }
}

/// Half of the ceiling and a random part of the other half: what is tried without limit must not spin.
pub(crate) fn backoff(policy: &RetryPolicy, failures: u32) -> Duration {
    policy.ceiling(failures).mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Hands a batch to the sink until it takes it; `None` if stopped before. A sink that is unavailable costs no attempt.
async fn deliver(shared: &Shared, picked: &Picked, stop: &CancellationToken) -> Option<Vec<Outcome>> {
    let batch = &picked.batch;
    let mut failures = 0;
    loop {
        let started = Instant::now();
        match shared.sink.deliver(batch).await {
            Ok(outcomes) => {
                shared.metrics.batch_seconds.observe(started.elapsed().as_secs_f64());
                if failures > 0 {
                    tracing::info!(sink = %shared.sink.name(), partition = %batch.partition, "sink is back");
                    shared.status.stalled(&batch.partition, None);
                }
                return Some(outcomes);
            }
            Err(Unavailable { sink, reason }) => {
                shared.metrics.unavailable.inc();
                failures += 1;
                if failures == 1 {
                    tracing::warn!(sink = %sink, partition = %batch.partition, deliveries = batch.deliveries.len(),
                        error = reason, "sink unavailable, trying until it is back");
                    shared.status.stalled(&batch.partition, Some(reason));
                }
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = sleep(backoff(&shared.policy, failures)) => {}
                }
            }
        }
    }
}
