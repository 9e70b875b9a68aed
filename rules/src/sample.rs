//! One event of every type, with all members of its schema: conditions are evaluated for them at load.

use std::sync::LazyLock;

use schemas::data::{DataType, TYPES};
use schemas::event::Event;
use serde_json::{Map, Value, json};

/// How deep schemas that contain themselves are followed.
const MAX_DEPTH: usize = 8;

static EVENTS: LazyLock<Vec<Event>> = LazyLock::new(|| {
    let defined = TYPES.iter().filter_map(|t| event(t.name, &data(t)));
    // And one of a type that the sender has named.
    defined.chain(event("sample.foreign", &json!({}))).collect()
});

/// Returns the events, none of which has a raw part, because only the sender knows its content.
pub(super) fn events() -> &'static [Event] {
    &EVENTS
}

fn event(event_type: &str, data: &Value) -> Option<Event> {
    let value = json!({
        "specversion": "1.0", "id": "019cd7f6-f0e0-82b2-9fbf-000000000001", "source": "/tenant/source",
        "type": event_type, "subject": "subject", "time": "2026-03-10T13:36:50.912Z", "tenant": "tenant",
        "platform": "standard", "receivedtime": "2026-03-10T13:36:50.912Z", "partitionkey": "tenant/source/subject",
        "rawsha256": "", "data": data,
    });
    Event::decode(&value.to_string().into()).ok()
}

fn data(data_type: &DataType) -> Value {
    let schema = schemas::json_schema::of(data_type);
    let member = &schema["properties"]["data"]["properties"][data_type.member];
    json!({ data_type.member: value(member, &schema, MAX_DEPTH) })
}

/// Returns a value that the schema allows; `None` where it allows anything.
fn value(schema: &Value, root: &Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    if let Some(reference) = schema["$ref"].as_str() {
        return value(root.pointer(reference.strip_prefix('#')?)?, root, depth);
    }
    if let Some(constant) = schema.get("const") {
        return Some(constant.clone());
    }
    for choice in ["enum", "oneOf", "anyOf"] {
        let first = schema[choice].as_array().and_then(|choices| choices.first());
        match first {
            Some(first) if choice == "enum" => return Some(first.clone()),
            Some(first) => return value(first, root, depth),
            None => {}
        }
    }
    let name = match &schema["type"] {
        Value::Array(types) => types.first()?.as_str()?,
        one => one.as_str()?,
    };
    Some(match name {
        "string" if schema["format"] == "date-time" => json!("2026-03-10T13:36:50.912Z"),
        "string" => json!("text"),
        "boolean" => json!(true),
        "integer" => json!(1),
        "number" => json!(1.5),
        "array" => Value::Array(value(&schema["items"], root, depth).into_iter().collect()),
        "object" => {
            let members = schema["properties"].as_object().into_iter().flatten();
            let members = members.filter_map(|(name, schema)| Some((name.clone(), value(schema, root, depth)?)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_event_of_every_type_and_it_fits_its_schema() {
        let types: Vec<&str> = events().iter().map(|event| event.event_type().as_str()).collect();
        let expected: Vec<&str> = TYPES.iter().map(|t| t.name).chain(["sample.foreign"]).collect();
        assert_eq!(types, expected);
        for data_type in TYPES {
            let data = data(data_type);
            let member = &data[data_type.member];
            assert!(member.as_object().is_some_and(|members| !members.is_empty()), "{data}");
            data_type.check(&member.to_string()).expect(data_type.name);
        }
    }
}
