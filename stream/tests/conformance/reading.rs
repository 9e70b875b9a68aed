//! Reading a partition: batches, waiting, cancelling, holding back, ending.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use schemas::log::{Membership, Start};
use schemas::record::Offset;

use super::{
    Harness, Member, at, begin, group, join, numbers, publish, publish_all, read, record, text, topic, values, within,
};

pub(crate) async fn batches_are_never_larger_than_asked(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    publish_all(harness.log(), &topic, "k", 0..10).await;
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
    let mut seen = Vec::new();
    while seen.len() < 10 {
        let batch = within("a batch", member.reader().next_batch(3))
            .await
            .expect("records")
            .expect("still assigned");
        assert!((1..=3).contains(&batch.len()), "{}", batch.len());
        seen.extend(batch.iter().map(|r| text(&r.record.value)));
    }
    assert_eq!(seen, numbers(0..10));
    member.close().await;
}

pub(crate) async fn a_waiting_reader_gets_new_records(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
    let log = harness.log();
    for round in 0..5 {
        let written = async {
            tokio::task::yield_now().await;
            publish(log, &topic, record("k", round.to_string())).await
        };
        let (read, position) = tokio::join!(read(member.reader(), 1), written);
        assert_eq!(
            (read[0].offset, text(&read[0].record.value)),
            (position.offset, round.to_string())
        );
    }
    member.close().await;
}

pub(crate) async fn a_dropped_next_batch_loses_nothing(harness: &mut impl Harness) {
    const COUNT: usize = 300;
    let topic = topic(harness, 1).await;
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
    let log = harness.log();
    let reading = async {
        let mut seen = Vec::new();
        let mut microseconds = 0;
        while seen.len() < COUNT {
            microseconds = (microseconds + 137) % 3000;
            let patience = Duration::from_micros(microseconds);
            if let Ok(batch) = tokio::time::timeout(patience, member.reader().next_batch(7)).await {
                seen.extend(
                    batch
                        .expect("records")
                        .expect("still assigned")
                        .iter()
                        .map(|r| text(&r.record.value)),
                );
            }
        }
        seen
    };
    let (seen, _) = within("all records", async {
        tokio::join!(reading, publish_all(log, &topic, "k", 0..COUNT))
    })
    .await;
    assert_eq!(seen, numbers(0..COUNT));
    member.close().await;
}

/// 24 MB wait in one partition, more than any log should hold in memory for a reader; the others go on, and in the end
/// no record of that one is missing.
pub(crate) async fn a_reader_that_is_not_asked_holds_back_only_itself(harness: &mut impl Harness) {
    const LARGE: usize = 3000;
    let topic = topic(harness, 2).await;
    let log = harness.log();
    let mut keys = BTreeMap::new();
    let mut probes = BTreeMap::new();
    for n in 0.. {
        let key = format!("key {n}");
        let partition = publish(log, &topic, record(&key, "probe")).await.partition.index;
        *probes.entry(partition).or_insert(0) += 1;
        keys.entry(partition).or_insert(key);
        if keys.len() == 2 {
            break;
        }
    }
    let mut members = Member::join(log, &topic, &group(), Start::Earliest, 2).await;
    for reader in members.readers.values_mut() {
        begin(&mut **reader).await;
    }
    let mut large = record(&keys[&0], "");
    large.value = Bytes::from(vec![b'x'; 8 * 1024]);
    for chunk in 0..LARGE / 100 {
        let results = join_all((0..100).map(|_| log.publish(&topic, large.clone())));
        for result in within("the acknowledgements", results).await {
            result.unwrap_or_else(|e| panic!("chunk {chunk}: {e}"));
        }
    }
    publish_all(log, &topic, &keys[&1], 0..50).await;
    let asked = members.readers.get_mut(&1).expect("partition 1");
    assert_eq!(
        values(&mut **asked, probes[&1] + 50).await[probes[&1]..],
        numbers(0..50)
    );

    let unasked = members.readers.get_mut(&0).expect("partition 0");
    let records = read(&mut **unasked, probes[&0] + LARGE).await;
    assert!(records.is_sorted_by(|a, b| a.offset < b.offset));
    assert!(records[probes[&0]..].iter().all(|r| r.record == large));
    let last = publish(log, &topic, record(&keys[&0], "last")).await;
    let unasked = members.readers.get_mut(&0).expect("partition 0");
    let read = read(&mut **unasked, 1).await;
    assert_eq!(
        (read[0].offset, text(&read[0].record.value)),
        (last.offset, "last".to_owned())
    );
    members.close().await;
}

/// A sink that keeps its own progress wins over the group's progress.
pub(crate) async fn a_reader_may_begin_anywhere(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let group = group();
    let positions = publish_all(harness.log(), &topic, "k", 0..6).await;
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    member.reader().store(positions[4].offset).expect("stored");
    member.close().await;
    for (from, rest) in [(positions[2].offset, 2..6), (positions[5].offset.next(), 6..6)] {
        let mut member = Member::join(harness.log(), &topic, &group, Start::Earliest, 1).await;
        within("the beginning", member.reader().begin(at(&topic, from)))
            .await
            .expect("a beginning");
        assert_eq!(values(member.reader(), rest.len()).await, numbers(rest));
        member.close().await;
    }
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    assert_eq!(
        values(member.reader(), 2).await,
        numbers(4..6),
        "beginning elsewhere is no progress"
    );
    member.close().await;
}

pub(crate) async fn close_ends_readers(harness: &mut impl Harness) {
    for membership in [group(), Membership::Alone] {
        let topic = topic(harness, 2).await;
        let mut member = Member::join(harness.log(), &topic, &membership, Start::Earliest, 2).await;
        publish_all(harness.log(), &topic, "k", 0..3).await;
        for reader in member.readers.values_mut() {
            begin(&mut **reader).await;
        }
        let mut readers = std::mem::take(&mut member.readers);
        let endings = join_all(readers.values_mut().map(|reader| {
            Box::pin(async {
                // Whether or not records come before: after the close there must be an end.
                while let Some(batch) = reader.next_batch(1).await.expect("records or an end") {
                    assert_eq!(batch.len(), 1);
                }
            })
        }));
        within("the end of both readers", async {
            tokio::join!(endings, member.close())
        })
        .await;
        for reader in readers.values_mut() {
            let after = within("the end", reader.next_batch(1)).await;
            assert!(after.expect("no error").is_none(), "an ended reader stays ended");
            reader.store(Offset(1)).expect("storing after the end does nothing");
        }
    }
}
