//! The first step: is this well-formed, whom is it for, and the body within its limits of size and time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Version};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use schemas::time::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::authenticate::Presented;
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

/// Bytes of bodies in memory, all requests together.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicUsize::new(0),
            limit,
        })
    }
}

/// A body, or as much of it as is here, with its share of the [`Budget`], which is given back on drop.
#[derive(Debug)]
pub(crate) struct Buffered {
    bytes: Bytes,
    _share: Share,
}

#[derive(Debug)]
struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    fn grow(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.bytes += bytes;
        let before = self.budget.used.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.budget.limit {
            return Err(BodyError::NoMemory);
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Why a body was not taken.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// With what is left of it.
    TooLarge(Body),
    TooSlow,
    /// The client went away, or its framing is broken.
    Broken,
    NoMemory,
}

/// Reads a body of at most `limit` bytes. A declared length over the limit is refused before a byte is read.
pub(crate) async fn read_body(
    mut body: Body,
    limit: usize,
    within: Duration,
    budget: &Arc<Budget>,
) -> Result<Buffered, BodyError> {
    if declared(&body) > limit as u64 {
        return Err(BodyError::TooLarge(body));
    }
    let deadline = Instant::now() + within;
    let mut share = Share {
        budget: Arc::clone(budget),
        bytes: 0,
    };
    // Most bodies are one frame, which needs no copy.
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(BodyError::TooSlow),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(BodyError::Broken),
            Ok(Some(Ok(frame))) => frame,
        };
        // What is not data is trailers, which say nothing here.
        let Ok(data) = frame.into_data() else { continue };
        if share.bytes + data.len() > limit {
            return Err(BodyError::TooLarge(body));
        }
        share.grow(data.len())?;
        if first.is_empty() {
            first = data;
        } else {
            if more.is_empty() {
                more.reserve(first.len() + data.len() + usize::try_from(declared(&body)).unwrap_or(0).min(limit));
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&data);
        }
    }
    let bytes = if more.is_empty() { first } else { more.freeze() };
    Ok(Buffered { bytes, _share: share })
}

fn declared(body: &Body) -> u64 {
    body.size_hint().lower()
}

/// How much of a refused body is read and thrown away, bytes.
const DISCARD_BYTES: usize = 32 * 1024 * 1024;

/// Throws a refused body away. A connection closed while the client still writes is reset, and the client would never see
/// the answer; what is more than the bound gets the reset. A client that asks first (RFC 9110 §10.1.1) is not told to go on.
pub(crate) async fn discard(mut body: Body, expects_continue: bool, within: Duration) {
    if expects_continue || declared(&body) > DISCARD_BYTES as u64 {
        return;
    }
    let deadline = Instant::now() + within;
    let mut seen = 0;
    while seen < DISCARD_BYTES {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => seen += frame.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
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

    #[tokio::test]
    async fn the_budget_is_kept_and_given_back() {
        let budget = Budget::new(10);
        let within = Duration::from_secs(1);
        let one = read_body(Body::from("123456"), 100, within, &budget)
            .await
            .expect("6 of 10");
        let error = read_body(Body::from("12345"), 100, within, &budget)
            .await
            .expect_err("11 of 10");
        assert!(matches!(error, BodyError::NoMemory), "{error:?}");
        drop(one);
        read_body(Body::from("1234567890"), 100, within, &budget)
            .await
            .expect("10 of 10");
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
