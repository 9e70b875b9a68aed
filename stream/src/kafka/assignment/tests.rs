//! Assignments without a cluster: queue, pause, progress.

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

fn assignment() -> Assignment {
    Assignment::new(Partition {
        topic: "t".parse().expect("a name"),
        index: 0,
    })
}

fn queued(assignment: &Assignment) -> Vec<i64> {
    assignment.state().queue.iter().map(|r| r.offset.0).collect()
}

fn reading(from: i64) -> Assignment {
    let assignment = assignment();
    assignment.begin(None, Offset(from), Offset(from), false);
    assignment.fetching_began();
    assignment
}

#[test]
fn a_stale_record_is_dropped() {
    let assignment = reading(5);
    for offset in [4, 5, 5, 6, 4, 6, 7] {
        assert_eq!(assignment.push(record(offset), usize::MAX), Pushed::Done);
    }
    assert_eq!(queued(&assignment), [5, 6, 7]);
}

#[cfg(not(feature = "planted-bugs"))]
#[test]
fn a_jump_is_not_taken_until_the_log_has_answered() {
    let assignment = reading(5);
    let ahead = Pushed::Ahead { expected: Offset(5) };
    assert_eq!(assignment.push(record(9), usize::MAX), ahead);
    assert_eq!(
        assignment.push(record(10), usize::MAX),
        Pushed::Done,
        "nothing is taken meanwhile"
    );
    assert_eq!(assignment.wants_fetching(usize::MAX), None);
    // It was a mistake on the way: the log has 5.
    assignment.answered(Offset(5), Offset(5));
    assert_eq!(assignment.wants_fetching(usize::MAX), Some(Fetch::Seek(Offset(5))));
    assignment.fetching_began();
    assert_eq!(assignment.push(record(5), usize::MAX), Pushed::Done);
    // A real hole: the log does not have 6 to 8.
    let ahead = Pushed::Ahead { expected: Offset(6) };
    assert_eq!(assignment.push(record(9), usize::MAX), ahead);
    assignment.answered(Offset(6), Offset(9));
    assert_eq!(assignment.wants_fetching(usize::MAX), Some(Fetch::Seek(Offset(9))));
    assignment.fetching_began();
    assignment.push(record(9), usize::MAX);
    assert_eq!(queued(&assignment), [5, 9]);
}

#[test]
fn librdkafka_gets_the_partition_with_the_offset_to_begin_at() {
    let assignment = assignment();
    assert_eq!(assignment.wants_fetching(usize::MAX), None, "no reader has said where");
    assignment.begin(None, Offset(7), Offset(7), false);
    assert_eq!(assignment.wants_fetching(usize::MAX), Some(Fetch::Assign(Offset(7))));
    assignment.fetching_began();
    assert!(assignment.is_assigned());
    assert_eq!(assignment.wants_fetching(usize::MAX), None);
}

#[test]
fn a_full_queue_pauses_and_a_half_empty_one_continues_where_it_stopped() {
    let assignment = reading(0);
    let most = 4 * RECORD_OVERHEAD_BYTES;
    let full: Vec<_> = (0..4).map(|n| assignment.push(record(n), most)).collect();
    assert_eq!(full, [Pushed::Done, Pushed::Done, Pushed::Done, Pushed::Full]);
    assert_eq!(
        assignment.push(record(4), most),
        Pushed::Done,
        "fetched before the pause took effect: fetched again later"
    );
    assert_eq!(assignment.wants_fetching(most), None);
    let waiting = assignment.next_batch(2);
    let batch = futures_util::FutureExt::now_or_never(waiting)
        .expect("ready")
        .expect("ok")
        .expect("records");
    assert_eq!(batch.len(), 2);
    assert_eq!(assignment.wants_fetching(most), Some(Fetch::Seek(Offset(4))));
}

#[test]
fn an_ended_assignment_stores_nothing() {
    let assignment = reading(0);
    assignment.revoke();
    assignment.store(Offset(3));
    assert_eq!(
        assignment.unconfirmed(),
        Some(Offset(3)),
        "while it is being given up progress counts"
    );
    assignment.end();
    assignment.store(Offset(9));
    assert_eq!(assignment.unconfirmed(), Some(Offset(3)));
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
        let assignment = reading(0);
        let (mut last, mut group) = (None, None);
        for step in steps {
            match step {
                Step::Store(n) => {
                    assignment.store(Offset(n));
                    last = Some(Offset(n));
                }
                Step::Commit { meanwhile, success } => {
                    let Some(offset) = assignment.unconfirmed() else {
                        prop_assert_eq!(group, last);
                        continue;
                    };
                    if let Some(n) = meanwhile {
                        assignment.store(Offset(n));
                        last = Some(Offset(n));
                    }
                    if success {
                        group = Some(offset);
                        assignment.confirm(offset);
                    }
                }
            }
        }
        if let Some(offset) = assignment.unconfirmed() {
            assignment.confirm(offset);
            group = Some(offset);
        }
        prop_assert_eq!(assignment.unconfirmed(), None);
        prop_assert_eq!(group, last);
    }
}
