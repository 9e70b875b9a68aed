//! Topics: created once, checked ever after.

use schemas::log::{LogError, Membership, Start, Subscription};

use super::{Harness, publish_all, spec, within};

pub(crate) async fn ensure_makes_topics_once(harness: &mut impl Harness) {
    let specs = [spec(2, harness.max_record_bytes()), spec(1, harness.max_record_bytes())];
    for _ in 0..2 {
        within("the topics", harness.log().ensure_topics(&specs))
            .await
            .expect("as specified");
        within("the check", harness.log().check_topics(&specs))
            .await
            .expect("as specified");
    }
    let before = publish_all(harness.log(), &specs[0].name, "k", 0..2).await;
    harness.restart().await;
    within("the topics", harness.log().ensure_topics(&specs))
        .await
        .expect("as specified");
    let after = publish_all(harness.log(), &specs[0].name, "k", 2..3).await;
    assert!(after[0].offset > before[1].offset, "an existing topic is left as it is");
}

pub(crate) async fn another_partition_count_is_refused(harness: &mut impl Harness) {
    let mut spec = spec(3, harness.max_record_bytes());
    within("the topic", harness.log().ensure_topics(std::slice::from_ref(&spec)))
        .await
        .expect("a new topic");
    spec.partitions = 5;
    let specs = std::slice::from_ref(&spec);
    let ensured = within("the refusal", harness.log().ensure_topics(specs)).await;
    let checked = within("the refusal", harness.log().check_topics(specs)).await;
    for result in [ensured, checked] {
        let error = result.expect_err("another count would scatter the keys");
        assert!(matches!(error, LogError::Misconfigured(_)), "{error}");
        let text = error.to_string();
        for part in [spec.name.as_str(), "3", "5", "partitions"] {
            assert!(text.contains(part), "`{part}` is missing in: {text}");
        }
    }
}

pub(crate) async fn a_missing_topic_is_named(harness: &mut impl Harness) {
    let (existing, missing) = (spec(1, harness.max_record_bytes()), spec(1, harness.max_record_bytes()));
    within(
        "the topic",
        harness.log().ensure_topics(std::slice::from_ref(&existing)),
    )
    .await
    .expect("a new topic");
    // Twice: checking must not create it.
    for _ in 0..2 {
        let result = within(
            "the refusal",
            harness.log().check_topics(&[existing.clone(), missing.clone()]),
        )
        .await;
        let error = result.expect_err("one topic is missing");
        assert!(matches!(error, LogError::Misconfigured(_)), "{error}");
        assert!(error.to_string().contains(missing.name.as_str()), "{error}");
        assert!(!error.to_string().contains(existing.name.as_str()), "{error}");
    }
}

pub(crate) async fn a_subscription_to_a_missing_topic_is_refused(harness: &mut impl Harness) {
    for membership in [super::group(), Membership::Alone] {
        let subscription = Subscription {
            topic: spec(1, 1).name,
            membership,
            start: Start::Earliest,
        };
        let name = subscription.topic.clone();
        let result = within("the refusal", harness.log().subscribe(subscription)).await;
        let error = result.err().expect("there is no such topic");
        assert!(matches!(error, LogError::Misconfigured(_)), "{error}");
        for part in [name.as_str(), "`forebay migrate`", "a rule"] {
            assert!(error.to_string().contains(part), "`{part}` is missing in: {error}");
        }
    }
}
