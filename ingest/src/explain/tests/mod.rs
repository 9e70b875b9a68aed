//! Every mistake that people make when they connect a sender is named, and no secret with it.

mod signatures;
mod tokens;
mod two_proofs;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::HOST;
use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::{Encoding, Hash, SignedTime, TemplatePart, TokenPlace};

use super::*;
use crate::authenticate::{SignedRequest, sign};

const NOW: i64 = 1_773_149_811;

const SECRET: &str = "s3cret-of-the-source";
const BODY: &str = r#"{"id":1,"name":"José","list":[1,2]}"#;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000).expect("in range")
}

fn source(scheme: Scheme, secrets: &[&str]) -> Source {
    Source {
        id: SourceId::new("s").expect("valid"),
        tenant: Tenant::new("acme").expect("valid"),
        platform: Platform::Standard,
        scheme: Some(scheme),
        secrets: secrets.iter().map(|text| Secret::new(*text)).collect(),
        url_secrets: Vec::new(),
        verify_token: None,
        utc_offset_minutes: None,
        base_path: String::new(),
        max_body_bytes: 1024,
    }
}

fn captured(mut request: SignedRequest) -> Captured {
    request.headers.entry(HOST).or_insert(HeaderValue::from_static("h"));
    Captured {
        method: Method::POST,
        target: format!("/in/s{}", request.path_suffix),
        headers: request.headers,
        body: request.body,
    }
}

/// A request as a sender makes it who means `scheme` and `secret`.
fn sent(scheme: Scheme, secret: &str, body: &str) -> Captured {
    let sender = source(scheme, &[secret]);
    let request = sign(
        &sender,
        &Secret::new(secret),
        Bytes::from(body.to_owned()),
        at(NOW),
        "msg_1",
    )
    .expect("signs");
    captured(request)
}

/// What is said of it at `source`, all on one line.
fn said(source: &Source, others: &[Source], captured: &Captured, now: i64) -> String {
    let others: Vec<_> = others.iter().cloned().map(std::sync::Arc::new).collect();
    let explanation = explain(source, &others, captured, at(now));
    let verdict = match &explanation.verdict {
        Verdict::Refused { reason, detail } => format!("{reason}: {detail}"),
        other => format!("{other:?}"),
    };
    let said = format!("{verdict} {} {}", explanation.scheme, explanation.findings.join(" | "));
    let all = |source: &Source| [source.secrets.clone(), source.url_secrets.clone()].concat();
    for secret in all(source)
        .into_iter()
        .chain(others.iter().flat_map(|other| all(other)))
    {
        assert!(!said.contains(secret.expose_str().expect("text")), "{said}");
    }
    said
}

fn plain() -> HmacScheme {
    HmacScheme {
        prefix: "sha256=".to_owned(),
        ..HmacScheme::of_body(Hash::Sha256, Encoding::Hex, "x-signature")
    }
}

/// The same over a time stamp too.
fn stamped() -> Scheme {
    Scheme::Hmac(HmacScheme {
        template: vec![
            TemplatePart::Timestamp,
            TemplatePart::Text(".".to_owned()),
            TemplatePart::Body,
        ],
        timestamp: Some(SignedTime {
            place: TimePlace::Header("x-timestamp".to_owned()),
            format: TimeFormat::Seconds,
            tolerance: Duration::from_mins(5),
        }),
        ..plain()
    })
}

#[test]
fn what_passes_passes_without_a_remark() {
    for scheme in [
        Scheme::Hmac(plain()),
        stamped(),
        Scheme::UrlSecret,
        Scheme::Token(TokenPlace::Header("x-t".into())),
    ] {
        let request = sent(scheme.clone(), SECRET, BODY);
        let explanation = explain(&source(scheme, &["another-secret", SECRET]), &[], &request, at(NOW));
        assert_eq!(
            explanation.verdict,
            Verdict::Accepted {
                secret: Some(1),
                url_secret: None
            }
        );
        assert_eq!(explanation.findings, Vec::<String>::new());
    }
}

#[test]
fn a_body_that_is_not_the_one_that_was_sent_is_noticed() {
    let ours = source(Scheme::Hmac(plain()), &[SECRET]);
    let mut request = sent(
        Scheme::Hmac(plain()),
        "quite-another-secret",
        "\u{feff}{\n  \"a\": 1\n}",
    );
    request.headers.insert("content-length", HeaderValue::from_static("9"));
    request
        .headers
        .insert("content-encoding", HeaderValue::from_static("gzip"));
    let found = said(&ours, &[], &request, NOW);
    for expected in ["Content-Length says 9 bytes", "compressed", "byte order mark"] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

#[test]
fn what_is_refused_before_its_proof_is_checked_hears_of_the_proof_too() {
    let ours = source(Scheme::Hmac(plain()), &[SECRET]);
    let right = sent(Scheme::Hmac(plain()), SECRET, BODY);
    let wrong = sent(Scheme::Hmac(plain()), "quite-another-secret", BODY);
    let compressed = |request: &Captured| {
        let mut request = request.clone();
        request
            .headers
            .insert("content-encoding", HeaderValue::from_static("gzip"));
        request
    };
    let found = said(&ours, &[], &compressed(&right), NOW);
    assert!(
        found.contains("content_encoding: the body is compressed") && found.contains("what proves the sender is right"),
        "{found}"
    );
    let found = said(&ours, &[], &compressed(&wrong), NOW);
    for expected in ["is not right either: none of the source's 1", "the digest matches none"] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
    let mut two_hosts = right.clone();
    two_hosts.headers.append(HOST, HeaderValue::from_static("h2"));
    let found = said(&ours, &[], &two_hosts, NOW);
    assert!(found.contains("framing: the request has more than one Host"), "{found}");
    let small = Source {
        max_body_bytes: 5,
        ..ours
    };
    let found = said(&small, &[], &right, NOW);
    assert!(
        found.contains("too_large: the body is larger than the 5 bytes"),
        "{found}"
    );
}
