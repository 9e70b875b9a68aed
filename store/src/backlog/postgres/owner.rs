//! Which partitions this process owns: they are claimed one by one and renewed together.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use schemas::backlog::BacklogError;
use schemas::name::SinkName;
use schemas::record::{Partition, TopicId};
use sqlx::Row as _;
use sqlx::postgres::PgBindIterExt as _;

use super::Shared;
use super::database::{Database, LIMIT};
use super::sql;
use crate::backlog::lease::{self, Validity};

/// A partition that was claimed.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) stream: i32,
    pub(super) part: i32,
    pub(super) epoch: i64,
    pub(super) validity: Validity,
}

impl Held {
    /// Stream and partition, by which they are locked and written in order.
    pub(super) fn place(&self) -> (i32, i32) {
        (self.stream, self.part)
    }
}

/// The newest claim of each partition. One that was dropped is not renewed, and so expires.
#[derive(Debug, Default)]
pub(super) struct Owned {
    claims: Mutex<HashMap<(i32, i32), Weak<Held>>>,
}

impl Owned {
    pub(super) fn count(&self) -> usize {
        self.claims.lock().len()
    }

    /// An older claim of the same partition is lost, whichever of the two comes here first.
    fn insert(&self, held: &Arc<Held>) {
        let mut claims = self.claims.lock();
        let other = claims.get(&held.place()).and_then(Weak::upgrade);
        match other {
            Some(other) if other.epoch > held.epoch => held.validity.lose(),
            other => {
                if let Some(other) = other {
                    other.validity.lose();
                }
                claims.insert(held.place(), Arc::downgrade(held));
            }
        }
    }

    /// The claim is lost, or was given up.
    pub(super) fn remove(&self, held: &Held) {
        held.validity.lose();
        let mut claims = self.claims.lock();
        let same = |other: &Weak<Held>| other.upgrade().is_none_or(|other| other.epoch == held.epoch);
        if claims.get(&held.place()).is_some_and(same) {
            claims.remove(&held.place());
        }
    }

    fn all(&self) -> Vec<Arc<Held>> {
        let mut claims = self.claims.lock();
        claims.retain(|_, held| held.strong_count() > 0);
        claims.values().filter_map(Weak::upgrade).collect()
    }
}

impl Shared {
    /// Claims the partition.
    pub(super) async fn take(
        self: &Arc<Self>,
        sink: &SinkName,
        partition: &Partition,
        topic_id: Option<&TopicId>,
    ) -> Result<Arc<Held>, BacklogError> {
        // What was known before may be of tables that are not there any more.
        self.names.forget();
        let topic_id = topic_id.map_or("", TopicId::as_str);
        let stream = find_or_make_stream(&self.database, sink, partition.topic.as_str(), topic_id).await?;
        let mut connection = self.database.connection().await?;
        let sent = lease::now();
        let query = sqlx::query_scalar(sql::CLAIM)
            .bind(stream)
            .bind(partition.index)
            .bind(self.owner)
            .bind(self.lease.length.as_secs_f64());
        let epoch: Option<i64> = self
            .database
            .within(LIMIT, query.fetch_optional(&mut *connection))
            .await?;
        connection.done();
        let held = Arc::new(Held {
            stream,
            part: partition.index,
            epoch: epoch.ok_or(BacklogError::NotOwner)?,
            validity: Validity::until(self.lease.deadline(sent)),
        });
        self.owned.insert(&held);
        self.renewing.get_or_init(|| {
            let renewing = renew_always(Arc::downgrade(self), self.lease.renew_every);
            tokio::spawn(renewing).abort_handle()
        });
        if !topic_id.is_empty() {
            self.take_over_earlier(sink, partition, &held).await?;
        }
        Ok(held)
    }

    /// Renews all claims in one statement.
    async fn renew(&self) -> Result<(), BacklogError> {
        let claims = self.owned.all();
        if claims.is_empty() {
            return Ok(());
        }
        let sent = lease::now();
        let renewed = tokio::time::timeout(self.lease.renew_every, self.renewed(&claims))
            .await
            .unwrap_or_else(|_elapsed| {
                let late = sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
                Err(self.database.unavailable(&late))
            });
        match renewed {
            Ok(renewed) => {
                for held in &claims {
                    if renewed.contains(&(held.stream, held.part, held.epoch)) {
                        held.validity.renewed(self.lease.deadline(sent));
                    } else {
                        self.owned.remove(held);
                    }
                }
                Ok(())
            }
            Err(error) => {
                let now = lease::now();
                for held in &claims {
                    held.validity.not_renewed(now, &error.to_string());
                }
                Err(error)
            }
        }
    }

    async fn renewed(&self, claims: &[Arc<Held>]) -> Result<Vec<(i32, i32, i64)>, BacklogError> {
        let mut connection = self.database.connection().await?;
        let query = sqlx::query(sql::RENEW)
            .bind(self.owner)
            .bind(claims.iter().map(|held| held.stream).bind_iter())
            .bind(claims.iter().map(|held| held.part).bind_iter())
            .bind(claims.iter().map(|held| held.epoch).bind_iter())
            .bind(self.lease.length.as_secs_f64());
        let rows = self.database.within(LIMIT, query.fetch_all(&mut *connection)).await?;
        connection.done();
        let read = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)));
        read.collect::<Result<_, _>>()
            .map_err(|error| self.database.unavailable(&error))
    }
}

/// Renews until everyone has dropped what is renewed; sooner after a failure.
async fn renew_always(shared: Weak<Shared>, every: Duration) {
    let mut pause = every;
    loop {
        tokio::time::sleep(pause).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        pause = match shared.renew().await {
            Ok(()) => every,
            Err(error) => {
                tracing::debug!(%error, "the claims of the backlog were not renewed; trying again");
                every / 5
            }
        };
    }
}

/// Returns the number of the sink and topic, and gives it one if it has none.
pub(super) async fn find_or_make_stream(
    database: &Database,
    sink: &SinkName,
    topic: &str,
    topic_id: &str,
) -> Result<i32, BacklogError> {
    let mut connection = database.connection().await?;
    let mut found = None;
    for made in [false, true] {
        if made {
            let query = sqlx::query(sql::MAKE_STREAM)
                .bind(sink.as_str())
                .bind(topic)
                .bind(topic_id);
            database.within(LIMIT, query.execute(&mut *connection)).await?;
        }
        let query = sqlx::query_scalar(sql::FIND_STREAM)
            .bind(sink.as_str())
            .bind(topic)
            .bind(topic_id);
        found = database.within(LIMIT, query.fetch_optional(&mut *connection)).await?;
        if found.is_some() {
            break;
        }
    }
    connection.done();
    found.ok_or_else(|| database.unavailable(&sqlx::Error::RowNotFound))
}
