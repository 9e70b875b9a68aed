//! `forebay verify` and `forebay normalize` on what is wrong, and `--output json` of the commands that judge and list.

use std::path::Path;

use harness::program::{run, stderr};
use harness::repository;
use serde_json::Value;

const SECRET: &str = "forebay-dev-digisac-secret";

const CONFIG: &str = "sources:\n  - { id: line-1, platform: digisac, secrets: [forebay-dev-digisac-secret] }\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("forebay.yaml"), CONFIG).expect("written");
    folder
}

fn verify(folder: &Path, request: &str, more: &[&str]) -> (Option<i32>, String, String) {
    std::fs::write(folder.join("request.http"), request).expect("written");
    let args = [&["verify", "request.http"], more].concat();
    let output = run(&args, folder);
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    (output.status.code(), text, stderr(&output))
}

fn request(secret: &str) -> String {
    let body = r#"{"event":"ticket.created","data":{"id":7}}"#;
    let length = body.len();
    format!("POST /in/line-1/{secret} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn verify_tells_what_does_not_pass_from_what_cannot_be_judged() {
    let folder = folder();
    let config = ["--config", "forebay.yaml"];
    assert_eq!(verify(folder.path(), &request(SECRET), &config).0, Some(0));
    assert_eq!(verify(folder.path(), &request("wrong"), &config).0, Some(1));
    let (code, _, error) = verify(folder.path(), "hello", &config);
    assert_eq!(code, Some(2));
    assert!(error.contains("`request.http`: ends before"), "{error}");
    let missing = run(&["verify", "nothing.http", "--config", "forebay.yaml"], folder.path());
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("nothing.http"), "{}", stderr(&missing));

    let (code, _, error) = verify(
        folder.path(),
        &request(SECRET),
        &["--source", "nope", "--config", "forebay.yaml"],
    );
    assert_eq!(code, Some(2));
    assert!(
        error.contains("there is no source `nope` in forebay.yaml; there are: line-1"),
        "{error}"
    );
    std::fs::remove_file(folder.path().join("forebay.yaml")).expect("removed");
    let (code, _, error) = verify(folder.path(), &request(SECRET), &[]);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("`line-1`, which the path of the request names,"),
        "{error}"
    );
    assert!(
        error.contains("built-in sources of `forebay dev`") && !error.contains("dev.yaml"),
        "{error}"
    );
    assert!(error.contains("chatwoot, "), "{error}");
}

#[test]
fn verify_puts_chunks_together_and_answers_programs_too() {
    let folder = folder();
    let json = ["--config", "forebay.yaml", "--output", "json"];
    let chunked = format!(
        "POST /in/line-1/{SECRET} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
         8\r\n{{\"event\"\r\n1d\r\n:\"ticket.created\",\"data\":{{\"id\r\n5\r\n\":7}}}}\r\n0\r\n\r\n"
    );
    let (code, text, error) = verify(folder.path(), &chunked, &json);
    assert_eq!(code, Some(0), "{text}{error}");
    let said: Value = serde_json::from_str(&text).expect("one object");
    assert_eq!(
        (&said["passes"], &said["status"]),
        (&true.into(), &200.into()),
        "{said}"
    );
    assert_eq!(
        (&said["source"], &said["platform"]),
        (&"line-1".into(), &"digisac".into()),
        "{said}"
    );

    let (code, text, _) = verify(folder.path(), &request("wrong"), &json);
    assert_eq!(code, Some(1));
    let said: Value = serde_json::from_str(&text).expect("one object");
    assert_eq!(
        (&said["passes"], &said["status"]),
        (&false.into(), &404.into()),
        "{said}"
    );
    assert!(!said["reasons"].as_array().expect("a list").is_empty(), "{said}");
}

#[test]
fn normalize_says_whose_body_it_looks_like_and_prints_for_people() {
    let folder = folder();
    let sample = repository().join("schemas/samples/chatwoot/message_created.incoming.json");
    std::fs::copy(sample, folder.path().join("body.json")).expect("copied");
    let wrong = run(&["normalize", "digisac", "body.json"], folder.path());
    assert!(wrong.status.success(), "it is an event all the same");
    let said = stderr(&wrong);
    assert!(
        said.starts_with("body.json: unmapped (no `data`): is this a body of digisac?"),
        "{said}"
    );
    assert!(said.contains("looks like chatwoot"), "{said}");

    let right = run(&["normalize", "chatwoot", "body.json", "-o", "pretty"], folder.path());
    let text = String::from_utf8(right.stdout.clone()).expect("UTF-8");
    assert!(stderr(&right).is_empty(), "{}", stderr(&right));
    assert!(
        text.contains("message.created") && text.contains("    message.direction"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "no terminal, no colours: {text}");
}

#[test]
fn sources_are_listed_for_programs() {
    let folder = folder();
    let listed = run(&["sources", "list", "-o", "json"], folder.path());
    assert!(listed.status.success(), "{}", stderr(&listed));
    let source: Value = serde_json::from_slice(&listed.stdout).expect("one object");
    assert_eq!(
        (&source["id"], &source["platform"]),
        (&"line-1".into(), &"digisac".into())
    );
    assert!(
        source["path"].as_str().expect("a path").starts_with("/in/line-1"),
        "{source}"
    );
}

#[test]
fn what_an_import_lost_is_told_to_programs() {
    let folder = folder();
    let rules = r#"{"payload":[{"id":7,"account_id":3,"name":"a","event_name":"message_created","active":true,
"conditions":[{"attribute_key":"no_such","filter_operator":"contains","values":["x"],"query_operator":null}],
"actions":[{"action_name":"send_webhook_event","action_params":["https://crm.example.com/in"]}]}]}"#;
    std::fs::write(folder.path().join("rules.json"), rules).expect("written");
    let args = [
        "rules",
        "import",
        "--from",
        "chatwoot",
        "rules.json",
        "--report",
        "json",
    ];
    let output = run(&args, folder.path());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = stderr(&output);
    let report: Value = serde_json::from_str(said.lines().next().expect("a line")).expect("an object");
    assert_eq!(
        (&report["rules"], &report["lost"], &report["whole"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert!(!report["remarks"].as_array().expect("a list").is_empty(), "{report}");
}

#[test]
fn each_of_several_errors_begins_as_an_error() {
    let folder = folder();
    let two = "ingest: { listen: nowhere }\nadmin: { listen: nowhere }\n";
    std::fs::write(folder.path().join("forebay.yaml"), two).expect("written");
    let said = stderr(&run(&["check"], folder.path()));
    let errors = said.lines().filter(|line| line.starts_with("error: ")).count();
    let warnings = said.lines().filter(|line| line.contains("warning")).count();
    assert_eq!((errors, errors + warnings), (2, said.lines().count()), "{said}");
}
