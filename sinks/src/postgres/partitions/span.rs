//! Spans of ids: which there are, and which are missing.

use chrono::DateTime;
use uuid::Uuid;

use super::period::{Period, id_at, ms_of};

/// The most partitions that are made at once: a year of days.
const MOST: usize = 366;

/// From an id to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: u128,
    pub(super) to: u128,
}

impl Span {
    /// Reads the bounds of a partition as PostgreSQL writes them; `None` if it is a default partition.
    pub(super) fn parse(bounds: &str) -> Option<Self> {
        let (from, to) = bounds.strip_prefix("FOR VALUES FROM (")?.split_once(") TO (")?;
        Some(Self {
            from: bound(from)?,
            to: bound(to.strip_suffix(')')?)?,
        })
    }

    pub(super) fn holds(self, id: u128) -> bool {
        self.from <= id && id < self.to
    }

    /// The name of its partition: its first day.
    pub(super) fn name(self) -> String {
        let first = DateTime::from_timestamp_millis(ms_of(self.from)).unwrap_or_default();
        format!("event_{}", first.format("%Y%m%d"))
    }
}

fn bound(text: &str) -> Option<u128> {
    match text {
        "MINVALUE" => Some(0),
        "MAXVALUE" => Some(u128::MAX),
        quoted => Some(Uuid::parse_str(quoted.trim_matches('\'')).ok()?.as_u128()),
    }
}

/// The spans to make, so that all ids from `now` to before `until` have one, and `ids`. None reaches below `horizon`, nor into another.
pub(super) fn missing(spans: &[Span], period: Period, horizon: u128, ahead: Span, ids: &[u128]) -> Vec<Span> {
    let mut all = spans.to_vec();
    let mut made = Vec::new();
    let mut end_of_span_with = |id: u128| {
        if let Some(span) = all.iter().find(|span| span.holds(id)) {
            return span.to;
        }
        let mut span = period.around(id);
        for other in &all {
            if other.to <= id {
                span.from = span.from.max(other.to);
            }
            if other.from > id {
                span.to = span.to.min(other.from);
            }
        }
        span.from = span.from.max(horizon);
        if made.len() < MOST {
            all.push(span);
            made.push(span);
        }
        span.to
    };
    let mut next = ahead.from.max(horizon);
    while next < ahead.to {
        next = end_of_span_with(next);
    }
    for &id in ids.iter().filter(|&&id| id >= horizon && id < u128::MAX) {
        end_of_span_with(id);
    }
    made
}

/// Until when there are partitions without a gap, in ms; `None` if there is none for `now`.
pub(super) fn covered_until(spans: &[Span], now_ms: i64) -> Option<i64> {
    let mut end = id_at(now_ms);
    let mut covered = false;
    while let Some(span) = spans.iter().find(|span| span.holds(end)) {
        (end, covered) = (span.to, true);
    }
    covered.then(|| ms_of(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400_000;
    /// 2026-11-30, a Monday.
    const MONDAY: i64 = 1_795_996_800_000;

    fn span(from_day: i64, to_day: i64) -> Span {
        Span {
            from: id_at(MONDAY + from_day * DAY),
            to: id_at(MONDAY + to_day * DAY),
        }
    }

    #[test]
    fn bounds_are_read_as_postgresql_writes_them() {
        let before = "FOR VALUES FROM (MINVALUE) TO ('01a271d9-5c00-0000-0000-000000000000')";
        let read = Span::parse(before).expect("bounds");
        assert_eq!((read.from, read.to), (0, 0x01a2_71d9_5c00 << 80));
        assert_eq!(Span::parse("DEFAULT"), None);
        assert_eq!(span(7, 14).name(), "event_20261207");
    }

    #[test]
    fn what_is_missing_goes_on_from_the_end_of_the_last() {
        let first = Span {
            from: 0,
            to: id_at(MONDAY + 3 * DAY),
        };
        let made = missing(&[first], Period::Week, 0, span(0, 8), &[]);
        assert_eq!(made, [span(3, 7), span(7, 14)]);
        assert_eq!(
            missing(&[first, span(3, 7), span(7, 14)], Period::Day, 0, span(0, 14), &[]),
            []
        );
        assert_eq!(
            missing(&[first, span(3, 7)], Period::Day, 0, span(0, 9), &[]),
            [span(7, 8), span(8, 9)]
        );
    }

    #[test]
    fn an_id_far_away_gets_a_span_of_its_own_unless_it_is_expired() {
        let there = [span(0, 7)];
        let far = id_at(MONDAY + 100 * DAY) + 5;
        assert_eq!(
            missing(&there, Period::Week, 0, span(0, 1), &[far, far]),
            [span(98, 105)]
        );
        let old = id_at(MONDAY - 3 * DAY);
        assert_eq!(missing(&there, Period::Week, id_at(MONDAY), span(0, 1), &[old]), []);
        assert_eq!(
            missing(&there, Period::Week, id_at(MONDAY - 5 * DAY), span(0, 1), &[old]),
            [span(-5, 0)]
        );
    }

    #[test]
    fn a_gap_ends_what_is_covered() {
        assert_eq!(
            covered_until(&[span(0, 7), span(7, 14), span(21, 28)], MONDAY + 5),
            Some(MONDAY + 14 * DAY)
        );
        assert_eq!(covered_until(&[span(7, 14)], MONDAY), None);
    }

    proptest! {
        #[test]
        fn spans_never_overlap_and_hold_all_that_is_asked(
            periods in prop::collection::vec((0_usize..3, 0_i64..400, prop::collection::vec(-50_i64..400, 0..4)), 1..6),
            horizon in -60_i64..100,
        ) {
            let horizon = id_at(MONDAY + horizon * DAY);
            let mut all: Vec<Span> = Vec::new();
            for (period, now, ids) in periods {
                let period = [Period::Day, Period::Week, Period::Month][period];
                let ids: Vec<u128> = ids.iter().map(|day| id_at(MONDAY + day * DAY) + 3).collect();
                all.extend(missing(&all, period, horizon, span(now, now + 7), &ids));
                for id in ids.iter().chain([&span(now, now + 7).from]).filter(|&&id| id >= horizon) {
                    prop_assert!(all.iter().any(|span| span.holds(*id)));
                }
            }
            all.sort_by_key(|span| span.from);
            prop_assert!(all.iter().all(|span| span.from < span.to && span.from >= horizon));
            prop_assert!(all.windows(2).all(|pair| pair[0].to <= pair[1].from));
        }
    }
}
