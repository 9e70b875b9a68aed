//! The words of a mistake: what is written, unless it may be secret, and what was probably meant.

use crate::tree::{Node, Value};

/// How many characters of a value are shown.
const SHOWN: usize = 60;

/// Whether the value of a key of this name is not to be shown.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    [
        "secret",
        "password",
        "passwd",
        "token",
        "key",
        "credential",
        "bearer",
        "headers",
    ]
    .iter()
    .any(|word| key.contains(word))
}

/// Whether a value is not to be shown whatever its key: it is from a variable, or a URL that may hold a password.
pub(crate) fn is_hidden(node: &Node) -> bool {
    node.referenced
        || matches!(&node.value, Value::Scalar { text, .. } if text.contains('@') || text.contains("whsec_"))
}

/// What is written, in words: "is lots", with the text in backticks, or "is a list".
pub(crate) fn written(node: &Node, hidden: bool) -> String {
    match &node.value {
        Value::List(_) => "is a list".to_owned(),
        Value::Map(_) => "has keys and values".to_owned(),
        _ if node.is_nothing() => "is empty".to_owned(),
        Value::Scalar { text, .. } if !hidden && is_short(text) => format!("is `{text}`"),
        Value::Scalar { .. } | Value::StandIn(_) if hidden => "is not right".to_owned(),
        Value::Scalar { .. } | Value::StandIn(_) => "is a text".to_owned(),
    }
}

fn is_short(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= SHOWN && !text.chars().any(char::is_control)
}

/// Takes out of a message what is, or is most of, a value that is not to be shown.
pub(crate) fn without(message: &str, value: &str) -> String {
    if value.is_empty() {
        return message.to_owned();
    }
    let quoted = format!("{value:?}");
    let quoted = quoted.trim_matches('"');
    let mut shown = String::with_capacity(message.len());
    for (number, part) in message.split('`').enumerate() {
        if number > 0 {
            shown.push('`');
        }
        let inside = number % 2 == 1;
        let is_large = part.len() * 2 >= value.len();
        let is_part = (is_large || !is_word(part)) && (value.contains(part) || quoted.contains(part));
        let of_the_value = part == value || part == quoted || is_part;
        if inside && of_the_value && !tells_nothing(part) {
            shown.push('…');
        } else {
            shown.push_str(part);
        }
    }
    // One that holds a backtick, or is not put in any; very short ones would be found everywhere.
    for value in [value, quoted] {
        if value.chars().count() > 2 {
            shown = shown.replace(value, "…");
        }
    }
    shown
}

/// Whether this may be in a value by chance, as the id of a source may, or is what a check names of it: a parameter of a URL.
fn is_word(part: &str) -> bool {
    part.bytes()
        .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
}

/// Whether messages name this by themselves, and showing it tells nothing of a value: a sign or two, as in "begins with `$`", or
/// the beginning that all keys of Standard Webhooks have.
fn tells_nothing(part: &str) -> bool {
    part == "whsec_" || (part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_punctuation()))
}

/// Returns a message as one line, without characters that would disturb a terminal.
pub(crate) fn one_line(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Returns which of `known` was probably meant by `written`.
pub(crate) fn nearest<'k>(written: &str, known: &'k [String]) -> Option<&'k str> {
    let written = written.to_lowercase();
    let far = |candidate: &str| {
        let edits = distance(&written, candidate);
        let shorter = written.chars().count().min(candidate.chars().count());
        let begins = shorter >= 3 && (candidate.starts_with(&written) || written.starts_with(candidate));
        let near = edits <= ((shorter + 1) / 3).max(1) && edits < shorter;
        (near || begins).then_some((!begins, edits))
    };
    let candidates = known
        .iter()
        .filter_map(|candidate| Some((far(&candidate.to_lowercase())?, candidate)));
    candidates
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate.as_str())
}

/// How many characters are to be added, taken out, changed or swapped with the next to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    let mut previous = None;
    for (row, c) in a.chars().take(64).enumerate() {
        let mut line = vec![row + 1];
        for (column, d) in b.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX - 64);
            let changed = at(&last, column) + usize::from(c != *d);
            let mut edits = changed.min(at(&last, column + 1) + 1).min(at(&line, column) + 1);
            let swapped = column > 0 && previous == Some(*d) && b.get(column - 1) == Some(&c);
            if swapped {
                edits = edits.min(at(&before, column - 1) + 1);
            }
            line.push(edits);
        }
        before = std::mem::replace(&mut last, line);
        previous = Some(c);
    }
    last.last().copied().unwrap_or_default()
}

/// The key that a path ends with, without the number of an element.
pub(crate) fn last_key(path: &str) -> &str {
    let last = path.rsplit('.').next().unwrap_or(path);
    last.split('[').next().unwrap_or(last)
}

/// An example for who wrote a list where a text is wanted.
pub(crate) fn in_the_place_of_a_list(key: &str, list: &Node) -> Option<String> {
    let Value::List(elements) = &list.value else {
        return None;
    };
    let Value::Scalar { text, .. } = &elements.first()?.value else {
        return None;
    };
    let shown = elements.iter().all(|element| !is_hidden(element)) && is_short(text);
    shown.then(|| format!(", as in `{key}: {text}`"))
}

/// What to write where keys and values are wanted; `first` is one of the keys.
pub(crate) fn section(name: &str, written: &str, nothing: bool, first: Option<&str>) -> String {
    match name {
        "" => format!("{written}: give keys and values, as in `key: value`"),
        name if nothing => format!("{written}: write `{name}: {{}}`, or take it out"),
        name => {
            let example = first.map_or_else(|| "key: value".to_owned(), |key| format!("{key}: …"));
            format!("{written}: give keys and values, as in `{name}: {{ {example} }}`")
        }
    }
}

/// What to write where one of a few texts is wanted.
pub(crate) fn variant(written: &str, text: &str, hidden: bool, known: &[String]) -> String {
    let all = known.join(", ");
    match nearest(text, known).filter(|_| !hidden) {
        Some(meant) => format!("{written}: did you mean `{meant}`? There are {all}"),
        None => format!("{written}: give one of {all}"),
    }
}
