//! Order by key: of equal key and target, one delivery is tried only when the one before it went through; different keys and
//! targets go at the same time, and so does everything of a target that asks for no order.

use std::collections::HashMap;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use schemas::sink::{Batch, Delivery, Outcome, Target};

/// Tries each delivery of the batch in that order, where its target `is_ordered`. After one that has to be retried the rest of
/// its key and target is [`Outcome::Held`]; one that is rejected holds nothing back.
pub(crate) async fn by_key<'a, F>(
    batch: &'a Batch,
    is_ordered: impl Fn(&Target) -> bool,
    attempt: impl Fn(&'a Delivery) -> F,
) -> Vec<Outcome>
where
    F: Future<Output = Outcome>,
{
    let mut by_key: HashMap<(&[u8], &Target), Vec<usize>> = HashMap::new();
    let mut queues: Vec<Vec<usize>> = Vec::new();
    for (index, delivery) in batch.deliveries.iter().enumerate() {
        if is_ordered(&delivery.target) {
            let key = (&*delivery.record.record.key, &delivery.target);
            by_key.entry(key).or_default().push(index);
        } else {
            queues.push(vec![index]);
        }
    }
    // Begun in the order of the log, as far as different keys go.
    queues.extend(by_key.into_values());
    queues.sort_unstable();

    let one_by_one = |queue: Vec<usize>| {
        let attempt = &attempt;
        async move {
            let mut answers = Vec::with_capacity(queue.len());
            let mut held = false;
            for index in queue {
                let outcome = if held {
                    Outcome::Held
                } else {
                    attempt(&batch.deliveries[index]).await
                };
                held = held
                    || matches!(
                        outcome,
                        Outcome::Retry { .. } | Outcome::Unavailable { .. } | Outcome::Held
                    );
                answers.push((index, outcome));
            }
            answers
        }
    };
    let mut outcomes = vec![Outcome::Held; batch.deliveries.len()];
    let mut running: FuturesUnordered<_> = queues.into_iter().map(one_by_one).collect();
    while let Some(answers) = running.next().await {
        for (index, outcome) in answers {
            outcomes[index] = outcome;
        }
    }
    outcomes
}
