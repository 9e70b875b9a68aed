//! Lenient reading of JSON that is already known to be valid.
//!
//! [`parse`] checks a body once; after that nothing can fail. An [`object!`](object) reads the members that it names in one
//! pass and skips the others; a value stays the text that was sent until somebody asks what it is, and whoever asks takes
//! whatever a platform may have meant: ids as numbers or text, flags as `true`, `"true"` or `1`, times in five spellings.
//! Of equal keys the last wins. What does not fit is absent.

use std::borrow::Cow;

use schemas::data::Text;
use schemas::time::Timestamp;
use serde::de::IgnoredAny;

/// How deep a body may nest. Its envelope nests it two deeper, and 128 is what common parsers take.
const MAX_DEPTH: usize = 126;

/// Checks a body: its text, and its JSON; or what is wrong with it.
pub(super) fn parse(body: &[u8]) -> Result<(&str, Json<'_>), &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
    let json = text.trim_matches([' ', '\t', '\r', '\n']);
    if json.is_empty() {
        return Err("the body is empty");
    }
    // Before the parser: it does not mind depth where it only skips, but whoever reads the event later may.
    if is_too_deep(json.as_bytes()) {
        return Err("the body is nested too deeply");
    }
    match serde_json::from_str::<IgnoredAny>(json) {
        Ok(IgnoredAny) => Ok((text, Json(json))),
        Err(_) => Err("the body is not JSON"),
    }
}

fn is_too_deep(json: &[u8]) -> bool {
    // Most bodies have too few brackets to be deep, and counting is many times quicker than following them: `[` and `{`
    // differ in one bit, and a sum of bytes over short blocks is what the compiler makes vector code of.
    let opening = |block: &[u8]| block.iter().map(|b| u8::from(b | 0x20 == b'{')).sum::<u8>();
    if json.chunks(128).map(|block| usize::from(opening(block))).sum::<usize>() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => at = string_end(json, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// The place behind the closing quote of a string whose content begins at `at`.
fn string_end(json: &[u8], mut at: usize) -> usize {
    loop {
        // Eight bytes at a time until one of them is a quote or a backslash.
        while let Some(eight) = json.get(at..).and_then(|rest| rest.first_chunk()) {
            let word = u64::from_le_bytes(*eight);
            let found = zeros(word ^ repeat(b'"')) | zeros(word ^ repeat(b'\\'));
            if found != 0 {
                at += found.trailing_zeros() as usize / 8;
                break;
            }
            at += 8;
        }
        match json.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return json.len(),
        }
    }
}

const fn repeat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The highest bit of the lowest byte that is zero, among others above it.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(repeat(1)) & !word & repeat(0x80)
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

    /// A moment: ISO 8601 with a zone, or seconds (with or without a fraction) or milliseconds since the epoch, as number or
    /// text. 0 means that there is none, and a local time without a zone is not a moment.
    pub(super) fn time(self) -> Option<Timestamp> {
        let millis = if self.is_object() {
            epoch_millis(&self.int()?.to_string())?
        } else {
            let text = self.text()?;
            match epoch_millis(text.trim()) {
                Some(millis) => millis,
                None => return Timestamp::parse(text.trim()),
            }
        };
        Timestamp::from_millis(millis).filter(|time| *time != Timestamp::MIN)
    }

    /// Reads the value as a `T`.
    pub(super) fn read<T: Read<'a>>(self) -> T {
        T::read(&mut Cursor::new(self.0))
    }

    /// The elements of an array; of anything else but `null` itself, for platforms that send one thing without its list.
    pub(super) fn elements(self) -> impl Iterator<Item = Json<'a>> {
        let mut cursor = Cursor::new(self.0);
        let mut alone = self.is_there() && !self.0.starts_with('[');
        if !alone {
            cursor.at = 1;
        }
        let mut done = !self.is_there();
        std::iter::from_fn(move || {
            if std::mem::take(&mut alone) {
                done = true;
                return Some(self);
            }
            if done || matches!(cursor.peek(), b']' | 0) {
                return None;
            }
            let element = cursor.skip();
            if cursor.peek() == b',' {
                cursor.at += 1;
            }
            Some(element)
        })
    }

    /// The members of an object, in their order; nothing for anything else.
    pub(super) fn members(self) -> Vec<(Text<'a>, Json<'a>)> {
        let mut members = Vec::new();
        Cursor::new(self.0).object(|key, cursor| {
            let key = if key.contains('\\') {
                Cow::Owned(unescape(key))
            } else {
                Cow::Borrowed(key)
            };
            members.push((key, cursor.skip()));
        });
        members
    }
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

/// What `uXXXX`, perhaps with a second half behind it, stands for, and how long it is.
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

/// A place in valid JSON.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes are behind it.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The next byte that is not white space, 0 at the end.
    fn peek(&mut self) -> u8 {
        while matches!(self.byte(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
        self.byte()
    }

    /// Steps over one value.
    pub(super) fn skip(&mut self) -> Json<'a> {
        let bytes = self.text.as_bytes();
        let first = self.peek();
        let start = self.at;
        match first {
            b'"' => self.at = string_end(bytes, self.at + 1),
            b'{' | b'[' => {
                let mut depth = 0_usize;
                while let Some(byte) = bytes.get(self.at) {
                    self.at += 1;
                    match byte {
                        b'"' => self.at = string_end(bytes, self.at),
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => {
                            depth -= 1;
                            if depth == 0 {
                                break;
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {
                while !matches!(self.byte(), b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' | 0) {
                    self.at += 1;
                }
            }
        }
        Json(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Steps through an object: `member` gets each key, still escaped, and must step over its value. Anything else is
    /// stepped over.
    pub(super) fn object(&mut self, mut member: impl FnMut(&'a str, &mut Self)) {
        if self.peek() != b'{' {
            self.skip();
            return;
        }
        self.at += 1;
        while self.peek() == b'"' {
            let start = self.at + 1;
            self.at = string_end(self.text.as_bytes(), start);
            let key = self.text.get(start..self.at - 1).unwrap_or_default();
            if self.peek() == b':' {
                self.at += 1;
            }
            self.peek();
            member(key, self);
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    /// Goes to the value of the next member of that name, however deep, if its key is written without escapes. `Some(false)`
    /// is a text that only looks like it.
    pub(super) fn next_key_named(&mut self, name: &str) -> Option<bool> {
        let found = self.at + self.text.get(self.at..)?.find(name)?;
        let bytes = self.text.as_bytes();
        self.at = found + name.len();
        // Within a text a quote is escaped, and only a key has a colon behind it.
        let quoted = self.byte() == b'"' && bytes[..found].ends_with(b"\"") && !bytes[..found].ends_with(b"\\\"");
        if quoted {
            self.at += 1;
        }
        if !quoted || self.peek() != b':' {
            return Some(false);
        }
        self.at += 1;
        self.peek();
        Some(true)
    }

    /// Goes to the value of the next member, however deep, and gives its key, still escaped.
    pub(super) fn next_key(&mut self) -> Option<&'a str> {
        loop {
            let quote = self.text.as_bytes().get(self.at..)?.iter().position(|b| *b == b'"')?;
            let start = self.at + quote + 1;
            self.at = string_end(self.text.as_bytes(), start);
            let end = self.at - 1;
            if self.peek() == b':' {
                self.at += 1;
                self.peek();
                return self.text.get(start..end);
            }
        }
    }
}

/// What can be read from a place in valid JSON. Never fails: what does not fit is stepped over and is `Default`.
pub(super) trait Read<'a>: Default {
    fn read(cursor: &mut Cursor<'a>) -> Self;
}

impl<'a> Read<'a> for Json<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Self {
        cursor.skip()
    }
}

/// Declares a struct of members to be read: `name: Json = "key"`, or another such struct in place of `Json`.
macro_rules! object {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ident = $key:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default)]
        struct $name<'a> {
            $($field: $type<'a>,)*
        }

        impl<'a> $crate::normalize::json::Read<'a> for $name<'a> {
            fn read(cursor: &mut $crate::normalize::json::Cursor<'a>) -> Self {
                let mut this = Self::default();
                cursor.object(|key, cursor| {
                    let unescaped;
                    let key = if key.contains('\\') {
                        unescaped = $crate::normalize::json::unescape(key);
                        unescaped.as_str()
                    } else {
                        key
                    };
                    match key {
                        $($key => this.$field = $crate::normalize::json::Read::read(cursor),)*
                        _ => drop(cursor.skip()),
                    }
                });
                this
            }
        }
    )*};
}
pub(super) use object;

object! {
    Long { low: Json = "low", high: Json = "high", }
}
