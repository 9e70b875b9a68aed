//! One sink's worker: a member of the sink's consumer group, with one task per assigned partition.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use schemas::BoxFuture;
use schemas::backlog::Backlog;
use schemas::log::{Change, Consumer, LogError, Membership, Start, Subscription};
use schemas::name::{GroupName, SinkName};
use schemas::operations::Operations;
use schemas::record::Partition;
use schemas::setting::Invalid;
use schemas::sink::Sink;
use tokio::time::error::Elapsed;
use tokio::time::{MissedTickBehavior, Timeout, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Config;
use crate::error::WorkerError;
use crate::failure::valve::Valve;
use crate::holding::Holding;
use crate::metrics::Metrics;
use crate::route::Router;
use crate::shared::{Log, Parking, Shared};
use crate::status::Status;
use crate::targets::Targets;
use crate::tasks::Tasks;
use crate::troubles::{Trouble, Troubles};
use rules::Rules;
use schemas::schedule::Schedule;

/// How long measuring the lag may take.
const LAG_PATIENCE: Duration = Duration::from_secs(10);

/// A running measurement of the lag, and its result.
type Measuring = Pin<Box<Timeout<BoxFuture<'static, Result<Vec<(Partition, u64)>, LogError>>>>>;
type Measured = Result<Result<Vec<(Partition, u64)>, LogError>, Elapsed>;

/// Why a worker left a consumer.
enum Left {
    Shutdown,
    /// The consumer failed, and a new one may work. The reason.
    LogUnavailable(String),
}

/// Carries events from the log to one sink.
#[derive(Debug, Clone)]
pub struct Worker {
    shared: Arc<Shared>,
    group: GroupName,
    metrics: Metrics,
}

impl Worker {
    /// Makes a worker that has not started. `schedule` is the sink's own, or [`Config::schedule`]. The error is what is wrong
    /// with the settings.
    pub fn new(
        sink: Arc<dyn Sink>,
        rules: Arc<Rules>,
        log: Log,
        group: GroupName,
        config: Config,
        schedule: Schedule,
        metrics: Metrics,
    ) -> Result<Self, Vec<Invalid>> {
        config.check()?;
        let valve = || Mutex::new(Valve::new(config.valve_window, config.valve_percent));
        let shared = Shared {
            router: Router::new(rules, Arc::clone(&sink), &metrics),
            metrics: metrics.sink(sink.name(), config.metrics_targets_max),
            schedule,
            valve: valve(),
            routing_valve: valve(),
            troubles: Troubles::new(sink.name().clone()),
            status: Arc::default(),
            parking: OnceLock::new(),
            sink,
            log,
            config,
        };
        let shared = Arc::new(shared);
        metrics.watch(&shared);
        Ok(Self { shared, group, metrics })
    }

    /// Gives the worker a backlog, in which deliveries wait, of a sink that delivers apart; for other sinks it does nothing.
    /// To `operations` it is reported when a target fails, works again, or is disabled.
    #[must_use]
    pub fn with_backlog(self, backlog: Arc<dyn Backlog>, operations: Option<Arc<dyn Operations>>) -> Self {
        let sink = &self.shared.sink;
        if sink.delivers_apart() {
            let targets = Targets::new(
                Arc::clone(sink),
                Arc::clone(&backlog),
                operations,
                self.shared.config.backlog_max_deliveries,
            );
            let targets = Arc::new(targets);
            self.shared.parking.get_or_init(|| Parking { backlog, targets });
        }
        self
    }

    /// Returns the sink that it delivers to.
    pub fn sink(&self) -> &SinkName {
        self.shared.sink.name()
    }

    /// Returns its status, for readiness; valid before, during and after [`run`](Self::run).
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.shared.status)
    }

    /// Works until `shutdown` is cancelled (then drains within `drain_ms` and returns `Ok`) or something needs an
    /// operator. May be called again after an error, whose cause may have passed by then.
    pub fn run(&self, shutdown: CancellationToken) -> impl Future<Output = Result<(), WorkerError>> + Send + use<> {
        let worker = self.clone();
        async move {
            let shared = &worker.shared;
            shared.status.started();
            for valve in [&shared.valve, &shared.routing_valve] {
                valve.lock().reopen();
            }
            let result = worker.join_and_work(&shutdown).await;
            if let Err(error) = &result {
                shared.status.ended(error.to_string());
            }
            result
        }
    }

    async fn join_and_work(&self, shutdown: &CancellationToken) -> Result<(), WorkerError> {
        let mut tasks = Tasks::new(Arc::clone(&self.shared), self.metrics.clone());
        let _keeping = self.shared.parking().map(|parking| {
            let targets = Arc::clone(&parking.targets);
            AbortOnDropHandle::new(tokio::spawn(async move { targets.keep().await }))
        });
        let mut failures = 0;
        while let Some(mut consumer) = self.subscribe(&mut failures, shutdown).await? {
            let result = self.work(&mut *consumer, &mut tasks, &mut failures, shutdown).await;
            self.shared.status.joined(false);
            if let Err(error) = &result {
                // Now, because the others may take a while.
                self.shared.status.ended(error.to_string());
            }

            // Current batches are finished in any case: an error of one partition does not affect the others.
            let drained = tasks.stop_all(Duration::from_millis(self.shared.config.drain_ms)).await;
            let closed = match timeout(Duration::from_secs(5), consumer.close()).await {
                Ok(closed) => closed.map_err(|error| error.to_string()),
                Err(_elapsed) => Err("no answer within 5 s".to_owned()),
            };
            let sink = self.shared.sink.name();
            match closed {
                Ok(()) => {}
                // It follows from what is logged anyway.
                Err(error) if matches!(result, Ok(Left::LogUnavailable(_))) => {
                    tracing::debug!(%sink, error, "group not left cleanly");
                }
                Err(error) => tracing::warn!(%sink, error, "group not left cleanly"),
            }
            let left = result?;
            drained?;
            match left {
                Left::Shutdown => break,
                Left::LogUnavailable(reason) => {
                    if !self.wait_for_log(&mut failures, &reason, shutdown).await {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Subscribes to the events; returns `None` if shut down before that succeeded.
    async fn subscribe(
        &self,
        failures: &mut u32,
        shutdown: &CancellationToken,
    ) -> Result<Option<Box<dyn Consumer>>, WorkerError> {
        loop {
            let subscription = Subscription {
                topic: self.shared.log.events.clone(),
                membership: Membership::Group(self.group.clone()),
                start: Start::Earliest,
            };
            let subscribed = tokio::select! {
                subscribed = self.shared.log.reader.subscribe(subscription) => subscribed,
                () = shutdown.cancelled() => return Ok(None),
            };
            match subscribed {
                Ok(consumer) => return Ok(Some(consumer)),
                Err(LogError::Unavailable(reason)) => {
                    if !self.wait_for_log(failures, &reason, shutdown).await {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits before the log is tried again; `failures` counts the failures in a row. Returns false if shut down while
    /// waiting.
    async fn wait_for_log(&self, failures: &mut u32, reason: &str, shutdown: &CancellationToken) -> bool {
        *failures = failures.saturating_add(1);
        self.shared
            .status
            .waiting_for(format!("event log unavailable: {reason}"));
        self.shared.troubles.met(Trouble::Log, reason);
        tokio::select! {
            () = sleep(self.shared.backoff(*failures)) => true,
            () = shutdown.cancelled() => false,
        }
    }

    async fn work(
        &self,
        consumer: &mut dyn Consumer,
        tasks: &mut Tasks,
        failures: &mut u32,
        shutdown: &CancellationToken,
    ) -> Result<Left, WorkerError> {
        let mut beat = interval(Duration::from_secs(1));
        let mut lag = interval(Duration::from_millis(self.shared.config.lag_ms));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        lag.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Outside the loop, because a revocation must not wait for it.
        let mut measuring: Option<Measuring> = None;
        let mut holding = Holding::new(self.shared.sink.name().clone());
        loop {
            self.shared.status.polled();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(Left::Shutdown),
                Some(ended) = tasks.next_ended() => tasks.ended(ended)?,
                change = consumer.next() => match change {
                    Ok(change) => {
                        *failures = 0;
                        self.shared.troubles.over(Trouble::Log);
                        let assigned = self.assigns_events(&change);
                        self.shared.metrics.rebalanced(&change);
                        tasks.change(change).await?;
                        // Without any partition it waits for the next assignment, which may be empty when other members
                        // own all.
                        if assigned || tasks.of_events().next().is_none() {
                            self.shared.status.joined(assigned);
                        }
                        if assigned {
                            holding.assigned(tasks.of_events());
                        } else if tasks.of_events().next().is_none() {
                            holding.lost();
                        }
                    }
                    Err(LogError::Unavailable(reason)) => return Ok(Left::LogUnavailable(reason)),
                    Err(error) => return Err(error.into()),
                },
                measured = measured(&mut measuring), if measuring.is_some() => {
                    measuring = None;
                    self.show_lag(measured, tasks);
                }
                _ = lag.tick(), if measuring.is_none() => measuring = Some(Box::pin(timeout(LAG_PATIENCE, consumer.lag()))),
                // Also shows that the loop is alive.
                _ = beat.tick() => {
                    holding.beat();
                    self.shared.troubles.tell_lasting();
                }
            }
        }
    }

    /// Whether partitions of the events are assigned, which may be none. Operational events come beside them.
    fn assigns_events(&self, change: &Change) -> bool {
        let of_events = |partition: &Partition| partition.topic == self.shared.log.events;
        matches!(change, Change::Assigned(readers) if readers.iter().all(|reader| of_events(reader.partition())))
    }

    /// Exports the lag. One that could not be measured is removed: the last value says nothing about now.
    fn show_lag(&self, measured: Measured, tasks: &Tasks) {
        let sink = self.shared.sink.name();
        let reason = match measured {
            Ok(Ok(lags)) => {
                for (partition, records) in lags.iter().filter(|(p, _)| tasks.owns(p)) {
                    self.metrics.lag(sink, partition, Some(*records));
                    self.shared.status.lag(partition, Some(*records));
                }
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => format!("no answer within {} s", LAG_PATIENCE.as_secs()),
        };
        tracing::debug!(sink = %sink, error = reason, "lag not measured");
        self.shared.metrics.lag_failures.inc();
        for partition in tasks.owned() {
            self.metrics.lag(sink, partition, None);
            self.shared.status.lag(partition, None);
        }
    }
}

async fn measured(measuring: &mut Option<Measuring>) -> Measured {
    match measuring {
        Some(measuring) => measuring.await,
        None => std::future::pending().await,
    }
}
