//! The librdkafka producers of a publisher, each replaced by a new one when its idempotence is broken for good.
//!
//! Several, because an idempotent producer has at most five requests in flight per broker, and each request is of one
//! partition: on a link of 100 ms that is 50 requests a second, too few for twelve partitions. Records of one key
//! always go through the same producer, so their order is kept; all producers share the room for records that wait.

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use schemas::log::LogError;
use schemas::name::TopicName;
use schemas::record::Record;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use super::client::{self, Connection};
use super::config::Config;
use super::convert;
use super::properties::creation_error;
use crate::queue::{Queue, Queued};

/// How many producers there are.
const PRODUCERS: usize = 3;

/// The partition and offset of a record, or why it has none.
pub(super) type Acknowledgement = Result<(i32, i64), Code>;

pub(super) type Producer = ThreadedProducer<Events>;

/// The producers, and the room for records that wait for their acknowledgement.
pub(super) struct Producers {
    options: ClientConfig,
    connection: Arc<Connection>,
    all: Vec<ReplaceableProducer>,
    /// The room left of [`Config::queue_max_bytes`] and [`Config::queue_max_records`]. librdkafka's own bounds are per
    /// producer.
    bytes: Arc<Semaphore>,
    records: Arc<Semaphore>,
    queue: Queue,
}

/// One producer, and whether a new one is being made for it.
struct ReplaceableProducer {
    current: RwLock<Arc<Producer>>,
    rebuilding: AtomicBool,
}

impl ReplaceableProducer {
    fn current(&self) -> Arc<Producer> {
        self.current.read().clone()
    }
}

impl Producers {
    pub(super) fn new(config: &Config, connection: Arc<Connection>, queue: Queue) -> Result<Self, LogError> {
        let options = config.producer()?;
        let made = (0..PRODUCERS).map(|_| {
            Ok(ReplaceableProducer {
                current: RwLock::new(Arc::new(create(&options, &connection)?)),
                rebuilding: AtomicBool::new(false),
            })
        });
        let all = made.collect::<Result<_, LogError>>()?;
        let room = |most: u32| Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)));
        Ok(Self {
            options,
            connection,
            all,
            bytes: room(config.queue_max_bytes),
            records: room(config.queue_max_records),
            queue,
        })
    }

    /// Hands the record to librdkafka; fails with [`Code::QueueFull`] if there is no room now.
    pub(super) fn send(
        &self,
        topic: &TopicName,
        partition: Option<i32>,
        record: &Record,
    ) -> Result<oneshot::Receiver<Acknowledgement>, KafkaError> {
        let (reply, acknowledged) = oneshot::channel();
        let full = |_: TryAcquireError| KafkaError::MessageProduction(Code::QueueFull);
        let bytes = u32::try_from(record.size_bytes()).unwrap_or(u32::MAX);
        let waiting = Waiting {
            reply,
            _bytes: Arc::clone(&self.bytes).try_acquire_many_owned(bytes).map_err(full)?,
            _record: Arc::clone(&self.records).try_acquire_owned().map_err(full)?,
            _queued: self.queue.enter(record.size_bytes()),
        };
        let mut base = BaseRecord::with_opaque_to(topic.as_str(), Box::new(waiting))
            .key(&record.key[..])
            .payload(&record.value[..])
            .headers(convert::headers(record));
        base.partition = partition;
        let replaceable = &self.all[number_of(partition, &record.key)];
        replaceable.current().send(base).map_err(|(error, _)| error)?;
        Ok(acknowledged)
    }

    /// Blocks until everything handed over is settled, or `grace` is over; returns how many records are not settled.
    pub(super) fn flush(&self, grace: Duration) -> i32 {
        let deadline = Instant::now() + grace;
        let left = self.all.iter().map(|replaceable| {
            let producer = replaceable.current();
            let rest = deadline.saturating_duration_since(Instant::now());
            match producer.flush(rest) {
                Ok(()) => 0,
                Err(_) => producer.in_flight_count(),
            }
        });
        left.sum()
    }

    /// Returns a producer for questions about metadata: it is polled all the time and so receives refusals.
    pub(super) fn first(&self) -> Arc<Producer> {
        self.all[0].current()
    }

    /// Returns whether a producer is useless after a fatal error (librdkafka's term: the idempotence of this instance
    /// cannot be kept up); a new one is made in the background.
    pub(super) fn rebuild_if_broken(self: &Arc<Self>) -> bool {
        let mut broken = false;
        for (index, replaceable) in self.all.iter().enumerate() {
            let Some((code, reason)) = replaceable.current().client().fatal_error() else {
                continue;
            };
            broken = true;
            if !replaceable.rebuilding.swap(true, Ordering::AcqRel) {
                tracing::error!(error = %reason, code = %code, "a kafka producer is broken and will be replaced");
                let producers = Arc::clone(self);
                // Creating and dropping both block, the latter up to half a second.
                tokio::task::spawn_blocking(move || producers.rebuild(index));
            }
        }
        broken
    }

    fn rebuild(&self, index: usize) {
        let replaceable = &self.all[index];
        match create(&self.options, &self.connection) {
            Ok(producer) => {
                let mut current = replaceable.current.write();
                let broken = std::mem::replace(&mut *current, Arc::new(producer));
                drop(current);
                drop(broken);
            }
            Err(error) => tracing::error!(%error, "the kafka producer was not replaced"),
        }
        replaceable.rebuilding.store(false, Ordering::Release);
    }
}

/// Returns the number of the producer of a record: equal keys have the same producer.
fn number_of(partition: Option<i32>, key: &[u8]) -> usize {
    if let Some(partition) = partition {
        return usize::try_from(partition).unwrap_or(0) % PRODUCERS;
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    usize::try_from(hasher.finish() % PRODUCERS as u64).unwrap_or(0)
}

fn create(options: &ClientConfig, connection: &Arc<Connection>) -> Result<Producer, LogError> {
    let events = Events {
        connection: Arc::clone(connection),
    };
    let made = options.create_with_context(events);
    made.map_err(|e| creation_error("producer", &e))
}

/// A record that waits for its acknowledgement: the publisher to notify, and the room that it takes until then.
pub(super) struct Waiting {
    reply: oneshot::Sender<Acknowledgement>,
    _bytes: OwnedSemaphorePermit,
    _record: OwnedSemaphorePermit,
    _queued: Queued,
}

/// librdkafka's callbacks.
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
    type DeliveryOpaque = Box<Waiting>;

    fn delivery(&self, result: &DeliveryResult<'_>, waiting: Self::DeliveryOpaque) {
        let acknowledgement = match result {
            Ok(message) => {
                self.connection.reached();
                Ok((message.partition(), message.offset()))
            }
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(Code::Fail)),
        };
        // A publisher that stopped waiting has dropped the other end.
        waiting.reply.send(acknowledgement).ok();
    }
}
