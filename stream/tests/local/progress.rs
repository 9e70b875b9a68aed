//! Progress is written to disk without a close.

use schemas::log::{Publish, Start};
use schemas::record::Offset;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::{close, config, events, eventually, open, sized};
use crate::conformance::{Member, begin, group, join, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stored_progress_is_on_disk_soon_without_a_close() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    for n in 0..9 {
        journal.publish(&topic, sized(n, 100)).await.expect("acknowledged");
    }
    let mut member = join(&journal, &topic, &group(), Start::Earliest).await;
    let file = SqliteConnectOptions::new()
        .filename(config.path.join("journal.db"))
        .read_only(true);
    let connection = tokio::sync::Mutex::new(file.connect().await.expect("a connection"));
    for next in [3, 9, 2] {
        member.reader().store(Offset(next)).expect("stored");
        eventually("the progress", async || {
            let found: Option<i64> = sqlx::query_scalar("SELECT next FROM progress")
                .fetch_optional(&mut *connection.lock().await)
                .await
                .expect("an answer");
            found == Some(next)
        })
        .await;
    }
    // The last stored progress counts, and is part of the next commit.
    member.reader().store(Offset(5)).expect("stored");
    journal.publish(&topic, sized(9, 100)).await.expect("acknowledged");
    let found: i64 = sqlx::query_scalar("SELECT next FROM progress")
        .fetch_one(&mut *connection.lock().await)
        .await
        .expect("an answer");
    assert_eq!(found, 5);
    connection.into_inner().close().await.expect("closed");
    within("the close", member.consumer.close())
        .await
        .expect("a clean close");
    close(journal).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_is_known_before_reading_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(&config(folder.path())).await;
    let topic = events(&journal, 1).await;
    let group = group();
    for n in 0..9 {
        journal.publish(&topic, sized(n, 100)).await.expect("acknowledged");
    }
    for (store, lag) in [(4, 9), (9, 5), (9, 0)] {
        let mut member = Member::join(&journal, &topic, &group, Start::Earliest, 1).await;
        let lags = within("the lag", member.consumer.lag()).await.expect("a lag");
        assert_eq!(lags.iter().map(|(_, lag)| *lag).collect::<Vec<_>>(), [lag]);
        begin(member.reader()).await;
        member.reader().store(Offset(store)).expect("stored");
        member.close().await;
    }
    close(journal).await;
}
