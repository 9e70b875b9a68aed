//! The store in the program: its tables beside those of a sink, made by `migrate` or by `dev`, missed by `check` and by `process`.

use std::path::Path;
use std::time::Duration;

use harness::program::{Role, dev, run, stderr, stdout};
use harness::sender::Client;
use harness::{Database, eventually, free_port, service, unique};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PATIENCE: Duration = Duration::from_secs(30);

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("written");
}

/// A configuration that posts to an endpoint, and ends with `rest`.
fn posting(prefix: &str, admin: u16, rest: &str) -> String {
    format!(
        "event_log:\n  kafka: {{ brokers: \"{}\" }}\n  topic_prefix: {prefix}\n  partitions: 1\n  replication: 1\n  \
         canary_seconds: 0\nadmin: {{ listen: \"127.0.0.1:{admin}\" }}\nendpoints:\n  - {{ id: e, url: \"http://127.0.0.1:9/\", \
         secrets: [{SECRET}] }}\nsinks:\n  http: {{ allowed_networks: [127.0.0.0/8], allowed_ports: [9] }}\n{rest}",
        service("FOREBAY_TEST_KAFKA"),
    )
}

#[tokio::test]
async fn one_database_holds_the_tables_of_the_sink_and_of_the_store() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), Database::create().await);
    let url = &database.url;
    let rest = format!("  postgres: {{ url: \"{url}\" }}\nstore: {{ postgres: {{ url: \"{url}\" }} }}\n");
    write(
        folder.path(),
        "forebay.yaml",
        &posting(&unique("store"), free_port(), &rest),
    );
    let migrate = |args: &[&str]| {
        let migrated = run(args, folder.path());
        assert!(migrated.status.success(), "{}", stderr(&migrated));
        let printed = stdout(&migrated);
        let tables = printed.lines().filter(|line| !line.starts_with("topic "));
        tables.map(str::to_owned).collect::<Vec<_>>()
    };
    let would = migrate(&["migrate", "--dry-run"]);
    let ends = |lines: &[String], end: &str| {
        assert!(
            matches!(lines, [sink, store] if sink.starts_with("postgres: ") && store.starts_with("store: ")),
            "{lines:?}"
        );
        assert!(lines.iter().all(|line| line.ends_with(end)), "{lines:?}");
    };
    ends(&would, " migrations would be applied");
    let checked = run(&["check", "--connect"], folder.path());
    let message = stderr(&checked);
    assert_eq!(checked.status.code(), Some(1), "{message}");
    let line = message.lines().find(|line| line.contains("store: "));
    assert!(
        line.is_some_and(|line| line.contains("run `forebay migrate`")),
        "{message}"
    );
    ends(&migrate(&["migrate"]), " migrations applied");
    ends(&migrate(&["migrate"]), ": up to date");
    let checked = run(&["check", "--connect"], folder.path());
    let printed = stdout(&checked);
    assert!(checked.status.success(), "{}", stderr(&checked));
    assert!(printed.contains("\nstore: ready\n"), "{printed}");

    // A newer program has been there.
    sqlx::query(
        "INSERT INTO _store_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'later (breaking)', true, '\\x00', 0)",
    )
    .execute(&database.pool)
    .await
    .expect("noted");
    for args in [&["migrate"][..], &["check", "--connect"]] {
        let refused = run(args, folder.path());
        let message = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{args:?}: {message}");
        assert!(
            message.contains("has migration 99 (store), which this version does not know"),
            "{args:?}: {message}"
        );
    }
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_posted_until_the_tables_of_the_store_are_there() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), Database::create().await);
    let (client, prefix, admin) = (Client::default(), unique("store"), free_port());
    write(folder.path(), "without.yaml", &posting(&prefix, admin, ""));
    let store = format!("store: {{ postgres: {{ url: \"{}\" }} }}\n", database.url);
    write(folder.path(), "with.yaml", &posting(&prefix, admin, &store));
    let migrated = run(&["migrate", "--config", "without.yaml"], folder.path());
    assert!(migrated.status.success(), "{}", stderr(&migrated));

    let mut role = Role::start(&["process", "--config", "with.yaml"], folder.path(), "with.yaml", admin);
    let readyz = format!("http://127.0.0.1:{admin}/readyz");
    let (status, text) = eventually("the port answers", PATIENCE, async || client.get(&readyz).await).await;
    assert_eq!(status, 503, "{text}");
    let line = text.lines().find(|line| line.starts_with("store: "));
    assert!(
        line.is_some_and(|line| line.ends_with("run `forebay migrate`")),
        "{text}"
    );
    let waits = "nothing is delivered to endpoints until the store is set up";
    eventually("it says why it waits", PATIENCE, async || {
        role.logs().contains(waits).then_some(())
    })
    .await;
    let migrated = run(&["migrate", "--config", "with.yaml"], folder.path());
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    role.ready(&client).await;
    let (_, text) = client.get(&readyz).await.expect("an answer");
    assert!(
        text.contains("store: ok\n") && text.contains("worker http: ok"),
        "{text}"
    );
    assert!(role.logs().contains("the store is set up"), "{}", role.logs());
    assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dev_makes_a_file_of_its_own_and_can_use_it_again() {
    let (folder, client) = (tempfile::tempdir().expect("a folder"), Client::default());
    for _ in 0..2 {
        let (mut role, _) = dev(folder.path(), &client, "").await;
        assert_eq!(role.terminate().await, Some(0), "{}", role.logs());
        let files = walk(folder.path());
        assert!(files.iter().any(|file| file.ends_with("/store.sqlite")), "{files:?}");
    }
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}
