//! How many records a topic has, asked of the brokers directly.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

const PATIENCE: Duration = Duration::from_secs(20);

/// Returns how many records a topic has; `None` if it does not exist or does not answer.
pub(crate) fn records(brokers: &str, topic: &str) -> Option<u64> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "faults-looks");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).ok()?;
    let partitions = metadata.topics().first()?.partitions();
    if partitions.is_empty() {
        return None;
    }
    let mut records = 0;
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE).ok()?;
        records += u64::try_from(high - low).unwrap_or(0);
    }
    Some(records)
}
