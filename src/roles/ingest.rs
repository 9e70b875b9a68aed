//! The role that receives webhooks and publishes events, and sends the canaries.

use std::net::SocketAddr;
use std::sync::Arc;

use schemas::log::Publish;
use schemas::setting::within;
use schemas::source::SourceDirectory;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::{Base, event_log, lifetime};
use crate::assemble;

/// The service, built.
pub(super) struct Ingest {
    service: Arc<ingest::Ingest>,
}

/// The service and its port.
pub(super) struct Bound {
    service: Arc<ingest::Ingest>,
    port: TcpListener,
}

impl Ingest {
    /// Builds the service out of the settings under `ingest` and the sources.
    pub(super) fn build(base: &mut Base) -> anyhow::Result<Self> {
        let ready = event_log::check(&base.log, &base.topics.events);
        base.checks.push(("event log".to_owned(), ready));
        let service = ingest::Ingest::new(
            base.loaded.config.ingest.clone(),
            Arc::clone(&base.registry) as Arc<dyn SourceDirectory>,
            Arc::clone(&base.log) as Arc<dyn Publish>,
            base.topics.events.clone(),
            &mut base.metrics,
        )
        .map_err(|found| base.loaded.refuse(&within("ingest", found)))?;
        if let Some(dev) = &base.dev {
            service.watch(dev.lines());
        }
        Ok(Self { service })
    }

    /// Binds `ingest.listen`, and logs the address.
    pub(super) async fn bind(self, base: &Base) -> anyhow::Result<Bound> {
        let port = lifetime::bind(&base.loaded.config.ingest.listen, base.key("ingest.listen", "--listen")).await?;
        let sources = base.registry.sources().count();
        info!(address = %port.local_addr()?, version = lifetime::VERSION, sources, "receiving webhooks");
        for source in assemble::open_sources(&base.registry) {
            warn!(
                source,
                "this source has `scheme: none`: whoever knows its URL can send to it"
            );
        }
        Ok(Bound {
            service: self.service,
            port,
        })
    }
}

impl Bound {
    /// The address that is listened on.
    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.port.local_addr()
    }

    /// Serves until the process is asked to end, and drains.
    pub(super) fn spawn(self, base: &mut Base) {
        let event_log = &base.loaded.config.event_log;
        let (partitions, interval) = (event_log.partitions, event_log.canary_interval());
        let (log, events) = (Arc::clone(&base.log), base.topics.events.clone());
        let shutdown = base.shutdown.clone();
        base.tasks.spawn(async move {
            ingest::send_canaries(log, events, partitions, interval, shutdown).await;
            Ok(())
        });

        let (asked, service) = (base.ending.asked.clone(), Arc::clone(&self.service));
        // Ends with the process: it is always asked to end before its tasks are.
        tokio::spawn(async move {
            asked.cancelled().await;
            service.close_connections();
        });

        let shutdown = base.shutdown.clone();
        base.tasks.spawn(async move {
            let drained = ingest::serve(self.service, self.port, shutdown).await;
            if !drained.in_time || drained.connections_cut_off > 0 {
                warn!(
                    connections_cut_off = drained.connections_cut_off,
                    webhooks_unfinished = drained.webhooks_unfinished,
                    "the drain of ingest ran out of time; nothing unfinished was answered 2xx"
                );
            }
            Ok(())
        });
    }
}
