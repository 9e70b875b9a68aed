//! The members of a schema as rows of a table.

use std::fmt::Write as _;

use serde_json::Value;

/// One member, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// Below the schema: `["message", "from", "name"]`; an element of a list is `[]`.
    pub(super) path: Vec<String>,
    pub(super) kind: Kind,
    /// Always there, where the object around it is.
    pub(super) required: bool,
    pub(super) meaning: String,
}

/// What a member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Time,
    Number,
    Boolean,
    Object,
    List,
    Any,
}

impl Kind {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Time => "time",
            Self::Number => "whole number",
            Self::Boolean => "true or false",
            Self::Object => "object",
            Self::List => "list",
            Self::Any => "JSON",
        }
    }
}

impl Field {
    /// `message.attachments[].url`
    pub(super) fn name(&self) -> String {
        self.path.join(".").replace(".[]", "[]")
    }
}

/// All members below an object schema, each object followed by its own.
pub(super) fn of(schema: &Value, root: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    members(schema, root, &mut Vec::new(), &mut found);
    found
}

fn members(schema: &Value, root: &Value, path: &mut Vec<String>, found: &mut Vec<Field>) {
    let schema = resolved(schema, root);
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        let target = resolved(member, root);
        let kind = kind(target);
        let text = |schema: &Value| schema["description"].as_str().map(ToOwned::to_owned);
        let mut meaning = text(member).or_else(|| text(target)).unwrap_or_default();
        if let Some(constant) = target.get("const").and_then(Value::as_str) {
            meaning = format!("Always `{constant}`. {meaning}");
        }
        // Of a list, the words of its elements.
        let words = [target, resolved(&target["items"], root)];
        for value in words.into_iter().filter_map(|of| of["oneOf"].as_array()).flatten() {
            if let Some(word) = value["const"].as_str() {
                write!(meaning, " `{word}`: {}", text(value).unwrap_or_default()).expect("text");
            }
        }
        let required = required.contains(&name.as_str());
        found.push(Field {
            path: path.clone(),
            kind,
            required,
            meaning: meaning.trim_end().to_owned(),
        });
        if kind == Kind::List {
            path.push("[]".to_owned());
            members(&target["items"], root, path, found);
            path.pop();
        } else {
            members(target, root, path, found);
        }
        path.pop();
    }
}

/// References followed, and "this or null" is this: an absent member says the same.
fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#'));
        return resolved(target.unwrap_or_else(|| panic!("{reference} leads nowhere")), root);
    }
    let choices = schema["anyOf"].as_array().into_iter().flatten();
    match choices.into_iter().find(|choice| choice["type"] != "null") {
        Some(choice) => resolved(choice, root),
        None => schema,
    }
}

fn kind(schema: &Value) -> Kind {
    let is = |name: &str| {
        schema["type"] == name
            || schema["type"]
                .as_array()
                .is_some_and(|types| types.iter().any(|t| t == name))
    };
    let is_word = schema["oneOf"]
        .as_array()
        .is_some_and(|choices| choices.iter().all(|c| c["const"].is_string()));
    if is("string") && schema["format"] == "date-time" {
        Kind::Time
    } else if is("string") || is_word || schema["const"].is_string() {
        Kind::Text
    } else if is("integer") {
        Kind::Number
    } else if is("boolean") {
        Kind::Boolean
    } else if is("array") {
        Kind::List
    } else if is("object") {
        Kind::Object
    } else {
        Kind::Any
    }
}
