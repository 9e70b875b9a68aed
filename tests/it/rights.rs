//! `forebay check --connect`: all missing rights are reported at once, each with the statement that grants it.

use harness::program::{run, stderr, stdout};
use harness::{Database, service, unique};

#[tokio::test]
async fn all_missing_rights_are_reported_at_once_with_their_remedy() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), Database::create().await);
    let user = unique("few").replace('-', "_");
    let config = |url: &str, prefix: &str| {
        let text = format!(
            "event_log:\n  kafka: {{ brokers: \"{}\" }}\n  topic_prefix: {prefix}\n  partitions: 1\n  replication: 1\n\
             sinks:\n  postgres: {{ url: \"{url}\" }}\n  topic: {{}}\nrules_file: rules.yaml\n",
            service("FOREBAY_TEST_KAFKA"),
        );
        std::fs::write(folder.path().join("forebay.yaml"), text).expect("written");
    };
    let rules = format!(
        "rules:\n  - {{ name: vip, when: \"true\", to: [\"topic:{}\", postgres] }}\n",
        unique("nowhere")
    );
    std::fs::write(folder.path().join("rules.yaml"), rules).expect("written");
    let prefix = unique("rights");
    config(&database.url, &prefix);
    let migrated = run(&["migrate"], folder.path());
    assert!(migrated.status.success(), "{}", stderr(&migrated));

    let sql = format!("CREATE ROLE {user} LOGIN; GRANT SELECT ON _sqlx_migrations TO {user}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&database.pool)
        .await
        .expect("a role with few rights");
    let (scheme, rest) = database.url.split_once("://").expect("a URL");
    let place = rest.rsplit('@').next().expect("a place");
    config(&format!("{scheme}://{user}@{place}"), &prefix);
    let checked = run(&["check", "--connect"], folder.path());
    let message = stderr(&checked);
    assert_eq!(checked.status.code(), Some(1), "{message}");
    for part in [
        "2 problems",
        "rule `vip` sends to the topic",
        &format!("GRANT SELECT, INSERT ON event TO {user};"),
        &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON event_receipt TO {user};"),
        &format!("GRANT SELECT, INSERT, UPDATE ON sink_position TO {user};"),
        &format!("GRANT SELECT, INSERT, UPDATE ON event_hour TO {user};"),
        &format!("GRANT SELECT, INSERT, UPDATE ON event_variant TO {user};"),
    ] {
        assert!(message.contains(part), "lacks `{part}`: {message}");
    }
    // What is as it should be is reported, too.
    let printed = stdout(&checked);
    for part in [
        "the topics exist, and take and keep what is configured",
        &format!("topic {prefix}.events: can be read"),
        &format!("topic {prefix}.dead-letters: takes records"),
        &format!("group {prefix}.postgres: can be used"),
    ] {
        assert!(printed.contains(part), "lacks `{part}`: {printed}");
    }

    let sql = format!("DROP OWNED BY {user}; DROP ROLE {user}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&database.pool)
        .await
        .expect("dropped");
    database.drop().await;
}
