//! A rule while it is translated, and what is lost in translation.

use std::fmt::Display;
use std::sync::Arc;

use cel::Env;
use serde_json::{Map, Value};

use super::text;
use super::tree::Tree;
use crate::condition::Condition;

pub(super) struct Draft {
    /// Its name on the other platform, for people: `Chatwoot automation rule 7 "VIP"`.
    pub(super) title: String,
    /// The wanted name of our rule.
    pub(super) name: String,
    /// The platform's description.
    pub(super) description: Option<String>,
    /// CEL that must be true besides the conditions: platform, type, account.
    pub(super) guards: Vec<String>,
    pub(super) body: Tree,
    /// Whether an action posts to a URL.
    pub(super) webhook: bool,
    /// Whether it is switched off on the other platform.
    pub(super) off: bool,
    /// What is not carried over, and why.
    pub(super) losses: Vec<String>,
    /// How something ambiguous was read.
    pub(super) notes: Vec<String>,
    env: Arc<Env>,
}

impl Draft {
    /// Makes a draft without conditions. `kind` is for example `Chatwoot automation rule`.
    pub(super) fn new(kind: &str, number: usize, rule: &Value, env: &Arc<Env>) -> Self {
        let member = |name: &str| rule.get(name).and_then(plain);
        let (id, name) = (member("id"), member("name"));
        let mut title = format!("{kind} {}", id.clone().unwrap_or_else(|| format!("no. {number}")));
        if let Some(name) = &name {
            title = format!("{title} {}", text::quoted(name));
        }
        Self {
            title: text::one_line(&title),
            name: name.or(id).unwrap_or_default(),
            description: member("description")
                .filter(|description| !description.trim().is_empty())
                .map(|description| text::quoted(&description)),
            guards: Vec::new(),
            body: Tree::Lost,
            webhook: false,
            off: false,
            losses: Vec::new(),
            notes: Vec::new(),
            env: Arc::clone(env),
        }
    }

    /// Notes that something is not carried over, and returns the tree that stands for it.
    pub(super) fn lose(&mut self, what: impl Display, why: impl Display) -> Tree {
        self.losses.push(text::one_line(&format!("{what}: {why}")));
        Tree::Lost
    }

    pub(super) fn note(&mut self, note: &str) {
        let note = text::one_line(note);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Makes a test in CEL, if our rules accept it. One that may be false where the original is true is not `exact`.
    pub(super) fn test(&mut self, what: &str, cel: String, exact: bool) -> Tree {
        match Condition::compile(&cel, &self.env) {
            Ok(_) => Tree::Test { cel, exact },
            Err(faults) => self.lose(
                what,
                faults.into_iter().next().map(|fault| fault.reason).unwrap_or_default(),
            ),
        }
    }

    /// Notes as lost the members of `object` that are not in `known`, unless they are empty. Returns whether there are
    /// none.
    pub(super) fn only(&mut self, what: &str, object: &Map<String, Value>, known: &[&str]) -> bool {
        let unknown: Vec<String> = object
            .iter()
            .filter(|(name, value)| !known.contains(&name.as_str()) && !is_nothing(value))
            .map(|(name, _)| text::quoted(name))
            .collect();
        if !unknown.is_empty() {
            self.lose(what, format!("unknown member {}", unknown.join(", ")));
        }
        unknown.is_empty()
    }
}

/// Whether a value requests nothing: null, `""`, `[]`, `{}` and `false`.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Text or a number, as text.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns what `value` is, for messages.
pub(super) fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "missing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "true or false",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "text",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    }
}
