//! The thread of a consumer. It polls all the time, whatever the readers do: so rebalances are answered, the group
//! keeps this member, and a partition that is not read is paused instead of holding back the others.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use schemas::log::LogError;
use schemas::record::{Offset, StoredRecord};

use super::assignment::{Assignment, Fetch, Pushed};
use super::convert;
use super::holes::Holes;
use super::membership::Shared;
use super::offsets;
use super::rebalance::Events;
use super::topics::MISSING_HELP;

/// How soon the thread notices that a reader has begun or made room.
const STEP: Duration = Duration::from_millis(20);
/// How long leaving the group waits for the last commit.
const LAST_COMMIT_PATIENCE: Duration = Duration::from_secs(5);
/// How often to ask whether brokers are back.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// A seek is answered by librdkafka itself, not by a broker.
const SEEK_TIMEOUT: Duration = Duration::from_secs(1);

/// What the thread that polls librdkafka holds.
pub(super) struct Poll {
    pub(super) consumer: Arc<BaseConsumer<Events>>,
    pub(super) shared: Arc<Shared>,
    pub(super) holes: Holes,
    /// Per partition: see [`super::Config::read_ahead_bytes`].
    pub(super) most_bytes: usize,
    pub(super) closing: Arc<AtomicBool>,
    /// The last error reported to the owner, so that it is reported once.
    pub(super) last_reported: Cell<Option<Code>>,
}

impl Poll {
    /// Polls until the consumer is closed, then commits, leaves the group and ends all readers.
    pub(super) fn run(self) -> Result<(), LogError> {
        // Readers and owner get the end even after a panic.
        let _ended = End(Arc::clone(&self.shared));
        let (mut looked, mut probed) = (Instant::now(), Instant::now());
        while !self.closing.load(Ordering::Acquire) {
            let mut idle = true;
            match self.consumer.poll(STEP) {
                Some(Ok(message)) => {
                    idle = false;
                    self.shared.connection.reached();
                    self.last_reported.set(None);
                    let assignment = self.shared.assignments().get(&message.partition()).cloned();
                    if let Some(assignment) = assignment {
                        let record = convert::stored_record(&message, &assignment.partition);
                        self.push(assignment, record);
                    }
                }
                Some(Err(error)) if self.error(&error) => {}
                Some(Err(_)) => break,
                None => {}
            }
            let now = Instant::now();
            if idle || now - looked >= STEP {
                looked = now;
                self.fetch_what_is_wanted();
            }
            if self.shared.connection.is_down() && now - probed >= PROBE_INTERVAL {
                let topic = Some(self.shared.topic.as_str());
                // That a broker answers is not enough: the leader of our partitions must. Its answers arrive as a
                // record, a commit or a rebalance; this asks only for refusals, which librdkafka reports once.
                if let Err(error) = self.consumer.fetch_metadata(topic, PROBE_TIMEOUT) {
                    self.error(&error);
                } else if self.leader_answers() {
                    self.shared.connection.reached();
                }
                probed = Instant::now();
            }
        }
        self.leave()
    }

    /// Whether the leader of one of our partitions answers.
    fn leader_answers(&self) -> bool {
        let shared = &self.shared;
        let index = shared.assignments().keys().next().copied().unwrap_or(0);
        offsets::ask_leader(shared.publisher.cluster(), &shared.topic, index, PROBE_TIMEOUT).is_ok()
    }

    fn push(&self, assignment: Arc<Assignment>, record: StoredRecord) {
        let found = record.offset;
        match assignment.push(record, self.most_bytes) {
            Pushed::Done => {}
            Pushed::Full => self.pause(&assignment),
            Pushed::Ahead { expected } => {
                self.pause(&assignment);
                self.holes.ask(&self.shared, assignment, expected, found);
            }
        }
    }

    fn pause(&self, assignment: &Assignment) {
        let Some(list) = offsets::list(&self.shared.topic, [(assignment.partition.index, Offset(0))]) else {
            return;
        };
        if let Err(error) = self.consumer.pause(&list) {
            // Harmless: records that still arrive are dropped and fetched again.
            tracing::debug!(partition = %assignment.partition, %error, "a partition was not paused");
        }
    }

    /// Starts or resumes fetching partitions whose readers have begun or made room. The offset is always explicit:
    /// librdkafka's own position of a partition has been wrong before.
    fn fetch_what_is_wanted(&self) {
        let assignments: Vec<_> = self.shared.assignments().values().cloned().collect();
        for assignment in assignments {
            let Some(fetch) = assignment.wants_fetching(self.most_bytes) else {
                continue;
            };
            let (Fetch::Assign(from) | Fetch::Seek(from)) = fetch;
            let Some(list) = offsets::list(&self.shared.topic, [(assignment.partition.index, from)]) else {
                continue;
            };
            // What fails now is tried again at the next look.
            let began = match fetch {
                // It would make librdkafka forget that the group has expelled this member, before the callback reports
                // it.
                Fetch::Assign(_) if self.consumer.assignment_lost() => continue,
                Fetch::Assign(_) => self.assign(&list),
                Fetch::Seek(_) => self.seek(list),
            };
            match began {
                Ok(()) => assignment.fetching_began(),
                Err(error) => {
                    tracing::debug!(partition = %assignment.partition, offset = from.0, %error, "fetching does not begin yet");
                }
            }
        }
    }

    fn assign(&self, list: &TopicPartitionList) -> KafkaResult<()> {
        // A pause of an earlier assignment stays with the partition. Before its first assignment librdkafka does not
        // know the partition, which is no error here.
        self.consumer.resume(list).ok();
        self.consumer.incremental_assign(list)
    }

    fn seek(&self, list: TopicPartitionList) -> KafkaResult<()> {
        let list = self.consumer.seek_partitions(list, SEEK_TIMEOUT)?;
        list.elements().iter().try_for_each(TopicPartitionListElem::error)?;
        self.consumer.resume(&list)
    }

    /// Returns whether to go on. Most errors pass without help; the others are reported to the owner.
    fn error(&self, error: &KafkaError) -> bool {
        let topic = &self.shared.topic;
        let code = error.rdkafka_error_code();
        let report = match (error, code) {
            (KafkaError::MessageConsumptionFatal(code), _) => {
                let reason = format!("the consumer of `{topic}` is broken: {code}; subscribe again");
                self.shared.notify_owner(Err(LogError::Unavailable(reason)));
                return false;
            }
            (_, Some(Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation)) => return self.find_lost(),
            (_, Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition)) => {
                Some(format!("topic `{topic}` no longer exists: {MISSING_HELP}"))
            }
            (_, Some(Code::TopicAuthorizationFailed)) => Some(offsets::topic_forbidden(topic, "Read")),
            (_, Some(Code::GroupAuthorizationFailed)) => Some(offsets::group_forbidden(&self.shared.group)),
            (_, Some(Code::InconsistentGroupProtocol)) => Some(format!(
                "the group `{}` has members with another protocol, so this one cannot join: stop those, or use another \
                 `topic_prefix`",
                self.shared.group
            )),
            _ => self.shared.connection.refusal().map(|refusal| match refusal {
                LogError::Misconfigured(reason) => reason,
                other => other.to_string(),
            }),
        };
        match report {
            Some(reason) if self.last_reported.get() != code => {
                self.shared.notify_owner(Err(LogError::Misconfigured(reason)));
                self.last_reported.set(code);
            }
            Some(_) => {}
            // `Connection` logs broken connections, once.
            None => tracing::debug!(%topic, %error, "error while consuming"),
        }
        true
    }

    /// Finds the partition whose fetch was out of range, which librdkafka does not name. Returns whether to go on.
    fn find_lost(&self) -> bool {
        let assignments: Vec<_> = self.shared.assignments().values().cloned().collect();
        let mut found = false;
        for assignment in assignments {
            let Some(next) = assignment.reading_at() else {
                continue;
            };
            match self.shared.is_out_of_range(&assignment, next) {
                Ok(lost) => found |= lost,
                Err(error) => {
                    tracing::warn!(partition = %assignment.partition, %error, "cannot determine what the log still holds");
                }
            }
        }
        if !found {
            let reason = format!(
                "a partition of `{}` stopped without a cause that could be found; subscribe again",
                self.shared.topic
            );
            self.shared.notify_owner(Err(LogError::Unavailable(reason)));
        }
        found
    }

    /// Commits what is left, within a time limit, and leaves the group.
    fn leave(self) -> Result<(), LogError> {
        let assignments: Vec<_> = self.shared.assignments().values().cloned().collect();
        for assignment in &assignments {
            assignment.revoke();
        }
        let deadline = Instant::now() + LAST_COMMIT_PATIENCE;

        // Not on this thread, because a synchronous commit has no time-out of its own; if the thread that commits has
        // ended, the deadline below passes.
        self.shared.ask_for_commit();
        let unconfirmed = loop {
            let unconfirmed = assignments.iter().filter(|s| s.unconfirmed().is_some()).count();
            if unconfirmed == 0 || Instant::now() >= deadline {
                break unconfirmed;
            }
            self.consumer.poll(STEP);
        };
        for assignment in &assignments {
            assignment.end();
        }
        self.holes.close();
        // Cleared so that the callback of the last revocation, which comes with leaving, has nothing left to do.
        self.shared.assignments().clear();
        let mut consumer = self.consumer;
        // A caller that begins to read or asks for the lag at this moment holds it for as long as a request takes.
        loop {
            match Arc::try_unwrap(consumer) {
                Ok(last) => {
                    drop(last);
                    break;
                }
                Err(shared) => {
                    consumer = shared;
                    consumer.poll(STEP);
                }
            }
        }
        if unconfirmed > 0 {
            let reason = format!(
                "progress of {unconfirmed} partitions of `{}` was not committed",
                self.shared.topic
            );
            return Err(LogError::Unavailable(reason));
        }
        Ok(())
    }
}

struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use schemas::log::Start;
    use schemas::name::TopicName;
    use tokio::sync::mpsc::error::TryRecvError;

    use super::*;
    use crate::kafka::client::Connection;
    use crate::kafka::membership::Member;
    use crate::kafka::producer::Publisher;

    #[test]
    fn the_owner_gets_the_end_of_the_thread_after_all_earlier_changes() {
        let (changes, mut owner) = tokio::sync::mpsc::unbounded_channel();
        let config = crate::kafka::config::tests::config(&[]);
        let publisher = Arc::new(Publisher::new(config).expect("a producer"));
        let member = Member {
            topic: TopicName::new("t").expect("valid"),
            group: "g".to_owned(),
            start: Start::Earliest,
            commits: None,
            changes,
        };
        let connection = Connection::new("127.0.0.1:1", "consumer", Duration::ZERO, Arc::default());
        let shared = Arc::new(Shared::new(member, publisher, connection));
        // What readers and the owner hold must not keep the owner waiting.
        let _held = Arc::clone(&shared);
        let panicked = std::thread::spawn(move || {
            let _ended = End(Arc::clone(&shared));
            shared.notify_owner(Err(LogError::Unavailable("the last error".to_owned())));
            panic!("the thread breaks down");
        });
        assert!(panicked.join().is_err());
        assert!(matches!(owner.try_recv(), Ok(Err(LogError::Unavailable(_)))));
        assert!(matches!(owner.try_recv(), Err(TryRecvError::Disconnected)));
    }
}
