//! Brokers that are down, producers that break, groups that expel members, records that expire.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use schemas::log::{Change, LogError, LostBecause, Membership, Publish, PublishError, Start};
use schemas::name::TopicName;
use schemas::record::Offset;
use stream::kafka::{Config, KafkaLog};

use crate::conformance::{Harness, Member, PATIENCE, begin, group, join, publish, read, record, topic, values, within};
use crate::{config, open};

/// A listener and its address, where nothing answers: bound, and never accepted from.
pub(crate) fn silent_broker() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

pub(crate) fn name(text: &str) -> TopicName {
    text.parse().expect("a valid name")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_ends_in_time_while_no_broker_answers() {
    let (_silent, brokers) = silent_broker();
    let log = KafkaLog::connect(Config {
        brokers,
        publish_timeout_ms: 700,
        ..Config::default()
    })
    .expect("no broker is asked");
    let started = Instant::now();
    let error = log
        .publish(&name("t"), record("k", "v"))
        .await
        .expect_err("no broker answers");
    let took = started.elapsed();
    assert!(matches!(error, PublishError::Unavailable { .. }), "{error}");
    assert!(
        took >= Duration::from_millis(650) && took < Duration::from_millis(1500),
        "{took:?}"
    );
}

/// A full queue refuses sooner than the time-out, and it does not grow: neither with one key nor with many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_ends_in_time_while_the_queue_is_full() {
    type Key = fn(usize) -> String;
    let keys: [Key; 2] = [|_| "k".to_owned(), |n| n.to_string()];
    for key in keys {
        let config = |brokers| Config {
            queue_max_records: 100,
            ..slow_config(brokers)
        };
        assert_eq!(refused_for_lack_of_room(config, key, "").await, 200);
    }
}

/// The bytes of the queue are bounded as well, over all keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_ends_in_time_while_the_bytes_of_the_queue_are_used_up() {
    let config = |brokers| Config {
        max_record_bytes: 100_000,
        queue_max_bytes: 1_000_000,
        ..slow_config(brokers)
    };
    // A little more than 10 000 bytes each: 99 fit.
    let refused = refused_for_lack_of_room(config, |n| n.to_string(), &"v".repeat(10_000)).await;
    assert_eq!(refused, 201);
}

fn slow_config(brokers: String) -> Config {
    Config {
        brokers,
        publish_timeout_ms: 1000,
        ..Config::default()
    }
}

/// Publishes 300 records that no broker takes, within 2 s; returns how many were refused because too many waited.
async fn refused_for_lack_of_room(
    config: impl FnOnce(String) -> Config,
    key: fn(usize) -> String,
    value: &str,
) -> usize {
    let (_silent, brokers) = silent_broker();
    let log = KafkaLog::connect(config(brokers)).expect("no broker is asked");
    let topic = name("t");
    let started = Instant::now();
    let results = join_all((0..300).map(|n| log.publish(&topic, record(&key(n), format!("{n}{value}"))))).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    let reasons: Vec<_> = results
        .into_iter()
        .map(|r| r.expect_err("no broker answers").to_string())
        .collect();
    reasons.iter().filter(|r| r.contains("too many records wait")).count()
}

/// The reader is slow, retention is not: the next record is deleted, and the reader returns an error after what it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_expire_under_a_slow_reader_stop_it_loudly() {
    let mut harness = open().await;
    harness.log = KafkaLog::connect(Config {
        read_ahead_bytes: 64 * 1024,
        ..config()
    })
    .expect("a valid configuration");
    let topic = topic(&harness, 1).await;
    let mut large = record("k", "");
    large.value = Bytes::from(vec![b'x'; 20_000]);
    large.headers[0].name = Cow::Borrowed("large");
    let mut partition = None;
    for _ in 0..40 {
        partition = Some(publish(harness.log(), &topic, large.clone()).await.partition);
    }
    let partition = partition.expect("40 records");
    let mut member = join(harness.log(), &topic, &group(), Start::Earliest).await;
    // One batch is here: so the partition is being fetched, and is paused after a few records.
    let first = read(member.reader(), 1).await;
    assert_eq!(first[0].offset, Offset(0));
    harness.trim(&partition, Offset(30)).await;
    let mut expected = 1;
    let error = loop {
        match within("records or the error", member.reader().next_batch(1)).await {
            Ok(batch) => {
                let batch = batch.expect("still assigned");
                assert_eq!(batch[0].offset, Offset(expected), "no hole before the error");
                expected += 1;
            }
            Err(error) => break error,
        }
    };
    match error {
        LogError::ProgressLost {
            stored,
            why: LostBecause::OutOfRange { earliest, end },
            ..
        } => {
            assert_eq!((stored, earliest, end), (Offset(expected), Offset(30), Offset(40)));
        }
        other => panic!("not reported as lost: {other}"),
    }
    member.close().await;
}

/// Connects to a cluster inside this process, for the behaviour of the client only: it proves nothing about durability.
fn mock(cluster: &MockCluster<'_, impl rdkafka::client::ClientContext>, topic: &TopicName) -> KafkaLog {
    cluster.create_topic(topic.as_str(), 1, 1).expect("a topic");
    let config = Config {
        brokers: cluster.bootstrap_servers(),
        publish_timeout_ms: 1000,
        ..config()
    };
    KafkaLog::connect(config).expect("a valid configuration")
}

async fn until_published(log: &KafkaLog, topic: &TopicName) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = log.publish(topic, record("k", "again")).await {
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_producer_is_replaced() {
    let cluster = MockCluster::new(1).expect("a cluster");
    let topic = name("broken");
    let log = mock(&cluster, &topic);
    publish(&log, &topic, record("k", "0")).await;
    // For an idempotent producer with one record in flight this is fatal.
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
    let refused = log
        .publish(&topic, record("k", "1"))
        .await
        .expect_err("the producer breaks");
    assert!(matches!(refused, PublishError::Unavailable { .. }), "{refused}");
    until_published(&log, &topic).await;
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = log.ready(&topic).await {
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_and_reading_go_on_when_brokers_come_back() {
    let cluster = MockCluster::new(1).expect("a cluster");
    let topic = name("away");
    let log = mock(&cluster, &topic);
    publish(&log, &topic, record("k", "before")).await;
    let mut member = join(&log, &topic, &Membership::Alone, Start::Earliest).await;
    assert_eq!(values(member.reader(), 1).await, ["before"]);
    cluster.broker_down(1).expect("down");
    let started = Instant::now();
    log.publish(&topic, record("k", "lost"))
        .await
        .expect_err("no broker answers");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    cluster.broker_up(1).expect("up");
    until_published(&log, &topic).await;
    // A refused record may still have arrived; an acknowledged one has.
    while values(member.reader(), 1).await != ["again"] {}
    member.close().await;
}

/// An expelled member's partitions may already belong to another: it may store no progress.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expelled_member_loses_its_partitions_and_stores_nothing() {
    let cluster = MockCluster::new(1).expect("a cluster");
    let topic = name("expelled");
    let log = mock(&cluster, &topic);
    for n in 0..3 {
        publish(&log, &topic, record("k", n.to_string())).await;
    }
    let membership = group();
    let mut member = join(&log, &topic, &membership, Start::Earliest).await;
    read(member.reader(), 3).await;
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    cluster.request_errors(RDKafkaApiKey::Heartbeat, &[unknown]);
    match within("the loss", member.consumer.next()).await.expect("a change") {
        Change::Lost(partitions) => assert_eq!(partitions.len(), 1),
        change => panic!("expelled, and yet: {change:?}"),
    }
    member.reader().store(Offset(3)).expect("does nothing");
    assert!(member.reader().next_batch(1).await.expect("no error").is_none());
    // It joins again on its own, as a new owner.
    match within("the assignment", member.consumer.next())
        .await
        .expect("a change")
    {
        Change::Assigned(mut readers) => {
            begin(&mut *readers[0]).await;
            assert_eq!(values(&mut *readers[0], 3).await, ["0", "1", "2"]);
        }
        change => panic!("no new assignment: {change:?}"),
    }
    member.close().await;
    let last = Member::join(&log, &topic, &membership, Start::Earliest, 1).await;
    let lag = within("the lag", last.consumer.lag()).await.expect("a lag");
    assert_eq!(lag[0].1, 3, "nothing was settled");
    last.close().await;
}
