//! The fault harness: the real program on its own real Kafka and PostgreSQL, under load, while processes, brokers and
//! the database are killed, stopped, slowed and restarted. Afterwards it is judged by a ledger: everything that was
//! accepted is exactly one row, reached each receiver, and kept its order; nothing else is stored.
//!
//! `./run test` runs a short form of some cases; the others are marked `ignored` there, only because they are long.
//! `./run faults` runs all of them, long; `./run faults CASE…` those whose name has `CASE` in it. The table goes to
//! standard output and to `target/faults.json`; configurations and logs of each case stay in `target/tmp/faults`.

mod cases;
mod deployment;
mod kafka;
mod letters;
mod once;
mod plan;
mod proxied;
mod records;
mod report;
mod selftest;
mod services;
mod trial;
mod verdict;
