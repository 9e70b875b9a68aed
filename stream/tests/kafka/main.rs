//! The conformance suite on real Kafka, and what only Kafka has: groups of several members, brokers that are down.

#[macro_use]
#[path = "../conformance/mod.rs"]
mod conformance;
mod bad_days;
mod holes;
mod rebalance;
mod refusals;
mod refusing_broker;
mod slow_broker;
mod topic_identity;

use std::collections::BTreeMap;
use std::process::Command;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset as KafkaOffset, TopicPartitionList};
use schemas::BoxFuture;
use schemas::log::EventLog;
use schemas::record::{Offset, Partition};
use schemas::secret::Secret;
use stream::kafka::{Config, KafkaLog};

/// The address of the tests' Kafka.
fn brokers() -> String {
    harness::service("FOREBAY_TEST_KAFKA")
}

fn config() -> Config {
    let properties = [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "500")];
    Config {
        brokers: brokers(),
        properties: properties
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Secret::new(*v)))
            .collect::<BTreeMap<_, _>>(),
        // The suite runs many tests at once on a machine that does other things as well.
        publish_timeout_ms: 10_000,
        request_timeout_ms: 15_000,
        max_record_bytes: 300_000,
        ..Config::default()
    }
}

fn connect() -> KafkaLog {
    KafkaLog::connect(config()).expect("a valid configuration")
}

struct Kafka {
    log: KafkaLog,
}

fn open() -> std::future::Ready<Kafka> {
    std::future::ready(Kafka { log: connect() })
}

impl conformance::Harness for Kafka {
    fn log(&self) -> &dyn EventLog {
        &self.log
    }

    fn restart(&mut self) -> BoxFuture<'_, ()> {
        self.log = connect();
        Box::pin(std::future::ready(()))
    }

    fn trim<'a>(&'a mut self, partition: &'a Partition, before: Offset) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
                .set("bootstrap.servers", brokers())
                .create()
                .expect("an admin client");
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(partition.topic.as_str(), partition.index, KafkaOffset::Offset(before.0))
                .expect("an offset");
            let deleted = admin
                .delete_records(&list, &AdminOptions::new())
                .await
                .expect("an answer");
            for element in deleted.elements() {
                element.error().expect("deleted records");
            }
        })
    }

    fn max_record_bytes(&self) -> u32 {
        config().max_record_bytes
    }

    fn child(&mut self) -> BoxFuture<'_, Command> {
        let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
        command.args(["--exact", "killed_writer", "--nocapture"]);
        Box::pin(std::future::ready(command))
    }
}

conformance_suite!(open(), std::future::ready(connect()));
