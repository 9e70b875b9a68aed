//! Progress that a sink keeps together with its data.

#![allow(dead_code, reason = "a sink takes one of the two parts")]

use schemas::record::Offset;
use schemas::sink::{Batch, Begun, Delivery};

use super::{Harness, Sample, all_delivered, batch, deliver, progress_to, resend, target};

/// The sink keeps no progress: the event log keeps it.
pub(crate) async fn no_progress_is_kept(harness: &mut impl Harness) {
    let first = batch(deliveries(harness, 0..3));
    assert!(all_delivered(&deliver(harness, &first).await));
    assert!(
        harness.sink().kept_progress().is_none(),
        "a sink that keeps progress joins with `keeps_progress`"
    );
}

/// Where the sink is.
async fn kept(harness: &impl Harness) -> Option<Offset> {
    let keeper = harness.sink().kept_progress().expect("a sink that keeps progress");
    let kept = keeper.progress(&progress_to(0).partition).await.expect("available");
    if let Some(kept) = &kept {
        assert_eq!(
            *kept,
            progress_to(kept.next.0),
            "with its partition and the id of its topic"
        );
    }
    kept.map(|kept| kept.next)
}

async fn checkpoint(harness: &impl Harness, next: i64) {
    let keeper = harness.sink().kept_progress().expect("a sink that keeps progress");
    keeper.checkpoint(&progress_to(next)).await.expect("available");
}

fn deliveries(harness: &impl Harness, offsets: std::ops::Range<i64>) -> Vec<Delivery> {
    let target = target(harness);
    let sample = Sample {
        key: "k",
        target: &target,
    };
    offsets.map(|offset| sample.at(offset)).collect()
}

pub(crate) async fn progress_is_stored_with_the_batch(harness: &mut impl Harness) {
    assert_eq!(kept(harness).await, None);
    let first = batch(deliveries(harness, 0..3));
    assert!(all_delivered(&deliver(harness, &first).await));
    assert_eq!(kept(harness).await, Some(Offset(3)));
    // One that cannot be stored moves nothing.
    harness.cut().await;
    let second = batch(deliveries(harness, 3..5));
    harness.sink().deliver(&second).await.expect_err("all or nothing");
    harness.restore().await;
    assert_eq!(kept(harness).await, Some(Offset(3)));
}

pub(crate) async fn a_batch_without_progress_stores_none(harness: &mut impl Harness) {
    let alone = resend(deliveries(harness, 40..41));
    assert!(all_delivered(&deliver(harness, &alone).await));
    assert_eq!(kept(harness).await, None, "no partition waits for it");
    let first = batch(deliveries(harness, 0..3));
    assert!(all_delivered(&deliver(harness, &first).await));
    let later = resend(deliveries(harness, 50..52));
    assert!(all_delivered(&deliver(harness, &later).await));
    let mut refused = deliveries(harness, 1..2);
    harness.spoil(&mut refused[0]);
    deliver(harness, &resend(refused)).await;
    assert_eq!(kept(harness).await, Some(Offset(3)));
}

pub(crate) async fn progress_never_goes_back(harness: &mut impl Harness) {
    let later = batch(deliveries(harness, 90..100));
    assert!(all_delivered(&deliver(harness, &later).await));
    let earlier = batch(deliveries(harness, 40..50));
    assert!(all_delivered(&deliver(harness, &earlier).await));
    assert_eq!(kept(harness).await, Some(Offset(100)));
    checkpoint(harness, 99).await;
    assert_eq!(kept(harness).await, Some(Offset(100)));
    checkpoint(harness, 110).await;
    assert_eq!(kept(harness).await, Some(Offset(110)));
}

pub(crate) async fn the_smaller_of_progress_and_the_first_undelivered_is_stored(harness: &mut impl Harness) {
    let mut refused = deliveries(harness, 10..16);
    harness.spoil(&mut refused[2]);
    harness.spoil(&mut refused[4]);
    deliver(harness, &batch(refused)).await;
    assert_eq!(
        kept(harness).await,
        Some(Offset(12)),
        "the first that was not delivered"
    );
    // Once its dead letter is written, the processor says so.
    checkpoint(harness, 16).await;
    assert_eq!(kept(harness).await, Some(Offset(16)));
}

/// Something before the batch waits for its next attempt.
pub(crate) async fn progress_before_the_batch_is_stored_as_it_is(harness: &mut impl Harness) {
    for (progress, expected) in [(15, 15), (12, 15), (22, 22)] {
        let batch = Batch {
            progress: Some(progress_to(progress)),
            deliveries: deliveries(harness, 20..22),
            begun: Begun::default(),
        };
        assert!(all_delivered(&deliver(harness, &batch).await));
        assert_eq!(kept(harness).await, Some(Offset(expected)));
    }
}
