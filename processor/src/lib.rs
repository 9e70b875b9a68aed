//! Event log to deliveries. **This crate depends on no sink and no log**, only on their contracts in `schemas`; CI
//! proves it.
//!
//! The path of one event, for one sink (each sink is its own consumer group, so none holds up another):
//!
//! ```text
//! StoredRecord ──Event::decode──► Event ──Router::route──► Delivery ──Sink::deliver──► Outcome ──Progress──► stored offset
//!                     │                                                  │ retry: again later, with backoff
//!                     └──────────── not an event ──► dead letter ◄───────┘ rejected, or tried often enough
//! ```
//!
//! * [`route`]: an event's deliveries to one sink, by the rules of the crate [`rules`]
//! * [`worker`]: joins the group; `tasks` starts and stops one `partition` task each
//! * `flight`: the work in flight of a partition; [`settle`]: how far it is settled, in order
//! * [`failure`]: when a delivery is tried again, what is given up, and when to stop rather than give up everything
//! * [`config`], [`metrics`], `observed`, [`status`]: the settings, and what can be observed
//! * [`operations`]: events about endpoints, published and read
//! * `troubles`, `holding`: what is logged, once for all partitions
//!
//! The guarantee: an offset is stored only when every delivery of every record before it is settled, that is delivered,
//! or written to the dead-letter topic. So every event is delivered at least once or is a dead letter, whichever
//! process dies at any time. Deliveries of equal partition key to one target are made in order: one that waits for its
//! next attempt holds back those after it, and nothing else, until `window_records` records of the partition are in
//! flight.

pub mod config;
mod error;
pub mod failure;
mod flight;
mod health;
mod holding;
pub mod metrics;
mod observed;
pub mod operations;
mod partition;
pub mod route;
mod rows;
pub mod settle;
mod shared;
pub mod status;
mod targets;
mod tasks;
mod troubles;
pub mod worker;

pub use config::Config;
pub use error::WorkerError;
pub use metrics::Metrics;
pub use schemas::schedule::Schedule;
pub use shared::Log;
pub use status::Status;
pub use worker::Worker;
