//! The headers of a delivery: those of its endpoint, made once, and those of one attempt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use net::client::SendError;
use schemas::endpoint::{Credentials, Endpoint};
use schemas::event::Event;
use schemas::time::Timestamp;
use serde_json::{Map, Value};

use super::sign::{self, signature};

const WEBHOOK_ID: HeaderName = HeaderName::from_static(sign::ID);
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static(sign::TIMESTAMP);
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static(sign::SIGNATURE);
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What is shown in the place of a value that may be secret.
const HIDDEN: &str = "[redacted]";

/// The headers that are the same for every delivery to `endpoint`. What may be secret in them is marked as sensitive.
pub(super) fn of_endpoint(endpoint: &Endpoint) -> Result<HeaderMap, SendError> {
    let mut headers = HeaderMap::with_capacity(8 + endpoint.headers.len());
    for (name, value) in &endpoint.headers {
        // The name of the header is that of one of ours where it cannot be one: it was checked when it was read.
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| SendError::Header(CONTENT_TYPE))?;
        let value = HeaderValue::from_bytes(value.expose());
        let value = value.map_err(|_| SendError::Header(name.clone()))?;
        headers.insert(name, sensitive(value));
    }
    let authorization = match &endpoint.credentials {
        Some(Credentials::Basic { user, password }) => {
            let pair = [user.as_bytes(), b":", password.expose()].concat();
            Some(format!("Basic {}", BASE64.encode(pair)).into_bytes())
        }
        Some(Credentials::Bearer(token)) => Some([b"Bearer ", token.expose()].concat()),
        Some(Credentials::OAuth2(_)) | None => None,
    };
    if let Some(value) = authorization {
        let value = HeaderValue::try_from(value).map_err(|_| SendError::Header(AUTHORIZATION))?;
        headers.insert(AUTHORIZATION, sensitive(value));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(schemas::event::CONTENT_TYPE));
    Ok(headers)
}

/// The headers of one attempt: those of the endpoint, a fresh time stamp and signature, the event's own id.
pub(super) fn of_attempt(of_endpoint: &HeaderMap, endpoint: &Endpoint, event: &Event) -> Result<HeaderMap, SendError> {
    let now = Timestamp::now();
    let id = event.id().to_string();
    let timestamp = (now.millis() / 1000).to_string();
    let signature = signature(endpoint.signing(now), &id, &timestamp, event.value());
    let mut headers = of_endpoint.clone();
    for (name, value) in [
        (WEBHOOK_ID, id),
        (WEBHOOK_TIMESTAMP, timestamp),
        (WEBHOOK_SIGNATURE, signature),
    ] {
        let value = HeaderValue::try_from(value).map_err(|_| SendError::Header(name.clone()))?;
        headers.insert(name, value);
    }
    // A trace context that cannot be a header was never one.
    let traceparent = event.attributes.traceparent.as_deref();
    if let Some(Ok(value)) = traceparent.map(HeaderValue::from_str) {
        headers.insert(TRACEPARENT, value);
    }
    Ok(headers)
}

/// The headers as a JSON object, without what proves who we are, and without the values that may be secret.
pub(super) fn shown(headers: &HeaderMap) -> String {
    let is_shown = |name: &HeaderName| *name != AUTHORIZATION && *name != WEBHOOK_SIGNATURE;
    let members = headers.iter().filter(|(name, _)| is_shown(name));
    let members = members.map(|(name, value)| {
        let text = if value.is_sensitive() {
            HIDDEN.to_owned()
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        (name.to_string(), Value::String(text))
    });
    Value::Object(members.collect::<Map<_, _>>()).to_string()
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}
