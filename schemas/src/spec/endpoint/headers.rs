//! The headers that an endpoint asks for.

use std::collections::BTreeMap;

use crate::secret::Secret;
use crate::setting::Findings;
use crate::spec::reference;

/// What frames or routes a request, and so belongs to the connection.
const OF_THE_CONNECTION: [&str; 13] = [
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What every delivery says of itself.
const OURS: [&str; 2] = ["content-type", "traceparent"];

/// More than this no request needs.
const MAX_HEADERS: usize = 32;
const MAX_VALUE_BYTES: usize = 8 * 1024;

/// The headers by their names in lower case, without those that are wrong. `with_auth`: `auth` is written, too.
pub(super) fn build(written: BTreeMap<String, Secret>, with_auth: bool, found: &mut Findings) -> Vec<(String, Secret)> {
    if written.len() > MAX_HEADERS {
        found.add(
            "headers",
            format!("has {} headers: give at most {MAX_HEADERS}", written.len()),
        );
    }
    let mut headers: Vec<(String, Secret)> = Vec::with_capacity(written.len());
    for (name, value) in written {
        let place = format!("headers.{name}");
        let lower = name.to_ascii_lowercase();
        let twice = headers.iter().any(|(other, _)| *other == lower);
        let reason = if twice {
            Some("is written twice, in upper and lower case, which are the same: take one of them out".to_owned())
        } else {
            wrong_name(&lower, with_auth).or_else(|| wrong_value(&value))
        };
        match reason {
            Some(reason) => found.add(place, reason),
            None => headers.push((lower, value)),
        }
    }
    headers
}

/// What may be meant, and seldom is.
pub(super) fn warnings(written: &BTreeMap<String, Secret>, found: &mut Findings) {
    for (name, value) in written {
        if let Some(reason) = reference::likely(value) {
            found.add(format!("headers.{name}"), reason);
        } else if value.is_empty() {
            found.add(format!("headers.{name}"), "is empty: it is sent without a value");
        }
        if name.eq_ignore_ascii_case("authorization") {
            found.add(
                format!("headers.{name}"),
                "is better written as `auth`, which has `basic`, `bearer` and `oauth2`",
            );
        }
    }
}

fn wrong_name(name: &str, with_auth: bool) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let reason = if name.is_empty() || !name.bytes().all(is_token) {
        "is no name of a header: use letters, digits and `-`"
    } else if OF_THE_CONNECTION.contains(&name) {
        "frames or routes the request, which is not for settings to change: take it out"
    } else if name.starts_with("webhook-") || OURS.contains(&name) {
        "is set by Forebay: choose another name"
    } else if name == "authorization" && with_auth {
        "is what `auth` sets: take one of them out"
    } else {
        return None;
    };
    Some(reason.to_owned())
}

fn wrong_value(value: &Secret) -> Option<String> {
    if let Err(reason) = reference::check(value) {
        return Some(reason);
    }
    let bytes = value.expose();
    let fits = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    if !bytes.iter().all(fits) {
        return Some("holds a line break or another control character: a header is one line".to_owned());
    }
    let len = bytes.len();
    (len > MAX_VALUE_BYTES).then(|| format!("has {len} bytes: give at most {MAX_VALUE_BYTES}"))
}
