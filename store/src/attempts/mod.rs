//! The attempt log: every attempt in a table by day, written in batches, dropped after its retention.
//!
//! [`AttemptLog::record`] puts an attempt into a queue of bounded size and returns; a [`Writer`], which is one task of the
//! process, takes them from there in batches. While the database is away the queue fills, and what does not fit is counted and
//! dropped: the log is there for people, and no delivery waits for it.
//!
//! An attempt is written once, except where the answer of the database was lost: the batch is written again then, and its rows may
//! be there twice.

mod bounds;
mod config;
mod failure;
mod metrics;
mod postgres;
mod queue;
mod read;
mod sqlite;
mod states;
mod table;
mod troubles;
mod writer;

use std::sync::Arc;

use prometheus_client::registry::Registry;
use schemas::attempt::AttemptLog;
use sqlx::SqlitePool;

pub use config::Config;
pub use postgres::keep_partitions;
pub(crate) use postgres::partitions_ahead;
pub use read::{ReadError, Reader, Row};
pub use states::{DeliveryState, State};
pub use writer::Writer;

use metrics::Metrics;
use queue::Queue;
use table::Table;

/// The attempt log in PostgreSQL. The tables are those of `migrations/postgres/0002_attempts.sql`. Nothing is written until the
/// [`Writer`] runs. To be called once per registry.
pub fn postgres(
    pool: ::database::postgres::Pool,
    config: &Config,
    metrics: &mut Registry,
) -> (Arc<dyn AttemptLog>, Writer) {
    let table = postgres::Table::new(pool, config);
    open(Table::Postgres(table), config, metrics)
}

/// The attempt log in SQLite. The tables are those of `migrations/sqlite/0002_attempts.sql`. Nothing is written until the
/// [`Writer`] runs. To be called once per registry.
pub fn sqlite(pool: SqlitePool, config: &Config, metrics: &mut Registry) -> (Arc<dyn AttemptLog>, Writer) {
    let table = sqlite::Table::new(pool, config);
    open(Table::Sqlite(table), config, metrics)
}

fn open(table: Table, config: &Config, registry: &mut Registry) -> (Arc<dyn AttemptLog>, Writer) {
    let queue = Arc::new(Queue::new(config, Metrics::register(registry)));
    let writer = Writer::new(Arc::clone(&queue), table);
    (queue, writer)
}

/// Registers the metrics with one series of each, for the reference page: which there are, and which labels they have.
pub fn example_metrics(registry: &mut Registry) {
    Metrics::register(registry).example();
}
