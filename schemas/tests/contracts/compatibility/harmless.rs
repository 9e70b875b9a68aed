//! The checker itself: a change that breaks no reader passes, and no member is left out.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::checker::{breaks, same};
use super::mutations::{Change, changed, promised, string};

#[test]
fn every_change_that_breaks_no_reader_passes() {
    let party = promised()["$defs"]["Party"].clone();
    // What is promised, whether it is the same promise, and the changes.
    let cases: Vec<(&str, bool, Vec<Change>)> = vec![
        ("a new optional member", false, vec![("/properties/account", string())]),
        (
            "a new optional member deep inside",
            false,
            vec![("/$defs/Party/properties/phone", string())],
        ),
        (
            "a new optional object with required members",
            false,
            vec![("/properties/to", json!({ "$ref": "#/$defs/Party" }))],
        ),
        (
            "other words",
            true,
            vec![
                ("/properties/id/description", json!("the id")),
                ("/title", json!("other")),
                ("/$id", json!("urn:x")),
            ],
        ),
        (
            "words of a value",
            true,
            vec![(
                "/$defs/Status/oneOf",
                json!([{ "const": "closed", "description": "done" }, { "const": "open" }]),
            )],
        ),
        ("an example", true, vec![("/properties/id/examples", json!(["x"]))]),
        (
            "a member that is deprecated",
            true,
            vec![("/properties/digest/deprecated", json!(true))],
        ),
        (
            "another order of what is required",
            true,
            vec![("/required", json!(["data", "id"]))],
        ),
        (
            "another order of types",
            true,
            vec![("/properties/count/type", json!(["null", "integer"]))],
        ),
        (
            "values written as a list",
            true,
            vec![("/$defs/Status", json!({ "type": "string", "enum": ["closed", "open"] }))],
        ),
        (
            "a constant with its type",
            true,
            vec![("/properties/specversion/type", json!("string"))],
        ),
        ("a definition that is not used", true, vec![("/$defs/Spare", string())]),
        (
            "a definition written out in its place",
            true,
            vec![("/properties/from", json!({ "oneOf": [{ "type": "null" }, party] }))],
        ),
    ];
    assert_eq!(breaks(&promised(), &promised()), [""; 0]);
    for (what, is_same, changes) in cases {
        let now = changed(&changes);
        assert_eq!(breaks(&promised(), &now), [""; 0], "{what}");
        assert_eq!(same(&promised(), &now), is_same, "{what}");
    }
}

#[test]
fn the_checker_sees_every_member_of_every_schema() {
    for contract in schemas::json_schema::all() {
        let mut places = Vec::new();
        pointers(&contract.schema, &mut String::new(), &mut places);
        assert!(places.len() > 3, "{}: {places:?}", contract.name);
        for place in places {
            let mut without = contract.schema.clone();
            let (parent, name) = place.rsplit_once('/').expect("a pointer");
            let parent = without
                .pointer_mut(parent)
                .and_then(Value::as_object_mut)
                .expect("an object");
            parent.remove(name).expect("a member");
            let found = breaks(&contract.schema, &without);
            assert!(
                !found.is_empty(),
                "{}: the removal of {place} is not seen",
                contract.name
            );
        }
    }
}

/// The places of all described members.
fn pointers(schema: &Value, place: &mut String, found: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else { return };
    let length = place.len();
    for group in ["properties", "$defs"] {
        for (name, member) in keywords.get(group).and_then(Value::as_object).into_iter().flatten() {
            write!(place, "/{group}/{name}").expect("text");
            if group == "properties" {
                found.push(place.clone());
            }
            pointers(member, place, found);
            place.truncate(length);
        }
    }
}
