//! A broker that is far away, and readers that begin late: a reader must begin at its offset, whichever of librdkafka's
//! requests are in flight at that moment.
//!
//! With the feature `planted-bugs` the partitions are assigned as in an earlier version (at the end of the log, paused,
//! sought later), and this test must fail, which proves that it detects the bug.

use std::time::Duration;

use schemas::log::{Begin, Publish, Start};
use schemas::record::Offset;
use stream::kafka::{Config, KafkaLog};

use crate::conformance::{Member, at, group, publish, record, topic, within};
use crate::{config, connect, open};
use harness::proxy::Proxy;

/// The round trip to the broker.
const RTT: Duration = Duration::from_millis(100);
/// The broker advertises one port for a proxy.
static PROXIED: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
const PARTITIONS: i32 = 8;
const ROUNDS: i32 = 3;
const RECORDS: i64 = 20;

/// After an assignment librdkafka's own requests (for the end of the log, if it was ever to begin there) are in flight
/// for one round trip, and again 500 ms later: the partitions begin at eight moments of that window.
#[cfg_attr(feature = "planted-bugs", should_panic(expected = "records were left out"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_beginning_far_away_leaves_nothing_out() {
    let _turn = PROXIED.lock().await;
    let proxied = harness::service("FOREBAY_TEST_KAFKA_PROXIED");
    let proxy = Proxy::start(&proxied, &harness::service("FOREBAY_TEST_KAFKA_PROXIED_TO")).await;
    let near = open().await;
    let topic = topic(&near, PARTITIONS).await;
    for index in 0..PARTITIONS {
        let Begin::At(progress) = at(&topic, Offset(0)) else {
            unreachable!("`at` returns `Begin::At`")
        };
        let partition = schemas::record::Partition {
            index,
            ..progress.partition
        };
        publish(&near.log, &topic, record("k", "wakes the topic")).await;
        for n in 0..RECORDS {
            let published = near.log.publish_to(&partition, record("k", n.to_string())).await;
            published.expect("durable");
        }
    }

    let far = KafkaLog::connect(Config {
        brokers: proxied,
        ..config()
    })
    .expect("valid settings");
    // New records all the time: there are always unread records before what librdkafka takes for the end of the log.
    let busy = tokio::spawn({
        let (near, topic) = (connect(), topic.clone());
        async move {
            for n in 0.. {
                let partition = schemas::record::Partition {
                    topic: topic.clone(),
                    index: n % PARTITIONS,
                };
                near.publish_to(&partition, record("k", "x".repeat(500)))
                    .await
                    .expect("durable");
            }
        }
    });
    let mut left_out = Vec::new();
    for round in 0..ROUNDS {
        proxy.slow(RTT);
        let all = usize::try_from(PARTITIONS).expect("few");
        let mut member = Member::join(&far, &topic, &group(), Start::Earliest, all).await;
        let readers = std::mem::take(&mut member.readers)
            .into_iter()
            .map(|(index, mut reader)| async move {
                // Beginning takes some five round trips: together this covers the retry and three round trips after it,
                // in steps of a quarter of one.
                let late = RTT.mul_f64(f64::from(index * ROUNDS + round) / 4.0);
                tokio::time::sleep(late).await;
                within("the beginning", reader.begin(Begin::Oldest))
                    .await
                    .expect("a beginning");
                let (mut expected, end) = (Offset(0), tokio::time::Instant::now() + Duration::from_secs(3));
                while let Ok(batch) = tokio::time::timeout_at(end, reader.next_batch(100)).await {
                    for stored in batch.expect("records").expect("still assigned") {
                        if stored.offset != expected {
                            return Some((index, expected, stored.offset));
                        }
                        expected = expected.next();
                    }
                }
                None
            });
        left_out.extend(futures_util::future::join_all(readers).await.into_iter().flatten());
        proxy.open();
        member.close().await;
    }
    busy.abort();
    assert!(left_out.is_empty(), "records were left out: {left_out:?}");
}

/// A round trip bounds the latency, and must not bound the rate: five requests in flight, each of one partition, are 50
/// a second.
#[cfg(not(feature = "planted-bugs"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_of_100_ms_takes_200_records_a_second_to_twelve_partitions() {
    let _turn = PROXIED.lock().await;
    let proxied = harness::service("FOREBAY_TEST_KAFKA_PROXIED");
    let proxy = Proxy::start(&proxied, &harness::service("FOREBAY_TEST_KAFKA_PROXIED_TO")).await;
    let near = open().await;
    let topic = topic(&near, 12).await;
    let far = KafkaLog::connect(Config {
        brokers: proxied,
        // Twice the default and more: other tests share the broker and the machine.
        publish_timeout_ms: 5000,
        ..config()
    })
    .expect("valid settings");
    publish(&far, &topic, record("k", "finds the leaders")).await;
    proxy.slow(Duration::from_millis(100));
    let far = std::sync::Arc::new(far);
    let mut publishing = Vec::new();
    for n in 0..1_000_u32 {
        let (far, topic) = (std::sync::Arc::clone(&far), topic.clone());
        publishing.push(tokio::spawn(async move {
            let record = record(&format!("key {}", n % 500), "x".repeat(1_000));
            far.publish(&topic, record).await
        }));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for published in publishing {
        published.await.expect("no panic").expect("acknowledged in time");
    }
}
