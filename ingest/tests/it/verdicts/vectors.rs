//! The vectors, as sources and requests.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};
use ingest::Captured;
use schemas::platform::Platform;
use schemas::source::Source;
use schemas::spec::SourceSpec;
use schemas::time::Timestamp;
use serde_json::{Value, json};

/// One request to one source.
pub(super) struct Case {
    /// Whether it is bent in every way, and not only in those that differ most.
    pub(super) thoroughly: bool,
    pub(super) platform: Platform,
    pub(super) name: String,
    pub(super) clock: Timestamp,
    pub(super) source: Source,
    pub(super) request: Captured,
    /// What the vector says is answered; `None` where it cannot be sent as it is.
    pub(super) status: Option<u16>,
}

/// The cases of each platform.
pub(super) fn files() -> Vec<Vec<Case>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/vectors");
    let read = |platform: Platform| {
        let path = folder.join(format!("{platform}.json"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: Value = serde_json::from_slice(&bytes).expect("JSON");
        let cases = file["cases"].as_array().expect("a list");
        let thoroughly = |index| index % 10 == 0;
        let case = |(index, case)| of(platform, case, thoroughly(index));
        cases.iter().enumerate().map(case).collect()
    };
    Platform::ALL.into_iter().map(read).collect()
}

fn of(platform: Platform, case: &Value, thoroughly: bool) -> Case {
    let text = |name: &str| case[name].as_str().expect("text");
    let mut headers = HeaderMap::new();
    let mut can_be_sent = true;
    for pair in case["headers"].as_array().expect("a list") {
        let of = |index: usize| pair[index].as_str().expect("text").as_bytes();
        // On the wire, blanks around a value are no part of it (RFC 9110 §5.5).
        can_be_sent &= of(1) == of(1).trim_ascii();
        let value = HeaderValue::from_bytes(of(1).trim_ascii()).expect("a value");
        headers.append(HeaderName::from_bytes(of(0)).expect("a name"), value);
    }
    // The vectors name it only where it matters; every client sends one.
    headers
        .entry(HOST)
        .or_insert(HeaderValue::from_static("hooks.example.com"));
    Case {
        thoroughly,
        platform,
        name: text("name").to_owned(),
        clock: Timestamp::parse(text("clock")).expect("a time"),
        source: configured(platform, case),
        request: Captured {
            method: text("method").parse().expect("a method"),
            target: text("path").to_owned(),
            headers,
            body: BASE64.decode(text("body")).expect("base64").into(),
        },
        status: can_be_sent.then(|| u16::try_from(case["status"].as_u64().expect("a number")).expect("a status")),
    }
}

/// The source as in a configuration file.
fn configured(platform: Platform, case: &Value) -> Source {
    let mut source = json!({ "id": "line-1", "tenant": "acme", "platform": platform });
    for name in ["auth", "secrets", "url_secrets", "verify_token"] {
        if let Some(value) = case["source"].get(name).filter(|value| !value.is_null()) {
            source[name] = value.clone();
        }
    }
    let spec: SourceSpec = serde_json::from_value(source).expect("a source");
    spec.build(Source::MAX_BODY_BYTES).expect("a source that can be used")
}
