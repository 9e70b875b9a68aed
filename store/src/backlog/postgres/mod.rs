//! The backlog on PostgreSQL, for many processes at once.

mod claim;
mod conditions;
mod database;
mod earlier;
mod fetch;
mod names;
mod outside;
mod owner;
mod sql;
mod statements;
mod writer;

use std::fmt;
use std::sync::{Arc, OnceLock};

use ::database::postgres::Pool;
use schemas::BoxFuture;
use schemas::backlog::{Backlog, BacklogError, Claim, Condition, Finding, Order, TargetRows};
use schemas::name::SinkName;
use schemas::record::{Partition, TopicId};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::Lease;
use claim::PostgresClaim;
use database::Database;
use names::Names;
use owner::Owned;
use writer::Job;

/// The backlog in a PostgreSQL database. Clones share their claims, their writer and their renewals.
///
/// Both tasks are started by the first claim and end once all clones and claims were dropped.
#[derive(Clone)]
pub struct PostgresBacklog {
    shared: Arc<Shared>,
}

/// What all clones and claims share.
struct Shared {
    database: Database,
    owner: Uuid,
    lease: Lease,
    names: Arc<Names>,
    owned: Arc<Owned>,
    writer: OnceLock<mpsc::Sender<Job>>,
    renewing: OnceLock<AbortHandle>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(renewing) = self.renewing.get() {
            renewing.abort();
        }
    }
}

impl PostgresBacklog {
    /// A backlog on the database of this pool, whose tables must be there before something is asked. `owner` is this process,
    /// drawn at its start: two of the same would take each other's partitions.
    pub fn new(pool: Pool, owner: Uuid) -> Self {
        Self::with_lease(pool, owner, Lease::default())
    }

    /// As [`new`](Self::new), with other times. All processes must have the same.
    pub fn with_lease(pool: Pool, owner: Uuid, lease: Lease) -> Self {
        Self {
            shared: Arc::new(Shared {
                database: Database::new(pool),
                owner,
                lease,
                names: Arc::default(),
                owned: Arc::default(),
                writer: OnceLock::new(),
                renewing: OnceLock::new(),
            }),
        }
    }
}

impl Shared {
    /// Returns the way to the task that writes, and starts it if no one has.
    fn writer(&self) -> &mpsc::Sender<Job> {
        self.writer.get_or_init(|| {
            let (sender, jobs) = mpsc::channel(writer::QUEUE);
            let (owned, names) = (Arc::clone(&self.owned), Arc::clone(&self.names));
            tokio::spawn(writer::run(self.database.clone(), self.owner, names, owned, jobs));
            sender
        })
    }
}

impl fmt::Debug for PostgresBacklog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresBacklog")
            .field("owner", &self.owner)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

impl Backlog for PostgresBacklog {
    fn waiting<'a>(&'a self, sink: &'a SinkName) -> BoxFuture<'a, Result<Vec<TargetRows>, BacklogError>> {
        Box::pin(self.targets(sink))
    }

    fn claim<'a>(
        &'a self,
        sink: &'a SinkName,
        partition: &'a Partition,
        topic_id: Option<&'a TopicId>,
    ) -> BoxFuture<'a, Result<Arc<dyn Claim>, BacklogError>> {
        Box::pin(async move {
            let held = self.shared.take(sink, partition, topic_id).await?;
            let claim: Arc<dyn Claim> = Arc::new(PostgresClaim::new(Arc::clone(&self.shared), held));
            Ok(claim)
        })
    }

    fn conditions<'a>(
        &'a self,
        sink: &'a SinkName,
        after: Option<i64>,
    ) -> BoxFuture<'a, Result<Vec<Condition>, BacklogError>> {
        Box::pin(conditions::read(&self.shared.database, sink, after))
    }

    fn note<'a>(
        &'a self,
        sink: &'a SinkName,
        target: &'a str,
        finding: Finding,
    ) -> BoxFuture<'a, Result<Option<Condition>, BacklogError>> {
        Box::pin(conditions::note(&self.shared.database, sink, target, finding))
    }

    fn orders<'a>(&'a self, sink: &'a SinkName, after: i64) -> BoxFuture<'a, Result<Vec<Order>, BacklogError>> {
        Box::pin(conditions::orders(&self.shared.database, sink, after))
    }

    fn newest_order<'a>(&'a self, sink: &'a SinkName) -> BoxFuture<'a, Result<i64, BacklogError>> {
        Box::pin(conditions::newest_order(&self.shared.database, sink))
    }
}
