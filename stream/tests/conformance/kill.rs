//! `kill -9`: what was acknowledged is still in the log afterwards.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use schemas::log::{EventLog, Membership, Start};
use schemas::name::TopicName;

use super::{Harness, join, publish, read, record, text, topic};

/// The variable with the topic that the child writes to; set only in the child.
const TOPIC: &str = "FOREBAY_CONFORMANCE_KILLED_WRITER_TOPIC";

/// Acknowledgements that the parent waits for before it kills.
const ENOUGH: usize = 2000;

/// Returns the topic to write to, in the child; `None` in the parent.
pub(crate) fn asked() -> Option<TopicName> {
    let topic = std::env::var_os(TOPIC)?;
    Some(topic.to_str().expect("text").parse().expect("a valid name"))
}

/// Writes until it is killed, and prints what was acknowledged: `ack VALUE OFFSET`.
pub(crate) async fn write(log: &dyn EventLog, topic: &TopicName) {
    let publish = |n: usize| async move { (n, log.publish(topic, record("k", n.to_string())).await) };
    let mut in_flight: FuturesUnordered<_> = (0..64).map(publish).collect();
    let mut next = 64;
    while let Some((n, result)) = in_flight.next().await {
        if let Ok(position) = result {
            // This fails only when the parent has ended: then nothing would kill this process.
            if writeln!(std::io::stdout(), "\nack {n} {}", position.offset).is_err() {
                return;
            }
        }
        in_flight.push(publish(next));
        next += 1;
    }
}

pub(crate) async fn what_was_acknowledged_survives_kill_9(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let mut command = harness.child().await;
    command
        .env(TOPIC, topic.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let killed = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("a child process");
        let mut acknowledged = BTreeMap::new();
        for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
            let line = line.expect("text");
            let Some((value, offset)) = line.strip_prefix("ack ").and_then(|l| l.split_once(' ')) else {
                continue;
            };
            acknowledged.insert(offset.parse::<i64>().expect("an offset"), value.to_owned());
            if acknowledged.len() == ENOUGH {
                // SIGKILL, in the middle of its writing; what it still prints before it dies counts as well.
                child.kill().expect("a living child");
            }
        }
        child.wait().expect("a dead child");
        acknowledged
    });
    let acknowledged = super::within("the killed child", killed).await.expect("no panic");
    assert!(
        acknowledged.len() >= ENOUGH,
        "the child ended on its own after {} records",
        acknowledged.len()
    );

    harness.restart().await;
    let last = publish(harness.log(), &topic, record("k", "last")).await;
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
    let mut found = BTreeMap::new();
    while !found.contains_key(&last.offset.0) {
        for stored in read(member.reader(), 1).await {
            found.insert(stored.offset.0, text(&stored.record.value));
        }
    }
    member.close().await;
    for (offset, value) in acknowledged {
        assert_eq!(found.get(&offset), Some(&value), "offset {offset} was acknowledged");
    }
}
