//! Why a captured request passes or does not, in words for the one who has to mend it: which secrets were tried, what is
//! missing, how far the clock is off, and under which other secret, encoding, template or spelling of the body the signature
//! would have matched.
//!
//! No secret, and no token that was shown, is ever part of an explanation.

mod respell;
mod search;
mod tokens;

use std::sync::Arc;

use http::Method;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use schemas::source::{Encoding, Hash, HmacScheme, Scheme, Source, TemplatePart, TimeFormat, TimePlace, TokenPlace};
use schemas::time::Timestamp;

use crate::authenticate::Verifier;
use crate::judge::{Captured, Verdict, judge};
use search::Match;

/// A verdict, and what was found on the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What ingest would do.
    pub verdict: Verdict,
    /// How the source proves itself, in words.
    pub scheme: String,
    /// What was looked at and what was found, most telling first. Empty for what passes without a remark.
    pub findings: Vec<String>,
}

/// Judges a captured request and says why. `others` are the other sources there are: a signature may be one of theirs.
pub fn explain(source: &Source, others: &[Arc<Source>], captured: &Captured, now: Timestamp) -> Explanation {
    let verdict = judge(source, captured, now);
    let scheme = source.scheme();
    let mut findings = Vec::new();
    if captured.source_id() != source.id.as_str() {
        findings.push("the path names another source than the one that it is judged for".to_owned());
    }
    // What has nothing to do with proof is said by the verdict.
    if let Verdict::Refused { reason, .. } = &verdict
        && !["unusable_source", "method", "forbidden"].contains(reason)
    {
        let failed = if source.url_secrets.is_empty() {
            Some(*reason)
        } else {
            which_of_two(source, others, captured, now, &mut findings)
        };
        if let Some(reason) = failed {
            match &scheme {
                Scheme::Hmac(hmac) => signature(source, others, captured, Some(hmac), reason, &mut findings),
                Scheme::StandardWebhooks { .. } => signature(source, others, captured, None, reason, &mut findings),
                Scheme::Twilio { .. } => tokens::twilio(source, others, captured, &mut findings),
                Scheme::Jwt(jwt) => tokens::jwt(source, others, captured, jwt, now, &mut findings),
                Scheme::Basic => tokens::basic(source, captured, &mut findings),
                Scheme::Token(_) | Scheme::UrlSecret => tokens::token(source, others, captured, &mut findings),
                Scheme::None => {}
            }
            clock(&scheme, captured, now, &mut findings);
        }
        body(captured, &mut findings);
    }
    Explanation {
        verdict,
        scheme: in_words(&scheme, source),
        findings,
    }
}

/// Which of two proofs fails. The reason, if (also) the one that is not in the path does.
fn which_of_two(
    source: &Source,
    others: &[Arc<Source>],
    captured: &Captured,
    now: Timestamp,
    findings: &mut Vec<String>,
) -> Option<&'static str> {
    let verifier = Verifier::new(source).ok()?;
    let presented = captured.presented();
    let in_path = verifier.look_at_path(presented.path_secret).ok();
    match in_path {
        Some(index) => findings.push(format!(
            "of the two proofs, the secret in the path is right: number {} of `url_secrets`",
            index.unwrap_or_default() + 1
        )),
        None => tokens::path(source, others, captured, findings),
    }
    if captured.method != Method::POST {
        // A handshake is asked for no other.
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
            Some(refusal.label())
        }
    }
}

/// What a signature that does not match would have matched.
fn signature(
    source: &Source,
    others: &[Arc<Source>],
    captured: &Captured,
    scheme: Option<&HmacScheme>,
    reason: &str,
    findings: &mut Vec<String>,
) {
    if reason == "outside_tolerance" {
        return;
    }
    let header = scheme.map_or("webhook-signature", |scheme| deciding(scheme, captured));
    let there = captured.headers.get_all(header).iter().count();
    if there == 0 {
        let like = captured.headers.keys().map(http::HeaderName::as_str).filter(|name| {
            ["signature", "hmac", "token", "authorization"]
                .iter()
                .any(|word| name.contains(word))
        });
        let like: Vec<_> = like.map(|name| format!("`{name}`")).collect();
        findings.push(match like.as_slice() {
            [] => format!(
                "there is no `{header}`, and no other header that looks like a signature: does the sender sign at all?"
            ),
            like => format!("there is no `{header}`, but there is {}", like.join(", ")),
        });
    } else if there > 1 {
        findings.push(format!("`{header}` is there {there} times: a proxy may have added one"));
    }
    let secrets = search::secrets(source, others);
    let template = scheme.map(|scheme| template_text(&scheme.template));
    let own = search::own(source);
    let matches = search::search(captured, &secrets, own, template.as_deref());
    let telling = |found: &Match| differences(found, scheme, header);
    match matches.iter().map(telling).min_by_key(Vec::len) {
        Some(differences) if differences.is_empty() => {
            findings.push("the digest itself is right: only the form of the header is not".to_owned());
        }
        Some(differences) => findings.push(format!("the digest matches {}", differences.join(", "))),
        None => findings.push(format!(
            "the digest matches none of the {} secret(s) that were tried (the source's {}, the other sources' {}), read as they \
             are, as base64 and as hexadecimal, over the body alone and with each time stamp and id there is, nor the body in \
             other spellings: the secret is another one, or the body was changed on its way",
            secrets.len(),
            own,
            secrets.len() - own
        )),
    }
}

/// The name of the header that decides.
fn deciding<'s>(scheme: &'s HmacScheme, captured: &Captured) -> &'s str {
    let renamed = scheme.renamed.as_deref();
    renamed
        .filter(|name| captured.headers.contains_key(*name))
        .unwrap_or(&scheme.header)
}

/// What of a match is not as the scheme says, in words.
fn differences(found: &Match, scheme: Option<&HmacScheme>, header: &str) -> Vec<String> {
    let standard = scheme.is_none();
    let mut differences = Vec::new();
    if !found.secret.starts_with("secret number") {
        differences.push(format!("with {}", found.secret));
    }
    if found.key != if standard { "decoded from base64" } else { "" } {
        let reading = if found.key.is_empty() { "as it is" } else { found.key };
        differences.push(format!("with the secret {reading}"));
    }
    if found.hash != scheme.map_or(Hash::Sha256, |scheme| scheme.hash) {
        differences.push(format!("with {}", hash_name(found.hash)));
    }
    if found.encoding != scheme.map_or("base64", |scheme| encoding_name(scheme.encoding)) {
        differences.push(format!("written as {}", found.encoding));
    }
    if found.header != header && !(standard && found.header == "svix-signature") {
        differences.push(format!("in the header `{}`", found.header));
    }
    let template = scheme.map_or_else(
        || "{id}.{timestamp}.{body}".to_owned(),
        |scheme| template_text(&scheme.template),
    );
    if found.template != template {
        differences.push(format!("over the template `{}`", found.template));
    }
    if !found.spelling.is_empty() {
        differences.push(format!(
            "over {}: the sender signed other bytes than were captured",
            found.spelling
        ));
    }
    differences
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
fn body(captured: &Captured, findings: &mut Vec<String>) {
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
    if header(CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        findings.push("the body is compressed: ingest takes uncompressed bodies only".to_owned());
    }
    if captured.body.starts_with(b"\xef\xbb\xbf") {
        findings.push("the body begins with a byte order mark".to_owned());
    }
    if captured.body.starts_with(b"{\n ") || captured.body.starts_with(b"{\r\n ") {
        findings.push("the body is laid out for reading, as senders seldom do: capture the bytes themselves, not what a tool shows".to_owned());
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

fn in_words(scheme: &Scheme, source: &Source) -> String {
    let how = match scheme {
        Scheme::Hmac(scheme) => format!(
            "hmac: {} as {} in `{}`{}{} over `{}`",
            hash_name(scheme.hash),
            encoding_name(scheme.encoding),
            scheme.header,
            match &scheme.renamed {
                Some(name) => format!(", or in `{name}` where that is there,"),
                None => String::new(),
            },
            match (&scheme.signature_key, &*scheme.prefix) {
                (Some(key), _) => format!(" under `{key}=`"),
                (None, "") => String::new(),
                (None, prefix) => format!(" behind `{prefix}`"),
            },
            template_text(&scheme.template)
        ),
        Scheme::StandardWebhooks { .. } => {
            "standard_webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`".to_owned()
        }
        Scheme::Token(TokenPlace::Header(name)) => format!("token: in the header `{name}`"),
        Scheme::Token(TokenPlace::Query(name)) => format!("token: in the query as `{name}=`"),
        Scheme::Token(TokenPlace::Body(name)) => format!("token: in the body as `{name}`"),
        Scheme::Basic => "basic: user and password in `authorization`".to_owned(),
        Scheme::Jwt(scheme) => format!("jwt: HS256 in `{}`", scheme.header),
        Scheme::Twilio { url: None } => {
            "twilio: `x-twilio-signature` over https, the request's host, and the form".to_owned()
        }
        Scheme::Twilio { url: Some(url) } => {
            format!("twilio: `x-twilio-signature` over `{url}`, the path, and the form")
        }
        Scheme::UrlSecret => "url_secret: in the path behind the source's id".to_owned(),
        Scheme::None => return "none: anybody may send".to_owned(),
    };
    let words = format!("{how}; active secrets: {}", source.secrets.len());
    match source.url_secrets.len() {
        0 => words,
        second => {
            format!("{words}; besides, a secret in the path behind the source's id; active `url_secrets`: {second}")
        }
    }
}

fn template_text(template: &[TemplatePart]) -> String {
    let part = |part: &TemplatePart| match part {
        TemplatePart::Body => "{body}".to_owned(),
        TemplatePart::Timestamp => "{timestamp}".to_owned(),
        TemplatePart::Text(text) => text.clone(),
    };
    template.iter().map(part).collect()
}

fn hash_name(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "sha1",
        Hash::Sha256 => "sha256",
        Hash::Sha512 => "sha512",
    }
}

fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
    }
}
