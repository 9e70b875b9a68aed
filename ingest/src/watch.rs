//! What a watcher is told of each request: `forebay dev` prints a line for each. No one watches a server in use, and then
//! nothing here is computed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use schemas::record::Record;
use schemas::time::Timestamp;

use crate::answer::Answer;
use crate::decide::{Ended, Reason, Step};
use crate::handler::Ingest;
use crate::head::Head;
use crate::judge::Captured;
use crate::webhook::VerifiedWebhook;

/// Is told of every request that was answered. Called on the way to the answer, so it must not wait for anything.
pub trait Watch: fmt::Debug + Send + Sync {
    /// A request was answered.
    fn answered(&self, seen: Seen);
}

/// A request and what became of it.
#[derive(Debug)]
pub struct Seen {
    /// The source that the path names, whether or not it exists; the whole path where it names none.
    pub source: String,
    /// When its head had come.
    pub received: Timestamp,
    /// How many bytes of its body were read.
    pub body_bytes: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// These records are in the event log.
    Published(Vec<Record>),
    /// A handshake or test call was answered, and nothing published.
    Replied,
    /// It was refused.
    Refused {
        /// Why.
        reason: Reason,
        /// The same in words, for the operator; holds nothing that the sender sent.
        detail: String,
        /// The request, where its bytes say why it was refused. Its body is empty if it was refused before that was read.
        request: Option<Captured>,
    },
}

/// The records of one webhook, once they are made.
pub(crate) type Made = Arc<OnceLock<Vec<Record>>>;

/// A verified webhook that is watched.
pub(crate) struct Watched {
    watch: Arc<dyn Watch>,
    seen: Seen,
    made: Made,
}

impl Ingest {
    /// Tells `watch` of every request from now on. Only the first watcher counts.
    pub fn watch(&self, watch: Arc<dyn Watch>) {
        drop(self.watch.set(watch));
    }

    /// Begins to watch a verified webhook, if anyone watches.
    pub(crate) fn watched(&self, verified: &VerifiedWebhook) -> Option<Watched> {
        let raw = verified.raw();
        self.watch.get().map(|watch| Watched {
            watch: Arc::clone(watch),
            seen: Seen {
                source: raw.source().settings.id.to_string(),
                received: raw.received(),
                body_bytes: raw.body().len(),
                outcome: Outcome::Replied,
            },
            made: Made::default(),
        })
    }

    /// Tells of a request that ended before it was verified. `body` is `None` where it was not read.
    pub(crate) fn tell(&self, head: &Head<'_>, body: Option<&[u8]>, received: Timestamp, ended: &Ended) {
        let Some(watch) = self.watch.get() else { return };
        let outcome = match ended {
            Ended::Replied(_) => Outcome::Replied,
            Ended::Refused(refused) => Outcome::Refused {
                reason: refused.reason,
                detail: refused.detail.to_string(),
                request: (refused.reason.step() != Step::Server).then(|| captured(head, body)),
            },
        };
        let id = head.address().source_id;
        watch.answered(Seen {
            source: if id.is_empty() { head.path } else { id }.to_owned(),
            received,
            body_bytes: body.map_or(0, <[u8]>::len),
            outcome,
        });
    }
}

impl Watched {
    /// Where the records are to be put when they are made.
    pub(crate) fn made(&self) -> Made {
        Arc::clone(&self.made)
    }

    /// Tells of the answer.
    pub(crate) fn answered(self, answer: &Answer) {
        let outcome = match answer {
            Answer::Accepted => Outcome::Published(self.made.get().cloned().unwrap_or_default()),
            Answer::Replied(_) => Outcome::Replied,
            Answer::Refused { reason, error } => Outcome::Refused {
                reason: *reason,
                detail: error.to_string(),
                request: None,
            },
        };
        self.watch.answered(Seen { outcome, ..self.seen });
    }
}

/// The request as `forebay verify` reads it.
fn captured(head: &Head<'_>, body: Option<&[u8]>) -> Captured {
    let mut headers = head.headers.clone();
    // HTTP/2 names the host beside the headers; a capture says it as a `Host`.
    if let Some(Ok(host)) = head.authority.map(HeaderValue::from_str)
        && !headers.contains_key(HOST)
    {
        headers.insert(HOST, host);
    }
    let query = head.query.map_or(String::new(), |query| format!("?{query}"));
    Captured {
        method: head.method.clone(),
        target: format!("{}{query}", head.path),
        headers,
        body: body.map(Bytes::copy_from_slice).unwrap_or_default(),
    }
}
