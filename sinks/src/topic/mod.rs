//! The sink `topic`: a rule that says `topic:vip-tickets` gets the record, as it is, into that topic of the event log.
//!
//! Order by key is kept: of one key and target, a record is published only when the one before it is durable; different
//! keys go at the same time. After a failure the rest of the key is put off. What is delivered twice is published
//! twice, with the same id.

use std::sync::Arc;

use schemas::BoxFuture;
use schemas::event::Event;
use schemas::log::{Publish, PublishError};
use schemas::name::{SinkName, TopicName};
use schemas::setting::Invalid;
use schemas::sink::{Batch, Delivery, Handling, Outcome, Sink, Target, Unavailable};
use serde::Deserialize;

use crate::order;

/// The section `topic` of the configuration. It has no settings: the rules name the topics.
#[derive(Debug, Clone, Copy, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// Publishes records to topics that rules name.
#[derive(Debug)]
pub struct TopicSink {
    name: SinkName,
    log: Arc<dyn Publish>,
    own_topics: Vec<TopicName>,
}

impl TopicSink {
    /// `own_topics` are those that Forebay reads or writes itself (events, dead letters): a rule that sent events there
    /// would send them round in circles, so they are refused.
    pub fn new(_config: Config, name: SinkName, log: Arc<dyn Publish>, own_topics: Vec<TopicName>) -> Self {
        Self { name, log, own_topics }
    }

    async fn publish(&self, delivery: &Delivery) -> Outcome {
        let argument = match &delivery.target {
            Target::Named(topic) => Some(topic.as_str()),
            Target::Only => None,
        };
        let topic = match named(&self.name, &self.own_topics, argument) {
            Ok(topic) => topic,
            Err(reason) => return Outcome::Rejected { reason },
        };
        match self.log.publish(&topic, delivery.record.record.clone()).await {
            Ok(_) => Outcome::Delivered,
            Err(error @ PublishError::TooLarge { .. }) => Outcome::Rejected {
                reason: format!("topic `{topic}`: {error}"),
            },
            // The reason of the log names the topic.
            Err(PublishError::Unavailable { reason }) => Outcome::Retry { after: None, reason },
        }
    }
}

/// Whether a rule may send to `sink` with this argument: it names a topic, and none of `own_topics`.
pub fn check_argument(sink: &SinkName, own_topics: &[TopicName], argument: Option<&str>) -> Result<(), Invalid> {
    let named = named(sink, own_topics, argument);
    named.map(drop).map_err(|reason| Invalid::new("", reason))
}

fn named(sink: &SinkName, own_topics: &[TopicName], argument: Option<&str>) -> Result<TopicName, String> {
    let argument = argument.ok_or_else(|| format!("the sink `{sink}` needs a topic after a colon: `{sink}:NAME`"))?;
    let topic = TopicName::new(argument.to_owned()).map_err(|e| e.to_string())?;
    if own_topics.contains(&topic) {
        return Err(format!(
            "`{topic}` is a topic of Forebay itself, events would go round in circles: name another one"
        ));
    }
    Ok(topic)
}

impl Sink for TopicSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn targets(&self, _event: &Event, argument: Option<&str>) -> Vec<Target> {
        argument
            .map(|topic| Target::Named(topic.to_owned()))
            .into_iter()
            .collect()
    }

    fn delivers_apart(&self) -> bool {
        true
    }

    fn handling(&self, _: &Target) -> Option<Arc<Handling>> {
        Some(Arc::default())
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        Box::pin(async move {
            let outcomes = order::by_key(batch, |_| true, |delivery| self.publish(delivery)).await;
            // Nothing went through. Where the log is down, the deliveries are not to blame; where a topic is missing, they are.
            if outcomes
                .iter()
                .all(|o| matches!(o, Outcome::Retry { .. } | Outcome::Held))
            {
                self.ready().await?;
            }
            Ok(outcomes)
        })
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(async move {
            // Asked of a topic of our own, which exists if the log does: one that a rule names may be missing alone. The sink
            // never writes to it, and may have no right to.
            let Some(topic) = self.own_topics.first() else {
                return Ok(());
            };
            self.log.answers(topic).await.map_err(|error| Unavailable {
                sink: self.name.clone(),
                reason: error.to_string(),
            })
        })
    }
}
