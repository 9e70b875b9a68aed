//! The writer's commands other than records.

use schemas::log::{LogError, TopicSpec};
use schemas::name::GroupName;
use schemas::record::{Offset, Partition};

use super::{Command, Writer};
use crate::journal::progress::GroupId;
use crate::journal::retention::{self, Cut, Limit};
use crate::journal::topics;

impl Writer {
    /// Runs a command that is not a record; publishers wait meanwhile.
    pub(super) async fn administer(&mut self, command: Command) {
        // The caller may have stopped waiting: then the answer is dropped.
        match command {
            Command::EnsureTopics { topics, reply } => {
                let result = self.ensure_topics(&topics).await;
                reply.send(result).ok();
            }
            Command::JoinGroup { topic, group, reply } => {
                let result = self
                    .join_group(topic, &group)
                    .await
                    .map_err(|why| self.unavailable(&why));
                reply.send(result).ok();
            }
            Command::Trim {
                partition,
                before,
                reply,
            } => {
                let result = self.trim(&partition, before).await;
                reply.send(result).ok();
            }
            Command::Settle(reply) => {
                let result = self.commit(Vec::new()).await.map_err(|why| self.unavailable(&why));
                reply.send(result).ok();
            }
            Command::Append(_) | Command::Close(_) => unreachable!("`work` takes these itself"),
        }
    }

    async fn ensure_topics(&mut self, topics: &[TopicSpec]) -> Result<(), LogError> {
        let mut connection = self.take_connection().await.map_err(|why| self.unavailable(&why))?;
        let result = topics::ensure(&self.shared, &mut connection, topics).await;
        self.give_back(connection, result)
            .await
            .map_err(|why| self.unavailable(&why))?
    }

    /// Joins a group. What its former member has stored is on disk before the new one begins.
    async fn join_group(&mut self, topic: i64, group: &GroupName) -> Result<GroupId, String> {
        self.commit(Vec::new()).await?;
        let mut connection = self.take_connection().await?;
        let result = topics::join_group(&mut connection, topic, group).await;
        self.give_back(connection, result).await
    }

    async fn trim(&mut self, partition: &Partition, before: Offset) -> Result<(), LogError> {
        let topic = self.shared.catalog.topic(&partition.topic);
        let watched = topic.and_then(|t| t.partitions.get(usize::try_from(partition.index).ok()?).cloned());
        let Some(watched) = watched else {
            let name = self.shared.name();
            return Err(LogError::Misconfigured(format!(
                "there is no partition {partition} in {name}"
            )));
        };
        let before = before.min(watched.extent().end);
        while watched.extent().earliest < before {
            let cut = Cut {
                partition: watched.id,
                earliest: watched.extent().earliest,
                limit: Limit::Offset(before),
            };
            let mut connection = self.take_connection().await.map_err(|why| self.unavailable(&why))?;
            let result = retention::step(&mut connection, cut).await;
            let earliest = self
                .give_back(connection, result)
                .await
                .map_err(|why| self.unavailable(&why))?;
            self.moved(&watched, earliest);
        }
        Ok(())
    }
}
