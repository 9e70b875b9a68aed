//! What is read, what is refused and in which words, and that nothing secret is in them.

mod bytes;
mod mistakes;
mod yaml;

use std::collections::HashMap;

use serde::Deserialize;

use crate::{Read, Unavailable, Variables, read};

/// Settings with one of everything that ours have.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) optional: Option<String>,
    pub(super) port: u16,
    pub(super) ratio: f64,
    pub(super) on: bool,
    pub(super) max_body_bytes: usize,
    pub(super) budget_ms: u64,
    pub(super) retention_hours: u64,
    pub(super) idle_seconds: Option<u64>,
    pub(super) secrets: Vec<String>,
    pub(super) sources: Vec<Source>,
    pub(super) sinks: Sinks,
    pub(super) properties: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) id: String,
    pub(super) platform: Platform,
    #[serde(default)]
    pub(super) auth: Option<Auth>,
    #[serde(default)]
    pub(super) secrets: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Platform {
    Chatwoot,
    Digisac,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Auth {
    None,
    Hmac {
        hash: Hash,
        header: String,
        #[serde(default)]
        prefix: String,
        #[serde(default)]
        tolerance_seconds: u64,
    },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sinks {
    pub(super) http: Option<Http>,
    pub(super) topic: Option<Http>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Http {
    pub(super) ports: Vec<u16>,
    pub(super) password: String,
}

/// Variables of a test.
pub(super) struct Given(pub(super) HashMap<String, String>);

impl Variables for Given {
    fn value(&self, name: &str) -> Result<Option<String>, Unavailable> {
        Ok(self.0.get(name).cloned())
    }
}

pub(super) fn given(values: &[(&str, &str)]) -> Given {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Given(values.iter().map(owned).collect())
}

pub(super) fn settings(text: &str) -> Read<Settings> {
    read(
        text.as_bytes(),
        &given(&[("PORT", "9000"), ("HIDDEN", "hunter2"), ("EMPTY", "")]),
    )
}

/// Reads what must be right.
pub(super) fn right(text: &str) -> Settings {
    let read = settings(text);
    assert_eq!(faults(&read), Vec::<String>::new(), "{text}");
    read.value.expect(text)
}

/// Each mistake with its place.
pub(super) fn faults<T>(read: &Read<T>) -> Vec<String> {
    let shown = read.faults.iter().map(|fault| match fault.place {
        Some(place) => format!("{}:{}: {fault}", place.line, place.column),
        None => fault.to_string(),
    });
    shown.collect()
}
