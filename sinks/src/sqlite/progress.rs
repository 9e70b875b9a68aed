//! The progress that is kept beside the rows: how it is read, moved on and set.

use schemas::BoxFuture;
use schemas::record::{Offset, Partition, PartitionProgress, TopicId};
use schemas::sink::{KeepsProgress, Unavailable};
use sqlx::SqliteConnection;

use super::{SqliteSink, sql};

impl KeepsProgress for SqliteSink {
    fn progress<'a>(
        &'a self,
        partition: &'a Partition,
    ) -> BoxFuture<'a, Result<Option<PartitionProgress>, Unavailable>> {
        Box::pin(async move {
            let found: Result<Option<(i64, Option<String>)>, _> = sqlx::query_as(sql::PROGRESS)
                .bind(self.name.as_str())
                .bind(partition.topic.as_str())
                .bind(partition.index)
                .fetch_optional(&self.pool)
                .await;
            let found = found.map_err(|e| self.down(&e))?;
            Ok(found.map(|(next, topic_id)| PartitionProgress {
                partition: partition.clone(),
                topic_id: topic_id.map(TopicId::new),
                next: Offset(next),
            }))
        })
    }

    fn checkpoint<'a>(&'a self, progress: &'a PartitionProgress) -> BoxFuture<'a, Result<(), Unavailable>> {
        self.write_alone(sql::STORE_PROGRESS, progress)
    }

    fn set_progress<'a>(&'a self, progress: &'a PartitionProgress) -> BoxFuture<'a, Result<(), Unavailable>> {
        self.write_alone(sql::SET_PROGRESS, progress)
    }
}

impl SqliteSink {
    fn write_alone<'a>(
        &'a self,
        statement: &'static str,
        progress: &'a PartitionProgress,
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            let mut connection = self.pool.acquire().await.map_err(|e| self.down(&e))?;
            let written = self.write_progress(&mut connection, statement, progress).await;
            written.map_err(|e| self.down(&e))
        })
    }

    /// With [`sql::STORE_PROGRESS`] or [`sql::SET_PROGRESS`].
    pub(super) async fn write_progress(
        &self,
        connection: &mut SqliteConnection,
        statement: &'static str,
        progress: &PartitionProgress,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query(statement)
            .bind(self.name.as_str())
            .bind(progress.partition.topic.as_str())
            .bind(progress.partition.index)
            .bind(progress.next.0)
            .bind(progress.topic_id.as_ref().map(TopicId::as_str));
        query.execute(connection).await.map(drop)
    }
}
