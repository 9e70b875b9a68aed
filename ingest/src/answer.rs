//! The status table: everything that ingest ever answers, in one place.
//!
//! Never a 2xx before durability, never a redirect, never a 4xx for our own trouble. Bodies of refusals are short JSON
//! that says what to do and nothing about our inside.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};

use crate::normalize::Reply;

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Durable in the event log.
    Accepted,
    /// A test call or a handshake; nothing was published.
    Reply(Reply),
    /// Malformed HTTP: says what.
    BadRequest(&'static str),
    /// No such source, or a wrong secret in the path: one answer for both.
    NotFound,
    /// The sender did not prove itself. The reason is in the log, not in the answer.
    Unauthorized,
    /// Webhooks come by POST, and this platform asks nothing by another method.
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

const FORBIDDEN: &str = "this is not the handshake that was agreed on: compare the verify token here and there";
const NOT_FOUND: &str = "there is no webhook address like this: use the source's whole ingest URL, with its secret";

impl Answer {
    /// Its status code.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Reply(Reply::Forbidden) => StatusCode::FORBIDDEN,
            Self::Accepted | Self::Reply(_) => StatusCode::OK,
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
            Self::Reply(Reply::Forbidden) => Cow::Borrowed(FORBIDDEN),
            Self::Accepted | Self::Reply(_) => Cow::Borrowed(""),
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

/// A body. What a handshake has us repeat is somebody else's text: nobody may take it for a page.
fn said(text: &str, content_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(text.to_owned()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match &self {
            Self::Accepted | Self::Reply(Reply::Empty) => Response::new(Body::empty()),
            Self::Reply(Reply::Text(text)) => said(text, "text/plain; charset=utf-8"),
            Self::Reply(Reply::Json(json)) => said(json, "application/json"),
            Self::Reply(Reply::Headers(headers)) => {
                let mut response = Response::new(Body::empty());
                for (name, value) in headers {
                    if let Ok(value) = HeaderValue::from_str(value) {
                        response.headers_mut().insert(name, value);
                    }
                }
                response
            }
            refused => {
                let error = serde_json::Value::from(refused.error());
                said(&format!("{{\"error\":{error}}}"), "application/json")
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
