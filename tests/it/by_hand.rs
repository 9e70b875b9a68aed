//! `forebay migrate --print` and `--grants`: an owner of tables runs what they print, and the program makes nothing.

use std::path::Path;
use std::process::{Command, Output};

use harness::program::{run, stderr, stdout};
use harness::{Database, service, unique};

/// The sink and the store in one database.
fn configure(folder: &Path, url: &str, user: &str) {
    let text = format!(
        "event_log: {{ journal: {{ path: journal }} }}\nsinks:\n  postgres: {{ url: \"{url}\", user: {user}, schema: Hooks }}\n\
         store:\n  postgres: {{ url: \"{url}\", user: {user}, schema: Hooks }}\n"
    );
    std::fs::write(folder.join("forebay.yaml"), text).expect("written");
}

fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", stdout(output), stderr(output));
    stdout(output)
}

fn psql(url: &str, folder: &Path, script: &str) {
    std::fs::write(folder.join("script.sql"), script).expect("written");
    let output = Command::new(Path::new(&service("FOREBAY_TEST_POSTGRES_BIN")).join("psql"))
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "script.sql"])
        .current_dir(folder)
        .output()
        .expect("psql runs");
    assert!(output.status.success(), "{}\n{script}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn printed_sql_and_grants_are_all_that_a_role_needs_that_may_make_nothing() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), Database::create().await);
    let (folder, url) = (folder.path(), database.url.as_str());
    let user = unique("few").replace('-', "_");
    configure(folder, url, "postgres");
    let missing = run(&["migrate", "--print"], folder);
    assert!(
        stderr(&missing).contains("has no schema `Hooks`"),
        "{}",
        stderr(&missing)
    );
    psql(
        url,
        folder,
        &format!("CREATE SCHEMA \"Hooks\"; CREATE ROLE {user} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC;"),
    );
    let script = good(&run(&["migrate", "--print"], folder));
    for part in [
        "-- Migration 1: event",
        "-- Migration 1 (store): backlog",
        "SET LOCAL search_path = \"Hooks\";",
    ] {
        assert!(script.contains(part), "lacks `{part}`: {script}");
    }
    assert_eq!(good(&run(&["migrate", "--print", "--all"], folder)), script);
    psql(url, folder, &script);
    assert!(good(&run(&["migrate", "--print"], folder)).starts_with("-- Nothing is to be done"));
    assert!(!folder.join("journal").exists(), "no topic was made");
    good(&run(&["migrate"], folder));

    configure(folder, url, &user);
    assert_eq!(run(&["check", "--connect"], folder).status.code(), Some(1));
    let grants = good(&run(&["migrate", "--grants", &user], folder));
    psql(url, folder, &grants);
    good(&run(&["check", "--connect"], folder));
    let again = good(&run(&["migrate"], folder));
    assert!(
        again.contains("postgres: up to date") && again.contains("store: up to date"),
        "{again}"
    );

    // Each is needed, and the check says which is missing.
    for grant in grants.lines() {
        let taken = grant.replacen("GRANT", "REVOKE", 1).replace(" TO ", " FROM ");
        psql(url, folder, &taken);
        let checked = run(&["check", "--connect"], folder);
        let (_, what) = grant.split_once(" ON ").expect("a grant");
        let (what, _) = what.split_once(" TO ").expect("a grant");
        assert_eq!(checked.status.code(), Some(1), "{grant}");
        assert!(stderr(&checked).contains(what), "{what}: {}", stderr(&checked));
        psql(url, folder, grant);
    }

    let only = good(&run(
        &["migrate", "--grants", "analyst", "--for", "reader", "--only", "store"],
        folder,
    ));
    assert!(
        only.contains("GRANT SELECT ON \"Hooks\".delivery_state TO \"analyst\";"),
        "{only}"
    );
    assert!(!only.contains("INSERT") && !only.contains(".event "), "{only}");
    psql(url, folder, &format!("DROP OWNED BY {user}; DROP ROLE {user}"));
    database.drop().await;
}

#[test]
fn without_a_server_all_of_it_is_printed_only_if_that_was_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = |more: &str| {
        let text = format!(
            "event_log: {{ journal: {{ path: journal }} }}\nsinks: {{ postgres: {{ url: \"postgres://u@127.0.0.1:1/d\", connect_timeout_ms: 200 }} }}\n{more}"
        );
        std::fs::write(folder.path().join("forebay.yaml"), text).expect("written");
    };
    config("");
    let away = run(&["migrate", "--print"], folder.path());
    assert_eq!(away.status.code(), Some(1));
    assert!(
        stderr(&away).contains("with --all no server is asked"),
        "{}",
        stderr(&away)
    );
    let all = good(&run(&["migrate", "--print", "--all"], folder.path()));
    assert!(all.contains("\\set ON_ERROR_STOP on\nBEGIN;\n"), "{all}");
    assert!(good(&run(&["migrate", "--grants", "Some One"], folder.path())).contains("TO \"Some One\";"));

    config("store: { postgres: { url: \"postgres://u@127.0.0.1:2/d\" } }\n");
    let two = run(&["migrate", "--print", "--all"], folder.path());
    assert_eq!(two.status.code(), Some(2));
    assert!(stderr(&two).contains("`--only postgres`"), "{}", stderr(&two));
    let store = good(&run(&["migrate", "--print", "--all", "--only", "store"], folder.path()));
    assert!(
        store.contains("(store)") && !store.contains("Migration 1: event"),
        "{store}"
    );
}
