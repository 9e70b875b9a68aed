//! Publishing: positions, order per key, durability, limits.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use schemas::log::{Membership, PublishError, Start};
use schemas::record::{Header, Partition, Record};

use super::{Harness, Member, begin, join, publish, publish_all, read, record, text, topic, within};

pub(crate) async fn positions_grow_within_a_partition(harness: &mut impl Harness) {
    let topic = topic(harness, 3).await;
    let positions = publish_all(harness.log(), &topic, "one key", 0..20).await;
    let partitions: BTreeSet<_> = positions.iter().map(|p| &p.partition).collect();
    assert_eq!(partitions.len(), 1, "one key, one partition");
    assert!(positions.iter().all(|p| p.partition.topic == topic));
    assert!(positions.is_sorted_by(|a, b| a.offset < b.offset), "{positions:?}");
}

/// Not one after the other: all are in flight at once, accepted in the order in which they were first polled.
pub(crate) async fn equal_keys_keep_their_order(harness: &mut impl Harness) {
    const KEYS: usize = 7;
    const EACH: usize = 100;
    let topic = topic(harness, 3).await;
    let log = harness.log();
    publish(log, &topic, record("warm-up", "x")).await;
    let sent = (0..KEYS * EACH).map(|n| log.publish(&topic, record(&format!("key {}", n % KEYS), n.to_string())));
    for (n, result) in within("all acknowledgements", join_all(sent))
        .await
        .into_iter()
        .enumerate()
    {
        result.unwrap_or_else(|e| panic!("record {n}: {e}"));
    }

    let mut member = Member::join(log, &topic, &Membership::Alone, Start::Earliest, 3).await;
    let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut left = KEYS * EACH + 1;
    for reader in member.readers.values_mut() {
        begin(&mut **reader).await;
    }
    while left > 0 {
        let batches = member.readers.values_mut().map(|reader| {
            Box::pin(async {
                match tokio::time::timeout(Duration::from_millis(50), reader.next_batch(100)).await {
                    Ok(batch) => batch.expect("records").expect("still assigned"),
                    Err(_) => Vec::new(),
                }
            })
        });
        for stored in within("the records", join_all(batches)).await.into_iter().flatten() {
            left -= 1;
            if let Ok(n) = text(&stored.record.value).parse() {
                seen.entry(text(&stored.record.key)).or_default().push(n);
            }
        }
    }
    member.close().await;
    assert_eq!(seen.len(), KEYS);
    for (key, numbers) in seen {
        assert_eq!(numbers.len(), EACH, "{key}");
        assert!(numbers.is_sorted(), "{key}: {numbers:?}");
    }
}

pub(crate) async fn a_published_record_survives_a_restart(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let position = publish(harness.log(), &topic, record("k", "durable")).await;
    harness.restart().await;
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
    let read = read(member.reader(), 1).await;
    assert_eq!(
        (read[0].offset, text(&read[0].record.value)),
        (position.offset, "durable".to_owned())
    );
    let next = publish(harness.log(), &topic, record("k", "after")).await;
    assert!(next.offset > position.offset, "positions grow over a restart");
    member.close().await;
}

pub(crate) async fn keys_headers_and_values_come_back_byte_for_byte(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let header = |name: &'static str, value: &'static [u8]| Header {
        name: Cow::Borrowed(name),
        value: Bytes::from_static(value),
    };
    let records = vec![
        Record {
            key: Bytes::from_static(b"\x00\xff key"),
            headers: vec![
                header("ce_id", b"one"),
                header("empty", b""),
                header("binary", b"\x00\xfe\xff\n"),
                header("ce_id", b"the same name again"),
                header("\u{e9}\u{4e16}", b"a name beyond ASCII"),
            ],
            value: Bytes::from_static(b"{\"a\":\"\\u0000\"}\xff"),
        },
        Record {
            key: Bytes::from_static(b"empty value"),
            headers: vec![header("h", b"v")],
            value: Bytes::new(),
        },
        Record {
            key: Bytes::new(),
            headers: Vec::new(),
            value: Bytes::from_static(b"empty key, no header"),
        },
    ];
    for record in &records {
        publish(harness.log(), &topic, record.clone()).await;
    }
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
    let read: Vec<_> = read(member.reader(), records.len())
        .await
        .into_iter()
        .map(|r| r.record)
        .collect();
    assert_eq!(read, records);
    member.close().await;
}

/// The limit counts what [`Record::size_bytes`] counts, however well the bytes would compress.
pub(crate) async fn a_record_over_the_limit_is_too_large(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let limit = usize::try_from(harness.max_record_bytes()).expect("a limit that fits");
    let mut largest = record("key", "");
    largest.value = Bytes::from(vec![b'x'; limit - largest.size_bytes()]);
    publish(harness.log(), &topic, largest.clone()).await;

    let mut too_large = record("key", "");
    too_large.value = Bytes::from(vec![b'x'; limit + 1 - too_large.size_bytes()]);
    let result = within("the refusal", harness.log().publish(&topic, too_large)).await;
    match result.expect_err("one byte too many") {
        PublishError::TooLarge {
            size_bytes,
            limit_bytes,
        } => assert_eq!((size_bytes, limit_bytes), (limit + 1, limit)),
        PublishError::Unavailable { reason } => panic!("can never succeed, and yet: {reason}"),
    }

    let after = publish(harness.log(), &topic, record("key", "after")).await;
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
    let read = read(member.reader(), 2).await;
    assert_eq!(read[0].record, largest);
    assert_eq!(
        (read[1].offset, text(&read[1].record.value)),
        (after.offset, "after".to_owned())
    );
    member.close().await;
}

/// Dropping the futures does not withdraw the records.
pub(crate) async fn what_was_handed_over_is_settled_by_flush(harness: &mut impl Harness) {
    const COUNT: usize = 50;
    let topic = topic(harness, 1).await;
    publish(harness.log(), &topic, record("k", "warm-up")).await;
    for n in 0..COUNT {
        let mut handed_over = harness.log().publish(&topic, record("k", n.to_string()));
        if let std::task::Poll::Ready(Err(error)) = futures_util::poll!(&mut handed_over) {
            panic!("record {n} was refused: {error}");
        }
    }
    let flushed = within("the flush", harness.log().flush(Duration::from_secs(30))).await;
    flushed.expect("everything settled");
    harness.restart().await;
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
    let values: Vec<_> = read(member.reader(), COUNT + 1)
        .await
        .iter()
        .map(|r| text(&r.record.value))
        .collect();
    assert_eq!(values[1..], super::numbers(0..COUNT));
    member.close().await;
}

pub(crate) async fn a_healthy_log_is_ready(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let deadline = std::time::Instant::now() + super::PATIENCE;
    // Until the new topic's leader is known everywhere.
    while let Err(error) = within("the answer", harness.log().ready(&topic)).await {
        assert!(std::time::Instant::now() < deadline, "{error}");
    }
    let missing = super::spec(1, 1000).name;
    within("the answer", harness.log().ready(&missing))
        .await
        .expect_err("a missing topic takes no records");
    within("the answer", harness.log().answers(&topic))
        .await
        .expect("who takes records answers");
    within("the answer", harness.log().answers(&missing))
        .await
        .expect_err("no one answers for a missing topic");
}

/// With any key, and without one.
pub(crate) async fn a_record_goes_to_the_partition_that_is_named(harness: &mut impl Harness) {
    let topic = topic(harness, 4).await;
    // Until the new topic's leaders are known everywhere.
    publish(harness.log(), &topic, record("k", "first")).await;
    for index in [2, 0, 3, 1] {
        let partition = Partition {
            topic: topic.clone(),
            index,
        };
        for key in ["k", ""] {
            let published = within("the answer", harness.log().publish_to(&partition, record(key, "v"))).await;
            assert_eq!(published.expect("durable").partition, partition);
        }
    }
}
