//! What all courses share: one broker, one server of databases, one producer.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use schemas::record::Record;

use crate::services::{ONE, POSTGRES, Services};

/// The services, and a producer that writes a part of the history as one batch.
pub(crate) struct Site {
    pub(crate) kafka: String,
    pub(crate) postgres: String,
    producer: FutureProducer,
}

impl Site {
    pub(crate) fn start() -> Self {
        let variables = Services::of_this_program().start(&[ONE, POSTGRES]);
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &variables["KAFKA"])
            .set("linger.ms", "50")
            .set("enable.idempotence", "true");
        Self {
            producer: config.create().expect("a producer"),
            kafka: variables["KAFKA"].clone(),
            postgres: variables["POSTGRES"].clone(),
        }
    }

    /// Publishes records in their order; all are durable when this returns.
    pub(crate) async fn publish(&self, topic: &str, records: &[Record]) {
        let mut sent = Vec::new();
        for record in records {
            let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, header| {
                headers.insert(Header {
                    key: &header.name,
                    value: Some(&header.value[..]),
                })
            });
            let message = FutureRecord::to(topic)
                .partition(0)
                .key(&record.key[..])
                .payload(&record.value[..])
                .headers(headers);
            let queued = self.producer.send_result(message).map_err(|(error, _)| error);
            sent.push(queued.expect("queued"));
        }
        for delivery in sent {
            let waited = tokio::time::timeout(Duration::from_secs(30), delivery).await;
            waited
                .expect("in time")
                .expect("an answer")
                .map_err(|(error, _)| error)
                .expect("published");
        }
    }

    /// Waits until nothing is queued any more.
    pub(crate) fn flush(&self) {
        use rdkafka::producer::Producer as _;
        self.producer
            .flush(Timeout::After(Duration::from_secs(10)))
            .expect("flushed");
    }
}
