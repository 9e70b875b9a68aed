//! That a target of a worker with a backlog fails, and works again, is one line each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::memory_backlog::MemoryBacklog;
use harness::memory_log::MemoryLog;
use harness::publish_log::{Mode, TestLog};
use processor::Config;
use processor::operations::{OperationsMetrics, publisher};
use prometheus_client::registry::Registry;
use schemas::endpoint::{Endpoint, EndpointDirectory};
use schemas::name::{EndpointId, Tenant};
use schemas::secret::Secret;
use schemas::sink::{Batch, Outcome, Target, Unavailable};
use tokio_util::sync::CancellationToken;
use tracing::Level;

use crate::deliver::stop;
use crate::stage::sink::{ScriptedSink, retry};
use crate::stage::{eventually, record, topic, worker_with};
use crate::trouble::Lines;

#[derive(Debug)]
struct One(Arc<[Arc<Endpoint>]>);

impl EndpointDirectory for One {
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_targets_state_is_one_line() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let works = Arc::new(AtomicBool::new(true));
    let working = Arc::clone(&works);
    let mut scripted = ScriptedSink::plain(move |batch: &Batch| {
        let outcome = if working.load(Ordering::Relaxed) {
            Outcome::Delivered
        } else {
            retry()
        };
        Ok::<_, Unavailable>(vec![outcome; batch.deliveries.len()])
    });
    (scripted.targets, scripted.apart) = (vec![Target::Named("crm".to_owned())], true);
    let sink = Arc::new(scripted);
    let (log, backlog) = (MemoryLog::new(1), Arc::new(MemoryBacklog::default()));
    let endpoint = Endpoint::new(
        EndpointId::new("crm").expect("valid"),
        Tenant::new("acme").expect("valid"),
        "https://crm.example.com/".parse().expect("a URL"),
        vec![Secret::new("a-key-that-is-long-enough")],
    );
    let (operations, _publishing) = publisher(
        Arc::new(TestLog::new(Mode::Acknowledge)),
        topic("operations"),
        Arc::new(One([Arc::new(endpoint)].into())),
        OperationsMetrics::register(&mut Registry::default()),
    );
    let worker = worker_with(&log, &sink, None, Config::default());
    let worker = worker.with_backlog(Arc::clone(&backlog) as _, Some(operations));
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker.run(shutdown.clone()));

    log.append(0, record(0, "a"));
    eventually("it works", || log.stored(0) == 1).await;
    works.store(false, Ordering::Relaxed);
    for n in 1..40 {
        log.append(0, record(n, &format!("key-{}", n % 7)));
    }
    tokio::time::sleep(Duration::from_secs(45)).await;
    let warnings = lines.of(Level::WARN);
    assert!(
        matches!(&warnings[..], [line] if line.contains("deliveries to this endpoint fail") && line.contains("endpoint=\"crm\"")),
        "{warnings:#?}"
    );
    // It is not forgotten while it lasts.
    tokio::time::sleep(Duration::from_mins(5)).await;
    let still = |text: &String| text.contains("deliveries to this target still fail");
    assert!(
        lines.of(Level::WARN).iter().skip(1).all(still),
        "{:#?}",
        lines.of(Level::WARN)
    );
    assert!(lines.of(Level::WARN).len() > 1);

    works.store(true, Ordering::Relaxed);
    while !backlog.is_empty() {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let again = |text: &String| text.contains("takes deliveries again");
    let infos: Vec<String> = lines.of(Level::INFO).into_iter().filter(again).collect();
    assert!(
        matches!(&infos[..], [line] if line.contains("this endpoint takes deliveries again")),
        "{infos:#?}"
    );
    stop(shutdown, run).await;
}
