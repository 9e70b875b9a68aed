//! The backlog in a SQLite file, for the one process that has it.
//!
//! Who owns a partition is known in memory. A claim takes the lock that writing takes, so it waits for a write under way, and a
//! write that comes later finds that its claim is no longer the newest.

mod claim;
mod conditions;
mod database;
mod outside;
mod sql;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use schemas::BoxFuture;
use schemas::backlog::{Backlog, BacklogError, Claim, Condition, Finding, Order, TargetRows};
use schemas::name::SinkName;
use schemas::record::{Partition, TopicId};
use sqlx::{SqliteConnection, SqlitePool};

use super::APART;
use claim::SqliteClaim;
use database::Database;

/// The backlog in a SQLite file. Clones share their claims.
#[derive(Debug, Clone)]
pub struct SqliteBacklog {
    database: Database,
    newest: Arc<Newest>,
}

impl SqliteBacklog {
    /// A backlog in the file of this pool, whose tables must be there before something is asked. `journal_mode` has to be WAL
    /// and `synchronous` FULL: what is in the backlog is settled in the event log, so it must survive a power cut. No other
    /// process may claim partitions of the file; one that only asks from outside may have it at the same time.
    pub fn new(pool: SqlitePool) -> Self {
        Self {
            database: Database::new(pool),
            newest: Arc::default(),
        }
    }
}

impl SqliteBacklog {
    /// Takes over what waits in the partition for earlier topics of the same name: with offsets before all of the new one, so that it
    /// goes out first, in its order. Returns how much it is.
    async fn take_over_earlier(
        &self,
        connection: &mut SqliteConnection,
        sink: &SinkName,
        partition: &Partition,
        stream: i64,
    ) -> Result<u64, sqlx::Error> {
        let query = sqlx::query_scalar(sql::EARLIER).bind(sink.as_str());
        let query = query.bind(partition.topic.as_str()).bind(stream);
        let earlier: Vec<i64> = query.fetch_all(&mut *connection).await?;
        let mut taken = 0;
        for (earlier, apart) in earlier.into_iter().zip(1..) {
            // Who has claimed it writes nothing any more.
            self.newest.raise((earlier, partition.index));
            let query = sqlx::query(sql::TAKE_OVER).bind(earlier).bind(partition.index);
            let query = query.bind(stream).bind(apart * APART);
            taken += query.execute(&mut *connection).await?.rows_affected();
        }
        Ok(taken)
    }
}

/// The number of the newest claim of each stream and partition.
#[derive(Debug, Default)]
struct Newest {
    epochs: Mutex<HashMap<(i64, i32), u64>>,
}

impl Newest {
    /// Counts on: older claims are lost.
    fn raise(&self, place: (i64, i32)) -> u64 {
        let mut epochs = self.epochs.lock();
        let epoch = epochs.entry(place).or_default();
        *epoch += 1;
        *epoch
    }

    fn get(&self, place: (i64, i32)) -> Option<u64> {
        self.epochs.lock().get(&place).copied()
    }
}

/// Returns the number of the sink and topic, and gives it one if it has none.
async fn find_or_make_stream(
    connection: &mut SqliteConnection,
    sink: &SinkName,
    topic: &str,
    topic_id: Option<&TopicId>,
) -> Result<i64, sqlx::Error> {
    let topic_id = topic_id.map_or("", TopicId::as_str);
    sqlx::query(sql::MAKE_STREAM)
        .bind(sink.as_str())
        .bind(topic)
        .bind(topic_id)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar(sql::FIND_STREAM)
        .bind(sink.as_str())
        .bind(topic)
        .bind(topic_id)
        .fetch_one(connection)
        .await
}

impl Backlog for SqliteBacklog {
    fn waiting<'a>(&'a self, sink: &'a SinkName) -> BoxFuture<'a, Result<Vec<TargetRows>, BacklogError>> {
        Box::pin(self.targets(sink))
    }

    fn claim<'a>(
        &'a self,
        sink: &'a SinkName,
        partition: &'a Partition,
        topic_id: Option<&'a TopicId>,
    ) -> BoxFuture<'a, Result<Arc<dyn Claim>, BacklogError>> {
        Box::pin(async move {
            let claimed = self.database.within(async {
                let mut transaction = self.database.begin().await?;
                let topic = partition.topic.as_str();
                let stream = find_or_make_stream(&mut transaction, sink, topic, topic_id).await?;
                // While the lock is held: see the top.
                let epoch = self.newest.raise((stream, partition.index));
                let taken = match topic_id {
                    Some(_) => {
                        self.take_over_earlier(&mut transaction, sink, partition, stream)
                            .await?
                    }
                    None => 0,
                };
                transaction.commit().await?;
                Ok((stream, epoch, taken))
            });
            let (stream, epoch, taken) = claimed.await?;
            if taken > 0 {
                tracing::info!(%sink, %partition, count = taken,
                    "deliveries that waited for an earlier topic of this name are taken over: they go out before what is new");
            }
            let claim: Arc<dyn Claim> = Arc::new(SqliteClaim {
                database: self.database.clone(),
                newest: Arc::clone(&self.newest),
                place: (stream, partition.index),
                epoch,
            });
            Ok(claim)
        })
    }

    fn conditions<'a>(
        &'a self,
        sink: &'a SinkName,
        after: Option<i64>,
    ) -> BoxFuture<'a, Result<Vec<Condition>, BacklogError>> {
        Box::pin(self.database.within(conditions::read(&self.database, sink, after)))
    }

    fn note<'a>(
        &'a self,
        sink: &'a SinkName,
        target: &'a str,
        finding: Finding,
    ) -> BoxFuture<'a, Result<Option<Condition>, BacklogError>> {
        Box::pin(
            self.database
                .within(conditions::note(&self.database, sink, target, finding)),
        )
    }

    fn orders<'a>(&'a self, sink: &'a SinkName, after: i64) -> BoxFuture<'a, Result<Vec<Order>, BacklogError>> {
        Box::pin(self.database.within(conditions::orders(&self.database, sink, after)))
    }

    fn newest_order<'a>(&'a self, sink: &'a SinkName) -> BoxFuture<'a, Result<i64, BacklogError>> {
        Box::pin(self.database.within(conditions::newest_order(&self.database, sink)))
    }
}
