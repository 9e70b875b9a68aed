//! Ingest and the workers of two sinks, each with only its own part of the configuration, and `forebay smoke-test` on them.

use std::path::Path;
use std::process::Output;

use harness::program::{Role, command, run, stderr, stdout};
use harness::sender::Client;
use harness::{Database, free_port, service, unique};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The ports of one installation.
struct Ports {
    ingest: u16,
    receiver: u16,
    admin: [u16; 3],
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("written");
}

/// A file for each role, none of which has what only the others need, and one with everything.
fn configure(folder: &Path, ports: &Ports) {
    let base = format!(
        "event_log:\n  kafka: {{ brokers: \"{}\" }}\n  topic_prefix: {}\n  partitions: 2\n  replication: 1\n",
        service("FOREBAY_TEST_KAFKA"),
        unique("split"),
    );
    let source = "sources:\n  - { id: helm-test, tenant: t, platform: standard, secrets: [\"${TEST_SECRET}\"] }\n";
    let ingest = format!("ingest: {{ listen: \"127.0.0.1:{}\" }}\n{source}", ports.ingest);
    let endpoint = format!(
        "endpoints:\n  - {{ id: helm-test, tenant: t, url: \"http://127.0.0.1:{}/\", secrets: [\"${{TEST_SECRET}}\"] }}\n",
        ports.receiver
    );
    let postgres = "  postgres: { url: \"${DATABASE_URL}\" }\n";
    let http = "  http: { allowed_networks: [127.0.0.0/8] }\n";
    let store = "store: { postgres: { url: \"${STORE_URL}\" } }\n";
    let admin = |number: usize| format!("admin: {{ listen: \"127.0.0.1:{}\" }}\n", ports.admin[number]);
    let rules = "rules_file: rules.yaml\n";
    write(folder, "ingest.yaml", &format!("{base}{}{ingest}", admin(0)));
    write(
        folder,
        "postgres.yaml",
        &format!("{base}{}{rules}sinks:\n{postgres}", admin(1)),
    );
    let worker = format!("{base}{}{rules}{endpoint}{store}sinks:\n{http}", admin(2));
    write(folder, "http.yaml", &worker);
    let whole = format!(
        "{base}{}{rules}{ingest}{endpoint}{store}sinks:\n{postgres}{http}",
        admin(0)
    );
    write(folder, "forebay.yaml", &whole);
    let test = format!("{source}{endpoint}sinks:\n{postgres}");
    write(folder, "test.yaml", &test);
    let all = "rules:\n  - { name: all, when: \"true\", to: [postgres, \"http:helm-test\"] }\n";
    write(folder, "rules.yaml", all);
}

/// Runs a command with these variables.
fn with(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    command(args, folder)
        .envs(variables.iter().copied())
        .output()
        .expect("starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_needs_its_own_part_only_and_the_smoke_test_sees_them_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, client) = (Database::create().await, Client::default());
    let ports = Ports {
        ingest: free_port(),
        receiver: free_port(),
        admin: [free_port(), free_port(), free_port()],
    };
    configure(folder.path(), &ports);
    let (secret, url) = (("TEST_SECRET", SECRET), ("DATABASE_URL", database.url.as_str()));
    let store = ("STORE_URL", database.url.as_str());

    // Only what is used has to be set.
    let migrated = with(folder.path(), &["migrate"], &[url, store]);
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    let refused = with(folder.path(), &["migrate"], &[secret]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains("`DATABASE_URL` is not set"),
        "{}",
        stderr(&refused)
    );
    for (args, given, missing) in [
        (&["ingest"][..], &[][..], "TEST_SECRET"),
        (&["migrate"], &[url], "STORE_URL"),
        (&["process", "--sink", "postgres"], &[], "DATABASE_URL"),
        (&["process", "--sink", "http"], &[store], "TEST_SECRET"),
        (&["process", "--sink", "http"], &[secret], "STORE_URL"),
    ] {
        let refused = with(folder.path(), args, given);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {}", stderr(&refused));
        let message = stderr(&refused);
        assert!(
            message.contains(&format!("`{missing}` is not set")),
            "{args:?}: {message}"
        );
        assert_eq!(message.matches("is not set").count(), 1, "{args:?}: {message}");
    }
    for (sink, variables) in [("postgres", &[url][..]), ("http", &[secret, store])] {
        for config in ["forebay.yaml".to_owned(), format!("{sink}.yaml")] {
            let args = ["check", "--deny-warnings", "--sink", sink, "--config", &config];
            let checked = with(folder.path(), &args, variables);
            assert!(checked.status.success(), "{config}: {}", stderr(&checked));
            assert!(
                stdout(&checked).contains(&format!("sinks: {sink}")),
                "{}",
                stdout(&checked)
            );
        }
    }
    // Without `--sink` the rules name a sink that the configuration lacks.
    let refused = with(folder.path(), &["process", "--config", "postgres.yaml"], &[url]);
    assert!(
        stderr(&refused).contains("there is no sink `http`"),
        "{}",
        stderr(&refused)
    );

    let start = |name: &'static str, args: &[&str], number: usize| {
        let mut all = args.to_vec();
        all.extend(["--config", name]);
        Role::start_with(&all, folder.path(), name, ports.admin[number], &[secret, url, store])
    };
    let mut roles = [
        start("ingest.yaml", &["ingest"], 0),
        start("postgres.yaml", &["process", "--sink", "postgres"], 1),
        start("http.yaml", &["process", "--sink", "http"], 2),
    ];
    for role in &mut roles {
        role.ready(&client).await;
        assert!(!role.logs().contains("warning: "), "{}", role.logs());
    }

    let base = format!("http://127.0.0.1:{}", ports.ingest);
    let receive = format!("127.0.0.1:{}", ports.receiver);
    let smoke = |config: &str, more: &[&str], secret: (&str, &str)| {
        let mut args = vec![
            "smoke-test",
            "--config",
            config,
            "--url",
            &base,
            "--source",
            "helm-test",
        ];
        args.extend(more);
        with(folder.path(), &args, &[secret, url])
    };
    let both = ["--receive", &receive, "--endpoint", "helm-test", "--wait", "30s"];
    // Each run is another event.
    for number in 1..=2 {
        let passed = smoke("test.yaml", &both, secret);
        assert!(passed.status.success(), "{}{}", stdout(&passed), stderr(&passed));
        let printed = stdout(&passed);
        for line in ["accepted: ", "stored: ", "delivered: "] {
            assert_eq!(printed.lines().filter(|l| l.starts_with(line)).count(), 1, "{printed}");
        }
        assert_eq!(database.count().await, number);
    }
    let forged = smoke(
        "test.yaml",
        &["--wait", "1s"],
        ("TEST_SECRET", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    );
    assert_eq!(forged.status.code(), Some(1));
    let message = stderr(&forged);
    assert!(
        message.contains("not accepted: ") && message.contains("answered 401"),
        "{message}"
    );

    // Without a worker it says what is missing.
    let [mut ingest, mut rows, mut http] = roles;
    assert_eq!(http.terminate().await, Some(0), "{}", http.logs());
    let failed = smoke(
        "test.yaml",
        &["--receive", &receive, "--endpoint", "helm-test", "--wait", "4s"],
        secret,
    );
    assert_eq!(failed.status.code(), Some(1));
    assert!(stdout(&failed).contains("stored: "), "{}", stdout(&failed));
    let message = stderr(&failed);
    assert!(message.contains("accepted, but not delivered to"), "{message}");
    assert!(!message.contains("no row"), "{message}");
    for role in [&mut ingest, &mut rows] {
        assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
    }
    let refused = smoke("test.yaml", &["--wait", "1s"], secret);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("not accepted within 1 s"),
        "{}",
        stderr(&refused)
    );
    database.drop().await;
}

#[test]
fn what_the_smoke_test_cannot_use_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "sources:\n  - {{ id: a, tenant: t, platform: standard, secrets: [{SECRET}] }}\n  - {{ id: b, platform: chatwoot, secrets: \
         [secret-of-b-1] }}\nendpoints:\n  - {{ id: e, tenant: other, url: \"https://e.example/\", secrets: [{SECRET}] }}\n"
    );
    write(folder.path(), "forebay.yaml", &text);
    let receive = ["--receive", "0", "--endpoint"];
    for (source, more, expected) in [
        ("c", &[][..], "has no source `c`; there is: `a`, `b`"),
        ("b", &[], "is of the platform chatwoot"),
        ("a", &[], "there is nowhere to look"),
        ("a", &[receive[0], receive[1], receive[2], "x"], "has no endpoint `x`"),
        (
            "a",
            &[receive[0], receive[1], receive[2], "e"],
            "it never gets this event",
        ),
    ] {
        let mut args = vec!["smoke-test", "--source", source];
        args.extend(more);
        let refused = run(&args, folder.path());
        let message = stderr(&refused);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {message}");
        assert!(message.contains(expected), "{args:?}: {message}");
    }
}
