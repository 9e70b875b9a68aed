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
use super::catalog::PartitionState;
use super::config::Config;
use super::open;
use super::progress::GroupId;
use super::retention::{self, Bounds};
use super::shared::Shared;

/// Bounds of one transaction: beyond them a commit would keep its publishers waiting for long.
const GROUP_RECORDS: usize = 1024;
const GROUP_BYTES: usize = 8 << 20;

/// How long stored progress waits for a commit that takes it along.
const PROGRESS_DELAY: Duration = Duration::from_millis(200);

/// How often retention looks, and a journal in trouble tries the disk again.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

type Reply<T> = oneshot::Sender<Result<T, LogError>>;

/// What the writer is asked for, in order.
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
    /// Everything before this is settled, progress included.
    Settle(Reply<()>),
    Close(Reply<()>),
}

/// A record on its way.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) partition: Arc<PartitionState>,
    pub(super) record: Record,
    /// When its publisher gives up. What is still queued then is not written: its sender will come again.
    pub(super) deadline: Instant,
    /// The position, or why not.
    pub(super) reply: oneshot::Sender<Result<Position, String>>,
    /// Its bytes of the queue's bound: given back when it is written or refused, not when its publisher gives up.
    pub(super) room: OwnedSemaphorePermit,
}

/// The task that writes, and what it needs for that.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// `None` after an error: the next write connects anew and reads what is really there.
    connection: Option<SqliteConnection>,
    queue: mpsc::Receiver<Command>,
    inserts: Inserts,
    bounds: Bounds,
    max_bytes: u64,
    /// As surveyed last, plus what has been written since.
    used_bytes: u64,
    upkeep_due: Instant,
    progress_due: Option<Instant>,
    /// When the newest record was written: time does not go back inside the journal.
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

    /// Runs until [`Command::Close`], or until nobody is left who could ask.
    pub(super) async fn run(mut self) {
        let mut inbox = Vec::with_capacity(GROUP_RECORDS);
        let mut asked_to_close = None;
        let shared = Arc::clone(&self.shared);
        while asked_to_close.is_none() {
            let due = self
                .progress_due
                .map_or(self.upkeep_due, |due| due.min(self.upkeep_due));
            tokio::select! {
                received = self.queue.recv_many(&mut inbox, GROUP_RECORDS) => {
                    if received == 0 {
                        break;
                    }
                    // Those who were answered a moment ago are about to come again: let them join this group.
                    tokio::task::yield_now().await;
                    while inbox.len() < GROUP_RECORDS
                        && let Ok(command) = self.queue.try_recv()
                    {
                        inbox.push(command);
                    }
                    asked_to_close = self.work(&mut inbox).await;
                }
                () = shared.progress.came(), if self.progress_due.is_none() => {
                    self.progress_due = Some(Instant::now() + PROGRESS_DELAY);
                }
                () = sleep_until(due) => {}
            }
            if self.progress_due.is_some_and(|due| due <= Instant::now()) {
                // On failure it is kept and goes with the next commit; the trouble is logged.
                self.commit(Vec::new()).await.ok();
            }
            if self.upkeep_due <= Instant::now() {
                self.upkeep().await;
            }
        }
        let result = self.finish().await;
        if let Some(reply) = asked_to_close {
            // Whoever asked may have stopped waiting.
            reply.send(result).ok();
        }
    }

    /// Does what is in `inbox`, in order; the reply of [`Command::Close`] if that was among it.
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
        // A reader that nobody polls may keep its connection; that only leaves the write-ahead log to the next start.
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
