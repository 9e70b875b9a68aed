//! Credentials that senders put into their bodies are blanked before anything is stored: the value becomes `null`, every
//! other byte stays.

use std::borrow::Cow;

use schemas::source::{Scheme, Source, TokenPlace};

use super::Adapter;
use super::json::{Cursor, unescape};

/// The names of the JSON members whose values are credentials, wherever in the body they stand.
pub(super) struct Credentials<'h> {
    /// Separated by spaces.
    of_platform: &'static str,
    of_source: Option<&'h str>,
}

impl<'h> Credentials<'h> {
    /// Those that the platform sends, and the one that this source proves itself with.
    pub(super) fn of(adapter: &Adapter, source: &'h Source) -> Self {
        let of_platform = adapter.credential.unwrap_or_default();
        let of_source = match &source.scheme {
            Some(Scheme::Token(TokenPlace::Body(name))) => Some(name.as_str()),
            _ => None,
        };
        Self {
            of_platform,
            of_source: of_source.filter(|name| !name.is_empty() && of_platform.split(' ').all(|known| known != *name)),
        }
    }

    fn names(&self) -> impl Iterator<Item = &'h str> {
        let of_platform = self.of_platform.split(' ').filter(|name| !name.is_empty());
        of_platform.chain(self.of_source)
    }

    /// `json` with the credentials blanked. `json` must be valid JSON.
    pub(super) fn blank<'a>(&self, json: &'a str) -> Cow<'a, str> {
        let mut blanked = String::new();
        let mut kept = 0;
        let mut cursor = Cursor::new(json);
        // Looking for one name as it stands is many times quicker than looking at all keys, but misses escaped ones.
        let mut names = self.names();
        let quick = match (names.next(), names.next()) {
            (None, _) => return Cow::Borrowed(json),
            _ if json.contains("\\u00") => None,
            (name, None) => name,
            _ => {
                let mut there = self.names().filter(|name| json.contains(name));
                match (there.next(), there.next()) {
                    (None, _) => return Cow::Borrowed(json),
                    (name, None) => name,
                    _ => None,
                }
            }
        };
        loop {
            let found = match quick {
                Some(name) => cursor.next_key_named(name),
                None => cursor.next_key().map(|key| self.is_credential(key)),
            };
            match found {
                None => break,
                Some(false) => {}
                Some(true) => {
                    let start = cursor.position();
                    cursor.skip();
                    blanked.push_str(json.get(kept..start).unwrap_or_default());
                    blanked.push_str("null");
                    kept = cursor.position();
                }
            }
        }
        if kept == 0 {
            return Cow::Borrowed(json);
        }
        blanked.push_str(json.get(kept..).unwrap_or_default());
        Cow::Owned(blanked)
    }

    /// The same for a body that cannot be read as JSON, where a member can only be guessed at: the name, a colon, and then
    /// a text up to its closing quote or the end, or anything else up to the next comma, bracket or the end.
    pub(super) fn blank_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut all = Cow::Borrowed(bytes);
        for name in self.names() {
            let mut blanked = Vec::new();
            let mut kept = 0;
            while let Some((start, end)) = guess_value(&all, name.as_bytes(), kept) {
                blanked.extend_from_slice(&all[kept..start]);
                blanked.extend_from_slice(b"null");
                kept = end;
            }
            if kept > 0 {
                blanked.extend_from_slice(&all[kept..]);
                all = Cow::Owned(blanked);
            }
        }
        all
    }

    fn is_credential(&self, key: &str) -> bool {
        let is = |key: &str| self.names().any(|name| name == key);
        if key.contains('\\') {
            is(&unescape(key))
        } else {
            is(key)
        }
    }
}

/// Where the value of the next member of that name begins and ends, searched for from `from` on.
fn guess_value(bytes: &[u8], name: &[u8], mut from: usize) -> Option<(usize, usize)> {
    while let Some(found) = bytes
        .get(from..)
        .and_then(|rest| rest.windows(name.len()).position(|window| window == name))
    {
        let mut at = from + found + name.len();
        from = at;
        let skip = |at: &mut usize, skipped: &[u8]| {
            while bytes.get(*at).is_some_and(|b| skipped.contains(b)) {
                *at += 1;
            }
        };
        skip(&mut at, b"\\\"' \t\r\n");
        if bytes.get(at) != Some(&b':') {
            continue;
        }
        skip(&mut at, b": \t\r\n");
        let quote = at;
        skip(&mut at, b"\\\"'");
        let ends: &[u8] = if at > quote { b"\"'" } else { b",}] \t\r\n" };
        let rest = bytes.get(at..).unwrap_or_default();
        let mut end = at + rest.iter().position(|b| ends.contains(b)).unwrap_or(rest.len());
        if at > quote {
            end = (end + 1).min(bytes.len());
        }
        return Some((quote, end));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Credentials<'static> = Credentials {
        of_platform: "token",
        of_source: None,
    };

    #[test]
    fn only_the_value_is_blanked() {
        for (json, blanked) in [
            (
                r#"{"a" : 1, "token" : "s\"x" , "b":2}"#,
                r#"{"a" : 1, "token" : null , "b":2}"#,
            ),
            (
                r#"{"a":[{"token":{"x":["s"]}}],"tok\u0065n":7}"#,
                r#"{"a":[{"token":null}],"tok\u0065n":null}"#,
            ),
            (r#"{"token":"s","token":"t"}"#, r#"{"token":null,"token":null}"#),
            (
                r#"{"text":"token","x":"\"token\":\"y\""}"#,
                r#"{"text":"token","x":"\"token\":\"y\""}"#,
            ),
        ] {
            assert_eq!(TOKEN.blank(json), blanked);
        }
        assert!(
            matches!(TOKEN.blank("{\"a\":\"token\"}"), Cow::Borrowed(_)),
            "nothing to blank, nothing copied"
        );
    }

    #[test]
    fn each_of_several_is_blanked_and_a_name_that_is_part_of_another_is_not_it() {
        let several = Credentials {
            of_platform: "secret password",
            of_source: Some("key"),
        };
        for (json, blanked) in [
            (
                r#"{"secret":"a","x":{"password":"b"},"key":1}"#,
                r#"{"secret":null,"x":{"password":null},"key":null}"#,
            ),
            (
                r#"{"password":"b","text":"the secret"}"#,
                r#"{"password":null,"text":"the secret"}"#,
            ),
            (r#"{"passwor\u0064":"b"}"#, r#"{"passwor\u0064":null}"#),
            (
                r#"{"keys":1,"a_key":2,"secret password":3}"#,
                r#"{"keys":1,"a_key":2,"secret password":3}"#,
            ),
            (r#"{"a":1}"#, r#"{"a":1}"#),
        ] {
            assert_eq!(several.blank(json), blanked);
        }
        assert_eq!(
            &*several.blank_bytes(br#"{"secret":"a","key":"b"#),
            br#"{"secret":null,"key":null"#
        );
    }

    #[test]
    fn a_broken_body_loses_its_credentials_too() {
        for (bytes, blanked) in [
            (r#"{"token":"secret"#, r#"{"token":null"#),
            (r#"{"token" : "secret","a":"#, r#"{"token" : null,"a":"#),
            (r#"{"token":secret,"#, r#"{"token":null,"#),
            (r#"{\"token\":\"secret\"}"#, r#"{\"token\":null}"#),
            ("token token token: x", "token token token: null"),
            ("token", "token"),
        ] {
            assert_eq!(String::from_utf8_lossy(&TOKEN.blank_bytes(bytes.as_bytes())), blanked);
        }
        assert!(matches!(TOKEN.blank_bytes(b"\xff{"), Cow::Borrowed(_)));
    }
}
