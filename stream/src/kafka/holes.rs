//! Holes in the offsets of a partition. Compaction and the markers of transactions leave some, but a reader that takes
//! every jump for one skips records when the client library jumps by mistake. So the log is asked: a separate consumer,
//! which has no history, reads from the expected offset, and the first record it gets is the next one in the log.
//!
//! It is asked on its own thread, started at the first jump; meanwhile only that partition waits.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _, DefaultConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use schemas::record::Offset;

use super::assignment::Assignment;
use super::membership::Shared;
use super::offsets;
use super::properties::creation_error;

/// How long the consumer that asks is kept without a question.
const IDLE: Duration = Duration::from_secs(30);
/// How long to wait before a question without an answer is asked again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to wait for a record that must exist.
const PATIENCE: Duration = Duration::from_secs(10);

/// A jump in a partition: to `found` instead of `expected`.
struct Jump {
    assignment: Arc<Assignment>,
    expected: Offset,
    found: Offset,
    /// Whether the missing answer was logged.
    logged: bool,
}

/// Asks the log about jumps.
#[derive(Debug, Default)]
pub(super) struct Holes(Mutex<Option<Sender<Jump>>>);

impl Holes {
    /// Asks the log for the next offset from `expected` on; the assignment gets the answer.
    pub(super) fn ask(&self, shared: &Arc<Shared>, assignment: Arc<Assignment>, expected: Offset, found: Offset) {
        let mut asker = self.0.lock();
        let jump = Jump {
            assignment,
            expected,
            found,
            logged: false,
        };
        let jump = match &*asker {
            Some(asker) => match asker.send(jump) {
                Ok(()) => return,
                Err(mpsc::SendError(jump)) => jump,
            },
            None => jump,
        };
        // This is the first jump, or the thread has ended.
        let (sender, jumps) = mpsc::channel();
        let assignment = Arc::clone(&jump.assignment);
        sender.send(jump).ok();
        let shared = Arc::downgrade(shared);
        match std::thread::Builder::new()
            .name("kafka-holes".to_owned())
            .spawn(move || run(&shared, &jumps))
        {
            Ok(_) => *asker = Some(sender),
            Err(error) => {
                tracing::error!(%error, "no thread to ask kafka about a hole; the records are fetched again");
                assignment.answered(expected, expected);
            }
        }
    }

    /// Ends the thread once it has nothing to do.
    pub(super) fn close(&self) {
        self.0.lock().take();
    }
}

fn run(shared: &Weak<Shared>, jumps: &Receiver<Jump>) {
    let mut asker = None;
    let mut unanswered: VecDeque<Jump> = VecDeque::new();
    loop {
        // New ones first: those without an answer may be waiting for a leader that is down, and must not delay others.
        let jump = match jumps.recv_timeout(if unanswered.is_empty() { IDLE } else { PAUSE }) {
            Ok(jump) => jump,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let Some(jump) = unanswered.pop_front() else {
                    // A consumer that is not polled would only buffer what it receives.
                    asker = None;
                    continue;
                };
                jump
            }
        };
        let Some(shared) = shared.upgrade() else {
            return;
        };
        // Without an answer the partition waits: whatever comes after the jump must not be taken.
        if !jump.assignment.is_over()
            && let Err(reason) = next_after(&shared, &mut asker, &jump)
        {
            asker = None;
            if !jump.logged {
                tracing::warn!(partition = %jump.assignment.partition, offset = jump.expected.0, error = reason,
                    "kafka does not answer whether the log has a hole; it is asked again");
            }
            unanswered.push_back(Jump { logged: true, ..jump });
        }
    }
}

type Asker = BaseConsumer<DefaultConsumerContext>;

/// Asks the log, and passes the answer to the assignment; returns the reason if there was no answer.
fn next_after(shared: &Shared, asker: &mut Option<Asker>, jump: &Jump) -> Result<(), String> {
    let (assignment, expected) = (&jump.assignment, jump.expected);
    let partition = &assignment.partition;
    if shared
        .is_out_of_range(assignment, expected)
        .map_err(|e| e.to_string())?
    {
        assignment.answered(expected, expected);
        return Ok(());
    }
    let consumer = match asker {
        Some(consumer) => consumer,
        None => asker.insert(make(shared)?),
    };
    let first = first_from(consumer, shared, assignment, expected).map_err(|e| e.to_string())?;
    let next = first.ok_or_else(|| format!("no record came within {} s", PATIENCE.as_secs()))?;
    if next == expected {
        shared.publisher.metrics().skips.inc();
        tracing::warn!(%partition, offset = expected.0, jumped_to = jump.found.0,
            "records were not received from kafka; they are fetched again");
    } else {
        shared.publisher.metrics().holes.inc();
        tracing::debug!(%partition, offset = expected.0, next = next.0, "the log has a hole");
    }
    assignment.answered(expected, next);
    Ok(())
}

fn make(shared: &Shared) -> Result<Asker, String> {
    // The group is set because librdkafka requires one, and the ACLs allow this one; it is neither joined nor committed
    // to.
    let config = shared.publisher.config().member(&shared.group);
    let made = config.and_then(|c| c.create().map_err(|e| creation_error("consumer", &e)));
    made.map_err(|e| e.to_string())
}

/// Returns the offset of the first record from `expected` on.
fn first_from(
    consumer: &Asker,
    shared: &Shared,
    assignment: &Assignment,
    expected: Offset,
) -> Result<Option<Offset>, KafkaError> {
    let list = offsets::list(&shared.topic, [(assignment.partition.index, expected)]).unwrap_or_default();
    consumer.assign(&list)?;
    let deadline = Instant::now() + PATIENCE;
    let mut first = None;
    while first.is_none() && Instant::now() < deadline && !assignment.is_over() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message))
                if message.partition() == assignment.partition.index && message.offset() >= expected.0 =>
            {
                first = Some(Offset(message.offset()));
            }
            Some(Ok(_)) | None => {}
            Some(Err(error)) => {
                tracing::debug!(partition = %assignment.partition, %error, "error while asking about a hole");
            }
        }
    }
    consumer.assign(&TopicPartitionList::new())?;
    Ok(first)
}
