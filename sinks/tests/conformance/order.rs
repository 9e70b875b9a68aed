//! Order: of one key and target each delivery waits for the one before it; others do not.

use schemas::sink::{Delivery, Outcome};

use super::{Harness, Sample, all_delivered, arrived_once, batch, deliver, event_ids, resend, target, targets};

pub(crate) async fn each_key_arrives_in_order(harness: &mut impl Harness) {
    let target = target(harness);
    let deliveries: Vec<Delivery> = (0..60)
        .map(|offset| {
            let key = ["a", "b", "c"][usize::try_from(offset % 3).expect("small")];
            Sample { key, target: &target }.at(offset)
        })
        .collect();
    let batch = batch(deliveries);
    assert!(all_delivered(&deliver(harness, &batch).await));
    let arrived = harness.arrived(&target).await;
    assert_eq!(arrived.len(), 60);
    for key in 0..3 {
        let sent = event_ids(batch.deliveries.iter().skip(key).step_by(3), &target);
        let of_key: Vec<_> = arrived.iter().filter(|id| sent.contains(id)).copied().collect();
        assert_eq!(of_key, sent);
    }
}

pub(crate) async fn what_fails_holds_the_rest_of_its_key_and_target_and_no_other(harness: &mut impl Harness) {
    let targets = targets(harness);
    let target = &targets[0];
    let of = |key, offset| Sample { key, target }.at(offset);
    // The second of `a` fails.
    let mut deliveries = vec![of("a", 0), of("a", 1), of("b", 2), of("a", 3), of("b", 4), of("a", 5)];
    if let Some(other) = targets.get(1) {
        // The key that waits, at another target.
        let mut elsewhere = of("a", 6);
        elsewhere.target = other.clone();
        deliveries.push(elsewhere);
    }
    harness.fail(&deliveries[1]).await;
    let first = batch(deliveries);
    match harness.sink().deliver(&first).await {
        Err(unavailable) => {
            assert!(!harness.delivers_one_by_one(), "{unavailable}");
            assert!(harness.arrived(target).await.is_empty(), "all or nothing");
        }
        Ok(outcomes) => {
            assert!(harness.delivers_one_by_one(), "{outcomes:?}");
            let expected = |place| match place {
                1 => matches!(outcomes[1], Outcome::Retry { .. }),
                3 | 5 => outcomes[place] == Outcome::Held,
                _ => outcomes[place] == Outcome::Delivered,
            };
            assert!((0..outcomes.len()).all(expected), "{outcomes:?}");
            assert_eq!(harness.arrived(target).await.len(), 3);
        }
    }

    harness.restore().await;
    let arrived = harness.arrived(target).await;
    let rest = first.deliveries.into_iter();
    let (delivered, rest): (Vec<_>, Vec<_>) =
        rest.partition(|d| d.target != *target && harness.delivers_one_by_one() || arrived.contains(&d.event.id()));
    let again = resend(rest);
    assert!(all_delivered(&deliver(harness, &again).await));
    let mut all = delivered;
    all.extend(again.deliveries);
    all.sort_by_key(|delivery| delivery.record.offset);
    let arrived = arrived_once(harness, target).await;
    for key in ["acme/s/a", "acme/s/b"] {
        let of_key = all.iter().filter(|delivery| delivery.record.record.key == key);
        let sent = event_ids(of_key, target);
        let found: Vec<_> = arrived.iter().filter(|id| sent.contains(id)).copied().collect();
        assert_eq!(found, sent, "{key}: in order, although one had to wait");
    }
}
