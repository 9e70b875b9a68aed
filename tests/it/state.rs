//! `forebay state fill` as an operator uses it: on the file of `forebay dev`, which had kept no state.

use std::path::Path;
use std::time::Duration;

use harness::eventually;
use harness::program::{dev, run, stderr, stdout};
use harness::sender::{Client, sources, webhook};

const FILE: &str = "forebay.yaml";
const SOON: Duration = Duration::from_secs(30);

fn config(state: &str) -> String {
    format!(
        "event_log: {{ partitions: 1, journal: {{ path: journal }} }}\nsinks: {{ sqlite: {{ path: forebay.db{state} }} }}\n{}",
        sources()
    )
}

fn fill(folder: &Path, args: &[&str]) -> String {
    let filled = run(&[&["state", "fill", "--config", FILE], args].concat(), folder);
    assert!(filled.status.success(), "{}", stderr(&filled));
    stdout(&filled)
}

fn is_refused(folder: &Path, args: &[&str], reason: &str) {
    let refused = run(&[&["state", "fill", "--config", FILE], args].concat(), folder);
    let message = stderr(&refused);
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.contains(reason), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_without_state_is_filled_while_the_sink_runs() {
    let (folder, client) = (tempfile::tempdir().expect("a folder"), Client::default());
    let folder = folder.path();
    let (mut role, base) = dev(folder, &client, &config(", state: []")).await;
    for number in 0..5 {
        let answer = client
            .post(&base, &webhook(1, 1, number))
            .await
            .expect("ingest answers");
        assert_eq!(answer.status, 200);
    }
    let url = format!("sqlite:{}", folder.join("forebay.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.expect("the database of dev");
    let count = async |table: &str| -> i64 {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(query).fetch_one(&pool).await.expect("a number")
    };
    eventually("the rows are stored", SOON, async || {
        (count("event").await == 5).then_some(())
    })
    .await;
    assert_eq!(count("message").await, 0, "no state is kept");
    is_refused(folder, &[], "no sink that was chosen keeps current state");

    std::fs::write(folder.join(FILE), config("")).expect("written");
    is_refused(folder, &["--from", "1h", "--to", "2h"], "--from is not before --to");
    is_refused(folder, &["--sink", "postgres"], "there is no sink `postgres`");
    let later = fill(folder, &["--to", "2026-01-01T00:00:00Z"]);
    assert!(
        later.starts_with("sqlite: 0 events read, 0 rows of state new or changed"),
        "{later}"
    );
    let filled = fill(folder, &["--sink", "sqlite", "--rate", "1000"]);
    assert!(
        filled.starts_with("sqlite: 5 events read, ") && filled.lines().count() == 2,
        "{filled}"
    );
    assert_eq!(
        (count("message").await, count("conversation").await),
        (5, 1),
        "{filled}"
    );
    let again = fill(folder, &[]);
    assert_eq!(
        again,
        "sqlite: 5 events read, 0 rows of state new or changed\nsqlite: the events of each hour are counted\n"
    );
    pool.close().await;
    assert_eq!(role.terminate().await, Some(0));
}
