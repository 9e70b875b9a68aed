//! One sink's worker: a member of the sink's consumer group, with one task per assigned partition.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use schemas::log::{Change, Consumer, EventLog, LogError, Membership, PartitionReader, Start, Subscription};
use schemas::name::{GroupName, SinkName, TopicName};
use schemas::record::{Partition, Position};
use schemas::sink::Sink;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, InvalidConfig};
use crate::metrics::Metrics;
use crate::partition::{self, Shared, backoff};
use crate::retry::RetryPolicy;
use crate::route::Router;
use crate::rules::Rules;
use crate::status::Status;
use crate::valve::Valve;

/// The topics that a worker has to do with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// Where events are read.
    pub events: TopicName,
    /// Where dead letters are written.
    pub dead_letters: TopicName,
}

/// Why a worker ended, other than by being told to. Each wants an operator, or a restart.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The event log, beyond what passes by itself.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nearly all deliveries fail: stopped before more of them become dead letters.
    #[error(
        "sink `{sink}` failed {failures} of the last {outcomes} deliveries for good, so the worker stopped before making \
         more dead letters; the last reason: {reason}; mend the cause and start again (key `valve_percent`)"
    )]
    Valve {
        /// Which.
        sink: SinkName,
        /// How many failed.
        failures: usize,
        /// Of how many.
        outcomes: usize,
        /// Why the last one did.
        reason: String,
    },
    /// A dead letter that the log will never take; its record is not settled.
    #[error(
        "sink `{sink}` gave up the record {position}, and its dead letter is more than topic `{topic}` takes \
         ({limit_bytes} bytes): raise that topic's record size above that of the events"
    )]
    DeadLetterTooLarge {
        /// Which.
        sink: SinkName,
        /// The topic of dead letters.
        topic: TopicName,
        /// The original record.
        position: Position,
        /// What the topic takes.
        limit_bytes: usize,
    },
    /// The sink broke its contract; a bug of the sink.
    #[error("sink `{sink}` answered {outcomes} outcomes for {deliveries} deliveries; this is a bug of the sink")]
    Contract {
        /// Which.
        sink: SinkName,
        /// What it was given.
        deliveries: usize,
        /// What came back.
        outcomes: usize,
    },
    /// The task of a partition broke down; a bug of the sink or of ours. Nothing unsettled was stored.
    #[error("the task of {partition} for sink `{sink}` broke down: {reason}")]
    Panicked {
        /// Which.
        sink: SinkName,
        /// Where.
        partition: Partition,
        /// What the panic said.
        reason: String,
    },
}

/// Carries events from the log to one sink.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    group: GroupName,
    metrics: Metrics,
}

impl Worker {
    /// A worker that has not started; the error names the setting that cannot be.
    pub fn new(
        sink: Arc<dyn Sink>,
        rules: Arc<Rules>,
        log: Arc<dyn EventLog>,
        topics: Topics,
        group: GroupName,
        config: Config,
        metrics: Metrics,
    ) -> Result<Self, InvalidConfig> {
        config.check()?;
        let shared = Shared {
            router: Router::new(rules, Arc::clone(&sink), &metrics),
            metrics: metrics.sink(sink.name()),
            policy: RetryPolicy::new(&config),
            valve: Mutex::new(Valve::new(config.valve_window, config.valve_percent)),
            status: Arc::default(),
            sink,
            log,
            topics,
            config,
        };
        Ok(Self {
            shared: Arc::new(shared),
            group,
            metrics,
        })
    }

    /// How it does, for readiness; valid before, during and after [`run`](Self::run).
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.shared.status)
    }

    /// Works until `shutdown` is cancelled (then drains within `drain_ms` and answers `Ok`) or something needs an operator.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), WorkerError> {
        let status = self.status();
        let sink = self.shared.sink.name().clone();
        let result = self.join_and_work(&shutdown).await;
        if let Err(error) = &result {
            tracing::error!(sink = %sink, error = %error, "worker ended");
            status.ended(error.to_string());
        }
        result
    }

    async fn join_and_work(self, shutdown: &CancellationToken) -> Result<(), WorkerError> {
        let Some(mut consumer) = self.subscribe(shutdown).await? else {
            return Ok(());
        };
        let mut tasks = Tasks {
            shared: Arc::clone(&self.shared),
            metrics: self.metrics.clone(),
            set: JoinSet::new(),
            running: HashMap::new(),
        };
        let result = self.work(&mut *consumer, &mut tasks, shutdown).await;

        // What is in hand is finished in either case: an error of one partition takes nothing from the others.
        let drained = tasks.stop_all(Duration::from_millis(self.shared.config.drain_ms)).await;
        match timeout(Duration::from_secs(5), consumer.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(sink = %self.shared.sink.name(), error = %error, "group not left cleanly"),
            Err(_elapsed) => tracing::warn!(sink = %self.shared.sink.name(), "group not left within 5 s"),
        }
        result.and(drained)
    }

    /// `None` if told to stop before it came to pass.
    async fn subscribe(&self, shutdown: &CancellationToken) -> Result<Option<Box<dyn Consumer>>, WorkerError> {
        let mut failures = 0;
        loop {
            let subscription = Subscription {
                topic: self.shared.topics.events.clone(),
                membership: Membership::Group(self.group.clone()),
                start: Start::Earliest,
            };
            self.shared.status.polled();
            let subscribed = tokio::select! {
                subscribed = self.shared.log.subscribe(subscription) => subscribed,
                () = shutdown.cancelled() => return Ok(None),
            };
            match subscribed {
                Ok(consumer) => return Ok(Some(consumer)),
                Err(LogError::Unavailable(reason)) => {
                    failures += 1;
                    self.log_is_away(failures, &reason);
                    tokio::select! {
                        () = sleep(backoff(&self.shared.policy, failures)) => {}
                        () = shutdown.cancelled() => return Ok(None),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn log_is_away(&self, failures: u32, reason: &str) {
        if failures == 1 {
            tracing::warn!(sink = %self.shared.sink.name(), group = %self.group, error = reason,
                "event log unavailable, trying until it is back");
        }
    }

    async fn work(
        &self,
        consumer: &mut dyn Consumer,
        tasks: &mut Tasks,
        shutdown: &CancellationToken,
    ) -> Result<(), WorkerError> {
        let mut beat = interval(Duration::from_secs(1));
        let mut lag = interval(Duration::from_millis(self.shared.config.lag_ms));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        lag.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failures = 0;
        loop {
            self.shared.status.polled();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                Some(ended) = tasks.set.join_next_with_id() => tasks.ended(ended)?,
                change = consumer.next() => match change {
                    Ok(change) => {
                        failures = 0;
                        tasks.change(change).await?;
                    }
                    Err(LogError::Unavailable(reason)) => {
                        failures += 1;
                        self.log_is_away(failures, &reason);
                        tokio::select! {
                            () = sleep(backoff(&self.shared.policy, failures)) => {}
                            () = shutdown.cancelled() => return Ok(()),
                        }
                    }
                    Err(error) => return Err(error.into()),
                },
                _ = lag.tick() => self.measure_lag(&*consumer, tasks).await,
                // Shows that the loop is alive.
                _ = beat.tick() => {}
            }
        }
    }

    async fn measure_lag(&self, consumer: &(dyn Consumer + '_), tasks: &Tasks) {
        match timeout(Duration::from_secs(2), consumer.lag()).await {
            Ok(Ok(lags)) => {
                for (partition, records) in lags.iter().filter(|(p, _)| tasks.running.contains_key(p)) {
                    self.metrics.lag(self.shared.sink.name(), partition, *records);
                }
            }
            Ok(Err(error)) => tracing::debug!(sink = %self.shared.sink.name(), error = %error, "lag not measured"),
            Err(_elapsed) => tracing::debug!(sink = %self.shared.sink.name(), "lag not measured within 2 s"),
        }
    }
}

/// The tasks of the partitions that are ours.
struct Tasks {
    shared: Arc<Shared>,
    metrics: Metrics,
    set: JoinSet<Result<(), WorkerError>>,
    running: HashMap<Partition, Running>,
}

struct Running {
    id: Id,
    stop: CancellationToken,
    abort: AbortHandle,
}

type Ended = Result<(Id, Result<(), WorkerError>), JoinError>;

impl Tasks {
    async fn change(&mut self, change: Change) -> Result<(), WorkerError> {
        match change {
            Change::Assigned(readers) => {
                for reader in readers {
                    self.start(reader);
                }
                Ok(())
            }
            Change::Revoked(revocation) => {
                let patience = Duration::from_millis(self.shared.config.revoke_ms);
                let result = self.stop(&revocation.partitions, patience).await;
                revocation.done();
                result
            }
            Change::Lost(partitions) => {
                tracing::warn!(sink = %self.shared.sink.name(), partitions = partitions.len(), "partitions lost");
                for partition in &partitions {
                    if let Some(running) = self.running.get(partition) {
                        running.abort.abort();
                    }
                    self.release(partition);
                }
                Ok(())
            }
        }
    }

    fn start(&mut self, reader: Box<dyn PartitionReader>) {
        let partition = reader.partition().clone();
        // A partition that comes again without having been taken away: its old task must not go on beside the new one.
        if let Some(old) = self.running.get(&partition) {
            old.abort.abort();
            self.release(&partition);
        }
        let stop = CancellationToken::new();
        let gauge = self.metrics.in_flight(self.shared.sink.name(), &partition);
        self.shared.status.assigned(&partition);
        let abort = self
            .set
            .spawn(partition::run(reader, Arc::clone(&self.shared), gauge, stop.clone()));
        let running = Running {
            id: abort.id(),
            stop,
            abort,
        };
        self.running.insert(partition, running);
    }

    /// Lets these finish what they have in hand; what takes longer is abandoned and stores nothing.
    async fn stop(&mut self, partitions: &[Partition], patience: Duration) -> Result<(), WorkerError> {
        let deadline = Instant::now() + patience;
        for partition in partitions {
            if let Some(running) = self.running.get(partition) {
                running.stop.cancel();
            }
        }
        let mut result = Ok(());
        while partitions.iter().any(|partition| self.running.contains_key(partition)) {
            match timeout_at(deadline, self.set.join_next_with_id()).await {
                Ok(Some(ended)) => result = result.and(self.ended(ended)),
                Ok(None) => break,
                Err(_elapsed) => {
                    for partition in partitions {
                        if let Some(running) = self.running.get(partition) {
                            tracing::warn!(sink = %self.shared.sink.name(), partition = %partition,
                                "batch in hand abandoned, it will be repeated");
                            running.abort.abort();
                            self.release(partition);
                        }
                    }
                }
            }
        }
        result
    }

    async fn stop_all(&mut self, patience: Duration) -> Result<(), WorkerError> {
        let partitions: Vec<Partition> = self.running.keys().cloned().collect();
        let result = self.stop(&partitions, patience).await;
        self.set.shutdown().await;
        result
    }

    /// A task has ended by itself, was stopped, or has panicked.
    fn ended(&mut self, ended: Ended) -> Result<(), WorkerError> {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let partition = self
            .running
            .iter()
            .find(|(_, running)| running.id == id)
            .map(|(p, _)| p.clone());
        if let Some(partition) = &partition {
            self.release(partition);
        }
        match (ended, partition) {
            (Ok((_, result)), _) => result,
            (Err(error), Some(partition)) if error.is_panic() => Err(WorkerError::Panicked {
                sink: self.shared.sink.name().clone(),
                partition,
                reason: panic_text(error),
            }),
            // Aborted by us, or a partition that is not ours any more.
            (Err(_), _) => Ok(()),
        }
    }

    fn release(&mut self, partition: &Partition) {
        self.running.remove(partition);
        self.shared.status.released(partition);
        self.metrics.forget(self.shared.sink.name(), partition);
    }
}

fn panic_text(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without words".to_owned()),
        Err(error) => error.to_string(),
    }
}
