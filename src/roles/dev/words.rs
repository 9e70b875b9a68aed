//! What lines say of times, sizes and events.

use std::time::Duration;

use processor::Schedule;
use schemas::record::{Record, header};

/// How many events of one webhook are named.
const NAMED: usize = 3;

/// When a delivery is tried again after an attempt with this number; without one, it is not.
pub(super) fn next(schedule: Option<&Schedule>, attempt: Option<u32>, asked: Option<Duration>) -> String {
    match (schedule, attempt) {
        (None, _) => "not tried again".to_owned(),
        (Some(schedule), Some(attempt)) if !schedule.is_exhausted(attempt) => {
            let within = schedule.ceiling(attempt).max(asked.unwrap_or_default());
            format!("again within {} s", within.as_secs_f64().ceil())
        }
        _ => "given up: it is a dead letter now".to_owned(),
    }
}

/// Types of what was published, and the ids where there is room for them.
pub(super) fn published(records: &[Record], with_ids: bool) -> String {
    let text = |record: &Record, name| {
        let value = record.header(name).unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    };
    let named = records.iter().take(NAMED);
    let mut shown: Vec<String> = named
        .map(|record| {
            let mut shown = text(record, header::CE_TYPE);
            if with_ids {
                shown.push(' ');
                shown.push_str(&text(record, header::CE_ID));
            }
            shown
        })
        .collect();
    match records.len().saturating_sub(NAMED) {
        0 => {}
        more => shown.push(format!("and {more} more")),
    }
    shown.join(", ")
}

/// Bytes as people read them.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_at_a_glance() {
        for (bytes, shown) in [(0, "0 B"), (999, "999 B"), (1_234, "1.2 kB"), (5_670_000, "5.6 MB")] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn a_line_says_when_it_is_tried_again_or_that_it_is_not() {
        let schedule = Schedule::Steps(vec![Duration::from_secs(1), Duration::from_secs(5)]);
        let next = |attempt, asked| next(Some(&schedule), attempt, asked);
        assert_eq!(next(Some(2), None), "again within 6 s");
        assert_eq!(next(Some(1), Some(Duration::from_secs(30))), "again within 30 s");
        assert_eq!(next(Some(3), None), "given up: it is a dead letter now");
        assert_eq!(next(None, None), "given up: it is a dead letter now");
        assert_eq!(super::next(None, Some(1), None), "not tried again");
    }
}
