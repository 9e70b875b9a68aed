//! Offsets that a log does not have: the markers of transactions. A reader asks the log before it skips them.

use std::time::Duration;

use prometheus_client::registry::Registry;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use schemas::log::Start;

use crate::conformance::{group, join, numbers, topic, values};
use crate::{brokers, open};

/// Writes 12 records in 4 transactions, and one that is aborted between them.
fn transactions(topic: &str) {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .set("transactional.id", topic)
        .create()
        .expect("a producer");
    let patience = Duration::from_secs(30);
    producer.init_transactions(patience).expect("a transactional producer");
    let send = |value: &str| {
        let record = BaseRecord::to(topic).partition(0).key("k").payload(value);
        producer.send(record).expect("queued");
    };
    for transaction in 0..4 {
        producer.begin_transaction().expect("begun");
        for n in 0..3 {
            send(&(transaction * 3 + n).to_string());
        }
        producer.commit_transaction(patience).expect("committed");
        if transaction == 1 {
            producer.begin_transaction().expect("begun");
            send("aborted");
            producer.abort_transaction(patience).expect("aborted");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_markers_of_transactions_are_holes_that_the_log_confirms() {
    let kafka = open().await;
    let topic = topic(&kafka, 1).await;
    let name = topic.to_string();
    tokio::task::spawn_blocking(move || transactions(&name))
        .await
        .expect("no panic");

    let mut member = join(&kafka.log, &topic, &group(), Start::Earliest).await;
    assert_eq!(values(member.reader(), 12).await, numbers(0..12), "each once, in order");
    member.close().await;

    let mut registry = Registry::default();
    kafka.log.metrics().register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("metrics");
    assert!(text.contains("forebay_kafka_holes_total 3"), "{text}");
    assert!(text.contains("forebay_kafka_skips_total 0"), "{text}");
}
