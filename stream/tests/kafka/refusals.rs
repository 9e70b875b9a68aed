//! What a cluster refuses, and what it lacks: every error names the address or the topic, and what to do.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::mocking::MockCluster;
use schemas::log::{Administer, LogError, Publish, Start, Subscribe, Subscription};
use schemas::secret::Secret;
use stream::kafka::{Config, KafkaLog};

use crate::bad_days::{name, silent_broker};
use crate::conformance::{group, record, spec, within};
use crate::{brokers, config, connect, refusing_broker};

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

/// Trying again does not correct a wrong password.
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
