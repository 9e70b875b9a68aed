//! The partitions that `tail` reads, each at its own speed: what was in the log at the start is put in the order of time, what
//! comes later is handed out as it comes.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, bail};
use schemas::canary;
use schemas::event::Event;
use schemas::log::PartitionReader;
use schemas::record::{Offset, StoredRecord};
use schemas::time::Timestamp;
use tokio::sync::mpsc;

/// How long a partition may bring nothing although the log holds more. With `--end` that is an error then; otherwise the others
/// go on without it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A record that is to be printed, and the event in it, if it is one.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) partition: i32,
    pub(super) record: StoredRecord,
    pub(super) event: Option<Event>,
}

impl Found {
    fn new(partition: i32, record: StoredRecord) -> Self {
        let event = Event::decode(&record.record.value).ok();
        Self {
            partition,
            record,
            event,
        }
    }

    /// What is no event comes at once.
    fn time(&self) -> Timestamp {
        self.event
            .as_ref()
            .map_or(Timestamp::MIN, |event| event.attributes.time)
    }
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Found(Box<Found>),
    /// Everything that was in the log at the start has been handed out; this comes once.
    CaughtUp,
}

enum Read {
    Record(StoredRecord),
    CaughtUp,
}

struct Lane {
    partition: i32,
    incoming: mpsc::Receiver<anyhow::Result<Read>>,
    /// The next record, while it waits for the others.
    head: Option<Found>,
    caught_up: bool,
}

/// All partitions.
pub(super) struct Lanes {
    all: Vec<Lane>,
    /// Whether nothing is read beyond what was there at the start.
    ends: bool,
    caught_up: bool,
    /// The lane that is asked first, so that none starves.
    turn: usize,
}

impl Lanes {
    pub(super) fn new(ends: bool) -> Self {
        Self {
            all: Vec::new(),
            ends,
            caught_up: false,
            turn: 0,
        }
    }

    /// Adds a partition whose reader has begun. `until` is the end of the log at the start, if there is anything before it to be read.
    pub(super) fn add(&mut self, reader: Box<dyn PartitionReader>, until: Option<Offset>) {
        let (sender, incoming) = mpsc::channel(256);
        self.all.push(Lane {
            partition: reader.partition().index,
            incoming,
            head: None,
            caught_up: until.is_none(),
        });
        if until.is_some() || !self.ends {
            tokio::spawn(read(reader, until, self.ends, sender));
        }
    }

    /// Waits for what comes next. Cancel-safe. Without partitions it waits for ever.
    pub(super) async fn next(&mut self) -> anyhow::Result<Next> {
        if self.all.is_empty() {
            std::future::pending::<()>().await;
        }
        while !self.caught_up {
            if let Some(lane) = self.all.iter_mut().find(|lane| !lane.caught_up && lane.head.is_none()) {
                lane.fill(self.ends).await?;
                continue;
            }
            let waiting = self.all.iter_mut().filter(|lane| lane.head.is_some());
            let earliest = waiting.min_by_key(|lane| lane.head.as_ref().map(Found::time));
            if let Some(found) = earliest.and_then(|lane| lane.head.take()) {
                return Ok(Next::Found(Box::new(found)));
            }
            self.caught_up = true;
            return Ok(Next::CaughtUp);
        }
        loop {
            let (partition, read) = self.any().await;
            match read.transpose()? {
                Some(Read::Record(record)) => return Ok(Next::Found(Box::new(Found::new(partition, record)))),
                Some(Read::CaughtUp) => {}
                None => bail!("the reader of partition {partition} has ended"),
            }
        }
    }

    /// Waits for any of them.
    async fn any(&mut self) -> (i32, Option<anyhow::Result<Read>>) {
        let count = self.all.len();
        self.turn = (self.turn + 1) % count.max(1);
        let (behind, ahead) = self.all.split_at_mut(self.turn);
        poll_fn(|context| {
            for lane in ahead.iter_mut().chain(behind.iter_mut()) {
                if let Poll::Ready(read) = lane.incoming.poll_recv(context) {
                    return Poll::Ready((lane.partition, read));
                }
            }
            Poll::Pending
        })
        .await
    }
}

impl Lane {
    /// Waits for the next record of what was there at the start, or for the end of that. Cancel-safe.
    async fn fill(&mut self, must_end: bool) -> anyhow::Result<()> {
        match tokio::time::timeout(PATIENCE, self.incoming.recv()).await {
            Ok(Some(read)) => match read? {
                Read::Record(record) => self.head = Some(Found::new(self.partition, record)),
                Read::CaughtUp => self.caught_up = true,
            },
            Ok(None) => bail!("the reader of partition {} has ended", self.partition),
            Err(_) if must_end => bail!(
                "partition {} brought nothing for {} s, and the log holds more of it",
                self.partition,
                PATIENCE.as_secs()
            ),
            Err(_) => self.caught_up = true,
        }
        Ok(())
    }
}

async fn read(
    mut reader: Box<dyn PartitionReader>,
    until: Option<Offset>,
    ends: bool,
    sender: mpsc::Sender<anyhow::Result<Read>>,
) {
    let outcome = forward(&mut *reader, until, ends, &sender).await;
    if let Err(error) = outcome {
        // The command has ended when this fails.
        drop(sender.send(Err(error)).await);
    }
}

async fn forward(
    reader: &mut dyn PartitionReader,
    mut until: Option<Offset>,
    ends: bool,
    sender: &mpsc::Sender<anyhow::Result<Read>>,
) -> anyhow::Result<()> {
    let partition = reader.partition().clone();
    while let Some(records) = reader.next_batch(256).await.with_context(|| partition.to_string())? {
        for record in records {
            let offset = record.offset;
            // The record before the end may be missing; the first one after it shows that, too.
            let mut reads = Vec::with_capacity(3);
            if until.is_some_and(|end| offset >= end) {
                until = None;
                reads.push(Read::CaughtUp);
            }
            let beyond = ends && until.is_none();
            if !beyond && canary::sent(&record.record).is_none() {
                reads.push(Read::Record(record));
            }
            if until.is_some_and(|end| offset.next() >= end) {
                until = None;
                reads.push(Read::CaughtUp);
            }
            for read in reads {
                if sender.send(Ok(read)).await.is_err() {
                    return Ok(());
                }
            }
            if ends && until.is_none() {
                return Ok(());
            }
        }
    }
    Ok(())
}
