//! PostgreSQL: settings of a connection, the server that they name, rights, migrations.

mod config;
mod connect;
mod connection;
mod database_server;
mod hosts;
mod migrate;
mod pool;
mod rights;
mod session;
mod sql;
mod url;

pub use config::{Config, Pooler};
pub use connection::{InUse, sqlstate, within};
pub use database_server::{DatabaseServer, Owner};
pub use migrate::{Then, Waits, Which, check, migrate, nothing_more, pending, script};
pub use pool::Pool;
pub use rights::{KnownGood, check as check_rights, grants};
pub use session::{Session, Transaction};
