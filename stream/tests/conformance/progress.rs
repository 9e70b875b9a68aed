//! Lost progress: what the log no longer has is never skipped silently.

use schemas::log::{Begin, LogError, LostBecause, Membership, Start};
use schemas::record::{Offset, Partition, PartitionProgress, TopicId};

use super::{Harness, Member, PATIENCE, at, group, join, numbers, publish, publish_all, record, topic, values, within};

/// Begins and expects [`LogError::ProgressLost`] with these figures.
async fn lost(member: &mut Member, from: Begin, figures: (&Partition, Offset, Offset, Offset)) {
    match within("the refusal", member.reader().begin(from))
        .await
        .expect_err("lost progress")
    {
        LogError::ProgressLost {
            partition,
            stored,
            why: LostBecause::OutOfRange { earliest, end },
        } => {
            assert_eq!((&partition, stored, earliest, end), figures);
        }
        other => panic!("not reported as lost: {other}"),
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
            Begin::Stored,
            (partition, positions[3].offset, positions[6].offset, end),
        )
        .await;
        member.close().await;
    }

    // The operator decides where to go on.
    let mut member = Member::join(harness.log(), &topic, &group, Start::Earliest, 1).await;
    within("the beginning", member.reader().begin(at(&topic, positions[6].offset)))
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
        at(&topic, Offset(end.0 + 1)),
        (&positions[0].partition, Offset(end.0 + 1), first, end),
    )
    .await;
    member.close().await;
}

/// The progress that a sink kept counts as much as the group's.
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
    lost(&mut member, at(&topic, positions[1].offset), figures).await;
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
    assert_eq!(next.offset, end, "an emptied log continues counting");
    assert_eq!(values(member.reader(), 1).await, ["new"]);
    member.close().await;
}

/// A group that could settle nothing still has a beginning: what expires after it is not skipped.
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
    lost(&mut member, Begin::Stored, figures).await;
    member.close().await;
}

/// A sink that kept progress of a deleted topic meets another one of that name, which may have grown past it.
pub(crate) async fn progress_of_another_topic_stops_loudly(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    publish_all(harness.log(), &topic, "k", 0..10).await;
    let mut member = Member::join(harness.log(), &topic, &group(), Start::Earliest, 1).await;
    let kept = PartitionProgress {
        partition: member.reader().partition().clone(),
        topic_id: Some(TopicId::new("of-a-former-topic")),
        next: Offset(3),
    };
    let refused = within("the refusal", member.reader().begin(Begin::At(kept))).await;
    match refused.expect_err("lost progress") {
        LogError::ProgressLost {
            stored,
            why: LostBecause::OtherTopic { stored: id, found },
            ..
        } => {
            assert_eq!((stored, id.as_str()), (Offset(3), "of-a-former-topic"));
            assert_ne!(found, id);
        }
        other => panic!("not reported as lost: {other}"),
    }
    member.close().await;
}

/// Progress as an older version stored it. From then on it has the topic's id.
pub(crate) async fn progress_without_an_id_is_taken(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    publish_all(harness.log(), &topic, "k", 0..10).await;
    let mut member = Member::join(harness.log(), &topic, &group(), Start::Earliest, 1).await;
    let reader = member.reader();
    within("the beginning", reader.begin(at(&topic, Offset(3))))
        .await
        .expect("a beginning");
    let id = reader.topic_id().expect("the log has ids");
    assert_eq!(values(reader, 7).await, numbers(3..10));
    member.close().await;

    let mut member = Member::join(harness.log(), &topic, &group(), Start::Earliest, 1).await;
    let kept = PartitionProgress {
        partition: member.reader().partition().clone(),
        topic_id: Some(id),
        next: Offset(8),
    };
    within("the beginning", member.reader().begin(Begin::At(kept)))
        .await
        .expect("its topic is the same");
    assert_eq!(values(member.reader(), 2).await, numbers(8..10));
    member.close().await;
}

/// Whatever its group has read: it is unknown which of it such a sink has.
pub(crate) async fn a_sink_without_progress_begins_at_the_oldest_record(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let group = group();
    let positions = publish_all(harness.log(), &topic, "k", 0..5).await;
    let mut member = join(harness.log(), &topic, &group, Start::Earliest).await;
    member.reader().store(positions[3].offset).expect("stored");
    member.close().await;
    let mut member = Member::join(harness.log(), &topic, &group, Start::Earliest, 1).await;
    within("the beginning", member.reader().begin(Begin::Oldest))
        .await
        .expect("a beginning");
    assert_eq!(values(member.reader(), 5).await, numbers(0..5));
    member.close().await;
}

pub(crate) async fn what_is_stored_becomes_durable(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let positions = publish_all(harness.log(), &topic, "k", 0..5).await;
    let mut member = join(harness.log(), &topic, &group(), Start::Earliest).await;
    member.reader().store(positions[4].offset).expect("stored");
    member.reader().commit_soon();
    let deadline = std::time::Instant::now() + PATIENCE;
    while member.reader().durable() != Some(positions[4].offset) {
        assert!(std::time::Instant::now() < deadline, "{:?}", member.reader().durable());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    member.close().await;
}

pub(crate) async fn an_operator_sees_and_sets_progress(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let membership = group();
    let Membership::Group(group) = membership.clone() else {
        unreachable!("`group` makes groups")
    };
    let positions = publish_all(harness.log(), &topic, "k", 0..10).await;
    let seen = |what| within(what, harness.log().progress(&group, &topic));
    let states = seen("no progress").await.expect("an answer");
    let [state] = &states[..] else {
        panic!("one partition: {states:?}")
    };
    assert_eq!(
        (state.earliest, state.end, state.stored.clone()),
        (positions[0].offset, positions[9].offset.next(), None)
    );

    let mut member = join(harness.log(), &topic, &membership, Start::Earliest).await;
    member.reader().store(positions[5].offset).expect("stored");
    let mut progress = PartitionProgress {
        partition: state.partition.clone(),
        topic_id: state.topic_id.clone(),
        next: positions[2].offset,
    };
    let set = |progress: PartitionProgress| {
        let (log, group) = (harness.log(), group.clone());
        async move { within("the answer", log.set_progress(&group, &[progress])).await }
    };
    let refused = set(progress.clone()).await.expect_err("the group has a member");
    assert!(matches!(refused, LogError::Misconfigured(_)), "{refused}");
    member.close().await;

    let stored = seen("progress").await.expect("an answer")[0].stored.clone();
    progress.next = positions[5].offset;
    assert_eq!(stored, Some(progress.clone()), "with the id of the topic");
    progress.next = positions[2].offset;
    set(progress).await.expect("the group is empty");
    let mut member = join(harness.log(), &topic, &membership, Start::Earliest).await;
    assert_eq!(values(member.reader(), 8).await, numbers(2..10));
    member.close().await;
}
