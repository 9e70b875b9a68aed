//! Configurations that used to pass `forebay check` in silence: each has its line now, and what is right has none.

use std::path::Path;

use harness::program::{run, stderr};
use harness::{service, unique};

use crate::bad_input::{refused, write};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A configuration in which nothing is wrong: lines of an own in the source, the endpoint and the HTTP sink, and after it all.
fn config(source: &str, endpoint: &str, http: &str, rest: &str) -> String {
    format!(
        "sources:\n  - id: support\n    platform: chatwoot\n    secrets: [chatwoot-secret-1]\n{source}endpoints:\n  - id: crm\n    \
         secrets: [{KEY}]\n{endpoint}sinks:\n  http: {{ {http} }}\n{rest}"
    )
}

const URL: &str = "    url: https://example.com/hook\n";

fn stdout(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = run(args, folder);
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn what_contradicts_itself_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = |url: &str| config("", &format!("    url: {url}\n"), "", "");
    let rest = |rest: &str| config("", URL, "", rest);
    for (config, expected) in [
        (
            rest("logging: { filter: inof }\n"),
            "`logging.filter` holds `inof`, which is no level",
        ),
        (
            config("", URL, "", "").replace("[chatwoot-secret-1]", "\n      - $CHATWOOT_SECRET"),
            "forebay.yaml:5:9: source `support`: `secrets[0]` begins with `$`, which is not replaced: write ${CHATWOOT_SECRET}",
        ),
        (
            config("    verify_token: \"{{ token }}\"\n", URL, "", ""),
            "`verify_token` begins with `{{`, which is not replaced: write ${token}",
        ),
        (
            rest("admin: { listen: \"0.0.0.0:24001\" }\ningest: { listen: \"127.0.0.1:24001\" }\n"),
            "forebay.yaml:11:18: `admin.listen` is `0.0.0.0:24001` and `ingest.listen` is `127.0.0.1:24001`",
        ),
        (
            rest("event_log: { kafka: { brokers: \"a:9092\", properties: { acks: \"1\" } } }\n"),
            "`event_log.kafka.properties.acks` cannot be changed: what is answered with 200 must be in all replicas",
        ),
        (
            rest("event_log: { kafka: { brokers: \"http://a:9092\" } }\n"),
            "`event_log.kafka.brokers` holds `http://a:9092`: Kafka does not speak HTTP",
        ),
        (
            rest("ingest: { ack_budget_ms: 1000 }\nevent_log: { kafka: { brokers: \"a:9092\" } }\n"),
            "forebay.yaml:11:26: `ingest.ack_budget_ms` is 1000, and `event_log.kafka.publish_timeout_ms` is 1800",
        ),
        (
            config("    max_body_bytes: 100000000\n", URL, "", ""),
            "`max_body_bytes` is 100000000, for which `ingest.max_buffered_bytes` (268435456) has no room",
        ),
        (
            url("http://localhost:3000"),
            "`localhost` is blocked: it is loopback; if a receiver is meant to stand there, write `allowed_networks: \
             [\"127.0.0.0/8\", \"::1/128\"]` under `sinks.http`",
        ),
        (
            url("http://127.0.0.1:3000"),
            "write `allowed_networks: [127.0.0.0/8]` under `sinks.http`",
        ),
        (
            rest("  postgres: { url: \"postgres://u:hun/ter2@db/x\" }\n"),
            "forebay.yaml:11:20: `sinks.postgres.url` leads somewhere else than it seems",
        ),
        (
            rest("  postgres: { url: \"postgres://u@db/x?sslpassword=hunter2\" }\n"),
            "`sinks.postgres.url` has the parameter `sslpassword`, which is not known",
        ),
        (
            rest("  postgres: { url: \"postgres://u@db/x\", lock_timeout_ms: 20000 }\n"),
            "`sinks.postgres.lock_timeout_ms` is 20000, but `statement_timeout_ms` is 15000",
        ),
    ] {
        let output = refused(folder.path(), &["check"], &config, 2, &[expected]);
        let message = stderr(&output);
        assert!(!message.contains("hunter2") && !message.contains("ter2"), "{message}");
    }
    // The advice is right.
    let networks = "allowed_networks: [\"127.0.0.0/8\", \"::1/128\"]";
    let allowed = config("", "    url: http://localhost:3000\n", networks, "");
    write(folder.path(), "forebay.yaml", &allowed);
    let output = run(&["check", "--deny-warnings"], folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn what_may_be_meant_is_warned_of_and_refused_only_where_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let odd = config(
        "",
        &format!("{URL}    events: [message.craeted]\n    tenant: default\n"),
        "",
        "logging: { filter: \"info,nginx=warn\" }\n",
    );
    write(folder.path(), "forebay.yaml", &odd);
    let output = run(&["check"], folder.path());
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "forebay.yaml:9:14: warning: endpoint `crm`: `events[0]` is `message.craeted`: nothing that these sources send matches it; \
             did you mean `message.created`?",
            "forebay.yaml:13:20: warning: `logging.filter` names the module `nginx`, from which nothing here logs",
            "2 warnings",
        ]
    );
    refused(
        folder.path(),
        &["check", "--deny-warnings"],
        &odd,
        2,
        &["2 warnings", "--deny-warnings"],
    );
    // Hidden, for who comes from other programs.
    let output = run(&["validate"], folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn the_result_is_one_json_object_if_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = |config: &str, args: &[&str]| {
        write(folder.path(), "forebay.yaml", config);
        let (code, text) = stdout(folder.path(), &[&["check", "--output", "json"], args].concat());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        (code, value)
    };
    let (code, good) = json(&config("", URL, "", ""), &[]);
    let expected = serde_json::json!({
        "file": "forebay.yaml", "ok": true, "sources": 1, "endpoints": 1, "rules": null, "sinks": ["http"],
        "errors": [], "warnings": [],
    });
    assert_eq!((code, good), (Some(0), expected));

    let paused = config("", &format!("{URL}    enabled: false\n"), "", "");
    let (code, warned) = json(&paused, &["--deny-warnings"]);
    assert_eq!((code, &warned["ok"]), (Some(2), &serde_json::json!(false)));
    assert_eq!(warned["warnings"][0]["key"], "sinks.http", "{warned}");
    assert_eq!(warned["warnings"][0]["line"], 11, "{warned}");

    let (code, wrong) = json(&config("", URL, "", "logging: { filter: inof }\n"), &[]);
    assert_eq!((code, &wrong["ok"]), (Some(2), &serde_json::json!(false)));
    let error = &wrong["errors"][0];
    assert_eq!(
        (&error["file"], &error["line"], &error["key"]),
        (&"forebay.yaml".into(), &11.into(), &"logging.filter".into()),
        "{wrong}"
    );
}

#[test]
fn without_rules_the_summary_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "forebay.yaml", &config("", URL, "", ""));
    let (_, said) = stdout(folder.path(), &["check"]);
    assert!(said.contains("rules: everything to every sink"), "{said}");
}

/// One service that is away does not keep the others from being asked.
#[test]
fn every_service_is_asked_whatever_the_others_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let away = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("its address").to_string()
    };
    let (kafka, postgres) = (away(), away());
    let rest = format!(
        "  postgres: {{ url: \"postgres://u@{postgres}/x\", connect_timeout_ms: 1000 }}\n\
         event_log: {{ kafka: {{ brokers: \"{kafka}\", request_timeout_ms: 1000 }} }}\n"
    );
    refused(
        folder.path(),
        &["check", "--connect"],
        &config("", URL, "", &rest),
        1,
        &["2 problems", &kafka, &postgres],
    );
}

#[test]
fn a_topic_that_keeps_longer_is_told_and_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let prefix = unique("kept");
    let text = |hours: u32| {
        let log = format!(
            "event_log:\n  kafka:\n    brokers: {}\n  topic_prefix: {prefix}\n  partitions: 1\n  replication: 1\n  retention_hours: {hours}\n",
            service("FOREBAY_TEST_KAFKA")
        );
        config("", URL, "", &log)
    };
    write(folder.path(), "forebay.yaml", &text(168));
    let (code, said) = stdout(folder.path(), &["migrate", "--dry-run"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("topic {prefix}.events: would be made, 1 partition\n")),
        "{said}"
    );
    let (_, said) = stdout(folder.path(), &["migrate"]);
    assert!(
        said.contains(&format!("topic {prefix}.events: made, 1 partition\n")),
        "the dry run made nothing: {said}"
    );
    let (_, said) = stdout(folder.path(), &["migrate"]);
    assert!(
        said.contains(&format!("topic {prefix}.events: is there already")),
        "{said}"
    );

    write(folder.path(), "forebay.yaml", &text(24));
    for args in [&["migrate"][..], &["check", "--connect"]] {
        let output = run(args, folder.path());
        let said = stderr(&output);
        assert!(output.status.success(), "{said}");
        assert!(
            said.contains("keeps records for 168 hours") && said.contains("is kept"),
            "{said}"
        );
    }
    refused(
        folder.path(),
        &["check", "--connect"],
        &text(240),
        1,
        &[
            &format!("topic `{prefix}.events` has `retention.ms` 604800000"),
            "240 hours",
        ],
    );
}

#[test]
fn more_replicas_than_brokers_name_the_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = format!(
        "event_log:\n  kafka:\n    brokers: {}\n  topic_prefix: {}\n  partitions: 1\n  replication: 99\n",
        service("FOREBAY_TEST_KAFKA"),
        unique("replicas")
    );
    refused(
        folder.path(),
        &["migrate"],
        &config("", URL, "", &log),
        1,
        &["`event_log.replication` is 99 and the cluster has", "set it to"],
    );
}

#[test]
fn flags_that_cannot_be_meant_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, expected) in [
        (
            ["--listen", "127.0.0.1:24001", "--admin", "127.0.0.1:24001"],
            "one process cannot listen twice on one port",
        ),
        (
            ["--forward-to", "http://127.0.0.1:9", "--events", "mesage.*"],
            "--events mesage.*: no event has this type; did you mean `message.*`?",
        ),
    ] {
        let ended = run(&[&["dev"][..], &arguments].concat(), folder.path());
        let said = stderr(&ended);
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
