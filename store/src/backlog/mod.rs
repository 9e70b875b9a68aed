//! The backlog. A stand-in with the agreed signatures: it is never available.

use std::sync::Arc;

use schemas::BoxFuture;
use schemas::backlog::{Backlog, BacklogError, Claim, Condition, Finding, Order};
use schemas::name::SinkName;
use schemas::record::{Partition, TopicId};
use sqlx::{PgPool, SqlitePool};
use uuid::Uuid;

/// The backlog in PostgreSQL.
#[derive(Debug)]
pub struct PostgresBacklog;

impl PostgresBacklog {
    /// The backlog of the process `owner`.
    pub fn new(pool: PgPool, owner: Uuid) -> Self {
        drop((pool, owner));
        Self
    }
}

/// The backlog in SQLite.
#[derive(Debug)]
pub struct SqliteBacklog;

impl SqliteBacklog {
    /// The backlog of one process.
    pub fn new(pool: SqlitePool) -> Self {
        drop(pool);
        Self
    }
}

fn away<T: Send + 'static>() -> BoxFuture<'static, Result<T, BacklogError>> {
    Box::pin(async { Err(BacklogError::Unavailable("there is no backlog yet".to_owned())) })
}

impl Backlog for PostgresBacklog {
    fn claim<'a>(
        &'a self,
        _: &'a SinkName,
        _: &'a Partition,
        _: Option<&'a TopicId>,
    ) -> BoxFuture<'a, Result<Arc<dyn Claim>, BacklogError>> {
        away()
    }

    fn conditions<'a>(
        &'a self,
        _: &'a SinkName,
        _: Option<i64>,
    ) -> BoxFuture<'a, Result<Vec<Condition>, BacklogError>> {
        away()
    }

    fn note<'a>(
        &'a self,
        _: &'a SinkName,
        _: &'a str,
        _: Finding,
    ) -> BoxFuture<'a, Result<Option<Condition>, BacklogError>> {
        away()
    }

    fn orders<'a>(&'a self, _: &'a SinkName, _: i64) -> BoxFuture<'a, Result<Vec<Order>, BacklogError>> {
        away()
    }

    fn newest_order<'a>(&'a self, _: &'a SinkName) -> BoxFuture<'a, Result<i64, BacklogError>> {
        away()
    }
}

impl Backlog for SqliteBacklog {
    fn claim<'a>(
        &'a self,
        _: &'a SinkName,
        _: &'a Partition,
        _: Option<&'a TopicId>,
    ) -> BoxFuture<'a, Result<Arc<dyn Claim>, BacklogError>> {
        away()
    }

    fn conditions<'a>(
        &'a self,
        _: &'a SinkName,
        _: Option<i64>,
    ) -> BoxFuture<'a, Result<Vec<Condition>, BacklogError>> {
        away()
    }

    fn note<'a>(
        &'a self,
        _: &'a SinkName,
        _: &'a str,
        _: Finding,
    ) -> BoxFuture<'a, Result<Option<Condition>, BacklogError>> {
        away()
    }

    fn orders<'a>(&'a self, _: &'a SinkName, _: i64) -> BoxFuture<'a, Result<Vec<Order>, BacklogError>> {
        away()
    }

    fn newest_order<'a>(&'a self, _: &'a SinkName) -> BoxFuture<'a, Result<i64, BacklogError>> {
        away()
    }
}
