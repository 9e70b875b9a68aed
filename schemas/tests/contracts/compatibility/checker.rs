//! Compares two schemas by what they demand. Words (descriptions, titles) and the way of writing (references, one constant
//! per value or a list of them) count for nothing; a keyword that is unknown here must stay as it is, so that none can slip
//! through.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// What a schema demands.
#[derive(Debug, Default, PartialEq)]
struct Shape {
    /// The names of the types; none: any.
    types: BTreeSet<String>,
    /// The values, as JSON; `None`: any of the type.
    values: Option<BTreeSet<String>>,
    /// The members of an object, and whether each is required.
    members: BTreeMap<String, (bool, Shape)>,
    /// The elements of a list.
    items: Option<Box<Shape>>,
    /// `anyOf`, `oneOf` and the like that are more than a list of values or "this or null".
    choices: BTreeMap<String, Vec<Shape>>,
    /// Everything else, word for word.
    other: BTreeMap<String, Value>,
}

/// Keywords that demand nothing.
const WORDS: [&str; 9] = [
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "title",
    "description",
    "examples",
    "deprecated",
    "definitions",
];

/// Every difference that breaks a reader, each with its place.
pub(super) fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(&shape(old, old), &shape(new, new), "", &mut found);
    found
}

/// Whether both demand the same.
pub(super) fn same(old: &Value, new: &Value) -> bool {
    shape(old, old) == shape(new, new)
}

fn shape(schema: &Value, root: &Value) -> Shape {
    let Value::Object(keywords) = inlined(schema, root) else {
        // `true` and `false` are schemas, too.
        let other = [("schema".to_owned(), schema.clone())].into();
        return if *schema == Value::Bool(true) {
            Shape::default()
        } else {
            Shape {
                other,
                ..Shape::default()
            }
        };
    };
    if let Some(merged) = union(&keywords, root) {
        return merged;
    }
    let mut shape = Shape::default();
    let required: Vec<&str> = keywords
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (keyword, value) in &keywords {
        match keyword.as_str() {
            word if WORDS.contains(&word) => {}
            "required" => {}
            "type" => shape.types.extend(texts(value)),
            "const" => shape.values = Some([value.to_string()].into()),
            "enum" => shape.values = Some(list(value).iter().map(Value::to_string).collect()),
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    let is_required = required.contains(&name.as_str());
                    shape
                        .members
                        .insert(name.clone(), (is_required, self::shape(member, root)));
                }
            }
            "items" => shape.items = Some(Box::new(self::shape(value, root))),
            "anyOf" | "oneOf" | "allOf" => {
                let choices = list(value).iter().map(|choice| self::shape(choice, root)).collect();
                shape.choices.insert(keyword.clone(), choices);
            }
            _ => {
                shape.other.insert(keyword.clone(), followed(value, root));
            }
        }
    }
    // What is required without being described.
    for name in required {
        shape
            .members
            .entry(name.to_owned())
            .or_insert_with(|| (true, Shape::default()));
    }
    if let (true, Some(values)) = (shape.types.is_empty(), &shape.values) {
        shape.types = values.iter().map(|value| type_name(value)).collect();
    }
    shape
}

/// A list of constants is a set of values, and one thing or null is that thing with one type more; `None` for anything else.
fn union(keywords: &Map<String, Value>, root: &Value) -> Option<Shape> {
    let mut demanding = keywords
        .iter()
        .filter(|(keyword, _)| !WORDS.contains(&keyword.as_str()) && *keyword != "default");
    let (Some((keyword, value)), None) = (demanding.next(), demanding.next()) else {
        return None;
    };
    if keyword != "anyOf" && keyword != "oneOf" {
        return None;
    }
    let choices = list(value).iter().map(|choice| self::shape(choice, root));
    let (null, mut real): (Vec<Shape>, Vec<Shape>) = choices.partition(|choice| choice.types.iter().eq(["null"]));
    let is_constant = |choice: &Shape| {
        let alone = Shape {
            types: choice.types.clone(),
            values: choice.values.clone(),
            ..Shape::default()
        };
        choice.values.is_some() && *choice == alone
    };
    let mut merged = if real.len() == 1 {
        real.remove(0)
    } else if !real.is_empty() && real.iter().all(is_constant) {
        let values = real
            .iter()
            .flat_map(|choice| choice.values.clone().unwrap_or_default())
            .collect();
        let types = real.into_iter().flat_map(|choice| choice.types).collect();
        Shape {
            types,
            values: Some(values),
            ..Shape::default()
        }
    } else {
        return None;
    };
    if !null.is_empty() {
        merged.types.insert("null".to_owned());
        merged.values = merged
            .values
            .map(|values| values.into_iter().chain(["null".to_owned()]).collect());
    }
    if let Some(default) = keywords.get("default") {
        merged.other.insert("default".to_owned(), default.clone());
    }
    Some(merged)
}

/// The schema with its own reference followed; what stands beside the reference wins.
fn inlined(schema: &Value, root: &Value) -> Value {
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
        return schema.clone();
    };
    let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
    let target = target.unwrap_or_else(|| panic!("`{reference}` leads nowhere"));
    let mut merged: Map<String, Value> = inlined(target, root).as_object().cloned().unwrap_or_default();
    for (keyword, value) in schema
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(keyword, _)| *keyword != "$ref")
    {
        merged.insert(keyword.clone(), value.clone());
    }
    Value::Object(merged)
}

/// A keyword's value with all references followed.
fn followed(value: &Value, root: &Value) -> Value {
    match inlined(value, root) {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, followed(&member, root)))
            .collect(),
        Value::Array(elements) => elements.iter().map(|element| followed(element, root)).collect(),
        other => other,
    }
}

fn compare(old: &Shape, new: &Shape, path: &str, found: &mut Vec<String>) {
    let place = if path.is_empty() {
        "the whole".to_owned()
    } else {
        format!("`{path}`")
    };
    if old.types != new.types {
        found.push(format!(
            "{place}: its type was {} and is {}",
            words(&old.types),
            words(&new.types)
        ));
    }
    match (&old.values, &new.values) {
        (None, None) => {}
        (Some(old), Some(new)) => {
            let gone = old
                .difference(new)
                .map(|value| format!("{place}: the value {value} was removed"));
            let came = new
                .difference(old)
                .map(|value| format!("{place}: the value {value} was added to a closed list"));
            found.extend(gone.chain(came));
        }
        (Some(_), None) => found.push(format!("{place}: its list of values was closed and is open")),
        (None, Some(_)) => found.push(format!("{place}: it has a closed list of values now")),
    }
    for (name, (was_required, member)) in &old.members {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match new.members.get(name) {
            None => found.push(format!("`{path}` was removed")),
            Some((is_required, now)) => {
                match (was_required, is_required) {
                    (true, false) => found.push(format!("`{path}` was required and is not")),
                    (false, true) => found.push(format!("`{path}` was not required and is")),
                    _ => {}
                }
                compare(member, now, &path, found);
            }
        }
    }
    for (name, (is_required, _)) in &new.members {
        if *is_required && !old.members.contains_key(name) {
            found.push(format!("{place}: the new member `{name}` is required"));
        }
    }
    match (&old.items, &new.items) {
        (None, None) => {}
        (Some(old), Some(new)) => compare(old, new, &format!("{path}[]"), found),
        _ => found.push(format!("{place}: what its elements are was added or removed")),
    }
    if old.choices != new.choices {
        found.push(format!("{place}: the choices that it allows changed"));
    }
    let keywords: BTreeSet<&String> = old.other.keys().chain(new.other.keys()).collect();
    for keyword in keywords {
        let (was, is) = (old.other.get(keyword), new.other.get(keyword));
        if was != is {
            let show = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::to_string);
            found.push(format!(
                "{place}: its `{keyword}` was {} and is {}",
                show(was),
                show(is)
            ));
        }
    }
}

fn words(types: &BTreeSet<String>) -> String {
    if types.is_empty() {
        "any".to_owned()
    } else {
        types.iter().cloned().collect::<Vec<_>>().join(" or ")
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        other => list(other)
            .iter()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect(),
    }
}

/// The type of a value written as JSON.
fn type_name(json: &str) -> String {
    match json.as_bytes().first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
    .to_owned()
}
