//! Groups: progress is stored in order, kept over restarts, and each group's own.

use schemas::log::Start;

use super::{
    Harness, Member, PATIENCE, begin, group, join, numbers, publish, publish_all, read, record, topic, values,
};

pub(crate) async fn a_group_without_progress_begins_where_it_says(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    publish_all(harness.log(), &topic, "k", 0..3).await;
    let mut earliest = join(harness.log(), &topic, &group(), Start::Earliest).await;
    let mut latest = join(harness.log(), &topic, &group(), Start::Latest).await;
    publish_all(harness.log(), &topic, "k", 3..5).await;
    assert_eq!(values(earliest.reader(), 5).await, numbers(0..5));
    assert_eq!(values(latest.reader(), 2).await, numbers(3..5));
    earliest.close().await;
    latest.close().await;
}

pub(crate) async fn a_group_continues_where_it_stored(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let group = group();
    publish_all(harness.log(), &topic, "k", 0..10).await;
    for done in [0..4, 4..5, 5..10] {
        let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
        let records = read(member.reader(), done.len()).await;
        let values: Vec<_> = records.iter().map(|r| super::text(&r.record.value)).collect();
        assert_eq!(values, numbers(done));
        let next = records.last().expect("at least one").offset.next();
        member.reader().store(next).expect("stored");
        member.close().await;
    }
    // Everything is settled: the next record is the next that is written.
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    publish(harness.log(), &topic, record("k", "new")).await;
    assert_eq!(values(member.reader(), 1).await, ["new"]);
    member.close().await;
}

pub(crate) async fn what_was_not_stored_is_read_again(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let group = group();
    publish_all(harness.log(), &topic, "k", 0..10).await;
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    let records = read(member.reader(), 10).await;
    member.reader().store(records[4].offset).expect("stored");
    member.close().await;
    harness.restart().await;
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    assert_eq!(values(member.reader(), 6).await, numbers(4..10));
    member.close().await;
}

pub(crate) async fn a_restart_resumes(harness: &mut impl Harness) {
    let topic = topic(harness, 3).await;
    let group = group();
    for round in 0..3 {
        let mut expected = 0;
        for n in 0..12 {
            publish(harness.log(), &topic, record(&format!("key {n}"), format!("{round}"))).await;
            expected += 1;
        }
        let mut member = Member::join(harness.log(), &topic, &group, Start::Earliest, 3).await;
        let mut readers = std::mem::take(&mut member.readers);
        let mut tasks = tokio::task::JoinSet::new();
        let (seen, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
        for (_, mut reader) in std::mem::take(&mut readers) {
            let seen = seen.clone();
            tasks.spawn(async move {
                begin(&mut *reader).await;
                while let Some(batch) = reader.next_batch(4).await.expect("records") {
                    reader
                        .store(batch.last().expect("at least one").offset.next())
                        .expect("stored");
                    for stored in batch {
                        seen.send(super::text(&stored.record.value)).expect("the test counts");
                    }
                }
            });
        }
        for _ in 0..expected {
            let value = super::within("a record", arrivals.recv()).await;
            assert_eq!(value, Some(round.to_string()), "only what is new since the last round");
        }
        member.close().await;
        while let Some(ended) = super::within("the readers", tasks.join_next()).await {
            ended.expect("a reader without a panic");
        }
        assert!(arrivals.try_recv().is_err(), "nothing twice");
        harness.restart().await;
    }
}

pub(crate) async fn groups_are_independent(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let (quick, slow) = (group(), group());
    publish_all(harness.log(), &topic, "k", 0..6).await;
    let mut first = join(harness.log(), &topic, &quick, Start::Earliest).await;
    let mut second = join(harness.log(), &topic, &slow, Start::Earliest).await;
    let all = read(first.reader(), 6).await;
    first.reader().store(all[5].offset.next()).expect("stored");
    first.close().await;
    assert_eq!(values(second.reader(), 6).await, numbers(0..6));
    second.reader().store(all[2].offset).expect("stored");
    second.close().await;
    let mut second = join(harness.log(), &topic, &slow, Start::Earliest).await;
    assert_eq!(values(second.reader(), 4).await, numbers(2..6));
    second.close().await;
}

/// Otherwise, what is written between a first start that read nothing and the second start would be skipped.
pub(crate) async fn a_group_that_began_at_the_end_keeps_that_beginning(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let group = group();
    publish_all(harness.log(), &topic, "k", 0..3).await;
    let member = join(harness.log(), &topic, &group, Start::Latest).await;
    member.close().await;
    publish_all(harness.log(), &topic, "k", 3..5).await;
    harness.restart().await;
    let mut member = join(harness.log(), &topic, &group, Start::Latest).await;
    assert_eq!(values(member.reader(), 2).await, numbers(3..5));
    member.close().await;
}

pub(crate) async fn lag_counts_what_is_not_stored(harness: &mut impl Harness) {
    let topic = topic(harness, 2).await;
    let group = group();
    let positions = publish_all(harness.log(), &topic, "k", 0..10).await;
    let partition = positions[0].partition.clone();
    let mut member = Member::join(harness.log(), &topic, &group, Start::Earliest, 2).await;
    for reader in member.readers.values_mut() {
        begin(&mut **reader).await;
    }
    let reader = member
        .readers
        .get_mut(&partition.index)
        .expect("the partition of the key");
    read(&mut **reader, 8).await;
    for (stored, lag) in [(3, 7), (8, 2)] {
        let reader = member
            .readers
            .get_mut(&partition.index)
            .expect("the partition of the key");
        reader.store(positions[stored].offset).expect("stored");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut lags = super::within("the lag", member.consumer.lag()).await.expect("a lag");
            lags.sort();
            assert_eq!(lags.len(), 2, "one for each partition: {lags:?}");
            assert!(lags.iter().all(|(p, n)| *p == partition || *n == 0), "{lags:?}");
            if lags.contains(&(partition.clone(), lag)) {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "wanted {lag}, found {lags:?}");
        }
    }
    member.close().await;
}
