//! The first step: is this well-formed, and whom is it for? (The body: see [`body`](crate::body).)

use std::sync::Arc;

use http::header::{CONTENT_ENCODING, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Version};
use schemas::time::Timestamp;

use crate::authenticate::Presented;
use crate::body::Buffered;
use crate::budget::Share;
use crate::known::Known;

/// A complete, well-formed request to a source that exists. Who sent it is not known yet. Not `Debug`: path and headers
/// hold secrets.
pub(crate) struct RawWebhook {
    known: Arc<Known>,
    parts: Parts,
    body: Buffered,
    received: Timestamp,
}

impl RawWebhook {
    pub(crate) fn new(known: Arc<Known>, parts: Parts, body: Buffered, received: Timestamp) -> Self {
        Self {
            known,
            parts,
            body,
            received,
        }
    }

    pub(crate) fn known(&self) -> &Arc<Known> {
        &self.known
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body.bytes
    }

    pub(crate) fn received(&self) -> Timestamp {
        self.received
    }

    /// Lets go of the request, and keeps its share of the budget for what was made of it.
    pub(crate) fn into_share(self) -> Share {
        self.body.share
    }

    pub(crate) fn presented(&self) -> Presented<'_> {
        Presented {
            headers: &self.parts.headers,
            authority: self.parts.uri.authority().map(Authority::as_str),
            path: self.parts.uri.path(),
            path_secret: Address::of(self.parts.uri.path()).path_secret,
            query: self.parts.uri.query(),
            body: &self.body.bytes,
        }
    }
}

/// What the path says: `/in/{source_id}/{secret}/{anything}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    /// The source's id as sent; may be anything.
    pub(crate) source_id: &'a str,
    /// The segment behind it, empty if there is none.
    pub(crate) path_secret: &'a str,
}

impl<'a> Address<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        let mut segments = path.strip_prefix("/in/").unwrap_or_default().split('/');
        Self {
            source_id: segments.next().unwrap_or_default(),
            path_secret: segments.next().unwrap_or_default(),
        }
    }
}

/// What hyper lets pass and we do not: exactly one `Host` is asked for (RFC 9112 §3.2), and an absolute target or an
/// `:authority` must name the same host.
pub(crate) fn check_framing(parts: &Parts) -> Result<(), &'static str> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.as_bytes(),
        // HTTP/2 says it in the pseudo-header (RFC 9113 §8.3.1).
        (None, _) if parts.version == Version::HTTP_2 && parts.uri.authority().is_some() => return Ok(()),
        (None, _) => return Err("the request has no Host header: send one"),
        (Some(_), Some(_)) => return Err("the request has more than one Host header: send one"),
    };
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(byte);
    if host.is_empty() || !host.iter().all(allowed) {
        return Err("the Host header is not a host: send its name or address, and its port");
    }
    match parts.uri.authority() {
        Some(authority) if !same_host(authority, host) => {
            Err("the target of the request and its Host header name different hosts: send the same in both")
        }
        _ => Ok(()),
    }
}

fn same_host(authority: &Authority, host: &[u8]) -> bool {
    let bare = |name: &'_ [u8]| name.strip_suffix(b":80").unwrap_or(name).to_ascii_lowercase();
    bare(authority.as_str().as_bytes()) == bare(host)
}

/// Whether the body comes as it was signed: uncompressed.
pub(crate) fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_from_the_path_as_sent() {
        let of = |path| {
            let Address { source_id, path_secret } = Address::of(path);
            (source_id, path_secret)
        };
        assert_eq!(of("/in/s"), ("s", ""));
        assert_eq!(of("/in/s/"), ("s", ""));
        assert_eq!(of("/in/s/secret/messages-upsert/x"), ("s", "secret"));
        assert_eq!(of("/in/s//secret"), ("s", ""), "an empty segment is not skipped");
        assert_eq!(of("/in/%73/a%2Fb"), ("%73", "a%2Fb"));
    }
}
