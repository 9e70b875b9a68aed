//! Where the output goes to: a disk that is full is an error, a reader that has had enough is none.

mod support;

use std::fs::File;
use std::path::Path;
use std::process::{Output, Stdio};

use support::forebay::{command, dev, stderr};
use support::repository;
use support::sender::Client;

const CONFIG: &str = "event_log: { journal: { path: journal } }\nsinks: { sqlite: { path: forebay.db } }\n\
sources:\n  - { id: digisac, platform: digisac, secrets: [digisac-url-secret-1] }\n  \
- { id: standard, platform: standard, secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw] }\n";

const CAPTURED: &str = r#"{"path":"/in/digisac/digisac-url-secret-1","headers":{},"body":"{\"event\":\"ticket.created\",\"data\":{\"id\":7}}"}"#;

const WORKFLOWS: &str = r#"{"payload":[{"id":7,"account_id":3,"name":"a","event_name":"message_created","active":true,
"conditions":[{"attribute_key":"content","filter_operator":"contains","values":["x"],"query_operator":null}],
"actions":[{"action_name":"send_webhook_event","action_params":["https://crm.example.com/in"]}]}]}"#;

/// Every command that prints and needs nobody else.
const ALONE: &[&[&str]] = &[
    &["--help"],
    &["--version"],
    &["help", "send"],
    &["check"],
    &["migrate"],
    &["send", "digisac", "--list"],
    &["normalize", "digisac", "body.json"],
    &["verify", "captured.json", "--config", "forebay.yaml"],
    &["sources", "list"],
    &["sources", "connect", "standard", "--url", "https://hooks.example.com"],
    &["rules", "import", "--from", "chatwoot", "workflows.json"],
];

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let body = repository().join("tests/payloads/digisac/message.created.full.json");
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

fn tells_that_the_disk_is_full(args: &[&str], folder: &Path) {
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
    for args in ALONE {
        tells_that_the_disk_is_full(args, folder.path());
    }
}

#[test]
fn a_reader_that_has_had_enough_is_none() {
    let folder = folder();
    for args in ALONE {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = printing_to(writer, args, folder.path());
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("error"), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn what_a_command_was_to_do_is_done_and_its_own_error_is_told_beside() {
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
    // Nobody reads the verdict, but the exit code is one too.
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
        include_str!("../src/config/dev.yaml"),
    )
    .await;
    // Accepted all the same: the second command prints what the first has sent.
    tells_that_the_disk_is_full(&["send", "digisac", "--url", &base], folder.path());
    for format in ["json", "pretty"] {
        let args = ["tail", "--from-beginning", "-n", "1", "--output", format];
        tells_that_the_disk_is_full(&args, folder.path());
    }
    for format in ["json", "pretty"] {
        tells_that_the_disk_is_full(&["progress", "show", "--output", format], folder.path());
    }
    let args = ["progress", "set", "--sink", "sqlite", "--to", "earliest"];
    tells_that_the_disk_is_full(&args, folder.path());
}

#[test]
fn a_full_disk_is_an_error_of_the_demo() {
    let folder = tempfile::tempdir().expect("a folder");
    tells_that_the_disk_is_full(&["demo"], folder.path());
}
