//! Outcomes: one per delivery, and each is true.

use std::time::Duration;

use schemas::sink::{Delivery, Outcome, Target};

use super::{Harness, Sample, all_delivered, arrived_once, batch, deliver, event_ids, resend, target};

/// Deliveries of as many conversations.
fn several(target: &Target, first: i64, count: i64) -> Vec<Delivery> {
    let delivery = |offset: i64| {
        let key = format!("conversation {offset}");
        Sample { key: &key, target }.at(offset)
    };
    (first..first + count).map(delivery).collect()
}

pub(crate) async fn what_is_delivered_has_arrived(harness: &mut impl Harness) {
    let target = target(harness);
    assert!(harness.arrived(&target).await.is_empty(), "a destination of its own");
    let batch = batch(several(&target, 0, 20));
    assert!(all_delivered(&deliver(harness, &batch).await));
    let (mut arrived, mut sent) = (harness.arrived(&target).await, event_ids(&batch.deliveries, &target));
    arrived.sort_unstable();
    sent.sort_unstable();
    assert_eq!(arrived, sent);
}

pub(crate) async fn the_same_delivery_twice_is_harmless(harness: &mut impl Harness) {
    let target = target(harness);
    let mut deliveries = several(&target, 0, 3);
    // The same event once more in one batch, as a later record, and then the whole batch once more.
    let mut again = deliveries[0].clone();
    let mut record = (*again.record).clone();
    record.offset = deliveries[2].record.offset.next();
    again.record = record.into();
    deliveries.push(again);
    let sent = event_ids(&deliveries[..3], &target);
    let batch = batch(deliveries);
    for _ in 0..2 {
        assert!(all_delivered(&deliver(harness, &batch).await));
    }
    let mut once = arrived_once(harness, &target).await;
    once.sort_unstable();
    assert_eq!(once, sent, "every event, and none under another id");
    let times = if harness.keeps_events_once() { 3 } else { 8 };
    assert_eq!(harness.arrived(&target).await.len(), times);
}

pub(crate) async fn there_is_one_outcome_per_delivery_in_order(harness: &mut impl Harness) {
    let target = target(harness);
    let mut deliveries = several(&target, 0, 12);
    // Not the same places from the end: outcomes in reverse are seen.
    let spoilt = [0, 4, 5, 9];
    for place in spoilt {
        harness.spoil(&mut deliveries[place]);
    }
    let batch = batch(deliveries);
    let outcomes = deliver(harness, &batch).await;
    assert_eq!(outcomes.len(), 12);
    let arrived = harness.arrived(&target).await;
    for (place, (outcome, delivery)) in outcomes.iter().zip(&batch.deliveries).enumerate() {
        match outcome {
            Outcome::Delivered => assert!(
                !spoilt.contains(&place) && arrived.contains(&delivery.event.id()),
                "{place}"
            ),
            Outcome::Rejected { reason } | Outcome::Refused { reason } => {
                assert!(spoilt.contains(&place) && !reason.is_empty(), "{place}: {reason}");
            }
            other => panic!("{place}: {other:?}"),
        }
    }
    assert_eq!(arrived.len(), 8, "what is rejected has not arrived");
}

pub(crate) async fn a_rejected_delivery_holds_no_other(harness: &mut impl Harness) {
    let target = target(harness);
    let same_key = Sample {
        key: "one",
        target: &target,
    };
    let mut deliveries: Vec<Delivery> = (0..3).map(|offset| same_key.at(offset)).collect();
    harness.spoil(&mut deliveries[0]);
    let batch = batch(deliveries);
    let outcomes = deliver(harness, &batch).await;
    assert!(
        matches!(outcomes[0], Outcome::Rejected { .. } | Outcome::Refused { .. }),
        "{outcomes:?}"
    );
    assert!(all_delivered(&outcomes[1..]), "{outcomes:?}");
    assert_eq!(
        harness.arrived(&target).await,
        event_ids(&batch.deliveries[1..], &target)
    );
}

/// A resend, a redrive, a test event: also when it stands before what was delivered.
pub(crate) async fn a_batch_without_progress_is_delivered(harness: &mut impl Harness) {
    let target = target(harness);
    let later = several(&target, 100, 2);
    let earlier = several(&target, 7, 1);
    let mut sent = event_ids(later.iter().chain(&earlier), &target);
    assert!(all_delivered(&deliver(harness, &batch(later)).await));
    assert!(all_delivered(&deliver(harness, &resend(earlier)).await));
    let mut arrived = harness.arrived(&target).await;
    arrived.sort_unstable();
    sent.sort_unstable();
    assert_eq!(arrived, sent);
}

/// A partition that is lost in the middle of a batch drops the call. Whoever owns it then delivers the batch again.
pub(crate) async fn a_dropped_batch_can_be_delivered_again(harness: &mut impl Harness) {
    let target = target(harness);
    let batch = batch(several(&target, 0, 30));
    for micros in [0, 50, 200, 1_000, 5_000] {
        // Whether it was dropped in time does not matter here.
        drop(tokio::time::timeout(Duration::from_micros(micros), harness.sink().deliver(&batch)).await);
    }
    harness.sink().ready().await.expect("ready");
    assert!(all_delivered(&deliver(harness, &batch).await));
    let mut once = arrived_once(harness, &target).await;
    once.sort_unstable();
    assert_eq!(once, event_ids(&batch.deliveries, &target));
}
