//! PostgreSQL: settings of a connection, the server that they name, rights, migrations.

mod config;
mod connection;
mod database_server;
mod migrate;
mod rights;
mod sql;
mod url;

pub use config::Config;
pub use connection::{InUse, within};
pub use database_server::{DatabaseServer, Owner};
pub use migrate::{Then, Waits, check, migrate, nothing_more, pending};
pub use rights::{KnownGood, check as check_rights};
