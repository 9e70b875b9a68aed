//! Event log to deliveries. **This crate knows no sink and no log**, only their contracts in `schemas`; CI proves it.
//!
//! The way of one event, for one sink (each sink is its own consumer group, so none holds up another):
//!
//! ```text
//! StoredRecord ──Event::decode──► Event ──Router::route──► Delivery ──Sink::deliver──► Outcome ──Progress──► stored offset
//!                     │                                                  │ retry: again later, with backoff
//!                     └──────────── not an event ──► dead letter ◄───────┘ rejected, or tried often enough
//! ```
//!
//! * [`route`]: an event's deliveries to one sink, by the rules of the crate [`rules`]
//! * [`worker`]: joins the group; `tasks` starts and stops one `partition` task each
//! * `flight`: what of a partition is under way; [`settle`]: how far it is settled, in order
//! * [`retry`]: when to try again; `trouble`: what of that is told; [`valve`]: when to stop rather than to dead-letter
//!   everything
//! * [`config`], [`metrics`], `canary_ages`, [`status`]: what goes in, and what can be seen from outside
//!
//! What is promised: an offset is stored only when every delivery of every record before it is settled, that is
//! delivered, or written to the dead-letter topic. So every event is delivered at least once or is a dead letter, whatever
//! dies when. Deliveries of equal partition key to one target are made in order: one that waits for its next try holds
//! back those behind it, and nothing else, until `window_records` records of the partition are under way.

mod canary_ages;
pub mod config;
mod dead_letters;
mod error;
mod flight;
pub mod metrics;
mod partition;
pub mod retry;
pub mod route;
pub mod settle;
pub mod status;
mod tasks;
mod trouble;
pub mod valve;
pub mod worker;

pub use config::{Config, InvalidConfig};
pub use error::WorkerError;
pub use metrics::Metrics;
pub use status::Status;
pub use worker::{Log, Worker};
