//! Moments in time, to the millisecond, as CloudEvents writes them.

use std::fmt;

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

    /// The clock of this machine.
    pub fn now() -> Self {
        Self(Utc::now().timestamp_millis().clamp(Self::MIN.0, Self::MAX.0))
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
