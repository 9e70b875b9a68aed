//! The errors that end a worker.

use schemas::log::LogError;
use schemas::name::{SinkName, TopicName};
use schemas::record::{Partition, Position};

/// Why a worker ended without a shutdown. Each error needs an operator, or a restart.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// An error of the event log that does not pass without help.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nearly all deliveries fail: the worker stopped before more of them become dead letters.
    #[error(
        "sink `{sink}` failed {failures} of the last {outcomes} deliveries for good, so the worker stopped before making \
         more dead letters; the last reason: {reason}; fix the cause and start again (key `valve_percent`)"
    )]
    Valve {
        /// The sink whose deliveries fail, and whose worker stopped.
        sink: SinkName,
        /// How many of the last deliveries failed for good.
        failures: usize,
        /// How many of the last deliveries were considered, at most `valve_window`.
        outcomes: usize,
        /// Why the last one failed.
        reason: String,
    },
    /// A dead letter that the log can never accept; its record is not settled.
    #[error(
        "sink `{sink}` gave up the record {position}, and its dead letter is more than topic `{topic}` takes \
         ({limit_bytes} bytes): raise that topic's record size above that of the events"
    )]
    DeadLetterTooLarge {
        /// The sink that gave the record up.
        sink: SinkName,
        /// The topic that dead letters are written to.
        topic: TopicName,
        /// Where the record is that was given up.
        position: Position,
        /// The size limit of the topic.
        limit_bytes: usize,
    },
    /// The sink broke its contract; a bug of the sink.
    #[error("sink `{sink}` returned {outcomes} outcomes for {deliveries} deliveries; this is a bug of the sink")]
    Contract {
        /// The sink that broke its contract.
        sink: SinkName,
        /// How many deliveries it was given.
        deliveries: usize,
        /// How many outcomes it returned.
        outcomes: usize,
    },
    /// Another process has taken the backlog of a partition over: this one was suspended or could not reach the database for too
    /// long. Nothing unsettled was stored.
    #[error(
        "sink `{sink}`: another process has taken over the backlog of {partition}, because this one did not renew its claim in time"
    )]
    BacklogLost {
        /// The sink whose backlog it is.
        sink: SinkName,
        /// The partition whose rows another process has.
        partition: Partition,
    },
    /// The task of a partition panicked; a bug of the sink or of Forebay. Nothing unsettled was stored.
    #[error("the task of {partition} for sink `{sink}` panicked: {reason}")]
    Panicked {
        /// The sink that the task delivered to.
        sink: SinkName,
        /// The partition whose records the task delivered.
        partition: Partition,
        /// The message of the panic, if it was a text.
        reason: String,
    },
}
