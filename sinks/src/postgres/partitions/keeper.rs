//! Looks after the partitions while the sink works: from its start or its first batch on, every hour, and when a row has none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::DateTime;
use database::Migrations;
use database::postgres::{DatabaseServer, Session, check, sqlstate, within};
use parking_lot::Mutex;
use schemas::name::SinkName;

use tokio::task::JoinHandle;
use uuid::Uuid;

use super::super::migrate::migrations;
use super::make::{self, Made, spans, table};
use super::period::ms_of;
use super::span::covered_until;
use super::{Settings, retention, sql};
use crate::table::{Metrics, Plan, Upkeep};

/// How often it is looked whether something is to be made or dropped.
const EVERY: Duration = Duration::from_hours(1);
/// How soon again, after something failed.
const AGAIN: Duration = Duration::from_mins(5);
/// How long a detached partition's last readers are waited for. No one waits behind this; another attempt goes on where it ended.
const READERS: Duration = Duration::from_secs(30);
/// How long all of it may take, so that a server that vanished without a word is noticed.
const AT_MOST: Duration = Duration::from_mins(15);
/// An id may be a day ahead of its receipt.
const NEEDED_MS: i64 = 24 * 3600 * 1000;

/// Keeps the partitions of one sink.
#[derive(Debug)]
pub(in crate::postgres) struct Keeper {
    inner: Arc<Inner>,
    task: OnceLock<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    name: SinkName,
    server: Arc<DatabaseServer>,
    migrations: Migrations,
    settings: Settings,
    metrics: Metrics,
    /// The horizon as it was read last: the real one may be higher.
    horizon: Mutex<Uuid>,
    /// Whether it was said that this user may not make partitions.
    said: AtomicBool,
}

impl Keeper {
    pub(in crate::postgres) fn new(
        name: SinkName,
        server: Arc<DatabaseServer>,
        settings: Settings,
        metrics: Metrics,
    ) -> Self {
        let inner = Inner {
            name,
            server,
            migrations: migrations(),
            settings,
            metrics,
            horizon: Mutex::default(),
            said: AtomicBool::new(false),
        };
        Self {
            inner: Arc::new(inner),
            task: OnceLock::new(),
        }
    }

    /// Begins with it, unless it goes on already. Ends with the sink. Must be called inside a tokio runtime.
    pub(in crate::postgres) fn begin(&self) {
        self.task.get_or_init(|| {
            let inner = Arc::clone(&self.inner);
            tokio::spawn(async move {
                loop {
                    let pause = inner.pass().await;
                    tokio::time::sleep(pause).await;
                }
            })
        });
    }

    /// Takes out of the plan what is known to be expired.
    pub(in crate::postgres) fn expire(&self, plan: &mut Plan<'_>) {
        plan.expire((*self.inner.horizon.lock()).into());
    }

    /// After a row of the plan had no partition: makes what is missing, and takes out what is expired.
    pub(in crate::postgres) async fn make_room(
        &self,
        connection: &mut Session,
        plan: &mut Plan<'_>,
    ) -> Result<(), sqlx::Error> {
        let ids: Vec<u128> = plan.rows.iter().map(|row| row.id.uuid().as_u128()).collect();
        let settings = &self.inner.settings;
        let made = match make::for_ids(connection, settings, &ids).await {
            // Who ends the detaching that another one began holds the partition's lock, and waits for all who look.
            Err(error) if is_deadlock(&error) => make::for_ids(connection, settings, &ids).await?,
            made => made?,
        };
        self.inner.learn(&made);
        self.expire(plan);
        Ok(())
    }

    /// Why rows could not be written soon, if that is so: there are no partitions for them, and this user may not make any.
    pub(in crate::postgres) async fn trouble(&self, connection: &mut Session) -> Result<Option<String>, sqlx::Error> {
        let table = table(connection).await?;
        if table.may_make {
            return Ok(None);
        }
        let until = covered_until(&spans(connection).await?, table.now_ms);
        if until.is_some_and(|until| until >= table.now_ms.saturating_add(NEEDED_MS)) {
            return Ok(None);
        }
        let from = DateTime::from_timestamp_millis(until.unwrap_or(table.now_ms)).unwrap_or_default();
        let from = from.format("%Y-%m-%dT%H:%MZ");
        Ok(Some(format!(
            "the table `event` has no partition for rows from {from} on; {}",
            self.way_out()
        )))
    }

    /// Why rows cannot be written that have no partition.
    pub(in crate::postgres) fn no_partition(&self) -> String {
        format!(
            "the table `event` has no partition for rows of this batch; {}",
            self.way_out()
        )
    }

    fn way_out(&self) -> String {
        let server = &self.inner.server;
        format!(
            "run `forebay migrate` as the owner of the table in the {}, which makes partitions for the days to come, every day or so, \
             or make user `{}` a member of the owner",
            server.database(),
            server.user()
        )
    }
}

fn is_deadlock(error: &sqlx::Error) -> bool {
    sqlstate(error).as_deref() == Some("40P01")
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl Inner {
    /// Does what is to be done, and returns how long to wait before the next time.
    async fn pass(&self) -> Duration {
        match within(AT_MOST, self.look_after()).await {
            Ok(pause) => pause,
            Err(error) => {
                let error = self.server.explain(&error);
                self.metrics.upkeep_failed(&self.name);
                tracing::warn!(sink = %self.name, error, "old or coming partitions of `event` wait; trying again in some minutes");
                AGAIN
            }
        }
    }

    async fn look_after(&self) -> Result<Duration, sqlx::Error> {
        let mut connection = self.server.connect_aside(READERS).await?;
        if let Err(error) = check(&mut connection, &self.server, &self.migrations).await {
            // The sink itself says it.
            tracing::debug!(sink = %self.name, %error, "no upkeep before the migrations");
            connection.close().await?;
            return Ok(AGAIN);
        }
        let made = make::ahead(&mut connection, &self.settings).await?;
        self.learn(&made);
        let retained = if made.may_make {
            retention::retain(&mut connection, &self.settings).await
        } else {
            Ok(())
        };
        *self.horizon.lock() = make::horizon(&mut connection).await?;
        self.measure(&mut connection).await?;
        connection.close().await?;
        retained.map(|()| EVERY)
    }

    fn learn(&self, made: &Made) {
        *self.horizon.lock() = made.horizon;
        for name in &made.names {
            tracing::info!(sink = %self.name, "made the partition {name}");
        }
        if !made.may_make && !self.said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                sink = %self.name,
                "user `{}` may not make partitions of `event`, nor drop old ones: run `forebay migrate` as the owner of the table in the \
                 {} every day or so, which does both",
                self.server.user(),
                self.server.database()
            );
        }
    }

    async fn measure(&self, connection: &mut Session) -> Result<(), sqlx::Error> {
        let now_ms = table(connection).await?.now_ms;
        let spans = spans(connection).await?;
        let oldest: Option<Uuid> = sqlx::query_scalar(sql::OLDEST).fetch_optional(connection).await?;
        let upkeep = Upkeep {
            oldest_ms: oldest.map(|id| now_ms.saturating_sub(ms_of(id.as_u128()))),
            partitions: Some(spans.len()),
            ahead_ms: covered_until(&spans, now_ms).map_or(Some(0), |until| Some(until.saturating_sub(now_ms))),
        };
        self.metrics.upkeep(&self.name, &upkeep);
        Ok(())
    }
}
