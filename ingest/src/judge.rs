//! The whole decision on one request, without a server: what ingest would answer, for `forebay verify` and for tests that
//! bring captured requests.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use schemas::setting::in_one_line;
use schemas::source::Source;
use schemas::time::Timestamp;

use crate::authenticate::{Matched, Presented, Refusal, Verifier};
use crate::normalize::{Normalized, Reply, handshake, normalize};
use crate::receive::Address;

/// A request as it was captured. Its `Debug` shows the names of headers only: it may hold the right secret.
#[derive(Clone)]
pub struct Captured {
    /// The method.
    pub method: Method,
    /// Path and query, as they were sent.
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
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&*self.target, |(path, _)| path)
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The source that the path names.
    pub fn source_id(&self) -> &str {
        Address::of(self.path()).source_id
    }

    pub(crate) fn presented(&self) -> Presented<'_> {
        Presented {
            headers: &self.headers,
            authority: None,
            path: self.path(),
            path_secret: Address::of(self.path()).path_secret,
            query: self.query(),
            body: &self.body,
        }
    }
}

/// What ingest would do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is authentic, and its events would be published.
    Accepted {
        /// The number of the secret that matched, from 0, the newest; none where anybody may send.
        secret: Option<usize>,
        /// The number of the secret in the path that matched, for sources that ask for one as a second proof.
        url_secret: Option<usize>,
    },
    /// A handshake or a test call: this would be answered, and nothing published.
    Replied(Reply),
    /// It would be refused.
    Refused {
        /// With this status.
        status: StatusCode,
        /// The reason as metrics call it: `missing`, `repeated`, `malformed`, `no_match`, `outside_tolerance`, `not_found`,
        /// `forbidden`, `method`, `unusable_source`.
        reason: &'static str,
        /// The reason for people. Holds nothing that the sender sent.
        detail: String,
    },
}

/// Decides as ingest does, in the same order, for the source named, whatever the path names. Limits of size and time,
/// which depend on the server, are left out.
pub fn judge(source: &Source, captured: &Captured, now: Timestamp) -> Verdict {
    let refused = |status, reason, detail: &str| Verdict::Refused {
        status,
        reason,
        detail: detail.to_owned(),
    };
    let verifier = match Verifier::new(source) {
        Ok(verifier) => verifier,
        Err(invalid) => {
            return refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "unusable_source",
                &in_one_line(&invalid),
            );
        }
    };
    let presented = captured.presented();
    if !verifier.verify_path(presented.path_secret) {
        let detail = "the secret behind the source's id in the path is missing or wrong";
        return refused(StatusCode::NOT_FOUND, "not_found", detail);
    }
    if captured.method != Method::POST {
        return match handshake(source, &captured.method, &captured.headers, captured.query()) {
            Some(reply) => replied(reply),
            None => refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "webhooks are sent by POST, and this platform asks nothing by another method",
            ),
        };
    }
    match verifier.verify(&presented, now) {
        Ok(Matched { secret, url_secret }) => match normalize(source, &captured.headers, &captured.body) {
            Normalized::Reply(reply) => replied(reply),
            Normalized::Events(_) => Verdict::Accepted { secret, url_secret },
        },
        Err(refusal @ Refusal::Unusable(_)) => {
            refused(StatusCode::SERVICE_UNAVAILABLE, refusal.label(), &refusal.to_string())
        }
        Err(refusal) => refused(StatusCode::UNAUTHORIZED, refusal.label(), &refusal.to_string()),
    }
}

fn replied(reply: Reply) -> Verdict {
    if reply == Reply::Forbidden {
        return Verdict::Refused {
            status: StatusCode::FORBIDDEN,
            reason: "forbidden",
            detail:
                "the handshake shows another verify token than the source's, or asks nothing that the platform asks"
                    .to_owned(),
        };
    }
    Verdict::Replied(reply)
}
