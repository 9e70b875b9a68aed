//! Findings about proofs that are sent themselves: tokens, passwords, JSON Web Tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use schemas::source::{Hash, JwtScheme, Source};
use schemas::time::Timestamp;
use subtle::ConstantTimeEq as _;

use super::search::secrets;
use super::span;
use crate::authenticate::hmac::Key;
use crate::authenticate::percent;
use crate::authenticate::token::{Tokens, without_bearer};
use crate::judge::Captured;

/// Where in the request a right token stands, if not where it should.
pub(super) fn token(source: &Source, others: &[Arc<Source>], captured: &Captured, findings: &mut Vec<String>) {
    let secrets = secrets(source, others);
    let mut shown_anywhere = false;
    let mut places = places(captured);
    if !source.url_secrets.is_empty() {
        // The path has the other proof, which has findings of its own.
        places.retain(|(place, _)| place != "part 3 of the path");
    }
    for (place, text) in places {
        for (name, secret) in &secrets {
            if Tokens::of(secret).find(&text).is_some() {
                findings.push(format!("{name} stands in {place}"));
                shown_anywhere = true;
            } else if Tokens::of(secret).find(text.trim_ascii()).is_some() {
                findings.push(format!("{name} stands in {place}, with white space around it"));
                shown_anywhere = true;
            }
        }
    }
    if !shown_anywhere {
        findings.push(format!(
            "none of the {} secret(s) that were tried (the other sources' too) stands anywhere in the path, the query, the \
             headers, or at the top of the body",
            secrets.len()
        ));
    }
}

/// What is wrong with the path of a source whose second proof is in it, and where the right one is, if it is anywhere.
pub(super) fn path(source: &Source, others: &[Arc<Source>], captured: &Captured, findings: &mut Vec<String>) {
    let shown = percent::decode(captured.presented(&source.base_path).path_secret).into_owned();
    let active = source.url_secrets.len();
    if shown.is_empty() {
        findings.push("there is nothing after the source's id in the path".to_owned());
    } else {
        findings.push(format!(
            "the part after the source's id in the path is none of the {active} active `url_secrets`"
        ));
    }
    let secrets = secrets(source, others);
    if let Some((name, _)) = secrets
        .iter()
        .find(|(_, secret)| Tokens::of(secret).find(&shown).is_some())
    {
        findings.push(format!("it is {name}"));
    }
    for (place, text) in places(captured).into_iter().filter(|(_, text)| *text != shown) {
        for (number, secret) in (1..).zip(&source.url_secrets) {
            if Tokens::of(secret).find(text.trim_ascii()).is_some() {
                findings.push(format!("number {number} of `url_secrets` stands in {place}"));
            }
        }
    }
}

/// All texts that may be a token, and where they stand.
fn places(captured: &Captured) -> Vec<(String, Vec<u8>)> {
    let mut places = Vec::new();
    for (index, segment) in captured.path().split('/').enumerate().skip(1) {
        places.push((
            format!("part {index} of the path"),
            percent::decode(segment).into_owned(),
        ));
    }
    for pair in captured.query().unwrap_or_default().split('&') {
        if let Some((name, value)) = pair.split_once('=') {
            places.push((format!("the query as `{name}=`"), percent::decode(value).into_owned()));
        }
    }
    for (name, value) in &captured.headers {
        places.push((
            format!("the header `{name}`"),
            without_bearer(value.as_bytes()).to_vec(),
        ));
    }
    if let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(&captured.body) {
        for (name, value) in members {
            if let serde_json::Value::String(text) = value {
                places.push((format!("the body as `{name}`"), text.into_bytes()));
            }
        }
    }
    places
}

/// Which half of user and password is right.
pub(super) fn basic(source: &Source, captured: &Captured, findings: &mut Vec<String>) {
    let Some(value) = captured.headers.get(AUTHORIZATION) else {
        findings.push(
            "there is no `authorization`: the sender was given no user and password, or a proxy took them off"
                .to_owned(),
        );
        return;
    };
    let decoded = value
        .as_bytes()
        .get(6..)
        .and_then(|digits| STANDARD.decode(digits.trim_ascii()).ok());
    let Some(decoded) = decoded.filter(|_| value.as_bytes()[..6].eq_ignore_ascii_case(b"basic ")) else {
        findings.push("`authorization` is not `Basic` and base64".to_owned());
        return;
    };
    let halves = |text: &[u8]| {
        text.iter()
            .position(|byte| *byte == b':')
            .map(|at| (text[..at].to_vec(), text[at + 1..].to_vec()))
    };
    let Some((user, password)) = halves(&decoded) else {
        findings.push("what is shown has no colon between user and password".to_owned());
        return;
    };
    for (index, secret) in source.secrets.iter().enumerate() {
        let Some((right_user, right_password)) = halves(secret.expose()) else {
            continue;
        };
        let same = |a: &[u8], b: &[u8]| bool::from(a.ct_eq(b));
        match (same(&user, &right_user), same(&password, &right_password)) {
            (true, false) => findings.push(format!(
                "the user is that of secret number {}, the password is not",
                index + 1
            )),
            (false, true) => findings.push(format!(
                "the password is that of secret number {}, the user is not",
                index + 1
            )),
            _ => {}
        }
    }
    if findings.is_empty() {
        findings.push("neither user nor password is one of the source's".to_owned());
    }
}

/// What a JSON Web Token says of itself, and whose key it is signed with.
pub(super) fn jwt(
    source: &Source,
    others: &[Arc<Source>],
    captured: &Captured,
    scheme: &JwtScheme,
    now: Timestamp,
    findings: &mut Vec<String>,
) {
    let Some(value) = captured.headers.get(&*scheme.header) else {
        findings.push(format!("there is no `{}`", scheme.header));
        return;
    };
    let token = without_bearer(value.as_bytes());
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header, claims, tag] = parts.as_slice() else {
        findings.push(format!(
            "`{}` has {} part(s) between dots, a JSON Web Token has 3",
            scheme.header,
            parts.len()
        ));
        return;
    };
    let json =
        |part: &[u8]| -> Option<serde_json::Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok() };
    let (Some(header_json), Some(claims_json)) = (json(header), json(claims)) else {
        findings.push("its first two parts are not base64url of JSON".to_owned());
        return;
    };
    match header_json.get("alg").and_then(serde_json::Value::as_str) {
        Some("HS256") => {}
        Some(alg @ ("HS384" | "HS512" | "RS256" | "RS384" | "RS512" | "ES256" | "PS256" | "EdDSA" | "none")) => {
            findings.push(format!("it is signed with {alg}; only HS256 is taken"));
        }
        _ => findings.push("its header names no algorithm that is known; only HS256 is taken".to_owned()),
    }
    if let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) {
        let signed = &token[..header.len() + 1 + claims.len()];
        for (name, secret) in secrets(source, others) {
            let decoded = || STANDARD.decode(secret.expose()).ok();
            let readings = [
                (Some(secret.expose().to_vec()), ""),
                (decoded(), ", decoded from base64"),
            ];
            for (key, reading) in readings {
                let Some(Ok(mut mac)) = key.map(|key| Key::new(Hash::Sha256, &key)) else {
                    continue;
                };
                mac.update(signed);
                if mac.verify(&tag) {
                    findings.push(format!("it is signed with {name}{reading}"));
                }
            }
        }
    }
    let seconds = now.millis() / 1000;
    let claim = |name| claims_json.get(name).and_then(serde_json::Value::as_i64);
    if let Some(late) = claim("exp")
        .and_then(|exp| u64::try_from(seconds.saturating_sub(exp)).ok())
        .filter(|late| *late > 0)
    {
        let leeway = span(scheme.leeway.as_secs());
        findings.push(format!(
            "it expired {} before the time it is judged at; the leeway is {leeway}",
            span(late)
        ));
    }
    if let Some(early) = claim("nbf")
        .and_then(|nbf| u64::try_from(nbf.saturating_sub(seconds)).ok())
        .filter(|early| *early > 0)
    {
        findings.push(format!("it counts from {} after the time it is judged at", span(early)));
    }
}
