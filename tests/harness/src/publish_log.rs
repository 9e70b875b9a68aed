//! An event log in memory that acknowledges, delays or fails as the test says.

use std::sync::Mutex;
use std::time::Duration;

use schemas::BoxFuture;
use schemas::event::Event;
use schemas::log::{LogError, Publish, PublishError};
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, Position, Record};
use tokio::sync::watch;

/// What the log does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Durable at once.
    Acknowledge,
    /// Nothing, until the mode changes.
    Hold,
    /// No acknowledgement.
    Down,
    /// Only records of up to so many bytes.
    AtMost(usize),
    /// A bug of ours.
    Panic,
}

/// Keeps what is published, and treats it as its mode says.
#[derive(Debug)]
pub struct TestLog {
    mode: watch::Sender<Mode>,
    handed_over: Mutex<Vec<Record>>,
    durable: Mutex<Vec<Record>>,
}

impl TestLog {
    /// An empty log.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode: watch::Sender::new(mode),
            handed_over: Mutex::default(),
            durable: Mutex::default(),
        }
    }

    /// Changes the mode; what is held is treated by the new one.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Records in the order in which they were handed over.
    pub fn handed_over(&self) -> Vec<Record> {
        self.handed_over.lock().expect("not poisoned").clone()
    }

    /// The same, and forgets them.
    pub fn take(&self) -> Vec<Record> {
        self.durable.lock().expect("not poisoned").clear();
        std::mem::take(&mut *self.handed_over.lock().expect("not poisoned"))
    }

    /// The records that were acknowledged, in order.
    pub fn durable(&self) -> Vec<Record> {
        self.durable.lock().expect("not poisoned").clone()
    }

    /// The durable events, read back.
    pub fn events(&self) -> Vec<Event> {
        let decode = |record: &Record| Event::decode(&record.value).expect("an event");
        self.durable().iter().map(decode).collect()
    }
}

impl Publish for TestLog {
    fn publish<'a>(&'a self, topic: &'a TopicName, record: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(async move {
            self.handed_over.lock().expect("not poisoned").push(record.clone());
            let mut mode = self.mode.subscribe();
            let mode = *mode
                .wait_for(|mode| *mode != Mode::Hold)
                .await
                .expect("the log lives on");
            match mode {
                Mode::Down => {
                    let reason = "broker 10.1.2.3 is down".to_owned();
                    return Err(PublishError::Unavailable { reason });
                }
                Mode::AtMost(limit_bytes) if record.size_bytes() > limit_bytes => {
                    let size_bytes = record.size_bytes();
                    return Err(PublishError::TooLarge {
                        size_bytes,
                        limit_bytes,
                    });
                }
                Mode::Panic => panic!("a bug, on purpose"),
                Mode::Acknowledge | Mode::AtMost(_) | Mode::Hold => {}
            }
            let mut durable = self.durable.lock().expect("not poisoned");
            durable.push(record);
            let partition = Partition {
                topic: topic.clone(),
                index: 0,
            };
            let offset = Offset(i64::try_from(durable.len()).expect("few"));
            Ok(Position { partition, offset })
        })
    }

    fn publish_to<'a>(
        &'a self,
        partition: &'a Partition,
        record: Record,
    ) -> BoxFuture<'a, Result<Position, PublishError>> {
        self.publish(&partition.topic, record)
    }

    fn ready<'a>(&'a self, _: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }

    fn flush(&self, _: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }
}
