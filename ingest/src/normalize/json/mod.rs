//! Lenient reading of JSON that is already known to be valid.
//!
//! [`parse`] checks a body once; after that nothing can fail. An [`object!`](object) reads the members that it names in one
//! pass and skips the others; a value stays the text that was sent until it is read, and the reader accepts
//! whatever a platform may have meant: ids as numbers or text, flags as `true`, `"true"` or `1`, times in six spellings.
//! Of equal keys the last wins. What does not fit is absent.

mod check;
mod cursor;

use std::borrow::Cow;
use std::collections::HashMap;

use schemas::data::Text;
use schemas::time::Timestamp;

use check::{Fault, check};
pub(super) use cursor::{Cursor, Read, object};

/// Checks a body: its text, and its JSON; or what is wrong with it.
pub(super) fn parse(body: &[u8]) -> Result<(&str, Json<'_>), &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
    let json = text.trim_matches([' ', '\t', '\r', '\n']);
    if json.is_empty() {
        return Err("the body is empty");
    }
    match check(json) {
        Ok(()) => Ok((text, Json(json))),
        // Its envelope nests it two deeper, and 128 is what common parsers take.
        Err(Fault::TooDeep) => Err("the body is nested too deeply"),
        Err(Fault::NotJson) => Err("the body is not JSON"),
    }
}

/// A JSON value as it was sent: its text. Empty when absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// The value's bytes, as they were sent.
    pub(super) fn raw(self) -> &'a str {
        self.0
    }

    /// Neither absent nor `null`.
    pub(super) fn is_there(self) -> bool {
        !self.0.is_empty() && self.0 != "null"
    }

    /// Said to be nothing: `null`, an empty text or an empty list. What is absent says nothing.
    pub(super) fn is_emptied(self) -> bool {
        matches!(self.0, "null" | "\"\"") || self.0.starts_with('[') && self.elements().next().is_none()
    }

    pub(super) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// A text that is not empty, or a number digit for digit. What cannot be Unicode becomes U+FFFD.
    pub(super) fn text(self) -> Option<Text<'a>> {
        let first = *self.0.as_bytes().first()?;
        if first == b'"' {
            let content = self.0.get(1..self.0.len() - 1).filter(|content| !content.is_empty())?;
            return Some(if content.contains('\\') {
                Cow::Owned(unescape(content))
            } else {
                Cow::Borrowed(content)
            });
        }
        (first == b'-' || first.is_ascii_digit()).then_some(Cow::Borrowed(self.0))
    }

    /// A text that every event of a batch may repeat; absent if it is too long for that.
    pub(super) fn short(self) -> Option<Text<'a>> {
        self.text().filter(|text| text.len() <= MAX_SHORT)
    }

    /// `true`, `"true"`, `1`, `"1"` and their opposites.
    pub(super) fn flag(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => match &*self.text()? {
                "1" | "true" | "True" => Some(true),
                "0" | "false" | "False" => Some(false),
                _ => None,
            },
        }
    }

    /// A whole number: as number, as text, or as the `{low, high, unsigned}` of JavaScript's Long.
    pub(super) fn int(self) -> Option<i64> {
        if self.is_object() {
            let long: Long<'a> = self.read();
            let (low, high) = (long.low.int()?, long.high.int()?);
            return Some((high << 32) | (low & 0xffff_ffff));
        }
        let text = self.text()?;
        let text = text.trim();
        text.parse().ok().or_else(|| {
            let float: f64 = text.parse().ok()?;
            #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number in range")]
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        })
    }

    /// A moment: ISO 8601 with a zone, or as Ruby writes it (`2026-03-10 13:36:50 UTC`), or seconds (with or without a fraction)
    /// or milliseconds since the epoch, as number or text. 0 means that there is none, and a local time without a zone is not a
    /// moment.
    pub(super) fn time(self) -> Option<Timestamp> {
        let millis = if self.is_object() {
            epoch_millis(&self.int()?.to_string())?
        } else {
            let text = self.text()?;
            match epoch_millis(text.trim()) {
                Some(millis) => millis,
                None => return Timestamp::parse(text.trim()).or_else(|| as_ruby_writes_it(text.trim())),
            }
        };
        Timestamp::from_millis(millis).filter(|time| *time != Timestamp::MIN)
    }

    /// Reads the value as a `T`.
    pub(super) fn read<T: Read<'a>>(self) -> T {
        T::read(&mut Cursor::new(self.0))
    }

    /// The elements of an array; of anything else but `null` itself, for platforms that send one thing without its list.
    /// At most one more than [`MAX_ELEMENTS`].
    pub(super) fn elements(self) -> impl Iterator<Item = Json<'a>> {
        let mut cursor = Cursor::new(self.0);
        let is_list = cursor.enter_list();
        let mut alone = (self.is_there() && !is_list).then_some(self);
        let all = std::iter::from_fn(move || if is_list { cursor.next_element() } else { alone.take() });
        all.take(MAX_ELEMENTS + 1)
    }

    /// The members of an object, in their order; nothing for anything else. Of equal keys the last counts.
    pub(super) fn members(self) -> Vec<(Text<'a>, Json<'a>)> {
        let mut members: Vec<(Text<'a>, Json<'a>)> = Vec::new();
        Cursor::new(self.0).object(|key, cursor| {
            let key = if key.contains('\\') {
                Cow::Owned(unescape(key))
            } else {
                Cow::Borrowed(key)
            };
            members.push((key, cursor.skip()));
        });
        let mut last: HashMap<Text<'a>, usize> = HashMap::with_capacity(members.len());
        last.extend(members.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)));
        if last.len() < members.len() {
            let mut at = 0..;
            members.retain(|(key, _)| last.get(key).copied() == at.next());
        }
        members
    }
}

fn as_ruby_writes_it(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix(" UTC")?.split_once(' ')?;
    Timestamp::parse(&format!("{date}T{time}Z"))
}

/// Milliseconds since the epoch from digits with or without a fraction: below 10¹¹ they are seconds (until the year 5138),
/// below 10¹⁴ milliseconds. The fraction of seconds is cut, not rounded, so that it does not depend on the machine.
fn epoch_millis(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 14 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    if whole >= 100_000_000_000 {
        return Some(whole);
    }
    let thousandths = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(3)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(whole * 1000 + thousandths)
}

/// The content of a JSON string without its escapes. Halves of surrogate pairs that stand alone become U+FFFD.
pub(super) fn unescape(content: &str) -> String {
    let mut out = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = escaped.chars();
        let simple = match chars.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('u') => {
                let (c, length) = code_point(escaped);
                out.push(c);
                rest = escaped.get(length..).unwrap_or_default();
                continue;
            }
            Some(other) => other,
            None => break,
        };
        out.push(simple);
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// What `uXXXX`, perhaps with a second half after it, stands for, and how long it is.
fn code_point(escape: &str) -> (char, usize) {
    let unit = |at: usize| escape.get(at..at + 4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
    let Some(first) = unit(1) else {
        return (char::REPLACEMENT_CHARACTER, 1);
    };
    if let Some(second) = escape.get(5..7).filter(|u| *u == "\\u").and_then(|_| unit(7))
        && (0xd800..0xdc00).contains(&first)
        && let Some(Ok(pair)) = char::decode_utf16([first, second]).next()
    {
        return (pair, 11);
    }
    (
        char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER),
        5,
    )
}

/// How many elements of a list are looked at. No platform sends so many, and what three bytes of body can become (an event
/// with its envelope) takes a thousand.
pub(super) const MAX_ELEMENTS: usize = 10_000;

/// How long a text may be that stands once in a body and again in each of its events, bytes: names of events, ids of accounts
/// and lines, names of people. What is longer is none of these.
const MAX_SHORT: usize = 1024;

object! {
    Long { low: Json = "low", high: Json = "high", }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    object! {
        Outer { id: Json = "id", inner: Inner = "inner", list: Json = "list", }
        Inner { text: Json = "text", }
    }

    fn json(text: &str) -> Json<'_> {
        parse(text.as_bytes()).expect("valid JSON").1
    }

    #[test]
    fn an_object_is_read_in_any_order_with_anything_between_and_the_last_of_equals_wins() {
        for text in [
            r#"{"id":1,"inner":{"text":"x"},"list":[1,2]}"#,
            r#" { "z" : { "id" : 7 , "inner" : [ { } ] } , "list" : [ 1 , 2 ] , "inner" : { "text" : "x" } , "id" : 1 } "#,
            r#"{"inner":{"text":"w"},"id":"0","list":[1,2],"\u0069d":1,"inner":{"y":"}]\"{[","text":"x"},"a":"\\"}"#,
        ] {
            let outer: Outer<'_> = json(text).read();
            assert_eq!(outer.id.text().as_deref(), Some("1"), "{text}");
            assert_eq!(outer.inner.text.text().as_deref(), Some("x"), "{text}");
            assert_eq!(outer.list.elements().count(), 2, "{text}");
        }
        let outer: Outer<'_> = json(r#"{"inner":[{"text":"x"}],"id":{},"list":null}"#).read();
        assert_eq!(
            (outer.inner.text.text(), outer.id.text(), outer.list.elements().count()),
            (None, None, 0)
        );
    }

    #[test]
    fn flags_and_numbers_come_in_several_spellings() {
        for (text, flag, int) in [
            ("true", Some(true), None),
            ("\"true\"", Some(true), None),
            ("1", Some(true), Some(1)),
            ("\"1\"", Some(true), Some(1)),
            ("0", Some(false), Some(0)),
            ("\"false\"", Some(false), None),
            ("\" 12 \"", None, Some(12)),
            ("2.0", None, Some(2)),
            ("2.5", None, None),
            ("1e3", None, Some(1000)),
            ("9007199254740993", None, Some(9_007_199_254_740_993)),
            (r#"{"low":-1,"high":0,"unsigned":true}"#, None, Some(4_294_967_295)),
            (r#"{"low":5}"#, None, None),
            ("null", None, None),
            ("[]", None, None),
        ] {
            assert_eq!((json(text).flag(), json(text).int()), (flag, int), "{text}");
        }
    }

    #[test]
    fn what_is_said_to_be_nothing_is_emptied_and_what_is_absent_is_not() {
        for (text, expected) in [
            ("null", true),
            ("\"\"", true),
            ("[]", true),
            ("[ \n ]", true),
            ("[null]", false),
            ("\" \"", false),
            ("0", false),
            ("false", false),
            ("{}", false),
        ] {
            assert_eq!(json(text).is_emptied(), expected, "{text}");
        }
        assert!(!Json::default().is_emptied(), "absent");
    }

    proptest! {
        #[test]
        fn texts_come_out_as_they_went_in(texts in prop::collection::vec(any::<String>(), 0..6)) {
            let body = serde_json::to_string(&texts).expect("texts serialize");
            let read: Vec<String> = json(&body).elements().map(|e| e.text().unwrap_or_default().into_owned()).collect();
            prop_assert_eq!(read, texts);
        }

        #[test]
        fn members_come_out_as_they_went_in(members in prop::collection::btree_map(any::<String>(), any::<Vec<String>>(), 0..6)) {
            let body = serde_json::to_string_pretty(&members).expect("an object serializes");
            let read: BTreeMap<String, Vec<String>> = json(&body)
                .members()
                .into_iter()
                .map(|(key, value)| (key.into_owned(), serde_json::from_str(value.raw()).expect("a value is valid JSON")))
                .collect();
            prop_assert_eq!(read, members);
        }
    }
}
