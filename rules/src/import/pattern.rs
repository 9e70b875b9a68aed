//! Translates patterns of SQL and of JavaScript to regular expressions of CEL, which are those of the crate `regex`.

use std::iter::Peekable;
use std::str::Chars;

/// The characters that are white space in JavaScript.
const SPACE: &str = r"\t\n\x0B\x0C\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";

/// Translates a pattern of SQL's `LIKE` (`%`, `_`, `\` before one of them); `None` if PostgreSQL would refuse it.
pub(super) fn like(pattern: &str) -> Option<String> {
    let mut out = String::from("^");
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '\\' => push_plain(&mut out, characters.next()?),
            c => push_plain(&mut out, c),
        }
    }
    out.push('$');
    // Not needed, and faster without.
    let out = out.strip_prefix("^.*").unwrap_or(&out);
    Some(
        if out.ends_with(".*$") && !out.ends_with("\\.*$") {
            &out[..out.len() - 3]
        } else {
            out
        }
        .to_owned(),
    )
}

/// Returns a pattern that finds a text literally.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_plain(&mut out, c));
    out
}

fn push_plain(out: &mut String, c: char) {
    if r"\.+*?()|[]{}^$".contains(c) {
        out.push('\\');
    }
    out.push(c);
}

/// Translates a regular expression of JavaScript, without flags. The error says which part has another meaning here, or
/// none.
pub(super) fn javascript(pattern: &str) -> Result<String, String> {
    if pattern.len() > 1
        && pattern.starts_with('/')
        && pattern
            .trim_end_matches(|c: char| c.is_ascii_alphabetic())
            .ends_with('/')
    {
        return Err("a pattern between slashes: it is unclear whether the slashes belong to it".to_owned());
    }
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    // Whether the last part can be repeated, and was not yet.
    let mut repeatable = false;
    while let Some(c) = characters.next() {
        let was_repeatable = std::mem::replace(&mut repeatable, true);
        match c {
            '\\' => repeatable = escape(&mut out, &mut characters)?,
            '.' => out.push_str(r"[^\n\r\u{2028}\u{2029}]"),
            '[' => class(&mut out, &mut characters)?,
            '(' => {
                repeatable = false;
                out.push('(');
                if characters.next_if_eq(&'?').is_some() {
                    characters
                        .next_if_eq(&':')
                        .ok_or("it looks ahead or behind, or names a group")?;
                    out.push_str("?:");
                }
            }
            '|' | '^' | '$' => {
                repeatable = false;
                out.push(c);
            }
            ')' => out.push(c),
            '*' | '+' | '?' | '{' => {
                if !was_repeatable {
                    return Err(format!("`{c}` has nothing before it to repeat"));
                }
                repeatable = false;
                out.push(c);
                if c == '{' {
                    out.push_str(&count(&mut characters)?);
                }
                // Lazy or not makes no difference to whether it matches.
                out.extend(characters.next_if_eq(&'?'));
            }
            c => push_plain(&mut out, c),
        }
    }
    Ok(out)
}

/// Translates what follows a backslash outside of a class. Returns whether it can be repeated.
fn escape(out: &mut String, characters: &mut Peekable<Chars<'_>>) -> Result<bool, String> {
    let c = characters.next().ok_or("it ends in a backslash")?;
    match c {
        'd' | 'w' | 's' => out.extend(["[", set(c), "]"]),
        'D' | 'W' | 'S' => out.extend(["[^", set(c.to_ascii_lowercase()), "]"]),
        'b' => {
            out.push_str(r"(?-u:\b)");
            return Ok(false);
        }
        c => push_plain(out, character(c)?),
    }
    Ok(true)
}

/// The characters of `\d`, `\w` and `\s`, which are not those of the crate.
fn set(c: char) -> &'static str {
    match c {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        _ => SPACE,
    }
}

/// The one character that a backslash and `c` stand for.
fn character(c: char) -> Result<char, String> {
    Ok(match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        'f' => '\u{c}',
        c if c.is_ascii_alphanumeric() => return Err(format!("`\\{c}` has no equivalent here")),
        c => c,
    })
}

/// Translates a class, after its bracket.
fn class(out: &mut String, characters: &mut Peekable<Chars<'_>>) -> Result<(), String> {
    out.push('[');
    out.extend(characters.next_if_eq(&'^'));
    let mut empty = true;
    loop {
        let c = match characters.next().ok_or("a class has no end")? {
            ']' if empty => return Err("a class is empty".to_owned()),
            ']' => break,
            '\\' => match characters.next().ok_or("it ends in a backslash")? {
                c @ ('d' | 'w' | 's') => {
                    out.push_str(set(c));
                    if characters.peek() == Some(&'-') {
                        return Err("a range begins with a class".to_owned());
                    }
                    empty = false;
                    continue;
                }
                'b' => '\u{8}',
                c => character(c)?,
            },
            c => c,
        };
        empty = false;
        push_in_class(out, c);
        // A range, unless the hyphen is the last of the class.
        let mut ahead = characters.clone();
        if ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']') {
            *characters = ahead;
            let end = match characters.next().ok_or("a class has no end")? {
                '\\' => match characters.next().ok_or("it ends in a backslash")? {
                    'd' | 'w' | 's' => return Err("a range ends with a class".to_owned()),
                    c => character(c)?,
                },
                c => c,
            };
            out.push('-');
            push_in_class(out, end);
        }
    }
    out.push(']');
    Ok(())
}

/// Some characters mean more in a class here than in JavaScript: `&&`, `--`, `~~` and `[`.
fn push_in_class(out: &mut String, c: char) {
    if r"\[]^-&~".contains(c) {
        out.push('\\');
    }
    out.push(c);
}

/// `3}`, `3,}` or `3,5}`.
fn count(characters: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut text = String::new();
    for c in characters.by_ref() {
        text.push(c);
        if !c.is_ascii_digit() && c != ',' {
            break;
        }
    }
    let numbers: Vec<&str> = text.strip_suffix('}').unwrap_or_default().split(',').collect();
    let right = match numbers.as_slice() {
        [times] => !times.is_empty(),
        [least, _] => !least.is_empty(),
        _ => false,
    };
    if right {
        Ok(text)
    } else {
        Err("`{` is not followed by a count".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_sql_become_regular_expressions() {
        for (pattern, expected) in [
            ("%help%", Some("help")),
            ("help", Some("^help$")),
            ("+55%", Some(r"^\+55")),
            ("%50%%", Some("50.*")),
            ("%a_b%", Some("a.b")),
            (r"%a\_b%", Some("a_b")),
            (r"%a\%", Some("a%$")),
            (r"a\", None),
            (r"%a\.%", Some(r"a\.")),
            ("%", Some("$")),
            ("%%", Some("")),
        ] {
            assert_eq!(like(pattern).as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn patterns_of_javascript_mean_the_same_or_are_refused() {
        for (pattern, expected) in [
            ("Used Car", "Used Car"),
            (r"^\d{3}-\w+?$", "^[0-9]{3}-[0-9A-Za-z_]+?$"),
            (r"(?:a|b)*\/c", "(?:a|b)*/c"),
            (r"[^\d,&&x-z-]", r"[^0-9,\&\&x-z\-]"),
            (r"a]b}", r"a\]b\}"),
            (r"\bcar\b", r"(?-u:\b)car(?-u:\b)"),
            (r"[\].*]{2,}", r"[\].*]{2,}"),
        ] {
            assert_eq!(javascript(pattern).as_deref(), Ok(expected), "{pattern}");
        }
        for pattern in [
            "(?=a)", "(?<n>a)", "(?i)a", r"(a)\1", r"\p{L}", r"\u0041", r"\Ba", "[]", "[^]", "[a", r"a\", "a**", "a*+",
            "*", "a{x}", "a{,3}", "a{1,2,3}", r"[\d-z]", r"[a-\d]", r"[\D]", "/car/i", "/car/", "|*", "^*",
        ] {
            assert!(javascript(pattern).is_err(), "{pattern}: {:?}", javascript(pattern));
        }
    }
}
