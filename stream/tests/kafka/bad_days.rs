//! Brokers that are down, producers that break, groups that expel members, topics that are weaker than specified.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use schemas::log::{
    Administer, Change, LogError, LostBecause, Membership, Publish, PublishError, Start, Subscribe, Subscription,
};
use schemas::name::TopicName;
use schemas::record::Offset;
use schemas::secret::Secret;
use stream::kafka::{Config, KafkaLog};

use crate::conformance::{
    Harness, Member, PATIENCE, begin, group, join, publish, read, record, spec, topic, values, within,
};
use crate::{brokers, config, connect, open, refusing_broker};

/// A listener and its address, where nothing answers: bound, and never accepted from.
fn silent_broker() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

fn name(text: &str) -> TopicName {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_every_error_names_the_address() {
    let (_silent, brokers) = silent_broker();
    let config = Config {
        brokers: brokers.clone(),
        request_timeout_ms: 300,
        ..Config::default()
    };
    let log = KafkaLog::connect(config).expect("no broker is asked");
    let subscription = Subscription {
        topic: name("t"),
        membership: group(),
        start: Start::Earliest,
    };
    let errors = [
        within("ready", log.ready(&name("t")))
            .await
            .expect_err("no broker answers"),
        within("subscribe", log.subscribe(subscription))
            .await
            .err()
            .expect("no broker answers"),
        within("ensure", log.ensure_topics(&[spec(1, 1000)]))
            .await
            .expect_err("no broker answers"),
        within("check", log.check_topics(&[spec(1, 1000)]))
            .await
            .expect_err("no broker answers"),
    ];
    for error in errors {
        assert!(matches!(error, LogError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains(&brokers), "{error}");
    }
    within("flush", log.flush(Duration::from_millis(100)))
        .await
        .expect("nothing was handed over");
}

/// TLS to a broker that does not use it: librdkafka's hint reaches the operator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_handshake_is_reported() {
    let properties = [("security.protocol".to_owned(), Secret::new("ssl"))];
    let config = Config {
        properties: properties.into(),
        request_timeout_ms: 2000,
        ..config()
    };
    let log = KafkaLog::connect(config).expect("valid properties");
    let error = within("check", log.check_topics(&[spec(1, 1000)]))
        .await
        .expect_err("the broker uses no TLS");
    let text = error.to_string();
    // The library names the handshake, or the state of the connection when the broker closed it, whichever it sees first.
    let handshake = text.contains("SSL handshake") || text.contains("SSL_HANDSHAKE");
    assert!(handshake && text.contains(&brokers()), "{text}");
}

/// Trying again does not mend a wrong password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_credentials_are_a_matter_of_settings() {
    let (listener, brokers) = silent_broker();
    // Ends with the test's process.
    std::thread::spawn(move || refusing_broker::serve(&listener));
    let properties = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "forebay"),
        ("sasl.password", "hunter2"),
    ];
    let properties = properties
        .iter()
        .map(|(k, v)| ((*k).to_owned(), Secret::new(*v)))
        .collect();
    let config = Config {
        brokers: brokers.clone(),
        properties,
        request_timeout_ms: 3000,
        ..Config::default()
    };
    let log = KafkaLog::connect(config).expect("valid properties");
    let subscription = Subscription {
        topic: name("t"),
        membership: group(),
        start: Start::Earliest,
    };
    let errors = [
        within("check", log.check_topics(&[spec(1, 1000)]))
            .await
            .expect_err("wrong password"),
        within("subscribe", log.subscribe(subscription))
            .await
            .err()
            .expect("wrong password"),
        within("ready", log.ready(&name("t")))
            .await
            .expect_err("wrong password"),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(matches!(error, LogError::Misconfigured(_)), "{text}");
        assert!(
            text.contains(&brokers) && text.contains("sasl") && text.contains("no such user"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}

/// librdkafka looks for the topic for half a minute; the publisher does not wait that long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_to_a_missing_topic_says_what_creates_topics() {
    let log = KafkaLog::connect(Config {
        publish_timeout_ms: 1000,
        ..config()
    })
    .expect("valid settings");
    let topic = spec(1, 1000).name;
    let error = log
        .publish(&topic, record("k", "v"))
        .await
        .expect_err("there is no such topic");
    let text = error.to_string();
    for part in [topic.as_str(), &brokers(), "missing", "`forebay migrate`", "a rule"] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

/// Ready means that the topic takes records, not that a broker answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_the_topic_is_not_ready() {
    let cluster = MockCluster::new(1).expect("a cluster");
    let config = Config {
        brokers: cluster.bootstrap_servers(),
        ..config()
    };
    let log = KafkaLog::connect(config).expect("valid settings");
    let reason = within("ready", log.ready(&name("t"))).await.expect_err("no topic");
    assert!(reason.to_string().contains("`t` is missing"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weaker_topics_are_refused() {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .create()
        .expect("an admin client");
    let wanted = spec(1, 200_000);
    let weak = NewTopic::new(wanted.name.as_str(), 1, TopicReplication::Fixed(1))
        .set("retention.ms", "3600000")
        .set("max.message.bytes", "100000")
        .set("cleanup.policy", "compact")
        .set("unclean.leader.election.enable", "true");
    for made in admin
        .create_topics(&[weak], &AdminOptions::new())
        .await
        .expect("an answer")
    {
        made.expect("a new topic");
    }
    let log = connect();
    for result in [
        log.ensure_topics(std::slice::from_ref(&wanted)).await,
        log.check_topics(std::slice::from_ref(&wanted)).await,
    ] {
        let error = result.expect_err("weaker than specified");
        assert!(matches!(error, LogError::Misconfigured(_)), "{error}");
        let parts = [
            wanted.name.as_str(),
            "retention.ms",
            "3600000",
            "604800000",
            "max.message.bytes",
            "100000",
            "200000",
            "cleanup.policy",
            "unclean.leader.election.enable",
        ];
        for part in parts {
            assert!(error.to_string().contains(part), "`{part}` is missing in: {error}");
        }
    }
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
