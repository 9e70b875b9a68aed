//! Each role with the rights on Kafka that docs/operate/kafka.md gives it and no others, on a broker that asks for them.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use harness::acls::Resource::{Group, Topic};
use harness::acls::Right::{Create, Describe, DescribeConfigs, Read, Write};
use harness::acls::allow;
use harness::program::{Role, run, stderr, stdout};
use harness::sender::Client;
use harness::{free_port, service, unique, until};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx";
/// Who has what rights a test gives.
const LIMITED: &str = "limited";
/// The same, and never the right to write: with that on any topic at all, a producer gets its id.
const READER: &str = "reader";
/// What librdkafka says where a producer gets no id.
const NO_ID: &str = "Fatal error";
const HIDDEN: &str = "does not show the settings";

/// One installation whose topics exist, and the folder of its files.
struct Installation {
    folder: tempfile::TempDir,
    events: String,
    dead_letters: String,
    operations: String,
    /// The groups of the sink `topic`.
    group: String,
    operations_group: String,
    /// The prefix of another installation, whose dead letters a rule names as its topic.
    other: String,
}

impl Installation {
    fn new() -> Self {
        Self::of(LIMITED)
    }

    /// The files: `all.yaml` of a user with all rights, `limited.yaml` of this one.
    fn of(user: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (prefix, other) = (unique("acls"), unique("other"));
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        let rest = format!(
            "  topic_prefix: {prefix}\n  partitions: 1\n  replication: 1\n\
             rules_file: rules.yaml\nsinks:\n  topic: {{}}\n  http: {{ allowed_networks: [127.0.0.0/8] }}\n\
             sources:\n  - {{ id: in, tenant: t, platform: standard, secrets: [\"{SECRET}\"] }}\n\
             endpoints:\n  - {{ id: out, tenant: t, url: \"http://127.0.0.1:9/\", secrets: [\"{OTHER_SECRET}\"] }}\n"
        );
        let all = format!(
            "event_log:\n  kafka: {{ brokers: \"{}\" }}\n",
            service("FOREBAY_TEST_KAFKA")
        );
        write("all.yaml", &format!("{all}{rest}"));
        let limited = format!(
            "event_log:\n  kafka:\n    brokers: \"{}\"\n    properties:\n      security.protocol: sasl_plaintext\n      \
             sasl.mechanism: PLAIN\n      sasl.username: {user}\n      sasl.password: {user}\n",
            service("FOREBAY_TEST_KAFKA_LIMITED"),
        );
        write("limited.yaml", &format!("{limited}{rest}"));
        write(
            "rules.yaml",
            &format!(
                "rules:\n  - {{ name: vip, when: \"true\", to: [\"topic:{other}.dead-letters\", \"http:out\"] }}\n"
            ),
        );
        Self {
            folder,
            events: format!("{prefix}.events"),
            dead_letters: format!("{prefix}.dead-letters"),
            operations: format!("{prefix}.operations"),
            group: format!("{prefix}.topic"),
            operations_group: format!("{prefix}.topic.operations"),
            other,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn limited(&self, args: &[&str]) -> Output {
        run(&[args, &["--config", "limited.yaml"]].concat(), self.path())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("read")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("written");
    }

    /// Makes the topics, with all rights; those of the other installation, too.
    fn make(&self) {
        let own = format!("topic_prefix: {}", self.events.trim_end_matches(".events"));
        let other = format!("topic_prefix: {}", self.other);
        self.write("other.yaml", &self.read("all.yaml").replace(&own, &other));
        for file in ["all.yaml", "other.yaml"] {
            good(&run(&["migrate", "--config", file], self.path()));
        }
    }

    /// Starts a role as the limited user.
    async fn start(&self, args: &[&str]) -> Role {
        let (port, admin) = (free_port(), free_port());
        let ports = format!("admin: {{ listen: \"127.0.0.1:{admin}\" }}\ningest: {{ listen: \"127.0.0.1:{port}\" }}\n");
        self.write("role.yaml", &format!("{}{ports}", self.read("limited.yaml")));
        let args = [args, &["--config", "role.yaml"]].concat();
        let mut role = Role::start(&args, self.path(), "role", admin);
        role.ready(&Client::default()).await;
        role
    }
}

#[track_caller]
fn good(output: &Output) -> (String, String) {
    let (out, err) = (stdout(output), stderr(output));
    assert!(output.status.success(), "{out}{err}");
    (out, err)
}

#[test]
fn who_may_not_write_makes_topics_and_sets_progress_without_a_word_of_failure() {
    let installation = Installation::of(READER);
    for topic in [
        &installation.events,
        &installation.dead_letters,
        &installation.operations,
    ] {
        allow(READER, Topic(topic), &[Create, Describe, DescribeConfigs]);
    }
    let (_, errors) = good(&installation.limited(&["migrate"]));
    assert!(!errors.contains(NO_ID) && !errors.contains(HIDDEN), "{errors}");

    allow(READER, Topic(&installation.events), &[Read]);
    allow(READER, Group(&installation.group), &[Read]);
    let set = ["progress", "set", "--sink", "topic", "--to", "latest", "--yes"];
    let (_, errors) = good(&installation.limited(&set));
    assert!(!errors.contains(NO_ID), "{errors}");
}

#[tokio::test]
async fn settings_that_may_not_be_seen_are_warned_of() {
    let installation = Installation::new();
    for topic in [
        &installation.events,
        &installation.dead_letters,
        &installation.operations,
    ] {
        allow(LIMITED, Topic(topic), &[Create, Describe]);
    }
    good(&installation.limited(&["migrate"]));
    let (_, errors) = good(&installation.limited(&["migrate"]));
    for topic in [&installation.events, &installation.dead_letters] {
        let of_it: Vec<_> = errors
            .lines()
            .filter(|line| line.contains(&format!("`{topic}`")))
            .collect();
        assert!(
            matches!(&of_it[..], [line] if line.contains(HIDDEN) && line.contains("DescribeConfigs")),
            "{errors}"
        );
    }
    // A role says so as well, and works.
    allow(LIMITED, Topic(&installation.events), &[Write]);
    let ingest = installation.start(&["ingest"]).await;
    let said = || ingest.logs().matches(HIDDEN).count() == 2;
    until("a warning of each topic", Duration::from_secs(20), said).await;
}

#[tokio::test]
async fn a_worker_of_topics_is_ready_without_a_right_to_write_events() {
    let installation = Installation::new();
    installation.make();
    let named = format!("{}.dead-letters", installation.other);
    allow(LIMITED, Topic(&installation.events), &[Read, DescribeConfigs]);
    allow(LIMITED, Topic(&installation.dead_letters), &[Write, DescribeConfigs]);
    allow(LIMITED, Group(&installation.group), &[Read]);
    allow(LIMITED, Topic(&installation.operations), &[Read, DescribeConfigs]);
    allow(LIMITED, Group(&installation.operations_group), &[Read]);

    // Its last right is missing, and named.
    let check = ["check", "--connect", "--sink", "topic"];
    let checked = installation.limited(&check);
    let message = stderr(&checked);
    assert_eq!(checked.status.code(), Some(1), "{message}");
    assert!(message.contains(&named) && message.contains("rule `vip`"), "{message}");
    assert!(!message.contains("problems"), "one alone: {message}");

    allow(LIMITED, Topic(&named), &[Write]);
    let (_, errors) = good(&installation.limited(&check));
    assert!(!errors.contains("warning"), "{errors}");

    installation.start(&["process", "--sink", "topic"]).await;

    // Of the whole configuration, what the other roles need is asked for as before.
    let whole = installation.limited(&["check", "--connect"]);
    let message = stderr(&whole);
    assert!(
        message.contains(&format!("topic {} takes no records", installation.events)),
        "{message}"
    );
}

#[test]
fn ingest_is_asked_for_its_own_rights_only() {
    let installation = Installation::new();
    installation.make();
    allow(LIMITED, Topic(&installation.dead_letters), &[Describe, DescribeConfigs]);
    allow(LIMITED, Topic(&installation.events), &[Describe, DescribeConfigs]);
    let check = ["check", "--connect", "--ingest"];
    let refused = installation.limited(&check);
    let message = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{message}");
    assert!(
        message.contains("need Write on it") && message.contains(&installation.events),
        "{message}"
    );

    allow(LIMITED, Topic(&installation.events), &[Write]);
    let (lines, errors) = good(&installation.limited(&check));
    assert!(
        lines.contains(&format!("topic {}: takes records", installation.events)),
        "{lines}"
    );
    assert!(!errors.contains("warning"), "{errors}");

    // Its own file names no sink, and says by that whose it is.
    let others = [
        "rules_file:",
        "sinks:",
        "  topic: ",
        "  http: ",
        "endpoints:",
        "  - { id: out",
    ];
    let whole = installation.read("limited.yaml");
    let own = whole
        .split_inclusive('\n')
        .filter(|line| !others.iter().any(|start| line.starts_with(start)));
    installation.write("limited.yaml", &own.collect::<String>());
    good(&installation.limited(&["check", "--connect"]));
}
