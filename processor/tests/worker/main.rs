//! Workers as a whole, on an event log in memory and with scripted sinks: routing, delivery, settling, shutdown, trouble.

mod accounts;
mod apart;
mod backlog;
mod blind;
mod changes;
mod dead_letters;
mod deaths;
mod deliver;
mod lasting;
mod nothing_lost;
mod operations;
mod partitions;
mod route;
mod stage;
mod trouble;
