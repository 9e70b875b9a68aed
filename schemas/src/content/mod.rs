//! Whether two bodies say the same: JSON is compared by value, everything else byte for byte.
//!
//! A platform that builds a body anew for a second delivery, out of its database or in another process, may write the same
//! content with its members in another order (PostgreSQL's `jsonb` sorts them), with other white space, with other escapes,
//! with numbers in another form. None of that is content. The order of a list is, and so is each member of a name that
//! stands there twice. Numbers are compared as exact decimals, however long.
//!
//! What is nested deeper than [`MAX_DEPTH`] is compared as it is written.

mod json;

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

/// How deep JSON is compared by value.
pub const MAX_DEPTH: usize = 128;

/// How much of a value is shown.
const MAX_SHOWN: usize = 40;

/// A body as what it says.
#[derive(Debug, PartialEq, Eq)]
pub struct Content<'a>(Node<'a>);

/// A value. What is written in one way only is kept as it is written, without a copy where that is how it came.
#[derive(Debug, PartialEq, Eq)]
enum Node<'a> {
    /// Not JSON.
    Bytes(&'a [u8]),
    /// A text in quotes, a number, `true`, `false` or `null`.
    Plain(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// Sorted by name, which has its quotes.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// In what one body differs from another.
#[derive(Debug, PartialEq, Eq)]
pub struct Differences {
    /// The first ones that were found, at most as many as were asked for.
    pub first: Vec<Difference>,
    /// How many there are.
    pub count: usize,
}

/// A member that differs between two bodies, with both of its values.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its path, `a.b[0]`; empty for the body as a whole.
    pub member: String,
    /// What stood there, cut short; `None` where the member was absent.
    pub before: Option<String>,
    /// What stands there now.
    pub after: Option<String>,
}

impl<'a> Content<'a> {
    /// Reads a body.
    pub fn of(body: &'a [u8]) -> Self {
        let json = std::str::from_utf8(body).ok().and_then(json::read);
        Self(json.unwrap_or(Node::Bytes(body)))
    }

    /// A digest that equal contents share: SHA-256 of the JSON without white space, its members sorted by name, each text and
    /// number written in one way; or of the bytes, where they are no JSON.
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        self.0.write(&mut |piece| hash.update(piece));
        hash.finalize().into()
    }

    /// In what `after` differs from this, and at most `most` of it in words.
    pub fn differences(&self, after: &Content<'_>, most: usize) -> Differences {
        let mut found = Found {
            most,
            path: String::new(),
            differences: Differences {
                first: Vec::new(),
                count: 0,
            },
        };
        found.compare(&self.0, &after.0);
        found.differences
    }
}

impl Node<'_> {
    /// Hands out the pieces of the one way to write it.
    fn write(&self, out: &mut impl FnMut(&[u8])) {
        match self {
            Self::Bytes(bytes) => out(bytes),
            Self::Plain(text) => out(text.as_bytes()),
            Self::List(elements) => {
                out(b"[");
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out(b",");
                    }
                    element.write(out);
                }
                out(b"]");
            }
            Self::Object(members) => {
                out(b"{");
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out(b",");
                    }
                    out(name.as_bytes());
                    out(b":");
                    value.write(out);
                }
                out(b"}");
            }
        }
    }

    fn shown(&self) -> String {
        let mut bytes = Vec::new();
        self.write(&mut |piece| {
            // No more than can be shown is copied of a large value.
            if bytes.len() <= MAX_SHOWN * 4 {
                bytes.extend_from_slice(&piece[..piece.len().min(MAX_SHOWN * 4 + 4)]);
            }
        });
        let text = String::from_utf8_lossy(&bytes);
        let mut shown: String = text.chars().take(MAX_SHOWN).collect();
        if text.chars().nth(MAX_SHOWN).is_some() {
            shown.push('…');
        }
        shown
    }
}

/// The comparison of two bodies as far as it has come.
struct Found {
    most: usize,
    path: String,
    differences: Differences,
}

impl Found {
    fn compare(&mut self, before: &Node<'_>, after: &Node<'_>) {
        match (before, after) {
            (Node::Object(before), Node::Object(after)) => self.objects(before, after),
            (Node::List(before), Node::List(after)) => {
                for index in 0..before.len().max(after.len()) {
                    self.below(&format!("[{index}]"), before.get(index), after.get(index));
                }
            }
            _ if before == after => {}
            _ => self.add(Some(before), Some(after)),
        }
    }

    /// Both are sorted by name.
    fn objects(&mut self, before: &[(Cow<'_, str>, Node<'_>)], after: &[(Cow<'_, str>, Node<'_>)]) {
        let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
        loop {
            let (old, new) = match (before.peek(), after.peek()) {
                (None, None) => return,
                (Some(old), Some(new)) if old.0 == new.0 => (before.next(), after.next()),
                (Some(old), Some(new)) if old.0 > new.0 => (None, after.next()),
                (None, Some(_)) => (None, after.next()),
                (Some(_), _) => (before.next(), None),
            };
            let name = old.or(new).map_or("", |(name, _)| name.trim_matches('"'));
            let dot = if self.path.is_empty() { "" } else { "." };
            self.below(&format!("{dot}{name}"), old.map(|m| &m.1), new.map(|m| &m.1));
        }
    }

    fn below(&mut self, step: &str, before: Option<&Node<'_>>, after: Option<&Node<'_>>) {
        let length = self.path.len();
        self.path.push_str(step);
        match (before, after) {
            (Some(before), Some(after)) => self.compare(before, after),
            _ => self.add(before, after),
        }
        self.path.truncate(length);
    }

    fn add(&mut self, before: Option<&Node<'_>>, after: Option<&Node<'_>>) {
        self.differences.count += 1;
        if self.differences.first.len() < self.most {
            self.differences.first.push(Difference {
                member: self.path.clone(),
                before: before.map(Node::shown),
                after: after.map(Node::shown),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn same(a: &str, b: &str) -> bool {
        let (a, b) = (Content::of(a.as_bytes()), Content::of(b.as_bytes()));
        assert_eq!(a == b, a.sha256() == b.sha256(), "{a:?} {b:?}");
        assert_eq!(a == b, a.differences(&b, 9).count == 0, "{a:?} {b:?}");
        a == b
    }

    #[test]
    fn how_it_is_written_is_no_content() {
        for (a, b) in [
            (
                r#"{"a":1,"b":[{"c":2,"d":3}]}"#,
                "{ \"b\" : [ {\"d\":3,\n\"c\":2 } ], \"a\" :1}\n",
            ),
            (r#"{"é\n":"\u00e9\/\ud83d\ude00"}"#, r#"{"\u00e9\u000a":"é/😀"}"#),
            ("[1,100,-0,0.5,1e2]", "[1.0,1E+2,0,5e-1,100.00]"),
            ("[1000000000000000000000000000000]", "[1e30]"),
            ("[0e5,-0.0,0.000]", "[0,0,0]"),
            (r#"{"a":1,"a":2}"#, r#"{ "a":1, "a":2 }"#),
            ("", ""),
            ("a=1&b=2", "a=1&b=2"),
        ] {
            assert!(same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn what_it_says_is_content() {
        for (a, b) in [
            (r#"{"a":1}"#, r#"{"a":2}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":null}"#, "{}"),
            ("[1,2]", "[2,1]"),
            ("[[1],2]", "[1,[2]]"),
            (r#"["a,b"]"#, r#"["a","b"]"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            // Both are the same number for who reads numbers as doubles.
            ("[9007199254740993]", "[9007199254740992]"),
            ("[0.1000000000000000000001]", "[0.1]"),
            ("[1e99999999999999999999]", "[1e99999999999999999998]"),
            (r#"["\ud800"]"#, r#"["\udfff"]"#),
            (r#"["\ud800"]"#, r#"["\\ud800"]"#),
            (r#"["a"]"#, r#"["A"]"#),
            ("a=1&b=2", "b=2&a=1"),
            ("{", "{ "),
            ("[1] x", "[1]x"),
            ("", "null"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
        let (a, b) = (Content::of(b"\xff"), Content::of(b"\xfe"));
        assert!(a != b && a.sha256() != b.sha256());
    }

    #[test]
    fn what_is_very_deep_is_compared_as_it_is_written() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(same(&deep("\"]\""), &deep("\"]\"")));
        assert!(!same(&deep("1"), &deep("2")));
        let at = |depth: usize, inner: &str| format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(same(&at(MAX_DEPTH, "1"), &at(MAX_DEPTH, " 1 ")));
        assert!(!same(&at(MAX_DEPTH + 1, "1"), &at(MAX_DEPTH + 1, " 1 ")));
    }

    #[test]
    fn differences_are_named_by_their_path_with_what_stood_there() {
        let before = Content::of(br#"{"status":"open","meta":{"assignee":{"id":1},"tags":["a","b"]},"gone":true}"#);
        let after = Content::of(br#"{"meta":{"tags":["a"],"assignee":{"id":2}},"status":"resolved","new":{"x":1}}"#);
        let shown = |differences: &Differences| -> Vec<String> {
            let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".into());
            let all = differences.first.iter();
            all.map(|d| format!("{}: {} {}", d.member, side(&d.before), side(&d.after)))
                .collect()
        };
        let found = before.differences(&after, 9);
        assert_eq!(
            shown(&found),
            [
                "gone: true -",
                "meta.assignee.id: 1 2",
                "meta.tags[1]: \"b\" -",
                "new: - {\"x\":1}",
                "status: \"open\" \"resolved\"",
            ]
        );
        assert_eq!(found.count, 5);
        let found = before.differences(&after, 2);
        assert_eq!((found.first.len(), found.count), (2, 5));

        let long = format!("[\"{}\"]", "é".repeat(100));
        let long = Content::of(long.as_bytes());
        let found = Content::of(b"not JSON").differences(&long, 1);
        assert_eq!(found.first[0].member, "");
        assert_eq!(found.first[0].before.as_deref(), Some("not JSON"));
        assert_eq!(found.first[0].after, Some(format!("[\"{}…", "é".repeat(MAX_SHOWN - 2))));
    }

    /// Any JSON, small.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "\\PC{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("\\PC{0,3}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn two_bodies_are_the_same_exactly_if_their_values_are(a in json(), b in json()) {
            prop_assert_eq!(same(&a.to_string(), &b.to_string()), a == b);
            let pretty = format!("{a:#}");
            prop_assert!(same(&a.to_string(), &pretty));
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let content = Content::of(&bytes);
            prop_assert_eq!(content.differences(&Content::of(&bytes), 1).count, 0);
        }
    }
}
