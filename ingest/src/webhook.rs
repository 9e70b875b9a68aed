//! A webhook on its way through ingest: received, then verified. Each type is made only by the step that makes it true.

use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use schemas::time::Timestamp;

use crate::authenticate::Matched;
use crate::body::Buffered;
use crate::budget::Share;
use crate::decide::{Refused, by_proof};
use crate::head::Head;
use crate::sources::ReadySource;

/// A complete, well-formed request to a source that exists. Who sent it is not known yet. Not `Debug`: path and headers
/// hold secrets.
pub(crate) struct RawWebhook {
    source: Arc<ReadySource>,
    base_path: Arc<str>,
    parts: Parts,
    body: Buffered,
    received: Timestamp,
}

impl RawWebhook {
    pub(crate) fn new(
        source: Arc<ReadySource>,
        base_path: Arc<str>,
        parts: Parts,
        body: Buffered,
        received: Timestamp,
    ) -> Self {
        Self {
            source,
            base_path,
            parts,
            body,
            received,
        }
    }

    pub(crate) fn source(&self) -> &Arc<ReadySource> {
        &self.source
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head::of(&self.parts, &self.base_path)
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

    /// Drops the request, and keeps its share of the budget for what was made of it.
    pub(crate) fn into_share(self) -> Share {
        self.body.share
    }
}

/// A webhook whose sender has proved itself. Made only by [`authenticate`].
pub(crate) struct VerifiedWebhook {
    raw: RawWebhook,
    matched: Matched,
}

impl VerifiedWebhook {
    /// What was received.
    pub(crate) fn raw(&self) -> &RawWebhook {
        &self.raw
    }

    /// What was received, to be used up.
    pub(crate) fn into_raw(self) -> RawWebhook {
        self.raw
    }

    /// Which secrets matched.
    pub(crate) fn matched(&self) -> Matched {
        self.matched
    }
}

/// A webhook whose sender has not proved itself, whole, and why.
pub(crate) struct RefusedWebhook {
    pub(crate) raw: RawWebhook,
    pub(crate) refused: Refused,
}

/// Verifies the sender. A refusal gives the webhook back.
pub(crate) fn authenticate(raw: RawWebhook) -> Result<VerifiedWebhook, Box<RefusedWebhook>> {
    let request = raw.head().with_body(raw.body());
    match by_proof(&raw.source.verifier, &request, raw.received) {
        Ok(matched) => Ok(VerifiedWebhook { raw, matched }),
        Err(refused) => Err(Box::new(RefusedWebhook { raw, refused })),
    }
}
