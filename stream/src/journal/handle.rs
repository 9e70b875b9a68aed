//! The way into the journal: what it and its consumers share, to send the writer records and commands.

use std::sync::Arc;
use std::time::Duration;

use schemas::log::{LogError, PublishError};
use schemas::name::TopicName;
use schemas::record::{Position, Record};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::DropGuard;

use super::shared::Shared;
use super::topics;
use super::writer::{Append, Command};

/// What the journal and its consumers share; when the last of them is dropped, the writer ends.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
    /// To the writer; `None` in a process that only reads.
    pub(super) queue: Option<mpsc::Sender<Command>>,
    /// The bytes of `queue_max_bytes` that are still free.
    pub(super) room: Arc<Semaphore>,
    pub(super) queue_max_bytes: u32,
    pub(super) publish_timeout: Duration,
    /// Ends the poll of a process that only reads.
    pub(super) _poll: Option<DropGuard>,
}

impl Handle {
    /// Sends a command other than a record and waits for the answer.
    pub(super) async fn ask<T>(
        &self,
        command: Command,
        answer: oneshot::Receiver<Result<T, LogError>>,
    ) -> Result<T, LogError> {
        let Some(queue) = &self.queue else {
            return Err(LogError::Misconfigured(format!(
                "{} is open for reading only in this process: do this where it is written",
                self.shared.name()
            )));
        };
        let closed = || LogError::Unavailable(format!("{} is closed", self.shared.name()));
        queue.send(command).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Appends to the partition of the record's key, or to the one with this `index`.
    pub(super) async fn publish(
        &self,
        topic: &TopicName,
        index: Option<i32>,
        record: Record,
    ) -> Result<Position, PublishError> {
        let refuse = |why: &str| {
            self.shared.metrics.refused.inc();
            let reason = format!("topic `{topic}`, {}: {why}", self.shared.name());
            Err(PublishError::Unavailable { reason })
        };
        let Some(queue) = &self.queue else {
            return refuse("it is open for reading only in this process");
        };
        if let Some(reason) = self.shared.lasting_problem() {
            return refuse(&reason);
        }
        let Some(known) = self.shared.catalog.topic(topic) else {
            return refuse(&format!("there is no such topic: {}", topics::MISSING_HELP));
        };
        let (size_bytes, limit_bytes) = (record.size_bytes(), known.max_record_bytes());
        if size_bytes > limit_bytes {
            return Err(PublishError::TooLarge {
                size_bytes,
                limit_bytes,
            });
        }
        let deadline = Instant::now() + self.publish_timeout;
        let wanted = u32::try_from(size_bytes)
            .unwrap_or(u32::MAX)
            .clamp(1, self.queue_max_bytes);
        // Neither waits where there is room: the record is then queued at the first poll, in the caller's order.
        let room = match Arc::clone(&self.room).try_acquire_many_owned(wanted) {
            Ok(room) => room,
            Err(_) => match timeout_at(deadline, Arc::clone(&self.room).acquire_many_owned(wanted)).await {
                Ok(Ok(room)) => room,
                Ok(Err(_)) => return refuse("it is closed"),
                Err(_) => return refuse(&format!("its queue of {} bytes stayed full", self.queue_max_bytes)),
            },
        };
        let (reply, answer) = oneshot::channel();
        let partition = match index {
            None => known.partition_for(&record.key),
            Some(index) => match usize::try_from(index)
                .ok()
                .and_then(|index| known.partitions.get(index))
            {
                Some(partition) => partition,
                None => return refuse(&format!("it has no partition {index}")),
            },
        };
        let partition = Arc::clone(partition);
        let append = Command::Append(Append {
            partition,
            record,
            deadline,
            reply,
            room: (room, self.shared.metrics.queue.enter(size_bytes)),
        });
        match queue.try_send(append) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => return refuse("it is closed"),
            Err(mpsc::error::TrySendError::Full(append)) => match timeout_at(deadline, queue.send(append)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return refuse("it is closed"),
                Err(_) => return refuse(&format!("its queue of {} records stayed full", queue.max_capacity())),
            },
        }
        match timeout_at(deadline, answer).await {
            Ok(Ok(Ok(position))) => Ok(position),
            Ok(Ok(Err(reason))) => refuse(&reason),
            Ok(Err(_)) => refuse("it was closed before the record was written"),
            Err(_) => refuse(&format!("no commit within {} ms", self.publish_timeout.as_millis())),
        }
    }

    /// Waits until everything queued is settled.
    pub(super) async fn flush(&self, grace: Duration) -> Result<(), LogError> {
        let (reply, answer) = oneshot::channel();
        tokio::time::timeout(grace, self.ask(Command::Settle(reply), answer))
            .await
            .unwrap_or_else(|_| {
                let grace = grace.as_millis();
                Err(LogError::Unavailable(format!(
                    "{} was not flushed within {grace} ms",
                    self.shared.name()
                )))
            })
    }

    /// Whether `topic` accepts records now.
    pub(super) fn ready(&self, topic: &TopicName) -> Result<(), LogError> {
        let Some(queue) = &self.queue else {
            return Err(LogError::Misconfigured(format!(
                "{} is open for reading only in this process",
                self.shared.name()
            )));
        };
        let problem = if queue.is_closed() {
            Some("it is closed".to_owned())
        } else if queue.capacity() == 0 {
            Some(format!("its queue of {} records is full", queue.max_capacity()))
        } else if self.room.available_permits() == 0 {
            Some(format!("its queue of {} bytes is full", self.queue_max_bytes))
        } else if self.shared.catalog.topic(topic).is_none() {
            return Err(topics::missing(&self.shared, topic));
        } else {
            self.shared.problem()
        };
        problem.map_or(Ok(()), |why| {
            Err(LogError::Unavailable(format!("{}: {why}", self.shared.name())))
        })
    }
}
