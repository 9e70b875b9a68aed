//! What only a log on local disk has to prove.

#[cfg(target_os = "linux")]
mod disk;
mod group_commit;
mod model;
mod opening;
mod processes;
mod progress;
mod retention;
mod stuck;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use schemas::log::{Administer, Membership, Start, TopicSpec};
use schemas::name::TopicName;
use schemas::record::{Position, Record};
use stream::journal::{Config, Journal};

use crate::conformance::{PATIENCE, join, read, text, within};

/// The variable with the journal's path, for the processes that the tests start.
pub(crate) const CHILD_PATH: &str = "FOREBAY_JOURNAL_TEST_PATH";

fn config(folder: &Path) -> Config {
    Config {
        path: folder.join("journal"),
        ..Config::default()
    }
}

async fn open(config: &Config) -> Journal {
    within("the journal", Journal::open(config)).await.expect("a journal")
}

async fn close(journal: Journal) {
    within("the close", journal.close()).await.expect("a clean close");
}

fn spec(name: &'static str, partitions: i32) -> TopicSpec {
    TopicSpec {
        name: TopicName::new(name).expect("a valid name"),
        partitions,
        replication: 1,
        retention: Duration::from_hours(168),
        max_record_bytes: 1 << 20,
    }
}

/// Creates the topic `events`.
async fn events(journal: &Journal, partitions: i32) -> TopicName {
    let spec = spec("events", partitions);
    within("the topic", journal.ensure_topics(std::slice::from_ref(&spec)))
        .await
        .expect("a topic");
    spec.name
}

/// A record of `bytes` bytes that contains its number.
fn sized(n: usize, bytes: usize) -> Record {
    let mut value = format!("{n} ").into_bytes();
    value.resize(bytes, b'x');
    Record {
        key: Bytes::from_static(b"k"),
        headers: Vec::new(),
        value: value.into(),
    }
}

/// The number in a record that [`sized`] made; it must be whole.
fn number(record: &Record, bytes: usize) -> usize {
    assert_eq!(record.value.len(), bytes, "not half a record");
    text(&record.value)
        .split(' ')
        .next()
        .expect("a number")
        .parse()
        .expect("a number")
}

/// Polls until `holds`.
async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let mut ask = || {
        let holding = holds();
        async move { holding.await.then_some(()) }
    };
    harness::eventually(what, PATIENCE, &mut ask).await;
}

/// Reads everything in a topic of one partition up to `last`.
async fn everything(journal: &Journal, topic: &TopicName, last: &Position) -> Vec<(i64, Record)> {
    let mut member = join(journal, topic, &Membership::Alone, Start::Earliest).await;
    let mut all: Vec<(i64, Record)> = Vec::new();
    while all.last().is_none_or(|(offset, _)| *offset < last.offset.0) {
        all.extend(
            read(member.reader(), 1)
                .await
                .into_iter()
                .map(|r| (r.offset.0, r.record)),
        );
    }
    member.close().await;
    all
}

/// A command that runs one test of this program in its own process.
fn child(test: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", test, "--nocapture"]).env(CHILD_PATH, path);
    command
}

/// Returns the journal's folder in such a process; `None` in a normal run, where the test does nothing.
fn asked() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD_PATH).map(Into::into)
}
