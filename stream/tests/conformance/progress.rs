//! Lost progress: what the log no longer has is never skipped in silence.

use schemas::log::{LogError, Start};
use schemas::record::{Offset, Partition};

use super::{Harness, Member, group, join, numbers, publish, publish_all, record, topic, values, within};

/// Begins and expects [`LogError::ProgressLost`] with these figures.
async fn lost(member: &mut Member, from: Option<Offset>, figures: (&Partition, Offset, Offset, Offset)) {
    match within("the refusal", member.reader().begin(from))
        .await
        .expect_err("lost progress")
    {
        LogError::ProgressLost {
            partition,
            stored,
            earliest,
            end,
        } => {
            assert_eq!((&partition, stored, earliest, end), figures);
        }
        other => panic!("not told as lost: {other}"),
    }
}

pub(crate) async fn expired_progress_stops_loudly(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let group = group();
    let positions = publish_all(harness.log(), &topic, "k", 0..10).await;
    let partition = &positions[0].partition;
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    member.reader().store(positions[3].offset).expect("stored");
    member.close().await;
    harness.trim(partition, positions[6].offset).await;

    let end = positions[9].offset.next();
    // Twice: the first refusal must not have moved the group.
    for _ in 0..2 {
        let mut member = Member::join(harness.log(), &topic, &group, Start::Earliest, 1).await;
        lost(
            &mut member,
            None,
            (partition, positions[3].offset, positions[6].offset, end),
        )
        .await;
        member.close().await;
    }

    // The operator decides where to go on.
    let mut member = Member::join(harness.log(), &topic, &group, Start::Earliest, 1).await;
    within("the beginning", member.reader().begin(Some(positions[6].offset)))
        .await
        .expect("a beginning");
    assert_eq!(values(member.reader(), 4).await, numbers(6..10));
    member.reader().store(end).expect("stored");
    member.close().await;
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    publish(harness.log(), &topic, record("k", "new")).await;
    assert_eq!(values(member.reader(), 1).await, ["new"]);
    member.close().await;
}

/// A recreated topic is shorter than what the group remembers.
pub(crate) async fn progress_beyond_the_end_stops_loudly(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let group = group();
    let positions = publish_all(harness.log(), &topic, "k", 0..3).await;
    let (first, end) = (positions[0].offset, positions[2].offset.next());
    let mut member = Member::join(harness.log(), &topic, &group, Start::Earliest, 1).await;
    lost(
        &mut member,
        Some(Offset(end.0 + 1)),
        (&positions[0].partition, Offset(end.0 + 1), first, end),
    )
    .await;
    member.close().await;
}

/// The position that a sink kept counts as much as the group's.
pub(crate) async fn a_lost_beginning_stops_loudly(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let positions = publish_all(harness.log(), &topic, "k", 0..5).await;
    harness.trim(&positions[0].partition, positions[2].offset).await;
    let mut member = Member::join(harness.log(), &topic, &group(), Start::Earliest, 1).await;
    let figures = (
        &positions[0].partition,
        positions[1].offset,
        positions[2].offset,
        positions[4].offset.next(),
    );
    lost(&mut member, Some(positions[1].offset), figures).await;
    member.close().await;

    // A group without progress has lost none: it begins at the oldest record that is still there.
    let mut member = join(harness.log(), &topic, &group(), Start::Earliest).await;
    assert_eq!(values(member.reader(), 3).await, numbers(2..5));
    member.close().await;
}

pub(crate) async fn progress_at_the_end_of_an_emptied_log_is_not_lost(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let group = group();
    let positions = publish_all(harness.log(), &topic, "k", 0..4).await;
    let end = positions[3].offset.next();
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    member.reader().store(end).expect("stored");
    member.close().await;
    harness.trim(&positions[0].partition, end).await;
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    let next = publish(harness.log(), &topic, record("k", "new")).await;
    assert_eq!(next.offset, end, "an emptied log goes on counting");
    assert_eq!(values(member.reader(), 1).await, ["new"]);
    member.close().await;
}

/// A group that could settle nothing has a beginning all the same: what expires behind it is not skipped.
pub(crate) async fn a_beginning_that_expired_stops_loudly(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let group = group();
    let positions = publish_all(harness.log(), &topic, "k", 0..5).await;
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    assert_eq!(values(member.reader(), 5).await, numbers(0..5));
    member.close().await;
    harness.trim(&positions[0].partition, positions[2].offset).await;
    let mut member = Member::join(harness.log(), &topic, &group, Start::Earliest, 1).await;
    let figures = (
        &positions[0].partition,
        positions[0].offset,
        positions[2].offset,
        positions[4].offset.next(),
    );
    lost(&mut member, None, figures).await;
    member.close().await;
}
