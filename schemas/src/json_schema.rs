//! JSON Schemas (Draft 2020-12) of all event types, generated from the Rust types. They are committed under `schemas/json/`
//! and a test refuses drift; `UPDATE_SCHEMAS=1 cargo test -p schemas` writes them anew.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::data::{DataType, TYPES};

/// The schema of a whole event (the value of a record) of one type.
pub fn of(data_type: &DataType) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let member = (data_type.schema)(&mut generator);
    let definitions = generator.take_definitions(true);
    let text = |description: &str| json!({ "type": "string", "description": description });
    let time = |description: &str| json!({ "type": "string", "format": "date-time", "description": description });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:forebay:schema:{}:{}", data_type.name, data_type.version),
        "title": data_type.name,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "dataschema", "tenant", "platform",
                     "receivedtime", "partitionkey", "rawsha256", "data"],
        "properties": {
            "specversion": { "const": "1.0" },
            "id": { "type": "string", "format": "uuid", "description": "the same for every redelivery; sorts by time" },
            "idtime": { "const": "received", "description": "present when the platform gives no time: the id's time is that of receipt" },
            "source": text("/<tenant>/<source>"),
            "type": { "const": data_type.name },
            "subject": text("the conversation, group, ticket or contact that it is about"),
            "time": time("when it happened"),
            "datacontenttype": { "const": "application/json" },
            "dataschema": { "const": format!("urn:forebay:schema:{}:{}", data_type.name, data_type.version) },
            "tenant": text("whose event it is"),
            "platform": text("the dialect of the sender"),
            "receivedtime": time("when it was received"),
            "partitionkey": text("events of equal keys keep their order"),
            "traceparent": text("W3C trace context"),
            "rawsha256": { "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the request body as received" },
            "data": {
                "type": "object",
                "required": [data_type.member],
                "properties": {
                    data_type.member: member,
                    "raw": { "description": "the platform's own JSON, verbatim" },
                    "raw_base64": { "type": "string", "contentEncoding": "base64", "description": "the body, where it is not JSON" }
                },
                "oneOf": [{ "required": ["raw"] }, { "required": ["raw_base64"] }]
            }
        },
        "$defs": definitions
    })
}

/// File name and content of every schema, as committed.
pub fn all() -> Vec<(String, String)> {
    let pretty = |value: &Value| format!("{value:#}\n");
    TYPES
        .iter()
        .map(|t| (format!("{}.v{}.json", t.name, t.version), pretty(&of(t))))
        .collect()
}
