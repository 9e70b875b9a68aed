//! The checker itself: every kind of change that breaks a reader is refused.

use serde_json::{Value, json};

use super::checker::breaks;

/// A schema with one of everything that ours have.
pub(super) fn promised() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:example:1",
        "title": "sample",
        "type": "object",
        "required": ["id", "data"],
        "properties": {
            "id": { "type": "string", "format": "uuid", "description": "an id" },
            "specversion": { "const": "1.0" },
            "digest": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
            "count": { "type": ["integer", "null"], "minimum": 0, "format": "uint64" },
            "internal": { "type": "boolean", "default": false },
            "labels": { "type": "array", "items": { "type": "string" } },
            "from": { "anyOf": [{ "$ref": "#/$defs/Party" }, { "type": "null" }] },
            "data": {
                "type": "object",
                "required": ["status"],
                "properties": {
                    "status": { "$ref": "#/$defs/Status", "description": "how it stands" },
                    "description": { "type": "string" },
                    "raw": { "description": "anything" }
                },
                "oneOf": [{ "required": ["raw"] }, { "required": ["raw_base64"] }]
            }
        },
        "$defs": {
            "Party": {
                "type": "object",
                "required": ["id"],
                "properties": { "id": { "type": "string" }, "name": { "type": ["string", "null"] } }
            },
            "Status": {
                "oneOf": [
                    { "type": "string", "const": "open", "description": "being worked on" },
                    { "type": "string", "const": "closed" }
                ]
            }
        }
    })
}

/// One change: the place (a JSON pointer) and its new value; null removes it.
pub(super) type Change = (&'static str, Value);

pub(super) fn changed(changes: &[Change]) -> Value {
    let mut schema = promised();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = schema
            .pointer_mut(parent)
            .unwrap_or_else(|| panic!("{pointer} does not exist"));
        match parent {
            Value::Object(members) if value.is_null() => {
                members
                    .remove(key)
                    .unwrap_or_else(|| panic!("{pointer} does not exist"));
            }
            Value::Object(members) => {
                members.insert(key.to_owned(), value.clone());
            }
            other => panic!("{pointer}: {other}"),
        }
    }
    assert_ne!(schema, promised(), "{changes:?} change nothing");
    schema
}

/// What changes, the changes, and a part of what the checker reports.
type Refused = (&'static str, Vec<Change>, &'static str);

pub(super) fn string() -> Value {
    json!({ "type": "string" })
}

/// Each change breaks a reader, and the report names its place.
fn are_refused(cases: Vec<Refused>) {
    for (what, changes, expected) in cases {
        let found = breaks(&promised(), &changed(&changes));
        assert!(
            found.iter().any(|place| place.contains(expected)),
            "{what}: expected `{expected}`, found {found:?}"
        );
    }
}

#[test]
fn a_member_that_is_removed_renamed_or_newly_required_is_refused() {
    are_refused(vec![
        (
            "a new required member",
            vec![
                ("/properties/new", string()),
                ("/required", json!(["id", "data", "new"])),
            ],
            "the whole: the new member `new` is required",
        ),
        (
            "a new required member deep inside, through a reference and null",
            vec![
                ("/$defs/Party/properties/phone", string()),
                ("/$defs/Party/required", json!(["id", "phone"])),
            ],
            "`from`: the new member `phone` is required",
        ),
        (
            "a member that is required without being described",
            vec![("/required", json!(["id", "data", "x"]))],
            "new member `x`",
        ),
        (
            "a removed required member",
            vec![("/properties/id", Value::Null), ("/required", json!(["data"]))],
            "`id` was removed",
        ),
        (
            "a removed optional member",
            vec![("/properties/digest", Value::Null)],
            "`digest` was removed",
        ),
        (
            "a removed member that has the name of a keyword",
            vec![("/properties/data/properties/description", Value::Null)],
            "`data.description` was removed",
        ),
        (
            "a renamed member",
            vec![
                ("/$defs/Party/properties/name", Value::Null),
                ("/$defs/Party/properties/full_name", string()),
            ],
            "`from.name` was removed",
        ),
        (
            "an optional member that becomes required",
            vec![("/required", json!(["id", "data", "digest"]))],
            "`digest` was not required and is",
        ),
        (
            "a required member that becomes optional",
            vec![("/required", json!(["data"]))],
            "`id` was required and is not",
        ),
    ]);
}

#[test]
fn a_member_of_another_type_is_refused() {
    are_refused(vec![
        (
            "a narrowed type",
            vec![("/properties/count/type", json!("integer"))],
            "`count`: its type was integer or null and is integer",
        ),
        (
            "a widened type",
            vec![("/properties/internal/type", json!(["boolean", "null"]))],
            "`internal`: its type was boolean and is boolean or null",
        ),
        (
            "another type",
            vec![("/properties/count/type", json!(["number", "null"]))],
            "its type was integer or null and is null or number",
        ),
        (
            "a type where there was none",
            vec![("/properties/data/properties/raw/type", json!("object"))],
            "`data.raw`: its type was any and is object",
        ),
        (
            "a type that is no longer said",
            vec![("/properties/digest/type", Value::Null)],
            "its type was string and is any",
        ),
        (
            "an optional object that may no longer be null",
            vec![("/properties/from", json!({ "$ref": "#/$defs/Party" }))],
            "`from`: its type was null or object and is object",
        ),
        (
            "another type of the elements",
            vec![("/properties/labels/items", json!({ "type": "integer" }))],
            "`labels[]`: its type was string and is integer",
        ),
        (
            "elements of any type",
            vec![("/properties/labels/items", Value::Null)],
            "`labels`: what its elements are was added or removed",
        ),
        (
            "one in the place of a list",
            vec![("/properties/labels", string())],
            "`labels`: its type was array and is string",
        ),
    ]);
}

#[test]
fn a_closed_list_of_values_that_changes_is_refused() {
    are_refused(vec![
        (
            "a removed value",
            vec![("/$defs/Status/oneOf", json!([{ "const": "open" }]))],
            "`data.status`: the value \"closed\" was removed",
        ),
        (
            "a new value in a closed list",
            vec![(
                "/$defs/Status/oneOf",
                json!([{ "const": "open" }, { "const": "closed" }, { "const": "lost" }]),
            )],
            "`data.status`: the value \"lost\" was added to a closed list",
        ),
        (
            "a closed list that is opened",
            vec![("/$defs/Status", string())],
            "`data.status`: its list of values was closed and is open",
        ),
        (
            "an open text that is closed",
            vec![("/$defs/Party/properties/id/enum", json!(["a"]))],
            "`from.id`: it has a closed list of values now",
        ),
        (
            "another constant",
            vec![("/properties/specversion/const", json!("1.1"))],
            "`specversion`: the value \"1.0\" was removed",
        ),
    ]);
}

#[test]
fn another_constraint_is_refused_even_an_unknown_one() {
    are_refused(vec![
        (
            "another format",
            vec![("/properties/id/format", json!("date-time"))],
            "`id`: its `format` was \"uuid\" and is \"date-time\"",
        ),
        (
            "a format that is gone",
            vec![("/properties/id/format", Value::Null)],
            "`id`: its `format` was \"uuid\" and is absent",
        ),
        (
            "a format that is new",
            vec![("/$defs/Party/properties/id/format", json!("uri"))],
            "`from.id`: its `format` was absent and is \"uri\"",
        ),
        (
            "another pattern",
            vec![("/properties/digest/pattern", json!("^[0-9A-F]{64}$"))],
            "`digest`: its `pattern` was",
        ),
        (
            "another minimum",
            vec![("/properties/count/minimum", json!(1))],
            "`count`: its `minimum` was 0 and is 1",
        ),
        (
            "a maximum",
            vec![("/properties/count/maximum", json!(9))],
            "`count`: its `maximum` was absent and is 9",
        ),
        (
            "a length",
            vec![("/$defs/Party/properties/id/maxLength", json!(64))],
            "its `maxLength` was absent",
        ),
        (
            "a least number of elements",
            vec![("/properties/labels/minItems", json!(1))],
            "its `minItems` was absent",
        ),
        (
            "another meaning of what is left out",
            vec![("/properties/internal/default", json!(true))],
            "its `default` was false and is true",
        ),
        (
            "unknown members forbidden",
            vec![("/$defs/Party/additionalProperties", json!(false))],
            "`from`: its `additionalProperties` was absent",
        ),
        (
            "another choice",
            vec![("/properties/data/oneOf", json!([{ "required": ["raw"] }]))],
            "`data`: the choices that it allows changed",
        ),
        (
            "a choice that is gone",
            vec![("/properties/data/oneOf", Value::Null)],
            "`data`: the choices that it allows changed",
        ),
        (
            "a keyword that the checker does not know",
            vec![("/properties/labels/uniqueItems", json!(true))],
            "its `uniqueItems` was absent and is true",
        ),
        (
            "a member that nothing fits",
            vec![("/properties/digest", json!(false))],
            "`digest`: its `schema` was absent and is false",
        ),
    ]);
}
