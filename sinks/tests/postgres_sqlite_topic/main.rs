//! The sinks `postgres`, `sqlite` and `topic` against a real PostgreSQL, real files and a scripted event log.

#[macro_use]
#[path = "../conformance/mod.rs"]
mod conformance;
mod conforms;
mod cuts;
mod database;
mod events;
mod hours;
mod partitions;
mod partitions_migration;
mod partitions_retention;
mod postgres_bad_days;
mod postgres_failover;
mod postgres_grants;
mod postgres_pooled;
mod postgres_refused;
mod postgres_rights;
mod postgres_setup;
mod postgres_written;
mod progress;
mod proxy;
mod receipts;
mod sqlite;
mod state;
mod ticket_history;
mod topic;
mod variants;
mod views;
