//! `forebay rules import` as people use it: from the platforms' JSON to a rules file that `forebay check` accepts and that
//! matches what `forebay normalize` makes of a webhook.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use harness::destinations::Takes;
use harness::program::{run, stderr};
use harness::repository;
use schemas::event::Event;
use serde_json::json;

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
    // If it ends before it has read, its output shows that.
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
    let remarks = stderr(&output);
    assert!(
        remarks.starts_with("Chatwoot automation rule 7 \"Bom dia: #1\": carried over as `bom-dia-1`\n"),
        "{remarks}"
    );
    assert!(
        remarks.contains("make that an endpoint of the sink `http`"),
        "{remarks}"
    );
    let rules = String::from_utf8(output.stdout).expect("UTF-8");

    std::fs::write(folder.path().join("forebay.yaml"), CONFIG).expect("written");
    std::fs::write(folder.path().join("rules.yaml"), &rules).expect("written");
    let checked = run(&["check"], folder.path());
    assert!(checked.status.success(), "{}", stderr(&checked));
    assert!(
        String::from_utf8_lossy(&checked.stdout).contains("rules: 1"),
        "{checked:?}"
    );

    let event = normalized(folder.path(), "chatwoot/message_created.incoming");
    assert_eq!(matching(&rules, &event), ["bom-dia-1"]);
    let input = chatwoot(&says("does_not_contain"));
    let output = import(folder.path(), &["--from", "chatwoot", "-"], &input);
    assert!(matching(&String::from_utf8_lossy(&output.stdout), &event).is_empty());
}

/// Returns the event that `forebay normalize` makes of a sample.
fn normalized(folder: &Path, sample: &str) -> Event {
    let platform = sample.split('/').next().expect("a folder");
    let file = repository().join(format!("schemas/samples/{sample}.json"));
    let output = run(&["normalize", platform, &file.display().to_string()], folder);
    assert!(output.status.success(), "{}", stderr(&output));
    Event::decode(&output.stdout.trim_ascii().to_vec().into()).expect("one event")
}

/// Returns the rules of the file that match `event`.
fn matching(rules: &str, event: &Event) -> Vec<String> {
    let http = Takes {
        sinks: &["http"],
        argument: true,
    };
    let rules = rules::Rules::parse(rules, "rules.yaml", &http).expect("valid");
    rules.matching(event).iter().map(ToString::to_string).collect()
}

#[test]
fn each_trigger_matches_its_webhooks() {
    let folder = tempfile::tempdir().expect("a folder");
    let triggers = [
        ("message_created", "chatwoot/message_created.outgoing"),
        ("conversation_created", "chatwoot/conversation_created"),
        ("conversation_updated", "chatwoot/conversation_updated.assignee"),
        ("conversation_opened", "chatwoot/conversation_status_changed.reopened"),
        ("conversation_resolved", "chatwoot/conversation_status_changed.resolved"),
    ];
    let rules: Vec<serde_json::Value> = triggers
        .iter()
        .map(|(trigger, _)| json!({"name": trigger, "event_name": trigger, "account_id": 3, "conditions": []}))
        .collect();
    let input = serde_json::Value::from(rules).to_string();
    let output = import(folder.path(), &["--from", "chatwoot", "--to", "http", "-"], &input);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let rules = String::from_utf8(output.stdout).expect("UTF-8");
    for (trigger, sample) in triggers {
        assert_eq!(
            matching(&rules, &normalized(folder.path(), sample)),
            [trigger],
            "{sample}"
        );
    }
    let of_the_bridge = normalized(folder.path(), "chatwoot/fazer_ai.provider_event_received");
    assert!(
        matching(&rules, &of_the_bridge).is_empty(),
        "no message of Chatwoot's own"
    );
}

#[test]
fn a_workflow_matches_the_conversation_that_it_is_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflow = repository()
        .join("rules/tests/import/workflow.json")
        .display()
        .to_string();
    let output = import(folder.path(), &["--from", "web1on1", &workflow, "--to", "http"], "");
    let rules = String::from_utf8(output.stdout).expect("UTF-8");
    let created = normalized(folder.path(), "web1on1/conversation.create");
    assert_eq!(matching(&rules, &created), ["roteamento-vendas"]);
    let chat = normalized(folder.path(), "web1on1/message.create.contact.chat");
    assert!(matching(&rules, &chat).is_empty());
}

#[test]
fn what_is_lost_is_reported_and_sets_the_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflow = repository()
        .join("rules/tests/import/workflow.json")
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
    let remarks = stderr(&output);
    assert!(remarks.contains("  not carried over: action \"enqueue\""), "{remarks}");
    assert!(
        remarks.ends_with("error: 1 of 1 rules could not be carried over in full: see above\n"),
        "{remarks}"
    );
    std::fs::write(folder.path().join("forebay.yaml"), CONFIG).expect("written");
    let checked = run(&["check"], folder.path());
    assert!(checked.status.success(), "{}", stderr(&checked));

    let again = import(folder.path(), &args, "");
    assert_eq!(again.status.code(), Some(1), "an existing file is not overwritten");
    assert!(
        stderr(&again).contains("cannot make `rules.yaml`"),
        "{}",
        stderr(&again)
    );
}

#[test]
fn input_that_is_not_json_is_a_mistake_of_the_caller() {
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
    let automation = r#"{"name":"a","event_name":"message_created","conditions":[{"attribute_key":"content"}]}"#;
    let workflow = r#"[{"name":"w","rules":[{"conditions":{"all":[{"fact":"message.text"}]}}]}]"#;
    for (args, input, expected) in [
        (
            ["--from", "web1on1", "-", "--to", "http"],
            automation,
            "error: standard input looks like Chatwoot: use --from chatwoot\n",
        ),
        (
            ["--from", "chatwoot", "-", "--to", "http"],
            workflow,
            "error: standard input looks like Web1on1: use --from web1on1\n",
        ),
        (
            ["--from", "chatwoot", "-", "--to", "nosink"],
            automation,
            "error: there is no sink `nosink`, which --to names; the sinks are http, postgres, sqlite, topic\n",
        ),
    ] {
        let output = import(folder.path(), &args, input);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(output.stdout.is_empty());
        assert_eq!(stderr(&output), expected);
    }
    let output = import(folder.path(), &["--from", "chatwoot", "missing.json"], "");
    assert_eq!(output.status.code(), Some(1));
}
