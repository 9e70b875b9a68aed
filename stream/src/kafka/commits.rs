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
