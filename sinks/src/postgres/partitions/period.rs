//! How much time one partition takes, and where its bounds are.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime};
use serde::Deserialize;

use super::span::Span;

/// How much time one partition of `event` takes. Bounds are at midnight UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A day: from about a million events a day on.
    Day,
    /// A week, from Monday.
    #[default]
    Week,
    /// A month, from the first.
    Month,
}

impl Period {
    /// The span of ids of the period that holds this id.
    pub(super) fn around(self, id: u128) -> Span {
        // 48 bits always fit.
        let ms = i64::try_from(id >> 80).unwrap_or(i64::MAX);
        let day = DateTime::from_timestamp_millis(ms).unwrap_or_default().date_naive();
        let first = match self {
            Self::Day => Some(day),
            Self::Week => day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))),
            Self::Month => day.with_day(1),
        };
        let first = first.unwrap_or(day);
        let next = match self {
            Self::Day => first.checked_add_days(Days::new(1)),
            Self::Week => first.checked_add_days(Days::new(7)),
            Self::Month => first.checked_add_months(Months::new(1)),
        };
        Span {
            from: id_from(first),
            to: next.map_or(u128::MAX, id_from),
        }
    }
}

/// The lowest id of a day.
fn id_from(day: NaiveDate) -> u128 {
    id_at(day.and_time(NaiveTime::MIN).and_utc().timestamp_millis())
}

/// The lowest id of a millisecond; the lowest or the highest of all, where no id has such a time.
pub(super) fn id_at(ms: i64) -> u128 {
    match u128::try_from(ms) {
        Err(_) => 0,
        Ok(ms) if ms >> 48 > 0 => u128::MAX,
        Ok(ms) => ms << 80,
    }
}

/// The milliseconds in an id.
pub(super) fn ms_of(id: u128) -> i64 {
    i64::try_from(id >> 80).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(period: Period, time: &str) -> [String; 2] {
        let ms = DateTime::parse_from_rfc3339(time).expect("a time").timestamp_millis();
        let span = period.around(id_at(ms) + 77);
        [span.from, span.to].map(|id| DateTime::from_timestamp_millis(ms_of(id)).expect("a time").to_rfc3339())
    }

    #[test]
    fn bounds_are_at_midnight_on_mondays_and_on_the_first() {
        let bounds = |from: &str, to: &str| [from, to].map(|day| format!("{day}T00:00:00+00:00"));
        let time = "2026-12-31T23:59:59.999Z";
        assert_eq!(around(Period::Day, time), bounds("2026-12-31", "2027-01-01"));
        assert_eq!(around(Period::Week, time), bounds("2026-12-28", "2027-01-04"));
        assert_eq!(around(Period::Month, time), bounds("2026-12-01", "2027-01-01"));
        assert_eq!(
            around(Period::Week, "2026-11-30T00:00:00Z"),
            bounds("2026-11-30", "2026-12-07")
        );
        assert_eq!(
            around(Period::Month, "2028-02-29T12:00:00Z"),
            bounds("2028-02-01", "2028-03-01")
        );
    }

    #[test]
    fn the_ends_of_time_have_a_span_too() {
        for period in [Period::Day, Period::Week, Period::Month] {
            let first = period.around(0);
            assert!(first.from == 0 && first.to > 0, "{first:?}");
            let last = period.around(u128::MAX - 1);
            assert!(last.from < u128::MAX && last.to == u128::MAX, "{last:?}");
        }
    }
}
