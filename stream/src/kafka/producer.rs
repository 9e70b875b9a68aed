//! Publishes: hands a record over, awaits its acknowledgement, and keeps the result for readiness.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rdkafka::error::RDKafkaErrorCode as Code;
use schemas::log::{LogError, PublishError, TopicSpec};
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, Position, Record};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use super::cluster::Cluster;
use super::config::Config;
use super::health::{Health, Recent};
use super::metrics::Metrics;
use super::offsets;
use super::producers::Acknowledgement;
use super::topics::{self, MISSING_HELP, Shape};

/// How long a publish waits for room in a full queue: short, because those who wait hold memory as well.
const QUEUE_FULL_PATIENCE: Duration = Duration::from_millis(200);
const QUEUE_FULL_STEP: Duration = Duration::from_millis(5);
/// How long one answer is waited for, for readiness.
const QUESTION: Duration = Duration::from_secs(1);

/// Publishes records, and tracks whether the producer works.
pub(super) struct Publisher {
    cluster: Cluster,
    /// The largest record per topic, from the topic's specification.
    limits: RwLock<HashMap<TopicName, u32>>,
    health: Health,
    metrics: Metrics,
    /// The right to ask where a partition begins.
    beginnings: Arc<Semaphore>,
}

/// How many partitions are asked for at once where they begin. All questions of a process to a broker share one connection, with
/// five of them under way: of many at once, over a slow link, those that wait longest time out, are asked again, and then no one
/// gets an answer in time any more.
const BEGINNINGS: usize = 3;

impl Publisher {
    pub(super) fn new(config: Config) -> Result<Self, LogError> {
        let metrics = Metrics::default();
        metrics.queue_limit.set(u64::from(config.queue_max_bytes));
        Ok(Self {
            cluster: Cluster::new(config, metrics.queue.clone())?,
            limits: RwLock::default(),
            health: Health::default(),
            metrics,
            beginnings: Arc::new(Semaphore::new(BEGINNINGS)),
        })
    }

    /// The cluster, for questions about topics and offsets.
    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The right to ask where a partition begins.
    pub(super) fn beginnings(&self) -> &Arc<Semaphore> {
        &self.beginnings
    }

    pub(super) fn config(&self) -> &Config {
        self.cluster.config()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Appends to the partition of the record's key, or to `partition`; see [`schemas::log::Publish::publish`].
    pub(super) async fn publish(
        self: &Arc<Self>,
        topic: &TopicName,
        partition: Option<i32>,
        record: Record,
    ) -> Result<Position, PublishError> {
        let limit = self.limit(topic);
        if record.size_bytes() > limit {
            return Err(PublishError::TooLarge {
                size_bytes: record.size_bytes(),
                limit_bytes: limit,
            });
        }
        let published = self.publish_within(topic, partition, &record).await;
        match &published {
            Ok(_) => self.health.confirmed(topic),
            Err(PublishError::Unavailable { reason }) => self.health.failed(topic, reason),
            Err(PublishError::TooLarge { .. }) => {}
        }
        published
    }

    async fn publish_within(
        self: &Arc<Self>,
        topic: &TopicName,
        partition: Option<i32>,
        record: &Record,
    ) -> Result<Position, PublishError> {
        let deadline = Instant::now() + self.config().publish_timeout();
        let acknowledged = self.enqueue(topic, partition, record, deadline).await?;
        match tokio::time::timeout_at(deadline, acknowledged).await {
            Ok(Ok(Ok((partition, offset)))) => Ok(Position {
                partition: Partition {
                    topic: topic.clone(),
                    index: partition,
                },
                offset: Offset(offset),
            }),
            Ok(Ok(Err(code))) => Err(self.refused(topic, record, code)),
            Ok(Err(_)) => Err(unavailable(topic, "the producer was closed before the acknowledgement")),
            Err(_) => Err(self.unanswered(topic)),
        }
    }

    /// Hands the record to librdkafka at once if there is room, so that records of one key stay in order.
    async fn enqueue(
        self: &Arc<Self>,
        topic: &TopicName,
        partition: Option<i32>,
        record: &Record,
        deadline: Instant,
    ) -> Result<oneshot::Receiver<Acknowledgement>, PublishError> {
        let patience = deadline.min(Instant::now() + QUEUE_FULL_PATIENCE);
        loop {
            let error = match self.cluster.producers().send(topic, partition, record) {
                Ok(acknowledged) => return Ok(acknowledged),
                Err(error) => error,
            };
            match error.rdkafka_error_code() {
                Some(Code::QueueFull) if Instant::now() < patience => tokio::time::sleep(QUEUE_FULL_STEP).await,
                Some(code) => return Err(self.refused(topic, record, code)),
                None => return Err(unavailable(topic, &error.to_string())),
            }
        }
    }

    fn refused(self: &Arc<Self>, topic: &TopicName, record: &Record, code: Code) -> PublishError {
        match code {
            Code::MessageSizeTooLarge => PublishError::TooLarge {
                size_bytes: record.size_bytes(),
                limit_bytes: self.limit(topic),
            },
            Code::QueueFull => unavailable(topic, "too many records wait for their acknowledgement"),
            Code::UnknownTopic | Code::UnknownTopicOrPartition => {
                let reason = format!("it is missing on kafka at `{}`: {MISSING_HELP}", self.config().brokers);
                unavailable(topic, &reason)
            }
            Code::TopicAuthorizationFailed => {
                unavailable(topic, &format!("{code}; the ACLs of this user need Write on it"))
            }
            _ => {
                self.cluster.producers().rebuild_if_broken();
                if code == Code::MessageTimedOut {
                    self.unanswered(topic)
                } else {
                    unavailable(topic, &code.to_string())
                }
            }
        }
    }

    /// The error for an acknowledgement that did not come. librdkafka reports a topic as missing only after half a
    /// minute (`topic.metadata.propagation.max.ms`): until then a missing topic looks like a slow one.
    fn unanswered(&self, topic: &TopicName) -> PublishError {
        let cause = match self.cluster.connection().last() {
            Some(last) => format!(": {last}"),
            None if self.is_known(topic) => String::new(),
            None => format!("; if the topic is missing: {MISSING_HELP}"),
        };
        let (brokers, waited) = (&self.config().brokers, self.config().publish_timeout_ms);
        unavailable(
            topic,
            &format!("no acknowledgement from `{brokers}` within {waited} ms{cause}"),
        )
    }

    /// Checks whether `topic` accepts records now, by the results of the last appends; if none was tried recently, by
    /// asking the cluster, down to the leader of a partition. Blocks.
    pub(super) fn ready(self: &Arc<Self>, topic: &TopicName) -> Result<(), LogError> {
        self.healthy(topic, || {
            let found = offsets::described_within(&self.cluster, topic, QUESTION)?;
            if found.as_ref().is_some_and(|(_, description)| !description.may_write) {
                return Err(LogError::Misconfigured(offsets::topic_forbidden(topic, "Write")));
            }
            Ok(found.map(|(shape, _)| shape))
        })
    }

    /// The same of a topic that we need not write to. Blocks.
    pub(super) fn answers(self: &Arc<Self>, topic: &TopicName) -> Result<(), LogError> {
        self.healthy(topic, || topics::shape(&self.cluster, topic.as_str(), QUESTION))
    }

    /// `look` returns what the topic is, if it exists, and fails where that is not enough.
    fn healthy(
        self: &Arc<Self>,
        topic: &TopicName,
        look: impl FnOnce() -> Result<Option<Shape>, LogError>,
    ) -> Result<(), LogError> {
        if self.cluster.producers().rebuild_if_broken() {
            return Err(LogError::Unavailable("the producer is being replaced".to_owned()));
        }
        match self.health.of(topic) {
            Recent::Confirmed => Ok(()),
            Recent::Failing(reason) => Err(LogError::Unavailable(reason)),
            Recent::Unknown { partition } => {
                let Some(shape) = look()? else {
                    return Err(LogError::Unavailable(topics::missing(&self.cluster, topic)));
                };
                if let Some(why) = shape.refuses_records() {
                    return Err(LogError::Unavailable(format!("topic `{topic}`: {why}")));
                }
                let index = i32::try_from(partition).unwrap_or(0) % shape.partitions.max(1);
                let asked = offsets::ask_leader(&self.cluster, topic, index, QUESTION);
                asked.map(drop).map_err(|error| {
                    let what = format!("no answer from the leader of {topic}[{index}]");
                    self.cluster.connection().failure(&what, &error)
                })
            }
        }
    }

    /// Blocks until everything enqueued is settled.
    pub(super) fn flush(&self, grace: Duration) -> Result<(), LogError> {
        let left = self.cluster.producers().flush(grace);
        if left == 0 {
            return Ok(());
        }
        Err(LogError::Unavailable(format!(
            "{left} records were not acknowledged within {} ms",
            grace.as_millis()
        )))
    }

    /// Checks that all `topics` exist as specified, and remembers their limits; creates the missing ones if `make`. Blocks.
    pub(super) fn check_topics(&self, topics: &[TopicSpec], make: bool) -> Result<(), LogError> {
        let problems = topics::check(&self.cluster, topics, make)?;
        for spec in topics {
            let limit = spec.max_record_bytes.min(self.config().max_record_bytes);
            self.limits.write().insert(spec.name.clone(), limit);
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(LogError::Misconfigured(problems.join("; ")))
        }
    }

    /// Whether the topic existed when topics were checked.
    fn is_known(&self, topic: &TopicName) -> bool {
        let limits = self.limits.read();
        limits.contains_key(topic)
    }

    fn limit(&self, topic: &TopicName) -> usize {
        let limits = self.limits.read();
        let limit = limits.get(topic).copied().unwrap_or(self.config().max_record_bytes);
        usize::try_from(limit).unwrap_or(usize::MAX)
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("brokers", &self.config().brokers)
            .finish_non_exhaustive()
    }
}

fn unavailable(topic: &TopicName, reason: &str) -> PublishError {
    PublishError::Unavailable {
        reason: format!("topic `{topic}`: {reason}"),
    }
}
