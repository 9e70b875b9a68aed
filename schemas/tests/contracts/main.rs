//! The contracts as files, for those who read the topics and tables: JSON Schemas (`json/`), the `AsyncAPI` document
//! (`asyncapi.json`), the pages (`pages/`), and the frozen schemas that no change may break (`compat/`).
//!
//! All but the examples are generated: `UPDATE_SCHEMAS=1 cargo test -p schemas --test contracts` writes them anew, from the types,
//! the examples, ingest's golden files and the vectors. Without it the tests refuse drift.

mod asyncapi;
mod compatibility;
mod examples;
mod pages;
mod records;
mod validity;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Below the crate.
fn below(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Name and content of each file in a folder whose name ends so.
fn files(folder: &str, end: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(below(folder)).unwrap_or_else(|error| panic!("schemas/{folder}: {error}")) {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().and_then(|n| n.to_str()).expect("a plain file name");
        if name.ends_with(end) {
            let content = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.insert(name.to_owned(), content);
        }
    }
    found
}

fn parsed(name: &str, text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The committed examples by file name.
fn all_examples() -> BTreeMap<String, Value> {
    let examples = files("examples", ".json");
    examples
        .iter()
        .map(|(name, text)| (name.clone(), parsed(name, text)))
        .collect()
}

fn updating() -> bool {
    std::env::var_os("UPDATE_SCHEMAS").is_some()
}

/// Refuses a folder whose files with that ending are not exactly these; when updating, makes them so.
fn check_generated(folder: &str, end: &str, made: &BTreeMap<String, String>) {
    if updating() {
        fs::create_dir_all(below(folder)).expect("a writable folder");
        for gone in files(folder, end).keys().filter(|name| !made.contains_key(*name)) {
            fs::remove_file(below(folder).join(gone)).expect("a file that can be removed");
        }
        for (name, content) in made {
            fs::write(below(folder).join(name), content).expect("a writable file");
        }
    }
    let way_out = "run `UPDATE_SCHEMAS=1 cargo test -p schemas --test contracts`";
    let committed = files(folder, end);
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        names(&committed),
        names(made),
        "the files in schemas/{folder}: {way_out}"
    );
    for (name, content) in made {
        // Compared as values where they are such: the order of members depends on how serde_json was built.
        let same = match end {
            ".json" => parsed(name, &committed[name]) == parsed(name, content),
            _ => committed[name] == *content,
        };
        assert!(same, "schemas/{folder}/{name} is not as generated: {way_out}");
    }
}
