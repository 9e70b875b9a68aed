//! Repeats whose body differs from the stored one, in the transaction of their batch.

use std::collections::HashSet;

use database::sqlite::refusal;
use schemas::id::EventId;
use schemas::time::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use super::sql;
use crate::table::{Differing, Last, Plan, Repeat, Stored, Variants, Writing};

/// Keeps and counts what differs, and marks in `plan` what was refused.
pub(super) async fn keep_variants(
    connection: &mut SqliteConnection,
    plan: &mut Plan<'_>,
    conflicting: &[usize],
) -> Result<Differing, sqlx::Error> {
    let mut variants = Variants::default();
    let (mut known, mut all) = (HashSet::new(), HashSet::new());
    for repeat in plan.repeats(conflicting) {
        if !differs(connection, repeat).await? {
            continue;
        }
        all.insert(repeat.row.delivery);
        if known.insert(repeat.of) {
            known_variants(connection, repeat.of, &mut variants).await?;
        }
        variants.count(repeat);
    }
    let (mut counted, mut refused) = (Vec::new(), Vec::new());
    for writing in variants.to_write() {
        let deliveries = writing.variant.deliveries.iter().copied();
        match write(connection, &writing).await {
            Ok(()) => counted.extend(deliveries),
            Err(error) => match refusal(&error) {
                Some(reason) => refused.extend(deliveries.map(|delivery| (delivery, reason.clone()))),
                None => return Err(error),
            },
        }
    }
    for (delivery, reason) in refused {
        plan.reject_repeat(delivery, &reason);
    }
    Ok(Differing { all, counted })
}

async fn differs(connection: &mut SqliteConnection, repeat: Repeat<'_>) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(sql::STORED_BODY)
        .bind(repeat.of.to_string())
        .bind(repeat.row.log_offset)
        .bind(repeat.row.received.to_string())
        .bind(repeat.row.partition.index)
        .bind(repeat.row.partition.topic.as_str());
    let Some(row) = query.fetch_optional(connection).await? else {
        return Ok(false);
    };
    let stored = Stored {
        raw: row.try_get(0)?,
        data: row.try_get(1)?,
    };
    Ok(repeat.differs_from(&stored))
}

async fn known_variants(
    connection: &mut SqliteConnection,
    id: EventId,
    variants: &mut Variants<'_>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(sql::VARIANTS).bind(id.to_string());
    for row in query.fetch_all(connection).await? {
        let received: String = row.try_get(2)?;
        let last = Last {
            received: Timestamp::parse(&received).unwrap_or(Timestamp::MIN),
            topic: row.try_get(3)?,
            partition: row.try_get(4)?,
            offset: row.try_get(5)?,
        };
        variants.known(id, row.try_get(0)?, row.try_get(1)?, last);
    }
    Ok(())
}

async fn write(connection: &mut SqliteConnection, writing: &Writing<'_>) -> Result<(), sqlx::Error> {
    let (row, variant) = (writing.row, writing.variant);
    let query = sqlx::query(sql::WRITE_VARIANT)
        .bind(writing.id.to_string())
        .bind(writing.digest)
        .bind(variant.times)
        .bind(row.received.to_string())
        .bind(row.log_offset)
        .bind(row.partition.index)
        .bind(row.partition.topic.as_str())
        .bind(variant.last.received.to_string())
        .bind(variant.last.offset)
        .bind(row.tenant)
        .bind(&*row.source)
        .bind(&*row.platform)
        .bind(row.event_type)
        .bind(&row.raw_sha256[..])
        .bind(writing.data())
        .bind(writing.raw())
        .bind(variant.last.partition)
        .bind(variant.last.topic.as_str());
    query.execute(connection).await.map(drop)
}
