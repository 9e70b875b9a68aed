//! One pass over JSON that is known to be valid, and the structs that are read in such a pass.

use super::Json;

/// A place in valid JSON.
#[derive(Debug)]
pub(in crate::normalize) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(in crate::normalize) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes it has passed.
    pub(in crate::normalize) fn position(&self) -> usize {
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
    pub(in crate::normalize) fn skip(&mut self) -> Json<'a> {
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

    /// Steps into an array, if it stands before one.
    pub(in crate::normalize) fn enter_list(&mut self) -> bool {
        let is_list = self.peek() == b'[';
        if is_list {
            self.at += 1;
        }
        is_list
    }

    /// Steps over the next element of the array that it is in.
    pub(in crate::normalize) fn next_element(&mut self) -> Option<Json<'a>> {
        if matches!(self.peek(), b']' | 0) {
            return None;
        }
        let element = self.skip();
        if self.peek() == b',' {
            self.at += 1;
        }
        Some(element)
    }

    /// Steps through an object: `member` gets each key, still escaped, and must step over its value. Anything else is
    /// stepped over.
    pub(in crate::normalize) fn object(&mut self, mut member: impl FnMut(&'a str, &mut Self)) {
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
    pub(in crate::normalize) fn next_key_named(&mut self, name: &str) -> Option<bool> {
        let found = self.at + self.text.get(self.at..)?.find(name)?;
        let bytes = self.text.as_bytes();
        self.at = found + name.len();
        // Within a text a quote is escaped, and only a key has a colon after it.
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
    pub(in crate::normalize) fn next_key(&mut self) -> Option<&'a str> {
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
pub(in crate::normalize) trait Read<'a>: Default {
    fn read(cursor: &mut Cursor<'a>) -> Self;
}

impl<'a> Read<'a> for Json<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Self {
        cursor.skip()
    }
}

/// Declares a struct of members to be read: `name: Json = "key"`, or another such struct in place of `Json`; a key may have
/// several spellings, `"key" | "KEY"`.
macro_rules! object {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ident = $key:literal $(| $other:literal)*,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(in $crate::normalize) struct $name<'a> {
            $(pub(in $crate::normalize) $field: $type<'a>,)*
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
                        $($key $(| $other)* => this.$field = $crate::normalize::json::Read::read(cursor),)*
                        _ => drop(cursor.skip()),
                    }
                });
                this
            }
        }
    )*};
}
pub(in crate::normalize) use object;

/// The place after the closing quote of a string whose content begins at `at`.
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

pub(super) const fn repeat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The highest bit of the lowest byte that is zero, among others above it.
pub(super) const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(repeat(1)) & !word & repeat(0x80)
}
