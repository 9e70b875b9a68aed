//! Every sample of every platform against its golden file: what type, identity, order, time and content it gets.
//!
//! `UPDATE_GOLDEN=1 cargo test -p ingest --test normalize` writes the golden files anew; then read the difference.

use std::fs;
use std::path::PathBuf;

use ingest::normalize::{NewEvent, Normalized, normalize, preset};
use schemas::data::Data;
use schemas::event::Raw;
use schemas::platform::Platform;
use schemas::source::Scheme;
use serde_json::{Value, json};

use crate::{below, files_of, headers, source, without_credentials};

fn raw_part(raw: &Raw<'_>, body: &str) -> &'static str {
    let Raw::Json(raw) = raw else { return "bytes" };
    serde_json::from_str::<Value>(raw).expect("raw JSON is valid");
    if **raw == *body {
        "body"
    } else if **raw == *without_credentials(body) {
        "body, credentials blanked"
    } else if body.contains(&**raw) {
        "element"
    } else {
        panic!("the raw part is neither the body nor a part of it: {raw}")
    }
}

fn described(event: &NewEvent<'_>, body: &str) -> Value {
    let event_type = event.data.event_type();
    let member = event.data.to_member().map(|(name, json)| {
        let back = Data::from_member(&event_type, &json)
            .expect("a defined type")
            .expect("our own data");
        assert_eq!(back, event.data, "normalized data reads back");
        json!({ name: serde_json::from_str::<Value>(&json).expect("our own JSON") })
    });
    json!({
        "type": event_type.as_str(),
        "identity": event.identity,
        "time": event.time.map(|time| time.to_string()),
        "ordering_key": event.ordering_key,
        "subject": event.subject,
        "data": member,
        "raw": raw_part(&event.raw, body),
    })
}

#[test]
fn every_sample_becomes_what_its_golden_file_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for platform in Platform::ALL {
        let golden_folder = below("tests/golden").join(platform.as_str());
        let samples = files_of(&below("../tests/payloads").join(platform.as_str()));
        assert!(!samples.is_empty(), "no samples of {platform}");
        for sample in &samples {
            let body = fs::read_to_string(sample).expect("a readable sample");
            let found = match normalize(&source(platform), &headers(), body.as_bytes()) {
                Normalized::Ping(answer) => json!({ "ping": answer }),
                Normalized::Events(events) => events.iter().map(|event| described(event, &body)).collect(),
            };
            let golden = golden_folder.join(sample.file_name().expect("a file"));
            if update {
                fs::create_dir_all(&golden_folder).expect("a folder for golden files");
                fs::write(&golden, format!("{found:#}\n")).expect("a writable golden file");
                continue;
            }
            let expected = fs::read_to_string(&golden).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
            let expected: Value = serde_json::from_str(&expected).expect("a golden file is JSON");
            if found != expected {
                wrong.push(format!("{}:\n{found:#}", golden.display()));
            }
        }
        let names = |files: &[PathBuf]| {
            files
                .iter()
                .map(|f| f.file_name().map(ToOwned::to_owned))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names(&files_of(&golden_folder)),
            names(&samples),
            "one golden file for each sample of {platform}"
        );
    }
    assert!(wrong.is_empty(), "not as the golden file says: {}", wrong.join("\n"));
}

#[test]
fn a_platform_without_a_configured_scheme_has_its_own() {
    assert_eq!(preset(Platform::Digisac), Scheme::UrlSecret);
    for (platform, expected) in [
        (Platform::Chatwoot, "x-chatwoot-signature"),
        (Platform::Baileys, "webhookVerifyToken"),
        (Platform::Standard, "StandardWebhooks"),
    ] {
        let preset = format!("{:?}", preset(platform));
        assert!(preset.contains(expected), "{preset}");
    }
}
