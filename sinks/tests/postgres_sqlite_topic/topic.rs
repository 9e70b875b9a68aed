//! The sink `topic` against an event log in memory that fails by script.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use schemas::BoxFuture;
use schemas::log::{LogError, Publish, PublishError};
use schemas::name::{SinkName, TopicName};
use schemas::record::{Header, Offset, Partition, Position, Record};
use schemas::sink::{Batch, Outcome, Sink as _, Target};
use sinks::topic::{Config, TopicSink, check_argument};

use crate::database::rejected;
use crate::events::{Sample, batch, sample};

#[derive(Debug, Clone, Copy)]
enum Failure {
    Unavailable,
    TooLarge,
}

/// What was published in its order, and what is to fail: by the record's value, once per entry.
#[derive(Debug, Default)]
struct Log {
    published: Mutex<Vec<(TopicName, Record)>>,
    script: Mutex<HashMap<Vec<u8>, Failure>>,
    down: bool,
}

impl Log {
    fn values(&self, topic: &str) -> Vec<Record> {
        let published = self.published.lock().expect("no test panics here");
        published
            .iter()
            .filter(|(t, _)| t.as_str() == topic)
            .map(|(_, r)| r.clone())
            .collect()
    }
}

impl Publish for Log {
    fn publish<'a>(&'a self, topic: &'a TopicName, record: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(async move {
            // Some take longer than others: what is not kept in order by the sink comes out of order.
            for _ in 0..(record.value[60] % 7) {
                tokio::task::yield_now().await;
            }
            if self.down {
                return Err(PublishError::Unavailable {
                    reason: "broker away".into(),
                });
            }
            match self
                .script
                .lock()
                .expect("no test panics here")
                .remove(&record.value[..])
            {
                Some(Failure::Unavailable) => {
                    return Err(PublishError::Unavailable {
                        reason: "no ack".into(),
                    });
                }
                Some(Failure::TooLarge) => {
                    return Err(PublishError::TooLarge {
                        size_bytes: 10,
                        limit_bytes: 5,
                    });
                }
                None => {}
            }
            let mut published = self.published.lock().expect("no test panics here");
            published.push((topic.clone(), record));
            let partition = Partition {
                topic: topic.clone(),
                index: 0,
            };
            Ok(Position {
                partition,
                offset: Offset(i64::try_from(published.len()).expect("few")),
            })
        })
    }

    fn publish_to<'a>(&'a self, _: &'a Partition, _: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        unreachable!("the sink publishes by key")
    }

    fn ready<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        assert_eq!(topic.as_str(), "forebay.events", "a topic that exists if the log does");
        let answer = if self.down {
            Err(LogError::Unavailable("broker away".into()))
        } else {
            Ok(())
        };
        Box::pin(std::future::ready(answer))
    }

    fn flush(&self, _: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn name(topic: &'static str) -> TopicName {
    TopicName::new(topic).expect("valid")
}

fn own_topics() -> Vec<TopicName> {
    vec![name("forebay.events"), name("forebay.dead-letters")]
}

fn sink(log: &Arc<Log>) -> TopicSink {
    let log: Arc<dyn Publish> = Arc::<Log>::clone(log);
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
    let sink = sink(&Arc::default());
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
    let log = Arc::new(Log::default());
    let mut batch = to("vip", 0, &[sample("a")]);
    let record = Arc::make_mut(&mut batch.deliveries[0].record);
    record.record.headers.push(Header {
        name: "ce_type".into(),
        value: "message.created".into(),
    });
    let expected = record.record.clone();
    let outcomes = sink(&log).deliver(&batch).await.expect("available");
    assert_eq!(outcomes, [Outcome::Delivered]);
    assert_eq!(log.values("vip"), [expected]);
}

#[tokio::test]
async fn the_order_of_each_key_is_kept() {
    let log = Arc::new(Log::default());
    let (a, b) = (of_conversation("a", 40), of_conversation("b", 40));
    let mixed: Vec<_> = a.iter().zip(&b).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let batch = to("vip", 0, &mixed);
    sink(&log).deliver(&batch).await.expect("available");
    let published = log.values("vip");
    assert_eq!(published.len(), 80);
    for key in ["acme/wa-1/a", "acme/wa-1/b"] {
        let of_key = |records: Vec<Record>| records.into_iter().filter(|r| r.key == key).collect::<Vec<_>>();
        let sent = batch.deliveries.iter().map(|d| d.record.record.clone()).collect();
        assert_eq!(of_key(published.clone()), of_key(sent));
    }
}

#[tokio::test]
async fn after_a_failure_its_key_waits_and_other_keys_do_not() {
    let log = Arc::new(Log::default());
    let mut events = of_conversation("a", 4);
    events.extend(of_conversation("b", 2));
    let mut batch = to("vip", 0, &events);
    // The same key at another target is another sequence.
    let mut elsewhere = batch.deliveries[2].clone();
    elsewhere.target = Target::Named("other".into());
    batch.deliveries.push(elsewhere);
    let value = |index: usize| batch.deliveries[index].record.record.value.to_vec();
    let script = HashMap::from([(value(1), Failure::Unavailable), (value(4), Failure::TooLarge)]);
    *log.script.lock().expect("unused yet") = script;

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
    assert_eq!(log.values("vip").len(), 2);

    batch.deliveries = batch.deliveries.drain(1..4).collect();
    sink.deliver(&batch).await.expect("available");
    let of_a: Vec<_> = log
        .values("vip")
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
    let log = Arc::new(Log {
        down: true,
        ..Log::default()
    });
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

    // A log that is fine but does not take this topic: the deliveries are tried again one by one, with a limit.
    let log = Arc::new(Log::default());
    let batch = to("vip", 0, &of_conversation("a", 1));
    let value = batch.deliveries[0].record.record.value.to_vec();
    log.script
        .lock()
        .expect("unused yet")
        .insert(value, Failure::Unavailable);
    let outcomes = self::sink(&log).deliver(&batch).await.expect("the log is up");
    assert!(matches!(&outcomes[..], [Outcome::Retry { .. }]));
}

#[tokio::test]
async fn a_target_that_rules_should_never_have_named_is_rejected() {
    let log = Arc::new(Log::default());
    for target in ["forebay.events", "not a topic"] {
        let outcomes = sink(&log)
            .deliver(&to(target, 0, &[sample("a")]))
            .await
            .expect("available");
        assert!(rejected(&outcomes[0]).contains(target));
    }
    assert!(log.published.lock().expect("no test panics here").is_empty());
}
