//! Slots without a cluster: queue, pause, progress.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use schemas::record::Record;

fn record(offset: i64) -> StoredRecord {
    StoredRecord {
        offset: Offset(offset),
        record: Record {
            key: Bytes::new(),
            headers: Vec::new(),
            value: Bytes::new(),
        },
    }
}

fn reading(from: i64) -> Slot {
    let slot = Slot::new(Partition {
        topic: "t".parse().expect("a name"),
        index: 0,
    });
    slot.begin(Offset(from), Offset(from), false);
    slot.fetching_began();
    slot
}

#[test]
fn a_stale_record_is_dropped() {
    let slot = reading(5);
    slot.push(record(4), usize::MAX);
    slot.push(record(7), usize::MAX);
    slot.push(record(6), usize::MAX);
    slot.push(record(7), usize::MAX);
    let offsets: Vec<_> = slot.state().queue.iter().map(|r| r.offset.0).collect();
    assert_eq!(offsets, [7]);
}

#[test]
fn a_full_queue_pauses_and_a_half_empty_one_goes_on_where_it_stopped() {
    let slot = reading(0);
    let most = 4 * RECORD_OVERHEAD_BYTES;
    let full: Vec<_> = (0..4).map(|n| slot.push(record(n), most)).collect();
    assert_eq!(full, [false, false, false, true]);
    assert!(
        !slot.push(record(4), most),
        "fetched before the pause took effect: fetched again later"
    );
    assert_eq!(slot.wants_fetching(most), None);
    let waiting = slot.next_batch(2);
    let batch = futures_util::FutureExt::now_or_never(waiting)
        .expect("ready")
        .expect("ok")
        .expect("records");
    assert_eq!(batch.len(), 2);
    assert_eq!(slot.wants_fetching(most), Some(Offset(4)));
}

#[test]
fn an_ended_slot_stores_nothing() {
    let slot = reading(0);
    slot.revoke();
    slot.store(Offset(3));
    assert_eq!(
        slot.unconfirmed(),
        Some(Offset(3)),
        "while it is given back progress counts"
    );
    slot.end();
    slot.store(Offset(9));
    assert_eq!(slot.unconfirmed(), Some(Offset(3)));
}

#[derive(Debug, Clone)]
enum Step {
    Store(i64),
    /// A commit of what is unconfirmed, during which more may be stored; it succeeds or not.
    Commit {
        meanwhile: Option<i64>,
        success: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..50i64).prop_map(Step::Store),
        (prop::option::of(0..50i64), any::<bool>())
            .prop_map(|(meanwhile, success)| Step::Commit { meanwhile, success }),
    ]
}

proptest! {
    /// Whatever is stored and committed in whatever order: once nothing is unconfirmed, the group has exactly what was
    /// stored last (no off-by-one, nothing forgotten).
    #[test]
    fn commits_follow_what_was_stored(steps in prop::collection::vec(step(), 0..60)) {
        let slot = reading(0);
        let (mut last, mut group) = (None, None);
        for step in steps {
            match step {
                Step::Store(n) => {
                    slot.store(Offset(n));
                    last = Some(Offset(n));
                }
                Step::Commit { meanwhile, success } => {
                    let Some(offset) = slot.unconfirmed() else {
                        prop_assert_eq!(group, last);
                        continue;
                    };
                    if let Some(n) = meanwhile {
                        slot.store(Offset(n));
                        last = Some(Offset(n));
                    }
                    if success {
                        group = Some(offset);
                        slot.confirm(offset);
                    }
                }
            }
        }
        if let Some(offset) = slot.unconfirmed() {
            slot.confirm(offset);
            group = Some(offset);
        }
        prop_assert_eq!(slot.unconfirmed(), None);
        prop_assert_eq!(group, last);
    }
}
