//! What was shown under an id, so that an event that comes again with another body is seen: the platform reports it in several
//! ways, or two events share an id, of which a database keeps only the first (the others in `event_variant`).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use schemas::content::{Content, Differences};
use schemas::event::Event;
use schemas::id::{EventId, HashHalf, IdTime};
use schemas::record::Offset;
use schemas::time::Timestamp;
use serde_json::json;

/// How many events, and how many bytes of bodies, are remembered: the last ones.
const MAX_EVENTS: usize = 20_000;
const MAX_BYTES: usize = 64 << 20;

/// Receipts of an event without a time of its own are one event within this span: the default of the databases.
const RECEIPT_WINDOW_MS: u64 = 600_000;

/// How many members that differ are named.
const MAX_NAMED: usize = 5;

/// What makes two records one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Id(EventId),
    /// Of one that only its receipt dates.
    Half(HashHalf),
}

#[derive(Debug)]
struct First {
    at: RecordAt,
    received: Timestamp,
    body: Box<[u8]>,
    /// Distinguishes it from an older one of the same key that it has replaced.
    number: u64,
}

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordAt {
    pub(super) partition: i32,
    pub(super) offset: Offset,
}

/// In what an event differs from the one that was shown before under its id.
#[derive(Debug)]
pub(super) struct Differs {
    from: RecordAt,
    differences: Differences,
}

/// The events that were shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    first: HashMap<Key, First>,
    /// In the order in which they came, for forgetting.
    order: VecDeque<(Key, u64)>,
    bytes: usize,
    number: u64,
}

impl Shown {
    /// Remembers an event that is shown now. If one was shown before under its id that says something else, how they differ.
    pub(super) fn show(&mut self, at: RecordAt, event: &Event) -> Option<Differs> {
        let attributes = &event.attributes;
        let key = match attributes.id_time {
            IdTime::Event => Key::Id(attributes.id),
            IdTime::Received => Key::Half(attributes.id.hash_half()),
        };
        let body = event.raw();
        self.number += 1;
        let now = First {
            at,
            received: attributes.received,
            body: body.into(),
            number: self.number,
        };
        match self.first.entry(key) {
            Entry::Occupied(first) if first.get().is_of_one_event(key, attributes.received) => {
                let first = first.get();
                return (*first.body != *body).then(|| first.differs(body)).flatten();
            }
            Entry::Occupied(mut older) => {
                self.bytes -= older.insert(now).body.len();
            }
            Entry::Vacant(entry) => drop(entry.insert(now)),
        }
        self.bytes += body.len();
        self.order.push_back((key, self.number));
        self.forget();
        None
    }

    fn forget(&mut self) {
        while self.order.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            let Some((key, number)) = self.order.pop_front() else {
                return;
            };
            if let Entry::Occupied(entry) = self.first.entry(key)
                && entry.get().number == number
            {
                self.bytes -= entry.remove().body.len();
            }
        }
    }
}

impl First {
    fn is_of_one_event(&self, key: Key, received: Timestamp) -> bool {
        matches!(key, Key::Id(_)) || self.received.millis().abs_diff(received.millis()) < RECEIPT_WINDOW_MS
    }

    fn differs(&self, body: &[u8]) -> Option<Differs> {
        let differences = Content::of(&self.body).differences(&Content::of(body), MAX_NAMED);
        (differences.count > 0).then_some(Differs {
            from: self.at,
            differences,
        })
    }
}

impl Differs {
    /// For people: `differs from 3@17 in status ("open" → "resolved"), and 2 more`.
    pub(super) fn pretty(&self) -> String {
        let named: Vec<String> = self
            .differences
            .first
            .iter()
            .map(|d| {
                let side = |side: &Option<String>| side.as_deref().unwrap_or("nothing").to_owned();
                let member = if d.member.is_empty() { "the body" } else { &d.member };
                format!("{member} ({} → {})", side(&d.before), side(&d.after))
            })
            .collect();
        let more = match self.differences.count - named.len() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let RecordAt { partition, offset } = self.from;
        format!(
            "differs from partition {partition}, offset {offset} in {}{more}",
            named.join(", ")
        )
    }

    /// A member of the line for programs.
    pub(super) fn json(&self) -> String {
        let members: Vec<_> = self
            .differences
            .first
            .iter()
            .map(|d| json!({ "member": d.member, "before": d.before, "after": d.after }))
            .collect();
        json!({
            "from": { "partition": self.from.partition, "offset": self.from.offset.0 },
            "members": members,
            "count": self.differences.count,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use harness::event::Written;
    use schemas::name::{SourceId, Tenant};

    use super::*;

    fn event(identity: &str, received_ms: Option<i64>, raw: &str) -> Event {
        let time = Timestamp::from_millis(received_ms.unwrap_or(1_773_149_810_912)).expect("in range");
        let (tenant, source) = (Tenant::new("t").expect("valid"), SourceId::new("s").expect("valid"));
        let id = EventId::derive(time, &tenant, &source, &[identity]);
        let (id, time) = (id.to_string(), time.to_string());
        let written = Written {
            id: &id,
            received: received_ms.is_some(),
            source: "/t/s",
            event_type: "unmapped",
            subject: None,
            time: &time,
            tenant: "t",
            platform: "standard",
            received_time: &time,
            partition_key: "t/s/c",
            traceparent: None,
            raw_sha256: "",
            data: &format!(r#"{{"raw":{raw}}}"#),
        };
        written.event()
    }

    fn at(offset: i64) -> RecordAt {
        RecordAt {
            partition: 3,
            offset: Offset(offset),
        }
    }

    #[test]
    fn one_that_says_something_else_is_marked_with_what_differs() {
        let mut shown = Shown::default();
        let open = r#"{"id":1,"status":"open"}"#;
        assert!(shown.show(at(1), &event("a", None, open)).is_none());
        assert!(
            shown
                .show(at(2), &event("a", None, r#"{"status":"open", "id":1.0}"#))
                .is_none()
        );
        assert!(shown.show(at(3), &event("b", None, r#"{"id":2}"#)).is_none());
        let differs = shown.show(at(4), &event("a", None, r#"{"id":1,"status":"resolved","at":7}"#));
        let differs = differs.expect("it does");
        assert_eq!(
            differs.pretty(),
            r#"differs from partition 3, offset 1 in at (nothing → 7), status ("open" → "resolved")"#
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&differs.json()).expect("JSON"),
            json!({
                "from": { "partition": 3, "offset": 1 },
                "members": [
                    { "member": "at", "before": null, "after": "7" },
                    { "member": "status", "before": "\"open\"", "after": "\"resolved\"" },
                ],
                "count": 2,
            })
        );
        let many = shown
            .show(at(5), &event("a", None, r#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#))
            .expect("differs");
        assert!(
            many.pretty().ends_with("e (nothing → 5), and 2 more"),
            "{}",
            many.pretty()
        );
        let whole = shown.show(at(6), &event("a", None, "[]")).expect("differs").pretty();
        assert!(whole.contains("in the body ({"), "{whole}");
    }

    #[test]
    fn receipts_of_one_event_are_one_within_the_window() {
        let mut shown = Shown::default();
        let at_ms = |ms: i64, raw: &str| event("joined", Some(1_773_149_810_912 + ms), raw);
        assert!(shown.show(at(1), &at_ms(0, "1")).is_none());
        assert!(shown.show(at(2), &at_ms(599_999, "1")).is_none());
        assert!(shown.show(at(3), &at_ms(599_999, "2")).is_some());
        assert!(shown.show(at(4), &at_ms(600_000, "2")).is_none(), "another event");
        let differs = shown.show(at(5), &at_ms(600_001, "1")).expect("from that one");
        assert!(
            differs.pretty().starts_with("differs from partition 3, offset 4 "),
            "{}",
            differs.pretty()
        );
        assert_eq!((shown.first.len(), shown.bytes), (1, 1));
    }

    #[test]
    fn the_oldest_are_forgotten_by_number_and_by_size() {
        let mut shown = Shown::default();
        for n in 0..=MAX_EVENTS {
            shown.show(at(0), &event(&n.to_string(), None, "1"));
        }
        assert_eq!(
            (shown.first.len(), shown.order.len(), shown.bytes),
            (MAX_EVENTS, MAX_EVENTS, MAX_EVENTS)
        );
        assert!(shown.show(at(0), &event("1", None, "2")).is_some(), "still there");
        assert!(shown.show(at(0), &event("0", None, "2")).is_none(), "forgotten");

        let mut shown = Shown::default();
        let large = format!("\"{}\"", "x".repeat(MAX_BYTES / 3));
        for n in 0..5 {
            shown.show(at(0), &event(&n.to_string(), None, &large));
        }
        assert_eq!((shown.first.len(), shown.order.len()), (2, 2));
        assert!(shown.bytes <= MAX_BYTES);
        // One that is larger than all may be is not kept, and does no harm.
        let huge = format!("\"{}\"", "x".repeat(MAX_BYTES));
        shown.show(at(0), &event("huge", None, &huge));
        assert_eq!((shown.first.len(), shown.order.len(), shown.bytes), (0, 0, 0));
    }
}
