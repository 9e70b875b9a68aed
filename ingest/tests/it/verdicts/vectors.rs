//! The vectors, as sources and requests.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};
use ingest::Captured;
use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::{Encoding, Hash, HmacScheme, JwtScheme, Scheme, Source, TokenPlace};
use schemas::time::Timestamp;
use serde_json::Value;

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
    let secrets = |name: &str| -> Vec<Secret> {
        let secrets = case["source"][name].as_array().into_iter().flatten();
        secrets
            .map(|secret| Secret::new(secret.as_str().expect("text")))
            .collect()
    };
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
        source: Source {
            id: SourceId::new("line-1").expect("a name"),
            tenant: Tenant::new("acme").expect("a name"),
            platform,
            scheme: Some(&case["source"]["auth"]).filter(|auth| !auth.is_null()).map(scheme),
            secrets: secrets("secrets"),
            url_secrets: secrets("url_secrets"),
            verify_token: case["source"]["verify_token"].as_str().map(Secret::new),
            utc_offset_minutes: None,
            max_body_bytes: 1 << 20,
        },
        request: Captured {
            method: text("method").parse().expect("a method"),
            target: text("path").to_owned(),
            headers,
            body: BASE64.decode(text("body")).expect("base64").into(),
        },
        status: can_be_sent.then(|| u16::try_from(case["status"].as_u64().expect("a number")).expect("a status")),
    }
}

/// The schemes that vectors name; the other ones are presets.
fn scheme(auth: &Value) -> Scheme {
    let text = |name: &str| auth[name].as_str().map(str::to_owned);
    let seconds = |name: &str| Duration::from_secs(auth[name].as_u64().expect("seconds"));
    match text("scheme").expect("a scheme").as_str() {
        "none" => Scheme::None,
        "basic" => Scheme::Basic,
        "url_secret" => Scheme::UrlSecret,
        "twilio" => Scheme::Twilio { url: text("url") },
        "standard_webhooks" => Scheme::StandardWebhooks {
            tolerance: seconds("tolerance_seconds"),
        },
        "jwt" => Scheme::Jwt(JwtScheme {
            header: text("header").expect("a header").to_ascii_lowercase(),
            leeway: seconds("leeway_seconds"),
        }),
        "token" => Scheme::Token(match (text("header"), text("query")) {
            (Some(name), None) => TokenPlace::Header(name.to_ascii_lowercase()),
            (None, Some(name)) => TokenPlace::Query(name),
            _ => panic!("a token in another place: {auth}"),
        }),
        "hmac" => {
            assert_eq!(auth["template"], "{body}", "another template: {auth}");
            let hash = match text("hash").as_deref() {
                Some("sha1") => Hash::Sha1,
                Some("sha256") => Hash::Sha256,
                Some("sha512") => Hash::Sha512,
                _ => panic!("another hash: {auth}"),
            };
            let encoding = match text("encoding").as_deref() {
                Some("hex") => Encoding::Hex,
                Some("base64") => Encoding::Base64,
                _ => panic!("another encoding: {auth}"),
            };
            let header = text("header").expect("a header").to_ascii_lowercase();
            Scheme::Hmac(HmacScheme {
                prefix: text("prefix").unwrap_or_default(),
                ..HmacScheme::of_body(hash, encoding, &header)
            })
        }
        other => panic!("another scheme: {other}"),
    }
}
