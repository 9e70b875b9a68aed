//! A disk that does not answer: publishing ends in time, and what was refused is not written later.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use schemas::log::{Publish, PublishError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use stream::journal::Config;

use super::{close, config, events, eventually, everything, number, open, sized};
use crate::conformance::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_ends_in_time_whatever_the_disk_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        publish_timeout_ms: 300,
        queue_max_records: 4,
        ..config(folder.path())
    };
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    journal.publish(&topic, sized(0, 100)).await.expect("acknowledged");

    // To the writer, the write transaction of another process looks like a disk that hangs.
    let file = SqliteConnectOptions::new().filename(config.path.join("journal.db"));
    let mut connection = file.connect().await.expect("a connection");
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut connection)
        .await
        .expect("the write lock");
    let began = Instant::now();
    let results = within(
        "the refusals",
        join_all((1..20).map(|n| journal.publish(&topic, sized(n, 100)))),
    )
    .await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let reasons: Vec<String> = results
        .into_iter()
        .map(|result| match result {
            Err(PublishError::Unavailable { reason }) => reason,
            other => panic!("the disk hangs, and yet: {other:?}"),
        })
        .collect();
    for part in ["no commit within 300 ms", "queue of 4 records stayed full"] {
        assert!(
            reasons.iter().any(|r| r.contains(part)),
            "`{part}` is missing in: {reasons:?}"
        );
    }
    assert!(
        reasons
            .iter()
            .all(|r| r.contains("`events`") && r.contains(config.path.to_str().expect("text")))
    );
    assert!(
        journal.ready(&topic).await.is_err(),
        "a queue that is full is not ready"
    );
    sqlx::query("ROLLBACK")
        .execute(&mut connection)
        .await
        .expect("released");
    connection.close().await.expect("closed");

    eventually("a record is taken again", async || {
        journal.publish(&topic, sized(99, 100)).await.is_ok()
    })
    .await;
    eventually("it is ready again", async || journal.ready(&topic).await.is_ok()).await;
    let last = journal.publish(&topic, sized(100, 100)).await.expect("acknowledged");
    let numbers: Vec<_> = everything(&journal, &topic, &last)
        .await
        .iter()
        .map(|(_, r)| number(r, 100))
        .collect();
    // The group that was being written when the disk hung may have been written; what was queued after it was not.
    assert!(
        numbers.iter().filter(|n| (1..20).contains(*n)).count() < 10,
        "{numbers:?}"
    );
    close(journal).await;
}

/// Large records do not accumulate while a disk hangs, even when their publishers have long stopped waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_the_disk_is_bounded_in_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        publish_timeout_ms: 200,
        queue_max_bytes: 300_000,
        ..config(folder.path())
    };
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    let file = SqliteConnectOptions::new().filename(config.path.join("journal.db"));
    let mut connection = file.connect().await.expect("a connection");
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut connection)
        .await
        .expect("the write lock");
    for round in 0..3 {
        let records = (0..10).map(|n| journal.publish(&topic, sized(10 * round + n, 100_000)));
        let results = within("the refusals", join_all(records)).await;
        let waited = results
            .iter()
            .filter(|result| match result {
                Err(PublishError::Unavailable { reason }) => !reason.contains("queue of 300000 bytes stayed full"),
                other => panic!("the disk hangs, and yet: {other:?}"),
            })
            .count();
        assert_eq!(waited, if round == 0 { 2 } else { 0 }, "{results:?}");
    }
    sqlx::query("ROLLBACK")
        .execute(&mut connection)
        .await
        .expect("released");
    connection.close().await.expect("closed");
    eventually("a record larger than the bound is taken, alone", async || {
        journal.publish(&topic, sized(99, 400_000)).await.is_ok()
    })
    .await;
    close(journal).await;
}
