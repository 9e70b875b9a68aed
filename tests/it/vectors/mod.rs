//! The vectors in `schemas/vectors`: requests signed by the vendors' own libraries, and invalid variants of them. Each
//! is judged as ingest would judge it, and what is accepted must become the events that the vector promises.

mod compare;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use compare::{compare, contains};
use control::SourceSpec;
use harness::program::{run, stderr};
use harness::repository;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};
use ingest::envelope::{Enveloper, Prepared};
use ingest::{Captured, judge};
use schemas::platform::Platform;
use schemas::setting::in_one_line;
use schemas::source::Source;
use schemas::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct File {
    platform: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    platform: String,
    source: Value,
    clock: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    verdict: String,
    status: u16,
    reason: Option<String>,
    answer: Option<Answer>,
    #[serde(default)]
    answer_headers: Vec<(String, String)>,
    #[serde(default)]
    events: Vec<Value>,
    #[serde(default)]
    redelivery_of: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    content_type: String,
    body: String,
}

fn files() -> Vec<(PathBuf, File)> {
    let folder = repository().join("schemas/vectors");
    Platform::ALL
        .into_iter()
        .map(|platform| {
            let path = folder.join(format!("{platform}.json"));
            let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let file: File =
                serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path, file)
        })
        .collect()
}

/// The source as in a configuration file.
fn configured(case: &Case) -> Value {
    let mut source = json!({ "id": "line-1", "tenant": "acme", "platform": case.platform });
    for name in ["auth", "secrets", "url_secrets", "verify_token"] {
        if let Some(value) = case.source.get(name).filter(|value| !value.is_null()) {
            source[name] = value.clone();
        }
    }
    source
}

fn source(case: &Case) -> Result<Arc<Source>, String> {
    let spec: SourceSpec = serde_json::from_value(configured(case)).map_err(|error| error.to_string())?;
    let source = spec
        .build(Source::MAX_BODY_BYTES)
        .map_err(|found| in_one_line(&found))?;
    Ok(Arc::new(source))
}

fn captured(case: &Case) -> Captured {
    let mut headers: HeaderMap = case
        .headers
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            (name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"))
        })
        .collect();
    // The vectors name it only where it matters; every client sends one.
    headers.entry(HOST).or_insert(HeaderValue::from_static("localhost"));
    Captured {
        method: case.method.parse().expect("a method"),
        target: case.path.clone(),
        headers,
        body: BASE64.decode(&case.body).expect("base64").into(),
    }
}

/// Returns the events of an accepted request; the error says what is wrong with them.
fn events(case: &Case, source: &Source, request: &Captured, enveloper: &Enveloper) -> Result<Vec<Value>, String> {
    let now = Timestamp::parse(&case.clock).expect("a time");
    let records = match enveloper.prepare(source, &request.headers, &request.body, now) {
        Prepared::Records(records) => records,
        Prepared::Reply(_) => return Err("answered, not published".to_owned()),
    };
    let found: Vec<Value> = records
        .iter()
        .map(|record| serde_json::from_slice(&record.value).expect("an event is JSON"))
        .collect();
    if case.events.is_empty() {
        return Ok(found);
    }
    if found.len() != case.events.len() {
        let types: Vec<_> = found.iter().map(|event| event["type"].clone()).collect();
        return Err(format!("{} events expected, found {types:?}", case.events.len()));
    }
    for (found, expected) in found.iter().zip(&case.events) {
        for (name, expected) in expected.as_object().expect("an event is an object") {
            let value = match &**name {
                "ordering_key" => {
                    let key = found["partitionkey"].as_str().unwrap_or_default();
                    json!(key.strip_prefix("acme/line-1/").unwrap_or(key))
                }
                "time" => json!(Timestamp::parse(found["time"].as_str().unwrap_or_default()).map(Timestamp::millis)),
                _ => found[name].clone(),
            };
            let expected = match (&**name, expected) {
                (_, Value::Null) => continue,
                ("time", Value::String(time)) => json!(Timestamp::parse(time).map(Timestamp::millis)),
                _ => expected.clone(),
            };
            if !contains(&value, &expected) {
                return Err(format!("`{name}`: expected {expected}, found {value}"));
            }
        }
    }
    Ok(found)
}

#[test]
fn every_vector_has_its_verdict_and_becomes_its_events() {
    let mut wrong = Vec::new();
    for (path, file) in files() {
        let mut names = BTreeSet::new();
        let mut ids: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        assert!(file.cases.len() >= 30, "{}: {} cases", path.display(), file.cases.len());
        let enveloper = Enveloper::default();
        for case in &file.cases {
            assert!(
                names.insert(&case.name),
                "{} occurs twice in {}",
                case.name,
                path.display()
            );
            assert_eq!(case.platform, file.platform, "{}", case.name);
            let mut fails = |what: String| wrong.push(format!("{}: {}: {what}", file.platform, case.name));
            let source = match source(case) {
                Ok(source) => source,
                Err(problem) => {
                    fails(problem);
                    continue;
                }
            };
            let request = captured(case);
            let verdict = judge(&source, &request, Timestamp::parse(&case.clock).expect("a time"));
            if let Err(what) = compare(case, &verdict) {
                fails(what);
            } else if case.verdict == "accept" {
                match events(case, &source, &request, &enveloper) {
                    Ok(found) => {
                        let found: Vec<Value> = found.iter().map(|event| event["id"].clone()).collect();
                        if let Some(first) = &case.redelivery_of
                            && ids.get(&**first) != Some(&found)
                        {
                            fails(format!("not the ids of `{first}`"));
                        }
                        ids.insert(&case.name, found);
                    }
                    Err(what) => fails(what),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} vectors fail:\n{}", wrong.len(), wrong.join("\n"));
}

/// `forebay verify` on vectors of each platform: it has the same result, and prints no secret.
#[test]
fn verify_has_the_results_of_the_vectors_and_prints_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    for (_, file) in files() {
        let of = |verdict: &'static str| file.cases.iter().filter(move |case| case.verdict == verdict).take(2);
        let two_proofs = file
            .cases
            .iter()
            .filter(|case| case.source.get("url_secrets").is_some());
        for case in of("accept").chain(of("refuse")).chain(two_proofs) {
            let config = folder.path().join("forebay.yaml");
            let text = json!({ "sources": [configured(case)], "sinks": { "sqlite": {} } }).to_string();
            std::fs::write(&config, text).expect("written");
            let request = folder.path().join("request.json");
            let capture = json!({
                "method": case.method, "path": case.path, "headers": case.headers, "body_base64": case.body,
            });
            std::fs::write(&request, capture.to_string()).expect("written");
            let (config, request) = (config.display().to_string(), request.display().to_string());
            let args = ["verify", &request, "--config", &config, "--at", &case.clock];
            let output = run(&args, folder.path());
            let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
            assert_eq!(
                output.status.success(),
                case.verdict == "accept",
                "{}: {printed}",
                case.name
            );
            if let Some(reason) = &case.reason {
                assert!(printed.contains(reason), "{}: {printed}", case.name);
            }
            let secrets = ["secrets", "url_secrets"].map(|name| case.source[name].as_array());
            for secret in secrets.into_iter().flatten().flatten().filter_map(Value::as_str) {
                assert!(!printed.contains(secret), "{}: {printed}", case.name);
            }
        }
    }
}
