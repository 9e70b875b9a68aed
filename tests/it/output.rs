//! The output of commands: a full disk is an error, a reader that stops early is not.

use std::fs::File;
use std::path::Path;
use std::process::{Output, Stdio};

use harness::program::{command, dev, stderr};
use harness::repository;
use harness::sender::Client;

const CONFIG: &str = "event_log: { journal: { path: journal } }\nsinks: { sqlite: { path: forebay.db } }\n\
sources:\n  - { id: digisac, platform: digisac, secrets: [digisac-url-secret-1] }\n  \
- { id: standard, platform: standard, secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw] }\n";

const CAPTURED: &str = r#"{"path":"/in/digisac/digisac-url-secret-1","headers":{},"body":"{\"event\":\"ticket.created\",\"data\":{\"id\":7}}"}"#;

const WORKFLOWS: &str = r#"{"payload":[{"id":7,"account_id":3,"name":"a","event_name":"message_created","active":true,
"conditions":[{"attribute_key":"content","filter_operator":"contains","values":["x"],"query_operator":null}],
"actions":[{"action_name":"send_webhook_event","action_params":["https://crm.example.com/in"]}]}]}"#;

/// Every command that prints and needs no running program.
const STANDALONE: &[&[&str]] = &[
    &["--help"],
    &["--version"],
    &["help", "send"],
    &["check"],
    &["migrate"],
    &["send", "digisac", "--list"],
    &["normalize", "digisac", "body.json"],
    &["verify", "captured.json", "--config", "forebay.yaml"],
    &["sources", "list"],
    &["sources", "list", "--output", "json"],
    &["completion", "bash"],
    &["man"],
    &["sources", "connect", "standard", "--url", "https://hooks.example.com"],
    &["rules", "import", "--from", "chatwoot", "workflows.json"],
];

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let body = repository().join("schemas/samples/digisac/message.created.full.json");
    std::fs::copy(body, folder.path().join("body.json")).expect("copied");
    for (name, text) in [
        ("forebay.yaml", CONFIG),
        ("captured.json", CAPTURED),
        ("workflows.json", WORKFLOWS),
    ] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn printing_to(stdout: impl Into<Stdio>, args: &[&str], folder: &Path) -> Output {
    command(args, folder)
        .stdout(stdout)
        .output()
        .expect("the program starts")
}

fn on_a_full_disk(args: &[&str], folder: &Path) -> Output {
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    printing_to(full, args, folder)
}

fn reports_a_full_disk(args: &[&str], folder: &Path) {
    let output = on_a_full_disk(args, folder);
    let message = stderr(&output);
    assert!(
        message.contains("error: cannot write the output: No space left on device"),
        "{args:?}: {message}"
    );
    assert_eq!(output.status.code(), Some(1), "{args:?}: {message}");
}

#[test]
fn a_full_disk_is_an_error_of_every_command_that_prints() {
    let folder = folder();
    for args in STANDALONE {
        reports_a_full_disk(args, folder.path());
    }
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let folder = folder();
    for args in STANDALONE {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = printing_to(writer, args, folder.path());
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("error"), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn the_work_of_a_command_is_done_and_its_own_error_is_reported_too() {
    let folder = folder();
    drop(on_a_full_disk(&["migrate"], folder.path()));
    assert!(folder.path().join("journal").exists(), "the journal is made");

    let forged = CAPTURED.replace("secret-1", "secret-2");
    std::fs::write(folder.path().join("captured.json"), forged).expect("written");
    let args = ["verify", "captured.json", "--config", "forebay.yaml"];
    let message = stderr(&on_a_full_disk(&args, folder.path()));
    assert!(
        message.contains("the request does not pass") && message.contains("cannot write the output"),
        "{message}"
    );
    // No one reads the verdict, but the exit code reports it, too.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(printing_to(writer, &args, folder.path()).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_an_error_of_what_talks_to_a_running_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_role, base) = dev(
        folder.path(),
        &Client::default(),
        include_str!("../../src/config/dev.yaml"),
    )
    .await;
    // The webhook is accepted anyway: the second command prints what the first has sent.
    reports_a_full_disk(&["send", "digisac", "--url", &base], folder.path());
    for format in ["json", "pretty"] {
        let args = ["tail", "--from-beginning", "-n", "1", "--output", format];
        reports_a_full_disk(&args, folder.path());
    }
    for format in ["json", "pretty"] {
        reports_a_full_disk(&["progress", "show", "--output", format], folder.path());
    }
    let args = ["progress", "set", "--sink", "sqlite", "--to", "earliest"];
    reports_a_full_disk(&args, folder.path());
}

#[test]
fn a_full_disk_is_an_error_of_the_demo() {
    let folder = tempfile::tempdir().expect("a folder");
    reports_a_full_disk(&["demo"], folder.path());
}
