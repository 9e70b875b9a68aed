//! The event log between the stages, on Apache Kafka and on a journal on local disk.
