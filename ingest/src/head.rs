//! The head of a request: which source it is for, and whether it is well-formed.

use std::net::IpAddr;

use http::header::{CONTENT_ENCODING, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, Uri, Version};
use net::server::Peer;
use schemas::source::INGEST_PREFIX;

use crate::authenticate::Presented;

/// Everything of a request but its body. Not `Debug`: path and headers may hold the right secret.
#[derive(Clone, Copy)]
pub(crate) struct Head<'r> {
    /// The address that it came from; none for a captured request.
    pub(crate) peer: Option<IpAddr>,
    pub(crate) method: &'r Method,
    pub(crate) version: Version,
    /// The host, where the target names it (HTTP/2, and an absolute target).
    pub(crate) authority: Option<&'r str>,
    /// The whole path, as it was sent.
    pub(crate) path: &'r str,
    /// What its path should begin with, before [`INGEST_PREFIX`].
    pub(crate) base_path: &'r str,
    /// The query, as it was sent.
    pub(crate) query: Option<&'r str>,
    pub(crate) headers: &'r HeaderMap,
}

impl<'r> Head<'r> {
    /// The head of a request that the server received.
    pub(crate) fn of(parts: &'r Parts, base_path: &'r str) -> Self {
        Self {
            peer: parts.extensions.get().map(|Peer(address)| *address),
            ..Self::new(&parts.method, &parts.uri, parts.version, &parts.headers, base_path)
        }
    }

    pub(crate) fn new(
        method: &'r Method,
        uri: &'r Uri,
        version: Version,
        headers: &'r HeaderMap,
        base_path: &'r str,
    ) -> Self {
        Self {
            peer: None,
            method,
            version,
            authority: uri.authority().map(Authority::as_str),
            path: uri.path(),
            base_path,
            query: uri.query(),
            headers,
        }
    }

    pub(crate) fn address(&self) -> Address<'r> {
        Address::of(self.path, self.base_path)
    }

    /// What the whole request shows of its sender.
    pub(crate) fn with_body(self, body: &'r [u8]) -> Presented<'r> {
        Presented {
            headers: self.headers,
            authority: self.authority,
            path: self.path,
            path_secret: self.address().path_secret,
            query: self.query,
            body,
        }
    }

    /// Checks what hyper lets pass and we do not: a request has exactly one `Host` (RFC 9112 §3.2), and an absolute target or
    /// an `:authority` must name the same host.
    pub(crate) fn check_framing(&self) -> Result<(), &'static str> {
        let mut hosts = self.headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.as_bytes(),
            // HTTP/2 has it in the pseudo-header (RFC 9113 §8.3.1).
            (None, _) if self.version == Version::HTTP_2 && self.authority.is_some() => return Ok(()),
            (None, _) => return Err("the request has no Host header: send one"),
            (Some(_), Some(_)) => return Err("the request has more than one Host header: send one"),
        };
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(byte);
        if host.is_empty() || !host.iter().all(allowed) {
            return Err("the Host header is not a host: send its name or address, and its port");
        }
        let mut codings = self.headers.get_all(TRANSFER_ENCODING).iter();
        if let Some(coding) = codings.next()
            && (codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        {
            return Err(
                "the request has another Transfer-Encoding than `chunked` alone: send the body as it was signed",
            );
        }
        match self.authority {
            Some(authority) if !same_host(authority.as_bytes(), host) => {
                Err("the target of the request and its Host header name different hosts: send the same in both")
            }
            _ => Ok(()),
        }
    }

    /// Whether the body comes as it was signed: uncompressed.
    pub(crate) fn is_plain(&self) -> bool {
        self.headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
    }
}

fn same_host(one: &[u8], other: &[u8]) -> bool {
    let bare = |name: &[u8]| name.strip_suffix(b":80").unwrap_or(name).to_ascii_lowercase();
    bare(one) == bare(other)
}

/// What a path names: `/in/{source_id}/{secret}/{anything}`, with the base path in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    /// The source's id as sent; may be anything.
    pub(crate) source_id: &'a str,
    /// The segment after it, empty if there is none.
    pub(crate) path_secret: &'a str,
}

impl<'a> Address<'a> {
    /// A path that does not begin with `base_path` names nothing: both parts are empty.
    pub(crate) fn of(path: &'a str, base_path: &str) -> Self {
        let below = path
            .strip_prefix(base_path)
            .and_then(|path| path.strip_prefix(INGEST_PREFIX));
        let mut segments = below.unwrap_or_default().split('/');
        Self {
            source_id: segments.next().unwrap_or_default(),
            path_secret: segments.next().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_from_the_path_as_sent() {
        let of = |path| {
            let Address { source_id, path_secret } = Address::of(path, "");
            (source_id, path_secret)
        };
        assert_eq!(of("/in/s"), ("s", ""));
        assert_eq!(of("/in/s/"), ("s", ""));
        assert_eq!(of("/in/s/secret/messages-upsert/x"), ("s", "secret"));
        assert_eq!(of("/in/s//secret"), ("s", ""), "an empty segment is not skipped");
        assert_eq!(of("/in/%73/a%2Fb"), ("%73", "a%2Fb"));
    }

    #[test]
    fn a_base_path_stands_in_front_or_the_path_names_nothing() {
        let of = |path| {
            let Address { source_id, path_secret } = Address::of(path, "/hooks/eu");
            (source_id, path_secret)
        };
        assert_eq!(of("/hooks/eu/in/s/secret/x"), ("s", "secret"));
        for path in [
            "/in/s/secret",
            "/hooks/in/s/secret",
            "/hooks/eu/s/secret",
            "/hooks/eux/in/s/secret",
            "/hooks/eu//in/s/secret",
            "/Hooks/eu/in/s/secret",
            "/x/hooks/eu/in/s/secret",
            "/hooks/eu",
            "",
        ] {
            assert_eq!(of(path), ("", ""), "{path}");
        }
    }
}
