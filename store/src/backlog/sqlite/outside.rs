//! What commands and the API ask, as for [`PostgresBacklog`](crate::backlog::PostgresBacklog).

use std::collections::{BTreeSet, HashSet};

use schemas::backlog::{BacklogError, Waiting, What};
use schemas::name::{SinkName, TopicName};
use schemas::record::TopicId;
use schemas::time::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::claim::{insert, make_target};
use super::database::timestamp;
use super::{SqliteBacklog, conditions, find_or_make_stream, sql};
use crate::backlog::{Again, RowPlace, TargetRows};

impl SqliteBacklog {
    /// As [`PostgresBacklog::targets`](crate::backlog::PostgresBacklog::targets).
    pub async fn targets(&self, sink: &SinkName) -> Result<Vec<TargetRows>, BacklogError> {
        let found = self.database.within(async {
            let mut connection = self.database.connection().await?;
            let query = sqlx::query(sql::TARGETS).bind(sink.as_str());
            let rows = query.fetch_all(&mut *connection).await?;
            rows.iter().map(target_rows).collect()
        });
        found.await
    }

    /// As [`PostgresBacklog::places`](crate::backlog::PostgresBacklog::places).
    pub async fn places(&self, sink: &SinkName, target: &str) -> Result<HashSet<RowPlace>, BacklogError> {
        let found = self.database.within(async {
            let mut connection = self.database.connection().await?;
            let query = sqlx::query(sql::PLACES).bind(sink.as_str()).bind(target);
            let rows = query.fetch_all(&mut *connection).await?;
            rows.iter().map(row_place).collect()
        });
        found.await
    }

    /// As [`PostgresBacklog::add_from_outside`](crate::backlog::PostgresBacklog::add_from_outside), in one transaction.
    pub async fn add_from_outside(
        &self,
        sink: &SinkName,
        topic: &TopicName,
        topic_id: Option<&TopicId>,
        deliveries: Vec<(i32, Waiting)>,
        again: Again,
    ) -> Result<u64, BacklogError> {
        let statement = match again {
            Again::DueNow => sql::ADD_FROM_OUTSIDE,
            Again::AsItIs => sql::ADD_MISSING_FROM_OUTSIDE,
        };
        let added = self.database.within(async {
            let mut transaction = self.database.begin().await?;
            let stream = find_or_make_stream(&mut transaction, sink, topic.as_str(), topic_id).await?;
            let targets: BTreeSet<_> = deliveries.iter().map(|(_, waiting)| waiting.target.as_str()).collect();
            for target in &targets {
                make_target(&mut transaction, target).await?;
            }
            let due = Some(Timestamp::now());
            let mut met = HashSet::new();
            let mut done = 0;
            for (part, waiting) in &deliveries {
                if met.insert((*part, waiting.target.as_str(), waiting.record.offset)) {
                    let waiting = Waiting { due, ..waiting.clone() };
                    done += insert(&mut transaction, statement, (stream, *part), &waiting).await?;
                }
            }
            for target in targets.into_iter().filter(|_| done > 0) {
                conditions::add_order(&mut transaction, sink, target, What::Look).await?;
            }
            transaction.commit().await?;
            Ok(done)
        });
        added.await
    }

    /// As [`PostgresBacklog::try_now`](crate::backlog::PostgresBacklog::try_now).
    pub async fn try_now(&self, sink: &SinkName, target: &str) -> Result<u64, BacklogError> {
        let tried = self.database.within(async {
            let mut transaction = self.database.begin().await?;
            let query = sqlx::query(sql::MAKE_DUE).bind(sink.as_str()).bind(target);
            let query = query.bind(Timestamp::now().millis());
            let changed = query.execute(&mut *transaction).await?.rows_affected();
            if changed > 0 {
                conditions::add_order(&mut transaction, sink, target, What::Look).await?;
            }
            conditions::add_order(&mut transaction, sink, target, What::Try).await?;
            transaction.commit().await?;
            Ok(changed)
        });
        tried.await
    }
}

fn row_place(row: &SqliteRow) -> Result<RowPlace, sqlx::Error> {
    Ok(RowPlace {
        topic: row.try_get(0)?,
        topic_id: row.try_get(1)?,
        partition: row.try_get(2)?,
        offset: row.try_get(3)?,
    })
}

fn target_rows(row: &SqliteRow) -> Result<TargetRows, sqlx::Error> {
    let count = |at: usize| Ok::<_, sqlx::Error>(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or_default());
    Ok(TargetRows {
        target: row.try_get(0)?,
        in_line: count(1)?,
        with_time: count(2)?,
        oldest_since: timestamp(row.try_get(3)?),
        next_due: row.try_get::<Option<i64>, _>(4)?.map(timestamp),
    })
}
