//! Whole numbers, with or without a unit. The unit of a setting is what its name ends with: `_ms`, `_seconds`, `_hours`, `_bytes`.

use crate::scalar;

/// What a setting counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// In words.
    pub(crate) name: &'static str,
    /// How it may be written.
    example: &'static str,
    /// How many of the smallest unit, which is a byte or a millisecond, are one.
    smallest: u64,
    units: &'static [(&'static str, u64)],
}

const TIMES: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

impl Counted {
    /// What the setting `key` counts, by the end of its name.
    pub(crate) fn by(key: &str) -> Option<Self> {
        let counted = |name, example, smallest, units| {
            Some(Self {
                name,
                example,
                smallest,
                units,
            })
        };
        if key.ends_with("_ms") {
            counted("milliseconds", "2000 or 2s", 1, TIMES)
        } else if key.ends_with("_seconds") {
            counted("seconds", "600 or 10m", 1_000, TIMES)
        } else if key.ends_with("_hours") {
            counted("hours", "168 or 7d", 3_600_000, TIMES)
        } else if key.ends_with("_bytes") || key.ends_with("_bytes_per_second") {
            counted("bytes", "1048576 or 1MiB", 1, SIZES)
        } else {
            None
        }
    }

    /// Reads a number with a unit. `None` if it is none; `NotWhole` if it does not come out whole, or is beyond all numbers.
    pub(crate) fn with_unit(self, text: &str) -> Option<Result<i128, NotWhole>> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at_checked(digits)?;
        let (_, factor) = self.units.iter().find(|(name, _)| *name == unit.trim_start())?;
        let number: i128 = match number.parse() {
            Ok(number) => number,
            Err(_) if number.is_empty() => return None,
            Err(_) => return Some(Err(NotWhole)),
        };
        let smallest = i128::from(self.smallest);
        let all = number.checked_mul(i128::from(*factor));
        let all = all.filter(|all| all % smallest == 0).map(|all| all / smallest);
        Some(all.ok_or(NotWhole))
    }
}

/// A number with a unit that is no whole number of the setting's own unit.
pub(crate) struct NotWhole;

/// Reads a whole number; the reason, without what is written, if it is none.
pub(crate) fn read(text: &str, key: &str) -> Result<i128, String> {
    let counted = Counted::by(key);
    if let Some(number) = scalar::whole(text) {
        return Ok(number);
    }
    match counted.and_then(|counted| Some((counted.with_unit(text)?, counted))) {
        Some((Ok(number), _)) => Ok(number),
        Some((Err(NotWhole), counted)) => Err(format!(
            "that is no whole number of {0}: {1}",
            counted.name,
            wanted(key)
        )),
        None => Err(wanted(key)),
    }
}

/// What to write where a whole number is wanted.
pub(crate) fn wanted(key: &str) -> String {
    match Counted::by(key) {
        Some(Counted { name, example, .. }) => format!("give a whole number of {name}, as in {example}"),
        None => "give a whole number, as in 12".to_owned(),
    }
}
