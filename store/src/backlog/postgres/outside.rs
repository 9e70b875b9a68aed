//! What commands and the API ask: they own no partition, and give orders to those who do.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use schemas::backlog::{BacklogError, Waiting, What};
use schemas::name::{SinkName, TopicName};
use schemas::record::TopicId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::database::LIMIT;
use super::owner::find_or_make_stream;
use super::statements::{self, place};
use super::{PostgresBacklog, conditions, sql};
use crate::backlog::{Again, RowPlace, TargetRows};

/// All rows are counted: a second for some millions.
const COUNTING: Duration = Duration::from_mins(1);

/// So many deliveries are added in one transaction.
const TOGETHER: usize = 1000;

impl PostgresBacklog {
    /// Returns what waits for each target of the sink that has rows, sorted by name. Reads the whole table: for people and for
    /// gauges that are read once a minute, not for a loop.
    pub async fn targets(&self, sink: &SinkName) -> Result<Vec<TargetRows>, BacklogError> {
        let database = &self.shared.database;
        let mut connection = database.connection().await?;
        let query = sqlx::query(sql::TARGETS).bind(sink.as_str());
        let rows = database.within(COUNTING, query.fetch_all(&mut *connection)).await?;
        connection.done();
        rows.iter()
            .map(target_rows)
            .collect::<Result<_, _>>()
            .map_err(|error| database.unavailable(&error))
    }

    /// Returns where all deliveries lie that wait for a target. For people, as [`targets`](Self::targets).
    pub async fn places(&self, sink: &SinkName, target: &str) -> Result<HashSet<RowPlace>, BacklogError> {
        let database = &self.shared.database;
        let mut connection = database.connection().await?;
        let query = sqlx::query(sql::PLACES).bind(sink.as_str()).bind(target);
        let rows = database.within(COUNTING, query.fetch_all(&mut *connection)).await?;
        connection.done();
        let places = rows.iter().map(row_place).collect::<Result<_, _>>();
        places.map_err(|error| database.unavailable(&error))
    }

    /// Adds deliveries without owning their partitions, each with the number of its partition: they are due now, whatever they
    /// say. What becomes of one that waits already says `again`. The owners get an order to look, if there is something to see.
    /// Their order among what is delivered meanwhile is not promised.
    ///
    /// Returns how many were added or made due. After an error some may have been; adding them again is harmless.
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
        let (database, names) = (&self.shared.database, &self.shared.names);
        let topic_id = topic_id.map_or("", TopicId::as_str);
        let stream = find_or_make_stream(database, sink, topic.as_str(), topic_id).await?;
        let targets = deliveries.iter().map(|(_, waiting)| waiting.target.as_str());
        names.make(database, targets).await?;
        let mut done = 0;
        for together in deliveries.chunks(TOGETHER) {
            let mut connection = database.connection().await?;
            let mut transaction = database.begin(&mut connection).await?;
            // One statement cannot change a row twice.
            let mut met = BTreeSet::new();
            let mut rows = vec![];
            for (part, waiting) in together {
                let target = names.require(&waiting.target);
                let target = target.map_err(|error| database.unavailable(&error))?;
                let place = place((stream, *part), target, waiting.record.offset);
                if met.insert(place) {
                    rows.push((place, waiting));
                }
            }
            let changed = statements::insert(&mut transaction, statement, &mut rows).await;
            let changed = changed.map_err(|error| database.unavailable(&error))?;
            done += changed;
            let targets: BTreeSet<_> = together.iter().map(|(_, waiting)| waiting.target.as_str()).collect();
            for target in targets.into_iter().filter(|_| changed > 0) {
                conditions::add_order(database, &mut transaction, sink, target, What::Look).await?;
            }
            database.within(LIMIT, transaction.commit()).await?;
            connection.done();
        }
        Ok(done)
    }

    /// Lets the owners try the target now: what has a time of its own that is more than a minute away becomes due now, and an order
    /// to try is given. What is due sooner comes by itself; it may be under way. Returns how many were made due.
    pub async fn try_now(&self, sink: &SinkName, target: &str) -> Result<u64, BacklogError> {
        let database = &self.shared.database;
        let mut connection = database.connection().await?;
        let mut transaction = database.begin(&mut connection).await?;
        let query = sqlx::query(sql::MAKE_DUE).bind(sink.as_str()).bind(target);
        let changed = database.within(LIMIT, query.execute(&mut *transaction)).await?;
        if changed.rows_affected() > 0 {
            conditions::add_order(database, &mut transaction, sink, target, What::Look).await?;
        }
        conditions::add_order(database, &mut transaction, sink, target, What::Try).await?;
        database.within(LIMIT, transaction.commit()).await?;
        connection.done();
        Ok(changed.rows_affected())
    }
}

fn row_place(row: &PgRow) -> Result<RowPlace, sqlx::Error> {
    Ok(RowPlace {
        topic: row.try_get(0)?,
        topic_id: row.try_get(1)?,
        partition: row.try_get(2)?,
        offset: row.try_get(3)?,
    })
}

fn target_rows(row: &PgRow) -> Result<TargetRows, sqlx::Error> {
    let count = |at: usize| Ok::<_, sqlx::Error>(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or_default());
    Ok(TargetRows {
        target: row.try_get(0)?,
        in_line: count(1)?,
        with_time: count(2)?,
        oldest_since: super::claim::timestamp(row.try_get(3)?),
        next_due: row
            .try_get::<Option<chrono::DateTime<chrono::Utc>>, _>(4)?
            .map(super::claim::timestamp),
    })
}
