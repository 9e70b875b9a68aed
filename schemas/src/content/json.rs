//! JSON as values that are written in one way. More than it accepts as JSON need not be JSON: what it does not read is compared
//! byte for byte.

use std::borrow::Cow;

use super::{MAX_DEPTH, Node};

/// The most digits of a whole number that are written out; more become digits and an exponent.
const MAX_DIGITS: usize = 20;

/// Reads a document.
pub(super) fn read(text: &str) -> Option<Node<'_>> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(node)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes `byte` if it is the next one after white space.
    fn takes(&mut self, byte: u8) -> bool {
        self.space();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn since(&self, begin: usize) -> Option<&'a str> {
        self.text.get(begin..self.at)
    }

    fn value(&mut self, depth: usize) -> Option<Node<'a>> {
        self.space();
        match self.peek()? {
            b'{' | b'[' if depth == MAX_DEPTH => self.nested().map(|text| Node::Plain(text.into())),
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.text().map(Node::Plain),
            _ => self.word().map(Node::Plain),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Node<'a>> {
        self.at += 1;
        let mut members = Vec::new();
        if !self.takes(b'}') {
            loop {
                self.space();
                let name = self.text()?;
                if !self.takes(b':') {
                    return None;
                }
                members.push((name, self.value(depth + 1)?));
                if !self.takes(b',') {
                    break;
                }
            }
            if !self.takes(b'}') {
                return None;
            }
        }
        // Stable: members of one name keep their order.
        members.sort_by(|a, b| a.0.cmp(&b.0));
        Some(Node::Object(members))
    }

    fn list(&mut self, depth: usize) -> Option<Node<'a>> {
        self.at += 1;
        let mut elements = Vec::new();
        if !self.takes(b']') {
            loop {
                elements.push(self.value(depth + 1)?);
                if !self.takes(b',') {
                    break;
                }
            }
            if !self.takes(b']') {
                return None;
            }
        }
        Some(Node::List(elements))
    }

    /// A text in its quotes.
    fn text(&mut self) -> Option<Cow<'a, str>> {
        let (begin, escaped) = (self.at, self.skip_text()?);
        let written = self.since(begin)?;
        if !escaped {
            return Some(written.into());
        }
        // A lone surrogate is no text of Rust's: it stays as it is written.
        let read = serde_json::from_str::<String>(written).ok();
        let again = read.and_then(|text| serde_json::to_string(&text).ok());
        Some(again.map_or(Cow::Borrowed(written), Cow::Owned))
    }

    /// Goes to the end of the text that begins here, and says whether it has escapes.
    fn skip_text(&mut self) -> Option<bool> {
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(escaped)
    }

    /// An object or a list with all that it holds, as it is written.
    fn nested(&mut self) -> Option<&'a str> {
        let (begin, mut depth) = (self.at, 0_usize);
        loop {
            match self.peek()? {
                b'"' => {
                    self.skip_text()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return self.since(begin);
            }
        }
    }

    fn word(&mut self) -> Option<Cow<'a, str>> {
        let begin = self.at;
        while matches!(
            self.peek(),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.')
        ) {
            self.at += 1;
        }
        match self.since(begin)? {
            word @ ("true" | "false" | "null") => Some(word.into()),
            word => number(word),
        }
    }
}

/// A number in the one way to write it: whole ones as they are, others as their digits and an exponent (`15e-1`).
fn number(written: &str) -> Option<Cow<'_, str>> {
    let (sign, size) = match written.strip_prefix('-') {
        Some(size) => ("-", size),
        None => ("", written),
    };
    if size != "0" && !size.is_empty() && size.len() <= MAX_DIGITS && size.bytes().all(|b| b.is_ascii_digit()) {
        return Some(written.into());
    }
    let (mantissa, exponent) = size.split_once(['e', 'E']).unwrap_or((size, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // One that no machine reckons with stays as it is written.
    let Some(exponent) = exponent
        .parse::<i64>()
        .ok()
        .and_then(|e| e.checked_sub(i64::try_from(fraction.len()).ok()?))
    else {
        return exponent
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-'))
            .then(|| written.into());
    };
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some("0".into());
    }
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let exponent = exponent.checked_add(i64::try_from(zeros).ok()?)?;
    match usize::try_from(exponent) {
        Ok(zeros) if significant.len() + zeros <= MAX_DIGITS => {
            Some(format!("{sign}{significant}{}", "0".repeat(zeros)).into())
        }
        _ => Some(format!("{sign}{significant}e{exponent}").into()),
    }
}
