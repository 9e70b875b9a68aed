//! The event log on Apache Kafka, through librdkafka.
//!
//! The modules, in the order in which a record passes them:
//!
//! * `config`: the settings; the options on which safety depends are set after the operator's own
//! * `properties`: what is wrong with the operator's own options
//! * `producer`, `producers`: publishing, bounded in time and memory; a broken producer is replaced
//! * `health`: the results of the last appends to a topic, for readiness
//! * `cluster`, `topics`, `describe`: questions to the cluster; creating and checking topics, and their ids
//! * `consumer`, `poll`: a subscription has its own thread, which polls librdkafka all the time
//! * `membership`: what its threads, callbacks and readers share
//! * `rebalance`: the rebalance callback; drains and commits before partitions go
//! * `commits`: makes stored progress durable
//! * `assignment`, `reader`: one assigned partition, its queue, its position, its progress
//! * `holes`: whether a jump in the offsets is in the log itself
//! * `offsets`, `progress`: what is committed and what the log holds, for readers and for operators
//! * `convert`, `client`: conversion of messages to records; logs, lost connections and refused credentials
//!
//! Blocking calls of librdkafka run on the thread of the subscription or on the runtime's threads for blocking calls,
//! never on those that run futures.

mod assignment;
mod brokers;
mod client;
mod cluster;
mod commits;
mod config;
mod consumer;
mod convert;
mod describe;
mod difference;
mod fixed;
mod health;
mod holes;
mod membership;
mod metrics;
mod offsets;
mod poll;
mod producer;
mod producers;
mod progress;
mod properties;
mod reader;
mod rebalance;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use schemas::BoxFuture;
use schemas::log::{
    Administer, Consumer, LogError, PartitionState, Publish, PublishError, Subscribe, Subscription, TopicSpec,
    TopicState,
};
use schemas::name::{GroupName, TopicName};
use schemas::record::{Partition, PartitionProgress, Position, Record};

pub use config::Config;
pub use metrics::Metrics;
use producer::Publisher;

/// The event log on Kafka. Call [`flush`](Publish::flush) before dropping it: what is not acknowledged yet is dropped
/// with it, and the drop itself may block for half a second.
#[derive(Debug)]
pub struct KafkaLog {
    publisher: Arc<Publisher>,
}

impl KafkaLog {
    /// Checks the settings and makes the producer. Does not wait for a broker: [`ready`](Publish::ready) and
    /// [`check_topics`](Administer::check_topics) return whether one can be reached and accepts our credentials.
    ///
    /// # Errors
    /// [`LogError::Misconfigured`] names the key or the property that cannot work; values are never shown.
    pub fn connect(config: Config) -> Result<Self, LogError> {
        let checked = config.check();
        checked.map_err(|found| LogError::of_settings("event_log.kafka", found))?;
        let publisher = Arc::new(Publisher::new(config)?);
        Ok(Self { publisher })
    }

    /// The same for one who publishes nothing, as who reads or administers: it needs no right to write.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_to_read(config: Config) -> Result<Self, LogError> {
        Self::connect(Config {
            reads_only: true,
            ..config
        })
    }

    /// The log's metrics.
    pub fn metrics(&self) -> &Metrics {
        self.publisher.metrics()
    }

    /// Runs `work`, which blocks, on the runtime's threads for blocking calls.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Publisher>) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let publisher = Arc::clone(&self.publisher);
        let done = tokio::task::spawn_blocking(move || work(&publisher)).await;
        done.unwrap_or_else(|_| Err(LogError::Unavailable("the runtime is shutting down".to_owned())))
    }
}

impl Publish for KafkaLog {
    fn publish<'a>(&'a self, topic: &'a TopicName, record: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(self.publisher.publish(topic, None, record))
    }

    fn publish_to<'a>(
        &'a self,
        partition: &'a Partition,
        record: Record,
    ) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(self.publisher.publish(&partition.topic, Some(partition.index), record))
    }

    fn ready<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        let topic = topic.clone();
        Box::pin(self.blocking(move |publisher| publisher.ready(&topic)))
    }

    fn answers<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        let topic = topic.clone();
        Box::pin(self.blocking(move |publisher| publisher.answers(&topic)))
    }

    fn flush(&self, grace: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(self.blocking(move |publisher| publisher.flush(grace)))
    }
}

impl Subscribe for KafkaLog {
    fn subscribe(&self, subscription: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, LogError>> {
        Box::pin(self.blocking(move |publisher| {
            let consumer = consumer::subscribe(publisher, subscription)?;
            Ok(Box::new(consumer) as Box<dyn Consumer>)
        }))
    }
}

impl Administer for KafkaLog {
    fn ensure_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>> {
        let specs = topics.to_vec();
        Box::pin(self.blocking(move |publisher| publisher.check_topics(&specs, true)))
    }

    fn check_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>> {
        let specs = topics.to_vec();
        Box::pin(self.blocking(move |publisher| publisher.check_topics(&specs, false)))
    }

    fn compare_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<Vec<TopicState>, LogError>> {
        let specs = topics.to_vec();
        Box::pin(self.blocking(move |publisher| topics::compare(publisher.cluster(), &specs)))
    }

    fn progress<'a>(
        &'a self,
        group: &'a GroupName,
        topic: &'a TopicName,
    ) -> BoxFuture<'a, Result<Vec<PartitionState>, LogError>> {
        let (group, topic) = (group.clone(), topic.clone());
        Box::pin(self.blocking(move |publisher| progress::read(publisher.cluster(), &group, &topic)))
    }

    fn set_progress<'a>(
        &'a self,
        group: &'a GroupName,
        progress: &'a [PartitionProgress],
    ) -> BoxFuture<'a, Result<(), LogError>> {
        let (group, progress) = (group.clone(), progress.to_vec());
        Box::pin(self.blocking(move |publisher| progress::set(publisher.cluster(), &group, &progress)))
    }
}
