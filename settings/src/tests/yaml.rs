//! What of YAML goes on working.

use std::fmt::Write as _;

use super::{faults, right, settings};

#[test]
fn anchors_aliases_and_merge_keys_work() {
    let read = right(
        "sources:\n  - &a { id: a, platform: digisac, secrets: &s [x, y] }\n  - { <<: *a, id: b }\n  - { <<: [{ id: c }, *a], secrets: *s }\nsecrets: *s\n",
    );
    let ids: Vec<&str> = read.sources.iter().map(|source| source.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert!(read.sources.iter().all(|source| source.secrets == ["x", "y"]));
    assert_eq!(read.secrets, ["x", "y"]);
    let found = faults(&settings("sinks: { <<: x }\n"));
    assert_eq!(found, ["1:14: `<<` takes keys and values, as in `<<: *name`"]);
}

#[test]
fn aliases_cannot_grow_without_bound() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{inner}]").expect("text");
    }
    let found = faults(&settings(&text));
    assert!(
        found.len() == 1 && found[0].contains("more than 200000 values"),
        "{found:?}"
    );
    let mut chain = String::from("a0: &a0 [x]\n");
    for level in 1..200 {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).expect("text");
    }
    let found = faults(&settings(&chain));
    assert!(
        found.len() == 1 && found[0].contains("nested more than 64 deep"),
        "{found:?}"
    );
    for deep in [
        format!("name: {}", "[".repeat(10_000)),
        format!("name: {}1{}", "{a: ".repeat(100), "}".repeat(100)),
    ] {
        let found = faults(&settings(&deep));
        assert!(
            found.len() == 1 && found[0].contains("nested more than 64 deep"),
            "{found:?}"
        );
    }
    let found = faults(&settings("secrets: &a [x, *a]\n"));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_byte_order_mark_and_line_breaks_of_windows_change_nothing() {
    let read = right("\u{feff}name: a\r\nport: 80\r\nsecrets:\r\n  - b\r\n  - c # d\r\n");
    assert_eq!((read.name.as_str(), read.port), ("a", 80));
    assert_eq!(read.secrets, ["b", "c"]);
    assert!(faults(&settings("\u{feff}nam: a\r\n"))[0].starts_with("1:1: "));
    assert!(faults(&settings("name: a\r\nprt: 1\r\n"))[0].starts_with("2:1: "));
}

#[test]
fn an_empty_file_is_one_without_settings() {
    for text in ["", "\n", "# a comment\n", "---\n", "\u{feff}", "~\n"] {
        let read = settings(text);
        assert!(read.document.is_empty(), "{text:?}");
        assert_eq!(read.value, Some(super::Settings::default()), "{text:?}");
    }
    assert!(!settings("{}").document.is_empty());
    // Nothing where something optional may be is as if it were left out; an empty list is empty.
    let read = right("optional:\nidle_seconds: ~\nsources:\n  # - id: a\n");
    assert_eq!(read, super::Settings::default());
}
