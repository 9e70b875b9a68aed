//! One batch, one transaction. All writers take their locks in one order: events by id, then variants by id, then
//! the tables of state by their keys, then receipts, then the progress.

use std::ops::Range;

use chrono::{DateTime, Utc};
use database::postgres::within;
use schemas::id::{EventId, IdTime};
use schemas::time::Timestamp;
use sqlx::postgres::PgBindIterExt as _;
use sqlx::{Connection as _, PgConnection, Row as _};
use uuid::Uuid;

use super::refusal::refusal;
use super::{PostgresSink, sql};
use crate::state::State;
use crate::table::{Plan, Receipt, Receipts, Row, Written};

impl PostgresSink {
    /// Writes what `plan` says and marks in it what was refused.
    pub(super) async fn write(
        &self,
        connection: &mut PgConnection,
        plan: &mut Plan<'_>,
    ) -> Result<Written, sqlx::Error> {
        let halves = plan.hash_halves();
        if !halves.is_empty() {
            let stored = self.receipts(connection, &halves).await?;
            plan.leave_out_repeats(Receipts::new(self.receipt_window_seconds, stored));
        }
        // Nearly every batch goes through whole. One that does not is begun anew, with savepoints.
        match self.transaction(connection, plan, false).await {
            Err(error) if refusal(&error).is_some() => self.transaction(connection, plan, true).await,
            result => result,
        }
    }

    async fn transaction(
        &self,
        connection: &mut PgConnection,
        plan: &mut Plan<'_>,
        halving: bool,
    ) -> Result<Written, sqlx::Error> {
        let mut transaction = within(self.answer_timeout, connection.begin()).await?;
        let mut rows = Rows::default();
        for piece in plan.pieces() {
            if halving {
                self.insert_halving(&mut transaction, plan, piece, &mut rows).await?;
            } else {
                let inserted = self.insert(&mut transaction, &plan.rows[piece.clone()]).await?;
                rows.went_in(piece, inserted);
            }
        }
        let differing = self
            .keep_variants(&mut transaction, plan, &rows.conflicting, halving)
            .await?;
        // Only now is it known which rows stand.
        let state = if self.state.is_empty() {
            State::default()
        } else {
            State::of(plan.standing(&differing.all))
        };
        let state = self.write_state(&mut transaction, &state, halving).await?;
        self.insert_receipts(&mut transaction, plan).await?;
        if let Some(progress) = plan.progress() {
            self.write_progress(&mut transaction, sql::STORE_PROGRESS, &progress)
                .await?;
        }
        within(self.answer_timeout, transaction.commit()).await?;
        Ok(Written {
            inserted: rows.inserted,
            differing: differing.counted,
            state,
        })
    }

    /// Inserts a piece; while a part of it is refused, its two halves. One culprit among 1000 costs about 20 statements;
    /// never more than two per row.
    async fn insert_halving(
        &self,
        connection: &mut PgConnection,
        plan: &mut Plan<'_>,
        piece: Range<usize>,
        rows: &mut Rows,
    ) -> Result<(), sqlx::Error> {
        let mut parts = vec![piece];
        while let Some(part) = parts.pop() {
            self.run(connection, sql::SAVEPOINT).await?;
            match self.insert(connection, &plan.rows[part.clone()]).await {
                Ok(inserted) => {
                    self.run(connection, sql::RELEASE).await?;
                    rows.went_in(part, inserted);
                }
                Err(error) => {
                    let Some(reason) = refusal(&error) else {
                        return Err(error);
                    };
                    self.run(connection, sql::ROLLBACK_TO).await?;
                    if part.len() == 1 {
                        plan.reject(plan.rows[part.start].delivery, reason);
                    } else {
                        // The left half comes off the stack first: locks are still taken in order.
                        let middle = part.start + part.len() / 2;
                        parts.push(middle..part.end);
                        parts.push(part.start..middle);
                    }
                }
            }
        }
        Ok(())
    }

    async fn insert(&self, connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<u64, sqlx::Error> {
        let query = sqlx::query(sql::INSERT_EVENTS)
            .bind(rows.iter().map(|r| r.id.uuid()).bind_iter())
            .bind(rows.iter().map(|r| r.time.to_datetime()).bind_iter())
            .bind(rows.iter().map(|r| r.received.to_datetime()).bind_iter())
            .bind(rows.iter().map(|r| r.log_offset).bind_iter())
            .bind(rows.iter().map(|r| r.tenant).bind_iter())
            .bind(rows.iter().map(|r| &*r.source).bind_iter())
            .bind(rows.iter().map(|r| &*r.platform).bind_iter())
            .bind(rows.iter().map(|r| r.event_type).bind_iter())
            .bind(rows.iter().map(|r| r.subject.as_deref()).bind_iter())
            .bind(rows.iter().map(|r| &*r.partition_key).bind_iter())
            .bind(rows.iter().map(|r| r.rules_version).bind_iter())
            .bind(rows.iter().map(|r| &r.raw_sha256[..]).bind_iter())
            .bind(rows.iter().map(|r| &*r.data).bind_iter())
            .bind(rows.iter().map(|r| r.raw).bind_iter())
            .bind(rows.iter().map(|r| r.partition.index).bind_iter())
            .bind(rows.iter().map(|r| r.partition.topic.as_str()).bind_iter())
            .bind(rows.iter().map(|r| r.account.as_deref()).bind_iter())
            .bind(rows.iter().map(|r| r.schema_version).bind_iter())
            .bind(rows.iter().map(Row::id_time_word).bind_iter());
        let done = within(self.answer_timeout, query.execute(connection)).await?;
        Ok(done.rows_affected())
    }

    async fn receipts(&self, connection: &mut PgConnection, halves: &[[u8; 10]]) -> Result<Vec<Receipt>, sqlx::Error> {
        let query = sqlx::query(sql::RECEIPTS).bind(halves.iter().map(|h| &h[..]).bind_iter());
        let rows = within(self.answer_timeout, query.fetch_all(connection)).await?;
        rows.iter()
            .map(|row| {
                let received: DateTime<Utc> = row.try_get(1)?;
                Ok(Receipt {
                    id: EventId::from(row.try_get::<Uuid, _>(0)?),
                    received: Timestamp::from_millis(received.timestamp_millis()).unwrap_or(Timestamp::MIN),
                })
            })
            .collect()
    }

    async fn insert_receipts(&self, connection: &mut PgConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
        let stored = plan.rows.iter().filter(|row| row.id_time == IdTime::Received);
        let mut receipts: Vec<_> = stored
            .filter(|row| !plan.is_rejected(row))
            .map(|row| (row.id.hash_half(), row.received.to_datetime(), row.id.uuid()))
            .collect();
        if receipts.is_empty() {
            return Ok(());
        }
        receipts.sort_unstable();
        let query = sqlx::query(sql::INSERT_RECEIPTS)
            .bind(receipts.iter().map(|r| &r.0[..]).bind_iter())
            .bind(receipts.iter().map(|r| r.1).bind_iter())
            .bind(receipts.iter().map(|r| r.2).bind_iter());
        within(self.answer_timeout, query.execute(connection)).await.map(drop)
    }

    /// Now and then removes a few old receipts.
    pub(super) async fn forget_old_receipts(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.forgetting.is_due() {
            return Ok(());
        }
        let query = sqlx::query(sql::FORGET_RECEIPTS).bind(f64::from(self.receipt_retention_seconds));
        within(self.answer_timeout, query.execute(connection)).await.map(drop)
    }

    pub(super) async fn run(&self, connection: &mut PgConnection, statement: &'static str) -> Result<(), sqlx::Error> {
        within(self.answer_timeout, sqlx::raw_sql(statement).execute(connection))
            .await
            .map(drop)
    }
}

/// What became of the rows of a batch.
#[derive(Debug, Default)]
struct Rows {
    inserted: u64,
    /// The places of those of which some rows existed already.
    conflicting: Vec<usize>,
}

impl Rows {
    fn went_in(&mut self, part: Range<usize>, inserted: u64) {
        self.inserted += inserted;
        if usize::try_from(inserted) != Ok(part.len()) {
            self.conflicting.extend(part);
        }
    }
}
