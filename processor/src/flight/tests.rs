//! What goes out when: sequences, bounds, progress.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use schemas::event::Event;
use schemas::record::{Header, Record};

use super::*;

fn record(offset: i64, key: &'static str) -> Arc<StoredRecord> {
    let value = format!(
        r#"{{"id":"019cd7f6-f0e0-82b2-9fbf-{offset:012}","source":"/t/s","type":"x","time":"2026-03-10T13:36:50.912Z",
        "tenant":"t","platform":"standard","receivedtime":"2026-03-10T13:36:50.912Z","partitionkey":"{key}",
        "rawsha256":"","data":{{}}}}"#
    );
    Arc::new(StoredRecord {
        offset: Offset(offset),
        record: Record {
            key: Bytes::from_static(key.as_bytes()),
            headers: vec![Header {
                name: Cow::Borrowed("h"),
                value: Bytes::new(),
            }],
            value: value.into(),
        },
    })
}

fn partition() -> Partition {
    Partition {
        topic: schemas::name::TopicName::new("t").expect("valid"),
        index: 0,
    }
}

fn delivery(record: &Arc<StoredRecord>, target: &str) -> Delivery {
    Delivery {
        partition: Arc::new(partition()),
        event: Arc::new(Event::decode(&record.record.value).expect("an event")),
        record: Arc::clone(record),
        target: Target::Named(target.to_owned()),
        rules: vec![],
        rules_version: "v".into(),
        attempt: 1,
    }
}

fn flight_of(records: &[(i64, &'static str, &[&str])], now: Instant) -> Flight {
    let mut flight = Flight::new(partition(), false);
    for (offset, key, targets) in records {
        let record = record(*offset, key);
        let deliveries = targets.iter().map(|t| delivery(&record, t)).collect();
        flight.add(&record, deliveries, vec![], now);
    }
    flight
}

fn offsets(picked: Option<&Picked>) -> Vec<i64> {
    picked.map_or(vec![], |p| p.ids.iter().map(|id| id.offset.0).collect())
}

#[tokio::test(start_paused = true)]
async fn a_retry_holds_back_its_sequence_and_no_other() {
    let now = Instant::now();
    let mut flight = flight_of(&[(1, "k", &["a", "b"]), (2, "k", &["a"]), (3, "other", &["a"])], now);
    let first = flight.pick(now, 1, usize::MAX).expect("a batch");
    assert_eq!((offsets(Some(&first)), first.next), (vec![1], Offset(1)), "1/b is open");
    let later = now + Duration::from_secs(5);
    let mut retried = first.batch.deliveries[0].clone();
    retried.attempt = 2;
    flight.deliver_at(first.ids[0], retried, later, now);

    let second = flight.pick(now, 10, usize::MAX).expect("a batch");
    assert_eq!(offsets(Some(&second)), [1, 3], "to b, and with another key");
    assert_eq!(second.next, Offset(1), "1/a is open whatever the outcome of this batch");
    for id in &second.ids {
        flight.delivered(*id);
    }
    assert!(flight.pick(now, 10, usize::MAX).is_none());
    assert_eq!(flight.next_due(now), Some(later), "2/a is due now, but held");

    let third = flight.pick(later, 10, usize::MAX).expect("a batch");
    assert_eq!(offsets(Some(&third)), [1], "alone, for its second attempt");
    flight.delivered(third.ids[0]);
    let fourth = flight.pick(later, 10, usize::MAX).expect("a batch");
    assert_eq!((offsets(Some(&fourth)), fourth.next), (vec![2], Offset(4)));
    flight.delivered(fourth.ids[0]);
    assert_eq!(
        (flight.next(), flight.records(), flight.bytes()),
        (Some(Offset(4)), 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded_in_records_and_bytes_but_never_empty() {
    let now = Instant::now();
    let records = [(1, "a", &["x"][..]), (2, "b", &["x"]), (3, "c", &["x"])];
    let mut flight = flight_of(&records, now);
    assert_eq!(offsets(flight.pick(now, 2, usize::MAX).as_ref()), [1, 2]);
    let mut flight = flight_of(&records, now);
    assert_eq!(
        offsets(flight.pick(now, 10, 1).as_ref()),
        [1],
        "larger than the limit, so alone"
    );
}

#[test]
fn what_is_due_and_cannot_go_out_hides_nothing_that_is_due_later() {
    let now = Instant::now();
    let [soon, later] = [1, 5].map(|seconds| now + Duration::from_secs(seconds));
    let mut flight = Flight::new(partition(), true);
    let first = record(1, "k");
    flight.add(&first, vec![delivery(&first, "a")], vec![], now);
    let picked = flight
        .pick_sequence(now, 10, usize::MAX, |_, _| true)
        .expect("the delivery");
    let mut retried = picked.batch.deliveries[0].clone();
    retried.attempt = 2;
    flight.deliver_at(picked.ids[0], retried, soon, now);
    flight.back(&(Target::Named("a".into()), Bytes::from_static(b"k")), now);
    flight.add_undecodable(&record(2, "k"), "no event".to_owned(), now);
    assert_eq!(
        flight.next_due(now),
        Some(soon),
        "the dead letter waits for others to be written"
    );
    flight.take_letters(now, 1);
    flight.add_undecodable(&record(3, "k"), "no event".to_owned(), later);
    assert_eq!(
        flight.next_due(soon),
        Some(later),
        "the delivery waits for others to come back"
    );
}

#[test]
fn the_oldest_record_is_the_first_that_is_not_settled() {
    let mut flight = flight_of(&[(0, "k", &["a"]), (1, "k", &[]), (2, "l", &["a"])], Instant::now());
    let at = |millis| Timestamp::from_millis(millis).expect("in range");
    assert_eq!(flight.oldest(), None);
    for offset in [0, 1, 2] {
        flight.received(Offset(offset), at(offset));
    }
    assert_eq!(flight.oldest(), Some(at(0)));
    let id = |offset| WorkId {
        offset: Offset(offset),
        number: 0,
    };
    flight.delivered(id(0));
    assert_eq!(flight.oldest(), Some(at(2)), "what goes nowhere is settled at once");
    flight.delivered(id(2));
    assert_eq!(flight.oldest(), None);
}
