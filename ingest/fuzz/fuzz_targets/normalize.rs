//! Any body under any headers, for every adapter: never a panic, never nothing, always records that read back.
//!
//! An input is the platform's name, a line per header, an empty line, and the body.
#![no_main]

use ingest::envelope::{Enveloper, Prepared};
use libfuzzer_sys::fuzz_target;
use schemas::event::Event;
use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::source::{Scheme, Source};
use schemas::time::Timestamp;

#[path = "request.rs"]
mod request;

fuzz_target!(|data: &[u8]| {
    let Some((first, headers, body)) = request::read(data) else {
        return;
    };
    let Ok(platform) = first.parse::<Platform>() else {
        return;
    };
    let source = Source {
        scheme: Some(Scheme::None),
        ..Source::new(
            SourceId::new("line-1").expect("a name"),
            Tenant::new("acme").expect("a name"),
            platform,
            Vec::new(),
        )
    };
    let received = Timestamp::parse("2026-03-10T13:36:50Z").expect("a time");
    let prepare = || Enveloper::default().prepare(&source, &headers, body, received);
    let Prepared::Records(records) = prepare() else { return };
    assert!(!records.is_empty());
    let Prepared::Records(again) = prepare() else {
        unreachable!("it was no reply")
    };
    assert_eq!(records.len(), again.len());
    for (record, again) in records.iter().zip(&again) {
        let event = Event::decode(&record.value).expect("a record reads back");
        assert!(!event.attributes.partition_key.is_empty());
        // Blanking a credential of one byte makes it `null`.
        assert!(
            event.raw().len() <= body.len() * 2 + 8,
            "raw is the body or a part of it"
        );
        serde_json::from_str::<serde_json::Value>(event.data()).expect("data is JSON");
        let again = Event::decode(&again.value).expect("a record reads back");
        assert_eq!(event.id(), again.id(), "a redelivery has the same id");
    }
});
