//! Operational events: what happens to endpoints, published to a topic of their own, and read by every sink beside the events.
//!
//! ```text
//! Operations::report ──bounded queue──► Publishing ──► topic of operations ──WithOperations──► worker, rules, sinks
//! ```
//!
//! A report never waits, whatever the state of the event log. An event about an endpoint may be bound for that same endpoint: it
//! waits there like any other delivery. That makes no loop, because an endpoint that fails already does not begin to fail again.

mod metrics;
mod publish;
mod read;

pub use metrics::OperationsMetrics;
pub use publish::{Publishing, publisher};
pub use read::WithOperations;
