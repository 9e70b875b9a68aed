//! The whole program as its users meet it: the commands, the roles on real Kafka and PostgreSQL, and the documents and pages
//! that come with it. One binary, since each would be linked against everything.

#[macro_use]
#[path = "../../sinks/tests/conformance/mod.rs"]
mod conformance;

mod acls;
mod alerts;
mod bad_days;
mod bad_input;
mod by_hand;
mod commands;
mod dashboards;
mod dev;
mod documents;
mod end_to_end;
mod endpoints;
mod exposition;
mod isolation;
mod judging;
mod night;
mod operate;
mod operations;
mod output;
mod packaging;
mod pages;
mod papers;
mod progress;
mod proxied;
mod questions;
mod raw;
mod receivers;
mod rights;
mod rules;
mod secrets;
mod silences;
mod sources;
mod split;
mod state;
mod store;
mod tail;
mod tail_end;
mod tidy;
mod topic;
mod vectors;
