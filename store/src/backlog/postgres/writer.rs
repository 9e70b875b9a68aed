//! The task that writes: what several claims write at nearly the same time is one transaction.
//!
//! Each transaction begins with the fence: the rows of the claims that still hold are locked, so that whoever wants to claim one
//! of these partitions waits for the end of the transaction and then sees what was written. What belongs to a claim that is lost is
//! left out.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use database::postgres::{Session, within};
use schemas::backlog::{BacklogError, Change};
use sqlx::Row as _;
use sqlx::postgres::PgBindIterExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::database::{Database, LIMIT, is_refusal};
use super::names::Names;
use super::owner::{Held, Owned};
use super::sql;
use super::statements::{self, place};
use crate::backlog::changes::{Run, runs};

/// How many writes may wait; each claim has one at a time.
pub(super) const QUEUE: usize = 64;
/// How long a write waits for those of other claims.
const TOGETHER: Duration = Duration::from_millis(3);
/// With so many changes a transaction is begun.
const ENOUGH: usize = 500;

/// What one claim writes.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) held: Arc<Held>,
    pub(super) changes: Arc<[Change]>,
    pub(super) answer: oneshot::Sender<Result<(), BacklogError>>,
}

/// What the task needs for its transactions.
struct Writer {
    database: Database,
    owner: Uuid,
    names: Arc<Names>,
    owned: Arc<Owned>,
}

/// Writes until no one is left who could send something.
pub(super) async fn run(
    database: Database,
    owner: Uuid,
    names: Arc<Names>,
    owned: Arc<Owned>,
    mut jobs: mpsc::Receiver<Job>,
) {
    let writer = Writer {
        database,
        owner,
        names,
        owned,
    };
    let mut left_over = None;
    loop {
        let first = match left_over.take() {
            Some(job) => job,
            None => match jobs.recv().await {
                Some(job) => job,
                None => return,
            },
        };
        let group;
        (group, left_over) = writer.collect(first, &mut jobs).await;
        writer.write_all(group).await;
    }
}

impl Writer {
    /// Takes what comes within a few milliseconds, while there are claims that have sent nothing. Two writes of one claim are two
    /// transactions: the second is returned apart.
    async fn collect(&self, first: Job, jobs: &mut mpsc::Receiver<Job>) -> (Vec<Job>, Option<Job>) {
        let until = Instant::now() + TOGETHER;
        let mut changes = first.changes.len();
        let mut group = vec![first];
        while changes < ENOUGH && group.len() < self.owned.count() {
            let Ok(Some(job)) = tokio::time::timeout_at(until, jobs.recv()).await else {
                break;
            };
            if group.iter().any(|other| other.held.place() == job.held.place()) {
                return (group, Some(job));
            }
            changes += job.changes.len();
            group.push(job);
        }
        (group, None)
    }

    /// Writes them together, or, where one of them is refused for what it is, each for itself.
    async fn write_all(&self, group: Vec<Job>) {
        match self.write(&group).await {
            Ok(live) => {
                for job in group {
                    let done = if live.contains(&job.held.place()) {
                        Ok(())
                    } else {
                        self.owned.remove(&job.held);
                        self.names.forget();
                        Err(BacklogError::NotOwner)
                    };
                    answer(job, done);
                }
            }
            Err(Failure { refused: true, .. }) if group.len() > 1 => {
                for job in group {
                    Box::pin(self.write_all(vec![job])).await;
                }
            }
            Err(failure) => {
                for job in group {
                    answer(job, Err(failure.error.clone()));
                }
            }
        }
    }

    /// Writes in one transaction what belongs to claims that hold, and returns which these are.
    async fn write(&self, group: &[Job]) -> Result<HashSet<(i32, i32)>, Failure> {
        let database = &self.database;
        let all = || group.iter().flat_map(|job| job.changes.iter());
        let added = all().filter_map(|change| match change {
            Change::Add(waiting) => Some(waiting.target.as_str()),
            Change::Tried { .. } | Change::Remove { .. } => None,
        });
        self.names.make(database, added).await?;
        let changed = all().filter_map(|change| match change {
            Change::Add(_) => None,
            Change::Tried { target, .. } | Change::Remove { target, .. } => Some(target.as_str()),
        });
        self.names.find(database, changed).await?;
        let mut connection = database.connection().await?;
        let mut transaction = database.begin(&mut connection).await?;
        let failed = |error: sqlx::Error| Failure {
            refused: is_refusal(&error),
            error: database.unavailable(&error),
        };
        let live = self.fence(&mut transaction, group).await.map_err(failed)?;
        let names = all().map(|change| match change {
            Change::Add(waiting) => waiting.target.as_str(),
            Change::Tried { target, .. } | Change::Remove { target, .. } => target,
        });
        let checked = self.names.check(&mut transaction, names).await;
        checked.map_err(failed)?;
        let of_claims: Vec<_> = group
            .iter()
            .filter(|job| live.contains(&job.held.place()))
            .map(|job| (job.held.place(), runs(&job.changes)))
            .collect();
        let longest = of_claims.iter().map(|(_, runs)| runs.len()).max().unwrap_or(0);
        for at in 0..longest {
            let these: Vec<_> = of_claims
                .iter()
                .filter_map(|(place, runs)| Some((*place, runs.get(at)?)))
                .collect();
            self.make(&mut transaction, &these).await.map_err(failed)?;
        }
        within(LIMIT, transaction.commit()).await.map_err(failed)?;
        connection.done();
        Ok(live)
    }

    async fn fence(&self, connection: &mut Session, group: &[Job]) -> Result<HashSet<(i32, i32)>, sqlx::Error> {
        let query = sqlx::query(sql::FENCE)
            .bind(self.owner)
            .bind(group.iter().map(|job| job.held.stream).bind_iter())
            .bind(group.iter().map(|job| job.held.part).bind_iter())
            .bind(group.iter().map(|job| job.held.epoch).bind_iter());
        let rows = within(LIMIT, query.fetch_all(connection)).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    async fn make(&self, connection: &mut Session, these: &[((i32, i32), &Run<'_>)]) -> Result<(), sqlx::Error> {
        let (mut added, mut tried, mut removed) = (vec![], vec![], vec![]);
        for (partition, run) in these {
            for waiting in &run.added {
                let target = self.names.require(&waiting.target)?;
                added.push((place(*partition, target, waiting.record.offset), *waiting));
            }
            // What has no number has no rows.
            let placed = |target, offset| Some(place(*partition, self.names.get(target)?, offset));
            let trying = run.tried.iter();
            tried.extend(trying.filter_map(|t| Some((placed(t.target, t.offset)?, *t))));
            let removing = run.removed.iter();
            removed.extend(removing.filter_map(|(target, offset)| placed(target, *offset)));
        }
        statements::insert(connection, sql::ADD, &mut added).await?;
        statements::tried(connection, &mut tried).await?;
        statements::remove(connection, &mut removed).await
    }
}

/// Why nothing was written, as far as is known.
struct Failure {
    error: BacklogError,
    /// Whether it is what was written.
    refused: bool,
}

impl From<BacklogError> for Failure {
    fn from(error: BacklogError) -> Self {
        Self { error, refused: false }
    }
}

fn answer(job: Job, done: Result<(), BacklogError>) {
    // Whoever asked may have gone; it is made or not all the same.
    drop(job.answer.send(done));
}
