//! Canaries: they prove that the event log accepts records while no webhook does.
//!
//! At every interval a canary goes to each partition of the events' topic, for the workers to see. Besides, while the
//! log is not ready, a canary to one partition after the other finds out when it is again: a load balancer sends
//! nothing to a process that is not ready, so nothing else would.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use schemas::canary;
use schemas::log::Publish;
use schemas::name::TopicName;
use schemas::record::Partition;
use schemas::time::Timestamp;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How often readiness is checked while the log is ready.
const LOOK: Duration = Duration::from_secs(5);
/// How often a canary is sent while it is not.
const TRY: Duration = Duration::from_secs(1);

/// Sends canaries every `interval` (`None`: not at all) to each of the `partitions` of `topic`, and tries the log while it is
/// not ready. Ends at `shutdown`.
pub async fn send_canaries(
    log: Arc<dyn Publish>,
    topic: TopicName,
    partitions: i32,
    interval: Option<Duration>,
    shutdown: CancellationToken,
) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = send_for_ever(&*log, &topic, partitions, interval) => {}
    }
}

async fn send_for_ever(log: &dyn Publish, topic: &TopicName, partitions: i32, interval: Option<Duration>) {
    let partition = |index| Partition {
        topic: topic.clone(),
        index,
    };
    let all: Vec<Partition> = (0..partitions.max(1)).map(partition).collect();
    let mut due = interval.map(|_| Instant::now());
    let mut next_tried = all.iter().cycle();
    loop {
        if due.is_some_and(|due| due <= Instant::now()) {
            due = interval.map(|interval| Instant::now() + interval);
            join_all(all.iter().map(|partition| send(log, partition))).await;
        }
        let pause = if log.ready(topic).await.is_ok() {
            due.map_or(LOOK, |due| LOOK.min(due.saturating_duration_since(Instant::now())))
        } else {
            if let Some(partition) = next_tried.next() {
                send(log, partition).await;
            }
            TRY
        };
        sleep(pause).await;
    }
}

async fn send(log: &dyn Publish, partition: &Partition) {
    if let Err(error) = log.publish_to(partition, canary::record(Timestamp::now())).await {
        // The log itself records what became of it, and `ready` reports that.
        tracing::debug!(%partition, %error, "a canary was not taken");
    }
}
