//! The store: where deliveries to endpoints wait, and where attempts are noted.

use std::sync::Arc;

use anyhow::Context as _;
use prometheus_client::registry::Registry as Metrics;
use schemas::attempt::AttemptLog;
use schemas::backlog::Backlog;
use store::Tables;
use store::attempts::Writer;

/// The parts of the store that a process uses.
pub(crate) struct Store {
    pub(crate) backlog: Arc<dyn Backlog>,
    pub(crate) attempts: Arc<dyn AttemptLog>,
    /// What writes the attempts.
    pub(crate) writer: Writer,
    pub(crate) tables: Arc<Tables>,
}

/// The store that the configuration names, if it names one. PostgreSQL is not waited for; a SQLite file is made where it is missing.
pub(crate) async fn store(config: Option<&store::Config>, metrics: &mut Metrics) -> anyhow::Result<Option<Store>> {
    let Some(config) = config else { return Ok(None) };
    let tables = Tables::open(config).await.context("`store`")?;
    let (attempts, writer) = tables.attempts(metrics);
    Ok(Some(Store {
        backlog: tables.backlog(),
        attempts,
        writer,
        tables: Arc::new(tables),
    }))
}
