//! The workers of a process: one per sink, each a consumer group of its own, and each failing alone.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::registry::Registry as Metrics;
use schemas::log::EventLog;
use schemas::name::SinkName;
use schemas::sink::Sink;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::admin::Check;
use crate::config::{ConfigError, Loaded, Topics};

/// A sink and the worker that delivers to it.
pub(crate) type SinkWorker = (Arc<dyn Sink>, processor::Worker);

/// One worker per sink, each a consumer group of its own.
pub(crate) fn workers(
    loaded: &Loaded,
    sinks: Vec<Arc<dyn Sink>>,
    rules: &Arc<processor::Rules>,
    log: &Arc<dyn EventLog>,
    topics: &Topics,
    metrics: &mut Metrics,
) -> Result<Vec<SinkWorker>, ConfigError> {
    let metrics = processor::Metrics::register(metrics);
    let build = |sink: Arc<dyn Sink>| {
        let topics = processor::Topics {
            events: topics.events.clone(),
            dead_letters: topics.dead_letters.clone(),
        };
        let group = loaded.config.event_log.group(sink.name())?;
        let config = loaded.config.processor.clone();
        let worker = processor::Worker::new(
            Arc::clone(&sink),
            Arc::clone(rules),
            Arc::clone(log),
            topics,
            group,
            config,
            metrics.clone(),
        );
        Ok((sink, worker.map_err(|e| ConfigError(format!("`processor`: {e}")))?))
    };
    sinks.into_iter().map(build).collect()
}

/// Runs the workers once the log is ready. One that fails costs only its own sink: the others go on, and `/readyz` tells;
/// when none is left, that is the end.
pub(crate) async fn deliver(
    workers: Vec<SinkWorker>,
    log_ready: CancellationToken,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        () = log_ready.cancelled() => {}
        () = shutdown.cancelled() => return Ok(()),
    }
    let mut running = JoinSet::new();
    for (sink, worker) in workers {
        let (name, shutdown) = (sink.name().clone(), shutdown.clone());
        running.spawn(async move {
            let ended = worker.run(shutdown).await;
            ended.with_context(|| format!("worker of sink `{name}`"))
        });
    }
    let mut result = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.context("a worker ended by a bug").and_then(|inner| inner);
        if let Err(error) = &ended
            && !running.is_empty()
            && !shutdown.is_cancelled()
        {
            error!(
                error = format!("{error:#}"),
                "nothing is delivered to this sink until a restart; the other sinks go on"
            );
        }
        result = result.and(ended);
    }
    result
}

/// Those of the configured sinks that were asked for; all, if none was.
pub(crate) fn chosen(sinks: &[Arc<dyn Sink>], wanted: &[SinkName]) -> Result<Vec<Arc<dyn Sink>>, ConfigError> {
    let known = || {
        sinks
            .iter()
            .map(|s| s.name().to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(unknown) = wanted.iter().find(|name| !sinks.iter().any(|s| s.name() == *name)) {
        return Err(ConfigError(format!(
            "there is no sink `{unknown}`; the configured sinks are: {}",
            known()
        )));
    }
    let chosen: Vec<_> = sinks
        .iter()
        .filter(|s| wanted.is_empty() || wanted.contains(s.name()))
        .map(Arc::clone)
        .collect();
    if chosen.is_empty() {
        return Err(ConfigError(
            "no sink is configured: name at least one under `sinks`".to_owned(),
        ));
    }
    Ok(chosen)
}

/// Whether a sink could deliver.
pub(crate) fn sink_check(sink: &Arc<dyn Sink>) -> Check {
    let sink = Arc::clone(sink);
    Box::new(move || {
        let sink = Arc::clone(&sink);
        Box::pin(async move { sink.ready().await.map_err(|e| e.reason) })
    })
}

/// How long a worker may go without asking the event log before it counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(30);

/// Whether a worker does its duty.
pub(crate) fn worker_check(status: Arc<processor::Status>) -> Check {
    Box::new(move || {
        let now = status.snapshot();
        let verdict = if let Some(error) = now.ended {
            Err(error)
        } else if let Some((partition, reason)) = now.stalled.first() {
            Err(format!("{partition} is held up: {reason}"))
        } else {
            match now.since_poll {
                None => Err("waiting for the event log".to_owned()),
                Some(since) if since > STUCK_AFTER => {
                    Err(format!("has not asked the event log for {} s", since.as_secs()))
                }
                Some(_) => Ok(()),
            }
        };
        Box::pin(async move { verdict })
    })
}
