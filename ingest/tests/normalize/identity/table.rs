//! The tables in `schemas/identity`, one file for each platform.

use std::fs;

use schemas::platform::Platform;
use serde::Deserialize;

use crate::below;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// How the platform numbers and dates what happens.
    pub(super) about: String,
    pub(super) events: Vec<Entry>,
}

/// One event of the platform, or several that are distinguished in the same way.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) event: String,
    /// The names of its samples; `*` is any text. A sample is of the first entry that names it.
    pub(super) samples: Vec<String>,
    /// The members that make the identity, see [`matches`].
    pub(super) identity: Vec<String>,
    /// The member by which the platform itself numbers what happened, if there is one: with another number it is another
    /// happening, and with the same number the same, whatever else the body says.
    pub(super) numbered: Option<String>,
    /// The members that make the time in the id.
    #[serde(default)]
    pub(super) time: Vec<String>,
    pub(super) different: String,
    pub(super) repeats: String,
}

impl Table {
    /// Or why there is none.
    pub(super) fn of(platform: Platform) -> Result<Self, String> {
        let file = below("../schemas/identity").join(format!("{platform}.json"));
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(&file).map_err(|error| wrong(&error))?;
        let table: Self = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        if table.about.trim().is_empty() {
            return Err(wrong(&"`about` is empty"));
        }
        Ok(table)
    }

    pub(super) fn entry_of(&self, sample: &str) -> Option<usize> {
        let names = |entry: &Entry| entry.samples.iter().any(|pattern| glob(pattern, sample));
        self.events.iter().position(names)
    }
}

/// Whether the text is of the pattern, in which each `*` is any text.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|text| (0..=text.len()).any(|at| text.get(at..).is_some_and(|text| glob(rest, text)))),
    }
}

/// Whether the path of a leaf is of the pattern: `a.b[].c` as it stands, `*` for one member of any name, `**` for all below.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    fn of(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern, path) {
            (["**"], _) | ([], []) => true,
            ([first, pattern @ ..], [member, path @ ..]) => (*first == "*" || first == member) && of(pattern, path),
            _ => false,
        }
    }
    // `[]` is a step of its own.
    let (pattern, path) = (pattern.replace("[]", ".[]"), path.replace("[]", ".[]"));
    let pattern: Vec<&str> = pattern.split('.').filter(|step| !step.is_empty()).collect();
    let path: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
    of(&pattern, &path)
}

#[test]
fn a_pattern_names_what_it_says() {
    for (pattern, path) in [
        ("a.b", "a.b"),
        ("a[].b", "a[].b"),
        ("a[].*", "a[].b"),
        ("a[].**", "a[].b.c[].d"),
        ("**", "a"),
        ("[].a", "[].a"),
        ("a[].*.x", "a[].b.x"),
        ("header:x-id", "header:x-id"),
    ] {
        assert!(matches(pattern, path), "{pattern} {path}");
    }
    for (pattern, path) in [
        ("a.b", "a.c"),
        ("a.*", "a.b.c"),
        ("a[].b", "a.b"),
        ("a", "a.b"),
        ("a.b", "a"),
    ] {
        assert!(!matches(pattern, path), "{pattern} {path}");
    }
    assert!(glob("conversation_updated.*", "conversation_updated.team") && !glob("a.*b", "a.c") && glob("*", ""));
}
