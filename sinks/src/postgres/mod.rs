//! The sink `postgres`: every event one row of the table `event`, exactly once.
//!
//! A batch is one transaction: rows through `UNNEST`, sorted by id, `ON CONFLICT DO NOTHING`, then the tables of current
//! state, the receipts and the progress. A row that PostgreSQL refuses is found by halving and answered as rejected; the rest is stored. Where
//! fewer rows went in than there were, the batch repeats stored events: which, and whether they say something else, is asked
//! only then.

mod config;
mod migrate;
mod progress;
mod refusal;
mod rights;
mod sql;
mod state;
mod variants;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use database::Migrations;
use database::postgres::{DatabaseServer, InUse, KnownGood, check, check_rights, within};
use schemas::BoxFuture;
use schemas::event::Event;
use schemas::id::EventId;
use schemas::name::SinkName;
use schemas::setting::Invalid;
use schemas::sink::{Batch, Handling, KeepsProgress, Outcome, Sink, Target, Unavailable};
use sqlx::PgPool;

pub use config::{Compression, Config};
pub use database::Migrated;
pub use database::postgres::Waits;
pub use migrate::{migrate, migrate_within, pending};

use crate::state::StateTables;
use crate::table::{Forgetting, Metrics, Plan};

/// Writes events to PostgreSQL.
#[derive(Debug)]
pub struct PostgresSink {
    name: SinkName,
    pool: PgPool,
    server: DatabaseServer,
    migrations: Migrations,
    /// How long one statement may take as seen from here, so that a server that vanished without a word is noticed.
    answer_timeout: Duration,
    receipt_window_seconds: u32,
    receipt_retention_seconds: u32,
    /// Whether the migrations of the database were found to be ours.
    schema_checked: AtomicBool,
    rights: KnownGood,
    /// The tables of current state that are kept.
    state: StateTables,
    forgetting: Forgetting,
    metrics: Metrics,
}

impl PostgresSink {
    /// Checks the configuration and makes the sink. Connects when first used: a server that is away shows in
    /// [`ready`](Sink::ready) and in deliveries, each bounded by `connect_timeout_ms`.
    ///
    /// Must be called inside a tokio runtime, which looks after the pool of connections.
    pub fn connect(config: &Config, name: SinkName, metrics: Metrics) -> Result<Self, Vec<Invalid>> {
        let server = config.server()?;
        let pool = server.pool();
        Ok(Self {
            name,
            pool,
            answer_timeout: server.answer_timeout(),
            server,
            migrations: migrate::migrations(),
            receipt_window_seconds: config.receipt_window_seconds,
            receipt_retention_seconds: config.receipt_retention_seconds,
            schema_checked: AtomicBool::new(false),
            rights: KnownGood::default(),
            state: config.state.clone(),
            forgetting: Forgetting::default(),
            metrics,
        })
    }

    /// Whether the event is stored.
    pub async fn has(&self, event: EventId) -> Result<bool, Unavailable> {
        let mut connection = self.acquire().await?;
        let query = sqlx::query_scalar(sql::HAS_EVENT).bind(event.uuid());
        let found = within(self.answer_timeout, query.fetch_one(&mut *connection)).await;
        let found = found.map_err(|error| self.broken(&error))?;
        connection.done();
        Ok(found)
    }

    fn unavailable(&self, reason: String) -> Unavailable {
        Unavailable {
            sink: self.name.clone(),
            reason,
        }
    }

    fn down(&self, error: &sqlx::Error) -> Unavailable {
        self.unavailable(self.server.explain(error))
    }

    /// A connection to a database whose migrations are ours.
    async fn acquire(&self) -> Result<InUse, Unavailable> {
        let mut connection = InUse::new(self.pool.acquire().await.map_err(|e| self.down(&e))?);
        if !self.schema_checked.load(Ordering::Relaxed) {
            let checked = check(&mut connection, &self.server, &self.migrations).await;
            let newer = checked.map_err(|e| self.unavailable(e.to_string()))?;
            if let Some(version) = newer.filter(|_| !self.schema_checked.load(Ordering::Relaxed)) {
                tracing::info!(
                    sink = %self.name,
                    "the {} has migration {version} of a newer `forebay`, which this version can work with",
                    self.server.database()
                );
            }
            self.schema_checked.store(true, Ordering::Relaxed);
        }
        Ok(connection)
    }

    /// The error of a connection, which is closed with its drop: no one knows in which state it is.
    fn broken(&self, error: &sqlx::Error) -> Unavailable {
        self.rights.forget();
        self.down(error)
    }
}

impl Sink for PostgresSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn targets(&self, _event: &Event, _argument: Option<&str>) -> Vec<Target> {
        vec![Target::Only]
    }

    fn delivers_apart(&self) -> bool {
        false
    }

    fn handling(&self, _: &Target) -> Option<Arc<Handling>> {
        None
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        Box::pin(async move {
            let started = Instant::now();
            let mut plan = Plan::new(batch);
            let mut connection = self.acquire().await?;
            let written = self.write(&mut connection, &mut plan).await;
            let written = written.map_err(|error| self.broken(&error))?;
            // The batch is stored: a failure here is only logged.
            match self.forget_old_receipts(&mut connection).await {
                Ok(()) => connection.done(),
                Err(error) => {
                    let error = self.broken(&error);
                    tracing::warn!(sink = %self.name, %error, "old receipts were not removed; trying again later");
                }
            }
            let outcomes = plan.outcomes();
            self.metrics
                .batch(&self.name, started.elapsed(), batch, &outcomes, &written);
            Ok(outcomes)
        })
    }

    fn kept_progress(&self) -> Option<&dyn KeepsProgress> {
        Some(self)
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(async move {
            // The pool pings a connection before it hands it out.
            let mut connection = self.pool.acquire().await.map_err(|e| self.down(&e))?;
            if !self.rights.holds() {
                let checked = check_rights(
                    &mut connection,
                    &self.server,
                    &self.migrations,
                    &rights::needed(&self.state),
                )
                .await;
                checked.map_err(|e| self.unavailable(e.to_string()))?;
                self.rights.found();
            }
            let checked = check(&mut connection, &self.server, &self.migrations).await;
            checked.map(drop).map_err(|e| self.unavailable(e.to_string()))
        })
    }
}
