//! A01, A04 to A08: what is authentic, and everything that is not.

mod basic;
mod forms;
mod iso8601;
mod jwt;
mod lists;
mod sources;
mod svix;
mod tampering;
mod times;
mod twilio;
mod two_proofs;
mod vectors;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::setting::in_one_line;
use schemas::source::{
    Encoding, Hash, HmacScheme, Scheme, SignedTime, Source, TemplatePart, TimeFormat, TimePlace, TokenPlace,
};
use schemas::time::Timestamp;

use crate::decide::Reason;

use super::{Presented, Refusal, Verifier, check_source, hmac as keyed, sign};

const NOW: i64 = 1_773_149_811;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000).expect("in range")
}

/// What is wrong with a source, in one line.
fn wrong(source: &Source) -> String {
    in_one_line(&check_source(source).expect_err("something is wrong"))
}

fn source(scheme: Scheme, secrets: &[&str]) -> Source {
    Source {
        scheme: Some(scheme),
        max_body_bytes: 1024,
        ..Source::new(
            SourceId::new("s").expect("valid"),
            Tenant::new("acme").expect("valid"),
            Platform::Standard,
            secrets.iter().map(|text| Secret::new(*text)).collect(),
        )
    }
}

fn hmac(hash: Hash, encoding: Encoding, header: &str, prefix: &str, template: &str) -> HmacScheme {
    let mut parts = Vec::new();
    for piece in template.split_inclusive(['{', '}']) {
        match piece {
            "body}" => parts.push(TemplatePart::Body),
            "timestamp}" => parts.push(TemplatePart::Timestamp),
            "{" => {}
            text => parts.push(TemplatePart::Text(text.trim_end_matches('{').to_owned())),
        }
    }
    HmacScheme {
        hash,
        encoding,
        header: header.to_owned(),
        prefix: prefix.to_owned(),
        signature_key: None,
        renamed: None,
        timestamp: template.contains("{timestamp}").then(|| SignedTime {
            place: TimePlace::Header("x-timestamp".to_owned()),
            format: TimeFormat::Seconds,
            tolerance: Duration::from_mins(5),
        }),
        template: parts,
    }
}

fn stamped() -> Scheme {
    Scheme::Hmac(hmac(
        Hash::Sha256,
        Encoding::Hex,
        "x-signature",
        "sha256=",
        "{timestamp}.{body}",
    ))
}

fn standard() -> Scheme {
    let tolerance = Duration::from_mins(5);
    Scheme::StandardWebhooks { tolerance }
}

fn verify(source: &Source, headers: &HeaderMap, body: &[u8], now: i64) -> Result<Option<usize>, Refusal> {
    let request = Presented {
        authority: None,
        path: "",
        headers,
        path_secret: "",
        query: None,
        body,
    };
    Verifier::new(source)
        .expect("a usable source")
        .verify(&request, at(now))
        .map(|matched| matched.secret)
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            (name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"))
        })
        .collect()
}

fn label<T>(outcome: Result<T, Refusal>) -> &'static str {
    outcome.map_or_else(|refusal| Reason::from(&refusal).label(), |_| "accepted")
}
