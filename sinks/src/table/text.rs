//! Text made storable: what `jsonb` and `text` refuse or blow up is replaced before it reaches the database.
//!
//! Only the normalized event and attributes pass through here. The platform's own bytes are stored as bytes.

use std::borrow::Cow;

/// The most digits that a number may have, and the largest exponent either way. Nine kilobytes of `1e131071` would read
/// back as 131 megabytes.
const MAX_DIGITS: usize = 64;
const MAX_EXPONENT: u32 = 308;

/// `text` without U+0000, which PostgreSQL's `text` cannot hold; U+FFFD stands in its place.
pub(super) fn storable_text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Valid JSON as `jsonb` takes it: `\u0000` and lone surrogates become `\ufffd`; a number that is too long or too large
/// becomes a string of the same characters, which loses nothing. Borrowed when nothing had to change.
pub(super) fn storable_json(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut out = Patched {
        json,
        out: String::new(),
        copied: 0,
    };
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = string(bytes, at + 1, &mut out),
            b'-' | b'0'..=b'9' => {
                let end = at + bytes[at..].iter().take_while(|b| is_number_byte(**b)).count();
                let number = &json[at..end];
                if !is_bounded(number) {
                    out.replace(at..end, &format!("\"{number}\""));
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    out.finish()
}

/// Goes through a string whose first character is at `at`; returns the place after its closing quote.
fn string(bytes: &[u8], mut at: usize, out: &mut Patched<'_>) -> usize {
    const REPLACEMENT: &str = "\\ufffd";
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => match code_unit(bytes, at) {
                None => at += 2,
                Some(0xd800..=0xdbff) if matches!(code_unit(bytes, at + 6), Some(0xdc00..=0xdfff)) => at += 12,
                Some(0 | 0xd800..=0xdfff) => {
                    out.replace(at..at + 6, REPLACEMENT);
                    at += 6;
                }
                Some(_) => at += 6,
            },
            _ => at += 1,
        }
    }
    at
}

/// The UTF-16 code unit of an escape `\uXXXX` that begins at `at`.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let hex = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(hex, 16).ok()
}

fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

fn is_bounded(number: &str) -> bool {
    if number.len() <= 3 {
        return true;
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    mantissa.bytes().filter(u8::is_ascii_digit).count() <= MAX_DIGITS
        && exponent
            .parse::<i32>()
            .is_ok_and(|exponent| exponent.unsigned_abs() <= MAX_EXPONENT)
}

/// A text with pieces replaced; copies nothing until the first one.
struct Patched<'a> {
    json: &'a str,
    out: String,
    copied: usize,
}

impl<'a> Patched<'a> {
    fn replace(&mut self, range: std::ops::Range<usize>, with: &str) {
        self.out.push_str(&self.json[self.copied..range.start]);
        self.out.push_str(with);
        self.copied = range.end;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.json);
        }
        self.out.push_str(&self.json[self.copied..]);
        Cow::Owned(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn what_jsonb_takes_is_not_touched() {
        for json in [
            "{}",
            r#"{"a":9007199254740993,"b":-1.5e10,"c":"1e999","d":"\\u0000","e":"\ud83d\ude00","f":"\"","g":1e308}"#,
            r#"{"n":1234567890123456789012345678901234567890123456789012345678901234}"#,
        ] {
            assert!(
                matches!(storable_json(json), Cow::Borrowed(same) if same == json),
                "{json}"
            );
        }
        assert!(matches!(storable_text("olá"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_jsonb_refuses_is_replaced() {
        for (json, expected) in [
            (r#"{"a":"x\u0000y","b":1}"#, r#"{"a":"x\ufffdy","b":1}"#),
            (r#"["\\\u0000"]"#, r#"["\\\ufffd"]"#),
            (r#"["\ud800"]"#, r#"["\ufffd"]"#),
            (r#"["\udc00\ud800x"]"#, r#"["\ufffd\ufffdx"]"#),
            (r#"["\uD83D\uD83D\uDE00"]"#, r#"["\ufffd\uD83D\uDE00"]"#),
            (r#"{"\u0000":0}"#, r#"{"\ufffd":0}"#),
            ("[1e131071,2]", r#"["1e131071",2]"#),
            ("[1E-309]", r#"["1E-309"]"#),
            ("[1e99999999999]", r#"["1e99999999999"]"#),
            ("1e+309", r#""1e+309""#),
        ] {
            assert_eq!(storable_json(json), expected);
        }
        let long = "1".repeat(65);
        assert_eq!(storable_json(&format!("[{long}]")), format!("[\"{long}\"]"));
        assert_eq!(storable_text("a\0b"), "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn text_survives_but_for_nul(text in any::<String>()) {
            let json = serde_json::to_string(&text).expect("a string");
            let stored: String = serde_json::from_str(&storable_json(&json)).expect("still JSON");
            prop_assert_eq!(stored, text.replace('\0', "\u{fffd}"));
        }

        #[test]
        fn any_escapes_give_json_that_jsonb_takes(units in prop::collection::vec(any::<u16>(), 0..12)) {
            use std::fmt::Write as _;
            let mut json = String::from("[\"");
            for unit in units {
                write!(json, "\\u{unit:04x}").expect("a string takes everything");
            }
            json.push_str("\",1]");
            let stored = storable_json(&json);
            let value: Value = serde_json::from_str(&stored).expect("no lone surrogates are left");
            prop_assert!(!value[0].as_str().expect("a string").contains('\0'));
        }
    }
}
