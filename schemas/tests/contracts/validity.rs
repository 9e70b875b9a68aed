//! The committed schemas are those of the types, are valid themselves, and distinguish good from bad.

use std::collections::BTreeMap;

use jsonschema::Validator;
use schemas::data::{TYPES, is_defined};
use schemas::json_schema;
use serde_json::{Value, json};

use crate::{check_generated, records};

/// The validator of a schema, formats checked.
pub(crate) fn validator(name: &str, schema: &Value) -> Validator {
    jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(schema).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The validators of all contracts.
pub(crate) fn validators() -> BTreeMap<&'static str, Validator> {
    let all = json_schema::all();
    all.iter().map(|c| (c.name, validator(c.name, &c.schema))).collect()
}

pub(crate) fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let made = json_schema::all()
        .iter()
        .map(|c| (c.file(), format!("{:#}\n", c.schema)))
        .collect();
    check_generated("json", ".json", &made);
}

#[test]
fn an_attribute_means_the_same_in_every_schema() {
    let all = json_schema::all();
    let envelope = all
        .iter()
        .find(|c| c.name == "envelope")
        .expect("the envelope")
        .schema
        .clone();
    for contract in all.iter().filter(|c| !c.name.ends_with(".headers")) {
        for (name, attribute) in envelope["properties"].as_object().expect("an object") {
            let found = &contract.schema["properties"][name];
            match name.as_str() {
                "type" | "dataschema" if found.get("const").is_some() => {}
                "data" => assert_eq!(found["oneOf"], attribute["oneOf"], "{}", contract.name),
                _ => assert_eq!(found, attribute, "{}: `{name}`", contract.name),
            }
        }
    }
}

#[test]
fn an_event_of_a_type_that_the_sender_names_is_an_envelope() {
    let envelope = &validators()["envelope"];
    let event = records::value(&records::own_type());
    assert_eq!(errors(envelope, &event), [""; 0]);
    for (what, pointer, value) in [
        ("a header is a list", "/data/headers/x-github-event", json!(["push"])),
        ("the type has a space", "/type", json!("github push")),
        ("the headers are a list", "/data/headers", json!([])),
    ] {
        let mut broken = event.clone();
        *broken
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("{pointer} is missing")) = value;
        assert!(!envelope.is_valid(&broken), "valid though {what}");
    }
}

#[test]
fn the_headers_of_what_is_published_are_as_promised() {
    let validators = validators();
    for (contract, record) in [
        ("event.headers", records::own_type()),
        ("event.headers", records::dead_letter()),
        ("dead_letter.headers", records::undecided()),
    ] {
        let headers = records::headers(&record);
        assert_eq!(errors(&validators[contract], &headers), [""; 0], "{contract}");
        let schema = json_schema::all()
            .into_iter()
            .find(|c| c.name == contract)
            .expect("a contract")
            .schema;
        for name in schema["required"].as_array().expect("a list") {
            let mut broken = headers.clone();
            broken
                .as_object_mut()
                .expect("an object")
                .remove(name.as_str().expect("a name"));
            assert!(
                !validators[contract].is_valid(&broken),
                "{contract} is valid though {name} is missing"
            );
        }
        // Shown all of them, so that none is renamed or dropped unnoticed.
        for name in schema["properties"].as_object().expect("an object").keys() {
            assert!(headers.get(name).is_some(), "{contract}: no record shows `{name}`");
        }
    }
    let given_up = records::headers(&records::dead_letter());
    assert_eq!(errors(&validators["dead_letter.headers"], &given_up), [""; 0]);
}

/// What ingest makes of every sample, as an event; the golden files say all but the attributes that ingest adds.
fn golden_events() -> Vec<(String, Value)> {
    let mut events = Vec::new();
    for (file, golden) in crate::pages::golden_files() {
        for event in golden.as_array().into_iter().flatten() {
            let mut whole = records::value(&records::own_type());
            let name = event["type"].as_str().expect("a type");
            let given = |member: &str| event.get(member).filter(|value| !value.is_null());
            for attribute in ["type", "time", "subject", "account"] {
                if let Some(value) = given(attribute) {
                    whole[attribute] = value.clone();
                }
            }
            if let Some(defined) = TYPES.iter().find(|t| t.name == name) {
                whole["dataschema"] = json!(format!("urn:forebay:schema:{name}:{}", defined.version));
            }
            let key = event["ordering_key"].as_str().expect("an ordering key");
            whole["partitionkey"] = json!(format!("acme/github-1/{key}"));
            whole["data"] = given("data").cloned().unwrap_or_else(|| json!({}));
            whole["data"]["raw"] = json!({});
            events.push((file.clone(), whole));
        }
    }
    events
}

#[test]
fn what_ingest_makes_of_every_sample_is_as_promised() {
    let validators = validators();
    let events = golden_events();
    assert!(events.len() > 50, "only {} events were found", events.len());
    for (file, event) in events {
        let name = event["type"].as_str().expect("a type");
        assert_eq!(errors(&validators["envelope"], &event), [""; 0], "{file}");
        if is_defined(name) {
            assert_eq!(errors(&validators[name], &event), [""; 0], "{file}");
        }
    }
}
