//! Subscribes: makes the consumer for its owner, and starts its thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use schemas::BoxFuture;
use schemas::log::{Change, Consumer, LogError, Membership, Subscription};
use schemas::record::Partition;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{mpsc, oneshot};

use super::assignment::Assignment;
use super::client::Connection;
use super::commits;
use super::holes::Holes;
use super::membership::{Member, Shared};
use super::offsets::{self, watermarks};
use super::poll::Poll;
use super::producer::Publisher;
use super::properties::creation_error;
use super::reader;
use super::rebalance::{self, Events};

/// How long a close may take in all: a running revocation, the last commit, leaving the group.
const CLOSE_PATIENCE: Duration = Duration::from_secs(20);

/// How long brokers must refuse us, and none answer, before a working consumer returns that as an error to its owner.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(30);

/// A member of a group, or a reader without a group. Dropping it also leaves the group, without waiting for that.
pub(super) struct KafkaConsumer {
    shared: Arc<Shared>,
    consumer: Weak<BaseConsumer<Events>>,
    changes: UnboundedReceiver<Result<Change, LogError>>,
    closing: Arc<AtomicBool>,
    ended: Option<oneshot::Receiver<Result<(), LogError>>>,
}

/// Makes a consumer. Blocks.
pub(super) fn subscribe(publisher: &Arc<Publisher>, subscription: Subscription) -> Result<KafkaConsumer, LogError> {
    let config = publisher.config();
    let (changes, receiver) = mpsc::unbounded_channel();
    let (group, in_group) = match &subscription.membership {
        Membership::Group(group) => (group.to_string(), true),
        // librdkafka needs a name, and the broker checks the right to it; nothing is ever stored under it. It begins
        // with the topic's name, so that ACLs by prefix cover it.
        Membership::Alone => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let (topic, pid) = (&subscription.topic, std::process::id());
            (format!("{topic}.alone-{pid}-{}", now.as_nanos()), false)
        }
    };
    let (shape, description) = offsets::described(publisher.cluster(), &subscription.topic)?;
    if !description.may_read {
        return Err(LogError::Misconfigured(offsets::topic_forbidden(
            &subscription.topic,
            "Read",
        )));
    }
    let (commits, asked) = std::sync::mpsc::channel();
    let unreachable = publisher.cluster().unreachable();
    let client = format!("consumer of `{group}`");
    let connection = Connection::new(&config.brokers, client, REFUSAL_PATIENCE, unreachable);
    let member = Member {
        topic: subscription.topic,
        group,
        start: subscription.start,
        commits: in_group.then_some(commits),
        changes,
    };
    let shared = Arc::new(Shared::new(member, Arc::clone(publisher), connection));
    let consumer: BaseConsumer<Events> = config
        .member(&shared.group)?
        .create_with_context(Events::new(Arc::clone(&shared)))
        .map_err(|e| creation_error("consumer", &e))?;
    let consumer = Arc::new(consumer);
    let weak = Arc::downgrade(&consumer);
    consumer.context().set_consumer(Weak::clone(&weak));
    if in_group {
        let topic = shared.topic.as_str();
        let joined = consumer.subscribe(&[topic]);
        joined.map_err(|error| LogError::Unavailable(format!("no subscription to `{topic}`: {error}")))?;
        let (weak, shared) = (Weak::clone(&weak), Arc::clone(&shared));
        thread("kafka-commits", move || commits::run(&weak, &shared, &asked))?;
    } else {
        let all: Vec<_> = (0..shape.partitions).collect();
        rebalance::assigned(&shared, &weak, &all);
    }

    let closing = Arc::new(AtomicBool::new(false));
    let poll = Poll {
        consumer,
        shared: Arc::clone(&shared),
        holes: Holes::default(),
        most_bytes: usize::try_from(config.read_ahead_bytes).unwrap_or(usize::MAX),
        closing: Arc::clone(&closing),
        last_reported: Cell::default(),
    };
    let (end, ended) = oneshot::channel();
    thread("kafka-consumer", move || {
        // The receiver may be dropped by now.
        end.send(poll.run()).ok();
    })?;
    Ok(KafkaConsumer {
        shared,
        consumer: weak,
        changes: receiver,
        closing,
        ended: Some(ended),
    })
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), LogError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    started
        .map(drop)
        .map_err(|error| LogError::Unavailable(format!("no thread for a consumer: {error}")))
}

impl Consumer for KafkaConsumer {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, LogError>> {
        Box::pin(async {
            self.changes.recv().await.unwrap_or_else(|| {
                let topic = &self.shared.topic;
                Err(LogError::Unavailable(format!(
                    "the consumer of `{topic}` has ended; subscribe again"
                )))
            })
        })
    }

    fn lag(&self) -> BoxFuture<'static, Result<Vec<(Partition, u64)>, LogError>> {
        let (shared, consumer) = (Arc::clone(&self.shared), Weak::clone(&self.consumer));
        Box::pin(async move {
            let asked = tokio::task::spawn_blocking(move || match consumer.upgrade() {
                Some(consumer) => {
                    let assignments: Vec<_> = shared.assignments().values().cloned().collect();
                    assignments
                        .iter()
                        .map(|assignment| lag(&consumer, &shared, assignment))
                        .collect()
                }
                None => Ok(Vec::new()),
            });
            let lags = asked.await;
            lags.unwrap_or_else(|_| Err(LogError::Unavailable("the runtime is shutting down".to_owned())))
        })
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, Result<(), LogError>> {
        Box::pin(async move {
            self.closing.store(true, Ordering::Release);
            // Dropping a revocation that was not received yet answers it.
            self.changes.close();
            while self.changes.try_recv().is_ok() {}
            let Some(ended) = self.ended.take() else {
                return Ok(());
            };
            match tokio::time::timeout(CLOSE_PATIENCE, ended).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(LogError::Unavailable(
                    "the thread of the consumer has ended by a panic".to_owned(),
                )),
                Err(_) => Err(LogError::Unavailable(
                    "kafka did not let the consumer leave in time".to_owned(),
                )),
            }
        })
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
    }
}

fn lag(
    consumer: &BaseConsumer<Events>,
    shared: &Shared,
    assignment: &Assignment,
) -> Result<(Partition, u64), LogError> {
    let (earliest, end) = watermarks(shared.publisher.cluster(), &assignment.partition)?;
    let progress = match assignment.progress() {
        Some(next) => Some(next),
        None => shared
            .committed(consumer, &assignment.partition)?
            .map(|stored| stored.next),
    };
    let from = match progress {
        Some(next) => next,
        None => reader::start(consumer, shared, &assignment.partition, earliest, end)?,
    };
    let lag = u64::try_from(end.0 - from.0.max(earliest.0)).unwrap_or(0);
    Ok((assignment.partition.clone(), lag))
}
