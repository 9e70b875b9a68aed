//! JSON Schemas (Draft 2020-12) of all that lies in the topics: the whole event of each type, made from the Rust types; what
//! every event shares; the headers of events and of dead letters.
//!
//! They are committed under `schemas/json/`, one file for each contract and version, and a test refuses drift and every
//! change that would break a reader (`schemas/compat/README.md`). `UPDATE_SCHEMAS=1 cargo test -p schemas --test contracts`
//! writes them anew.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::data::{DataType, TYPES};
use crate::event::CONTENT_TYPE;

/// What is promised to readers.
#[derive(Debug, Clone)]
pub struct Contract {
    /// An event type, or one of `envelope`, `event.headers`, `dead_letter.headers`.
    pub name: &'static str,
    /// Raised when a change would break a reader.
    pub version: u32,
    /// The JSON Schema, as it is written to `schemas/json`.
    pub schema: Value,
}

impl Contract {
    /// The name of the file under `schemas/json/`.
    pub fn file(&self) -> String {
        format!("{}.v{}.json", self.name, self.version)
    }
}

/// Everything that is promised: the event types in their order, then what they share.
pub fn all() -> Vec<Contract> {
    let types = TYPES.iter().map(|t| Contract {
        name: t.name,
        version: t.version,
        schema: of(t),
    });
    types
        .chain([envelope(), event_headers(), dead_letter_headers()])
        .collect()
}

/// The schema of a whole event (the value of a record) of one type.
pub fn of(data_type: &DataType) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let member = (data_type.schema)(&mut generator);
    let definitions = generator.take_definitions(true);
    let mut properties = attributes();
    properties["type"] = json!({ "const": data_type.name });
    properties["dataschema"] = json!({ "const": urn(data_type.name, data_type.version) });
    properties["data"] = data(json!({ data_type.member: member }), &[data_type.member]);
    let mut required = REQUIRED.to_vec();
    required.push("dataschema");
    let mut schema = object(
        data_type.name,
        data_type.version,
        data_type.meaning,
        &properties,
        &required,
    );
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// The attributes that every event has, whatever its type.
const REQUIRED: [&str; 12] = [
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

/// What all events share, also those of types that the sender names itself.
fn envelope() -> Contract {
    let mut properties = attributes();
    properties["data"] = data(
        json!({ "headers": {
            "type": "object",
            "additionalProperties": { "type": "string" },
            "description": "The sender's headers that are a part of the event, names in lower case; only for types that the sender names itself."
        } }),
        &[],
    );
    contract(
        "envelope",
        1,
        "What every event shares: a CloudEvent 1.0 in structured JSON.",
        &properties,
        &REQUIRED,
    )
}

/// The attributes of CloudEvents and our extensions, without `data`.
fn attributes() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let name =
        |description: &str| json!({ "type": "string", "pattern": format!("^{NAME}$"), "description": description });
    let time = |description: &str| json!({ "type": "string", "format": "date-time", "description": description });
    json!({
        "specversion": { "const": "1.0", "description": "The version of CloudEvents." },
        "id": { "type": "string", "format": "uuid", "description": "The same for every redelivery, unless `idtime` is `received`; sorts by time." },
        "idtime": {
            "const": "received",
            "description": "Present when the platform gives no time that a redelivery repeats: the id's time is then that of receipt."
        },
        "source": {
            "type": "string",
            "pattern": format!("^/{NAME}/{NAME}$"),
            "description": "Who sent it: `/<tenant>/<source>`."
        },
        "type": name("What happened."),
        "subject": text("The conversation, group, ticket or contact that it is about, in the platform's own words."),
        "time": time("When it happened; the moment of receipt where the platform does not say."),
        "datacontenttype": { "const": "application/json", "description": "The media type of `data`." },
        "dataschema": {
            "type": "string",
            "description": "Names the schema of the event, `urn:forebay:schema:<type>:<version>`; absent for types that the sender names itself."
        },
        "tenant": name("Whose event it is."),
        "platform": name("The dialect of the sender. New ones are added."),
        "account": text("The platform's own account, organization or workspace that it came from, where the platform says."),
        "receivedtime": time("When it was received."),
        "partitionkey": {
            "type": "string",
            "pattern": format!("^{NAME}/{NAME}/"),
            "description": "`<tenant>/<source>/<conversation>`, or group, or contact. Events of equal keys keep their order. The key of the record."
        },
        "traceparent": text("W3C trace context of the request, if it had one."),
        "rawsha256": {
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "SHA-256 of the request body as it was received: of `data.raw` (or the bytes in `data.raw_base64`), unless it is a part of a batch or a credential in it was blanked."
        }
    })
}

/// See [`name`](crate::name).
const NAME: &str = "[A-Za-z0-9._-]{1,128}";

/// `data`: those members, and what the platform sent.
fn data(mut members: Value, required: &[&str]) -> Value {
    members["raw"] = json!({
        "description": "The platform's own JSON, byte for byte, the white space around it too (parsers drop that: it begins right after the colon and ends before the last two braces of the record). A batch's events hold their own part each; credentials in it are `null`."
    });
    members["raw_base64"] = json!({
        "type": "string",
        "contentEncoding": "base64",
        "description": "What the platform sent, where it is not JSON."
    });
    json!({
        "type": "object",
        "required": required,
        "properties": members,
        "oneOf": [{ "required": ["raw"] }, { "required": ["raw_base64"] }],
        "description": "The normalized event, and what the platform sent."
    })
}

/// The headers of a record in the topic of events: text in UTF-8.
fn event_headers() -> Contract {
    use crate::record::header;
    let attributes = attributes();
    let mut properties = Map::new();
    properties.insert(
        header::CONTENT_TYPE.to_owned(),
        json!({ "const": CONTENT_TYPE, "description": "Structured CloudEvents (Kafka protocol binding, 3.3)." }),
    );
    for (name, attribute) in [
        (header::CE_ID, "id"),
        (header::CE_TYPE, "type"),
        (header::CE_SOURCE, "source"),
        (header::CE_TIME, "time"),
        (header::CE_TENANT, "tenant"),
    ] {
        properties.insert(name.to_owned(), attributes[attribute].clone());
    }
    let required: Vec<String> = properties.keys().cloned().collect();
    let required: Vec<&str> = required.iter().map(String::as_str).collect();
    contract(
        "event.headers",
        1,
        "The headers of an event's record: repeats of attributes, so that a consumer can filter without parsing.",
        &Value::Object(properties),
        &required,
    )
}

/// The headers that a dead letter has beside those of the original record, which may be any.
fn dead_letter_headers() -> Contract {
    use crate::dead_letter::header;
    let properties = json!({
        header::SINK: { "type": "string", "pattern": format!("^{NAME}$"), "description": "The sink that gave up." },
        header::TARGET: { "type": "string", "description": "The endpoint or topic of the sink that was to receive it; absent for sinks with only one." },
        header::REASON: { "type": "string", "maxLength": 1024, "description": "Why, in words." },
        header::ATTEMPTS: {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "How often it was tried; 0 when it could not even be decoded, or routed."
        },
        header::POSITION: {
            "type": "string",
            "pattern": r"^[A-Za-z0-9._-]{1,128}\[[0-9]+\]@[0-9]+$",
            "description": "Where the original record is: `topic[partition]@offset`."
        },
        header::TIME: { "type": "string", "format": "date-time", "description": "When it was given up." },
        header::RULES_VERSION: {
            "type": "string",
            "description": "The version of the set of rules that routed it; absent when it never got so far."
        },
        header::RULES: {
            "type": "string",
            "maxLength": 1024,
            "description": "The rules that could not be evaluated, so that it is not known whether they send the event to the \
                            target; separated by commas. Absent for a delivery that was given up."
        }
    });
    contract(
        "dead_letter.headers",
        1,
        "The headers that a dead letter adds to those of the original record.",
        &properties,
        &[
            header::SINK,
            header::REASON,
            header::ATTEMPTS,
            header::POSITION,
            header::TIME,
        ],
    )
}

fn contract(name: &'static str, version: u32, description: &str, properties: &Value, required: &[&str]) -> Contract {
    Contract {
        name,
        version,
        schema: object(name, version, description, properties, required),
    }
}

fn object(name: &str, version: u32, description: &str, properties: &Value, required: &[&str]) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": urn(name, version),
        "title": name,
        "description": description,
        "type": "object",
        "required": required,
        "properties": properties
    })
}

fn urn(name: &str, version: u32) -> String {
    format!("urn:forebay:schema:{name}:{version}")
}
