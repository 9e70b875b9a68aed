//! Whether bytes are one JSON value (RFC 8259), nested no deeper than allowed, in a single pass that builds nothing.
//!
//! A parser for values does this too, but twice: it does not mind depth where it only skips, so that the depth has to be
//! counted apart. On a body of many small values this pass takes about half the time of the two.

use super::cursor::{repeat, zeros};

/// What is wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NotJson,
    TooDeep,
}

/// How deep a value may nest at most: one bit of a word is kept per level.
pub(super) const MAX_DEPTH: u32 = 126;

/// Checks `json`, which must be UTF-8.
pub(super) fn check(json: &str) -> Result<(), Fault> {
    let mut checker = Checker {
        json: json.as_bytes(),
        at: 0,
        depth: 0,
        objects: 0,
    };
    checker.value()?;
    checker.space();
    if checker.at == json.len() {
        Ok(())
    } else {
        Err(Fault::NotJson)
    }
}

struct Checker<'a> {
    json: &'a [u8],
    at: usize,
    depth: u32,
    /// The kind of each open level, the innermost in the lowest bit: 1 is an object, 0 an array.
    objects: u128,
}

impl Checker<'_> {
    /// One value with everything in it.
    fn value(&mut self) -> Result<(), Fault> {
        loop {
            // Before a value.
            self.space();
            let opened = match self.next() {
                b'"' => self.string().map(|()| false)?,
                b'{' => self.open(true)?,
                b'[' => self.open(false)?,
                b't' => self.word(b"rue").map(|()| false)?,
                b'f' => self.word(b"alse").map(|()| false)?,
                b'n' => self.word(b"ull").map(|()| false)?,
                first @ (b'-' | b'0'..=b'9') => self.number(first).map(|()| false)?,
                _ => return Err(Fault::NotJson),
            };
            if opened {
                continue;
            }
            // After a value: close what ends here, until another value follows.
            loop {
                if self.depth == 0 {
                    return Ok(());
                }
                self.space();
                let in_object = self.objects & 1 == 1;
                match (self.next(), in_object) {
                    (b',', true) => {
                        self.space();
                        self.key()?;
                        break;
                    }
                    (b',', false) => break,
                    (b'}', true) | (b']', false) => self.close(),
                    _ => return Err(Fault::NotJson),
                }
            }
        }
    }

    /// Steps into an object or an array; `false` when it is empty and has been closed again.
    fn open(&mut self, object: bool) -> Result<bool, Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        self.space();
        if self.peek() == if object { b'}' } else { b']' } {
            self.at += 1;
            self.close();
            return Ok(false);
        }
        if object {
            self.key()?;
        }
        Ok(true)
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    /// A member's name and the colon after it.
    fn key(&mut self) -> Result<(), Fault> {
        if self.next() != b'"' {
            return Err(Fault::NotJson);
        }
        self.string()?;
        self.space();
        if self.next() == b':' {
            Ok(())
        } else {
            Err(Fault::NotJson)
        }
    }

    /// The rest of a string whose opening quote has been read.
    fn string(&mut self) -> Result<(), Fault> {
        loop {
            // Eight bytes at a time, up to a quote, a backslash or a control character.
            while let Some(eight) = self.json.get(self.at..).and_then(|rest| rest.first_chunk()) {
                let word = u64::from_le_bytes(*eight);
                let control = word.wrapping_sub(repeat(0x20)) & !word & repeat(0x80);
                let found = zeros(word ^ repeat(b'"')) | zeros(word ^ repeat(b'\\')) | control;
                if found != 0 {
                    self.at += found.trailing_zeros() as usize / 8;
                    break;
                }
                self.at += 8;
            }
            match self.next() {
                b'"' => return Ok(()),
                b'\\' => match self.next() {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            if !self.next().is_ascii_hexdigit() {
                                return Err(Fault::NotJson);
                            }
                        }
                    }
                    _ => return Err(Fault::NotJson),
                },
                0..=0x1f => return Err(Fault::NotJson),
                _ => {}
            }
        }
    }

    /// The rest of a number whose first byte has been read.
    fn number(&mut self, first: u8) -> Result<(), Fault> {
        let first = if first == b'-' { self.next() } else { first };
        match first {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return Err(Fault::NotJson),
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Fault> {
        if !self.peek().is_ascii_digit() {
            return Err(Fault::NotJson);
        }
        self.digits();
        Ok(())
    }

    fn word(&mut self, rest: &[u8]) -> Result<(), Fault> {
        if !self.json[self.at..].starts_with(rest) {
            return Err(Fault::NotJson);
        }
        self.at += rest.len();
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
    }

    /// The byte that is next, 0 at the end: no grammar rule takes a 0.
    fn peek(&self) -> u8 {
        self.json.get(self.at).copied().unwrap_or(0)
    }

    /// Takes the next byte. At the end it stays there.
    fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.at += usize::from(self.at < self.json.len());
        byte
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    /// What the parser that everybody uses says.
    fn reference(text: &str) -> bool {
        serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    #[test]
    fn the_grammar_is_that_of_the_specification() {
        for text in [
            "0",
            "-0",
            "-",
            "01",
            "1.",
            ".5",
            "1.5e",
            "1e+5",
            "1E-05",
            "1e5.0",
            "--1",
            "+1",
            "0x1",
            "1_0",
            "NaN",
            "Infinity",
            "true",
            "tru",
            "truee",
            "nul",
            "null ",
            " null",
            "",
            " ",
            "\u{feff}1",
            "[",
            "]",
            "[]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1,2]x",
            "{}",
            "{",
            "}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":1,\"a\":2}",
            "[}",
            "{]",
            "[{}]",
            "{\"a\":[{\"b\":[]}]}",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u123\"",
            "\"\\ud83d\"",
            "\"a\tb\"",
            "\"a\u{0}b\"",
            "\"\u{7f}\u{80}é\"",
            "\"12345678\"",
            "\"1234567\\\"\"",
            "\"12345678\u{1}\"",
            "1 1",
            "[1]\n",
            "[1]\u{b}",
            "[\u{a0}1]",
            "{\"\":\"\"}",
            "[\"\\/\\b\\f\\n\\r\\t\\\\\"]",
        ] {
            assert_eq!(check(text).is_ok(), reference(text), "{text:?}");
        }
    }

    #[test]
    fn depth_is_counted_and_bounded() {
        let nested = |open: &str, close: &str, depth: usize| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            assert_eq!(check(&nested(open, close, 126)), Ok(()));
            assert_eq!(check(&nested(open, close, 127)), Err(Fault::TooDeep));
        }
        assert_eq!(
            check(&"[".repeat(1_000_000)),
            Err(Fault::TooDeep),
            "it neither recurses nor grows"
        );
        assert_eq!(
            check(&format!("[{}1]", "[[],[{}]],".repeat(100_000))),
            Ok(()),
            "siblings are not depth"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn it_agrees_with_the_parser_on_anything(text in "[\\[\\]{}:,\"\\\\ 0-9eE.+\\-truefalsn/\\x00-\\x20é]{0,24}") {
            prop_assert_eq!(check(&text).is_ok(), reference(&text), "{:?}", text);
        }

        #[test]
        fn it_agrees_on_damaged_documents(at: prop::sample::Index, byte in any::<u8>(), cut: prop::sample::Index) {
            let whole = br#"{"a":[1,-2.5e+3,true,null,{"b":"x\"\\\u00e9 long enough for two words"}],"c":{},"d":[],"e":"","f":0}"#;
            let mut damaged = whole.to_vec();
            damaged[at.index(whole.len())] = byte;
            damaged.truncate(cut.index(whole.len() * 2).max(1));
            if let Ok(text) = std::str::from_utf8(&damaged) {
                prop_assert_eq!(check(text).is_ok(), reference(text), "{:?}", text);
            }
        }
    }
}
