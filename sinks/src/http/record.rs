//! What the attempt log gets of an attempt. Nothing here is done without a log.

use std::time::Duration;

use http::StatusCode;
use net::client::Answer;
use schemas::attempt::{Attempt, AttemptLog};
use schemas::name::SinkName;
use schemas::sink::{Delivery, Outcome};
use schemas::time::Timestamp;
use tokio::time::Instant;

use super::verdict::Class;

/// How much of an answer's body is kept, bytes.
pub(super) const EXCERPT_BYTES: usize = 1024;

/// An attempt that is under way, for the log.
#[derive(Debug)]
pub(super) struct Recording<'s> {
    log: &'s dyn AttemptLog,
    sink: &'s SinkName,
    at: Timestamp,
    begun: Instant,
    pub(super) request_headers: Option<String>,
}

/// How it ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub(super) status: Option<StatusCode>,
    pub(super) connect: Option<Duration>,
    pub(super) first_byte: Option<Duration>,
    /// The beginning of the answer's body, of a failure.
    pub(super) answer: Option<String>,
}

impl Ended {
    /// With an answer whose head has come.
    pub(super) fn of(answer: &Answer) -> Self {
        let timing = answer.timing();
        Self {
            status: Some(answer.status),
            connect: timing.connect,
            first_byte: Some(timing.first_byte),
            answer: None,
        }
    }
}

impl<'s> Recording<'s> {
    pub(super) fn begin(log: &'s dyn AttemptLog, sink: &'s SinkName) -> Self {
        Self {
            log,
            sink,
            at: Timestamp::now(),
            begun: Instant::now(),
            request_headers: None,
        }
    }

    /// How long it has taken.
    pub(super) fn took(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Tells the log, unless it was no attempt at all.
    pub(super) fn end(self, delivery: &Delivery, class: Class, outcome: &Outcome, total: Duration, ended: Ended) {
        let reason = match outcome {
            // Not tried: this process lacks something. Without a slot it does not come here.
            Outcome::Unavailable { .. } | Outcome::Held => return,
            Outcome::Delivered => None,
            Outcome::Retry { reason, .. } | Outcome::Rejected { reason } | Outcome::Refused { reason } => {
                Some(reason.clone())
            }
        };
        self.log.record(Attempt {
            at: self.at,
            sink: self.sink.clone(),
            target: delivery.target.to_string(),
            tenant: delivery.event.attributes.tenant.clone(),
            event: delivery.event.id(),
            event_type: delivery.event.event_type().clone(),
            position: delivery.position(),
            number: delivery.attempt,
            class: class.as_str(),
            status: ended.status.map(|status| status.as_u16()),
            connect: ended.connect,
            first_byte: ended.first_byte,
            total,
            reason,
            answer: ended.answer,
            request_headers: self.request_headers,
        });
    }
}

/// The beginning of a body as text of at most [`EXCERPT_BYTES`], which ends with a whole character and can be stored anywhere;
/// `None` if there is none.
pub(super) fn excerpt(body: &[u8]) -> Option<String> {
    let body = body.get(..EXCERPT_BYTES).unwrap_or(body);
    // What is cut off in the middle of a character is no error of the sender.
    let body = match std::str::from_utf8(body) {
        Err(error) if error.error_len().is_none() => body.get(..error.valid_up_to()).unwrap_or(body),
        _ => body,
    };
    let mut text = String::from_utf8_lossy(body).replace('\0', "\u{fffd}");
    text.truncate(text.floor_char_boundary(EXCERPT_BYTES));
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_bounded_and_ends_with_a_whole_character() {
        assert_eq!(excerpt(b""), None);
        assert_eq!(excerpt(b"no").as_deref(), Some("no"));
        assert_eq!(excerpt(b"a\0b").as_deref(), Some("a\u{fffd}b"));
        let long = format!("x{}", "é".repeat(1000));
        let found = excerpt(long.as_bytes()).expect("a text");
        assert_eq!(found.len(), 1023, "an é has two bytes");
        assert!(long.starts_with(&found));
        let binary = excerpt(&[0xff; 5000]).expect("a text");
        assert!(binary.len() <= EXCERPT_BYTES && binary.chars().all(|c| c == '\u{fffd}'));
    }
}
