//! Who owns the tables runs printed SQL; who writes has the printed grants and may make nothing.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::service;
use schemas::secret::Secret;
use schemas::sink::{KeepsProgress as _, Sink as _};
use sinks::postgres::{Config, For, PostgresSink, Which, grants, migrate, pending, script};
use sinks::table::Metrics;

use crate::conformance::all_delivered;
use crate::database::{Database, sink_name, with_database, with_empty_database};
use crate::events::{batch, progress, sample, samples};

const LOCK: Duration = Duration::from_secs(2);

/// Runs a script as an owner does.
fn psql(database: &Database, script: &str) {
    let mut psql = Command::new(Path::new(&service("FOREBAY_TEST_POSTGRES_BIN")).join("psql"))
        .args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            database.url.as_str(),
            "-f",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql runs");
    let mut stdin = psql.stdin.take().expect("piped");
    stdin.write_all(script.as_bytes()).expect("read");
    drop(stdin);
    let output = psql.wait_with_output().expect("it ends");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !error.contains("WARNING"),
        "{error}\n{script}"
    );
}

/// What the tables of the sink are.
const SHAPE: &str = "\
SELECT string_agg(format('%s %s %s %s %s', c.relkind, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                         a.attcompression), E'\\n' ORDER BY c.relname, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0";

#[tokio::test]
async fn printed_migrations_make_the_same_tables_and_count() {
    let mut shapes = Vec::new();
    for by_hand in [true, false] {
        let shape = &mut shapes;
        with_empty_database(|database| async move {
            let config = database.config();
            if by_hand {
                let missing = script(&config, Which::Missing, LOCK)
                    .await
                    .expect("an answer")
                    .expect("all of it");
                let all = script(&config, Which::All, LOCK)
                    .await
                    .expect("an answer")
                    .expect("all of it");
                assert_eq!(missing, all);
                psql(&database, &missing);
                assert_eq!(script(&config, Which::Missing, LOCK).await.expect("an answer"), None);
                assert_eq!(pending(&config).await.expect("an answer").missing, 0);
            }
            migrate(&config).await.expect("nothing to do, or all of it");
            database.sink().ready().await.expect("ready");
            shape.push(database.value::<String>(SHAPE).await);
        })
        .await;
    }
    assert_eq!(shapes[0], shapes[1]);
}

#[tokio::test]
async fn only_what_is_missing_is_printed() {
    with_database(|database| async move {
        database.run("DELETE FROM _sqlx_migrations WHERE version = 7; DROP VIEW endpoint_failing, endpoint_recovered, endpoint_disabled").await;
        let config = database.config();
        let text = script(&config, Which::Missing, LOCK).await.expect("an answer").expect("one of them");
        assert!(text.contains("-- Migration 7: operations") && !text.contains("-- Migration 6"), "{text}");
        psql(&database, &text);
        database.sink().ready().await.expect("ready");
        // Once more would fail as a whole: it is noted.
        let applied: i64 = database.value("SELECT count(*) FROM _sqlx_migrations WHERE version = 7 AND success").await;
        assert_eq!(applied, 1);
    })
    .await;
}

#[tokio::test]
async fn who_has_the_printed_grants_and_may_make_nothing_runs_the_sink_and_each_right_is_needed() {
    with_empty_database(|database| async move {
        database.run("CREATE SCHEMA \"Hooks\"; REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
        let owner = Config {
            schema: Some("Hooks".to_owned()),
            ..database.config()
        };
        psql(&database, &script(&owner, Which::All, LOCK).await.expect("an answer").expect("all of it"));
        let (few, user) = database.new_user().await;
        let config = Config {
            url: Secret::new(few.url.as_str()),
            ..owner.clone()
        };
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        let error = sink.ready().await.expect_err("no rights").to_string();
        assert!(error.contains("GRANT USAGE ON SCHEMA \"Hooks\""), "{error}");
        let all = grants(&owner, &user, For::Process).expect("a valid configuration");
        psql(&database, &all.join("\n"));
        sink.ready().await.expect("what was printed is enough");
        let mut events = samples("e", 3);
        events.push(sample("received").received_after(0));
        for raw in ["{}", "{ }"] {
            assert!(all_delivered(&sink.deliver(&batch(0, &events)).await.expect("available")));
            events[0].raw = raw.into();
        }
        assert!(all_delivered(&sink.deliver(&batch(0, &events)).await.expect("available")));
        sink.checkpoint(&progress(0, 6)).await.expect("available");
        sink.set_progress(&progress(0, 2)).await.expect("available");
        // Nothing is to be done, so nothing is made.
        assert_eq!(migrate(&config).await.expect("nothing to do").missing, 0);

        for grant in &all {
            let taken = grant.replacen("GRANT", "REVOKE", 1).replace(&format!(" TO \"{user}\""), &format!(" FROM \"{user}\""));
            psql(&database, &taken);
            let missing = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
            let error = missing.ready().await.expect_err(grant).to_string();
            let (_, what) = grant.split_once(" ON ").expect("a grant");
            let (what, _) = what.split_once(" TO ").expect("a grant");
            assert!(error.contains(what), "{what}: {error}");
            psql(&database, grant);
        }

        // A reader sees everything, and writes nothing.
        let reader = format!("{user}_reader");
        database.run(format!("CREATE ROLE {reader}")).await;
        psql(&database, &grants(&owner, &reader, For::Reader).expect("valid").join("\n"));
        let unreadable: i64 = database
            .value(format!(
                "SELECT count(*) FROM pg_class WHERE relnamespace = '\"Hooks\"'::regnamespace AND relkind IN ('r', 'v', 'p')
                 AND NOT relispartition AND NOT has_table_privilege('{reader}', oid, 'SELECT')"
            ))
            .await;
        let writable: i64 = database
            .value(format!(
                "SELECT count(*) FROM pg_class WHERE relnamespace = '\"Hooks\"'::regnamespace AND relkind IN ('r', 'v', 'p')
                 AND has_table_privilege('{reader}', oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
            ))
            .await;
        assert_eq!((unreadable, writable), (0, 0));
        database.drop_user(&reader).await;
        database.drop_user(&user).await;
    })
    .await;
}
