//! The same JSON in the spellings that loggers, proxies and frameworks give it when they parse a body and write it again.
//! A signature is over bytes: a body that was written again no longer verifies, though it looks the same.

/// A spelling, and the words for it.
pub(super) type Spelling = (&'static str, Vec<u8>);

/// The body in other spellings; the first is the body itself.
pub(super) fn spellings(body: &[u8]) -> Vec<Spelling> {
    let mut all = vec![("", body.to_vec())];
    let mut push = |words, bytes: Vec<u8>| {
        if !all.iter().any(|(_, known)| *known == bytes) {
            all.push((words, bytes));
        }
    };
    if let Some(shorter) = body.strip_suffix(b"\n") {
        push("the body without the line end after it", shorter.to_vec());
        push(
            "the body without the line end after it",
            shorter.trim_ascii_end().to_vec(),
        );
    }
    push("the body with a line end after it", [body, b"\n"].concat());
    if let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        push("the body without the byte order mark before it", rest.to_vec());
    }
    let Some(text) = std::str::from_utf8(body)
        .ok()
        .filter(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
    else {
        return all;
    };
    for (words, escape) in [
        ("the JSON written again", as_is as fn(&str) -> String),
        ("the JSON written again, with other than ASCII escaped", ascii_only),
        ("the JSON written again, with escapes of letters undone", letters),
        ("the JSON written again, with slashes escaped", slashes),
        ("the JSON written again, with <, > and & escaped", markup),
    ] {
        for layout in [
            Layout::Compact,
            Layout::Spaced,
            Layout::Indented(2),
            Layout::Indented(4),
        ] {
            push(words, laid_out(text, layout, escape).into_bytes());
        }
    }
    all
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// Nothing between tokens, as most write it.
    Compact,
    /// A space after commas and colons, as Python does.
    Spaced,
    /// A line each, indented by so much.
    Indented(usize),
}

/// Writes valid JSON again: other white space, and strings through `escape`, which gets what stands between the quotes.
fn laid_out(json: &str, layout: Layout, escape: fn(&str) -> String) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut rest = json.trim();
    let line = |out: &mut String, depth: usize| {
        if let Layout::Indented(width) = layout {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', width * depth));
        }
    };
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        match first {
            '"' => {
                let content = string_content(&rest[1..]);
                out.push('"');
                out.push_str(&escape(content));
                out.push('"');
                taken = content.len() + 2;
            }
            '{' | '[' => {
                out.push(first);
                let empty = rest[1..].trim_start().starts_with(['}', ']']);
                depth += 1;
                if !empty {
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !out.ends_with(['{', '[']) {
                    line(&mut out, depth);
                }
                out.push(first);
            }
            ',' => {
                out.push(',');
                line(&mut out, depth);
                if layout == Layout::Spaced {
                    out.push(' ');
                }
            }
            ':' => out.push_str(if layout == Layout::Compact { ":" } else { ": " }),
            _ if first.is_ascii_whitespace() => {}
            _ => out.push(first),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// Up to the closing quote.
fn string_content(text: &str) -> &str {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return &text[..at],
            _ => {}
        }
    }
    text
}

fn as_is(content: &str) -> String {
    content.to_owned()
}

fn ascii_only(content: &str) -> String {
    let mut out = String::with_capacity(content.len());
    for c in content.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// `\u00e9` as the letter, `\/` as a slash.
fn letters(content: &str) -> String {
    let plain = serde_json::from_str::<String>(&format!("\"{content}\"")).unwrap_or_else(|_| content.to_owned());
    let quoted = serde_json::Value::from(plain).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn slashes(content: &str) -> String {
    content.replace("\\/", "/").replace('/', "\\/")
}

fn markup(content: &str) -> String {
    content
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_spellings_are_among_them() {
        let body = r#"{"a":"caf\u00e9 \"x\" https://e.example/?a=1&b=<2>","b":[1,2.50,{}],"c":[],"d":"日本"}"#;
        let all = spellings(body.as_bytes());
        for expected in [
            // Python's json.dumps.
            r#"{"a": "caf\u00e9 \"x\" https://e.example/?a=1&b=<2>", "b": [1, 2.50, {}], "c": [], "d": "\u65e5\u672c"}"#,
            // JSON.stringify.
            r#"{"a":"café \"x\" https://e.example/?a=1&b=<2>","b":[1,2.50,{}],"c":[],"d":"日本"}"#,
            // JSON.stringify with 2.
            "{\n  \"a\": \"café \\\"x\\\" https://e.example/?a=1&b=<2>\",\n  \"b\": [\n    1,\n    2.50,\n    {}\n  ],\n  \
             \"c\": [],\n  \"d\": \"日本\"\n}",
        ] {
            assert!(all.iter().any(|(_, bytes)| bytes == expected.as_bytes()), "{expected}");
        }
        assert_eq!(all[0].1, body.as_bytes());
        assert_eq!(spellings(b"no json").len(), 2, "and one with a line end");
    }
}
