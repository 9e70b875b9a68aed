//! The event log on local disk: embedded, durable, partitioned, for one process that writes.
//!
//! One folder with one SQLite file (WAL, `synchronous=FULL`). The path of a record: [`Journal`] puts it into a bounded
//! queue; the `writer` takes all that is queued, writes it in one transaction, answers after the commit, and moves the
//! ends of the partitions in the `catalog`; that wakes the `reader`s, which read over connections of their own.
//! Progress of groups (`progress`) goes to disk with the next commit. `retention` deletes between two commits.
//!
//! What was acknowledged survives a power loss; `kill -9` may set back a group's progress by some 200 ms, never a
//! record.

mod append;
mod catalog;
mod config;
mod consumer;
mod failure;
mod handle;
mod layout;
mod metrics;
mod open;
mod partitioner;
mod progress;
mod reader;
mod retention;
mod shared;
mod topics;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schemas::BoxFuture;
use schemas::log::{
    Administer, Consumer, LogError, PartitionState, Publish, PublishError, Subscribe, Subscription, TopicSpec,
    TopicState,
};
use schemas::name::{GroupName, TopicName};
use schemas::record::{Offset, Partition, PartitionProgress, Position, Record};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use metrics::Metrics;

use handle::Handle;
use shared::Shared;
use writer::Command;

/// The journal. Dropping it (and all consumers) writes what is queued and releases the folder soon after;
/// [`close`](Self::close) waits for that.
#[derive(Debug)]
pub struct Journal {
    handle: Arc<Handle>,
}

impl Journal {
    /// Opens the journal in `config.path`, or creates it. Must be called inside a tokio runtime.
    ///
    /// A folder that another process (or another `Journal`) writes is [`LogError::Misconfigured`], after a second in
    /// which the other may release it.
    pub async fn open(config: &Config) -> Result<Self, LogError> {
        let checked = config.check();
        checked.map_err(|found| LogError::of_settings("event_log.journal", found))?;
        let lock = open::lock(&config.path).await?;
        let connection = open::connect_writer(&config.path).await?;
        let shared = Arc::new(Shared::new(&config.path, open::reader_pool(&config.path)));
        let (queue, commands) = mpsc::channel(config.queue_max_records);
        let writer = writer::Writer::start(config, Arc::clone(&shared), connection, commands, lock).await?;
        tokio::spawn(writer.run());
        Ok(Self {
            handle: Arc::new(Handle {
                shared,
                queue: Some(queue),
                room: Arc::new(Semaphore::new(
                    usize::try_from(config.queue_max_bytes).unwrap_or(Semaphore::MAX_PERMITS),
                )),
                queue_max_bytes: config.queue_max_bytes,
                publish_timeout: config.publish_timeout(),
                _poll: None,
            }),
        })
    }

    /// Opens the journal in the folder `path` for reading only (`forebay tail`), beside the process that writes it.
    /// Sees new records within some 100 ms. Publishing, creating topics and joining a group are refused.
    pub async fn open_read_only(path: &Path) -> Result<Self, LogError> {
        let connection = open::connect_reader(path).await?;
        let shared = Arc::new(Shared::new(path, open::reader_pool(path)));
        let ended = CancellationToken::new();
        reader::poll(Arc::clone(&shared), connection, ended.clone()).await?;
        Ok(Self {
            handle: Arc::new(Handle {
                shared,
                queue: None,
                room: Arc::new(Semaphore::new(0)),
                queue_max_bytes: 0,
                publish_timeout: Duration::ZERO,
                _poll: Some(ended.drop_guard()),
            }),
        })
    }

    /// The journal's figures.
    pub fn metrics(&self) -> &Metrics {
        &self.handle.shared.metrics
    }

    /// Deletes the records before `before`, as retention would. For operators and tests.
    pub async fn trim(&self, partition: &Partition, before: Offset) -> Result<(), LogError> {
        let (reply, answer) = oneshot::channel();
        let partition = partition.clone();
        self.handle
            .ask(
                Command::Trim {
                    partition,
                    before,
                    reply,
                },
                answer,
            )
            .await
    }

    /// Writes what is queued, stores progress, ends all readers, closes the file and releases the folder. Publishing
    /// afterwards is an error.
    pub async fn close(&self) -> Result<(), LogError> {
        let shared = &self.handle.shared;
        match &self.handle.queue {
            None => {
                shared.closed.cancel();
                shared.pool.close().await;
                Ok(())
            }
            Some(_) if shared.closed.is_cancelled() => Ok(()),
            Some(_) => {
                let (reply, answer) = oneshot::channel();
                self.handle.ask(Command::Close(reply), answer).await
            }
        }
    }
}

impl Publish for Journal {
    fn publish<'a>(&'a self, topic: &'a TopicName, record: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(self.handle.publish(topic, None, record))
    }

    fn publish_to<'a>(
        &'a self,
        partition: &'a Partition,
        record: Record,
    ) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(self.handle.publish(&partition.topic, Some(partition.index), record))
    }

    fn ready<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(async move { self.handle.ready(topic) })
    }

    /// Nobody lacks a right here.
    fn answers<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        self.ready(topic)
    }

    fn flush(&self, grace: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(self.handle.flush(grace))
    }
}

impl Subscribe for Journal {
    fn subscribe(&self, subscription: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, LogError>> {
        Box::pin(consumer::subscribe(Arc::clone(&self.handle), subscription))
    }
}

impl Administer for Journal {
    fn ensure_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let topics = topics.to_vec();
            self.handle.ask(Command::EnsureTopics { topics, reply }, answer).await
        })
    }

    fn check_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(async move { topics::check(&self.handle.shared, topics) })
    }

    fn compare_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<Vec<TopicState>, LogError>> {
        Box::pin(async move { Ok(topics::compare(&self.handle.shared, topics)) })
    }

    fn progress<'a>(
        &'a self,
        group: &'a GroupName,
        topic: &'a TopicName,
    ) -> BoxFuture<'a, Result<Vec<PartitionState>, LogError>> {
        Box::pin(consumer::progress(&self.handle, group, topic))
    }

    fn set_progress<'a>(
        &'a self,
        group: &'a GroupName,
        progress: &'a [PartitionProgress],
    ) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(consumer::set_progress(&self.handle, group, progress))
    }
}
