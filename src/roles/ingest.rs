//! The role that receives webhooks and publishes events, and sends the canaries.

use std::sync::Arc;

use schemas::log::Publish;
use schemas::setting::within;
use schemas::source::SourceDirectory;
use tokio::net::TcpListener;
use tracing::warn;

use super::Base;
use crate::assemble;

/// Serves `port` until the process is asked to end, and drains.
pub(super) fn spawn(base: &mut Base, port: TcpListener) -> anyhow::Result<()> {
    for source in assemble::open_sources(&base.registry) {
        warn!(
            source,
            "this source has `scheme: none`: whoever knows its URL can send to it"
        );
    }
    let config = &base.loaded.config;
    let service = ingest::Ingest::new(
        config.ingest.clone(),
        Arc::clone(&base.registry) as Arc<dyn SourceDirectory>,
        Arc::clone(&base.log) as Arc<dyn Publish>,
        base.topics.events.clone(),
        &mut base.metrics,
    )
    .map_err(|found| base.loaded.refuse(within("ingest", found)))?;

    let (log, events) = (Arc::clone(&base.log), base.topics.events.clone());
    let (partitions, interval) = (config.event_log.partitions, config.event_log.canary_interval());
    let shutdown = base.shutdown.clone();
    base.tasks.spawn(async move {
        ingest::send_canaries(log, events, partitions, interval, shutdown).await;
        Ok(())
    });

    let shutdown = base.shutdown.clone();
    base.tasks.spawn(async move {
        let drained = ingest::serve(service, port, shutdown).await;
        if drained.webhooks_unfinished + drained.connections_cut_off > 0 {
            warn!(
                ?drained,
                "the drain of ingest ran out of time; nothing unfinished was answered 2xx"
            );
        }
        Ok(())
    });
    Ok(())
}
