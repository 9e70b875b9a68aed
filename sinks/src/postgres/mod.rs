//! The sink `postgres`: every event one row of the table `event`, exactly once.
//!
//! A batch is one transaction: rows through `UNNEST`, sorted by id, `ON CONFLICT DO NOTHING`, then the receipts, then the
//! position in the log. A row that PostgreSQL refuses is found by halving and answered as rejected; the rest is stored.

mod config;
mod migrate;
mod refusal;
mod server;
mod sql;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use schemas::BoxFuture;
use schemas::event::Event;
use schemas::name::SinkName;
use schemas::record::{Offset, Partition};
use schemas::sink::{Batch, Outcome, Sink, Target, Unavailable};
use sqlx::Row as _;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Postgres};

pub use config::{Compression, Config};
pub use migrate::migrate;

use crate::table::{Forgetting, Metrics, Plan, SetupError};
use server::Server;

/// Writes events to PostgreSQL.
#[derive(Debug)]
pub struct PostgresSink {
    name: SinkName,
    pool: PgPool,
    server: Server,
    /// How long one statement may take as seen from here, so that a server that vanished without a word is noticed.
    answer_timeout: Duration,
    receipt_window_seconds: u32,
    receipt_retention_seconds: u32,
    /// Whether the migrations of the database were found to be ours.
    schema_checked: AtomicBool,
    forgetting: Forgetting,
    metrics: Metrics,
}

impl PostgresSink {
    /// Checks the configuration and makes the sink. Connects when first used: a server that is away shows in
    /// [`ready`](Sink::ready) and in deliveries, each bounded by `connect_timeout_ms`.
    ///
    /// Must be called inside a tokio runtime, which looks after the pool of connections.
    pub fn connect(config: &Config, name: SinkName, metrics: Metrics) -> Result<Self, SetupError> {
        let server = Server::new(config)?;
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(Duration::from_millis(config.connect_timeout_ms))
            .connect_lazy_with(server.options_for_writing(config));
        Ok(Self {
            name,
            pool,
            server,
            answer_timeout: config.answer_timeout(),
            receipt_window_seconds: config.receipt_window_seconds,
            receipt_retention_seconds: config.receipt_retention_seconds,
            schema_checked: AtomicBool::new(false),
            forgetting: Forgetting::default(),
            metrics,
        })
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
    async fn acquire(&self) -> Result<PoolConnection<Postgres>, Unavailable> {
        let mut connection = self.pool.acquire().await.map_err(|e| self.down(&e))?;
        if !self.schema_checked.load(Ordering::Relaxed) {
            let checked = migrate::check(&mut connection, &self.server, self.answer_timeout).await;
            checked.map_err(|e| self.unavailable(e.to_string()))?;
            self.schema_checked.store(true, Ordering::Relaxed);
        }
        Ok(connection)
    }

    /// The error of a connection, which is not used again: nobody knows in which state it is.
    fn broken(&self, connection: &mut PoolConnection<Postgres>, error: &sqlx::Error) -> Unavailable {
        connection.close_on_drop();
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

    fn check_argument(&self, argument: Option<&str>) -> Result<(), String> {
        crate::table::no_argument(&self.name, argument)
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        Box::pin(async move {
            let started = Instant::now();
            let mut plan = Plan::new(batch);
            let mut connection = self.acquire().await?;
            let written = self.write(&mut connection, batch, &mut plan).await;
            let inserted = written.map_err(|error| self.broken(&mut connection, &error))?;
            // The batch is stored: a failure here is only told.
            if let Err(error) = self.forget_old_receipts(&mut connection).await {
                let error = self.broken(&mut connection, &error);
                tracing::warn!(sink = %self.name, %error, "old receipts were not removed; trying again later");
            }
            let outcomes = plan.outcomes();
            self.metrics.batch(&self.name, started.elapsed(), &outcomes, inserted);
            Ok(outcomes)
        })
    }

    fn position<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Option<Offset>, Unavailable>> {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            let query = sqlx::query(sql::POSITION)
                .bind(self.name.as_str())
                .bind(partition.topic.as_str())
                .bind(partition.index)
                .fetch_optional(&mut *connection);
            let found = write::within(self.answer_timeout, query).await;
            let next = found.and_then(|row| row.map(|row| row.try_get(0)).transpose());
            next.map(|next| next.map(Offset))
                .map_err(|error| self.broken(&mut connection, &error))
        })
    }

    fn checkpoint<'a>(&'a self, partition: &'a Partition, next: Offset) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            let stored = self.store_position(&mut connection, partition, next).await;
            stored.map_err(|error| self.broken(&mut connection, &error))
        })
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(async move {
            // The pool pings a connection before it hands it out.
            let mut connection = self.acquire().await?;
            let checked = migrate::check(&mut connection, &self.server, self.answer_timeout).await;
            checked.map_err(|e| self.unavailable(e.to_string()))
        })
    }
}
