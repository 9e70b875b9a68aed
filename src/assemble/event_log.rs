//! The event log: Kafka or the journal, as the configuration says.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use prometheus_client::registry::Registry as Metrics;
use schemas::log::EventLog;

use crate::config::{ConfigError, EventLogConfig};

/// The event log that the configuration names; it was checked to name at most one.
pub(crate) async fn event_log(config: &EventLogConfig, metrics: &mut Metrics) -> anyhow::Result<Arc<dyn EventLog>> {
    if let Some(kafka) = config.kafka() {
        let log = stream::kafka::KafkaLog::connect(kafka);
        let log = log.map_err(|e| ConfigError(format!("`event_log.kafka`: {e}")))?;
        log.metrics().register(metrics);
        return Ok(Arc::new(log));
    }
    if let Some(journal) = &config.journal {
        let journal = stream::journal::Journal::open(journal)
            .await
            .context("`event_log.journal`")?;
        journal.metrics().register(metrics);
        return Ok(Arc::new(journal));
    }
    bail!(ConfigError(
        "`event_log` names no log: give `event_log.kafka.brokers`, or use `forebay dev`, which brings a journal".into()
    ))
}

/// The same, for one who makes topics and sets progress, or asks for them: Kafka may give no right to write.
pub(crate) async fn event_log_to_administer(config: &EventLogConfig) -> anyhow::Result<Arc<dyn EventLog>> {
    if config.kafka.is_some() {
        event_log_to_read(config).await
    } else {
        event_log(config, &mut Metrics::default()).await
    }
}

/// The same, for one who only reads: the process that writes the journal may be running, and Kafka may give no right to write.
pub(crate) async fn event_log_to_read(config: &EventLogConfig) -> anyhow::Result<Arc<dyn EventLog>> {
    if let Some(kafka) = config.kafka() {
        let log = stream::kafka::KafkaLog::connect_to_read(kafka);
        return Ok(Arc::new(
            log.map_err(|e| ConfigError(format!("`event_log.kafka`: {e}")))?,
        ));
    }
    match &config.journal {
        Some(journal) => Ok(Arc::new(
            stream::journal::Journal::open_read_only(&journal.path)
                .await
                .context("journal")?,
        )),
        None => event_log(config, &mut Metrics::default()).await,
    }
}
