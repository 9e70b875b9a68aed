//! An event log in memory that acknowledges, delays or fails as the test says.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use schemas::BoxFuture;
use schemas::event::Event;
use schemas::log::{LogError, Publish, PublishError};
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, Position, Record};
use tokio::sync::watch;

/// Why a log that is away fails.
const AWAY: &str = "broker away";

/// What the log does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Durable at once.
    Acknowledge,
    /// Nothing, until the mode changes.
    Hold,
    /// Durable after a few turns of the runtime, as many as its bytes say: what is not published in turn comes out of order.
    Uneven,
    /// No acknowledgement.
    Down,
    /// No acknowledgement either, and not ready.
    Away,
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
    durable: Mutex<Vec<(TopicName, Record)>>,
    /// What fails next, by the record's value.
    script: Mutex<HashMap<Bytes, PublishError>>,
    asked: Mutex<Vec<TopicName>>,
}

impl TestLog {
    /// An empty log.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode: watch::Sender::new(mode),
            handed_over: Mutex::default(),
            durable: Mutex::default(),
            script: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// Changes the mode; what is held is treated by the new one.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Makes the next publish of a record of this value fail.
    pub fn fail_once(&self, value: Bytes, error: PublishError) {
        self.script.lock().expect("not poisoned").insert(value, error);
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
        let durable = self.durable.lock().expect("not poisoned");
        durable.iter().map(|(_, record)| record.clone()).collect()
    }

    /// Those of one topic.
    pub fn durable_in(&self, topic: &str) -> Vec<Record> {
        let durable = self.durable.lock().expect("not poisoned");
        let of_topic = durable.iter().filter(|(name, _)| name.as_str() == topic);
        of_topic.map(|(_, record)| record.clone()).collect()
    }

    /// The topics that it was asked to be ready for, in order.
    pub fn asked(&self) -> Vec<TopicName> {
        self.asked.lock().expect("not poisoned").clone()
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
                Mode::Away => {
                    let reason = AWAY.to_owned();
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
                Mode::Uneven => {
                    let sum = record.value.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
                    for _ in 0..sum % 7 {
                        tokio::task::yield_now().await;
                    }
                }
                Mode::Acknowledge | Mode::AtMost(_) | Mode::Hold => {}
            }
            let failure = self.script.lock().expect("not poisoned").remove(&record.value);
            if let Some(error) = failure {
                return Err(error);
            }
            let mut durable = self.durable.lock().expect("not poisoned");
            durable.push((topic.clone(), record));
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

    fn ready<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        self.asked.lock().expect("not poisoned").push(topic.clone());
        let answer = if *self.mode.borrow() == Mode::Away {
            Err(LogError::Unavailable(AWAY.to_owned()))
        } else {
            Ok(())
        };
        Box::pin(std::future::ready(answer))
    }

    fn answers<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        self.ready(topic)
    }

    fn flush(&self, _: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }
}
