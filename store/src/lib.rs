//! Tables that are not events, on PostgreSQL and on SQLite, with one suite of tests for both: the backlog, in which deliveries
//! wait, and the attempt log.

pub mod attempts;
pub mod backlog;
mod config;
mod migrate;
mod tables;

pub use config::{Config, Sqlite};
pub use migrate::{grants, migrate, pending, script};
pub use tables::Tables;
