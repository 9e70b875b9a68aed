//! The platform adapters: every sample against its golden file, tables of what they put up with, and arbitrary damage.

mod addresses;
mod batches;
mod chatwoot;
mod cleared;
mod damage;
mod digisac;
mod dirty;
mod evolution;
mod foreign;
mod forms;
mod golden;
mod group_changes;
mod huggy;
mod identity;
mod intercom;
mod line;
mod pairs;
mod service_desks;
mod slack;
mod spellings;
mod telegram;
mod twilio;
mod twitter;
mod waha;
mod web1on1;
mod whatsapp;
mod whatsapp_cloud;
mod whatsapp_cloud_changes;
mod whatsapp_cloud_people;
mod whatsapp_samples;
mod zendesk;

use std::fs;
use std::path::{Path, PathBuf};

use harness::samples::{self, source};
use http::{HeaderMap, HeaderValue};
use ingest::normalize::{NewEvent, Normalized, normalize};
use schemas::platform::Platform;

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        "webhook-id",
        HeaderValue::from_static("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
    );
    headers.insert("webhook-timestamp", HeaderValue::from_static("1773149900"));
    headers.insert(
        "x-chatwoot-delivery",
        HeaderValue::from_static("6f0d3b54-0000-4000-8000-000000000001"),
    );
    headers
}

/// A sample: a file `<name>.json`, `.form` or `.bin`, and perhaps `<name>.headers` beside it, a `Name: value` a line.
#[derive(Debug, Clone)]
struct Sample {
    platform: Platform,
    name: String,
    body: Vec<u8>,
    headers: HeaderMap,
}

fn samples_of(platform: Platform) -> Vec<Sample> {
    let of = |file: PathBuf| {
        let mut headers = headers();
        headers.extend(samples::headers(&file));
        Sample {
            platform,
            name: file.file_stem().expect("a name").to_string_lossy().into_owned(),
            body: fs::read(&file).expect("a readable sample"),
            headers,
        }
    };
    samples::files(platform).into_iter().map(of).collect()
}

/// The events of a body that is not a ping.
fn events(platform: Platform, body: &[u8]) -> Vec<NewEvent<'_>> {
    match normalize(&source(platform), &headers(), body) {
        Normalized::Events(events) => events,
        Normalized::Reply(_) => panic!("a ping: {}", String::from_utf8_lossy(body)),
    }
}

fn one(platform: Platform, body: &str) -> NewEvent<'_> {
    let mut events = events(platform, body.as_bytes());
    assert_eq!(events.len(), 1, "{body}");
    events.remove(0)
}

fn below(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
}

fn sample(platform: Platform, name: &str) -> String {
    let file = below("../schemas/samples").join(platform.as_str()).join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The made-up credentials in the samples.
const CREDENTIALS: [&str; 5] = [
    "verify-token-exemplo",
    "EXAMPLEtokenEXAMPLEtoken0",
    "EXAMPLEtokenEXAMPLEtoken1",
    "apikey-de-exemplo",
    "https://ingest.example.com/hooks/evolution/t1",
];

/// The body as it may be stored: credentials blanked.
fn without_credentials(body: &str) -> String {
    CREDENTIALS.iter().fold(body.to_owned(), |body, token| {
        body.replace(&format!("\"{token}\""), "null")
    })
}

/// What an event's id is made of.
fn id_of(event: &NewEvent<'_>) -> (Vec<String>, Option<String>) {
    let identity = event.identity.iter().map(ToString::to_string).collect();
    (identity, event.time.map(|time| time.to_string()))
}

/// No two of these samples are one event.
fn all_differ(platform: Platform, samples: &[&str]) {
    let bodies: Vec<_> = samples.iter().map(|name| sample(platform, name)).collect();
    let ids: Vec<_> = bodies.iter().map(|body| id_of(&one(platform, body))).collect();
    for (at, id) in ids.iter().enumerate() {
        assert!(!ids[..at].contains(id), "{} is another's event", samples[at]);
    }
}
