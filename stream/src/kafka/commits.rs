//! Makes stored progress durable: on its own thread, once a second and when asked; and in the rebalance callback.
//!
//! Not librdkafka's own timer, because only this code knows which assignment progress belongs to; and not its
//! asynchronous commit, because users of its event interface do not get the outcome of that. A synchronous commit can
//! take as long as the coordinator is down, hence the thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;
use schemas::log::LostBecause;

use super::assignment::Assignment;
use super::describe::Description;
use super::membership::Shared;
use super::offsets::{self, described};

/// How soon stored progress becomes durable; sooner, when [`commit_soon`](schemas::log::PartitionReader::commit_soon) asks
/// for it.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long the next commit waits after one that failed.
const FAILURE_PAUSE: Duration = Duration::from_millis(200);
/// How often the topic's id is checked.
const IDENTITY_INTERVAL: Duration = Duration::from_secs(5);

/// The thread: commits every second, and at once when `asked`; ends when the other end of `asked` or the consumer is
/// dropped.
pub(super) fn run<C: ConsumerContext>(consumer: &Weak<BaseConsumer<C>>, shared: &Shared, asked: &Receiver<()>) {
    let mut failing = false;
    let mut identified = Instant::now();
    while !matches!(asked.recv_timeout(INTERVAL), Err(RecvTimeoutError::Disconnected)) {
        let Some(consumer) = consumer.upgrade() else {
            return;
        };
        shared.commit_begins();
        match commit(&consumer, shared, || shared.assignments().values().cloned().collect()) {
            Ok(()) => failing = false,
            // That kafka is away is logged for the whole process.
            Err(error) if failing || shared.connection.is_down() => {
                failing = true;
                tracing::debug!(topic = %shared.topic, %error, "progress is not committed");
            }
            Err(error) => {
                failing = true;
                tracing::warn!(topic = %shared.topic, %error, "progress was not committed, it will be tried again");
            }
        }
        // Not held while the cluster is asked: leaving the group waits for it.
        drop(consumer);
        if failing {
            // Requests for commits must not cause a storm of them.
            std::thread::sleep(FAILURE_PAUSE);
        }
        if identified.elapsed() >= IDENTITY_INTERVAL {
            check_identity(shared);
            identified = Instant::now();
        }
    }
}

/// Checks that the topic is still the one that is read: one that was deleted, created again and has grown past our
/// position would be read on as if nothing had happened.
fn check_identity(shared: &Shared) {
    // Its readers report it when there is no answer, or no topic.
    let Ok((_, Description { id: Some(found), .. })) = described(shared.publisher.cluster(), &shared.topic) else {
        return;
    };
    let assignments: Vec<_> = shared.assignments().values().cloned().collect();
    for assignment in assignments {
        if let (Some(stored), Some(at)) = (assignment.topic_id(), assignment.reading_at())
            && stored != found
        {
            let found = found.clone();
            assignment.lose(at, LostBecause::OtherTopic { stored, found });
        }
    }
}

/// Commits the progress of `assignments` that is stored and not committed yet. They are asked for when this commit has its
/// turn: one commit at a time, so that none overtakes the one of a revocation and sets the next owner back.
pub(super) fn commit<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    assignments: impl FnOnce() -> Vec<Arc<Assignment>>,
) -> KafkaResult<()> {
    let _turn = shared.committing.lock();
    let unconfirmed: Vec<_> = assignments()
        .into_iter()
        .filter_map(|assignment| assignment.unconfirmed().map(|offset| (assignment, offset)))
        .collect();
    let nexts = unconfirmed
        .iter()
        .map(|(assignment, offset)| (assignment.partition.index, *offset, assignment.topic_id()));
    if let Some(list) = offsets::progress_list(&shared.topic, nexts) {
        // This is an error also if only one of the partitions was refused; it does not say which, so all are committed
        // again.
        consumer.commit(&list, CommitMode::Sync)?;
        shared.connection.reached();
    }
    for (assignment, offset) in unconfirmed {
        assignment.confirm(offset);
    }
    Ok(())
}

/// Waits until a running commit has ended.
pub(super) fn settle(shared: &Shared) {
    drop(shared.committing.lock());
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode as Code;
    use rdkafka::mocking::MockCluster;
    use schemas::log::Start;
    use schemas::record::{Offset, Partition, TopicId};

    use super::super::client::Connection;
    use super::super::config::Config;
    use super::super::membership::Member;
    use super::super::producer::Publisher;
    use super::*;

    #[test]
    fn an_offset_that_was_refused_does_not_count_as_stored() {
        let cluster = MockCluster::new(1).expect("a cluster");
        cluster.create_topic("t", 1, 1).expect("a topic");
        let config = Config {
            brokers: cluster.bootstrap_servers(),
            ..Config::default()
        };
        let (changes, _receiver) = tokio::sync::mpsc::unbounded_channel();
        let topic: schemas::name::TopicName = "t".parse().expect("a name");
        let publisher = Arc::new(Publisher::new(config.clone()).expect("a producer"));
        let member = Member {
            topic: topic.clone(),
            group: "g".to_owned(),
            start: Start::Earliest,
            commits: Some(std::sync::mpsc::channel().0),
            changes,
        };
        let connection = Connection::new(&config.brokers, "test", Duration::ZERO, Arc::default());
        let shared = Shared::new(member, publisher, connection);
        let options = config.member("g").expect("options");
        let consumer: BaseConsumer = options.create().expect("a consumer");
        // The broker knows only the first of them.
        let [known, unknown] = [0, 7].map(|index| {
            let topic = topic.clone();
            let assignment = Arc::new(Assignment::new(Partition { topic, index }));
            assignment.begin(Some(TopicId::new("made-once")), Offset(0), Offset(0), false);
            assignment.store(Offset(5));
            assignment
        });
        let both = vec![Arc::clone(&unknown), Arc::clone(&known)];
        let error = commit(&consumer, &shared, || both).expect_err("one of them was refused");
        assert_eq!(error.rdkafka_error_code(), Some(Code::UnknownTopicOrPartition));
        assert_eq!(unknown.unconfirmed(), Some(Offset(5)));

        commit(&consumer, &shared, || vec![Arc::clone(&known)]).expect("the broker knows it");
        assert_eq!(known.unconfirmed(), None);

        let stored = offsets::committed(
            &consumer,
            &shared.connection,
            "g",
            &known.partition,
            config.request_timeout(),
        );
        let stored = stored.expect("an answer").expect("progress");
        assert_eq!(
            (stored.next, stored.topic_id),
            (Offset(5), Some(TopicId::new("made-once")))
        );
    }
}
