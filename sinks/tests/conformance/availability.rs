//! Whether a sink can deliver, what it says about that, and what it leaves undone when it cannot.

use schemas::sink::{Delivery, Outcome};

use super::{Harness, Sample, all_delivered, arrived_once, batch, deliver, event_ids, target};

/// Readiness and deliveries agree, whatever the state.
pub(crate) async fn a_sink_is_ready_exactly_while_it_could_deliver(harness: &mut impl Harness) {
    let target = target(harness);
    let sample = Sample {
        key: "k",
        target: &target,
    };
    harness.sink().ready().await.expect("ready");
    assert!(all_delivered(&deliver(harness, &batch(vec![sample.at(0)])).await));

    harness.cut().await;
    let ready = harness.sink().ready().await;
    let delivered = harness.sink().deliver(&batch(vec![sample.at(1)])).await;
    match (ready, delivered) {
        (Err(ready), Err(delivered)) => {
            assert_eq!(
                (&ready.sink, &delivered.sink),
                (harness.sink().name(), harness.sink().name())
            );
            assert!(!ready.reason.is_empty() && !delivered.reason.is_empty());
        }
        // A sink whose targets fail one by one is not to blame for one that is away.
        (Ok(()), Ok(outcomes)) => assert!(matches!(outcomes[..], [Outcome::Retry { .. }]), "{outcomes:?}"),
        (ready, delivered) => panic!("ready: {ready:?}, but delivered: {delivered:?}"),
    }

    harness.restore().await;
    harness.sink().ready().await.expect("ready again");
    assert!(all_delivered(&deliver(harness, &batch(vec![sample.at(2)])).await));
}

pub(crate) async fn what_is_denied_has_not_arrived(harness: &mut impl Harness) {
    let target = target(harness);
    let delivery = |offset: i64| {
        let key = if offset % 2 == 0 { "even" } else { "odd" };
        Sample { key, target: &target }.at(offset)
    };
    let deliveries: Vec<Delivery> = (0..6).map(delivery).collect();
    let batch = batch(deliveries);
    harness.cut().await;
    for _ in 0..2 {
        if let Ok(outcomes) = harness.sink().deliver(&batch).await {
            assert_eq!(outcomes.len(), 6);
            for outcome in outcomes {
                assert!(
                    matches!(
                        outcome,
                        Outcome::Retry { .. } | Outcome::Held | Outcome::Unavailable { .. }
                    ),
                    "not for good, and not delivered: {outcome:?}"
                );
            }
        }
    }
    harness.restore().await;
    assert_eq!(harness.arrived(&target).await, [], "nothing arrives afterwards either");
    assert!(all_delivered(&deliver(harness, &batch).await), "the same batch");
    let mut once = arrived_once(harness, &target).await;
    once.sort_unstable();
    assert_eq!(once, event_ids(&batch.deliveries, &target));
}
