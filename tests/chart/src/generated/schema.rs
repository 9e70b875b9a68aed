//! The schema that Helm holds values to: the chart's own keys as `values.schema.in.json` has them, and where that refers to
//! `config`, the configuration as the program itself describes it.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use crate::helm::chart;
use crate::program::configuration_schema;
use crate::schemas::validator;
use crate::snapshots::compare;
use crate::yaml;

/// Definitions of the configuration begin with this, so that none has the name of one of the chart.
const PREFIX: &str = "config.";

/// The schema of the configuration as a definition of another schema; its own definitions go into `definitions`.
fn embed(mut schema: Value, definitions: &mut Map<String, Value>) {
    let map = schema.as_object_mut().expect("an object");
    map.remove("$schema");
    map.remove("title");
    let own = map.remove("$defs");
    rebase(&mut schema);
    for (name, mut definition) in own.as_ref().and_then(Value::as_object).cloned().unwrap_or_default() {
        rebase(&mut definition);
        definitions.insert(format!("{PREFIX}{name}"), definition);
    }
    definitions.insert("config".to_owned(), schema);
}

/// Turns references to definitions into references to where they are now. Drops what decides nothing here: defaults are those of
/// the program, and formats are checked by some validators and not by others.
fn rebase(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(members)) = map.get_mut("properties") {
                // Names of settings, which may be those of keywords.
                members.values_mut().for_each(rebase);
            }
            if map.contains_key("$ref") {
                // Draft 7 ignores what stands beside a reference.
                let name = map["$ref"]
                    .as_str()
                    .and_then(|name| name.strip_prefix("#/$defs/"))
                    .expect("a definition");
                let reference = Value::from(format!("#/definitions/{PREFIX}{name}"));
                map.retain(|key, _| key == "description");
                map.insert("$ref".to_owned(), reference);
            }
            for key in ["default", "examples", "format", "writeOnly"] {
                map.remove(key);
            }
            if let Some(choice) = map.get("oneOf").and_then(choice) {
                // Helm would print a line for each of them, thirty for the name of a platform.
                map.remove("oneOf");
                map.insert("enum".to_owned(), choice);
            }
            let others = map.iter_mut().filter(|(key, _)| *key != "properties");
            others.for_each(|(_, value)| rebase(value));
        }
        Value::Array(list) => list.iter_mut().for_each(rebase),
        _ => {}
    }
}

/// The constants of a `oneOf` that has nothing else.
fn choice(one_of: &Value) -> Option<Value> {
    let constants = one_of.as_array()?.iter().map(|one| match one.get("type") {
        Some(Value::String(kind)) if kind == "string" => one.get("const").cloned(),
        _ => None,
    });
    constants.collect::<Option<Vec<_>>>().map(Value::from)
}

/// Replaces each `extends: [names]` by the properties of those definitions: draft 7 has no closed object that is made of others.
fn extend(schema: &mut Value, definitions: &Map<String, Value>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Array(names)) = map.remove("extends") {
                let mut all = Map::new();
                for name in &names {
                    let name = name.as_str().expect("a name");
                    let extended = definitions[name]["properties"].as_object().expect("properties");
                    all.extend(extended.clone());
                }
                if let Some(Value::Object(own)) = map.remove("properties") {
                    all.extend(own);
                }
                map.insert("type".to_owned(), "object".into());
                map.insert("additionalProperties".to_owned(), false.into());
                map.insert("properties".to_owned(), all.into());
            }
            map.values_mut().for_each(|value| extend(value, definitions));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| extend(value, definitions)),
        _ => {}
    }
}

fn generated() -> Value {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = fs::read_to_string(here.join("values.schema.in.json")).expect("the chart's own part");
    let mut schema: Value = serde_json::from_str(&own).expect("JSON");
    let parts = schema["definitions"].as_object().expect("definitions").clone();
    extend(&mut schema, &parts);
    let definitions = schema["definitions"].as_object_mut().expect("definitions");
    for part in ["pod", "role", "workerOnly"] {
        definitions.remove(part);
    }
    embed(configuration_schema(), definitions);
    schema
}

#[test]
fn the_schema_is_that_of_the_chart_and_of_the_program() {
    let text = serde_json::to_string_pretty(&generated()).expect("JSON");
    compare(&chart().join("values.schema.json"), &format!("{text}\n"));
}

#[test]
fn every_object_of_the_chart_is_closed() {
    fn open(schema: &Value, place: &str, found: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                if map.contains_key("properties") && !map.contains_key("additionalProperties") {
                    found.push(place.to_owned());
                }
                for (key, value) in map {
                    let place = format!("{place}/{key}");
                    match value {
                        // Names of settings, which may be those of keywords.
                        Value::Object(members) if key == "properties" || key == "definitions" => {
                            members.values().for_each(|member| open(member, &place, found));
                        }
                        value => open(value, &place, found),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| open(value, place, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    open(&generated(), "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_reference_leads_to_a_definition() {
    fn references(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let schema = generated();
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 50, "{found:?}");
    for reference in found {
        let name = reference
            .strip_prefix("#/definitions/")
            .unwrap_or_else(|| panic!("{reference}"));
        assert!(!schema["definitions"][name].is_null(), "{reference}");
    }
}

#[test]
fn the_default_values_have_every_key_of_the_schema_at_the_top() {
    let values = fs::read_to_string(chart().join("values.yaml")).expect("values.yaml");
    let values = yaml::document(&values).expect("YAML");
    let schema = generated();
    let keys = |value: &Value| -> std::collections::BTreeSet<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    let mut meant = keys(&schema["properties"]);
    // Helm puts the values of a parent chart here.
    meant.remove("global");
    assert_eq!(keys(&values), meant);
    let faults: Vec<_> = validator(&schema)
        .iter_errors(&values)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn the_example_of_the_configuration_fits() {
    let example = crate::helm::repository().join("forebay.example.yaml");
    let mut example = yaml::document(&fs::read_to_string(example).expect("the example")).expect("YAML");
    example.as_object_mut().expect("an object").remove("rules_file");
    let schema = generated();
    let schema = serde_json::json!({ "$ref": "#/definitions/config", "definitions": schema["definitions"] });
    let faults: Vec<_> = validator(&schema)
        .iter_errors(&example)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(faults, Vec::<String>::new());
}
