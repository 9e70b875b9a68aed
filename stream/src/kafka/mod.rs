//! The event log on Apache Kafka, through librdkafka.
//!
//! What is where, in the order in which a record passes:
//!
//! * `config`: the settings; the options on which safety rests are set after the operator's own
//! * `properties`: what is wrong with the operator's own options
//! * `producer`: publishing, bounded in time and memory; a broken producer is replaced
//! * `topics`: making and checking topics
//! * `consumer`, `poll`: a subscription has a thread of its own that polls librdkafka all the time
//! * `membership`: the rebalance callback; drains and commits before partitions go
//! * `commits`: makes stored progress durable
//! * `slot`, `reader`: one assigned partition, its queue, its place, its progress
//! * `convert`, `client`: messages to records; logs, lost connections and refused credentials
//!
//! librdkafka's calls that block run on the thread of the subscription or on the runtime's threads for blocking calls,
//! never on those that run futures.

mod client;
mod commits;
mod config;
mod consumer;
mod convert;
mod membership;
mod poll;
mod producer;
mod properties;
mod reader;
mod slot;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use schemas::BoxFuture;
use schemas::log::{Consumer, EventLog, LogError, PublishError, Subscription, TopicSpec};
use schemas::name::TopicName;
use schemas::record::{Position, Record};

pub use config::Config;
use producer::Publisher;

/// The event log on Kafka. Call [`flush`](EventLog::flush) before dropping it: what is not acknowledged yet is dropped
/// with it, and the drop itself may block for half a second.
#[derive(Debug)]
pub struct KafkaLog {
    config: Arc<Config>,
    publisher: Arc<Publisher>,
}

impl KafkaLog {
    /// Checks the settings and makes the producer. Does not wait for a broker: whether one can be reached, and takes our
    /// credentials, is what [`ready`](EventLog::ready) and [`check_topics`](EventLog::check_topics) tell.
    ///
    /// # Errors
    /// [`LogError::Misconfigured`] names the key or the property that cannot work; values are never shown.
    pub fn connect(config: Config) -> Result<Self, LogError> {
        config.check()?;
        let publisher = Arc::new(Publisher::new(&config)?);
        Ok(Self {
            config: Arc::new(config),
            publisher,
        })
    }

    /// Runs `work`, which blocks, beside the futures.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Config, &Arc<Publisher>) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let (config, publisher) = (Arc::clone(&self.config), Arc::clone(&self.publisher));
        let done = tokio::task::spawn_blocking(move || work(&config, &publisher)).await;
        done.unwrap_or_else(|_| Err(LogError::Unavailable("the runtime is shutting down".to_owned())))
    }
}

impl EventLog for KafkaLog {
    fn publish<'a>(&'a self, topic: &'a TopicName, record: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(self.publisher.publish(topic, record))
    }

    fn subscribe(&self, subscription: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, LogError>> {
        Box::pin(self.blocking(move |config, publisher| {
            let topic = subscription.topic.clone();
            let Some(shape) = topics::shape(publisher, topic.as_str(), config.request_timeout())? else {
                return Err(LogError::Misconfigured(format!(
                    "topic `{topic}` is missing on kafka at `{}`: {}",
                    config.brokers,
                    topics::MISSING_HELP
                )));
            };
            let consumer = consumer::subscribe(config, subscription, shape.partitions)?;
            Ok(Box::new(consumer) as Box<dyn Consumer>)
        }))
    }

    fn ensure_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>> {
        let specs = topics.to_vec();
        Box::pin(self.blocking(move |config, publisher| topics::check(config, publisher, &specs, true)))
    }

    fn check_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>> {
        let specs = topics.to_vec();
        Box::pin(self.blocking(move |config, publisher| topics::check(config, publisher, &specs, false)))
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(self.blocking(|_, publisher| publisher.ready()))
    }

    fn flush(&self, grace: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(self.blocking(move |_, publisher| publisher.flush(grace)))
    }
}
