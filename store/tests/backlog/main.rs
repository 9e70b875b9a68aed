//! The backlog on both databases: one suite for what both promise, and the cases of ownership, which only PostgreSQL has.

mod conformance;
mod deliveries;
mod made_anew;
mod outside;
mod ownership;
mod speed;
mod stage;
mod trouble;
