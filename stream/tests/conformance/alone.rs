//! Reading without a group and without progress: everything, or only what is new.

use schemas::log::{Membership, Start};

use super::{Harness, join, numbers, publish_all, topic, values};

pub(crate) async fn alone_from_the_earliest_sees_everything(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    publish_all(harness.log(), &topic, "k", 0..3).await;
    let mut one = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
    let mut other = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
    publish_all(harness.log(), &topic, "k", 3..5).await;
    assert_eq!(values(one.reader(), 5).await, numbers(0..5));
    assert_eq!(
        values(other.reader(), 5).await,
        numbers(0..5),
        "readers without a group do not share"
    );
    one.close().await;
    other.close().await;
}

pub(crate) async fn alone_from_the_latest_sees_only_what_is_new(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    publish_all(harness.log(), &topic, "k", 0..3).await;
    let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Latest).await;
    publish_all(harness.log(), &topic, "k", 3..5).await;
    assert_eq!(values(member.reader(), 2).await, numbers(3..5));
    member.close().await;
}

pub(crate) async fn alone_stores_nothing(harness: &mut impl Harness) {
    let topic = topic(harness, 1).await;
    let positions = publish_all(harness.log(), &topic, "k", 0..3).await;
    for _ in 0..2 {
        let mut member = join(harness.log(), &topic, &Membership::Alone, Start::Earliest).await;
        assert_eq!(values(member.reader(), 3).await, numbers(0..3));
        member
            .reader()
            .store(positions[2].offset.next())
            .expect("accepted and ignored");
        member.close().await;
    }
}
