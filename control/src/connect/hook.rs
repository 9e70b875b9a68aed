//! Compares what is registered with what should be.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ingest_url;
use super::order::Task;

/// A webhook as the platform lists it.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    /// The platform's id of it.
    pub(super) id: String,
    /// Where it leads.
    pub(super) url: String,
    /// What it is subscribed to, in the platform's words.
    pub(super) events: BTreeSet<String>,
    /// Whether it is switched on.
    pub(super) active: bool,
    /// All that the platform says of it.
    pub(super) raw: Value,
}

/// What was found.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// Nothing leads to this source.
    Absent,
    /// It is as it should be.
    Right(&'a Hook),
    /// It exists, but differs.
    Different {
        hook: &'a Hook,
        differences: Vec<String>,
        /// What it should be subscribed to.
        events: Vec<String>,
    },
}

/// Which of `hooks` is ours, how it differs from what should be, and what else to know.
///
/// `url` is what should be registered. `all` is the platform's word for all events, if it has one. `more` finds differences
/// that only the platform's file knows of (secret, content type, …).
pub(super) fn look<'a>(
    task: &Task<'_>,
    hooks: &'a [Hook],
    url: &str,
    defaults: &[&str],
    all: Option<&str>,
    more: impl Fn(&Hook) -> Vec<String>,
) -> (Found<'a>, Vec<String>) {
    let mut ours: Vec<&Hook> = hooks
        .iter()
        .filter(|hook| task.ingest_url.is_led_to_by(&hook.url))
        .collect();
    // The one that is right already comes first, then one that is active.
    ours.sort_by_key(|hook| (!ingest_url::same_url(&hook.url, url), !hook.active));
    let Some((hook, others)) = ours.split_first() else {
        return (Found::Absent, Vec::new());
    };
    let mut remarks = Vec::new();
    if !others.is_empty() {
        let others: Vec<&str> = others.iter().map(|hook| hook.id.as_str()).collect();
        remarks.push(format!(
            "{} more lead to this source ({}): delete them there, or every event comes several times",
            others.len(),
            others.join(", ")
        ));
    }

    let mut differences = Vec::new();
    if !ingest_url::same_url(&hook.url, url) {
        differences.push(if ingest_url::host_of(&hook.url) == ingest_url::host_of(url) {
            "the URL, or the secret in it, is another".to_owned()
        } else {
            format!("the URL leads to {}", ingest_url::host_of(&hook.url))
        });
    }
    if !hook.active {
        differences.push("it is switched off".to_owned());
    }
    let events = wanted_events(task, &hook.events, defaults, all);
    let missing: Vec<&str> = events
        .iter()
        .filter(|e| !hook.events.contains(*e))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        differences.push(format!("not subscribed to {}", missing.join(", ")));
    }
    let too_many: Vec<&str> = hook
        .events
        .iter()
        .filter(|e| !events.contains(e))
        .map(String::as_str)
        .collect();
    if !too_many.is_empty() {
        differences.push(format!("subscribed to {}, too", too_many.join(", ")));
    }
    differences.extend(more(hook));
    if differences.is_empty() && task.order.force {
        differences.push("nothing; --force".to_owned());
    }
    let found = if differences.is_empty() {
        Found::Right(hook)
    } else {
        Found::Different {
            hook,
            differences,
            events,
        }
    };
    (found, remarks)
}

/// What an existing subscription should hold: exactly what was asked for; else the defaults beside what is registered.
fn wanted_events(task: &Task<'_>, there: &BTreeSet<String>, defaults: &[&str], all: Option<&str>) -> Vec<String> {
    if !task.order.events.is_empty() {
        return task.order.events.clone();
    }
    if all.is_some_and(|all| there.contains(all)) {
        return there.iter().cloned().collect();
    }
    let mut events: Vec<String> = defaults.iter().map(|&event| event.to_owned()).collect();
    events.extend(
        there
            .iter()
            .filter(|there| !defaults.contains(&there.as_str()))
            .cloned(),
    );
    events
}

/// An id, whether the platform writes it as number or text.
pub(super) fn id(value: &Value) -> String {
    match &value["id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => String::new(),
    }
}

/// A text member, or nothing.
pub(super) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// A list of texts.
pub(super) fn texts(value: &Value) -> BTreeSet<String> {
    let elements = value.as_array().map(Vec::as_slice).unwrap_or_default();
    elements.iter().filter_map(|e| e.as_str().map(str::to_owned)).collect()
}
