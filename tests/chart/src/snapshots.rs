//! Each value set's objects as files, so that a change of a template shows what it changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::helm::{rendered, repository};
use crate::objects::title;
use crate::yaml;

/// Whether files are to be written instead of compared.
pub(crate) fn update() -> bool {
    std::env::var_os("UPDATE_CHART").is_some_and(|value| value == "1")
}

/// Whether a file, or a key of a config map, is a dashboard.
pub(crate) fn is_dashboard(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "json")
}

/// Fails unless the file holds `expected`; with `UPDATE_CHART=1` writes it.
pub(crate) fn compare(path: &Path, expected: &str) {
    if update() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, expected).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    if fs::read_to_string(path).is_ok_and(|found| found == expected) {
        return;
    }
    let shown = path.strip_prefix(repository()).unwrap_or(path).display();
    let folder = tempfile::tempdir().expect("a folder");
    let new = folder.path().join("new");
    fs::write(&new, expected).expect("written");
    let old = if path.exists() { path } else { Path::new("/dev/null") };
    let output = Command::new("diff")
        .args(["-U3", "--label", "committed", "--label", "now"])
        .args([old, &new])
        .output()
        .expect("diff starts");
    let difference = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<_> = difference.lines().take(80).collect();
    panic!(
        "{shown} is stale:\n{}\n\nRun `UPDATE_CHART=1 cargo test -p chart`, and read what it changed.",
        lines.join("\n")
    );
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots")
}

/// The objects in a fixed order, each kind together, without what has a test of its own.
fn normalized(objects: &[Value]) -> String {
    let mut objects = objects.to_vec();
    objects.sort_by_key(title);
    let documents: Vec<_> = objects
        .iter_mut()
        .map(|object| {
            shorten(object);
            yaml::write(object)
        })
        .collect();
    format!("---\n{}", documents.join("---\n"))
}

/// Replaces what would make every snapshot change with each edit of a configuration, an alert or a dashboard.
fn shorten(value: &mut Value) {
    if value["kind"] == "PrometheusRule" {
        value["spec"]["groups"] = "(those of deploy/alerts/forebay.rules.yaml)".into();
    }
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if key.starts_with("checksum/") {
                    *value = "(a digest)".into();
                } else if is_dashboard(key) {
                    *value = format!("(deploy/dashboards/{key})").into();
                } else {
                    shorten(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(shorten),
        _ => {}
    }
}

#[test]
fn the_objects_of_each_value_set_are_those_committed() {
    let mut meant = Vec::new();
    for (name, rendering) in rendered() {
        compare(&folder().join(format!("{name}.yaml")), &normalized(&rendering.objects));
        meant.push(format!("{name}.yaml"));
    }
    for entry in fs::read_dir(folder()).expect("snapshots") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if !meant.contains(&name) {
            assert!(update(), "snapshots/{name}: no value set has this name: remove it");
            fs::remove_file(path).expect("removed");
        }
    }
}
