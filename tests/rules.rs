//! `forebay rules import` as people use it: from the platforms' JSON to a rules file that `forebay check` accepts and that
//! matches what `forebay normalize` makes of a webhook.

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use prometheus_client::registry::Registry;
use schemas::event::Event;
use schemas::name::SinkName;
use schemas::sink::Sink;
use serde_json::json;
use support::forebay::{run, stderr};
use support::repository;

const CONFIG: &str =
    "event_log:\n  journal: { path: log }\nsinks:\n  sqlite: { path: db }\n  http: {}\nrules_file: rules.yaml\n";

fn chatwoot(conditions: &serde_json::Value) -> String {
    json!({"payload": [{
        "id": 7, "account_id": 3, "name": "Bom dia: #1", "event_name": "message_created", "active": true,
        "conditions": conditions,
        "actions": [{"action_name": "send_webhook_event", "action_params": ["https://crm.example.com/in"]}],
    }]})
    .to_string()
}

fn says(operator: &str) -> serde_json::Value {
    json!([{"attribute_key": "content", "filter_operator": operator, "values": ["BOM dia"], "query_operator": null}])
}

fn import(folder: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_forebay"))
        .args(["rules", "import"])
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    // Where it ends before it has read, that is seen in its output.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    child.wait_with_output().expect("ends")
}

#[test]
fn rules_from_standard_input_pass_the_check_and_match_a_normalized_webhook() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = import(
        folder.path(),
        &["--from", "chatwoot", "-"],
        &chatwoot(&says("contains")),
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = stderr(&output);
    assert!(
        told.starts_with("Chatwoot automation rule 7 \"Bom dia: #1\": carried over as `bom-dia-1`\n"),
        "{told}"
    );
    assert!(told.contains("make that an endpoint of the sink `http`"), "{told}");
    let rules = String::from_utf8(output.stdout).expect("UTF-8");

    std::fs::write(folder.path().join("forebay.yaml"), CONFIG).expect("written");
    std::fs::write(folder.path().join("rules.yaml"), &rules).expect("written");
    let checked = run(&["check"], folder.path());
    assert!(checked.status.success(), "{}", stderr(&checked));
    assert!(
        String::from_utf8_lossy(&checked.stdout).contains("rules: 1"),
        "{checked:?}"
    );

    let sample = repository().join("tests/payloads/chatwoot/message_created.incoming.json");
    let normalized = run(&["normalize", "chatwoot", &sample.display().to_string()], folder.path());
    let event = Event::decode(&normalized.stdout.trim_ascii().to_vec().into()).expect("an event");
    let registry = control::Registry::new(control::Config::default(), 1 << 20).expect("nothing is registered");
    let http = sinks::http::HttpSink::new(
        &sinks::http::Config::default(),
        SinkName::new("http").expect("valid"),
        Arc::new(registry),
        &mut Registry::default(),
    );
    let sinks: Vec<Arc<dyn Sink>> = vec![Arc::new(http.expect("the defaults are valid"))];
    let matching = |text: &str| {
        processor::Rules::parse(text, "rules.yaml", &sinks)
            .expect("valid")
            .matching(&event)
            .len()
    };
    assert_eq!(matching(&rules), 1);
    let output = import(
        folder.path(),
        &["--from", "chatwoot", "-"],
        &chatwoot(&says("does_not_contain")),
    );
    assert_eq!(matching(&String::from_utf8_lossy(&output.stdout)), 0);
}

#[test]
fn what_is_lost_is_told_and_is_the_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflow = repository()
        .join("processor/tests/import/workflow.json")
        .display()
        .to_string();
    let args = [
        "--from",
        "web1on1",
        &workflow,
        "--to",
        "sqlite",
        "--output",
        "rules.yaml",
    ];
    let output = import(folder.path(), &args, "");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(output.stdout.is_empty());
    let told = stderr(&output);
    assert!(told.contains("  not carried over: action \"enqueue\""), "{told}");
    assert!(
        told.ends_with("error: 1 of 1 rules could not be carried over in full: see above\n"),
        "{told}"
    );
    std::fs::write(folder.path().join("forebay.yaml"), CONFIG).expect("written");
    let checked = run(&["check"], folder.path());
    assert!(checked.status.success(), "{}", stderr(&checked));

    let again = import(folder.path(), &args, "");
    assert_eq!(again.status.code(), Some(1), "a file that is there is left alone");
    assert!(
        stderr(&again).contains("cannot make `rules.yaml`"),
        "{}",
        stderr(&again)
    );
}

#[test]
fn what_is_no_json_is_a_mistake_of_the_caller() {
    let folder = tempfile::tempdir().expect("a folder");
    for (input, expected) in [
        ("", "error: standard input is empty"),
        ("rules:", "error: standard input is not JSON"),
    ] {
        let output = import(folder.path(), &["--from", "web1on1", "-"], input);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(
            output.stdout.is_empty() && stderr(&output).starts_with(expected),
            "{}",
            stderr(&output)
        );
    }
    let output = import(folder.path(), &["--from", "chatwoot", "missing.json"], "");
    assert_eq!(output.status.code(), Some(1));
}
