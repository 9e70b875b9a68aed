//! The sender's half: signs as the source's platform would. For `forebay send`, the demo, tests and the load tool.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::{Encoding, HmacScheme, Scheme, Source, TimeFormat, TimePlace, TokenPlace, percent_encoded};
use schemas::time::Timestamp;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::hmac::{Key, feed};
use super::settings::header_name;
use super::standard_webhooks::{ID, SIGNATURE, TIMESTAMP, key};
use super::{jwt, twilio};

/// What to send, and how. Its `Debug` shows the names of headers only.
#[derive(Clone)]
pub struct SignedRequest {
    /// What follows the source's path ([`Source::path`]): nothing, `/secret`, `?name=token`, or both. A secret, like the headers.
    pub path_suffix: String,
    /// Content type, signature, id and time.
    pub headers: HeaderMap,
    /// The body; it differs from the given one only if the token is a member of it.
    pub body: Bytes,
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("SignedRequest")
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why a request cannot be signed: by what the source is, or what the body is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("source `{source_id}`: {reason}")]
pub struct NotSigned {
    /// The id of the source that the request was to be signed for.
    pub source_id: String,
    /// What prevents it, and what to do.
    pub reason: String,
}

/// Signs `body` as sent at `now`. `id` is the sender's id of the webhook, the same for every attempt. Where the source asks for a
/// second proof, the newest of its `url_secrets` is in the path.
pub fn sign(
    source: &Source,
    secret: &Secret,
    body: impl Into<Bytes>,
    now: Timestamp,
    id: &str,
) -> Result<SignedRequest, NotSigned> {
    signed(source, secret, body.into(), now, id).map_err(|reason| NotSigned {
        source_id: source.id.to_string(),
        reason,
    })
}

fn signed(source: &Source, secret: &Secret, body: Bytes, now: Timestamp, id: &str) -> Result<SignedRequest, String> {
    let scheme = source.scheme();
    let mut stamp = (now.millis() / 1000).to_string();
    if let Scheme::Hmac(HmacScheme {
        timestamp: Some(time), ..
    }) = &scheme
        && time.format == TimeFormat::Iso8601
    {
        stamp = now.to_string();
    }
    let mut request = SignedRequest {
        path_suffix: source.url_secrets.first().map(in_path).unwrap_or_default(),
        headers: HeaderMap::new(),
        body,
    };
    let json = HeaderValue::from_static("application/json");
    request.headers.insert(CONTENT_TYPE, json);
    if source.platform == Platform::Chatwoot {
        let name = HeaderName::from_static("x-chatwoot-delivery");
        request.headers.insert(name, header_value(id.as_bytes())?);
    }
    match scheme {
        Scheme::Hmac(scheme) => by_hmac(&mut request, &scheme, secret, &stamp)?,
        Scheme::StandardWebhooks { .. } => by_standard_webhooks(&mut request, secret, id, &stamp)?,
        Scheme::Token(TokenPlace::Header(name)) => {
            request
                .headers
                .insert(name_of_header(&name)?, sensitive(secret.expose())?);
        }
        Scheme::Token(TokenPlace::Query(name)) => {
            let (name, token) = (percent_encoded(name.as_bytes()), percent_encoded(secret.expose()));
            request.path_suffix = format!("{}?{name}={token}", request.path_suffix);
        }
        Scheme::Token(TokenPlace::Body(name)) => request.body = with_member(&request.body, &name, secret)?,
        Scheme::Basic => {
            let value = format!("Basic {}", BASE64.encode(secret.expose()));
            request.headers.insert(AUTHORIZATION, sensitive(value.as_bytes())?);
        }
        Scheme::Jwt(scheme) => {
            let value = format!(
                "Bearer {}",
                jwt::token(secret, now).map_err(|reason| of_secret(&reason))?
            );
            request
                .headers
                .insert(name_of_header(&scheme.header)?, sensitive(value.as_bytes())?);
        }
        Scheme::Twilio { url } => {
            let url =
                url.ok_or("Twilio signs the URL: say `auth: { scheme: twilio, url: https://… }` to sign for it")?;
            by_twilio(&mut request, source, &url, secret)?;
        }
        Scheme::UrlSecret => request.path_suffix = in_path(secret),
        Scheme::None => {}
    }
    Ok(request)
}

fn by_hmac(request: &mut SignedRequest, scheme: &HmacScheme, secret: &Secret, stamp: &str) -> Result<(), String> {
    let mut key = Key::new(scheme.hash, secret.expose()).map_err(|reason| of_secret(&reason))?;
    feed(&mut key, &scheme.template, stamp.as_bytes(), &request.body);
    let digest = match scheme.encoding {
        Encoding::Hex => hex::encode(key.finish()),
        Encoding::Base64 => BASE64.encode(key.finish()),
    };
    let mut value = format!("{}{digest}", scheme.prefix);
    if let Some(key) = &scheme.signature_key {
        value = format!("{key}={value}");
        if let Some(TimePlace::Key(key)) = scheme.timestamp.as_ref().map(|time| &time.place) {
            value = format!("{key}={stamp},{value}");
        }
    }
    request
        .headers
        .insert(name_of_header(&scheme.header)?, header_value(value.as_bytes())?);
    if let Some(TimePlace::Header(name)) = scheme.timestamp.as_ref().map(|time| &time.place) {
        request
            .headers
            .insert(name_of_header(name)?, header_value(stamp.as_bytes())?);
    }
    Ok(())
}

fn by_standard_webhooks(request: &mut SignedRequest, secret: &Secret, id: &str, stamp: &str) -> Result<(), String> {
    let mut key = key(secret).map_err(|reason| of_secret(&reason))?;
    for part in [id.as_bytes(), b".", stamp.as_bytes(), b".", &request.body] {
        key.update(part);
    }
    let signature = format!("v1,{}", BASE64.encode(key.finish()));
    request.headers.insert(ID, header_value(id.as_bytes())?);
    request.headers.insert(TIMESTAMP, header_value(stamp.as_bytes())?);
    request.headers.insert(SIGNATURE, header_value(signature.as_bytes())?);
    Ok(())
}

/// Signs for the source's URL, of which `url` is scheme and host.
fn by_twilio(request: &mut SignedRequest, source: &Source, url: &str, secret: &Secret) -> Result<(), String> {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers.insert(CONTENT_TYPE, form);
    let url = format!("{}{}{}", url.trim_end_matches('/'), source.path(), request.path_suffix);
    let signature = BASE64.encode(twilio::signature(secret, &url, &request.body)?);
    request
        .headers
        .insert(twilio::SIGNATURE, header_value(signature.as_bytes())?);
    Ok(())
}

fn of_secret(reason: &str) -> String {
    format!("its secret {reason}")
}

fn name_of_header(name: &str) -> Result<HeaderName, String> {
    header_name(name).map_err(|reason| format!("its header {reason}"))
}

/// A secret as the part of the path after the source's id.
fn in_path(secret: &Secret) -> String {
    format!("/{}", percent_encoded(secret.expose()))
}

/// Puts the token in front of the other members, in place of a member of that name, if it has one.
fn with_member(body: &[u8], name: &str, secret: &Secret) -> Result<Bytes, String> {
    let token = secret
        .expose_str()
        .ok_or("the token is not text and cannot stand in JSON")?;
    let Members(members) = serde_json::from_slice(body)
        .map_err(|error| format!("the body is not a JSON object, so the token has no place in it: {error}"))?;
    let mut out = format!("{{{}:{}", Value::from(name), Value::from(token));
    for (other, value) in members.iter().filter(|(other, _)| other != name) {
        for piece in [",", &Value::from(other.as_str()).to_string(), ":", value.get()] {
            out.push_str(piece);
        }
    }
    out.push('}');
    Ok(out.into())
}

/// The members of an object in their order, unparsed.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

fn sensitive(bytes: &[u8]) -> Result<HeaderValue, String> {
    let mut value = header_value(bytes)?;
    value.set_sensitive(true);
    Ok(value)
}

fn header_value(bytes: &[u8]) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(bytes).map_err(|_| "what has to be sent cannot stand in an HTTP header".to_owned())
}
