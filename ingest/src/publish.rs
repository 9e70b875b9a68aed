//! The last step: everything of one webhook into the event log, in its order.

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use schemas::log::{Publish, PublishError};
use schemas::name::TopicName;
use schemas::record::Record;

/// Publishes all records; `Ok` once every one is durable.
///
/// They are handed to the log in their order before the first is waited for, so records of one key keep their order. An
/// outage is reported before an oversized record: trying again helps against the one and absorbs the other.
pub(crate) async fn publish_all(
    log: &dyn Publish,
    topic: &TopicName,
    mut records: Vec<Record>,
) -> Result<(), PublishError> {
    if records.len() == 1
        && let Some(record) = records.pop()
    {
        return log.publish(topic, record).await.map(drop);
    }
    // Polls new futures first in, first out; a test holds it to that.
    let mut publishing: FuturesOrdered<_> = records.into_iter().map(|record| log.publish(topic, record)).collect();
    let mut outcome = Ok(());
    while let Some(published) = publishing.next().await {
        match (published, &outcome) {
            (Err(error @ PublishError::Unavailable { .. }), _) | (Err(error), Ok(())) => outcome = Err(error),
            _ => {}
        }
    }
    outcome
}
