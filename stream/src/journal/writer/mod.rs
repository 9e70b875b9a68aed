//! The one task that writes: groups what is queued into transactions, and does the upkeep between them.

mod administer;
mod connection;
mod group;
mod upkeep;

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use schemas::log::{LogError, TopicSpec};
use schemas::name::GroupName;
use schemas::record::{Offset, Partition, Position, Record};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::append::Inserts;
use super::catalog::WatchedPartition;
use super::config::Config;
use super::open;
use super::progress::GroupId;
use super::retention::{self, Bounds};
use super::shared::Shared;
use crate::queue::Queued;

/// Bounds of one transaction: beyond them a commit would keep its publishers waiting too long.
const GROUP_RECORDS: usize = 1024;
const GROUP_BYTES: usize = 8 << 20;

/// How long stored progress waits for a commit that includes it.
const PROGRESS_DELAY: Duration = Duration::from_millis(200);

/// How often retention runs, and a journal that refuses records tries the disk again.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

type Reply<T> = oneshot::Sender<Result<T, LogError>>;

/// What the writer is asked to do, in order.
#[derive(Debug)]
pub(super) enum Command {
    Append(Append),
    EnsureTopics {
        topics: Vec<TopicSpec>,
        reply: Reply<()>,
    },
    JoinGroup {
        topic: i64,
        group: GroupName,
        reply: Reply<GroupId>,
    },
    Trim {
        partition: Partition,
        before: Offset,
        reply: Reply<()>,
    },
    /// Replies once everything before it is settled, progress included.
    Settle(Reply<()>),
    Close(Reply<()>),
}

/// A record to append, and the publisher that waits for its position.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) partition: Arc<WatchedPartition>,
    pub(super) record: Record,
    /// When its publisher stops waiting. A record still queued then is not written: its sender will try again.
    pub(super) deadline: Instant,
    /// Receives the position, or why the record was not written.
    pub(super) reply: oneshot::Sender<Result<Position, String>>,
    /// Its bytes of the queue's bound: released when it is written or refused, not when its publisher stops waiting.
    pub(super) room: (OwnedSemaphorePermit, Queued),
}

/// The task that writes, and its state.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// `None` after an error: the next write connects again and reads what is actually stored.
    connection: Option<SqliteConnection>,
    queue: mpsc::Receiver<Command>,
    inserts: Inserts,
    bounds: Bounds,
    max_bytes: u64,
    /// As last measured, plus what has been written since.
    used_bytes: u64,
    upkeep_due: Instant,
    progress_due: Option<Instant>,
    /// When the newest record was written: times never go back inside the journal.
    newest_ms: i64,
    /// Holds the write-ahead log open while there is no other connection: closing the last one would copy it into the
    /// file and delete it, and after an error that is the wrong moment.
    keeper: SqliteConnection,
    lock: File,
}

impl Writer {
    pub(super) async fn start(
        config: &Config,
        shared: Arc<Shared>,
        mut connection: SqliteConnection,
        queue: mpsc::Receiver<Command>,
        lock: File,
    ) -> Result<Self, LogError> {
        let loaded = async {
            shared.catalog.refresh(&mut connection).await?;
            retention::used_bytes(&mut connection).await
        };
        let used_bytes = loaded.await.map_err(|e| shared.read_error(&e))?;
        let keeper = open::connect_reader(shared.path()).await?;
        shared.metrics.limit_bytes.set(config.max_bytes);
        shared.metrics.used_bytes.set(used_bytes);
        Ok(Self {
            shared,
            connection: Some(connection),
            queue,
            inserts: Inserts::new(),
            bounds: Bounds {
                max_age_ms: config.max_age_ms(),
                high_water_bytes: config.max_bytes / 10 * 9,
            },
            max_bytes: config.max_bytes,
            used_bytes,
            upkeep_due: Instant::now() + UPKEEP_EVERY,
            progress_due: None,
            newest_ms: 0,
            keeper,
            lock,
        })
    }

    /// Runs until [`Command::Close`], or until all senders of commands are dropped.
    pub(super) async fn run(mut self) {
        let mut inbox = Vec::with_capacity(GROUP_RECORDS);
        let mut close_reply = None;
        let shared = Arc::clone(&self.shared);
        while close_reply.is_none() {
            let due = self
                .progress_due
                .map_or(self.upkeep_due, |due| due.min(self.upkeep_due));
            tokio::select! {
                received = self.queue.recv_many(&mut inbox, GROUP_RECORDS) => {
                    if received == 0 {
                        break;
                    }
                    // Publishers that were just answered are about to publish again: let them join this group.
                    tokio::task::yield_now().await;
                    while inbox.len() < GROUP_RECORDS
                        && let Ok(command) = self.queue.try_recv()
                    {
                        inbox.push(command);
                    }
                    close_reply = self.work(&mut inbox).await;
                }
                () = shared.progress.added(), if self.progress_due.is_none() => {
                    self.progress_due = Some(Instant::now() + PROGRESS_DELAY);
                }
                () = sleep_until(due) => {}
            }
            if self.progress_due.is_some_and(|due| due <= Instant::now()) {
                // On failure progress is kept for the next commit; the failure is logged.
                self.commit(Vec::new()).await.ok();
            }
            if self.upkeep_due <= Instant::now() {
                self.upkeep().await;
            }
        }
        let result = self.finish().await;
        if let Some(reply) = close_reply {
            // The caller may have stopped waiting.
            reply.send(result).ok();
        }
    }

    /// Does what is in `inbox`, in order. Returns the reply channel of [`Command::Close`] if that was in it.
    async fn work(&mut self, inbox: &mut Vec<Command>) -> Option<Reply<()>> {
        let mut group = Vec::with_capacity(inbox.len());
        let mut bytes = 0;
        let mut close = None;
        for command in inbox.drain(..) {
            match command {
                Command::Append(append) => {
                    bytes += append.record.size_bytes();
                    group.push(append);
                    if bytes >= GROUP_BYTES {
                        self.append(std::mem::take(&mut group)).await;
                        bytes = 0;
                    }
                }
                other => {
                    self.append(std::mem::take(&mut group)).await;
                    bytes = 0;
                    match other {
                        Command::Close(reply) => close = Some(reply),
                        other => self.administer(other).await,
                    }
                }
            }
        }
        self.append(group).await;
        close
    }

    async fn finish(mut self) -> Result<(), LogError> {
        let result = self.commit(Vec::new()).await.map_err(|why| self.unavailable(&why));
        self.queue.close();
        self.shared.closed.cancel();
        // A reader that is not polled may keep its connection; that only leaves the write-ahead log to the next start.
        timeout(Duration::from_secs(2), self.shared.pool.close()).await.ok();
        // Every commit is on disk already; this only tidies up.
        self.keeper.close().await.ok();
        if let Some(connection) = self.connection {
            connection.close().await.ok();
        }
        drop(self.lock);
        result
    }

    fn unavailable(&self, why: &str) -> LogError {
        LogError::Unavailable(format!("{}: {why}", self.shared.name()))
    }
}
