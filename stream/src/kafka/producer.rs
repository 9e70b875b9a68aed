//! Publishing: one librdkafka producer for all topics, replaced by a new one when its idempotence broke for good.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use schemas::log::{LogError, PublishError};
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, Position, Record};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::client::{self, Connection};
use super::config::Config;
use super::convert;
use super::properties::creation_error;
use super::topics::MISSING_HELP;

/// How long a publish waits for room in a full queue: short, because those who wait hold memory as well.
const QUEUE_FULL_PATIENCE: Duration = Duration::from_millis(200);
const QUEUE_FULL_STEP: Duration = Duration::from_millis(5);

/// What to ask about when no topic of ours is known yet. That a broker answers is enough, it need not be there; to ask
/// about none would list all topics of the cluster.
const ANY_TOPIC: &str = "__consumer_offsets";

/// The partition and offset of a record, or why it has none.
type Acknowledgement = Result<(i32, i64), Code>;

pub(super) type Producer = ThreadedProducer<Events>;

/// Publishes, and knows how the producer fares.
pub(super) struct Publisher {
    config: Config,
    current: RwLock<Arc<Producer>>,
    rebuilding: AtomicBool,
    connection: Arc<Connection>,
    /// Per topic, the largest record, as told by the specification of the topic.
    limits: RwLock<HashMap<TopicName, u32>>,
}

impl Publisher {
    pub(super) fn new(config: &Config) -> Result<Self, LogError> {
        let connection = Arc::new(Connection::new(&config.brokers, "producer", Duration::ZERO));
        Ok(Self {
            current: RwLock::new(Arc::new(create(config, &connection)?)),
            config: config.clone(),
            rebuilding: AtomicBool::new(false),
            connection,
            limits: RwLock::default(),
        })
    }

    /// See [`schemas::log::EventLog::publish`].
    pub(super) async fn publish(self: &Arc<Self>, topic: &TopicName, record: Record) -> Result<Position, PublishError> {
        let limit = self.limit(topic);
        if record.size_bytes() > limit {
            return Err(PublishError::TooLarge {
                size_bytes: record.size_bytes(),
                limit_bytes: limit,
            });
        }
        let deadline = Instant::now() + self.config.publish_timeout();
        let acknowledged = self.enqueue(topic, &record, deadline).await?;
        match tokio::time::timeout_at(deadline, acknowledged).await {
            Ok(Ok(Ok((partition, offset)))) => Ok(Position {
                partition: Partition {
                    topic: topic.clone(),
                    index: partition,
                },
                offset: Offset(offset),
            }),
            Ok(Ok(Err(code))) => Err(self.refused(topic, &record, code)),
            Ok(Err(_)) => Err(unavailable(topic, "the producer was closed before the acknowledgement")),
            Err(_) => Err(self.unanswered(topic)),
        }
    }

    /// Hands the record to librdkafka at once if there is room, so that records of one key stay in order.
    async fn enqueue(
        self: &Arc<Self>,
        topic: &TopicName,
        record: &Record,
        deadline: Instant,
    ) -> Result<oneshot::Receiver<Acknowledgement>, PublishError> {
        let patience = deadline.min(Instant::now() + QUEUE_FULL_PATIENCE);
        loop {
            let (sender, receiver) = oneshot::channel();
            let base = BaseRecord::with_opaque_to(topic.as_str(), Box::new(sender))
                .key(&record.key[..])
                .payload(&record.value[..])
                .headers(convert::headers(record));
            let error = match self.current().send(base) {
                Ok(()) => return Ok(receiver),
                Err((error, _)) => error,
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
                let reason = format!("it is missing on kafka at `{}`: {MISSING_HELP}", self.config.brokers);
                unavailable(topic, &reason)
            }
            Code::TopicAuthorizationFailed => {
                unavailable(topic, &format!("{code}; the ACLs of this user need Write on it"))
            }
            _ => {
                self.rebuild_if_broken();
                if code == Code::MessageTimedOut {
                    self.unanswered(topic)
                } else {
                    unavailable(topic, &code.to_string())
                }
            }
        }
    }

    /// librdkafka takes a topic for missing only after half a minute of looking (`topic.metadata.propagation.max.ms`):
    /// until then a missing one looks like one that is slow.
    fn unanswered(&self, topic: &TopicName) -> PublishError {
        let cause = match self.connection.last() {
            Some(last) => format!(": {last}"),
            None if self.is_known(topic) => String::new(),
            None => format!("; if the topic is missing: {MISSING_HELP}"),
        };
        let (brokers, waited) = (&self.config.brokers, self.config.publish_timeout_ms);
        unavailable(
            topic,
            &format!("no acknowledgement from `{brokers}` within {waited} ms{cause}"),
        )
    }

    /// Whether records would be taken now, by what is known and a look at the metadata.
    pub(super) fn ready(self: &Arc<Self>) -> Result<(), LogError> {
        if self.rebuild_if_broken() {
            return Err(LogError::Unavailable("the producer is being replaced".to_owned()));
        }
        let topic = {
            let limits = self.limits.read().unwrap_or_else(PoisonError::into_inner);
            limits.keys().next().cloned()
        };
        let topic = topic.as_ref().map_or(ANY_TOPIC, TopicName::as_str);
        let producer = self.current();
        let metadata = producer.client().fetch_metadata(Some(topic), Duration::from_secs(1));
        match metadata {
            Ok(_) => {
                self.connection.reached();
                Ok(())
            }
            Err(error) => Err(self.connection.failure("no metadata", &error)),
        }
    }

    /// Blocks until everything enqueued is settled.
    pub(super) fn flush(&self, grace: Duration) -> Result<(), LogError> {
        let producer = self.current();
        producer.flush(grace).map_err(|_| {
            let left = producer.in_flight_count();
            LogError::Unavailable(format!(
                "{left} records were not acknowledged within {} ms",
                grace.as_millis()
            ))
        })
    }

    /// Remembers the limit of a topic.
    pub(super) fn set_limit(&self, topic: &TopicName, max_record_bytes: u32) {
        let limit = max_record_bytes.min(self.config.max_record_bytes);
        self.limits
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(topic.clone(), limit);
    }

    /// Whether the topic was there when topics were checked.
    fn is_known(&self, topic: &TopicName) -> bool {
        let limits = self.limits.read().unwrap_or_else(PoisonError::into_inner);
        limits.contains_key(topic)
    }

    fn limit(&self, topic: &TopicName) -> usize {
        let limits = self.limits.read().unwrap_or_else(PoisonError::into_inner);
        let limit = limits.get(topic).copied().unwrap_or(self.config.max_record_bytes);
        usize::try_from(limit).unwrap_or(usize::MAX)
    }

    /// The producer of now, also for questions about metadata: it is polled all the time and so hears of refusals.
    pub(super) fn current(&self) -> Arc<Producer> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// A fatal error (librdkafka's word: the idempotence of this instance cannot be kept up) leaves a producer useless.
    /// Returns whether that is so; a new one is made in the background.
    fn rebuild_if_broken(self: &Arc<Self>) -> bool {
        let Some((code, reason)) = self.current().client().fatal_error() else {
            return false;
        };
        if !self.rebuilding.swap(true, Ordering::AcqRel) {
            tracing::error!(error = %reason, code = %code, "the kafka producer is broken, a new one is made");
            let publisher = Arc::clone(self);
            // Creating and dropping both block, the latter up to half a second.
            tokio::task::spawn_blocking(move || {
                match create(&publisher.config, &publisher.connection) {
                    Ok(producer) => {
                        let mut current = publisher.current.write().unwrap_or_else(PoisonError::into_inner);
                        let broken = std::mem::replace(&mut *current, Arc::new(producer));
                        drop(current);
                        drop(broken);
                    }
                    Err(error) => tracing::error!(%error, "no new kafka producer"),
                }
                publisher.rebuilding.store(false, Ordering::Release);
            });
        }
        true
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("brokers", &self.config.brokers)
            .finish_non_exhaustive()
    }
}

fn create(config: &Config, connection: &Arc<Connection>) -> Result<Producer, LogError> {
    let events = Events {
        connection: Arc::clone(connection),
    };
    config
        .producer()?
        .create_with_context(events)
        .map_err(|e| creation_error("producer", &e))
}

fn unavailable(topic: &TopicName, reason: &str) -> PublishError {
    PublishError::Unavailable {
        reason: format!("topic `{topic}`: {reason}"),
    }
}

/// What librdkafka calls us for.
pub(super) struct Events {
    connection: Arc<Connection>,
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.error(&error, reason);
    }
}

impl ProducerContext for Events {
    type DeliveryOpaque = Box<oneshot::Sender<Acknowledgement>>;

    fn delivery(&self, result: &DeliveryResult<'_>, waiting: Self::DeliveryOpaque) {
        let acknowledgement = match result {
            Ok(message) => {
                self.connection.reached();
                Ok((message.partition(), message.offset()))
            }
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(Code::Fail)),
        };
        // Whoever gave up waiting has dropped the other end.
        waiting.send(acknowledgement).ok();
    }
}
