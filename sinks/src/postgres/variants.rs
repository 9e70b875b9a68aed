//! Repeats whose body differs from the stored one, in the transaction of their batch. A batch without repeats asks nothing. One
//! with repeats that say the same asks once, for a digest of each stored body; only where a digest differs are bodies read.

use std::collections::HashMap;
use std::ops::Range;

use chrono::{DateTime, Utc};
use database::postgres::{Session, within};
use futures_util::TryStreamExt as _;
use schemas::id::EventId;
use schemas::time::Timestamp;
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use sqlx::postgres::PgBindIterExt as _;
use uuid::Uuid;

use super::{PostgresSink, sql};
use crate::table::{Differing, Last, Plan, Repeat, Stored, Variants, Writing, pieces};

impl PostgresSink {
    /// Keeps and counts what differs, and marks in `plan` what was refused.
    pub(super) async fn keep_variants(
        &self,
        connection: &mut Session,
        plan: &mut Plan<'_>,
        conflicting: &[usize],
        one_by_one: bool,
    ) -> Result<Differing, sqlx::Error> {
        let repeats = plan.repeats(conflicting);
        if repeats.is_empty() {
            return Ok(Differing::default());
        }
        let suspects = self.suspects(connection, &repeats).await?;
        let differing = self.differing(connection, &suspects).await?;
        if differing.is_empty() {
            return Ok(Differing::default());
        }
        let all = differing.iter().map(|repeat| repeat.row.delivery).collect();
        let mut variants = Variants::default();
        self.known_variants(connection, &differing, &mut variants).await?;
        for repeat in differing {
            variants.count(repeat);
        }
        let writing = variants.to_write();
        let (mut counted, mut refused) = (Vec::new(), Vec::new());
        for piece in pieces(writing.iter().map(Writing::size)) {
            let parts: Vec<Range<usize>> = if one_by_one {
                piece.map(|place| place..place + 1).collect()
            } else {
                vec![piece]
            };
            for part in parts {
                let part = &writing[part];
                let deliveries = part.iter().flat_map(|w| &w.variant.deliveries).copied();
                match self.write_variants(connection, part, one_by_one).await? {
                    None => counted.extend(deliveries),
                    Some(reason) => refused.extend(deliveries.map(|delivery| (delivery, reason.clone()))),
                }
            }
        }
        for (delivery, reason) in refused {
            plan.reject_repeat(delivery, &reason);
        }
        Ok(Differing { all, counted })
    }

    /// The repeats whose bytes are not the stored ones.
    async fn suspects<'p>(
        &self,
        connection: &mut Session,
        repeats: &[Repeat<'p>],
    ) -> Result<Vec<Repeat<'p>>, sqlx::Error> {
        let query = sqlx::query(sql::REPEATED)
            .bind(repeats.iter().map(|r| r.of.uuid()).bind_iter())
            .bind(repeats.iter().map(|r| r.row.received.to_datetime()).bind_iter())
            .bind(repeats.iter().map(|r| r.row.log_offset).bind_iter())
            .bind(repeats.iter().map(|r| r.row.partition.index).bind_iter())
            .bind(repeats.iter().map(|r| r.row.partition.topic.as_str()).bind_iter());
        let rows = within(self.answer_timeout, query.fetch_all(connection)).await?;
        let mut suspects: Vec<Repeat<'p>> = Vec::new();
        for row in &rows {
            let (number, digest): (i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            let repeat = usize::try_from(number - 1).ok().and_then(|place| repeats.get(place));
            // Without a body there is nothing to digest.
            suspects.extend(repeat.filter(|r| r.row.raw.is_empty() || digest != Sha256::digest(r.row.raw).as_slice()));
        }
        // In whatever order the server found them.
        suspects.sort_unstable_by_key(|repeat| repeat.row.delivery);
        Ok(suspects)
    }

    /// The repeats that say something else than what is stored.
    async fn differing<'p>(
        &self,
        connection: &mut Session,
        suspects: &[Repeat<'p>],
    ) -> Result<Vec<Repeat<'p>>, sqlx::Error> {
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        let mut by_id: HashMap<EventId, Vec<Repeat<'p>>> = HashMap::new();
        for repeat in suspects {
            by_id.entry(repeat.of).or_default().push(*repeat);
        }
        let ids = by_id.keys().map(|id| id.uuid()).collect::<Vec<_>>();
        let mut differing = Vec::new();
        // One after the other: all of them at once may be large.
        let mut bodies = sqlx::query(sql::STORED_BODIES).bind(ids).fetch(connection);
        while let Some(row) = within(self.answer_timeout, bodies.try_next()).await? {
            let stored = Stored {
                raw: row.try_get(1)?,
                data: row.try_get(2)?,
            };
            let repeats = by_id
                .remove(&EventId::from(row.try_get::<Uuid, _>(0)?))
                .unwrap_or_default();
            differing.extend(repeats.into_iter().filter(|repeat| repeat.differs_from(&stored)));
        }
        differing.sort_unstable_by_key(|repeat| repeat.row.delivery);
        Ok(differing)
    }

    async fn known_variants(
        &self,
        connection: &mut Session,
        differing: &[Repeat<'_>],
        variants: &mut Variants<'_>,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query(sql::VARIANTS).bind(differing.iter().map(|r| r.of.uuid()).bind_iter());
        for row in within(self.answer_timeout, query.fetch_all(connection)).await? {
            let received: DateTime<Utc> = row.try_get(3)?;
            let last = Last {
                received: Timestamp::from_millis(received.timestamp_millis()).unwrap_or(Timestamp::MIN),
                topic: row.try_get(4)?,
                partition: row.try_get(5)?,
                offset: row.try_get(6)?,
            };
            let id = EventId::from(row.try_get::<Uuid, _>(0)?);
            variants.known(id, row.try_get(1)?, row.try_get(2)?, last);
        }
        Ok(())
    }

    /// Writes some of them. With `guarded`, a refusal is returned, and the transaction continues.
    async fn write_variants(
        &self,
        connection: &mut Session,
        part: &[Writing<'_>],
        guarded: bool,
    ) -> Result<Option<String>, sqlx::Error> {
        let query = sqlx::query(sql::WRITE_VARIANTS)
            .bind(part.iter().map(|w| w.id.uuid()).bind_iter())
            .bind(part.iter().map(|w| w.digest).bind_iter())
            .bind(part.iter().map(|w| w.variant.times).bind_iter())
            .bind(part.iter().map(|w| w.row.received.to_datetime()).bind_iter())
            .bind(part.iter().map(|w| w.row.log_offset).bind_iter())
            .bind(part.iter().map(|w| w.variant.last.received.to_datetime()).bind_iter())
            .bind(part.iter().map(|w| w.variant.last.offset).bind_iter())
            .bind(part.iter().map(|w| w.row.tenant).bind_iter())
            .bind(part.iter().map(|w| &*w.row.source).bind_iter())
            .bind(part.iter().map(|w| &*w.row.platform).bind_iter())
            .bind(part.iter().map(|w| w.row.event_type).bind_iter())
            .bind(part.iter().map(|w| &w.row.raw_sha256[..]).bind_iter())
            .bind(part.iter().map(Writing::data).bind_iter())
            .bind(part.iter().map(|w| w.row.partition.index).bind_iter())
            .bind(part.iter().map(|w| w.row.partition.topic.as_str()).bind_iter())
            .bind(part.iter().map(Writing::raw).bind_iter())
            .bind(part.iter().map(|w| w.variant.last.partition).bind_iter())
            .bind(part.iter().map(|w| w.variant.last.topic.as_str()).bind_iter());
        if !guarded {
            return within(self.answer_timeout, query.execute(connection))
                .await
                .map(|_| None);
        }
        self.run(connection, sql::SAVEPOINT).await?;
        let written = within(self.answer_timeout, query.execute(&mut *connection)).await;
        Ok(self.release(connection, written).await?.err())
    }
}
