//! The role that reads events and delivers them: a worker for each sink.

use std::sync::Arc;
use std::time::Duration;

use net::client::proxy_warning;
use processor::operations::{OperationsMetrics, Publishing, publisher};
use schemas::endpoint::EndpointDirectory;
use schemas::log::Publish;
use schemas::name::SinkName;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::workers::{SinkWorker, Waiting, deliver, sink_check, worker_check, workers};
use super::{Base, event_log, lifetime, store};
use crate::assemble::{Listeners, Store};
use crate::{assemble, config};

/// The workers, not yet started.
pub(super) struct Process {
    workers: Vec<SinkWorker>,
    /// Where deliveries to endpoints wait, and where attempts are noted.
    store: Option<Store>,
    publishing: Publishing,
}

impl Process {
    /// Workers for the sinks that are `wanted`; for all if none is named.
    pub(super) async fn build(base: &mut Base, wanted: &[SinkName]) -> anyhow::Result<Self> {
        let ready = event_log::check(&base.log, &base.topics.dead_letters);
        base.checks.push(("event log for dead letters".to_owned(), ready));
        let sinks = assemble::chosen(&base.loaded.config.sinks, wanted)?;
        sinks.check().map_err(|found| base.loaded.refuse(&found))?;
        // The other sinks keep nothing there; `forebay dev` delivers to endpoints that no file names.
        let store = if sinks.http.is_some() || base.dev.is_some() {
            let checked = base.loaded.config.check_store();
            checked.map_err(|found| base.loaded.refuse(&found))?;
            assemble::store(base.loaded.config.store.as_ref(), &mut base.metrics).await?
        } else {
            None
        };
        let endpoints: Arc<dyn EndpointDirectory> = Arc::clone(&base.registry) as _;
        if sinks.http.is_some()
            && !endpoints.endpoints().is_empty()
            && let Some(warning) = proxy_warning(&config::proxy_variables())
        {
            warn!("{warning}");
        }
        let own = assemble::Configured {
            sinks: &sinks,
            topics: &base.topics,
            endpoints: &*endpoints,
        };
        let rules = assemble::rules_for(&base.loaded, own, wanted)?;
        for warning in rules.warnings() {
            warn!("{warning}");
        }
        let dev = base.dev.clone();
        let listeners = Listeners {
            watch: dev.as_ref().map(|dev| dev.lines() as Arc<dyn sinks::http::Watch>),
            attempts: store.as_ref().map(|store| Arc::clone(&store.attempts)),
            keep_tables: true,
        };
        let mut sinks = assemble::sinks(
            &sinks,
            &base.topics,
            &base.log,
            Arc::clone(&endpoints),
            listeners.clone(),
            &mut base.metrics,
        )
        .await?;
        if let Some(dev) = &dev {
            sinks = dev.watch(sinks, &base.loaded)?;
        }
        let (operations, publishing) = publisher(
            Arc::clone(&base.log) as Arc<dyn Publish>,
            base.topics.operations.clone(),
            endpoints,
            OperationsMetrics::register(&mut base.metrics),
        );
        let waiting = store.as_ref().map(|store| Waiting {
            backlog: Arc::clone(&store.backlog),
            operations,
        });
        let mut workers = workers(
            &base.loaded,
            sinks,
            &rules,
            &base.log,
            &base.topics,
            waiting.as_ref(),
            &mut base.metrics,
        )?;
        if let Some(dev) = &dev {
            workers.extend(dev.forwarding(base, listeners.attempts)?);
        }
        Ok(Self {
            workers,
            store,
            publishing,
        })
    }

    /// Delivers, once the log is ready, until the process is asked to end, and drains.
    pub(super) fn spawn(self, base: &mut Base) {
        let canaries = base.loaded.config.event_log.canary_interval();
        let tables = self.store.as_ref().map(|store| Arc::clone(&store.tables));
        if let Some(tables) = &tables {
            base.checks.push(("store".to_owned(), store::check(tables)));
        }
        for (sink, worker) in &self.workers {
            base.checks.push((format!("sink {}", sink.name()), sink_check(sink)));
            let check = worker_check(worker.status(), canaries);
            base.checks.push((format!("worker {}", sink.name()), check));
        }
        if !self.workers.is_empty() {
            let sinks: Vec<&str> = self.workers.iter().map(|(sink, _)| sink.name().as_str()).collect();
            info!(
                version = lifetime::VERSION,
                sinks = sinks.join(", "),
                "delivering events"
            );
            // The writer of attempts ends after the workers, so that what they note last is written; also if they end by a bug.
            let delivered = CancellationToken::new();
            if let Some(Store { writer, tables, .. }) = self.store {
                base.tasks.spawn(store::write(writer, tables, delivered.clone()));
            }
            let delivering = deliver(self.workers, tables, base.log_ready.clone(), base.shutdown.clone());
            base.tasks.spawn(async move {
                let _ended = delivered.drop_guard();
                delivering.await
            });
            let patience = Duration::from_millis(base.loaded.config.processor.drain_ms);
            let publishing = self.publishing.run(base.shutdown.clone(), patience);
            base.tasks.spawn(async move {
                publishing.await;
                Ok(())
            });
        }
    }
}
