//! Making stored progress durable: on a thread of its own, once a second and when asked; and in the rebalance callback.
//!
//! Not librdkafka's own timer, because only we know which assignment progress belongs to; and not its asynchronous commit,
//! because the outcome of that is not told to users of its event interface. A synchronous commit can take as long as the
//! coordinator is away, hence the thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;

use super::membership::{Events, Shared};
use super::slot::Slot;

/// How soon stored progress becomes durable.
const INTERVAL: Duration = Duration::from_secs(1);

/// The thread: commits every second, and at once when `asked`; ends when the other end of `asked` or the consumer is gone.
pub(super) fn run(consumer: &Weak<BaseConsumer<Events>>, shared: &Shared, asked: &Receiver<()>) {
    let mut failing = false;
    while !matches!(asked.recv_timeout(INTERVAL), Err(RecvTimeoutError::Disconnected)) {
        let Some(consumer) = consumer.upgrade() else {
            return;
        };
        match commit(&consumer, shared, || shared.slots().values().cloned().collect()) {
            Ok(()) => failing = false,
            Err(error) if failing => tracing::debug!(topic = %shared.topic, %error, "progress is still not committed"),
            Err(error) => {
                failing = true;
                tracing::warn!(topic = %shared.topic, %error, "progress was not committed, it will be tried again");
            }
        }
    }
}

/// Commits what is stored and not committed yet of `slots`, which are asked for when it is our turn: one commit at a
/// time, so that none overtakes the one of a revocation and sets the next owner back.
pub(super) fn commit(
    consumer: &BaseConsumer<Events>,
    shared: &Shared,
    slots: impl FnOnce() -> Vec<Arc<Slot>>,
) -> KafkaResult<()> {
    let _turn = shared.committing.lock().unwrap_or_else(PoisonError::into_inner);
    let unconfirmed: Vec<_> = slots()
        .into_iter()
        .filter_map(|slot| slot.unconfirmed().map(|offset| (slot, offset)))
        .collect();
    let offsets = unconfirmed.iter().map(|(slot, offset)| (slot.partition.index, *offset));
    if let Some(list) = shared.list(offsets) {
        // An error also if only one of the partitions was refused; which one it does not say, so all are committed anew.
        consumer.commit(&list, CommitMode::Sync)?;
        shared.connection.reached();
    }
    for (slot, offset) in unconfirmed {
        slot.confirm(offset);
    }
    Ok(())
}

/// Waits until a commit under way is over.
pub(super) fn settle(shared: &Shared) {
    drop(shared.committing.lock().unwrap_or_else(PoisonError::into_inner));
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode as Code;
    use rdkafka::mocking::MockCluster;
    use schemas::log::Start;
    use schemas::record::{Offset, Partition};

    use super::super::client::Connection;
    use super::super::config::Config;
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
        let shared = Arc::new(Shared::new(
            topic.clone(),
            true,
            Start::Earliest,
            config.request_timeout(),
            Connection::new(&config.brokers, "test", Duration::ZERO),
            changes,
        ));
        let consumer: BaseConsumer<Events> = config
            .member("g")
            .expect("options")
            .create_with_context(Events::new(Arc::clone(&shared)))
            .expect("a consumer");
        // The broker knows only the first of them.
        let [known, unknown] = [0, 7].map(|index| {
            let topic = topic.clone();
            let slot = Arc::new(Slot::new(Partition { topic, index }));
            slot.store(Offset(5));
            slot
        });
        let both = vec![Arc::clone(&unknown), Arc::clone(&known)];
        let error = commit(&consumer, &shared, || both).expect_err("one of them was refused");
        assert_eq!(error.rdkafka_error_code(), Some(Code::UnknownTopicOrPartition));
        assert_eq!(unknown.unconfirmed(), Some(Offset(5)));

        commit(&consumer, &shared, || vec![Arc::clone(&known)]).expect("the broker knows it");
        assert_eq!(known.unconfirmed(), None);
    }
}
