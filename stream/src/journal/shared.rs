//! What the writer, the publishers and the readers of one journal share.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use schemas::log::LogError;
use schemas::name::{GroupName, TopicName};
use sqlx::SqlitePool;
use tokio_util::sync::CancellationToken;

use super::catalog::Catalog;
use super::failure::{Severity, cause, describe, severity};
use super::metrics::Metrics;
use super::progress::PendingProgress;

/// The state that writer, publishers and readers of one journal share.
#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    pub(super) catalog: Catalog,
    /// Connections that only read.
    pub(super) pool: SqlitePool,
    pub(super) progress: PendingProgress,
    pub(super) metrics: Metrics,
    /// Cancelled when the journal is closed: readers end.
    pub(super) closed: CancellationToken,
    condition: Mutex<Condition>,
    /// The groups that have their one member in this process.
    members: Mutex<HashSet<(TopicName, GroupName)>>,
}

/// The result of the last write.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Healthy,
    /// It failed, and the next may succeed; the reason.
    Passing(String),
    /// It failed, and so will every write until the journal is opened again; the reason.
    Lasting(String),
}

impl Shared {
    pub(super) fn new(path: &Path, pool: SqlitePool) -> Self {
        Self {
            path: path.to_owned(),
            catalog: Catalog::default(),
            pool,
            progress: PendingProgress::default(),
            metrics: Metrics::default(),
            closed: CancellationToken::new(),
            condition: Mutex::new(Condition::Healthy),
            members: Mutex::default(),
        }
    }

    /// The journal and its folder, for messages.
    pub(super) fn name(&self) -> String {
        format!("journal `{}`", self.path.display())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The error to return when a reading connection fails.
    pub(super) fn read_error(&self, error: &sqlx::Error) -> LogError {
        LogError::Unavailable(describe(&self.path, error))
    }

    /// Returns why the last write failed, if it did.
    pub(super) fn problem(&self) -> Option<String> {
        match &*locked(&self.condition) {
            Condition::Healthy => None,
            Condition::Passing(why) | Condition::Lasting(why) => Some(why.clone()),
        }
    }

    /// Returns why every write fails until the journal is opened again, if that is so.
    pub(super) fn lasting_problem(&self) -> Option<String> {
        match &*locked(&self.condition) {
            Condition::Lasting(why) => Some(why.clone()),
            Condition::Healthy | Condition::Passing(_) => None,
        }
    }

    /// Notes that a write succeeded.
    pub(super) fn set_healthy(&self) {
        let mut condition = locked(&self.condition);
        if matches!(*condition, Condition::Passing(_)) {
            tracing::info!(journal = %self.path.display(), "the journal accepts records again");
            *condition = Condition::Healthy;
        }
    }

    /// Notes that the journal takes no records, for example because it is full. Logged once until it recovers.
    pub(super) fn set_problem(&self, why: &str) {
        let mut condition = locked(&self.condition);
        if matches!(*condition, Condition::Healthy) {
            tracing::warn!(journal = %self.path.display(), error = why, "the journal refuses records for now");
        }
        if !matches!(*condition, Condition::Lasting(_)) {
            *condition = Condition::Passing(why.to_owned());
        }
    }

    /// Notes that a write failed, and returns the reason.
    pub(super) fn set_failed(&self, error: &sqlx::Error) -> String {
        let mut why = cause(error);
        match severity(error) {
            Severity::Passing => self.set_problem(&why),
            Severity::Lasting => {
                why.push_str("; the disk cannot be trusted, restart to read what it actually holds");
                tracing::error!(journal = %self.path.display(), error = why, "the journal refuses everything from now on");
                *locked(&self.condition) = Condition::Lasting(why.clone());
            }
        }
        why
    }

    /// Adds the one member of the group in this process; returns `false` if there is one already.
    pub(super) fn add_member(&self, topic: &TopicName, group: &GroupName) -> bool {
        locked(&self.members).insert((topic.clone(), group.clone()))
    }

    pub(super) fn remove_member(&self, topic: &TopicName, group: &GroupName) {
        locked(&self.members).remove(&(topic.clone(), group.clone()));
    }
}

/// What these locks guard is never left half-changed, so a panic elsewhere does not matter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
