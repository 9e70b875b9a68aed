//! The JSON Schema of the configuration file, for editors and for the values of a chart: `forebay config schema`.

use serde_json::{Map, Value, json};

use super::Config;

/// What a setting with a unit in its name takes besides a whole number: the units of `settings`.
const TIME: &str = r"^[0-9]+ *(ms|s|m|h|d)$|\$\{";
const SIZE: &str = r"^[0-9]+ *(B|kB|KB|MB|GB|KiB|MiB|GiB)$|\$\{";
/// A value that stands elsewhere.
const REFERENCE: &str = r"\$\{";

/// Returns the schema: JSON Schema 2020-12.
pub(crate) fn schema() -> Value {
    let mut schema: Value = schemars::schema_for!(Config).into();
    widen(&mut schema, "");
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("Forebay's configuration"));
    }
    schema
}

/// Allows what the file may say besides what the program's types say: units, references, one value in the place of a list.
fn widen(schema: &mut Value, key: &str) {
    match schema {
        Value::Object(members) => {
            for (name, inner) in members.iter_mut() {
                match (name.as_str(), inner) {
                    ("properties", Value::Object(properties)) => {
                        for (property, inner) in properties {
                            widen(inner, property);
                        }
                    }
                    ("$defs", Value::Object(definitions)) => {
                        for inner in definitions.values_mut() {
                            widen(inner, "");
                        }
                    }
                    ("items" | "additionalProperties", inner) => widen(inner, key),
                    ("anyOf" | "oneOf" | "allOf", Value::Array(choices)) => {
                        for choice in choices {
                            widen(choice, key);
                        }
                    }
                    _ => {}
                }
            }
            widen_value(members, key);
        }
        Value::Array(choices) => {
            for choice in choices {
                widen(choice, key);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The same for one value, the schemas within it being done.
fn widen_value(members: &mut Map<String, Value>, key: &str) {
    let is = |kind: &str| match members.get("type") {
        Some(Value::String(text)) => text == kind,
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
        _ => false,
    };
    let other = if is("integer") || is("number") || is("boolean") {
        let pattern = if ["_ms", "_seconds", "_hours"].iter().any(|end| key.ends_with(end)) {
            TIME
        } else if key.contains("_bytes") {
            SIZE
        } else {
            REFERENCE
        };
        json!({ "type": "string", "pattern": pattern })
    } else if is("array") {
        members.get("items").cloned().unwrap_or(Value::Bool(true))
    } else {
        return;
    };
    // What says something to people stays outside.
    let said = ["description", "default", "examples"];
    let mut inner = Map::new();
    let names: Vec<String> = members
        .keys()
        .filter(|name| !said.contains(&name.as_str()))
        .cloned()
        .collect();
    for name in names {
        if let Some(value) = members.remove(&name) {
            inner.insert(name, value);
        }
    }
    members.insert("anyOf".to_owned(), json!([inner, other]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_take_units_references_and_one_value_in_the_place_of_a_list() {
        let mut schema = json!({ "properties": {
            "max_body_bytes": { "type": "integer", "description": "How much." },
            "ack_budget_ms": { "type": "integer" },
            "partitions": { "type": "integer" },
            "secrets": { "type": "array", "items": { "type": "string" } },
        }});
        widen(&mut schema, "");
        let of = |name: &str| schema["properties"][name].clone();
        assert_eq!(of("max_body_bytes")["description"], "How much.");
        assert_eq!(of("max_body_bytes")["anyOf"][1]["pattern"], SIZE);
        assert_eq!(of("ack_budget_ms")["anyOf"][1]["pattern"], TIME);
        assert_eq!(of("partitions")["anyOf"][1]["pattern"], REFERENCE);
        assert_eq!(of("secrets")["anyOf"][1], json!({ "type": "string" }));
    }

    #[test]
    fn every_section_is_in_the_schema_and_an_unknown_key_is_not() {
        let schema = schema();
        let properties = schema["properties"].as_object().expect("an object");
        for section in [
            "logging",
            "admin",
            "event_log",
            "ingest",
            "sources",
            "endpoints",
            "rules_file",
            "store",
            "processor",
            "sinks",
        ] {
            assert!(properties.contains_key(section), "{section}");
        }
        assert_eq!(schema["additionalProperties"], false);
    }
}
