//! Publishing: some librdkafka producers for all topics, each replaced by a new one when its idempotence broke for good.
//!
//! Some, because an idempotent producer has five requests under way per broker, and each request is of one partition: on a
//! link of 100 ms that is 50 requests a second, too few for twelve partitions. Records of one key always go by the same
//! producer, so their order is kept.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};
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
use super::health::{Health, Verdict};
use super::metrics::Metrics;
use super::offsets;
use super::properties::creation_error;
use super::topics::{self, MISSING_HELP};

/// How long a publish waits for room in a full queue: short, because those who wait hold memory as well.
const QUEUE_FULL_PATIENCE: Duration = Duration::from_millis(200);
const QUEUE_FULL_STEP: Duration = Duration::from_millis(5);

/// How many producers there are.
const LANES: usize = 3;

/// The partition and offset of a record, or why it has none.
type Acknowledgement = Result<(i32, i64), Code>;

pub(super) type Producer = ThreadedProducer<Events>;

/// Publishes, and knows how the producer fares.
pub(super) struct Publisher {
    config: Config,
    lanes: Vec<Lane>,
    connection: Arc<Connection>,
    /// Per topic, the largest record, as told by the specification of the topic.
    limits: RwLock<HashMap<TopicName, u32>>,
    health: Health,
    metrics: Metrics,
}

/// One producer, and whether a new one is being made for it.
struct Lane {
    current: RwLock<Arc<Producer>>,
    rebuilding: AtomicBool,
}

impl Lane {
    fn current(&self) -> Arc<Producer> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Publisher {
    pub(super) fn new(config: Config) -> Result<Self, LogError> {
        let connection = Arc::new(Connection::new(&config.brokers, "producer", Duration::ZERO));
        Ok(Self {
            lanes: (0..LANES)
                .map(|_| {
                    Ok(Lane {
                        current: RwLock::new(Arc::new(create(&config, &connection)?)),
                        rebuilding: AtomicBool::new(false),
                    })
                })
                .collect::<Result<_, LogError>>()?,
            config,
            connection,
            limits: RwLock::default(),
            health: Health::default(),
            metrics: Metrics::default(),
        })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Appends to the partition of the record's key, or to `partition`; see [`schemas::log::EventLog::publish`].
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
        let deadline = Instant::now() + self.config.publish_timeout();
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
        let lane = &self.lanes[lane_of(partition, &record.key)];
        loop {
            let (sender, receiver) = oneshot::channel();
            let mut base = BaseRecord::with_opaque_to(topic.as_str(), Box::new(sender))
                .key(&record.key[..])
                .payload(&record.value[..])
                .headers(convert::headers(record));
            base.partition = partition;
            let error = match lane.current().send(base) {
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

    /// Blocks: whether `topic` takes records now, by what became of the last ones; if none was tried lately, by asking the
    /// cluster, down to the leader of a partition.
    pub(super) fn ready(self: &Arc<Self>, topic: &TopicName) -> Result<(), LogError> {
        if self.rebuild_if_broken() {
            return Err(LogError::Unavailable("the producer is being replaced".to_owned()));
        }
        match self.health.of(topic) {
            Verdict::Confirmed => Ok(()),
            Verdict::Failing(reason) => Err(LogError::Unavailable(reason)),
            Verdict::Unknown { partition } => {
                let timeout = Duration::from_secs(1);
                let Some(shape) = topics::shape(self, topic.as_str(), timeout)? else {
                    let brokers = &self.config.brokers;
                    let reason = format!("topic `{topic}` is missing on kafka at `{brokers}`: {MISSING_HELP}");
                    return Err(LogError::Unavailable(reason));
                };
                if let Some(why) = shape.refuses_records() {
                    return Err(LogError::Unavailable(format!("topic `{topic}`: {why}")));
                }
                if !offsets::described_within(self, topic, timeout)?.may_write {
                    return Err(LogError::Misconfigured(offsets::topic_forbidden(topic, "Write")));
                }
                let index = i32::try_from(partition).unwrap_or(0) % shape.partitions.max(1);
                let asked = self.current().client().fetch_watermarks(topic.as_str(), index, timeout);
                match asked {
                    Ok(_) => {
                        self.connection.reached();
                        Ok(())
                    }
                    Err(error) => {
                        let what = format!("no answer from the leader of {topic}[{index}]");
                        Err(self.connection.failure(&what, &error))
                    }
                }
            }
        }
    }

    /// Blocks until everything enqueued is settled.
    pub(super) fn flush(&self, grace: Duration) -> Result<(), LogError> {
        let deadline = std::time::Instant::now() + grace;
        let mut left = 0;
        for lane in &self.lanes {
            let producer = lane.current();
            let rest = deadline.saturating_duration_since(std::time::Instant::now());
            if producer.flush(rest).is_err() {
                left += producer.in_flight_count();
            }
        }
        if left == 0 {
            return Ok(());
        }
        Err(LogError::Unavailable(format!(
            "{left} records were not acknowledged within {} ms",
            grace.as_millis()
        )))
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

    /// A producer for questions about metadata: it is polled all the time and so hears of refusals.
    pub(super) fn current(&self) -> Arc<Producer> {
        self.lanes[0].current()
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// A fatal error (librdkafka's word: the idempotence of this instance cannot be kept up) leaves a producer useless.
    /// Returns whether one is so; a new one is made in the background.
    fn rebuild_if_broken(self: &Arc<Self>) -> bool {
        let mut broken = false;
        for (index, lane) in self.lanes.iter().enumerate() {
            let Some((code, reason)) = lane.current().client().fatal_error() else {
                continue;
            };
            broken = true;
            if !lane.rebuilding.swap(true, Ordering::AcqRel) {
                tracing::error!(error = %reason, code = %code, "a kafka producer is broken, a new one is made");
                let publisher = Arc::clone(self);
                // Creating and dropping both block, the latter up to half a second.
                tokio::task::spawn_blocking(move || publisher.rebuild(index));
            }
        }
        broken
    }

    fn rebuild(&self, index: usize) {
        let lane = &self.lanes[index];
        match create(&self.config, &self.connection) {
            Ok(producer) => {
                let mut current = lane.current.write().unwrap_or_else(PoisonError::into_inner);
                let broken = std::mem::replace(&mut *current, Arc::new(producer));
                drop(current);
                drop(broken);
            }
            Err(error) => tracing::error!(%error, "no new kafka producer"),
        }
        lane.rebuilding.store(false, Ordering::Release);
    }
}

/// Equal keys, equal lanes.
fn lane_of(partition: Option<i32>, key: &[u8]) -> usize {
    if let Some(partition) = partition {
        return usize::try_from(partition).unwrap_or(0) % LANES;
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0)
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
