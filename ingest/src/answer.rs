//! The status table: everything that ingest ever answers, in one place.
//!
//! Never a 2xx before durability, never a redirect, never a 4xx for our own trouble. Bodies of refusals are short JSON
//! that says what to do and nothing about our inside.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Durable in the event log.
    Accepted,
    /// A test call or a handshake; nothing was published.
    Pong(Cow<'static, str>),
    /// Malformed HTTP: says what.
    BadRequest(&'static str),
    /// No such source, or a wrong secret in the path: one answer for both.
    NotFound,
    /// The sender did not prove itself. The reason is in the log, not in the answer.
    Unauthorized,
    /// Webhooks come by POST; no platform of today sends a challenge by GET.
    MethodNotAllowed,
    /// The body took too long.
    RequestTimeout,
    /// Larger than the source's limit.
    BodyTooLarge {
        /// The limit, bytes.
        limit: usize,
    },
    /// Larger than what the event log takes.
    RecordTooLarge {
        /// The limit, bytes.
        limit: usize,
    },
    /// A compressed body.
    UnsupportedEncoding,
    /// Our own trouble, for now: the sender shall try again.
    Unavailable(&'static str),
}

const NOT_FOUND: &str = "there is no webhook address like this: use the source's whole ingest URL, with its secret";

impl Answer {
    /// Its status code.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Accepted | Self::Pong(_) => StatusCode::OK,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } | Self::RecordTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error(&self) -> Cow<'static, str> {
        match self {
            Self::Accepted | Self::Pong(_) => Cow::Borrowed(""),
            Self::BadRequest(what) | Self::Unavailable(what) => Cow::Borrowed(what),
            Self::NotFound => Cow::Borrowed(NOT_FOUND),
            Self::Unauthorized => Cow::Borrowed("unauthorized"),
            Self::MethodNotAllowed => Cow::Borrowed("webhooks are sent by POST"),
            Self::RequestTimeout => Cow::Borrowed("the body did not arrive in time: send it at once"),
            Self::BodyTooLarge { limit } => Cow::Owned(format!(
                "the body is larger than the {limit} bytes that this source may send"
            )),
            Self::RecordTooLarge { limit } => {
                Cow::Owned(format!("the event is larger than the {limit} bytes that can be stored"))
            }
            Self::UnsupportedEncoding => {
                Cow::Borrowed("Content-Encoding is not supported here: send the body uncompressed")
            }
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match &self {
            Self::Accepted => Response::new(Body::empty()),
            Self::Pong(text) if text.is_empty() => Response::new(Body::empty()),
            Self::Pong(text) => {
                let mut response = Response::new(Body::from(text.clone().into_owned()));
                let plain = HeaderValue::from_static("text/plain; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, plain);
                response
            }
            refused => {
                let error = serde_json::Value::from(refused.error());
                let mut response = Response::new(Body::from(format!("{{\"error\":{error}}}")));
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, json);
                response
            }
        };
        *response.status_mut() = self.status();
        match self {
            Self::MethodNotAllowed => {
                let allow = HeaderValue::from_static("POST");
                response.headers_mut().insert(ALLOW, allow);
            }
            Self::Unavailable(_) => {
                // The jitter keeps the senders from coming back all at once.
                let seconds = HeaderValue::from(fastrand::u16(5..=30));
                response.headers_mut().insert(RETRY_AFTER, seconds);
            }
            _ => {}
        }
        response
    }
}
