//! Targets: who gets an event, by what a rule says.

use schemas::sink::{Delivery, Target};

use super::{Harness, Sample, all_delivered, batch, deliver, targets};

pub(crate) async fn each_target_is_named_once_and_takes_its_delivery(harness: &mut impl Harness) {
    let event = Sample {
        key: "k",
        target: &Target::Only,
    }
    .at(0)
    .event;
    let sort = |mut targets: Vec<Target>| {
        targets.sort_by_key(ToString::to_string);
        targets
    };
    for (argument, expected) in harness.arguments() {
        let found = sort(harness.sink().targets(&event, argument));
        assert_eq!(found, sort(expected), "{argument:?}");
        assert!(
            found.windows(2).all(|pair| pair[0] != pair[1]),
            "{argument:?}: {found:?}"
        );
    }
}

pub(crate) async fn an_event_goes_to_each_of_its_targets(harness: &mut impl Harness) {
    let targets = targets(harness);
    let one = Sample {
        key: "k",
        target: &targets[0],
    }
    .at(0);
    let to = |target: &Target| Delivery {
        target: target.clone(),
        ..one.clone()
    };
    let batch = batch(targets.iter().map(to).collect());
    assert!(all_delivered(&deliver(harness, &batch).await));
    for target in &targets {
        assert_eq!(harness.arrived(target).await, [one.event.id()], "{target}");
    }
}
