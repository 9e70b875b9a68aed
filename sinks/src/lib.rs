//! Deliveries to the world: each module is one way of carrying out [`schemas::sink::Sink`].
//!
//! The way of one event: the processor routes it, asks [`targets`](schemas::sink::Sink::targets) who gets it, and hands
//! batches of deliveries of one partition to [`deliver`](schemas::sink::Sink::deliver), which answers one outcome each.
//!
//! * [`postgres`] and [`sqlite`]: a batch becomes [`table`] rows (sorted by id, each event once, text made storable) and is
//!   written in one transaction together with the progress
//! * [`state`]: the tables of current state, which both databases keep beside the rows
//! * [`http`]: a signed request to every endpoint that wants the event
//! * [`topic`]: the record as it is, into a named topic of the event log

pub mod http;
mod order;
pub mod postgres;
pub mod sqlite;
pub mod state;
pub mod table;
pub mod topic;
