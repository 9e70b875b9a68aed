//! No change may break a reader: the schemas are compared with frozen copies of what was promised before. The rule is
//! written in `compat/README.md`.

mod checker;
mod harmless;
mod mutations;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;

use schemas::json_schema::{self, Contract};
use serde_json::Value;

use crate::{below, files, parsed, updating};
use checker::{breaks, same};

/// The frozen copies of one contract by version and revision.
type Frozen = BTreeMap<(u32, u32), Value>;

/// `message.created.v1.json`, or `message.created.v1.r2.json` for what was promised in addition later.
fn file_name(contract: &str, version: u32, revision: u32) -> String {
    match revision {
        1 => format!("{contract}.v{version}.json"),
        _ => format!("{contract}.v{version}.r{revision}.json"),
    }
}

fn read_name(file: &str) -> Option<(String, u32, u32)> {
    let stem = file.strip_suffix(".json")?;
    let (stem, revision) = match stem.rsplit_once(".r") {
        Some((rest, number)) if number.parse::<u32>().is_ok() => (rest, number.parse().ok()?),
        _ => (stem, 1),
    };
    let (contract, version) = stem.rsplit_once(".v")?;
    Some((contract.to_owned(), version.parse().ok()?, revision))
}

fn frozen() -> BTreeMap<String, Frozen> {
    let mut found: BTreeMap<String, Frozen> = BTreeMap::new();
    for (file, text) in files("compat", ".json") {
        let (contract, version, revision) =
            read_name(&file).unwrap_or_else(|| panic!("schemas/compat/{file} is named for no contract"));
        assert_eq!(file_name(&contract, version, revision), file, "its one name");
        found
            .entry(contract)
            .or_default()
            .insert((version, revision), parsed(&file, &text));
    }
    found
}

/// What a reader built for the frozen copies would find broken.
fn broken_promises(frozen: &BTreeMap<String, Frozen>, current: &[Contract]) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, copies) in frozen {
        let Some(now) = current.iter().find(|c| c.name == name) else {
            broken.push(format!("`{name}` is gone"));
            continue;
        };
        for ((version, revision), copy) in copies {
            let file = file_name(name, *version, *revision);
            if *version > now.version {
                broken.push(format!(
                    "the version of `{name}` went back from {version} to {}",
                    now.version
                ));
            } else if *version == now.version {
                broken.extend(
                    breaks(copy, &now.schema)
                        .into_iter()
                        .map(|what| format!("{file}: {what}")),
                );
            }
        }
    }
    broken
}

/// The revision to freeze, where what is promised now is not frozen yet.
fn to_freeze(copies: &Frozen, now: &Contract) -> Option<u32> {
    let last = copies.iter().rfind(|((version, _), _)| *version == now.version);
    match last {
        None => Some(1),
        Some((_, copy)) if same(copy, &now.schema) => None,
        Some(((_, revision), _)) => Some(revision + 1),
    }
}

#[test]
fn no_reader_of_a_frozen_schema_is_broken() {
    let broken = broken_promises(&frozen(), &json_schema::all());
    assert!(
        broken.is_empty(),
        "these changes break readers; undo them, or raise the version of the type (schemas/compat/README.md):\n{}",
        broken.join("\n")
    );
}

#[test]
fn what_is_promised_now_is_frozen() {
    let current = json_schema::all();
    let before = frozen();
    if updating() && broken_promises(&before, &current).is_empty() {
        for now in &current {
            let Some(revision) = to_freeze(before.get(now.name).unwrap_or(&Frozen::new()), now) else {
                continue;
            };
            // Never over an existing one.
            let mut file =
                File::create_new(below("compat").join(file_name(now.name, now.version, revision))).expect("a new file");
            writeln!(file, "{:#}", now.schema).expect("a writable file");
        }
    }
    let after = frozen();
    let missing: Vec<&str> = current
        .iter()
        .filter(|now| to_freeze(after.get(now.name).unwrap_or(&Frozen::new()), now).is_some())
        .map(|now| now.name)
        .collect();
    assert!(
        missing.is_empty(),
        "not frozen as they are now: {missing:?}; run `UPDATE_SCHEMAS=1 cargo test -p schemas --test contracts` and commit the new files"
    );
}

fn contract(version: u32, schema: Value) -> Contract {
    Contract {
        name: "message.created",
        version,
        schema,
    }
}

#[test]
fn a_raised_version_may_break_and_a_lowered_or_dropped_one_may_not() {
    let text = |kind: &str| serde_json::json!({ "type": "object", "properties": { "id": { "type": kind } } });
    let frozen: BTreeMap<String, Frozen> = [("message.created".to_owned(), [((2, 1), text("string"))].into())].into();
    assert_eq!(broken_promises(&frozen, &[contract(2, text("string"))]), [""; 0]);
    assert_eq!(broken_promises(&frozen, &[contract(3, text("integer"))]), [""; 0]);
    for (current, expected) in [
        (
            vec![contract(2, text("integer"))],
            "message.created.v2.json: `id`: its type was string and is integer",
        ),
        (
            vec![contract(1, text("string"))],
            "the version of `message.created` went back from 2 to 1",
        ),
        (vec![], "`message.created` is gone"),
    ] {
        assert_eq!(broken_promises(&frozen, &current), [expected]);
    }
}

#[test]
fn an_addition_is_frozen_beside_what_exists_and_protected_from_then_on() {
    let with = |members: &[&str]| {
        let members: serde_json::Map<_, _> = members
            .iter()
            .map(|m| ((*m).to_owned(), serde_json::json!({ "type": "string" })))
            .collect();
        serde_json::json!({ "type": "object", "properties": members })
    };
    let mut copies = Frozen::new();
    assert_eq!(to_freeze(&copies, &contract(1, with(&["id"]))), Some(1));
    copies.insert((1, 1), with(&["id"]));
    assert_eq!(to_freeze(&copies, &contract(1, with(&["id"]))), None);
    assert_eq!(to_freeze(&copies, &contract(1, with(&["id", "text"]))), Some(2));
    assert_eq!(to_freeze(&copies, &contract(2, with(&["id", "text"]))), Some(1));
    copies.insert((1, 2), with(&["id", "text"]));
    let broken = broken_promises(
        &[("message.created".to_owned(), copies)].into(),
        &[contract(1, with(&["id"]))],
    );
    assert_eq!(broken, ["message.created.v1.r2.json: `text` was removed"]);
}
