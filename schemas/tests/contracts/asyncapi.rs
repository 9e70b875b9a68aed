//! The `AsyncAPI` 3.0 document of the topics, `schemas/asyncapi.json`.

use std::collections::{BTreeMap, BTreeSet};

use schemas::data::TYPES;
use schemas::event::CONTENT_TYPE;
use schemas::json_schema::{self, Contract};
use serde_json::{Map, Value, json};

use crate::validity::{errors, validators};
use crate::{all_examples, below, check_generated, parsed, records};

/// The official list of formats ends at Draft 7 and leaves others to those who use them.
const SCHEMA_FORMAT: &str = "application/schema+json;version=draft-2020-12";

/// The message that stands for all types that senders name themselves.
const OWN_TYPE: &str = "own-type";

const BINDING: &str = "0.5.0";

fn document() -> Value {
    let mut messages: Map<String, Value> = TYPES
        .iter()
        .map(|t| (t.name.to_owned(), event(t.name, t.meaning)))
        .collect();
    messages.insert(OWN_TYPE.to_owned(), own_type());
    let own = |name: &&String| name.starts_with("endpoint.");
    let of_events = messages.keys().filter(|name| !own(name));
    let of_events: Map<String, Value> = of_events.map(|name| (name.clone(), to_message(name))).collect();
    let of_operations = messages.keys().filter(own);
    let of_operations: Map<String, Value> = of_operations.map(|name| (name.clone(), to_message(name))).collect();
    messages.insert("dead-letter".to_owned(), dead_letter());
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:forebay:topics",
        "info": {
            "title": "Forebay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The Kafka topics of Forebay: webhooks of messaging and customer-service platforms as one vocabulary of events. The prefix `forebay` of all topics is configurable (`event_log.topic_prefix`), as are partitions and retention.",
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" }
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "kafka": {
                "host": "{brokers}",
                "protocol": "kafka",
                "description": "Your Kafka.",
                "variables": { "brokers": { "default": "localhost:9092", "description": "`event_log.kafka.brokers` of the configuration." } }
            }
        },
        "channels": {
            "events": {
                "address": "forebay.events",
                "title": "Events",
                "description": "Every event of every source. All families share one topic, because a conversation's messages and tickets share one order: records of equal keys are in one partition, in the order in which they were accepted. A record may occur more than once: its copies have the same `ce_id`.",
                "servers": [{ "$ref": "#/servers/kafka" }],
                "messages": of_events,
                "bindings": { "kafka": topic(12, 7) }
            },
            "dead-letters": {
                "address": "forebay.dead-letters",
                "title": "Dead letters",
                "description": "Deliveries that were given up: the original record, key, headers and value byte for byte, and further headers that say what went wrong.",
                "servers": [{ "$ref": "#/servers/kafka" }],
                "messages": { "dead-letter": to_message("dead-letter") },
                "bindings": { "kafka": topic(12, 28) }
            },
            "operations": {
                "address": "forebay.operations",
                "title": "Operational events",
                "description": "What happens to Forebay's own parts, as events like any other: sinks read this topic beside that of the events, and rules route both. Their source is `/<tenant>/forebay`.",
                "servers": [{ "$ref": "#/servers/kafka" }],
                "messages": of_operations,
                "bindings": { "kafka": topic(1, 7) }
            }
        },
        "operations": {
            "sendEvents": {
                "action": "send",
                "channel": { "$ref": "#/channels/events" },
                "summary": "Forebay publishes an event before it answers a webhook with 200."
            },
            "sendDeadLetters": {
                "action": "send",
                "channel": { "$ref": "#/channels/dead-letters" },
                "summary": "Forebay publishes what a sink rejected, or what used up its attempts."
            },
            "sendOperations": {
                "action": "send",
                "channel": { "$ref": "#/channels/operations" },
                "summary": "Forebay publishes that deliveries to an endpoint fail, go through again, or are made no more."
            }
        },
        "components": { "messages": messages }
    })
}

/// The defaults of the configuration.
fn topic(partitions: u32, retention_days: u64) -> Value {
    json!({
        "partitions": partitions,
        "replicas": 3,
        "topicConfiguration": { "cleanup.policy": ["delete"], "retention.ms": retention_days * 24 * 3600 * 1000 },
        "bindingVersion": BINDING
    })
}

fn to_message(name: &str) -> Value {
    json!({ "$ref": format!("#/components/messages/{name}") })
}

/// A committed schema, as the document refers to it.
fn committed(contract: &str) -> Value {
    let found = json_schema::all().into_iter().find(|c| c.name == contract);
    let file = found
        .as_ref()
        .map_or_else(|| panic!("`{contract}` is no contract"), Contract::file);
    json!({ "$ref": format!("./json/{file}") })
}

fn schema(schema: &Value) -> Value {
    json!({ "schemaFormat": SCHEMA_FORMAT, "schema": schema })
}

fn message(name: &str, summary: &str, headers: &Value, payload: &Value) -> Value {
    json!({
        "name": name,
        "title": name,
        "summary": summary,
        "contentType": CONTENT_TYPE,
        "headers": schema(headers),
        "payload": schema(payload),
        "correlationId": { "location": "$message.header#/ce_id", "description": "The same for every redelivery, unless `idtime` is `received`." },
        "bindings": { "kafka": {
            "key": { "type": "string", "description": "`<tenant>/<source>/<conversation>`, or group, or contact: the attribute `partitionkey`." },
            "bindingVersion": BINDING
        } }
    })
}

fn event(name: &str, meaning: &str) -> Value {
    let headers = json!({
        "type": "object",
        "allOf": [committed("event.headers"), { "properties": { "ce_type": { "const": name } } }]
    });
    let mut message = message(name, meaning, &headers, &committed(name));
    let examples = all_examples().into_iter().filter(|(_, event)| event["type"] == name);
    message["examples"] = examples
        .map(|(file, event)| {
            let headers = json!({
                "content-type": CONTENT_TYPE, "ce_id": event["id"], "ce_type": event["type"], "ce_source": event["source"],
                "ce_time": event["time"], "ce_tenant": event["tenant"]
            });
            json!({ "name": file.strip_suffix(".json"), "headers": headers, "payload": event })
        })
        .collect();
    message
}

fn own_type() -> Value {
    let mut message = message(
        OWN_TYPE,
        "An event of a type that the sender names itself, such as `github.push`: its content is under `data.raw`.",
        &committed("event.headers"),
        &committed("envelope"),
    );
    let record = records::own_type();
    message["examples"] =
        json!([{ "name": "github.push", "headers": records::headers(&record), "payload": records::value(&record) }]);
    message
}

fn dead_letter() -> Value {
    let mut message = message(
        "dead-letter",
        "A delivery given up. The value is that of the original record, which may be anything.",
        &json!({ "type": "object", "allOf": [committed("dead_letter.headers")] }),
        &json!(true),
    );
    let record = records::dead_letter();
    message["examples"] =
        json!([{ "name": "rejected", "headers": records::headers(&record), "payload": records::value(&record) }]);
    message
}

/// The official schema of such documents.
fn official() -> jsonschema::Validator {
    let path = below("tests/asyncapi/schema-3.0.0.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    jsonschema::draft7::new(&parsed("the schema of AsyncAPI", &text)).expect("a valid schema")
}

#[test]
fn the_committed_document_is_that_of_the_types() {
    check_generated(
        ".",
        "asyncapi.json",
        &[("asyncapi.json".to_owned(), format!("{:#}\n", document()))].into(),
    );
}

#[test]
fn the_document_is_valid_asyncapi() {
    assert_eq!(errors(&official(), &document()), [""; 0]);
}

#[test]
fn a_broken_document_is_refused() {
    let (official, document) = (official(), document());
    for (what, pointer, value) in [
        ("the version is another", "/asyncapi", json!("2.6.0")),
        ("the title is a number", "/info/title", json!(7)),
        (
            "an operation neither sends nor receives",
            "/operations/sendEvents/action",
            json!("publish"),
        ),
        ("a channel is a list", "/channels/events", json!([])),
        (
            "partitions are a text",
            "/channels/events/bindings/kafka/partitions",
            json!("12"),
        ),
        (
            "a clean-up policy is unknown",
            "/channels/events/bindings/kafka/topicConfiguration/cleanup.policy",
            json!(["keep"]),
        ),
        (
            "a message has an unknown member",
            "/components/messages/unmapped/bindings",
            json!({ "smoke": {} }),
        ),
        (
            "an example is a text",
            "/components/messages/unmapped/examples/0",
            json!("x"),
        ),
        (
            "the place of the correlation id is none",
            "/components/messages/unmapped/correlationId/location",
            json!("ce_id"),
        ),
    ] {
        let mut broken = document.clone();
        *broken
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("{pointer} is missing")) = value;
        assert!(!official.is_valid(&broken), "valid though {what}");
    }
}

/// Every `$ref` below a value.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found.push(reference.clone());
            }
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| references(element, found)),
        _ => {}
    }
}

#[test]
fn everything_that_the_document_refers_to_exists() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    let files: BTreeSet<String> = json_schema::all()
        .iter()
        .map(|c| format!("./json/{}", c.file()))
        .collect();
    let (inside, outside): (BTreeSet<String>, BTreeSet<String>) = found.into_iter().partition(|r| r.starts_with('#'));
    assert_eq!(outside, files, "every contract is referred to, and nothing else");
    for reference in inside {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn the_examples_of_the_document_are_valid() {
    let validators = validators();
    let document = document();
    let messages = document["components"]["messages"].as_object().expect("an object");
    let mut counts = BTreeMap::new();
    for (name, message) in messages {
        let (headers, payload) = match name.as_str() {
            "dead-letter" => ("dead_letter.headers", "envelope"),
            OWN_TYPE => ("event.headers", "envelope"),
            name => ("event.headers", name),
        };
        for example in message["examples"].as_array().expect("examples") {
            assert_eq!(errors(&validators[headers], &example["headers"]), [""; 0], "{name}");
            assert_eq!(errors(&validators[payload], &example["payload"]), [""; 0], "{name}");
            *counts.entry(name.as_str()).or_insert(0) += 1;
        }
    }
    assert_eq!(counts.len(), messages.len(), "every message has an example: {counts:?}");
}
