//! Every sample of every platform against its golden file: what type, identity, order, time and content it gets.
//!
//! `UPDATE_GOLDEN=1 cargo test -p ingest --test normalize` writes the golden files anew; then read the difference.

use std::fs;

use ingest::normalize::{NewEvent, Normalized, normalize};
use schemas::data::Data;
use schemas::event::Raw;
use schemas::platform::Platform;
use serde_json::{Value, json};

use crate::{below, files_of, samples_of, source, without_credentials};

fn raw_part(raw: &Raw<'_>, body: &[u8]) -> &'static str {
    let raw = match raw {
        Raw::Json(raw) => raw,
        Raw::Bytes(raw) => {
            assert_eq!(&**raw, body, "a raw part that is not JSON is the body");
            return "bytes";
        }
    };
    let body = std::str::from_utf8(body).expect("a JSON body is text");
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

fn described(event: &NewEvent<'_>, body: &[u8]) -> Value {
    let event_type = event.data.event_type();
    let member = event.data.to_member().map(|(name, json)| {
        if let Some(back) = Data::from_member(&event_type, &json) {
            assert_eq!(back.expect("our own data"), event.data, "normalized data reads back");
        }
        json!({ name: serde_json::from_str::<Value>(&json).expect("our own JSON") })
    });
    let mut described = json!({
        "type": event_type.as_str(),
        "identity": event.identity,
        "time": event.time.map(|time| time.to_string()),
        "ordering_key": event.ordering_key,
        "account": event.account,
        "subject": event.subject,
        "data": member,
        "raw": raw_part(&event.raw, body),
    });
    if let Some(happened) = event.happened.filter(|_| event.time.is_none()) {
        described["happened"] = happened.to_string().into();
    }
    described
}

#[test]
fn every_sample_becomes_what_its_golden_file_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for platform in Platform::ALL {
        let golden_folder = below("tests/golden").join(platform.as_str());
        let samples = samples_of(platform);
        for sample in &samples {
            let found = match normalize(&source(platform), &sample.headers, &sample.body) {
                Normalized::Reply(reply) => json!({ "reply": format!("{:?}", reply.expect("no refusal")) }),
                Normalized::Events(events) => events.iter().map(|event| described(event, &sample.body)).collect(),
            };
            let golden = golden_folder.join(format!("{}.json", sample.name));
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
        let golden_names: Vec<_> = files_of(&golden_folder)
            .iter()
            .map(|file| file.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect();
        let sample_names: Vec<_> = samples.into_iter().map(|sample| sample.name).collect();
        assert_eq!(
            golden_names, sample_names,
            "one golden file for each sample of {platform}"
        );
    }
    assert!(wrong.is_empty(), "not as the golden file says: {}", wrong.join("\n"));
}
