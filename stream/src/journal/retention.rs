//! Bounds age and size: chooses which records to delete, and deletes them in small steps.
//!
//! Records older than their topic's retention (or `max_age_seconds`, where that is shorter) are deleted, read or not: a
//! group that has not read them gets `ProgressLost`. Records that every group of their topic has read are deleted
//! earlier when the file is nearly full. A topic without any group has no reader *yet*, so its records are deleted by
//! age only.

use std::time::{SystemTime, UNIX_EPOCH};

use schemas::record::Offset;
use sqlx::{Connection, SqliteConnection};

use super::layout::{PartitionId, offset_of};

/// A step ends after this many records …
const STEP_RECORDS: i64 = 512;

/// … or this many bytes, so that publishers wait only some milliseconds for it.
const STEP_BYTES: i64 = 4 << 20;

/// What decides which records are deleted.
#[derive(Debug)]
struct Survey {
    used_bytes: u64,
    partitions: Vec<PartitionSurvey>,
}

/// What retention knows of a partition when it chooses what to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartitionSurvey {
    id: PartitionId,
    retention_ms: i64,
    earliest: Offset,
    /// When the oldest record was written, milliseconds since 1970; `None` for an empty partition.
    oldest_ms: Option<i64>,
    /// Every group has read the records before this offset; `None` for a topic without groups.
    read_by_all: Option<Offset>,
}

/// The bounds on age and size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) max_age_ms: i64,
    /// Beyond it, records that every group has read are deleted.
    pub(super) high_water_bytes: u64,
}

/// What is deleted next: the oldest records of one partition, up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) partition: PartitionId,
    pub(super) earliest: Offset,
    pub(super) limit: Limit,
}

/// Where a [`Cut`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// Before the first record written at this time or later, milliseconds since 1970.
    Time(i64),
    /// Before this offset.
    Offset(Offset),
}

impl Bounds {
    /// Returns the next cut, oldest records first; expired ones before read ones.
    fn choose(self, survey: &Survey, now_ms: i64) -> Option<Cut> {
        let cut = |p: &PartitionSurvey, limit| Cut {
            partition: p.id,
            earliest: p.earliest,
            limit,
        };
        let cutoff = |p: &PartitionSurvey| now_ms.saturating_sub(p.retention_ms.min(self.max_age_ms));
        let filled = || {
            survey
                .partitions
                .iter()
                .filter_map(|p| p.oldest_ms.map(|oldest| (oldest, p)))
        };
        let expired = filled()
            .filter(|(oldest, p)| *oldest < cutoff(p))
            .min_by_key(|(oldest, _)| *oldest);
        if let Some((_, p)) = expired {
            return Some(cut(p, Limit::Time(cutoff(p))));
        }
        if survey.used_bytes <= self.high_water_bytes {
            return None;
        }
        filled()
            .filter_map(|(oldest, p)| Some((oldest, p, p.read_by_all.filter(|read| *read > p.earliest)?)))
            .min_by_key(|(oldest, ..)| *oldest)
            .map(|(_, p, read)| cut(p, Limit::Offset(read)))
    }
}

/// What one run of retention did: at most one step of deleting.
#[derive(Debug)]
pub(super) struct RunResult {
    /// Bytes of the pages in use now.
    pub(super) used_bytes: u64,
    /// The partition whose oldest records were deleted, and its earliest offset now.
    pub(super) moved: Option<(PartitionId, Offset)>,
}

/// Chooses the next cut, and deletes one step of it.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    bounds: Bounds,
    now_ms: i64,
) -> Result<RunResult, sqlx::Error> {
    let survey = survey(connection).await?;
    let Some(cut) = bounds.choose(&survey, now_ms) else {
        return Ok(RunResult {
            used_bytes: survey.used_bytes,
            moved: None,
        });
    };
    let earliest = step(connection, cut).await?;
    let moved = (earliest > cut.earliest).then_some((cut.partition, earliest));
    Ok(RunResult {
        used_bytes: used_bytes(connection).await?,
        moved,
    })
}

/// Returns the bytes of the pages in use; freed pages are used again before the file grows.
pub(super) async fn used_bytes(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let used: i64 = sqlx::query_scalar(
        "SELECT (pages.page_count - free.freelist_count) * size.page_size
         FROM pragma_page_count() pages, pragma_freelist_count() free, pragma_page_size() size",
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(used).unwrap_or(0))
}

/// Reads what [`Bounds::choose`] needs.
async fn survey(connection: &mut SqliteConnection) -> Result<Survey, sqlx::Error> {
    let used_bytes = used_bytes(connection).await?;
    let rows = sqlx::query_as::<_, (i64, i64, i64, Option<i64>, Option<i64>)>(
        "SELECT p.id, t.retention_ms, p.earliest,
                (SELECT r.time_ms FROM record r WHERE r.id >= (p.id << 40) AND r.id < ((p.id + 1) << 40)
                 ORDER BY r.id LIMIT 1),
                (SELECT min(coalesce(s.next, p.earliest)) FROM reader_group g
                 LEFT JOIN progress s ON s.group_id = g.id AND s.partition_id = p.id WHERE g.topic_id = p.topic_id)
         FROM topic_partition p JOIN topic t ON t.id = p.topic_id",
    )
    .fetch_all(connection)
    .await?;
    let partitions = rows
        .into_iter()
        .map(|(id, retention_ms, earliest, oldest_ms, read_by_all)| PartitionSurvey {
            id: PartitionId(id),
            retention_ms,
            earliest: Offset(earliest),
            oldest_ms,
            read_by_all: read_by_all.map(Offset),
        });
    Ok(Survey {
        used_bytes,
        partitions: partitions.collect(),
    })
}

/// Deletes one step of `cut`. Returns the partition's new earliest offset, which is the old one if nothing was deleted.
pub(super) async fn step(connection: &mut SqliteConnection, cut: Cut) -> Result<Offset, sqlx::Error> {
    let first = cut.partition.record_id(cut.earliest);
    let (end, end_ms) = match cut.limit {
        Limit::Offset(end) => (cut.partition.record_id(end), i64::MAX),
        Limit::Time(end_ms) => (cut.partition.last_record_id(), end_ms),
    };
    // The last of the leading records that are all old enough; the first is deleted whatever its size.
    let last: Option<i64> = sqlx::query_scalar(
        "SELECT max(id) FROM (
             SELECT id, max(time_ms) OVER leading AS newest_ms, sum(bytes) OVER leading - bytes AS bytes_before
             FROM (SELECT id, time_ms, length(key) + length(headers) + length(value) AS bytes
                   FROM record WHERE id >= ? AND id < ? ORDER BY id LIMIT ?)
             WINDOW leading AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
         ) WHERE newest_ms < ? AND bytes_before < ?",
    )
    .bind(first)
    .bind(end)
    .bind(STEP_RECORDS)
    .bind(end_ms)
    .bind(STEP_BYTES)
    .fetch_one(&mut *connection)
    .await?;
    let earliest = match (last, cut.limit) {
        (Some(last), _) => offset_of(last).next(),
        // A damaged file can have a hole there: it is skipped, otherwise the same cut would be chosen forever.
        (None, Limit::Offset(end)) if end > cut.earliest => end,
        (None, _) => return Ok(cut.earliest),
    };
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("DELETE FROM record WHERE id >= ? AND id < ?")
        .bind(first)
        .bind(cut.partition.record_id(earliest))
        .execute(&mut *transaction)
        .await?;
    sqlx::query("UPDATE topic_partition SET earliest = ? WHERE id = ?")
        .bind(earliest.0)
        .bind(cut.partition.0)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(earliest)
}

/// The time now, in milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        max_age_ms: 1000,
        high_water_bytes: 100,
    };

    fn partition(id: i64, oldest_ms: Option<i64>, read_by_all: Option<i64>) -> PartitionSurvey {
        PartitionSurvey {
            id: PartitionId(id),
            retention_ms: 5000,
            earliest: Offset(10),
            oldest_ms,
            read_by_all: read_by_all.map(Offset),
        }
    }

    fn choose(used_bytes: u64, partitions: &[PartitionSurvey]) -> Option<(i64, Limit)> {
        let survey = Survey {
            used_bytes,
            partitions: partitions.to_vec(),
        };
        BOUNDS.choose(&survey, 10_000).map(|cut| (cut.partition.0, cut.limit))
    }

    #[test]
    fn the_oldest_expired_records_are_deleted_first_read_or_not() {
        let partitions = [
            partition(1, Some(8999), None),
            partition(2, Some(8000), Some(10)),
            partition(3, None, None),
        ];
        assert_eq!(choose(0, &partitions), Some((2, Limit::Time(9000))));
    }

    #[test]
    fn a_topics_shorter_retention_counts() {
        let short = PartitionSurvey {
            retention_ms: 10,
            ..partition(1, Some(9989), None)
        };
        assert_eq!(choose(0, &[short]), Some((1, Limit::Time(9990))));
    }

    #[test]
    fn young_records_stay_while_there_is_room() {
        assert_eq!(choose(100, &[partition(1, Some(9000), Some(99))]), None);
    }

    #[test]
    fn when_it_is_nearly_full_only_what_every_group_has_read_is_deleted() {
        let read = partition(3, Some(9500), Some(12));
        let partitions = [partition(1, Some(9100), None), partition(2, Some(9200), Some(10)), read];
        assert_eq!(choose(101, &partitions), Some((3, Limit::Offset(Offset(12)))));
        assert_eq!(choose(101, &partitions[..2]), None, "no group has read those");
    }
}
