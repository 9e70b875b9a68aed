//! The workers of a process: one per sink, each a consumer group of its own, and each failing alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use processor::WorkerError;
use processor::operations::WithOperations;
use prometheus_client::registry::Registry as Metrics;
use schemas::backlog::Backlog;
use schemas::log::{EventLog, Publish, Subscribe};
use schemas::operations::Operations;
use schemas::setting::within;
use schemas::sink::{Sink, Target};
use store::Tables;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use super::store::set_up;
use crate::admin::{Check, Verdict};
use crate::config::{ConfigError, Loaded, Topics};
use crate::output;

/// A sink and the worker that delivers to it.
pub(crate) type SinkWorker = (Arc<dyn Sink>, processor::Worker);

/// How long a worker that failed rests before it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// The same for one that stopped because nearly everything failed.
const TRY_VALVE_AGAIN: Duration = Duration::from_mins(1);
/// A worker that went on for so long did work.
const WORKED: Duration = Duration::from_mins(1);

/// The sink that delivers to endpoints: its deliveries may wait in the backlog.
const POSTS: &str = "http";

/// What the worker has whose deliveries may wait: where they do, and who hears what happens to its targets.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) backlog: Arc<dyn Backlog>,
    pub(crate) operations: Arc<dyn Operations>,
}

/// One worker per sink, each a consumer group of its own; that of the sink `http` with the backlog, and with who hears what
/// happens to endpoints.
pub(crate) fn workers(
    loaded: &Loaded,
    sinks: Vec<Arc<dyn Sink>>,
    rules: &Arc<rules::Rules>,
    log: &Arc<dyn EventLog>,
    topics: &Topics,
    waiting: Option<&Waiting>,
    metrics: &mut Metrics,
) -> Result<Vec<SinkWorker>, ConfigError> {
    let metrics = processor::Metrics::register(metrics);
    metrics.expect_canaries(loaded.config.event_log.canary_interval());
    let build = |sink: Arc<dyn Sink>| {
        let operations = loaded.config.event_log.operations_group(sink.name())?;
        let reader = Arc::clone(log) as Arc<dyn Subscribe>;
        let log = processor::Log {
            reader: Arc::new(WithOperations::new(reader, topics.operations.clone(), operations)),
            writer: Arc::clone(log) as Arc<dyn Publish>,
            events: topics.events.clone(),
            dead_letters: topics.dead_letters.clone(),
        };
        let group = loaded.config.event_log.group(sink.name())?;
        let config = loaded.config.processor.clone();
        let schedule = loaded.config.schedule_of(sink.name());
        let worker = processor::Worker::new(
            Arc::clone(&sink),
            Arc::clone(rules),
            log,
            group,
            config,
            schedule.map_err(|found| loaded.refuse(&found))?,
            metrics.clone(),
        );
        let worker = worker.map_err(|found| loaded.refuse(&within("processor", found)))?;
        let worker = match waiting.cloned().filter(|_| sink.name().as_str() == POSTS) {
            Some(Waiting { backlog, operations }) => worker.with_backlog(backlog, Some(operations)),
            None => worker,
        };
        Ok((sink, worker))
    };
    sinks.into_iter().map(build).collect()
}

/// Runs the workers once the log is ready, that of the sink `http` once the tables of the store are there, too. One that fails costs only its own sink: the others go on, `/readyz` says so, and
/// it is tried again, because its cause may be gone by then. When none works any more, that is the end, for a supervisor
/// to see.
pub(crate) async fn deliver(
    workers: Vec<SinkWorker>,
    tables: Option<Arc<Tables>>,
    log_ready: CancellationToken,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        () = log_ready.cancelled() => {}
        () = shutdown.cancelled() => return Ok(()),
    }
    let working = Arc::new(AtomicUsize::new(workers.len()));
    let mut running = JoinSet::new();
    for (_, worker) in workers {
        let tables = tables.clone().filter(|_| worker.sink().as_str() == POSTS);
        let (working, shutdown) = (Arc::clone(&working), shutdown.clone());
        running.spawn(async move {
            if let Some(tables) = tables {
                set_up(&tables, &shutdown).await;
            }
            keep_working(worker, working, shutdown).await
        });
    }
    let mut result = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.context("a worker ended by a bug").and_then(|inner| inner);
        if ended.is_err() {
            shutdown.cancel();
        }
        result = result.and(ended);
    }
    result
}

/// Runs a worker until shutdown, again and again if it fails; returns an error if no other worker is running.
async fn keep_working(
    worker: processor::Worker,
    working: Arc<AtomicUsize>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let sink = worker.sink().clone();
    let mut logged: Option<String> = None;
    loop {
        let began = Instant::now();
        let Err(failed) = worker.run(shutdown.clone()).await else {
            return Ok(());
        };
        if shutdown.is_cancelled() || working.fetch_sub(1, Ordering::AcqRel) == 1 {
            return Err(failed).with_context(|| format!("worker of sink `{sink}`"));
        }
        let reason = failed.to_string();
        // The same again, right after it began, is not news.
        if began.elapsed() < WORKED && logged.as_ref() == Some(&reason) {
            debug!(%sink, error = reason, "the worker still does not work");
        } else {
            error!(%sink, error = reason,
                "nothing is delivered to this sink for now; the other sinks go on, and this one is tried again");
        }
        logged = Some(reason);
        let pause = match &failed {
            // Each run writes some more dead letters before the valve trips.
            WorkerError::Valve { .. } => TRY_VALVE_AGAIN,
            _ => TRY_AGAIN,
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.cancelled() => return Err(failed).with_context(|| format!("worker of sink `{sink}`")),
        }
        working.fetch_add(1, Ordering::AcqRel);
    }
}

/// Whether a sink could deliver.
pub(crate) fn sink_check(sink: &Arc<dyn Sink>) -> Check {
    let sink = Arc::clone(sink);
    Box::new(move || {
        let sink = Arc::clone(&sink);
        Box::pin(async move { sink.ready().await.map(|()| None).map_err(|e| e.reason) })
    })
}

/// How long a worker may go without asking the event log before it counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(30);
/// How long a partition may have records in the log of which none comes.
const IDLE_AFTER: Duration = Duration::from_mins(1);
/// How many canaries may be missed, and how long that is at least.
const CANARIES_MISSED: u32 = 3;
const CANARY_AFTER: Duration = Duration::from_secs(30);

/// Whether a worker is healthy: the group has assigned its partitions, and each of them moves or has nothing to do.
pub(crate) fn worker_check(status: Arc<processor::Status>, canaries: Option<Duration>) -> Check {
    let canary_after = canaries.map(|interval| (interval * CANARIES_MISSED).max(CANARY_AFTER));
    Box::new(move || {
        let verdict = verdict(status.snapshot(), canary_after);
        Box::pin(async move { verdict })
    })
}

/// If the worker is healthy: how many partitions it holds, and how old the oldest record is that waits.
fn verdict(now: processor::status::Snapshot, canary_after: Option<Duration>) -> Verdict {
    if let Some(reason) = now.ended.or(now.waiting_for) {
        return Err(reason);
    }
    match now.since_poll {
        None => return Err("waiting for the event log".to_owned()),
        Some(since) if since > STUCK_AFTER => {
            return Err(format!("has not asked the event log for {} s", since.as_secs()));
        }
        Some(_) => {}
    }
    if !now.joined {
        let reason = "has no partition: the group waits for its members, including one that died, until its session times out; \
                      or the event log is away";
        return Err(reason.to_owned());
    }
    if let Some((partition, reason)) = now.stalled.into_iter().next() {
        return Err(format!("{partition} is held up: {reason}"));
    }
    if let Some((partition, since)) = now.idle.into_iter().find(|(_, since)| *since > IDLE_AFTER) {
        return Err(format!(
            "{partition} has records in the event log, and none has come for {} s",
            since.as_secs()
        ));
    }
    let missed = |(_, since): &(_, Duration)| canary_after.is_some_and(|after| *since > after);
    if let Some((partition, since)) = now.canaries.into_iter().find(missed) {
        let full = now.full.iter().find(|(full, _)| *full == partition);
        if let Some((_, target)) = full {
            let most = match target {
                Target::Only => String::new(),
                Target::Named(name) => format!(", most of them for `{name}`"),
            };
            return Err(format!(
                "{partition} reads nothing new: its window is full of deliveries that wait{most}"
            ));
        }
        let since = since.as_secs();
        return Err(format!(
            "{partition} has shown no canary for {since} s: no ingest writes to it, what is written does not come, or nothing is \
             read because deliveries that wait fill its window"
        ));
    }
    let partitions = output::counted(now.assigned.len(), "partition");
    Ok(Some(match now.oldest_unsettled {
        Some(age) => format!("{partitions}, oldest unsettled {} s", age.as_secs()),
        None => format!("{partitions}, all settled"),
    }))
}

#[cfg(test)]
mod tests {
    use processor::status::Snapshot;
    use schemas::name::TopicName;
    use schemas::record::Partition;

    use super::*;

    fn healthy() -> Snapshot {
        let partition = |index| Partition {
            topic: TopicName::new("forebay.events").expect("valid"),
            index,
        };
        Snapshot {
            joined: true,
            assigned: (0..12).map(partition).collect(),
            oldest_unsettled: None,
            stalled: Vec::new(),
            full: Vec::new(),
            idle: Vec::new(),
            canaries: Vec::new(),
            since_poll: Some(Duration::ZERO),
            waiting_for: None,
            ended: None,
        }
    }

    #[test]
    fn a_healthy_worker_says_what_it_holds_and_what_waits() {
        let text = |now: Snapshot| verdict(now, None).map(Option::unwrap_or_default);
        assert_eq!(text(healthy()).as_deref(), Ok("12 partitions, all settled"));
        let mut busy = healthy();
        busy.oldest_unsettled = Some(Duration::from_millis(3_700));
        busy.assigned.truncate(1);
        assert_eq!(text(busy).as_deref(), Ok("1 partition, oldest unsettled 3 s"));
        let mut waiting = healthy();
        waiting.joined = false;
        assert!(text(waiting).is_err_and(|reason| reason.starts_with("has no partition: ")));
    }

    #[test]
    fn a_worker_that_reads_nothing_because_its_window_is_full_says_for_whom() {
        let text = |full: Option<Target>| {
            let mut now = healthy();
            let partition = now.assigned[3].clone();
            now.canaries = vec![(partition.clone(), Duration::from_secs(90))];
            now.full = full.into_iter().map(|target| (partition.clone(), target)).collect();
            verdict(now, Some(CANARY_AFTER)).expect_err("no canary came")
        };
        let begin = "forebay.events[3] reads nothing new: its window is full of deliveries that wait";
        let crm = Target::Named("crm".to_owned());
        assert_eq!(text(Some(crm)), format!("{begin}, most of them for `crm`"));
        assert_eq!(text(Some(Target::Only)), begin);
        assert!(text(None).contains("has shown no canary for 90 s"));
    }
}
