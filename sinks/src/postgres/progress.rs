//! The progress that is kept beside the rows: how it is read, moved on and set.

use database::postgres::{Session, within};
use schemas::BoxFuture;
use schemas::record::{Offset, Partition, PartitionProgress, TopicId};
use schemas::sink::{KeepsProgress, Unavailable};
use sqlx::Row as _;

use super::{PostgresSink, sql};

impl KeepsProgress for PostgresSink {
    fn progress<'a>(
        &'a self,
        partition: &'a Partition,
    ) -> BoxFuture<'a, Result<Option<PartitionProgress>, Unavailable>> {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            let found = self.read_progress(&mut connection, partition).await;
            let found = found.map_err(|error| self.broken(&error))?;
            connection.done();
            Ok(found)
        })
    }

    fn checkpoint<'a>(&'a self, progress: &'a PartitionProgress) -> BoxFuture<'a, Result<(), Unavailable>> {
        self.write_alone(sql::STORE_PROGRESS, progress)
    }

    fn set_progress<'a>(&'a self, progress: &'a PartitionProgress) -> BoxFuture<'a, Result<(), Unavailable>> {
        self.write_alone(sql::SET_PROGRESS, progress)
    }
}

impl PostgresSink {
    async fn read_progress(
        &self,
        connection: &mut Session,
        partition: &Partition,
    ) -> Result<Option<PartitionProgress>, sqlx::Error> {
        let query = sqlx::query(sql::PROGRESS)
            .bind(self.name.as_str())
            .bind(partition.topic.as_str())
            .bind(partition.index)
            .fetch_optional(connection);
        let Some(row) = within(self.answer_timeout, query).await? else {
            return Ok(None);
        };
        Ok(Some(PartitionProgress {
            partition: partition.clone(),
            topic_id: row.try_get::<Option<String>, _>(1)?.map(TopicId::new),
            next: Offset(row.try_get(0)?),
        }))
    }

    fn write_alone<'a>(
        &'a self,
        statement: &'static str,
        progress: &'a PartitionProgress,
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            let written = self.write_progress(&mut connection, statement, progress).await;
            written.map_err(|error| self.broken(&error))?;
            connection.done();
            Ok(())
        })
    }

    /// With [`sql::STORE_PROGRESS`] or [`sql::SET_PROGRESS`].
    pub(super) async fn write_progress(
        &self,
        connection: &mut Session,
        statement: &'static str,
        progress: &PartitionProgress,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query(statement)
            .bind(self.name.as_str())
            .bind(progress.partition.topic.as_str())
            .bind(progress.partition.index)
            .bind(progress.next.0)
            .bind(progress.topic_id.as_ref().map(TopicId::as_str));
        within(self.answer_timeout, query.execute(connection)).await.map(drop)
    }
}
