//! The program itself, which judges what the chart makes of the configuration.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::helm::profile;

/// A command that runs the program.
pub(crate) fn program() -> Command {
    let path = std::env::var_os("FOREBAY_PROGRAM").map_or_else(|| profile().join("forebay"), PathBuf::from);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --bin forebay` first; tests of the whole workspace build it",
        path.display()
    );
    let mut command = Command::new(path);
    command.env_remove("FOREBAY_CONFIG").stdin(Stdio::null());
    command
}

/// What a configuration may hold, as a JSON Schema.
pub(crate) fn configuration_schema() -> Value {
    let output = program()
        .args(["config", "schema"])
        .output()
        .expect("the program starts");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The names of the variables that a configuration refers to.
pub(crate) fn variables(configuration: &str) -> BTreeSet<String> {
    let parts = configuration.split("${").skip(1);
    parts
        .filter_map(|part| part.split(['}', ':']).next())
        .map(str::to_owned)
        .collect()
}

/// A value that fits a variable, and no other has.
fn value(name: &str) -> String {
    if name.ends_with("_URL") {
        return "postgres://forebay:forebay@postgres:5432/forebay".to_owned();
    }
    if name.ends_with("_CA") {
        return include_str!("../ca.pem").to_owned();
    }
    // A signing key of an endpoint has this form, and every other secret may have it.
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("whsec_{letters:A<64}")
}

/// The result of `forebay check` on a configuration and its rules, laid out as in a pod. Each variable has a value that fits.
/// With `sinks` it is judged for a worker that runs these.
pub(crate) fn check(configuration: &str, rules: Option<&str>, sinks: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("rules")).expect("made");
    // What an operator mounts.
    let authority = folder.path().join("ca.crt");
    fs::write(&authority, include_str!("../ca.pem")).expect("written");
    let configuration = &configuration.replace("/etc/forebay-ca/ca.crt", authority.to_str().expect("UTF-8"));
    fs::write(folder.path().join("forebay.yaml"), configuration).expect("written");
    if let Some(rules) = rules {
        fs::write(folder.path().join("rules/rules.yaml"), rules).expect("written");
    }
    let mut command = program();
    command.args(["check", "--config", "forebay.yaml", "--output", "json"]);
    command.args(sinks.iter().flat_map(|sink| ["--sink", sink]));
    command.current_dir(folder.path());
    for name in variables(configuration) {
        command.env(&name, value(&name));
    }
    let output = command.output().expect("the program starts");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("`forebay check` said no JSON: {error}: {said}\n{configuration}")
    })
}
