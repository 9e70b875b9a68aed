//! The whole decision on one request, without a server: what ingest would answer, for `forebay verify` and for tests that
//! bring captured requests. Every step is that of the server (`decide`).

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode, Uri, Version};
use schemas::setting::in_one_line;
use schemas::source::Source;
use schemas::time::Timestamp;

use crate::authenticate::{Matched, Presented, Verifier};
use crate::decide::{Ended, Reason, Refused, by_head, by_proof};
use crate::head::{Address, Head};
use crate::normalize::{Normalized, Reply, normalize};

/// A request as it was captured. Its `Debug` shows the names of headers only: it may hold the right secret.
#[derive(Clone)]
pub struct Captured {
    /// The method; POST for webhooks, others for handshakes.
    pub method: Method,
    /// The target as it was sent: path and query, or an absolute URL.
    pub target: String,
    /// All headers, the `Host` too.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Captured")
            .field("method", &self.method)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Captured {
    /// The source that the path names; empty if it names none, as one that does not begin with `base_path`, the setting of ingest.
    pub fn source_id(&self, base_path: &str) -> &str {
        Address::of(self.path(), base_path).source_id
    }

    pub(crate) fn path(&self) -> &str {
        let target = self.origin_form();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.origin_form().split_once('?').map(|(_, query)| query)
    }

    /// Path and query alone.
    pub(crate) fn origin_form(&self) -> &str {
        match self.target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains(['/', '?']) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            _ => &self.target,
        }
    }

    /// What the request shows of its sender, whether or not it is well-formed.
    pub(crate) fn presented(&self, base_path: &str) -> Presented<'_> {
        Presented {
            headers: &self.headers,
            authority: None,
            path: self.path(),
            path_secret: Address::of(self.path(), base_path).path_secret,
            query: self.query(),
            body: &self.body,
        }
    }

    /// What the server's HTTP library refuses before a request reaches the decision. `Ok` with the target.
    fn check_http(&self) -> Result<Uri, Refused> {
        let malformed = |detail: &'static str| Refused::new(Reason::Framing, detail);
        if !self.headers.contains_key(TRANSFER_ENCODING) {
            let mut lengths = self.headers.get_all(CONTENT_LENGTH).iter();
            let first = lengths.next();
            let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            if first.is_some_and(|length| !digits(length.as_bytes())) || lengths.any(|length| Some(length) != first) {
                return Err(malformed(
                    "the request has no single Content-Length in digits: send one",
                ));
            }
        }
        self.target
            .parse()
            .map_err(|_| malformed("the target of the request is no path and no URL"))
    }
}

/// What ingest would do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is authentic, and its events would be published.
    Accepted {
        /// The number of the secret that matched, from 0, the newest; none where anyone may send.
        secret: Option<usize>,
        /// The number of the secret in the path that matched, for sources that ask for one as a second proof.
        url_secret: Option<usize>,
    },
    /// A handshake or a test call: this would be answered, and nothing published.
    Replied(Reply),
    /// It would be refused, with the status of the reason.
    Refused {
        /// The reason as metrics call it.
        reason: Reason,
        /// The reason in words. Holds nothing that the sender sent.
        detail: String,
    },
}

impl Verdict {
    /// The status that ingest would answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Accepted { .. } | Self::Replied(_) => StatusCode::OK,
            Self::Refused { reason, .. } => reason.status(),
        }
    }
}

impl From<Ended> for Verdict {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Replied(reply) => Self::Replied(reply),
            Ended::Refused(Refused { reason, detail }) => Self::Refused {
                reason,
                detail: detail.into_owned(),
            },
        }
    }
}

/// Decides as ingest does for the source given, whatever source the path names. Left out is what depends on the state of a
/// server: the size of a head, the pace of a body, memory, and what the event log takes.
pub fn judge(source: &Source, captured: &Captured, now: Timestamp) -> Verdict {
    match outcome(source, captured, now) {
        Ok(Matched { secret, url_secret }) => Verdict::Accepted { secret, url_secret },
        Err(ended) => ended.into(),
    }
}

fn outcome(source: &Source, captured: &Captured, now: Timestamp) -> Result<Matched, Ended> {
    let uri = captured.check_http()?;
    let verifier = Verifier::new(source).unwrap_or_else(|invalid| Verifier::unusable(in_one_line(&invalid)));
    // An `:authority` would stand in its place; a capture says it as a `Host`.
    let head = Head::new(
        &captured.method,
        &uri,
        Version::HTTP_11,
        &captured.headers,
        &source.base_path,
    );
    by_head(source, &verifier, &head)?.check(captured.body.len())?;
    let matched = by_proof(&verifier, &head.with_body(&captured.body), now)?;
    match normalize(source, &captured.headers, &captured.body) {
        Normalized::Reply(reply) => Err(reply.into()),
        Normalized::Events(_) => Ok(matched),
    }
}
