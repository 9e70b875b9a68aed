//! What the writer, the publishers and the readers of one journal see together.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    seats: Mutex<HashSet<(TopicName, GroupName)>>,
}

/// How the last write went.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Well,
    /// May pass, in words.
    Passing(String),
    /// Until the journal is opened anew, in words.
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
            condition: Mutex::new(Condition::Well),
            seats: Mutex::default(),
        }
    }

    /// For messages: journal and folder.
    pub(super) fn name(&self) -> String {
        format!("journal `{}`", self.path.display())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// For an error of a reading connection.
    pub(super) fn read_error(&self, error: &sqlx::Error) -> LogError {
        LogError::Unavailable(describe(&self.path, error))
    }

    /// Why the last write did not go through.
    pub(super) fn trouble(&self) -> Option<String> {
        match &*locked(&self.condition) {
            Condition::Well => None,
            Condition::Passing(why) | Condition::Lasting(why) => Some(why.clone()),
        }
    }

    /// Why no write will go through until the journal is opened anew.
    pub(super) fn lasting_trouble(&self) -> Option<String> {
        match &*locked(&self.condition) {
            Condition::Lasting(why) => Some(why.clone()),
            Condition::Well | Condition::Passing(_) => None,
        }
    }

    /// A write went through.
    pub(super) fn set_well(&self) {
        let mut condition = locked(&self.condition);
        if matches!(*condition, Condition::Passing(_)) {
            tracing::info!(journal = %self.path.display(), "the journal takes records again");
            *condition = Condition::Well;
        }
    }

    /// The journal is full, or the like. Logged once per spell of trouble.
    pub(super) fn set_trouble(&self, why: &str) {
        let mut condition = locked(&self.condition);
        if matches!(*condition, Condition::Well) {
            tracing::warn!(journal = %self.path.display(), error = why, "the journal takes no records for now");
        }
        if !matches!(*condition, Condition::Lasting(_)) {
            *condition = Condition::Passing(why.to_owned());
        }
    }

    /// A write failed; gives the reason in words.
    pub(super) fn set_failed(&self, error: &sqlx::Error) -> String {
        let mut why = cause(error);
        match severity(error) {
            Severity::Passing => self.set_trouble(&why),
            Severity::Lasting => {
                why.push_str("; the disk cannot be trusted, restart to read what it really holds");
                tracing::error!(journal = %self.path.display(), error = why, "the journal refuses everything from now on");
                *locked(&self.condition) = Condition::Lasting(why.clone());
            }
        }
        why
    }

    /// Takes the group's only seat in this process; `false` if it is taken.
    pub(super) fn take_seat(&self, topic: &TopicName, group: &GroupName) -> bool {
        locked(&self.seats).insert((topic.clone(), group.clone()))
    }

    pub(super) fn leave_seat(&self, topic: &TopicName, group: &GroupName) {
        locked(&self.seats).remove(&(topic.clone(), group.clone()));
    }
}

/// What is locked here is never left half-changed, so a panic elsewhere does not matter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
