//! The envelopes under `examples/` are valid, readable and complete. They are not generated: they stay as they are, for a
//! reader that was built for them must go on working.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use schemas::data::{Data, DataType, TYPES};
use schemas::event::{Envelope, Event, Raw, partition_key};
use schemas::id::IdTime;
use schemas::json_schema;
use schemas::name::SourceId;
use serde_json::{Value, json};

use crate::validity::{errors, validators};
use crate::{all_examples as examples, records};

fn type_of(example: &Value) -> &'static DataType {
    let name = example["type"].as_str().expect("an example has a type");
    TYPES
        .iter()
        .find(|t| t.name == name)
        .unwrap_or_else(|| panic!("`{name}` is not a type of ours"))
}

/// What was read of the attributes, as the envelope writes them; null where there is none.
fn attributes(event: &Event) -> [(&'static str, Value); 14] {
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
        ("account", json!(a.account)),
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
}

#[test]
fn every_example_is_valid_and_reads_back_as_it_was_written() {
    let validators = validators();
    for (file, example) in examples() {
        let defined = type_of(&example);
        let name = defined.name;
        assert!(file.starts_with(&format!("{name}.")), "{file} is named for its type");
        for contract in [name, "envelope"] {
            let errors = errors(&validators[contract], &example);
            assert!(errors.is_empty(), "{file} as {contract}: {errors:?}");
        }

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
fn what_the_program_writes_of_an_example_is_the_example() {
    let validators = validators();
    for (file, example) in examples() {
        let event = Event::decode(&Bytes::from(example.to_string())).unwrap_or_else(|error| panic!("{file}: {error}"));
        let a = &event.attributes;
        let (_, source) = a.source.rsplit_once('/').expect("a source");
        let source = SourceId::new(source.to_owned()).expect("a source id");
        let members: Value = serde_json::from_str(event.data()).expect("JSON");
        let member = members[type_of(&example).member].to_string();
        let raw_sha256: Vec<u8> = hex::decode(&a.raw_sha256).expect("hex");
        let prefix = partition_key(&a.tenant, &source, "");
        let record = Envelope {
            id: a.id,
            id_time: a.id_time,
            tenant: &a.tenant,
            source: &source,
            platform: a.platform.parse().expect("a platform"),
            account: a.account.as_deref(),
            subject: a.subject.as_deref(),
            time: a.time,
            received: a.received,
            ordering_key: a.partition_key.strip_prefix(&prefix).expect("a key of that source"),
            traceparent: a.traceparent.as_deref(),
            raw_sha256: raw_sha256.try_into().expect("a SHA-256"),
            data: &Data::from_member(event.event_type(), &member)
                .expect("a defined type")
                .expect("valid data"),
            raw: match event.raw_json() {
                Some(json) => Raw::Json(json.into()),
                None => Raw::Bytes(event.raw().into()),
            },
        }
        .to_record();
        assert_eq!(records::value(&record), example, "{file}");
        assert_eq!(record.key, a.partition_key, "{file}");
        let headers = records::headers(&record);
        assert_eq!(errors(&validators["event.headers"], &headers), [""; 0], "{file}");
    }
}

#[test]
fn a_broken_example_is_refused() {
    let validators = validators();
    for (file, example) in examples() {
        let defined = type_of(&example);
        let refuse_as = |contracts: &[&str], what: &str, change: &dyn Fn(&mut Value)| {
            let mut broken = example.clone();
            change(&mut broken);
            assert_ne!(broken, example, "{file}: nothing changes though {what}");
            for contract in contracts {
                assert!(
                    !validators[*contract].is_valid(&broken),
                    "{file} is a valid {contract} though {what}"
                );
            }
        };
        let both = [defined.name, "envelope"];
        let refuse = |what: &str, change: &dyn Fn(&mut Value)| refuse_as(&both, what, change);
        let refuse_type = |what: &str, change: &dyn Fn(&mut Value)| refuse_as(&both[..1], what, change);
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
        refuse_type("`dataschema` is missing", &|broken| remove(broken, "dataschema"));
        refuse("`dataschema` is a number", &|broken| broken["dataschema"] = json!(7));
        refuse("`account` is a number", &|broken| broken["account"] = json!(7));
        refuse("its tenant is empty", &|broken| broken["tenant"] = json!(""));
        refuse("its source has no tenant", &|broken| {
            broken["source"] = json!("/chatwoot-1");
        });
        refuse_type("its type is another", &|broken| {
            broken["type"] = json!("message.written");
        });
        refuse("its time has no zone", &|broken| {
            broken["time"] = json!("2026-03-10 13:36:50");
        });
        refuse("its id is no UUID", &|broken| broken["id"] = json!("9001"));
        refuse("its digest is short", &|broken| broken["rawsha256"] = json!("ab"));
        refuse_type("its member is missing", &|broken| {
            remove(&mut broken["data"], defined.member);
        });
        refuse_type("its member is text", &|broken| {
            broken["data"][defined.member] = json!("x");
        });
        refuse("its raw part is missing", &|broken| {
            remove(&mut broken["data"], "raw");
            remove(&mut broken["data"], "raw_base64");
        });
        refuse("its raw part occurs twice", &|broken| {
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
