//! The sink `postgres`: every event one row of the table `event`, exactly once.
//!
//! `event` has partitions by ranges of ids, which the sink makes and drops (see `partitions`).
//!
//! A batch is one transaction: rows through `UNNEST`, sorted by id, `ON CONFLICT DO NOTHING`, then the tables of current
//! state, the counts of hours, the receipts and the progress. A row that PostgreSQL refuses is found by halving and answered as
//! rejected; the rest is stored. The insert returns which rows are new: these count. The others repeat stored events; whether they
//! say something else is asked only where there are such.

mod config;
mod hours;
mod migrate;
mod partitions;
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
use database::postgres::{DatabaseServer, InUse, KnownGood, Pool, check, check_rights, within};
use schemas::BoxFuture;
use schemas::event::Event;
use schemas::id::EventId;
use schemas::name::SinkName;
use schemas::setting::Invalid;
use schemas::sink::{Batch, Handling, KeepsProgress, Outcome, Sink, Target, Unavailable};

pub use config::{Compression, Config};
pub use database::Migrated;
pub use database::postgres::{Pooler, Waits, Which};
pub use migrate::{grants, migrate, migrate_within, pending, script};
pub use partitions::Period;
pub use rights::For;

use crate::state::StateTables;
use crate::table::{Forgetting, Metrics, Plan};
use partitions::Keeper;

/// Writes events to PostgreSQL.
#[derive(Debug)]
pub struct PostgresSink {
    name: SinkName,
    pool: Pool,
    server: Arc<DatabaseServer>,
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
    partitions: Keeper,
    metrics: Metrics,
}

impl PostgresSink {
    /// Checks the configuration and makes the sink. Connects when first used: a server that is away shows in
    /// [`ready`](Sink::ready) and in deliveries, each bounded by `connect_timeout_ms`.
    ///
    /// Must be called inside a tokio runtime, which looks after the pool of connections.
    pub fn connect(config: &Config, name: SinkName, metrics: Metrics) -> Result<Self, Vec<Invalid>> {
        let server = Arc::new(config.server()?);
        let pool = server.pool();
        let partitions = Keeper::new(name.clone(), Arc::clone(&server), config.partitions(), metrics.clone());
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
            partitions,
            metrics,
        })
    }

    /// Begins to look after the partitions of `event`: makes those of the days to come, and drops what is older than events are kept,
    /// now and every hour, until the sink is dropped. The first batch begins with it too.
    ///
    /// Must be called inside a tokio runtime.
    pub fn look_after_partitions(&self) {
        self.partitions.begin();
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
        let mut connection = self.pool.acquire().await.map_err(|e| self.down(&e))?;
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
        if partitions::is_missing(error) {
            return self.unavailable(self.partitions.no_partition());
        }
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
            self.partitions.begin();
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
            // The pool asks a session whether its server takes writes before it hands it out.
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
            checked.map_err(|e| self.unavailable(e.to_string()))?;
            let trouble = within(self.answer_timeout, self.partitions.trouble(&mut connection)).await;
            let trouble = trouble.map_err(|e| self.down(&e))?;
            connection.done();
            match trouble {
                None => Ok(()),
                Some(reason) => Err(self.unavailable(reason)),
            }
        })
    }
}
