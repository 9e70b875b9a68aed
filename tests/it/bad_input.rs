//! Bad input, as a user of the program meets it: one clear message that names the cause, the place and the remedy.

use std::path::Path;
use std::process::Output;

use harness::program::{run, stderr};
use harness::{service, unique};

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("written");
}

/// Runs `forebay` with a configuration and expects it to end with `code` and a message that contains all of `expected`.
pub(crate) fn refused(folder: &Path, args: &[&str], config: &str, code: i32, expected: &[&str]) -> Output {
    write(folder, "forebay.yaml", config);
    let output = run(args, folder);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{message}");
    for part in expected {
        assert!(message.contains(part), "lacks `{part}`:\n{message}");
    }
    assert!(!message.contains("panicked"), "{message}");
    output
}

#[test]
fn a_misspelt_key_is_named_with_its_place_and_what_it_could_have_been() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "ingest:\n  listen: 127.0.0.1:0\n  ack_budget: 5\n";
    refused(
        folder.path(),
        &["check"],
        config,
        2,
        &["forebay.yaml:3:3", "ack_budget", "ack_budget_ms"],
    );
}

#[test]
fn a_missing_file_and_a_missing_variable_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(&["check", "--config", "nowhere.yaml"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("nowhere.yaml"), "{}", stderr(&output));
    let config = "sources:\n  - id: a\n    platform: digisac\n    secrets:\n      - ${NO_SUCH_SECRET}\n";
    refused(
        folder.path(),
        &["check"],
        config,
        2,
        &["forebay.yaml:5:9", "NO_SUCH_SECRET"],
    );
}

#[test]
fn all_mistakes_of_form_are_named_in_one_run_in_the_users_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "ingest:\n  max_body_bytes: lots\n  ack_budget: 5\nsources:\n  - id: a\n    platform: digisac\n    auth: none\n    \
                  secrets: [${NO_SUCH_SECRET}, \"${NO_OTHER_SECRET}\"]\nsinks:\n  http:\nadmin: { listen: 24001 }\n";
    let output = refused(
        folder.path(),
        &["check"],
        config,
        2,
        &[
            "forebay.yaml:2:19: `ingest.max_body_bytes` is `lots`: give a whole number of bytes, as in 1048576 or 1MiB",
            "forebay.yaml:3:3: `ingest.ack_budget` is not a setting: did you mean `ack_budget_ms`?",
            "forebay.yaml:7:11: source `a`: `auth` is `none`: write `auth: { scheme: none }`",
            "forebay.yaml:8:15: the environment variable `NO_SUCH_SECRET` is not set",
            "forebay.yaml:8:35: the environment variable `NO_OTHER_SECRET` is not set",
            "forebay.yaml:10:3: `sinks.http` is empty: write `http: {}`",
            "forebay.yaml:11:18: `admin.listen` is `24001`: write address and port",
        ],
    );
    let message = stderr(&output);
    for word in ["u64", "enum", "expected", "sequence", "struct", "scalar"] {
        assert!(!message.contains(word), "`{word}` is no word of the user: {message}");
    }
}

#[test]
fn a_file_in_another_encoding_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("forebay.yaml"), b"admin: {}\n# caf\xe9\n").expect("written");
    let output = run(&["check"], folder.path());
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.contains("forebay.yaml:2:6: the file is not UTF-8 from here on: save it as UTF-8"),
        "{message}"
    );
}

#[test]
fn invalid_rules_are_named_with_their_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "rules_file: rules.yaml\nsinks:\n  sqlite: {}\nevent_log:\n  journal: {}\n";
    let rule = |when: &str, to: &str| format!("rules:\n  - name: vip\n    when: {when}\n    to: [{to}]\n");
    write(folder.path(), "rules.yaml", &rule("event.type ==", "sqlite"));
    refused(folder.path(), &["check"], config, 2, &["rules.yaml:3:", "vip"]);
    write(folder.path(), "rules.yaml", &rule("\"true\"", "postgress"));
    refused(
        folder.path(),
        &["check"],
        config,
        2,
        &["rules.yaml:4:", "vip", "postgress", "sqlite"],
    );
    write(folder.path(), "rules.yaml", &rule("evnt.type == \"x\"", "sqlite"));
    refused(folder.path(), &["check"], config, 2, &["rules.yaml:3:", "evnt"]);
    write(folder.path(), "rules.yaml", &rule("\"true\"", "sqlite"));
    write(folder.path(), "forebay.yaml", config);
    let output = run(&["check"], folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn the_configuration_and_the_rules_are_refused_in_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "rules:\n  - name: vip\n    when: event.type ==\n    to: [sqlite]\n  - name: all\n    whn: \"true\"\n    to: [postgress, \"http:nobody\"]\n";
    write(folder.path(), "rules.yaml", rules);
    let config = |sources: &str| {
        format!(
            "rules_file: rules.yaml\nsources:\n{sources}sinks: {{ sqlite: {{}}, http: {{}} }}\nevent_log: {{ journal: {{}} }}\n"
        )
    };
    let expected = |first: &'static str| {
        [
            first,
            "rules.yaml:3:",
            "rules.yaml:6:5: `rules[1].whn` is not a setting: did you mean `when`?",
        ]
    };
    // Of form, and of value.
    let form = config("  - { id: a, platform: chatwo, secrets: [a-long-enough-secret] }\n");
    let said = expected("forebay.yaml:3:24: source `a`: `platform` is `chatwo`: did you mean `chatwoot`?");
    refused(folder.path(), &["check"], &form, 2, &said);
    let value = config("  - { id: a, platform: chatwoot, secrets: [sh0rt] }\n");
    let said = expected("forebay.yaml:3:44: source `a`: `secrets[0]` is too short");
    let output = refused(folder.path(), &["check", "--output", "json"], &value, 2, &said);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let errors = report["errors"].as_array().expect("a list");
    let files: Vec<&str> = errors.iter().filter_map(|error| error["file"].as_str()).collect();
    // Both sinks of the second rule are unknown, too.
    let of_rules = ["rules.yaml"; 4];
    assert_eq!(files, [&["forebay.yaml"][..], &of_rules].concat(), "{errors:?}");
    // Where a file of rules is not there, that is all that is said of it.
    let nowhere = value.replace("rules.yaml", "nowhere.yaml");
    let said = [
        "`secrets[0]` is too short",
        "forebay.yaml:1:13: `rules_file` names `nowhere.yaml`, which cannot be read",
    ];
    refused(folder.path(), &["check"], &nowhere, 2, &said);
    let itself = value.replace("rules.yaml", "forebay.yaml");
    let said = [
        "`secrets[0]` is too short",
        "forebay.yaml:1:13: `rules_file` names `forebay.yaml`, which is the configuration",
    ];
    refused(folder.path(), &["check"], &itself, 2, &said);
}

#[test]
fn what_is_doubtful_in_the_rules_is_a_warning_of_the_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules =
        "rules:\n  - { name: one, when: \"true\", to: [sqlite] }\n  - { name: two, when: \"true\", to: [sqlite] }\n";
    write(folder.path(), "rules.yaml", rules);
    write(
        folder.path(),
        "forebay.yaml",
        "rules_file: rules.yaml\nsinks: { sqlite: {} }\nevent_log: { journal: {} }\n",
    );
    let output = run(&["check"], folder.path());
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    let expected = "rules.yaml:3:13: warning: rule `two`: it has the `when` and the `to` of rule `one`: remove one";
    assert!(message.contains(expected), "{message}");
    let denied = run(&["check", "--deny-warnings"], folder.path());
    assert_eq!(denied.status.code(), Some(2), "{}", stderr(&denied));
}

#[test]
fn a_weak_or_broken_secret_is_refused_without_being_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "sources:\n  - id: billing\n    platform: standard\n    secrets: [whsec_notBase64!]\n";
    let output = refused(
        folder.path(),
        &["check"],
        config,
        2,
        &["forebay.yaml:4:15", "billing", "base64"],
    );
    assert!(!stderr(&output).contains("notBase64"), "{}", stderr(&output));
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let config = format!("admin:\n  listen: 127.0.0.1:0\ningest:\n  listen: {address}\n");
    refused(
        folder.path(),
        &["dev", "--config", "forebay.yaml"],
        &config,
        1,
        &[&address, "in use", "ingest.listen"],
    );
}

#[tokio::test]
async fn a_wrong_database_password_names_user_host_and_database_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = service("FOREBAY_TEST_POSTGRES");
    let host = server
        .rsplit_once('@')
        .expect("a user")
        .1
        .split('/')
        .next()
        .expect("a host")
        .to_owned();
    let config = format!(
        "event_log:\n  kafka:\n    brokers: {}\n  topic_prefix: {}\n  partitions: 1\n  replication: 1\n\
         sinks:\n  postgres:\n    url: postgres://with_password:wrong-password@{host}/postgres\n",
        service("FOREBAY_TEST_KAFKA"),
        unique("bad"),
    );
    let output = refused(folder.path(), &["migrate"], &config, 1, &["with_password", "password"]);
    assert!(!stderr(&output).contains("wrong-password"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_topic_with_another_partition_count_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let prefix = unique("bad");
    let config = |partitions: u32| {
        format!(
            "event_log:\n  kafka:\n    brokers: {}\n  topic_prefix: {prefix}\n  partitions: {partitions}\n  replication: 1\n",
            service("FOREBAY_TEST_KAFKA")
        )
    };
    write(folder.path(), "forebay.yaml", &config(3));
    let output = run(&["migrate"], folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
    for command in ["migrate", "ingest", "process"] {
        let text = format!(
            "{}admin: {{ listen: \"127.0.0.1:0\" }}\ningest: {{ listen: \"127.0.0.1:0\" }}\nsinks: {{ topic: {{}} }}\n",
            config(4)
        );
        refused(
            folder.path(),
            &[command],
            &text,
            1,
            &[&format!("{prefix}.events"), "3", "4"],
        );
    }
}

#[test]
fn a_missing_topic_that_a_rule_names_is_found_by_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let prefix = unique("named");
    let config = format!(
        "event_log:\n  kafka:\n    brokers: {}\n  topic_prefix: {prefix}\n  partitions: 1\n  replication: 1\n\
         rules_file: rules.yaml\nsinks: {{ topic: {{}} }}\n",
        service("FOREBAY_TEST_KAFKA")
    );
    let rules = |topic: &str| format!("rules:\n  - name: vip\n    when: \"true\"\n    to: [\"topic:{topic}\"]\n");
    write(folder.path(), "rules.yaml", &rules(&format!("{prefix}.missing")));
    write(folder.path(), "forebay.yaml", &config);
    let output = run(&["migrate"], folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let output = run(&["check"], folder.path());
    assert!(
        output.status.success(),
        "it does not connect, so it does not find it: {}",
        stderr(&output)
    );
    let missing = format!("`{prefix}.missing`");
    refused(
        folder.path(),
        &["check", "--connect"],
        &config,
        1,
        &[
            "rule `vip`",
            &missing,
            "yours to make",
            "kafka-topics.sh --bootstrap-server",
            "--create --topic",
        ],
    );
    // Any existing topic is accepted, for example one of another prefix.
    let other = config.replace(&prefix, &format!("{prefix}.other"));
    write(folder.path(), "forebay.yaml", &other);
    let output = run(&["migrate"], folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
    write(folder.path(), "rules.yaml", &rules(&format!("{prefix}.events")));
    let output = run(&["check", "--connect"], folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
}
