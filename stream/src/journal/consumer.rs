//! The consumer of the journal: the one member of a group in this process, or a reader without a group. It gets all
//! partitions at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use schemas::BoxFuture;
use schemas::log::{Change, Consumer, LogError, Membership, PartitionReader, PartitionState, Start, Subscription};
use schemas::name::{GroupName, TopicName};
use schemas::record::{Partition, PartitionProgress};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::catalog::Topic;
use super::handle::Handle;
use super::progress::{self, GroupId};
use super::reader::{Reader, Stored};
use super::shared::Shared;
use super::topics;
use super::writer::Command;

/// How long closing waits for the disk.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// Joins `subscription`'s group, or reads alone.
pub(super) async fn subscribe(handle: Arc<Handle>, subscription: Subscription) -> Result<Box<dyn Consumer>, LogError> {
    let shared = &handle.shared;
    let topic = find(&handle, &subscription.topic).await?;
    let member = match subscription.membership {
        Membership::Alone => None,
        Membership::Group(group) => Some(Member::join(&handle, &topic, group).await?),
    };
    let progress = match &member {
        None => HashMap::new(),
        Some(member) => progress::read(&shared.pool, member.id)
            .await
            .map_err(|e| shared.read_error(&e))?,
    };
    let stored = topic
        .partitions
        .iter()
        .map(|p| Arc::new(Stored::new(progress.get(&p.id).copied())))
        .collect();
    let ended = shared.closed.child_token();
    Ok(Box::new(JournalConsumer {
        topic,
        member,
        stored,
        start: subscription.start,
        ended,
        assigned: false,
        handle,
    }))
}

/// Each partition of a topic and how far the group is.
pub(super) async fn progress(
    handle: &Handle,
    group: &GroupName,
    topic: &TopicName,
) -> Result<Vec<PartitionState>, LogError> {
    let topic = find(handle, topic).await?;
    let shared = &handle.shared;
    let states = progress::of_group(&shared.pool, &topic, group).await;
    states.map_err(|e| shared.read_error(&e))
}

/// Sets the progress of a group that has no member.
pub(super) async fn set_progress(
    handle: &Handle,
    group: &GroupName,
    progress: &[PartitionProgress],
) -> Result<(), LogError> {
    for one in progress {
        let topic = find(handle, &one.partition.topic).await?;
        let index = usize::try_from(one.partition.index).ok();
        let Some(watched) = index.and_then(|index| topic.partitions.get(index)) else {
            return Err(LogError::Misconfigured(format!(
                "there is no partition {} in {}",
                one.partition,
                handle.shared.name()
            )));
        };
        let member = Member::join(handle, &topic, group.clone()).await?;
        handle.shared.progress.store(member.id, watched.id, one.next);
    }
    handle.flush(CLOSE_PATIENCE).await
}

/// Returns the topic; a process that only reads may not have loaded a new one yet.
async fn find(handle: &Handle, name: &TopicName) -> Result<Arc<Topic>, LogError> {
    let shared = &handle.shared;
    if let Some(topic) = shared.catalog.topic(name) {
        return Ok(topic);
    }
    if handle.queue.is_none() {
        let mut connection = shared.pool.acquire().await.map_err(|e| shared.read_error(&e))?;
        shared
            .catalog
            .refresh(&mut connection)
            .await
            .map_err(|e| shared.read_error(&e))?;
    }
    shared.catalog.topic(name).ok_or_else(|| topics::missing(shared, name))
}

struct JournalConsumer {
    handle: Arc<Handle>,
    topic: Arc<Topic>,
    member: Option<Member>,
    start: Start,
    /// How far each partition is, by index.
    stored: Vec<Arc<Stored>>,
    /// Cancelled when the consumer leaves: its readers end.
    ended: CancellationToken,
    assigned: bool,
}

impl JournalConsumer {
    fn readers(&self) -> Vec<Box<dyn PartitionReader>> {
        let group = self.member.as_ref().map(|member| member.id);
        let reader = |(watched, stored): (&Arc<_>, &Arc<Stored>)| {
            let shared = Arc::clone(&self.handle.shared);
            let ended = self.ended.clone();
            let (watched, topic_id, stored) = (Arc::clone(watched), self.topic.uid.clone(), Arc::clone(stored));
            let reader = Reader::new(shared, watched, topic_id, stored, group, self.start, ended);
            Box::new(reader) as Box<dyn PartitionReader>
        };
        self.topic.partitions.iter().zip(&self.stored).map(reader).collect()
    }
}

impl Consumer for JournalConsumer {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, LogError>> {
        Box::pin(async move {
            if !self.assigned {
                self.assigned = true;
                return Ok(Change::Assigned(self.readers()));
            }
            // No one else can be in the group, so nothing is ever revoked; the only other change is the end of the
            // journal.
            self.ended.cancelled().await;
            Err(LogError::Unavailable(format!(
                "{} is closed",
                self.handle.shared.name()
            )))
        })
    }

    fn lag(&self) -> BoxFuture<'static, Result<Vec<(Partition, u64)>, LogError>> {
        let lag = self.topic.partitions.iter().zip(&self.stored).map(|(watched, stored)| {
            let extent = watched.extent();
            let behind = extent.end.0 - stored.get().map_or(extent.earliest, |at| at.max(extent.earliest)).0;
            (watched.partition.clone(), u64::try_from(behind).unwrap_or(0))
        });
        let lag = lag.collect();
        Box::pin(async move { Ok(lag) })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), LogError>> {
        Box::pin(async move {
            self.ended.cancel();
            if self.member.is_none() || self.handle.shared.closed.is_cancelled() {
                return Ok(());
            }
            self.handle.flush(CLOSE_PATIENCE).await
        })
    }
}

impl Drop for JournalConsumer {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// The one member of a group in this process; it leaves on drop.
struct Member {
    shared: Arc<Shared>,
    topic: Arc<Topic>,
    group: GroupName,
    id: GroupId,
}

impl Member {
    async fn join(handle: &Handle, topic: &Arc<Topic>, group: GroupName) -> Result<Self, LogError> {
        let shared = &handle.shared;
        if !shared.add_member(&topic.name, &group) {
            return Err(LogError::Misconfigured(format!(
                "group `{group}` reads topic `{}` of {} already: a journal has one member per group; close that one \
                 first, or use another group",
                topic.name,
                shared.name()
            )));
        }
        // From here on dropping the member makes it leave, also when the wait below is cancelled.
        let mut member = Self {
            shared: Arc::clone(shared),
            topic: Arc::clone(topic),
            group,
            id: GroupId(0),
        };
        let (reply, answer) = oneshot::channel();
        let join = Command::JoinGroup {
            topic: topic.id,
            group: member.group.clone(),
            reply,
        };
        member.id = handle.ask(join, answer).await?;
        Ok(member)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.remove_member(&self.topic.name, &self.group);
    }
}
