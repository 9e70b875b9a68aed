//! The event log on Apache Kafka, through librdkafka.
