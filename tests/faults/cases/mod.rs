//! The cases, by what fails. Those that are too long for `./run test` are ignored there.

mod broker;
mod database;
mod everything;
mod named_points;
mod network;
mod processes;
mod progress;
mod removed;
mod sick;
mod slow;
mod three_brokers;
