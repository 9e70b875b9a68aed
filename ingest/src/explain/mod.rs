//! Why a captured request passes or does not, in words for those who have to fix it: which secrets were tried, what is
//! missing, how far the clock is off, and under which other secret, encoding, template or spelling of the body the signature
//! would have matched.
//!
//! No secret, and no token that was shown, is ever part of an explanation.

mod respell;
mod search;
mod signature;
mod tokens;
mod twilio;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::Method;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use schemas::source::{HmacScheme, Scheme, Source, TimeFormat, TimePlace};
use schemas::time::Timestamp;

use crate::authenticate::Verifier;
use crate::decide::{Reason, Step, by_proof};
use crate::judge::{Captured, Verdict, judge};

/// A verdict, and what was found on the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What ingest would do.
    pub verdict: Verdict,
    /// How the source proves itself, in words.
    pub scheme: String,
    /// What was looked at and what was found, most informative first. Empty for what passes without a remark.
    pub findings: Vec<String>,
}

/// Judges a captured request and says why. `others` are the other sources: a signature may be one of theirs.
pub fn explain(source: &Source, others: &[Arc<Source>], captured: &Captured, now: Timestamp) -> Explanation {
    let verdict = judge(source, captured, now);
    let scheme = source.scheme();
    let mut findings = Vec::new();
    let base_path = source.base_path.as_str();
    if !captured.path().starts_with(base_path) {
        findings.push(format!(
            "the path does not begin with `{base_path}`, the base path of ingest, which answers 404 to it"
        ));
    } else if captured.source_id(base_path) != source.id.as_str() {
        findings.push("the path names another source than the one that it is judged for".to_owned());
    }
    if let Verdict::Refused { reason, .. } = &verdict {
        let failed = match (reason, reason.step()) {
            // The verdict says all; or the reason is a state of the server, for which no captured request is refused.
            (Reason::UnusableSource | Reason::Method | Reason::Forbidden, _) | (_, Step::Server) => None,
            (Reason::NotFound, _) | (_, Step::Proof) => {
                if source.url_secrets.is_empty() {
                    Some(*reason)
                } else {
                    which_of_two(source, others, captured, now, &mut findings)
                }
            }
            (_, Step::Head) => besides(source, captured, now, &mut findings),
        };
        if let Some(reason) = failed {
            proof(&scheme, source, others, captured, (reason, now), &mut findings);
        }
        body(captured, *reason, &mut findings);
    }
    Explanation {
        verdict,
        scheme: words::in_words(&scheme, source),
        findings,
    }
}

/// Why a proof fails.
fn proof(
    scheme: &Scheme,
    source: &Source,
    others: &[Arc<Source>],
    captured: &Captured,
    (reason, now): (Reason, Timestamp),
    findings: &mut Vec<String>,
) {
    match scheme {
        Scheme::Hmac(hmac) => signature::signature(source, others, captured, Some(hmac), reason, findings),
        Scheme::StandardWebhooks { .. } => signature::signature(source, others, captured, None, reason, findings),
        Scheme::Twilio { .. } => twilio::twilio(source, others, captured, findings),
        Scheme::Jwt(jwt) => tokens::jwt(source, others, captured, jwt, now, findings),
        Scheme::Basic => tokens::basic(source, captured, findings),
        Scheme::Token(_) | Scheme::UrlSecret => tokens::token(source, others, captured, findings),
        Scheme::None => {}
    }
    clock(scheme, captured, now, findings);
}

/// What would become of the proof of a request that is refused before its proof is checked. The reason, if it fails too.
fn besides(source: &Source, captured: &Captured, now: Timestamp, findings: &mut Vec<String>) -> Option<Reason> {
    if captured.method != Method::POST {
        return None;
    }
    match by_proof(
        &Verifier::new(source).ok()?,
        &captured.presented(&source.base_path),
        now,
    ) {
        Ok(_) => {
            findings.push("what proves the sender is right".to_owned());
            None
        }
        Err(refused) => {
            findings.push(format!(
                "what proves the sender is not right either: {}",
                refused.detail
            ));
            Some(refused.reason)
        }
    }
}

/// Which of two proofs fails. The reason, if (also) the one that is not in the path does.
fn which_of_two(
    source: &Source,
    others: &[Arc<Source>],
    captured: &Captured,
    now: Timestamp,
    findings: &mut Vec<String>,
) -> Option<Reason> {
    let verifier = Verifier::new(source).ok()?;
    let presented = captured.presented(&source.base_path);
    let in_path = verifier.find_in_path(presented.path_secret).ok();
    match in_path {
        Some(index) => findings.push(format!(
            "of the two proofs, the secret in the path is right: number {} of `url_secrets`",
            index.unwrap_or_default() + 1
        )),
        None => tokens::path(source, others, captured, findings),
    }
    if captured.method != Method::POST {
        // A handshake needs no other.
        return None;
    }
    match verifier.verify_proof(&presented, now) {
        Ok(index) => {
            findings.push(format!(
                "of the two proofs, the one that is not in the path is right: secret number {}",
                index.unwrap_or_default() + 1
            ));
            None
        }
        Err(refusal) => {
            if in_path.is_none() {
                findings.push(format!("the other proof fails too: {refusal}"));
            }
            Some(Reason::from(&refusal))
        }
    }
}

/// How far time stamps are off, and whether they are in another unit.
fn clock(scheme: &Scheme, captured: &Captured, now: Timestamp, findings: &mut Vec<String>) {
    let (shown, tolerance, iso) = match scheme {
        Scheme::Hmac(HmacScheme {
            header,
            timestamp: Some(time),
            ..
        }) => {
            let value = |name: &str| captured.headers.get(name).and_then(|value| value.to_str().ok());
            let shown = match &time.place {
                TimePlace::Header(name) => value(name),
                TimePlace::Key(key) => value(header).and_then(|list| {
                    list.split(',')
                        .filter_map(|entry| entry.trim().split_once('='))
                        .find(|(name, _)| name == key)
                        .map(|(_, value)| value)
                }),
            };
            (shown, time.tolerance, time.format == TimeFormat::Iso8601)
        }
        Scheme::StandardWebhooks { tolerance } => {
            let name = crate::authenticate::standard_names(&captured.headers)[1].clone();
            (
                captured.headers.get(name).and_then(|value| value.to_str().ok()),
                *tolerance,
                false,
            )
        }
        _ => return,
    };
    let Some(shown) = shown.map(str::trim) else { return };
    let seconds = match shown.parse::<i64>() {
        Ok(millis) if shown.len() == 13 && !iso => {
            findings.push("the time stamp is in milliseconds; whole seconds are expected".to_owned());
            millis / 1000
        }
        Ok(seconds) => seconds,
        Err(_) => match Timestamp::parse(shown) {
            Some(time) => time.millis() / 1000,
            None => return,
        },
    };
    let off = now.millis() / 1000 - seconds;
    if off.unsigned_abs() > tolerance.as_secs() {
        let (amount, way) = (span(off.unsigned_abs()), if off > 0 { "behind" } else { "ahead of" });
        findings.push(format!(
            "the time stamp is {amount} {way} the clock it is judged by, the tolerance is {}: for a capture, give its time with --at",
            span(tolerance.as_secs())
        ));
    }
}

/// What is strange about the body as captured.
fn body(captured: &Captured, reason: Reason, findings: &mut Vec<String>) {
    let header = |name| {
        captured
            .headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    if let Some(length) = header(CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok())
        && length != captured.body.len()
    {
        findings.push(format!(
            "Content-Length says {length} bytes, the captured body has {}: it is not the body that was sent",
            captured.body.len()
        ));
    }
    let encoded = captured.headers.get_all(CONTENT_ENCODING).iter();
    if reason != Reason::ContentEncoding
        && encoded
            .into_iter()
            .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        findings.push("the body is compressed: ingest accepts uncompressed bodies only".to_owned());
    }
    if captured.body.starts_with(b"\xef\xbb\xbf") {
        findings.push("the body begins with a byte order mark".to_owned());
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}
