//! Publishes operational events: a bounded queue, which is emptied as soon as the event log takes records.

use std::sync::Arc;
use std::time::{Duration, Instant};

use schemas::endpoint::EndpointDirectory;
use schemas::log::{Publish, PublishError};
use schemas::name::{Tenant, TopicName};
use schemas::operations::{Operations, TargetChange, TargetChanged};
use schemas::outage::{Line, Outages};
use schemas::record::Record;
use schemas::time::Timestamp;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::metrics::{Dropped, OperationsMetrics};

/// How many events may wait for the log. With thousands of endpoints, many fail at once where it is the network that fails.
const QUEUE: usize = 10_000;
/// How long a log that took no record is left alone.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Returns who takes reports, and what publishes them once it [runs](Publishing::run). `endpoints` says whose an endpoint is.
pub fn publisher(
    log: Arc<dyn Publish>,
    topic: TopicName,
    endpoints: Arc<dyn EndpointDirectory>,
    metrics: OperationsMetrics,
) -> (Arc<dyn Operations>, Publishing) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let reports = Reports {
        queue: sender,
        endpoints,
        metrics: metrics.clone(),
        full: Outages::default(),
    };
    let publishing = Publishing {
        queue: receiver,
        log,
        topic,
        metrics,
        outage: Outages::default(),
    };
    (Arc::new(reports), publishing)
}

#[derive(Debug)]
struct Reports {
    queue: mpsc::Sender<Record>,
    endpoints: Arc<dyn EndpointDirectory>,
    metrics: OperationsMetrics,
    /// The queue is full.
    full: Outages<()>,
}

impl Reports {
    fn tenant(&self, target: &str) -> Option<Tenant> {
        let endpoints = self.endpoints.endpoints();
        let endpoint = endpoints.iter().find(|endpoint| endpoint.id.as_str() == target)?;
        Some(endpoint.tenant.clone())
    }
}

impl Operations for Reports {
    fn report(&self, changed: TargetChanged) {
        log_change(&changed);
        let Some(tenant) = self.tenant(&changed.target) else {
            tracing::debug!(sink = %changed.sink, target_name = changed.target, "no endpoint has this name: no event is published");
            self.metrics.dropped(Dropped::UnknownEndpoint, 1);
            return;
        };
        let record = changed.to_record(&tenant, Timestamp::now());
        self.metrics.waiting.inc();
        let Err(refused) = self.queue.try_send(record) else {
            self.full.over(&(), Instant::now());
            return;
        };
        self.metrics.waiting.dec();
        match refused {
            TrySendError::Full(_) => {
                self.metrics.dropped(Dropped::QueueFull, 1);
                let reason = format!("{QUEUE} operational events wait for the event log already");
                if let Some(Line { reason, failures, .. }) = self.full.failed(&(), &reason, Instant::now()) {
                    tracing::warn!(reason, failures, "operational events are dropped");
                }
            }
            TrySendError::Closed(_) => self.metrics.dropped(Dropped::Ended, 1),
        }
    }
}

/// Logs a change, whether an event of it can be published or not.
fn log_change(changed: &TargetChanged) {
    let (sink, endpoint) = (&changed.sink, &changed.target);
    match &changed.change {
        TargetChange::Failing { reason } => {
            tracing::warn!(%sink, endpoint, reason, "deliveries to this endpoint fail: they wait, and it is tried now and then");
        }
        TargetChange::Recovered { failing_since } => {
            tracing::info!(%sink, endpoint, %failing_since, "this endpoint takes deliveries again");
        }
        TargetChange::Disabled { reason, failing_since } => {
            let failing_since = failing_since.map(tracing::field::display);
            tracing::warn!(%sink, endpoint, reason, failing_since, "this endpoint is disabled: it gets no more deliveries until it is enabled");
        }
    }
}

/// Publishes what is reported.
#[derive(Debug)]
pub struct Publishing {
    queue: mpsc::Receiver<Record>,
    log: Arc<dyn Publish>,
    topic: TopicName,
    metrics: OperationsMetrics,
    /// The log takes no records.
    outage: Outages<()>,
}

impl Publishing {
    /// Publishes until no one is left who could report anything, or until `patience` after `shutdown`. An event that the log
    /// does not take is tried until it does; those after it wait, so that their order is kept.
    pub async fn run(mut self, shutdown: CancellationToken, patience: Duration) {
        let over = async {
            shutdown.cancelled().await;
            sleep(patience).await;
        };
        tokio::pin!(over);
        let mut left = 0;
        loop {
            let record = tokio::select! {
                biased;
                record = self.queue.recv() => record,
                () = &mut over => None,
            };
            let Some(record) = record else { break };
            let is_over = tokio::select! {
                () = self.publish(&record) => false,
                () = &mut over => true,
            };
            self.metrics.waiting.dec();
            if is_over {
                left = 1;
                break;
            }
        }
        self.queue.close();
        while self.queue.try_recv().is_ok() {
            self.metrics.waiting.dec();
            left += 1;
        }
        if left > 0 {
            self.metrics.dropped(Dropped::Ended, left);
            tracing::warn!(
                count = left,
                "operational events were not published before the end: the event log did not take them in time"
            );
        }
    }

    /// Publishes one event. Returns when the log has it, or never will.
    async fn publish(&self, record: &Record) {
        loop {
            match self.log.publish(&self.topic, record.clone()).await {
                Ok(_) => {
                    self.metrics.published();
                    if let Some(Line { seconds, failures, .. }) = self.outage.over(&(), Instant::now()) {
                        tracing::info!(topic = %self.topic, seconds, failures, "operational events are published again");
                    }
                    return;
                }
                Err(PublishError::Unavailable { reason }) => {
                    if let Some(line) = self.outage.failed(&(), &reason, Instant::now()) {
                        tracing::warn!(topic = %self.topic, reason = line.reason, seconds = line.seconds, failures = line.failures,
                            "operational events are not published: they wait until the event log takes them");
                    }
                    sleep(TRY_AGAIN).await;
                }
                Err(error @ PublishError::TooLarge { .. }) => {
                    self.metrics.dropped(Dropped::TooLarge, 1);
                    tracing::error!(topic = %self.topic, %error, "an operational event is dropped");
                    return;
                }
            }
        }
    }
}
