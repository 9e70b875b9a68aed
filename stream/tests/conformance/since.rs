//! Where a partition begins by time.

use std::time::Duration;

use schemas::log::{Membership, Start};
use schemas::time::Timestamp;

use super::{Harness, Member, begin, group, join, numbers, publish, publish_all, read, record, text, topic, values};

/// A moment after everything that was published before this call, and before everything that is published after it.
async fn between() -> Timestamp {
    let last = Timestamp::now();
    while Timestamp::now() == last {
        tokio::task::yield_now().await;
    }
    Timestamp::now()
}

/// A moment that is an hour away.
fn in_an_hour() -> Timestamp {
    let hour = i64::try_from(Duration::from_hours(1).as_millis()).expect("in range");
    Timestamp::from_millis(Timestamp::now().millis() + hour).expect("in range")
}

pub(crate) async fn since_a_time_sees_what_was_published_from_then_on(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let before = between().await;
    publish_all(harness.log(), &topic, "k", 0..3).await;
    let time = between().await;
    publish_all(harness.log(), &topic, "k", 3..5).await;
    for (time, from) in [(before, 0), (time, 3), (Timestamp::MIN, 0)] {
        let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Since(time)).await;
        assert_eq!(
            values(member.reader(), 5 - from).await,
            numbers(from..5),
            "since {time}"
        );
        member.close().await;
    }
    // It is the record's own time that counts, also after a restart.
    harness.restart().await;
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Since(time)).await;
    publish_all(harness.log(), &topic, "k", 5..7).await;
    assert_eq!(values(member.reader(), 4).await, numbers(3..7));
    member.close().await;
}

pub(crate) async fn since_a_time_to_come_sees_only_what_is_new(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    publish_all(harness.log(), &topic, "k", 0..3).await;
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Since(in_an_hour())).await;
    publish_all(harness.log(), &topic, "k", 3..5).await;
    assert_eq!(values(member.reader(), 2).await, numbers(3..5));
    member.close().await;
}

/// And its progress counts more than the time.
pub(crate) async fn a_group_that_began_at_a_time_keeps_that_beginning(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let group = group();
    publish_all(harness.log(), &topic, "k", 0..3).await;
    let time = between().await;
    publish_all(harness.log(), &topic, "k", 3..6).await;
    join(harness.log(), &topic, &group, Start::Since(time))
        .await
        .close()
        .await;
    harness.restart().await;
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    let records = read(member.reader(), 3).await;
    let found: Vec<String> = records.iter().map(|r| text(&r.record.value)).collect();
    assert_eq!(found, numbers(3..6));
    member.reader().store(records[1].offset).expect("stored");
    member.close().await;
    let mut member = join(harness.log(), &topic, &group, Start::Since(Timestamp::MIN)).await;
    assert_eq!(values(member.reader(), 2).await, numbers(4..6));
    member.close().await;
}

pub(crate) async fn since_a_time_is_each_partition_s_own_place(harness: &mut impl Harness) {
    let topic = topic(harness, 3).await;
    let keys: Vec<String> = (0..24).map(|n| format!("key {n}")).collect();
    for (n, key) in keys.iter().enumerate() {
        publish(harness.log(), &topic, record(key, format!("old {n}"))).await;
    }
    let time = between().await;
    let mut expected = [0, 0, 0];
    for (n, key) in keys.iter().enumerate() {
        let position = publish(harness.log(), &topic, record(key, format!("new {n}"))).await;
        expected[usize::try_from(position.partition.index).expect("a partition")] += 1;
    }
    let mut member = Member::join(harness.log(), &topic, &Membership::Alone, Start::Since(time), 3).await;
    for (index, reader) in &mut member.readers {
        begin(&mut **reader).await;
        let count = expected[usize::try_from(*index).expect("a partition")];
        for value in values(&mut **reader, count).await {
            assert!(value.starts_with("new "), "partition {index}: {value}");
        }
    }
    member.close().await;
}
