//! The backlog of either database, for commands and the API, which own no partition.

use std::collections::HashSet;
use std::sync::Arc;

use schemas::backlog::{Backlog, BacklogError, Condition, Finding, Waiting};
use schemas::name::{SinkName, TopicName};
use schemas::record::TopicId;

use super::{Again, PostgresBacklog, RowPlace, SqliteBacklog, TargetRows};

/// A backlog that is looked at and added to from outside. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outside(Which);

#[derive(Debug, Clone)]
enum Which {
    Postgres(Arc<PostgresBacklog>),
    Sqlite(Arc<SqliteBacklog>),
}

impl From<PostgresBacklog> for Outside {
    fn from(backlog: PostgresBacklog) -> Self {
        Self(Which::Postgres(Arc::new(backlog)))
    }
}

impl From<SqliteBacklog> for Outside {
    fn from(backlog: SqliteBacklog) -> Self {
        Self(Which::Sqlite(Arc::new(backlog)))
    }
}

impl Outside {
    /// As [`PostgresBacklog::targets`].
    pub async fn targets(&self, sink: &SinkName) -> Result<Vec<TargetRows>, BacklogError> {
        match &self.0 {
            Which::Postgres(backlog) => backlog.targets(sink).await,
            Which::Sqlite(backlog) => backlog.targets(sink).await,
        }
    }

    /// As [`PostgresBacklog::places`].
    pub async fn places(&self, sink: &SinkName, target: &str) -> Result<HashSet<RowPlace>, BacklogError> {
        match &self.0 {
            Which::Postgres(backlog) => backlog.places(sink, target).await,
            Which::Sqlite(backlog) => backlog.places(sink, target).await,
        }
    }

    /// As [`PostgresBacklog::add_from_outside`].
    pub async fn add(
        &self,
        sink: &SinkName,
        topic: &TopicName,
        topic_id: Option<&TopicId>,
        deliveries: Vec<(i32, Waiting)>,
        again: Again,
    ) -> Result<u64, BacklogError> {
        match &self.0 {
            Which::Postgres(backlog) => backlog.add_from_outside(sink, topic, topic_id, deliveries, again).await,
            Which::Sqlite(backlog) => backlog.add_from_outside(sink, topic, topic_id, deliveries, again).await,
        }
    }

    /// Returns what is known of all targets of the sink that are, or were, in trouble.
    pub async fn conditions(&self, sink: &SinkName) -> Result<Vec<Condition>, BacklogError> {
        self.backlog().conditions(sink, None).await
    }

    /// Lets a target get deliveries again that was disabled, and has it tried now: what waits for it goes out, also what has a time
    /// of its own. Returns whether it was disabled; one that was not is left alone.
    pub async fn enable(&self, sink: &SinkName, target: &str) -> Result<bool, BacklogError> {
        let conditions = self.conditions(sink).await?;
        let is_disabled = |condition: &Condition| condition.target == target && condition.disabled.is_some();
        if !conditions.iter().any(is_disabled) {
            return Ok(false);
        }
        let changed = self.backlog().note(sink, target, Finding::Enabled).await?;
        self.try_now(sink, target).await?;
        // Another one may have been quicker.
        Ok(changed.is_some())
    }

    /// As [`PostgresBacklog::try_now`].
    pub async fn try_now(&self, sink: &SinkName, target: &str) -> Result<u64, BacklogError> {
        match &self.0 {
            Which::Postgres(backlog) => backlog.try_now(sink, target).await,
            Which::Sqlite(backlog) => backlog.try_now(sink, target).await,
        }
    }

    fn backlog(&self) -> &dyn Backlog {
        match &self.0 {
            Which::Postgres(backlog) => &**backlog,
            Which::Sqlite(backlog) => &**backlog,
        }
    }
}
