//! Direct requests of the cases to the brokers: the leaders of a topic, delete a topic or a group.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::MetadataTopic;

pub(crate) use crate::records::records;

const PATIENCE: Duration = Duration::from_secs(20);

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "faults-looks");
    config
}

/// Returns for each broker its id and how many partitions it leads.
pub(crate) fn leaders(brokers: &str, topic: &str) -> Vec<(i32, usize)> {
    let consumer: BaseConsumer = client(brokers).create().expect("a consumer");
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("metadata");
    let mut counts = std::collections::BTreeMap::new();
    for partition in metadata
        .topics()
        .first()
        .map(MetadataTopic::partitions)
        .unwrap_or_default()
    {
        *counts.entry(partition.leader()).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    client(brokers).create().expect("an admin client")
}

/// Deletes a topic. It is gone when this returns.
pub(crate) async fn delete_topic(brokers: &str, topic: &str) {
    let deleted = admin(brokers)
        .delete_topics(&[topic], &AdminOptions::new())
        .await
        .expect("an answer");
    deleted[0].as_ref().expect("deleted");
    harness::eventually("the topic is gone", PATIENCE, async || {
        tokio::task::block_in_place(|| records(brokers, topic))
            .is_none()
            .then_some(())
    })
    .await;
}

/// Deletes groups that have no members any more.
pub(crate) async fn delete_groups(brokers: &str, groups: &[String]) {
    let admin = admin(brokers);
    for group in groups {
        // A member that has just left still counts for a moment.
        harness::eventually("the group is gone", PATIENCE, async || {
            let deleted = admin.delete_groups(&[group], &AdminOptions::new()).await;
            deleted.is_ok_and(|groups| groups[0].is_ok()).then_some(())
        })
        .await;
    }
}
