//! The contracts as files: the JSON Schemas under `json/` are those of the Rust types, and the envelopes under `examples/`
//! are valid, readable and complete.
//!
//! `UPDATE_SCHEMAS=1 cargo test -p schemas --test contracts committed` writes the schemas anew. The examples are not generated: they
//! stay as they are, for a reader that was built for them must go on working.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jsonschema::Validator;
use schemas::data::{Data, DataType, TYPES};
use schemas::event::Event;
use schemas::id::IdTime;
use schemas::json_schema;
use serde_json::{Value, json};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Name and content of each file in a folder.
fn files(name: &str) -> BTreeMap<String, String> {
    fs::read_dir(folder(name))
        .unwrap_or_else(|error| panic!("schemas/{name}: {error}"))
        .map(|entry| {
            let path = entry.expect("a readable folder").path();
            let content = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .expect("a plain file name");
            (name.to_owned(), content)
        })
        .collect()
}

fn examples() -> BTreeMap<String, Value> {
    let parse = |(name, text): (String, String)| {
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("schemas/examples/{name}: {error}"));
        (name, value)
    };
    files("examples").into_iter().map(parse).collect()
}

/// The validators of the committed schemas by event type.
fn validators() -> BTreeMap<&'static str, Validator> {
    let committed = files("json");
    let validator = |t: &DataType| {
        let file = format!("{}.v{}.json", t.name, t.version);
        let text = committed
            .get(&file)
            .unwrap_or_else(|| panic!("schemas/json/{file} is missing"));
        let schema: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{file}: {error}"));
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        (
            t.name,
            options.build(&schema).unwrap_or_else(|error| panic!("{file}: {error}")),
        )
    };
    TYPES.iter().map(validator).collect()
}

fn type_of(example: &Value) -> &'static DataType {
    let name = example["type"].as_str().expect("an example has a type");
    TYPES
        .iter()
        .find(|t| t.name == name)
        .unwrap_or_else(|| panic!("`{name}` is not a type of ours"))
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let made: BTreeMap<String, String> = json_schema::all().into_iter().collect();
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        for (name, content) in &made {
            fs::write(folder("json").join(name), content).expect("a writable schema");
        }
    }
    let committed = files("json");
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        names(&committed),
        names(&made),
        "one file for each event type, and no others, in schemas/json"
    );
    for (name, content) in &made {
        // Compared as values: the order of members depends on how serde_json was built.
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            parse(&committed[name]),
            parse(content),
            "schemas/json/{name} is not the schema of its type: run `UPDATE_SCHEMAS=1 cargo test -p schemas --test contracts committed`"
        );
    }
}

/// What was read of the attributes, as the envelope writes them; null where there is none.
fn attributes(event: &Event) -> [(&'static str, Value); 13] {
    let a = &event.attributes;
    let id_time = (a.id_time == IdTime::Received).then_some(a.id_time);
    [
        ("id", json!(a.id)),
        ("idtime", json!(id_time)),
        ("source", json!(a.source)),
        ("type", json!(a.event_type)),
        ("subject", json!(a.subject)),
        ("time", json!(a.time)),
        ("dataschema", json!(a.data_schema)),
        ("tenant", json!(a.tenant)),
        ("platform", json!(a.platform)),
        ("receivedtime", json!(a.received)),
        ("partitionkey", json!(a.partition_key)),
        ("traceparent", json!(a.traceparent)),
        ("rawsha256", json!(a.raw_sha256)),
    ]
}

#[test]
fn every_event_type_has_a_schema_and_an_example() {
    let shown: BTreeSet<&str> = examples().values().map(|example| type_of(example).name).collect();
    let defined: BTreeSet<&str> = TYPES.iter().map(|t| t.name).collect();
    assert_eq!(shown, defined);
    assert_eq!(validators().into_keys().collect::<BTreeSet<_>>(), defined);
}

#[test]
fn every_example_is_valid_and_reads_back_as_it_was_written() {
    let validators = validators();
    for (file, example) in examples() {
        let defined = type_of(&example);
        let name = defined.name;
        assert!(file.starts_with(&format!("{name}.")), "{file} is named for its type");
        let errors: Vec<String> = validators[name]
            .iter_errors(&example)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");

        let event = Event::decode(&Bytes::from(example.to_string())).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(event.event_type().as_str(), name, "{file}");
        for (attribute, read) in attributes(&event) {
            assert_eq!(
                example.get(attribute).cloned().unwrap_or(Value::Null),
                read,
                "{file}: `{attribute}`"
            );
        }

        let members: Value = serde_json::from_str(event.data()).expect("normalized data is JSON");
        let json = members[defined.member].to_string();
        defined.check(&json).unwrap_or_else(|error| panic!("{file}: {error}"));
        let data = Data::from_member(event.event_type(), &json)
            .expect("a defined type")
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let (member, written) = data.to_member().expect("a defined type has a member");
        assert_eq!(member, defined.member);
        assert_eq!(
            serde_json::from_str::<Value>(&written).expect("our own JSON"),
            members[member],
            "{file}: a member got lost or appeared on the way"
        );
        assert_eq!(
            data.schema_uri().as_deref(),
            event.attributes.data_schema.as_deref(),
            "{file}"
        );
        match (example["data"].get("raw"), event.raw_json()) {
            (Some(raw), Some(read)) => assert_eq!(*raw, serde_json::from_str::<Value>(read).expect("JSON"), "{file}"),
            (None, None) => assert!(!event.raw().is_empty(), "{file}: bytes in base64"),
            (raw, read) => panic!("{file}: the raw part was {raw:?} and is {read:?}"),
        }
    }
}

/// So that no member can be renamed or dropped unnoticed.
#[test]
fn the_examples_together_show_every_member_of_every_type() {
    let mut shown: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for example in examples().values() {
        let defined = type_of(example);
        let members = example["data"][defined.member].as_object().expect("an object");
        shown.entry(defined.name).or_default().extend(members.keys().cloned());
    }
    for defined in TYPES {
        let schema = json_schema::of(defined);
        let member = &schema["properties"]["data"]["properties"][defined.member];
        let reference = member["$ref"].as_str().expect("a reference");
        let definition = schema.pointer(reference.trim_start_matches('#')).expect("a definition");
        let known = definition["properties"].as_object().expect("an object").keys().cloned();
        assert_eq!(shown[defined.name], known.collect::<BTreeSet<_>>(), "{}", defined.name);
    }
}

#[test]
fn a_broken_example_is_refused() {
    let validators = validators();
    for (file, example) in examples() {
        let defined = type_of(&example);
        let validator = &validators[defined.name];
        let refuse = |what: &str, change: &dyn Fn(&mut Value)| {
            let mut broken = example.clone();
            change(&mut broken);
            assert_ne!(broken, example, "{file}: nothing changes though {what}");
            assert!(!validator.is_valid(&broken), "{file} is valid though {what}");
        };
        let remove = |value: &mut Value, member: &str| {
            value.as_object_mut().expect("an object").remove(member);
        };
        let attributes = [
            "specversion",
            "id",
            "source",
            "type",
            "time",
            "datacontenttype",
            "dataschema",
            "tenant",
            "platform",
            "receivedtime",
            "partitionkey",
            "rawsha256",
            "data",
        ];
        for attribute in attributes {
            refuse(&format!("`{attribute}` is missing"), &|broken| {
                remove(broken, attribute);
            });
            refuse(&format!("`{attribute}` is a number"), &|broken| {
                broken[attribute] = json!(7);
            });
        }
        refuse("its type is another", &|broken| {
            broken["type"] = json!("message.written");
        });
        refuse("its time has no zone", &|broken| {
            broken["time"] = json!("2026-03-10 13:36:50");
        });
        refuse("its id is no UUID", &|broken| broken["id"] = json!("9001"));
        refuse("its digest is short", &|broken| broken["rawsha256"] = json!("ab"));
        refuse("its member is missing", &|broken| {
            remove(&mut broken["data"], defined.member);
        });
        refuse("its member is text", &|broken| {
            broken["data"][defined.member] = json!("x");
        });
        refuse("its raw part is missing", &|broken| {
            remove(&mut broken["data"], "raw");
            remove(&mut broken["data"], "raw_base64");
        });
        refuse("its raw part is there twice", &|broken| {
            broken["data"]["raw"] = json!({});
            broken["data"]["raw_base64"] = json!("e30=");
        });
    }
}

#[test]
fn a_word_of_no_meaning_is_refused_by_schema_and_by_type() {
    let validators = validators();
    for (file, path) in [
        ("message.created.json", "/data/message/direction"),
        ("message.status.json", "/data/message/status"),
        ("group.participants.updated.json", "/data/group/action"),
        ("group.join_request.json", "/data/group/action"),
        ("ticket.closed.json", "/data/ticket/status"),
        ("connection.updated.json", "/data/connection/state"),
    ] {
        let mut example = examples()
            .remove(file)
            .unwrap_or_else(|| panic!("schemas/examples/{file} is missing"));
        *example
            .pointer_mut(path)
            .unwrap_or_else(|| panic!("{file} has no {path}")) = json!("sideways");
        let defined = type_of(&example);
        assert!(!validators[defined.name].is_valid(&example), "{file}: {path}");
        assert!(
            defined.check(&example["data"][defined.member].to_string()).is_err(),
            "{file}: {path}"
        );
    }
}
