//! One batch, one transaction.

use database::sqlite::refusal;
use schemas::id::{HashHalf, IdTime};
use schemas::time::Timestamp;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::state::write_state;
use super::variants::keep_variants;
use super::{SqliteSink, sql};
use crate::state::State;
use crate::table::{Plan, Receipt, Receipts, Row, Written};

impl SqliteSink {
    /// Writes what `plan` says and marks in it what was refused.
    pub(super) async fn write(&self, plan: &mut Plan<'_>) -> Result<Written, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let written = self.write_through(&mut connection, plan).await;
        if written.is_err() {
            // A full disk, among others, ends the transaction inside SQLite. The connection does not notice, and would
            // refuse to begin another one for ever.
            connection.close_on_drop();
        }
        written
    }

    async fn write_through(
        &self,
        connection: &mut SqliteConnection,
        plan: &mut Plan<'_>,
    ) -> Result<Written, sqlx::Error> {
        let mut transaction = connection.begin_with(sql::BEGIN).await?;
        let halves = plan.hash_halves();
        if !halves.is_empty() {
            let stored = receipts(&mut transaction, &halves).await?;
            plan.leave_out_repeats(Receipts::new(self.config.receipt_window_seconds, stored));
        }
        let mut inserted = 0;
        let (mut conflicting, mut refused) = (Vec::new(), Vec::new());
        for (place, row) in plan.rows.iter().enumerate() {
            match insert(&mut transaction, row).await {
                Ok(0) => conflicting.push(place),
                Ok(rows) => inserted += rows,
                Err(error) => match refusal(&error) {
                    Some(reason) => refused.push((row.delivery, reason)),
                    None => return Err(error),
                },
            }
        }
        for (delivery, reason) in refused {
            plan.reject(delivery, reason);
        }
        let differing = keep_variants(&mut transaction, plan, &conflicting).await?;
        // Only now is it known which rows stand.
        let state = if self.config.state.is_empty() {
            State::default()
        } else {
            State::of(plan.standing(&differing.all))
        };
        let state = write_state(&mut transaction, &state, &self.config.state).await?;
        for row in plan.rows.iter().filter(|row| row.id_time == IdTime::Received) {
            if !plan.is_rejected(row) {
                insert_receipt(&mut transaction, row).await?;
            }
        }
        if let Some(progress) = plan.progress() {
            self.write_progress(&mut transaction, sql::STORE_PROGRESS, &progress)
                .await?;
        }
        transaction.commit().await?;
        Ok(Written {
            inserted,
            differing: differing.counted,
            state,
        })
    }

    /// Now and then removes a few old receipts.
    pub(super) async fn forget_old_receipts(&self) -> Result<(), sqlx::Error> {
        if !self.forgetting.is_due() {
            return Ok(());
        }
        let keep_ms = i64::from(self.config.receipt_retention_seconds) * 1000;
        let before = Timestamp::from_millis(Timestamp::now().millis() - keep_ms).unwrap_or(Timestamp::MIN);
        let query = sqlx::query(sql::FORGET_RECEIPTS).bind(before.to_string());
        query.execute(&self.pool).await.map(drop)
    }
}

async fn insert(connection: &mut SqliteConnection, row: &Row<'_>) -> Result<u64, sqlx::Error> {
    let query = sqlx::query(sql::INSERT_EVENT)
        .bind(row.id.to_string())
        .bind(row.time.to_string())
        .bind(row.received.to_string())
        .bind(row.log_offset)
        .bind(row.partition.index)
        .bind(row.partition.topic.as_str())
        .bind(row.tenant)
        .bind(&*row.source)
        .bind(&*row.platform)
        .bind(row.event_type)
        .bind(row.subject.as_deref())
        .bind(&*row.partition_key)
        .bind(row.rules_version)
        .bind(&row.raw_sha256[..])
        .bind(&*row.data)
        .bind(row.raw)
        .bind(row.account.as_deref())
        .bind(row.schema_version)
        .bind(row.id_time_word());
    Ok(query.execute(connection).await?.rows_affected())
}

async fn receipts(connection: &mut SqliteConnection, halves: &[HashHalf]) -> Result<Vec<Receipt>, sqlx::Error> {
    let mut receipts = Vec::new();
    for half in halves {
        let query = sqlx::query(sql::RECEIPTS).bind(&half[..]);
        for row in query.fetch_all(&mut *connection).await? {
            let (id, received): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            // Both were written by `insert_receipt`.
            if let (Ok(id), Some(received)) = (id.parse(), Timestamp::parse(&received)) {
                receipts.push(Receipt { id, received });
            }
        }
    }
    Ok(receipts)
}

async fn insert_receipt(connection: &mut SqliteConnection, row: &Row<'_>) -> Result<(), sqlx::Error> {
    let half = row.id.hash_half();
    let query = sqlx::query(sql::INSERT_RECEIPT)
        .bind(&half[..])
        .bind(row.received.to_string())
        .bind(row.id.to_string());
    query.execute(connection).await.map(drop)
}
