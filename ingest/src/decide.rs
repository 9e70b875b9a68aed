//! What becomes of a request: decided here, once, for the server, `forebay verify` and the tests alike. Reads no clock, does no
//! I/O and counts nothing.
//!
//! The order: framing → secret in the path → method, and what a platform asks by another than POST → encoding → size → proof →
//! what a platform asks by POST. Each step has a type that the next one needs: [`by_head`] returns the [`BodyLimit`] without
//! which no body is read, and only what [`by_proof`] lets through is normalized. What depends on the server's state (its memory,
//! its event log, the pace of a body) is refused by the steps that meet it, for a [`Reason`] of the same list.

use std::borrow::Cow;
use std::fmt;

use http::Method;
use schemas::source::Source;
use schemas::time::Timestamp;

use crate::authenticate::{Matched, Presented, Refusal, Verifier};
use crate::head::Head;
use crate::normalize::{Forbidden, Reply, handshake};

macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident $label:literal;)+) => {
        /// Why a request is refused: all reasons that ingest has. Each has one status, in the module `answer`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])+ $name,)+ }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in metrics, in what `forebay verify` prints, and in the vectors.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }
        }
    };
}

reasons! {
    /// Malformed: not exactly one `Host`, or another in the target.
    Framing "framing";
    /// No such source, or a wrong or missing secret in the path.
    NotFound "not_found";
    /// Another method than POST, and nothing that the platform asks by it.
    Method "method";
    /// A handshake that shows another verify token than the source's.
    Forbidden "forbidden";
    /// A body with a `Content-Encoding`; only uncompressed ones are taken.
    ContentEncoding "content_encoding";
    /// A body larger than the source may send.
    TooLarge "too_large";
    /// What should prove the sender is not in the request.
    Missing "missing";
    /// It is in the request more than once.
    Repeated "repeated";
    /// It is not of the form that the scheme wants.
    Malformed "malformed";
    /// No active secret fits.
    NoMatch "no_match";
    /// It fits, but its time is too far from the clock.
    OutsideTolerance "outside_tolerance";
    /// The source's settings let no one in.
    UnusableSource "unusable_source";
    /// `max_buffered_bytes` is used up.
    NoMemory "no_memory";
    /// The body came too late or too slowly.
    TooSlow "too_slow";
    /// The body ended early, or its framing is malformed.
    BrokenBody "broken_body";
    /// The body came in time, and this process read it too late.
    Overloaded "overloaded";
    /// `max_in_flight` is reached.
    InFlightLimit "in_flight_limit";
    /// No acknowledgement from the event log within `ack_budget_ms`.
    NoAcknowledgement "no_acknowledgement";
    /// The event log is unavailable, so nothing can be published.
    LogUnavailable "log_unavailable";
    /// An event larger than the event log takes.
    RecordTooLarge "record_too_large";
    /// A panic in this process while it handled the request.
    InternalError "internal_error";
}

/// The step of the decision that refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Before any of the body is read.
    Head,
    /// With the body: what it and the headers prove, or what a platform asks by POST.
    Proof,
    /// None that a captured request can show: the state of the server, or how the body came.
    Server,
}

impl Reason {
    /// The step that refuses a POST for this reason.
    pub fn step(self) -> Step {
        match self {
            Self::Framing | Self::NotFound | Self::Method | Self::ContentEncoding | Self::TooLarge => Step::Head,
            Self::Forbidden
            | Self::Missing
            | Self::Repeated
            | Self::Malformed
            | Self::NoMatch
            | Self::OutsideTolerance
            | Self::UnusableSource => Step::Proof,
            Self::NoMemory
            | Self::TooSlow
            | Self::BrokenBody
            | Self::Overloaded
            | Self::InFlightLimit
            | Self::NoAcknowledgement
            | Self::LogUnavailable
            | Self::RecordTooLarge
            | Self::InternalError => Step::Server,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl From<&Refusal> for Reason {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Missing(_) => Self::Missing,
            Refusal::Repeated(_) => Self::Repeated,
            Refusal::Malformed(_) => Self::Malformed,
            Refusal::NoMatch(_) => Self::NoMatch,
            Refusal::OutsideTolerance { .. } => Self::OutsideTolerance,
            Refusal::Unusable(_) => Self::UnusableSource,
        }
    }
}

/// A refusal, in words for the operator. Holds nothing that the sender sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    pub(crate) detail: Cow<'static, str>,
}

impl Refused {
    pub(crate) fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

impl From<Reason> for Refused {
    /// Where the reason says all.
    fn from(reason: Reason) -> Self {
        Self::new(reason, reason.label())
    }
}

/// A request from which no events are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// A handshake or test call, which is answered as the platform expects.
    Replied(Reply),
    Refused(Refused),
}

impl Ended {
    fn refused(reason: Reason, detail: &'static str) -> Self {
        Self::Refused(Refused::new(reason, detail))
    }
}

impl From<Result<Reply, Forbidden>> for Ended {
    fn from(handled: Result<Reply, Forbidden>) -> Self {
        match handled {
            Ok(reply) => Self::Replied(reply),
            Err(forbidden) => Self::Refused(Refused::new(Reason::Forbidden, forbidden.to_string())),
        }
    }
}

impl From<Refused> for Ended {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// How large the body of a request may be. Made only for a request whose head is in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyLimit {
    bytes: usize,
}

impl BodyLimit {
    /// A limit without a request, for tests of what reads bodies.
    #[cfg(test)]
    pub(crate) fn of(bytes: usize) -> Self {
        Self { bytes }
    }

    /// Returns the limit, in bytes.
    pub(crate) fn bytes(self) -> usize {
        self.bytes
    }

    /// Checks the length of a body, or of what has come of it.
    pub(crate) fn check(self, length: usize) -> Result<(), Refused> {
        if length <= self.bytes {
            return Ok(());
        }
        let detail = format!(
            "the body is larger than the {} bytes that this source may send",
            self.bytes
        );
        Err(Refused::new(Reason::TooLarge, detail))
    }
}

/// Decides by the head alone: `Ok` if the body is worth reading.
pub(crate) fn by_head(source: &Source, verifier: &Verifier, head: &Head<'_>) -> Result<BodyLimit, Ended> {
    if let Err(problem) = head.check_framing() {
        return Err(Ended::refused(Reason::Framing, problem));
    }
    if !verifier.verify_path(head.address().path_secret) {
        let detail = "the secret after the source's id in the path is missing or wrong";
        return Err(Ended::refused(Reason::NotFound, detail));
    }
    if head.method != Method::POST {
        let reply = handshake(source, head.method, head.headers, head.query);
        return Err(reply.map_or_else(
            || {
                let detail = "webhooks are sent by POST, and this platform asks nothing by another method";
                Ended::refused(Reason::Method, detail)
            },
            Ended::from,
        ));
    }
    if !head.is_plain() {
        let detail = "the body is compressed, says its Content-Encoding: only uncompressed bodies are accepted";
        return Err(Ended::refused(Reason::ContentEncoding, detail));
    }
    Ok(BodyLimit {
        bytes: source.max_body_bytes,
    })
}

/// Decides whether the whole request, its body included, proves its sender.
pub(crate) fn by_proof(verifier: &Verifier, request: &Presented<'_>, now: Timestamp) -> Result<Matched, Refused> {
    let refused = |refusal: Refusal| Refused::new(Reason::from(&refusal), refusal.to_string());
    verifier.verify(request, now).map_err(refused)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_and_a_status_of_refusal() {
        let names: HashSet<_> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            let status = reason.status();
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{reason}: {status}"
            );
        }
    }

    #[test]
    fn a_body_of_exactly_the_limit_is_admitted() {
        let limit = BodyLimit::of(10);
        assert_eq!(limit.check(10), Ok(()));
        assert_eq!(limit.check(11).map_err(|refused| refused.reason), Err(Reason::TooLarge));
    }
}
