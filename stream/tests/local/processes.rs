//! One process writes; others may read.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use schemas::log::{Administer, LogError, Membership, Publish, PublishError, Start, Subscribe, Subscription};
use stream::journal::{Config, Journal};

use super::{asked, child, close, config, events, open, sized};
use crate::conformance::{group, join, text, values, within};

/// Runs in its own process: prints the result of opening.
#[tokio::test]
async fn second_writer() {
    let Some(path) = asked() else { return };
    let result = Journal::open(&Config {
        path,
        ..Config::default()
    })
    .await;
    let answer = match result {
        Ok(_) => "opened".to_owned(),
        Err(LogError::Misconfigured(why)) => format!("misconfigured: {why}"),
        Err(other) => format!("other: {other}"),
    };
    writeln!(std::io::stdout(), "\nanswer {answer}").expect("the test reads this");
}

async fn opened_by_another_process(config: &Config) -> String {
    let mut command = child("local::processes::second_writer", &config.path);
    let output = tokio::task::spawn_blocking(move || command.output().expect("a child process"));
    let output = text(&within("the child", output).await.expect("no panic").stdout);
    output
        .lines()
        .find_map(|l| l.strip_prefix("answer "))
        .unwrap_or_else(|| panic!("{output}"))
        .to_owned()
}

#[tokio::test]
async fn a_second_process_is_locked_out_until_the_first_releases_the_lock() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let journal = open(&config).await;
    let answer = opened_by_another_process(&config).await;
    assert!(answer.starts_with("misconfigured: "), "{answer}");
    assert!(answer.contains("in use by another process"), "{answer}");
    assert!(answer.contains(config.path.to_str().expect("text")), "{answer}");
    close(journal).await;
    assert_eq!(opened_by_another_process(&config).await, "opened");
}

#[tokio::test]
async fn a_dropped_journal_releases_its_lock() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    journal.publish(&topic, sized(1, 100)).await.expect("acknowledged");
    drop(journal);
    close(open(&config).await).await;
}

/// Runs in its own process: prints what another process writes.
#[tokio::test]
async fn tail() {
    let Some(path) = asked() else { return };
    let journal = Journal::open_read_only(&path).await.expect("a reader");
    let topic = super::spec("events", 1).name;
    let mut member = join(&journal, &topic, &Membership::Alone, Start::Latest).await;
    writeln!(std::io::stdout(), "\nreading").expect("the test reads this");
    for value in values(member.reader(), 50).await {
        writeln!(std::io::stdout(), "\nread {value}").expect("the test reads this");
    }
    member.close().await;
    close(journal).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_reads_while_one_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    journal.publish(&topic, sized(0, 100)).await.expect("acknowledged");
    let mut tail = child("local::processes::tail", &config.path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child process");
    let stdout = tail.stdout.take().expect("a pipe");
    let (lines, mut received) = tokio::sync::mpsc::unbounded_channel();
    let listening = tokio::task::spawn_blocking(move || {
        for line in BufReader::new(stdout).lines() {
            lines.send(line.expect("text")).ok();
        }
        tail.wait().expect("an ended child")
    });
    while within("the reader", received.recv()).await.expect("a line") != "reading" {}
    let mut wanted = Vec::new();
    for n in 1..=50 {
        let record = sized(n, 100);
        wanted.push(format!("read {}", text(&record.value)));
        journal.publish(&topic, record).await.expect("acknowledged");
    }
    let mut found = Vec::new();
    while let Some(line) = within("the lines", received.recv()).await {
        found.extend(Some(line).filter(|l| l.starts_with("read ")));
    }
    assert_eq!(found, wanted);
    assert!(within("the end", listening).await.expect("no panic").success());
    close(journal).await;
}

#[tokio::test]
async fn a_process_that_only_reads_can_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    let reader = Journal::open_read_only(&config.path).await.expect("a reader");
    let published = within("the refusal", reader.publish(&topic, sized(0, 10))).await;
    assert!(
        matches!(&published, Err(PublishError::Unavailable { reason }) if reason.contains("reading only")),
        "{published:?}"
    );
    let made = within("the refusal", reader.ensure_topics(&[super::spec("another", 1)])).await;
    assert!(matches!(made, Err(LogError::Misconfigured(_))), "{made:?}");
    let subscription = Subscription {
        topic: topic.clone(),
        membership: group(),
        start: Start::Earliest,
    };
    let joined = within("the refusal", reader.subscribe(subscription)).await;
    assert!(
        matches!(joined, Err(LogError::Misconfigured(_))),
        "a group needs progress, and progress a writer"
    );
    reader
        .check_topics(&[super::spec("events", 1)])
        .await
        .expect("as it is");
    close(reader).await;
    close(journal).await;
}
