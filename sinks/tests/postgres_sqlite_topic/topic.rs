//! The sink `topic` against an event log in memory that fails by script.

use std::sync::Arc;

use harness::publish_log::{Mode, TestLog};
use schemas::log::{Publish, PublishError};
use schemas::name::{SinkName, TopicName};
use schemas::record::{Header, Record};
use schemas::sink::{Batch, Outcome, Sink as _, Target};
use sinks::topic::{Config, TopicSink, check_argument};

use crate::database::rejected;
use crate::events::{Sample, batch, sample};

fn name(topic: &'static str) -> TopicName {
    TopicName::new(topic).expect("valid")
}

fn own_topics() -> Vec<TopicName> {
    vec![name("forebay.events"), name("forebay.dead-letters")]
}

/// A log that takes longer for some records than for others: what the sink does not keep in order comes out of order.
fn uneven() -> Arc<TestLog> {
    Arc::new(TestLog::new(Mode::Uneven))
}

fn no_ack() -> PublishError {
    PublishError::Unavailable {
        reason: "no ack".into(),
    }
}

fn sink(log: &Arc<TestLog>) -> TopicSink {
    let log: Arc<dyn Publish> = Arc::<TestLog>::clone(log);
    TopicSink::new(
        Config::default(),
        SinkName::new("topic").expect("valid"),
        log,
        own_topics(),
    )
}

fn to(target: &str, first: i64, samples: &[Sample]) -> Batch {
    let mut batch = batch(first, samples);
    for delivery in &mut batch.deliveries {
        delivery.target = Target::Named(target.into());
    }
    batch
}

fn of_conversation(conversation: &str, count: usize) -> Vec<Sample> {
    (0..count)
        .map(|n| {
            let mut event = sample(format!("{conversation}-{n}"));
            event.conversation = conversation.into();
            event
        })
        .collect()
}

#[test]
fn a_rule_must_name_a_topic_and_not_one_of_our_own() {
    let sink = sink(&uneven());
    let check = |argument| check_argument(sink.name(), &own_topics(), argument);
    assert_eq!(check(Some("vip-tickets")), Ok(()));
    for (argument, expected) in [
        (None, "needs a topic after a colon: `topic:NAME`"),
        (Some(""), "not a valid topic name"),
        (Some("a b"), "not a valid topic name"),
        (Some("forebay.events"), "round in circles"),
        (Some("forebay.dead-letters"), "round in circles"),
    ] {
        let error = check(argument).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let event = sample("a").delivery(0).event;
    assert_eq!(sink.targets(&event, Some("vip")), [Target::Named("vip".into())]);
    assert_eq!(sink.targets(&event, None), []);
}

#[tokio::test]
async fn the_record_is_published_as_it_is() {
    let log = uneven();
    let mut batch = to("vip", 0, &[sample("a")]);
    let record = Arc::make_mut(&mut batch.deliveries[0].record);
    record.record.headers.push(Header {
        name: "ce_type".into(),
        value: "message.created".into(),
    });
    let expected = record.record.clone();
    let outcomes = sink(&log).deliver(&batch).await.expect("available");
    assert_eq!(outcomes, [Outcome::Delivered]);
    assert_eq!(log.durable_in("vip"), [expected]);
}

#[tokio::test]
async fn the_order_of_each_key_is_kept() {
    let log = uneven();
    let (a, b) = (of_conversation("a", 40), of_conversation("b", 40));
    let mixed: Vec<_> = a.iter().zip(&b).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let batch = to("vip", 0, &mixed);
    sink(&log).deliver(&batch).await.expect("available");
    let published = log.durable_in("vip");
    assert_eq!(published.len(), 80);
    for key in ["acme/wa-1/a", "acme/wa-1/b"] {
        let of_key = |records: Vec<Record>| records.into_iter().filter(|r| r.key == key).collect::<Vec<_>>();
        let sent = batch.deliveries.iter().map(|d| d.record.record.clone()).collect();
        assert_eq!(of_key(published.clone()), of_key(sent));
    }
}

#[tokio::test]
async fn after_a_failure_its_key_waits_and_other_keys_do_not() {
    let log = uneven();
    let mut events = of_conversation("a", 4);
    events.extend(of_conversation("b", 2));
    let mut batch = to("vip", 0, &events);
    // The same key at another target is another sequence.
    let mut elsewhere = batch.deliveries[2].clone();
    elsewhere.target = Target::Named("other".into());
    batch.deliveries.push(elsewhere);
    let value = |index: usize| batch.deliveries[index].record.record.value.clone();
    let too_large = PublishError::TooLarge {
        size_bytes: 10,
        limit_bytes: 5,
    };
    log.fail_once(value(1), no_ack());
    log.fail_once(value(4), too_large);

    let sink = sink(&log);
    let outcomes = sink.deliver(&batch).await.expect("available");
    assert_eq!(outcomes[0], Outcome::Delivered);
    assert!(
        matches!(&outcomes[1], Outcome::Retry { reason, .. } if reason.contains("no ack")),
        "{:?}",
        outcomes[1]
    );
    assert_eq!(outcomes[2..4], [Outcome::Held, Outcome::Held]);
    assert!(rejected(&outcomes[4]).contains("topic `vip`: a record of 10 bytes"));
    assert_eq!(outcomes[5], Outcome::Delivered, "what is rejected holds nothing up");
    assert_eq!(outcomes[6], Outcome::Delivered);
    assert_eq!(log.durable_in("vip").len(), 2);

    batch.deliveries = batch.deliveries.drain(1..4).collect();
    sink.deliver(&batch).await.expect("available");
    let of_a: Vec<_> = log
        .durable_in("vip")
        .into_iter()
        .filter(|r| r.key == "acme/wa-1/a")
        .collect();
    let expected: Vec<_> = of_conversation("a", 4)
        .iter()
        .map(|s| s.delivery(0).record.record.clone())
        .collect();
    assert_eq!(of_a, expected, "in order, each once");
}

#[tokio::test]
async fn a_log_that_is_down_takes_no_attempts_from_the_deliveries() {
    let log = Arc::new(TestLog::new(Mode::Away));
    let sink = sink(&log);
    assert!(sink.ready().await.is_err());
    let error = sink
        .deliver(&to("vip", 0, &of_conversation("a", 3)))
        .await
        .expect_err("down");
    assert_eq!(
        error.to_string(),
        "sink `topic` is unavailable: event log unavailable: broker away"
    );
    let exists = |topic: &TopicName| topic.as_str() == "forebay.events";
    assert!(log.asked().iter().all(exists), "a topic that exists if the log does");

    // A log that is fine but does not take this topic: the deliveries are tried again one by one, with a limit.
    let log = uneven();
    let batch = to("vip", 0, &of_conversation("a", 1));
    log.fail_once(batch.deliveries[0].record.record.value.clone(), no_ack());
    let outcomes = self::sink(&log).deliver(&batch).await.expect("the log is up");
    assert!(matches!(&outcomes[..], [Outcome::Retry { .. }]));
}

#[tokio::test]
async fn a_target_that_rules_should_never_have_named_is_rejected() {
    let log = uneven();
    for target in ["forebay.events", "not a topic"] {
        let outcomes = sink(&log)
            .deliver(&to(target, 0, &[sample("a")]))
            .await
            .expect("available");
        assert!(rejected(&outcomes[0]).contains(target));
    }
    assert!(log.durable().is_empty());
}
