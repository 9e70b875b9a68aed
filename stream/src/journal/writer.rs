//! The one task that writes: groups what is queued into transactions, and does the upkeep between them.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use schemas::log::{LogError, TopicSpec};
use schemas::name::GroupName;
use schemas::record::{Offset, Partition, Position, Record};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::append::{Inserts, Row};
use super::catalog::PartitionState;
use super::config::Config;
use super::open;
use super::progress::GroupId;
use super::retention::{self, Bounds, Cut, Limit, now_ms};
use super::shared::Shared;
use super::topics;

/// Bounds of one transaction: beyond them a commit would keep its publishers waiting for long.
const GROUP_RECORDS: usize = 1024;
const GROUP_BYTES: usize = 8 << 20;

/// How long stored progress waits for a commit that takes it along.
const PROGRESS_DELAY: Duration = Duration::from_millis(200);

/// How often retention looks, and a journal in trouble tries the disk again.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// What a row takes in the file beside its bytes, roughly.
const ROW_BYTES: u64 = 64;

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
}

/// See the module.
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

    /// One transaction, and an answer to each publisher.
    async fn append(&mut self, group: Vec<Append>) {
        let now = Instant::now();
        let (group, late): (Vec<Append>, _) = group.into_iter().partition(|a| a.deadline > now);
        refuse(late, "it waited in the queue for longer than `publish_timeout_ms`");
        if group.is_empty() {
            return;
        }
        let (group, too_much) = self.admit(group).await;
        let whole = too_much.is_empty();
        if !whole {
            let why = format!(
                "journal full: {} of {} bytes are records younger than their retention that not every group of their \
                 topic has read; raise `journal.max_bytes`, or let the groups catch up",
                self.used_bytes, self.max_bytes
            );
            self.shared.set_trouble(&why);
            refuse(too_much, &why);
        }
        if group.is_empty() {
            return;
        }
        self.newest_ms = self.newest_ms.max(now_ms());
        let mut ends: HashMap<i64, (Arc<PartitionState>, Offset)> = HashMap::new();
        let mut rows = Vec::with_capacity(group.len());
        let mut answers = Vec::with_capacity(group.len());
        let mut bytes = 0;
        for append in group {
            let (_, end) = ends
                .entry(append.partition.id.0)
                .or_insert_with(|| (Arc::clone(&append.partition), append.partition.extent().end));
            let offset = *end;
            *end = offset.next();
            bytes += taken_bytes(&append.record);
            rows.push(Row::new(append.partition.id, offset, self.newest_ms, append.record));
            answers.push((append.partition, offset, append.reply));
        }
        let records = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        match self.commit(rows).await {
            Ok(()) => {
                self.used_bytes += bytes;
                self.shared.metrics.records.inc_by(records);
                self.shared.metrics.commits.inc();
                if whole {
                    self.shared.set_well();
                }
                for (partition, end) in ends.into_values() {
                    partition.set_end(end);
                }
                for (partition, offset, reply) in answers {
                    let partition = partition.partition.clone();
                    // A publisher may have gone; its record is kept.
                    reply.send(Ok(Position { partition, offset })).ok();
                }
            }
            Err(why) => {
                for (_, _, reply) in answers {
                    reply.send(Err(why.clone())).ok();
                }
            }
        }
    }

    /// Those for which there is room, and those for which there is not.
    async fn admit(&mut self, group: Vec<Append>) -> (Vec<Append>, Vec<Append>) {
        let wanted: u64 = group.iter().map(|a| taken_bytes(&a.record)).sum();
        // The figure is an estimate, and there may be something to delete: look before refusing.
        if self.used_bytes + wanted > self.max_bytes {
            for _ in 0..4 {
                let deleted = self.retain().await.unwrap_or(false);
                if !deleted || self.used_bytes + wanted <= self.max_bytes {
                    break;
                }
            }
        }
        let mut used = self.used_bytes;
        let mut group = group;
        let fitting = group.iter().take_while(|a| {
            used += taken_bytes(&a.record);
            used <= self.max_bytes
        });
        let too_much = group.split_off(fitting.count());
        (group, too_much)
    }

    /// Writes records and all pending progress; after an error nothing of it is kept.
    async fn commit(&mut self, rows: Vec<Row>) -> Result<(), String> {
        self.progress_due = None;
        let progress = self.shared.progress.take();
        if rows.is_empty() && progress.is_empty() {
            return Ok(());
        }
        let result = match self.take_connection().await {
            Ok(mut connection) => {
                let written = self.inserts.write(&mut connection, rows, &progress).await;
                self.give_back(connection, written).await
            }
            Err(why) => Err(why),
        };
        if result.is_err() {
            self.shared.progress.give_back(progress);
        }
        result
    }

    /// Everything that is not a record; publishers wait meanwhile.
    async fn administer(&mut self, command: Command) {
        // Whoever asked may have stopped waiting: then nobody hears the answer.
        match command {
            Command::EnsureTopics { topics, reply } => {
                let result = self.ensure_topics(&topics).await;
                reply.send(result).ok();
            }
            Command::JoinGroup { topic, group, reply } => {
                let result = self
                    .join_group(topic, &group)
                    .await
                    .map_err(|why| self.unavailable(&why));
                reply.send(result).ok();
            }
            Command::Trim {
                partition,
                before,
                reply,
            } => {
                let result = self.trim(&partition, before).await;
                reply.send(result).ok();
            }
            Command::Settle(reply) => {
                let result = self.commit(Vec::new()).await.map_err(|why| self.unavailable(&why));
                reply.send(result).ok();
            }
            Command::Append(_) | Command::Close(_) => unreachable!("`work` takes these itself"),
        }
    }

    async fn ensure_topics(&mut self, topics: &[TopicSpec]) -> Result<(), LogError> {
        let mut connection = self.take_connection().await.map_err(|why| self.unavailable(&why))?;
        let result = topics::ensure(&self.shared, &mut connection, topics).await;
        self.give_back(connection, result)
            .await
            .map_err(|why| self.unavailable(&why))?
    }

    /// What the group's former member has stored is on disk before the new one begins.
    async fn join_group(&mut self, topic: i64, group: &GroupName) -> Result<GroupId, String> {
        self.commit(Vec::new()).await?;
        let mut connection = self.take_connection().await?;
        let result = topics::join_group(&mut connection, topic, group).await;
        self.give_back(connection, result).await
    }

    async fn trim(&mut self, partition: &Partition, before: Offset) -> Result<(), LogError> {
        let topic = self.shared.catalog.topic(&partition.topic);
        let state = topic.and_then(|t| t.partitions.get(usize::try_from(partition.index).ok()?).cloned());
        let Some(state) = state else {
            let name = self.shared.name();
            return Err(LogError::Misconfigured(format!(
                "there is no partition {partition} in {name}"
            )));
        };
        while state.extent().earliest < before.min(state.extent().end) {
            let cut = Cut {
                partition: state.id,
                earliest: state.extent().earliest,
                limit: Limit::Offset(before),
            };
            let mut connection = self.take_connection().await.map_err(|why| self.unavailable(&why))?;
            let result = retention::step(&mut connection, cut).await;
            let earliest = self
                .give_back(connection, result)
                .await
                .map_err(|why| self.unavailable(&why))?;
            self.moved(&state, earliest);
        }
        Ok(())
    }

    /// Retention, and whether a journal in trouble takes records again.
    async fn upkeep(&mut self) {
        let began = Instant::now();
        // A failure is kept as the journal's condition, and this comes again.
        let deleted = self.retain().await.unwrap_or(false);
        // While there is more to delete, the writer spends at most a quarter of its time on it.
        let pause = if deleted {
            (began.elapsed() * 3).min(UPKEEP_EVERY)
        } else {
            UPKEEP_EVERY
        };
        self.upkeep_due = Instant::now() + pause;
        let room = self.used_bytes < self.max_bytes - self.max_bytes / 64;
        if self.shared.trouble().is_some() && room && self.probe().await.is_ok() {
            self.shared.set_well();
        }
    }

    /// Writes what changes nothing.
    async fn probe(&mut self) -> Result<(), String> {
        let mut connection = self.take_connection().await?;
        let result = sqlx::query("PRAGMA user_version = 1").execute(&mut connection).await;
        self.give_back(connection, result).await?;
        Ok(())
    }

    /// One step of retention; whether it has deleted something.
    async fn retain(&mut self) -> Result<bool, String> {
        let mut connection = self.take_connection().await?;
        let result = retention::run(&mut connection, self.bounds, now_ms()).await;
        let ran = self.give_back(connection, result).await?;
        self.used_bytes = ran.used_bytes;
        self.shared.metrics.used_bytes.set(ran.used_bytes);
        let Some((partition, earliest)) = ran.moved else {
            return Ok(false);
        };
        if let Some(state) = self.shared.catalog.partition(partition) {
            self.moved(&state, earliest);
        }
        Ok(true)
    }

    fn moved(&self, state: &PartitionState, earliest: Offset) {
        let records = earliest.0 - state.extent().earliest.0;
        self.shared.metrics.expired.inc_by(u64::try_from(records).unwrap_or(0));
        state.set_earliest(earliest);
    }

    /// The connection, made anew after an error; to be given back with the result of what was done with it.
    async fn take_connection(&mut self) -> Result<SqliteConnection, String> {
        if let Some(why) = self.shared.lasting_trouble() {
            return Err(why);
        }
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let connected = async {
            let mut connection = open::reconnect_writer(self.shared.path()).await?;
            self.shared.catalog.refresh(&mut connection).await?;
            Ok(connection)
        };
        connected.await.map_err(|e| self.shared.set_failed(&e))
    }

    /// After an error the connection is not used again: whether its transaction is still open depends on the error.
    async fn give_back<T>(
        &mut self,
        connection: SqliteConnection,
        result: Result<T, sqlx::Error>,
    ) -> Result<T, String> {
        match result {
            Ok(value) => {
                self.connection = Some(connection);
                Ok(value)
            }
            Err(error) => {
                let why = self.shared.set_failed(&error);
                // Closing rolls back. It can fail only as the write did.
                connection.close().await.ok();
                Err(why)
            }
        }
    }

    async fn finish(mut self) -> Result<(), LogError> {
        let result = self.commit(Vec::new()).await.map_err(|why| self.unavailable(&why));
        self.queue.close();
        self.shared.closed.cancel();
        // A reader that nobody polls may keep its connection; that only leaves the write-ahead log to the next start.
        timeout(Duration::from_secs(2), self.shared.pool.close()).await.ok();
        if let Some(connection) = self.connection {
            // Every commit is on disk already; this only tidies up.
            connection.close().await.ok();
        }
        drop(self.lock);
        result
    }

    fn unavailable(&self, why: &str) -> LogError {
        LogError::Unavailable(format!("{}: {why}", self.shared.name()))
    }
}

fn refuse(group: Vec<Append>, why: &str) {
    for append in group {
        // A publisher that has given up does not hear it.
        append.reply.send(Err(why.to_owned())).ok();
    }
}

fn taken_bytes(record: &Record) -> u64 {
    u64::try_from(record.size_bytes())
        .unwrap_or(u64::MAX)
        .saturating_add(ROW_BYTES)
}
