//! How many new events each hour has: what `event_hour` is raised by, in the transaction of the rows.
//!
//! The hour is that of the time in the id: so the rows of an hour are a range of the primary key, and what is counted can be
//! compared with what is there, at any time and for each partition of the table. It is that of the column `time` for every event
//! that has a time of its own.

use std::collections::BTreeMap;

use schemas::id::EventId;
use schemas::time::Timestamp;

use super::row::Row;

const HOUR_MS: i64 = 3_600_000;

/// The key of a row of `event_hour`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hour<'p> {
    pub(crate) begin: Timestamp,
    pub(crate) tenant: &'p str,
    pub(crate) source: &'p str,
    pub(crate) platform: &'p str,
    pub(crate) event_type: &'p str,
    pub(crate) partition: i32,
}

/// What a batch adds, in the order of the keys: two writers take their locks in one order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hours<'p>(BTreeMap<Hour<'p>, i64>);

impl<'p> Hours<'p> {
    /// Counts rows, which have to be new in the table.
    pub(crate) fn of(rows: impl IntoIterator<Item = &'p Row<'p>>) -> Self {
        let mut hours = BTreeMap::new();
        for row in rows {
            let hour = Hour {
                begin: begin_of_hour(row.id),
                tenant: row.tenant,
                source: &row.source,
                platform: &row.platform,
                event_type: row.event_type,
                partition: row.partition.index,
            };
            *hours.entry(hour).or_insert(0) += 1;
        }
        Self(hours)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys with what each is raised by.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&Hour<'p>, i64)> {
        self.0.iter().map(|(hour, count)| (hour, *count))
    }
}

/// When the hour of an event began.
pub(crate) fn begin_of_hour(event: EventId) -> Timestamp {
    let ms = event.time().millis();
    Timestamp::from_millis(ms - ms.rem_euclid(HOUR_MS)).unwrap_or(Timestamp::MIN)
}
