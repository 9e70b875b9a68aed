//! The history that every course writes: the samples of the platforms as ingest makes records of them, always at the same
//! times, in three parts. What the first part says comes again in the others: as it was, with other bodies under the same
//! ids, and as later receipts of events without a time of their own. The last part has a row that the database refuses.

use std::collections::HashSet;

use bytes::Bytes;
use harness::samples;
use ingest::envelope::{Enveloper, Prepared};
use schemas::event::Event;
use schemas::id::IdTime;
use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::record::Record;
use schemas::source::Source;
use schemas::time::Timestamp;
use serde_json::{Value, json};

/// The subject of the row that the table's constraint refuses.
pub(crate) const REFUSED: &str = "refused by the table";

/// 2026-03-10T13:36:50.912Z
const RECEIVED_MS: i64 = 1_773_149_810_912;

/// Between a receipt and its repeat: within the sink's window.
const REPEATED_AFTER_MS: i64 = 60_000;

/// The parts, each to be settled before the next is published.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) parts: Vec<Vec<Record>>,
    /// How many different events there are, without the refused one.
    pub(crate) events: usize,
}

impl History {
    /// Reads the samples of these platforms.
    pub(crate) fn read(platforms: &[Platform]) -> Self {
        let first_receipts = receipts(platforms, RECEIVED_MS);
        let again = receipts(platforms, RECEIVED_MS + REPEATED_AFTER_MS);
        let third = first_receipts.len() / 3;
        let (early, late) = first_receipts.split_at(third);
        let (middle, last) = late.split_at(third);
        let mut parts = vec![early.to_vec(), middle.to_vec(), last.to_vec()];
        // The whole first part comes once more, received later; some of it with other bodies, each of these twice.
        parts[1].extend_from_slice(&again[..third]);
        parts[1].extend(early.iter().step_by(3).map(|record| other_body(record, 1)));
        parts[2].extend(early.iter().step_by(3).map(|record| other_body(record, 1)));
        parts[2].extend(early.iter().step_by(5).map(|record| other_body(record, 2)));
        parts[2].extend_from_slice(&again[third..]);
        let events = different(parts.iter().flatten());
        parts[2].push(refused(&last[0]));
        Self { parts, events }
    }
}

/// Counts events: by id, and those without a time of their own by what does not depend on it, since all of their receipts are
/// within the window.
fn different<'r>(records: impl Iterator<Item = &'r Record>) -> usize {
    let (mut ids, mut halves) = (HashSet::new(), HashSet::new());
    for record in records {
        let event = Event::decode(&record.value).expect("ours");
        if event.attributes.id_time == IdTime::Received {
            halves.insert(event.id().hash_half());
        } else {
            ids.insert(event.id());
        }
    }
    assert!(
        halves.len() > 5,
        "only {} events have no time of their own",
        halves.len()
    );
    ids.len() + halves.len()
}

/// The records of all samples, as they are received from this moment on, one each millisecond; each platform is a source.
fn receipts(platforms: &[Platform], from_ms: i64) -> Vec<Record> {
    let mut records = Vec::new();
    let mut now_ms = from_ms;
    for platform in platforms {
        let source = Source::new(
            SourceId::new(format!("line-{platform}")).expect("a name"),
            Tenant::new("acme").expect("a name"),
            *platform,
            Vec::new(),
        );
        for file in samples::files(*platform) {
            let body = std::fs::read(&file).expect("readable");
            let received = Timestamp::from_millis(now_ms).expect("in range");
            now_ms += 1;
            // A new one each time, as ingest is after it was started again: it remembers no receipt.
            let prepared = Enveloper::default().prepare(&source, &samples::headers(&file), &body, received);
            if let Prepared::Records(of_sample) = prepared {
                records.extend(of_sample);
            }
        }
    }
    records
}

fn edited(record: &Record, edit: impl FnOnce(&mut Value)) -> Record {
    let mut value: Value = serde_json::from_slice(&record.value).expect("JSON");
    edit(&mut value);
    Record {
        value: Bytes::from(value.to_string()),
        ..record.clone()
    }
}

/// The same event with another body.
fn other_body(record: &Record, number: u32) -> Record {
    edited(record, |value| value["data"]["raw"] = json!({ "another body": number }))
}

/// An event of its own, which the table refuses.
fn refused(record: &Record) -> Record {
    edited(record, |value| {
        let mut id = value["id"].as_str().expect("an id").to_owned();
        id.replace_range(id.len() - 6.., "00dead");
        value["id"] = json!(id);
        value["subject"] = json!(REFUSED);
        if let Some(members) = value.as_object_mut() {
            members.remove("idtime");
        }
    })
}
