//! Why a worker ends.

use schemas::log::LogError;
use schemas::name::{SinkName, TopicName};
use schemas::record::{Partition, Position};

/// Why a worker ended, other than by being told to. Each wants an operator, or a restart.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The event log, beyond what passes by itself.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nearly all deliveries fail: stopped before more of them become dead letters.
    #[error(
        "sink `{sink}` failed {failures} of the last {outcomes} deliveries for good, so the worker stopped before making \
         more dead letters; the last reason: {reason}; mend the cause and start again (key `valve_percent`)"
    )]
    Valve {
        /// The sink whose deliveries fail.
        sink: SinkName,
        /// How many failed.
        failures: usize,
        /// Of how many.
        outcomes: usize,
        /// Why the last one did.
        reason: String,
    },
    /// A dead letter that the log will never take; its record is not settled.
    #[error(
        "sink `{sink}` gave up the record {position}, and its dead letter is more than topic `{topic}` takes \
         ({limit_bytes} bytes): raise that topic's record size above that of the events"
    )]
    DeadLetterTooLarge {
        /// The sink that gave the record up.
        sink: SinkName,
        /// The topic of dead letters.
        topic: TopicName,
        /// The original record.
        position: Position,
        /// What the topic takes.
        limit_bytes: usize,
    },
    /// The sink broke its contract; a bug of the sink.
    #[error("sink `{sink}` answered {outcomes} outcomes for {deliveries} deliveries; this is a bug of the sink")]
    Contract {
        /// The sink that broke its contract.
        sink: SinkName,
        /// What it was given.
        deliveries: usize,
        /// What came back.
        outcomes: usize,
    },
    /// The task of a partition broke down; a bug of the sink or of ours. Nothing unsettled was stored.
    #[error("the task of {partition} for sink `{sink}` broke down: {reason}")]
    Panicked {
        /// The sink that the task delivered to.
        sink: SinkName,
        /// The partition of the task.
        partition: Partition,
        /// What the panic said.
        reason: String,
    },
}
