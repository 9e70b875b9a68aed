//! `forebay health` and `forebay config schema`.

use std::fs;
use std::path::Path;

use harness::free_port;
use harness::program::{dev, run, stderr, stdout};
use harness::sender::{Client, sources};
use serde_json::{Value, json};
use settings::NoReferences;

fn schema() -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(&["config", "schema"], folder.path());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Reads YAML as the program does, so that a number with a unit is a number; references stay what they are.
fn yaml(text: &str) -> Value {
    let text = text.replace("${", "$${");
    let read = settings::read::<Value>(text.as_bytes(), &NoReferences);
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    read.value.expect("not empty")
}

/// What a validator finds in a configuration.
fn findings(schema: &Value, configuration: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).expect("a valid schema");
    validator
        .iter_errors(configuration)
        .map(|error| error.to_string())
        .collect()
}

#[test]
fn the_schema_takes_every_configuration_that_is_shipped() {
    let schema = schema();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in [
        "forebay.example.yaml",
        "deploy/compose/forebay.yaml",
        "src/config/dev.yaml",
    ] {
        let text = fs::read_to_string(root.join(file)).expect(file);
        assert_eq!(findings(&schema, &yaml(&text)), Vec::<String>::new(), "{file}");
    }
    let one = "sources:\n  id: a\n  platform: chatwoot\n  secrets: ${A}\n";
    assert_eq!(findings(&schema, &yaml(one)), Vec::<String>::new());
    // As an editor reads them: texts.
    for (key, texts) in [
        (
            "max_body_bytes",
            &["512B", "10kB", "10KB", "1MiB", "2 GiB", "${SIZE}"][..],
        ),
        ("ack_budget_ms", &["500ms", "2s", "2 s", "1m", "${BUDGET}"][..]),
    ] {
        for text in texts {
            let written = json!({ "ingest": { key: text } });
            assert_eq!(findings(&schema, &written), Vec::<String>::new(), "{written}");
        }
    }
}

#[test]
fn the_schema_refuses_what_the_program_refuses() {
    let schema = schema();
    for wrong in [
        json!({ "ingst": {} }),
        json!({ "ingest": { "lisen": "127.0.0.1:1" } }),
        json!({ "ingest": { "max_body_bytes": "lots" } }),
        json!({ "sources": [{ "id": "a", "platform": "chatwot", "secrets": ["x"] }] }),
        json!({ "sources": [{ "platform": "chatwoot" }] }),
        json!({ "sources": [{ "id": "a", "platform": "standard", "secrets": ["x"], "auth": { "scheme": "hmac" } }] }),
        json!({ "sinks": { "http": { "retry": { "stps": [] } } } }),
        json!({ "event_log": { "partitions": "many" } }),
    ] {
        assert!(!findings(&schema, &wrong).is_empty(), "{wrong}");
    }
}

#[test]
fn health_fails_with_the_address_where_nothing_listens() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("http://127.0.0.1:{}", free_port());
    let output = run(&["health", "--url", &url], folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(&url) && stderr(&output).contains("admin.listen"),
        "{}",
        stderr(&output)
    );
    for (wrong, expected) in [
        ("nonsense", "is no URL"),
        ("localhost:9464", "is no URL"),
        ("http://127.0.0.1:9464/readyz", "--url is the base: leave `/readyz` out"),
    ] {
        let output = run(&["health", "--url", wrong], folder.path());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_whether_a_process_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!("{}sinks:\n  sqlite: {{}}\n", sources());
    let (mut role, _) = dev(folder.path(), &Client::default(), &config).await;
    let output = run(&["health", "--ready", "--url", &role.admin], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("event log: ok") && text.contains("worker sqlite: ok"),
        "{text}"
    );
    assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
    assert_eq!(
        run(&["health", "--url", &role.admin], folder.path()).status.code(),
        Some(1)
    );
}
