//! The status table: everything that ingest ever answers, in one place.
//!
//! Never a 2xx before durability, never a redirect, never a 4xx for our own trouble. Bodies of refusals are short JSON
//! that says what to do and nothing about our inside.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};

use crate::decide::{Ended, Reason, Refused};
use crate::normalize::Reply;

impl Reason {
    /// The status that a request is answered which is refused for it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Framing | Self::BrokenBody => StatusCode::BAD_REQUEST,
            Self::Missing | Self::Repeated | Self::Malformed | Self::NoMatch | Self::OutsideTolerance => {
                StatusCode::UNAUTHORIZED
            }
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge | Self::RecordTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnusableSource
            | Self::NoMemory
            | Self::Overloaded
            | Self::InFlightLimit
            | Self::NoAcknowledgement
            | Self::LogUnavailable
            | Self::InternalError => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the sender reads, where nothing more is known than the reason.
    fn words(self) -> &'static str {
        match self {
            Self::Framing => "the request is malformed",
            Self::BrokenBody => "the body ends early or is malformed",
            // The reason is in the log, not in the answer.
            Self::Missing | Self::Repeated | Self::Malformed | Self::NoMatch | Self::OutsideTolerance => "unauthorized",
            Self::Forbidden => "this is not the handshake that was agreed on: compare the verify token here and there",
            Self::NotFound => {
                "there is no webhook address like this: use the source's whole ingest URL, with its secret"
            }
            Self::Method => "webhooks are sent by POST",
            Self::TooSlow => "the body did not arrive in time: send it at once",
            Self::TooLarge => "the body is larger than this source may send",
            Self::RecordTooLarge => "the event is larger than can be stored",
            Self::ContentEncoding => "Content-Encoding is not supported here: send the body uncompressed",
            Self::UnusableSource => "this source is not in use: try again later",
            Self::NoMemory => "too many bodies at once: try again",
            Self::Overloaded => "too busy to read the body in time: try again",
            Self::InFlightLimit => "too many webhooks at once: try again",
            Self::NoAcknowledgement => "not stored in time: try again",
            Self::LogUnavailable => "not stored: try again",
            Self::InternalError => "an internal error: try again",
        }
    }
}

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Durable in the event log.
    Accepted,
    /// A test call or a handshake; nothing was published.
    Replied(Reply),
    /// Nothing was published, or it is not known to be.
    Refused {
        reason: Reason,
        /// What the sender reads.
        error: Cow<'static, str>,
    },
}

impl From<Reason> for Answer {
    fn from(reason: Reason) -> Self {
        Self::Refused {
            reason,
            error: reason.words().into(),
        }
    }
}

impl From<Refused> for Answer {
    fn from(Refused { reason, detail }: Refused) -> Self {
        match reason {
            // What is wrong with the request itself, and the limits, are no secret.
            Reason::Framing | Reason::TooLarge | Reason::RecordTooLarge => Self::Refused { reason, error: detail },
            reason => reason.into(),
        }
    }
}

impl From<Ended> for Answer {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Replied(reply) => Self::Replied(reply),
            Ended::Refused(refused) => refused.into(),
        }
    }
}

impl Answer {
    /// Returns its status code: 200 for what was accepted or replied to, the one of the reason for what was refused.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Accepted | Self::Replied(_) => StatusCode::OK,
            Self::Refused { reason, .. } => reason.status(),
        }
    }
}

/// Returns a response with this body. A handshake's answer repeats text of the request: `nosniff` keeps browsers from
/// showing it as a page.
fn with_body(text: &str, content_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(text.to_owned()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What the health path answers: whether this process accepts webhooks, or is shutting down.
pub(crate) fn health(accepting: bool) -> Response {
    let (status, text) = if accepting {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
    };
    let mut response = with_body(text, "text/plain; charset=utf-8");
    *response.status_mut() = status;
    response
}

fn refusal(reason: Reason, error: &str) -> Response {
    let error = serde_json::Value::from(error);
    let mut response = with_body(&format!("{{\"error\":{error}}}"), "application/json");
    if reason == Reason::Method {
        let allow = HeaderValue::from_static("POST");
        response.headers_mut().insert(ALLOW, allow);
    }
    if reason.status() == StatusCode::SERVICE_UNAVAILABLE {
        // The jitter keeps the senders from coming back all at once.
        let seconds = HeaderValue::from(fastrand::u16(5..=30));
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match &self {
            Self::Accepted | Self::Replied(Reply::Empty) => Response::new(Body::empty()),
            Self::Replied(Reply::Text(text)) => with_body(text, "text/plain; charset=utf-8"),
            Self::Replied(Reply::Json(json)) => with_body(json, "application/json"),
            Self::Replied(Reply::Headers(headers)) => {
                let mut response = Response::new(Body::empty());
                for (name, value) in headers {
                    if let Ok(value) = HeaderValue::from_str(value) {
                        response.headers_mut().insert(name, value);
                    }
                }
                response
            }
            Self::Refused { reason, error } => refusal(*reason, error),
        };
        *response.status_mut() = self.status();
        response
    }
}
