//! Writes foreign texts into CEL, YAML and comments, where none of them may end its surroundings.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::tree::Tree;

/// How much of a foreign text is shown to people.
const SHOWN_CHARS: usize = 120;
/// Leaves room for a number at the end.
const NAME_CHARS: usize = 100;

/// Writes a condition, with one conjunct per line.
pub(super) fn condition(guards: &[String], body: &Tree) -> String {
    let mut parts = guards.to_vec();
    parts.extend(body.conjuncts());
    parts.join(" &&\n")
}

/// Writes a text as CEL, in double quotes. Invisible characters, and those that YAML does not allow, are escaped.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_visible(c) => out.push(c),
            // Infallible: a string takes everything.
            c if u32::from(c) <= 0xffff => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Writes a text, a number, true, false or null as CEL.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(_) => Some(value.to_string()),
        // CEL has this one only as an unsigned number.
        Value::Number(number) if number.as_i64().is_none() && number.is_u64() => Some(format!("{number}u")),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(literal(text)),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// `x == a`, or `x in [a, b]`.
pub(super) fn one_of(x: &str, values: &[String]) -> String {
    match values {
        [one] => format!("{x} == {one}"),
        several => format!("{x} in [{}]", several.join(", ")),
    }
}

/// Tests whether `x` is text that fits `pattern`, a literal. A value that is not text does not match, and is no error.
pub(super) fn matches(x: &str, pattern: &str) -> String {
    format!("type({x}) == string && {x}.matches({pattern})")
}

/// `x > number` and the like, for a number or a text that is one; false for anything else.
pub(super) fn ordered(x: &str, sign: &str, number: f64) -> String {
    // It matches what `double` accepts, except `inf` and `nan`.
    const NUMBER: &str = "\"^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$\"";
    format!(
        "type({x}) in [int, uint, double, string] && string({x}).matches({NUMBER}) && double({x}) {sign} {number:?}"
    )
}

/// `.name`, or `["name"]` where CEL would not accept that.
pub(super) fn member(name: &str) -> String {
    const RESERVED: [&str; 20] = [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
    ];
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let plain = name.starts_with(|c: char| word(c) && !c.is_ascii_digit()) && name.chars().all(word);
    if plain && name != "while" && !RESERVED.contains(&name) {
        format!(".{name}")
    } else {
        format!("[{}]", literal(name))
    }
}

/// For people: in quotes, on one line, shortened if it is long.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('\u{2026}');
    }
    literal(&shown)
}

/// Replaces everything that could end a line, or reverse its direction.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_visible(c) { c } else { ' ' }).collect()
}

fn is_visible(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        && !matches!(c, '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

/// Makes a valid name of a rule, which YAML reads as text.
pub(super) fn name(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        let c = plain_letter(c);
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(NAME_CHARS);
    let out = out.trim_matches(['-', '.', '_']);
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&out);
    if out.starts_with(|c: char| c.is_ascii_alphabetic()) && !word {
        out.to_owned()
    } else {
        format!("rule-{out}").trim_end_matches('-').to_owned()
    }
}

/// Removes the accents of the languages that these platforms are mostly used in.
fn plain_letter(c: char) -> char {
    match c {
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' => 'o',
        'ù'..='ü' => 'u',
        other => other,
    }
}

/// Returns `name`, with a number appended if it is taken.
pub(super) fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut unique = name.to_owned();
    let mut number = 2;
    while !taken.insert(unique.clone()) {
        unique = format!("{name}-{number}");
        number += 1;
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_for_our_rules_and_yaml() {
        for (given, expected) in [
            ("Roteamento vendas", "roteamento-vendas"),
            ("  Atenção: VIP!! ", "atencao-vip"),
            ("12", "rule-12"),
            ("true", "rule-true"),
            ("", "rule"),
            ("日本", "rule"),
            ("a\nb: [x]", "a-b-x"),
            ("-._", "rule"),
        ] {
            assert_eq!(name(given), expected, "{given}");
        }
        assert_eq!(name(&"x".repeat(500)).len(), NAME_CHARS);
        let mut taken = HashSet::new();
        let names: Vec<String> = (0..3).map(|_| unique("a", &mut taken)).collect();
        assert_eq!(names, ["a", "a-2", "a-3"]);
    }

    #[test]
    fn members_that_cel_cannot_name_are_in_quotes() {
        for (given, expected) in [
            ("status", ".status"),
            ("a-b", "[\"a-b\"]"),
            ("in", "[\"in\"]"),
            ("1a", "[\"1a\"]"),
            ("", "[\"\"]"),
            ("a\"]", "[\"a\\\"]\"]"),
        ] {
            assert_eq!(member(given), expected);
        }
    }
}
