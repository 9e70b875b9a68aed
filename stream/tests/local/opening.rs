//! A journal that cannot be opened: the error says why, and what to do.

use schemas::log::{LogError, Publish, PublishError, Start, Subscribe};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use stream::journal::{Config, Journal};

use super::{close, config, events, open, sized};
use crate::conformance::{Member, group, join, read, within};

/// Opens a journal, expects an error, and returns its text.
async fn refused(config: &Config) -> String {
    match within("the refusal", Journal::open(config))
        .await
        .expect_err("it cannot be opened")
    {
        error @ LogError::Misconfigured(_) => error.to_string(),
        other => panic!("this does not pass without help: {other}"),
    }
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    std::fs::create_dir(&config.path).expect("a folder");
    std::fs::write(config.path.join("journal.db"), vec![b'x'; 20_000]).expect("written");
    let error = refused(&config).await;
    assert!(error.contains(config.path.to_str().expect("text")), "{error}");
    assert!(error.contains("not a database"), "{error}");
}

#[tokio::test]
async fn a_journal_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    close(open(&config).await).await;
    let file = SqliteConnectOptions::new().filename(config.path.join("journal.db"));
    let mut connection = file.connect().await.expect("a connection");
    sqlx::query("PRAGMA user_version = 99")
        .execute(&mut connection)
        .await
        .expect("set");
    connection.close().await.expect("closed");
    let error = refused(&config).await;
    assert!(error.contains("layout 99"), "{error}");
}

/// A journal written by a version without ids of topics.
#[tokio::test]
async fn a_journal_of_an_older_program_is_brought_up_to_date() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    journal.publish(&topic, sized(0, 100)).await.expect("acknowledged");
    close(journal).await;
    let file = SqliteConnectOptions::new().filename(config.path.join("journal.db"));
    let mut connection = file.connect().await.expect("a connection");
    sqlx::raw_sql("ALTER TABLE topic DROP COLUMN uid; PRAGMA user_version = 1")
        .execute(&mut connection)
        .await
        .expect("set back");
    connection.close().await.expect("closed");

    let mut ids = Vec::new();
    for _ in 0..2 {
        let journal = open(&config).await;
        let mut member = join(&journal, &topic, &group(), Start::Earliest).await;
        assert_eq!(read(member.reader(), 1).await.len(), 1);
        ids.push(member.reader().topic_id().expect("an id"));
        member.close().await;
        close(journal).await;
    }
    assert!(!ids[0].as_str().is_empty());
    assert_eq!(ids[0], ids[1], "made once");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    let config = config(&file);
    let error = refused(&config).await;
    assert!(error.contains(config.path.to_str().expect("text")), "{error}");
    assert!(error.contains("journal.path"), "{error}");
}

#[tokio::test]
async fn a_missing_journal_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let result = within("the refusal", Journal::open_read_only(folder.path())).await;
    let error = result.expect_err("no journal").to_string();
    assert!(error.contains("there is no journal in"), "{error}");
    assert!(error.contains(folder.path().to_str().expect("text")), "{error}");
}

#[tokio::test]
async fn a_journal_can_be_read_when_no_process_writes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    let last = journal.publish(&topic, sized(7, 100)).await.expect("acknowledged");
    close(journal).await;
    let reader = Journal::open_read_only(&config.path).await.expect("a reader");
    let all = super::everything(&reader, &topic, &last).await;
    assert_eq!(all, [(0, sized(7, 100))]);
    close(reader).await;
}

#[tokio::test]
async fn a_group_has_one_member_in_a_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(&config(folder.path())).await;
    let topic = events(&journal, 2).await;
    let group = crate::conformance::group();
    let start = schemas::log::Start::Earliest;
    let member = Member::join(&journal, &topic, &group, start, 2).await;
    let subscription = schemas::log::Subscription {
        topic: topic.clone(),
        membership: group.clone(),
        start,
    };
    let second = within("the refusal", journal.subscribe(subscription)).await;
    let error = second.err().expect("only one").to_string();
    for part in ["events", "already", "one member per group"] {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
    member.close().await;
    // After a close, and after a drop without one.
    drop(Member::join(&journal, &topic, &group, start, 2).await);
    Member::join(&journal, &topic, &group, start, 2).await.close().await;
    close(journal).await;
}

#[tokio::test]
async fn an_unknown_topic_and_a_closed_journal_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(&config(folder.path())).await;
    let topic = super::spec("unknown", 1).name;
    let Err(PublishError::Unavailable { reason }) = journal.publish(&topic, sized(0, 10)).await else {
        panic!("there is no such topic");
    };
    assert!(
        ["`unknown`", "no such topic", "`forebay migrate`", "a rule"]
            .iter()
            .all(|part| reason.contains(part)),
        "{reason}"
    );
    let topic = events(&journal, 1).await;
    within("the close", journal.close()).await.expect("a clean close");
    within("the second close", journal.close())
        .await
        .expect("nothing left to close");
    let Err(PublishError::Unavailable { reason }) = journal.publish(&topic, sized(0, 10)).await else {
        panic!("it is closed");
    };
    assert!(reason.contains("closed"), "{reason}");
    assert!(journal.ready(&topic).await.is_err(), "a closed journal is not ready");
}
