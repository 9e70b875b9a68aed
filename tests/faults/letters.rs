//! The dead letters of a topic, read from the brokers directly.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(20);

/// A dead letter.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) target: String,
    pub(crate) reason: String,
    /// Where the record was.
    pub(crate) position: String,
    pub(crate) value: Vec<u8>,
}

/// Returns all dead letters that the topic has now.
pub(crate) fn dead_letters(brokers: &str, topic: &str) -> Vec<Letter> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "faults-reads");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("metadata");
    let (mut left, mut from) = (0, TopicPartitionList::new());
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition.id(), PATIENCE)
            .expect("an answer");
        left += high - low;
        from.add_partition_offset(topic, partition.id(), Offset::Beginning)
            .expect("an offset");
    }
    consumer.assign(&from).expect("assigned");
    let mut letters = Vec::new();
    while left > 0 {
        let message = consumer.poll(PATIENCE).expect("a record in time").expect("a record");
        let header = |name: &str| {
            let mut headers = message.headers().into_iter().flat_map(|headers| headers.iter());
            let value = headers
                .find(|header| header.key == name)
                .and_then(|header| header.value);
            String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
        };
        letters.push(Letter {
            target: header("fb_target"),
            reason: header("fb_reason"),
            position: header("fb_position"),
            value: message.payload().unwrap_or_default().to_vec(),
        });
        left -= 1;
    }
    letters
}
