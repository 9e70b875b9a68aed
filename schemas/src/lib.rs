//! The contracts between the rooms of Forebay: what an event is, how it lies in the event log, and what a log and a
//! sink promise. **This crate does no I/O** and knows no other crate of ours; CI proves both.
//!
//! The way of one event through the types of this crate:
//!
//! ```text
//! ingest:     Envelope ──to_record──► Record ──Publish::publish──► Position
//! processor:  Record ──Event::decode──► Event ──► Delivery ──Sink::deliver──► Outcome
//! ```
//!
//! * [`name`], [`id`], [`time`], [`secret`]: the small checked values everything else is made of
//! * [`data`]: one Rust type per event type; their JSON Schemas are made by [`json_schema`]
//! * [`event`]: the envelope (CloudEvents 1.0) written, and the event read back
//! * [`content`]: whether two bodies say the same, and in what they differ
//! * [`record`]: record, header, partition, offset, position
//! * [`log`]: the traits [`Publish`](log::Publish), [`Subscribe`](log::Subscribe), [`Administer`](log::Administer) and [`PartitionReader`](log::PartitionReader)
//! * [`sink`]: the trait [`Sink`](sink::Sink), deliveries and outcomes; [`schedule`]: when a delivery is tried again
//! * [`backlog`]: where deliveries wait for hours; [`attempt`]: what became of each attempt
//! * [`operations`]: what happened to Forebay itself that someone should know
//! * [`source`], [`endpoint`]: what is registered, and how a stage looks it up; [`preset`]: how each platform proves itself
//! * [`spec`]: sources and endpoints as they are written
//! * [`setting`]: what is wrong with a setting
//! * [`throttle`], [`outage`]: how often a log line may repeat, and what is logged of a failure that lasts
//! * [`series`]: how many series a metric may have

pub mod attempt;
pub mod backlog;
pub mod canary;
pub mod content;
pub mod data;
pub mod dead_letter;
pub mod endpoint;
pub mod event;
pub mod id;
pub mod json_schema;
pub mod log;
pub mod name;
pub mod operations;
pub mod outage;
pub mod platform;
pub mod preset;
pub mod record;
pub mod schedule;
pub mod secret;
pub mod series;
pub mod setting;
pub mod sink;
pub mod source;
pub mod spec;
pub mod spelling;
pub mod throttle;
pub mod time;

use std::future::Future;
use std::pin::Pin;

/// A future of a trait that is used as an object: boxed, sendable, borrowing for `'a`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
