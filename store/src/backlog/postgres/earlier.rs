//! What waits for an earlier topic of the same name. A topic that was deleted and made anew is another one, with offsets that begin
//! again; what waited for the old one has no record in the new one, but all of it is in its row. So whoever claims a partition of the
//! new topic takes these rows over, with offsets before all of its own: they go out first, in their order.

use std::sync::Arc;

use ::database::postgres::Session;
use schemas::backlog::BacklogError;
use schemas::name::SinkName;
use schemas::record::Partition;
use sqlx::Row as _;

use super::Shared;
use super::database::LIMIT;
use super::owner::Held;
use super::sql;
use crate::backlog::APART;

/// So many rows are taken over in one transaction.
const TOGETHER: i64 = 5_000;

impl Shared {
    /// Takes over what waits for earlier topics in a partition that was just claimed. What another process still owns is left to it.
    pub(super) async fn take_over_earlier(
        &self,
        sink: &SinkName,
        partition: &Partition,
        held: &Arc<Held>,
    ) -> Result<(), BacklogError> {
        let database = &self.database;
        let mut connection = database.connection().await?;
        let query = sqlx::query(sql::EARLIER)
            .bind(sink.as_str())
            .bind(partition.topic.as_str())
            .bind(held.stream)
            .bind(held.part);
        let rows = database.within(LIMIT, query.fetch_all(&mut *connection)).await?;
        let earlier = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let earlier: Vec<(i32, bool)> = earlier
            .collect::<Result<_, _>>()
            .map_err(|error| database.unavailable(&error))?;
        // The newest comes first, so that what is older goes out before it.
        for ((stream, _), apart) in earlier.into_iter().zip(1..).filter(|((_, rows), _)| *rows) {
            let mut taken = 0;
            loop {
                let Some(moved) = self.move_some(&mut connection, stream, held, apart * APART).await? else {
                    tracing::warn!(%sink, %partition,
                        "deliveries wait here for an earlier topic of this name, and another process still has them: they are taken \
                         over when this partition is claimed again, at the next restart");
                    break;
                };
                if moved == 0 {
                    tracing::info!(%sink, %partition, count = taken,
                        "deliveries that waited for an earlier topic of this name are taken over: they go out before what is new");
                    break;
                }
                taken += moved;
            }
        }
        connection.done();
        Ok(())
    }

    /// Moves some rows of an earlier topic. Returns how many; `None` if another process owns them.
    async fn move_some(
        &self,
        connection: &mut Session,
        stream: i32,
        held: &Held,
        by: i64,
    ) -> Result<Option<u64>, BacklogError> {
        let database = &self.database;
        let mut transaction = database.begin(connection).await?;
        // Claimed and given up at once: whoever had it before changes nothing any more.
        let query = sqlx::query_scalar(sql::CLAIM)
            .bind(stream)
            .bind(held.part)
            .bind(self.owner)
            .bind(0.0_f64);
        let epoch: Option<i64> = database.within(LIMIT, query.fetch_optional(&mut *transaction)).await?;
        if epoch.is_none() {
            return Ok(None);
        }
        let query = sqlx::query(sql::FENCE)
            .bind(self.owner)
            .bind(vec![held.stream])
            .bind(vec![held.part])
            .bind(vec![held.epoch]);
        let ours = database.within(LIMIT, query.fetch_optional(&mut *transaction)).await?;
        if ours.is_none() {
            return Err(BacklogError::NotOwner);
        }
        let query = sqlx::query(sql::TAKE_OVER)
            .bind(stream)
            .bind(held.part)
            .bind(held.stream)
            .bind(by)
            .bind(TOGETHER);
        let moved = database.within(LIMIT, query.execute(&mut *transaction)).await?;
        database.within(LIMIT, transaction.commit()).await?;
        Ok(Some(moved.rows_affected()))
    }
}
