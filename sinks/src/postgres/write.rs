//! One batch, one transaction. All writers take their locks in one order: events by id, then variants by id, then
//! the tables of state by their keys, then hours by their keys, then receipts, then the progress.

use std::collections::HashSet;
use std::ops::Range;

use chrono::{DateTime, Utc};
use database::postgres::{Session, within};
use schemas::id::{EventId, IdTime};
use schemas::time::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgBindIterExt as _;
use uuid::Uuid;

use super::partitions::is_missing;
use super::refusal::{halve, refusal};
use super::{PostgresSink, sql};
use crate::state::State;
use crate::table::{Hours, Plan, Receipt, Receipts, Row, Written};

impl PostgresSink {
    /// Writes what `plan` says and marks in it what was refused.
    pub(super) async fn write(&self, connection: &mut Session, plan: &mut Plan<'_>) -> Result<Written, sqlx::Error> {
        let halves = plan.hash_halves();
        if !halves.is_empty() {
            let stored = self.receipts(connection, &halves).await?;
            plan.leave_out_repeats(Receipts::new(self.receipt_window_seconds, stored));
        }
        self.partitions.expire(plan);
        match self.write_rows(connection, plan).await {
            Err(error) if is_missing(&error) => {
                // Each of its statements is answered in time, or the whole is given up.
                within(self.answer_timeout, self.partitions.make_room(connection, plan)).await?;
                self.write_rows(connection, plan).await
            }
            result => result,
        }
    }

    async fn write_rows(&self, connection: &mut Session, plan: &mut Plan<'_>) -> Result<Written, sqlx::Error> {
        // Nearly every batch goes through whole. One that does not is begun anew, with savepoints.
        match self.transaction(connection, plan, false).await {
            Err(error) if refusal(&error).is_some() => self.transaction(connection, plan, true).await,
            result => result,
        }
    }

    async fn transaction(
        &self,
        connection: &mut Session,
        plan: &mut Plan<'_>,
        halving: bool,
    ) -> Result<Written, sqlx::Error> {
        let mut transaction = within(self.answer_timeout, connection.begin()).await?;
        let mut rows = Rows::default();
        for piece in plan.pieces() {
            if halving {
                self.insert_halving(&mut transaction, plan, piece, &mut rows).await?;
            } else {
                let new = self.insert(&mut transaction, &plan.rows[piece.clone()]).await?;
                rows.went_in(plan, piece, &new);
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
        let new = rows.new.iter().filter_map(|&place| plan.rows.get(place));
        self.count_hours(&mut transaction, &Hours::of(new)).await?;
        self.insert_receipts(&mut transaction, plan).await?;
        if let Some(progress) = plan.progress() {
            self.write_progress(&mut transaction, sql::STORE_PROGRESS, &progress)
                .await?;
        }
        within(self.answer_timeout, transaction.commit()).await?;
        Ok(Written {
            inserted: u64::try_from(rows.new.len()).unwrap_or(u64::MAX),
            expired: plan.expired(),
            differing: differing.counted,
            state,
        })
    }

    /// Inserts a piece; while a part of it is refused, its two halves. One culprit among 1000 costs about 20 statements;
    /// never more than two per row.
    async fn insert_halving(
        &self,
        connection: &mut Session,
        plan: &mut Plan<'_>,
        piece: Range<usize>,
        rows: &mut Rows,
    ) -> Result<(), sqlx::Error> {
        let mut parts = vec![piece];
        while let Some(part) = parts.pop() {
            self.run(connection, sql::SAVEPOINT).await?;
            let inserted = self.insert(connection, &plan.rows[part.clone()]).await;
            match self.release(connection, inserted).await? {
                Ok(new) => rows.went_in(plan, part, &new),
                Err(reason) if part.len() == 1 => plan.reject(plan.rows[part.start].delivery, reason),
                Err(_) => halve(&part, &mut parts),
            }
        }
        Ok(())
    }

    /// Inserts rows; returns the ids of those that were not there.
    async fn insert(&self, connection: &mut Session, rows: &[Row<'_>]) -> Result<HashSet<Uuid>, sqlx::Error> {
        let query = sqlx::query_scalar(sql::INSERT_EVENTS)
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
        let new = within(self.answer_timeout, query.fetch_all(connection)).await?;
        Ok(new.into_iter().collect())
    }

    async fn receipts(&self, connection: &mut Session, halves: &[[u8; 10]]) -> Result<Vec<Receipt>, sqlx::Error> {
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

    async fn insert_receipts(&self, connection: &mut Session, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
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
    pub(super) async fn forget_old_receipts(&self, connection: &mut Session) -> Result<(), sqlx::Error> {
        if !self.forgetting.is_due() {
            return Ok(());
        }
        let query = sqlx::query(sql::FORGET_RECEIPTS).bind(f64::from(self.receipt_retention_seconds));
        within(self.answer_timeout, query.execute(connection)).await.map(drop)
    }

    pub(super) async fn run(&self, connection: &mut Session, statement: &'static str) -> Result<(), sqlx::Error> {
        within(self.answer_timeout, sqlx::raw_sql(statement).execute(connection))
            .await
            .map(drop)
    }
}

/// What became of the rows of a batch, by their places; what was refused is in neither.
#[derive(Debug, Default)]
struct Rows {
    new: Vec<usize>,
    /// Those that existed already.
    conflicting: Vec<usize>,
}

impl Rows {
    fn went_in(&mut self, plan: &Plan<'_>, part: Range<usize>, new: &HashSet<Uuid>) {
        for place in part {
            let is_new = plan.rows.get(place).is_some_and(|row| new.contains(&row.id.uuid()));
            if is_new {
                self.new.push(place);
            } else {
                self.conflicting.push(place);
            }
        }
    }
}
