//! Bounded age and size.

use std::time::Duration;

use schemas::log::{Administer, LogError, LostBecause, Publish, PublishError, Start, TopicSpec};
use schemas::record::Offset;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use stream::journal::Config;

use super::{close, config, events, eventually, number, open, sized, spec};
use crate::conformance::{Member, at, group, join, read, within};

const BYTES: usize = 2300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_records_expire_even_unread_and_their_offsets_are_not_used_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    let group = group();
    for n in 0..1500 {
        journal.publish(&topic, sized(n, 100)).await.expect("acknowledged");
    }
    let mut member = join(&journal, &topic, &group, Start::Earliest).await;
    assert_eq!(read(member.reader(), 10).await.len(), 10);
    member.reader().store(Offset(10)).expect("stored");

    let short = TopicSpec {
        retention: Duration::from_millis(1),
        ..spec("events", 1)
    };
    journal
        .ensure_topics(std::slice::from_ref(&short))
        .await
        .expect("a shorter retention");
    eventually("all records expire", async || journal.metrics().expired.get() == 1500).await;
    let reading = within("the refusal", member.reader().next_batch(5)).await;
    assert!(
        matches!(
            reading,
            Err(LogError::ProgressLost {
                stored: Offset(10),
                why: LostBecause::OutOfRange {
                    earliest: Offset(1500),
                    end: Offset(1500),
                },
                ..
            })
        ),
        "{reading:?}"
    );
    member.close().await;

    journal
        .ensure_topics(&[spec("events", 1)])
        .await
        .expect("the longer retention");
    close(journal).await;
    let journal = open(&config).await;
    let next = journal.publish(&topic, sized(0, 100)).await.expect("acknowledged");
    assert_eq!(next.offset, Offset(1500));
    close(journal).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_journal_refuses_rather_than_loses_what_is_unread_and_continues_once_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        max_bytes: 2 << 20,
        ..config(folder.path())
    };
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    let mut member = join(&journal, &topic, &group(), Start::Earliest).await;
    let mut written = 0;
    let reason = loop {
        match journal.publish(&topic, sized(written, BYTES)).await {
            Ok(_) => written += 1,
            Err(PublishError::Unavailable { reason }) => break reason,
            Err(other) => panic!("{other}"),
        }
        assert!(written < 2000, "more than fits was taken");
    };
    for part in [
        "journal full",
        "`event_log.journal.max_bytes`",
        "start the sink",
        "events",
    ] {
        assert!(reason.contains(part), "`{part}` is missing in: {reason}");
    }
    assert!(written > 500, "only {written} records of 2.3 KB in 2 MiB");
    assert!(journal.ready(&topic).await.is_err(), "a full journal is not ready");

    let records = read(member.reader(), written).await;
    let numbers: Vec<usize> = records.iter().map(|r| number(&r.record, BYTES)).collect();
    assert_eq!(numbers, (0..written).collect::<Vec<_>>(), "nothing unread is lost");
    let next = Offset(i64::try_from(written).expect("few"));
    member.reader().store(next).expect("stored");
    eventually("a record is taken again", async || {
        journal.publish(&topic, sized(written, BYTES)).await.is_ok()
    })
    .await;
    eventually("it is ready again", async || journal.ready(&topic).await.is_ok()).await;
    assert_eq!(number(&read(member.reader(), 1).await[0].record, BYTES), written);
    member.close().await;
    close(journal).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_does_not_grow_beyond_its_bound_while_everything_is_read() {
    const COUNT: usize = 4000;
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        max_bytes: 2 << 20,
        ..config(folder.path())
    };
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    let mut member = join(&journal, &topic, &group(), Start::Earliest).await;
    let mut read_so_far = 0;
    for first in (0..COUNT).step_by(100) {
        for n in first..first + 100 {
            eventually("a place for the record", async || {
                journal.publish(&topic, sized(n, BYTES)).await.is_ok()
            })
            .await;
        }
        for stored in read(member.reader(), 100).await {
            assert_eq!(number(&stored.record, BYTES), read_so_far);
            read_so_far += 1;
        }
        member
            .reader()
            .store(Offset(i64::try_from(read_so_far).expect("few")))
            .expect("stored");
    }
    assert!(
        journal.metrics().expired.get() > 3000,
        "{}",
        journal.metrics().expired.get()
    );
    member.close().await;
    close(journal).await;
    let size = std::fs::metadata(config.path.join("journal.db"))
        .expect("the file")
        .len();
    assert!(
        size < 3 << 20,
        "9.2 MB of records went through; the file has {size} bytes"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_no_group_reads_yet_are_not_thrown_away_for_space() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        max_bytes: 1 << 20,
        ..config(folder.path())
    };
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    let mut written = 0;
    while journal.publish(&topic, sized(written, BYTES)).await.is_ok() {
        written += 1;
    }
    let mut member = join(&journal, &topic, &group(), Start::Earliest).await;
    let records = read(member.reader(), written).await;
    assert_eq!(records[0].offset, Offset(0));
    member.close().await;
    close(journal).await;
}

/// A hole from damage must neither keep the writer busy forever nor keep the records before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_in_the_offsets_does_not_stop_the_deletion() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    let mut last = None;
    for n in 0..10 {
        last = Some(journal.publish(&topic, sized(n, 100)).await.expect("acknowledged"));
    }
    let partition = last.expect("ten records").partition;
    close(journal).await;
    let file = SqliteConnectOptions::new().filename(config.path.join("journal.db"));
    let mut connection = file.connect().await.expect("a connection");
    let gone = sqlx::query("DELETE FROM record WHERE id & 0xff BETWEEN 3 AND 7")
        .execute(&mut connection)
        .await
        .expect("deleted");
    assert_eq!(gone.rows_affected(), 5);
    connection.close().await.expect("closed");

    let journal = open(&config).await;
    within("the trim", journal.trim(&partition, Offset(6)))
        .await
        .expect("trimmed");
    let mut member = Member::join(&journal, &topic, &group(), Start::Earliest, 1).await;
    match within("the beginning", member.reader().begin(at(&topic, Offset(5)))).await {
        Err(LogError::ProgressLost {
            why: LostBecause::OutOfRange { earliest, end },
            ..
        }) => assert_eq!((earliest, end), (Offset(6), Offset(10))),
        other => panic!("before the earliest: {other:?}"),
    }
    member.close().await;
    within("the second trim", journal.trim(&partition, Offset(9)))
        .await
        .expect("trimmed");
    let mut member = join(&journal, &topic, &group(), Start::Earliest).await;
    let records = read(member.reader(), 1).await;
    assert_eq!(records.iter().map(|r| r.offset).collect::<Vec<_>>(), [Offset(9)]);
    member.close().await;
    close(journal).await;
}
