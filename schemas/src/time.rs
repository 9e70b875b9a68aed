//! Moments in time, to the millisecond, as CloudEvents writes them; and spans of time, as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z. Shown and serialized as RFC 3339 in UTC: `2026-03-10T13:36:50.912Z`.
///
/// The range is that of four-digit years from 1970 on, so that every value prints and fits the 48 bits of an
/// [`EventId`](crate::id::EventId).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment that can be written.
    pub const MIN: Self = Self(0);
    /// The latest moment that can be written: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// `ms` milliseconds since the epoch; `None` outside [`Self::MIN`] to [`Self::MAX`].
    pub fn from_millis(ms: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&ms).then_some(Self(ms))
    }

    /// Milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Returns the time by the clock of this machine, in milliseconds.
    pub fn now() -> Self {
        Self(Utc::now().timestamp_millis().clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The moment so long before this one; [`Self::MIN`] if there is none.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(span).max(Self::MIN.0))
    }

    /// Reads an RFC 3339 date and time **with a zone**; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_millis(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis())
    }

    /// As a `chrono` value, for databases.
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Digit by digit: chrono's own formatting costs more than all else about an envelope's attributes.
        let moment = self.to_datetime();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |end: usize, digits: usize, mut value: u32| {
            for place in (end - digits..end).rev() {
                text[place] = b'0' + u8::try_from(value % 10).unwrap_or_default();
                value /= 10;
            }
        };
        put(4, 4, u32::try_from(moment.year()).unwrap_or_default());
        put(7, 2, moment.month());
        put(10, 2, moment.day());
        put(13, 2, moment.hour());
        put(16, 2, moment.minute());
        put(19, 2, moment.second());
        put(23, 3, moment.timestamp_subsec_millis());
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an RFC 3339 time with a zone")))
    }
}

/// A span of time as settings and commands write it: a whole number and one unit, `500ms`, `30s`, `5m`, `2h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// The units, the largest first, with their milliseconds.
    const UNITS: [(&'static str, u64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];

    /// Returns the span as the standard library has it.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = &text[..text.len() - unit.len()];
        let millis = Self::UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .and_then(|(_, millis)| number.parse::<u64>().ok()?.checked_mul(*millis));
        millis.map(|millis| Self(Duration::from_millis(millis))).ok_or_else(|| {
            format!("`{text}` is not a span of time: write a number and a unit, as in 500ms, 30s, 5m, 2h or 7d")
        })
    }
}

impl fmt::Display for Span {
    /// In the largest unit that it is a whole number of, but hours rather than days.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let fits = |(_, unit): &&(&str, u64)| millis > 0 && millis.is_multiple_of(u128::from(*unit));
        let (name, unit) = Self::UNITS[1..].iter().find(fits).unwrap_or(&("ms", 1));
        write!(f, "{}{name}", millis / u128::from(*unit))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_prints_as_it_was_read() {
        let text = "2026-03-10T13:36:50.912Z";
        let time = Timestamp::parse(text).expect("a valid time");
        assert_eq!(time.millis(), 1_773_149_810_912);
        assert_eq!(time.to_string(), text);
        assert_eq!(Timestamp::parse("2026-03-10T10:36:50.912-03:00"), Some(time));
        assert_eq!(
            Timestamp::parse("2026-03-10 13:36:50"),
            None,
            "a time without a zone is not a moment"
        );
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(-1), None);
    }

    #[test]
    fn a_span_is_a_number_with_a_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("0s", 0),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!(span.duration(), Duration::from_millis(millis), "{text}");
        }
        for (text, shown) in [
            ("60s", "1m"),
            ("1500ms", "1500ms"),
            ("2d", "48h"),
            ("90m", "90m"),
            ("0h", "0ms"),
        ] {
            assert_eq!(text.parse::<Span>().expect(text).to_string(), shown);
        }
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "1.5h",
            "5x",
            "5S",
            "99999999999999999999s",
            "ä",
            "999999999999999d",
        ] {
            let error = text.parse::<Span>().expect_err(text);
            assert!(error.starts_with(&format!("`{text}` is not a span of time")), "{error}");
        }
    }

    #[test]
    fn a_moment_before_the_first_is_the_first() {
        let time = Timestamp::from_millis(90_000).expect("in range");
        assert_eq!(time.before(Duration::from_mins(1)).millis(), 30_000);
        assert_eq!(time.before(Duration::MAX), Timestamp::MIN);
    }

    proptest! {
        #[test]
        fn every_time_prints_as_chrono_prints_it(ms in 0..=Timestamp::MAX.0) {
            let time = Timestamp::from_millis(ms).expect("in range");
            let expected = time.to_datetime().to_rfc3339_opts(SecondsFormat::Millis, true);
            prop_assert_eq!(time.to_string(), expected);
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }
    }
}
