//! The envelope as ingest writes it.
//!
//! It is written by appending, so that the platform's own JSON under `data.raw` stays the bytes that were sent, with the white
//! space around it; it is always the last member, and there is no other white space outside of texts.

use std::borrow::Cow;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::CONTENT_TYPE;
use crate::data::Data;
use crate::id::{EventId, IdTime};
use crate::name::{SourceId, Tenant};
use crate::operations;
use crate::platform::{Platform, UnknownPlatform};
use crate::record::{Header, Record, header};
use crate::time::Timestamp;

/// How an envelope begins that is as it was written here: up to the value of `id`.
pub(super) const BEGIN: &str = r#"{"specversion":"1.0","id":""#;

/// How it ends, after the raw part.
pub(super) const END: &str = "}}";

/// An event on its way into the log: what ingest knows once a webhook is verified and normalized.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// See [`EventId::derive`].
    pub id: EventId,
    /// Which clock the id's time comes from.
    pub id_time: IdTime,
    /// Whose event it is.
    pub tenant: &'a Tenant,
    /// Which source it came from.
    pub source: &'a SourceId,
    /// Which dialect it was in.
    pub platform: Dialect,
    /// The platform's own account, organization or workspace that it came from, where the platform says.
    pub account: Option<&'a str>,
    /// What it is about: the conversation, group or contact in the platform's own words.
    pub subject: Option<&'a str>,
    /// When it happened; the moment of receipt where the platform does not say.
    pub time: Timestamp,
    /// When we got it.
    pub received: Timestamp,
    /// The conversation, group or contact whose order is kept. Tenant and source are put in front.
    pub ordering_key: &'a str,
    /// W3C trace context, if the request had one.
    pub traceparent: Option<&'a str>,
    /// SHA-256 over the request body as it was received.
    pub raw_sha256: [u8; 32],
    /// The event in Forebay's vocabulary, which goes beside the platform's own JSON.
    pub data: &'a Data<'a>,
    /// What the platform sent.
    pub raw: Raw<'a>,
}

/// Who speaks: whose words the event was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// A platform's sender.
    Platform(Platform),
    /// Forebay itself, about its own parts ([`crate::operations`]).
    Forebay,
}

impl Dialect {
    /// The attribute `platform`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Platform(platform) => platform.as_str(),
            Self::Forebay => operations::PLATFORM,
        }
    }
}

impl From<Platform> for Dialect {
    fn from(platform: Platform) -> Self {
        Self::Platform(platform)
    }
}

impl FromStr for Dialect {
    type Err = UnknownPlatform;
    fn from_str(text: &str) -> Result<Self, UnknownPlatform> {
        if text == operations::PLATFORM {
            return Ok(Self::Forebay);
        }
        text.parse().map(Self::Platform)
    }
}

/// What the platform sent, for `data.raw` or `data.raw_base64`.
#[derive(Debug, Clone)]
pub enum Raw<'a> {
    /// Valid JSON (the caller has parsed it), perhaps with white space around it; written verbatim.
    Json(Cow<'a, str>),
    /// Anything else, written as base64.
    Bytes(Cow<'a, [u8]>),
}

impl Envelope<'_> {
    /// Writes the record: key, headers, and the envelope as its value.
    pub fn to_record(&self) -> Record {
        let event_type = self.data.event_type();
        let id = self.id.to_string();
        let source = format!("/{}/{}", self.tenant, self.source);
        let time = self.time.to_string();
        let key = partition_key(self.tenant, self.source, self.ordering_key);

        let raw_len = match &self.raw {
            Raw::Json(json) => json.len(),
            Raw::Bytes(bytes) => bytes.len() * 4 / 3 + 8,
        };
        let mut out = String::with_capacity(raw_len + 1536);
        out.push_str(BEGIN);
        out.push_str(&id);
        out.push('"');
        if self.id_time == IdTime::Received {
            member(&mut out, "idtime", "received");
        }
        member(&mut out, "source", &source);
        member(&mut out, "type", event_type.as_str());
        if let Some(subject) = self.subject {
            member(&mut out, "subject", subject);
        }
        member(&mut out, "time", &time);
        member(&mut out, "datacontenttype", "application/json");
        if let Some(schema) = self.data.schema_uri() {
            member(&mut out, "dataschema", &schema);
        }
        member(&mut out, "tenant", self.tenant.as_str());
        member(&mut out, "platform", self.platform.as_str());
        if let Some(account) = self.account {
            member(&mut out, "account", account);
        }
        if self.received == self.time {
            member(&mut out, "receivedtime", &time);
        } else {
            member(&mut out, "receivedtime", &self.received.to_string());
        }
        member(&mut out, "partitionkey", &key);
        if let Some(traceparent) = self.traceparent {
            member(&mut out, "traceparent", traceparent);
        }
        let mut hex_digest = [0_u8; 64];
        if hex::encode_to_slice(self.raw_sha256, &mut hex_digest).is_ok() {
            member(
                &mut out,
                "rawsha256",
                std::str::from_utf8(&hex_digest).unwrap_or_default(),
            );
        }
        self.write_data(&mut out);

        let header = |name, value: Bytes| Header {
            name: Cow::Borrowed(name),
            value,
        };
        Record {
            headers: vec![
                header(header::CONTENT_TYPE, Bytes::from_static(CONTENT_TYPE.as_bytes())),
                header(header::CE_ID, id.into()),
                header(header::CE_TYPE, event_type.as_str().to_owned().into()),
                header(header::CE_SOURCE, source.into()),
                header(header::CE_TIME, time.into()),
                header(header::CE_TENANT, self.tenant.as_str().to_owned().into()),
            ],
            key: key.into(),
            value: out.into(),
        }
    }

    /// Appends the last member and the end of the envelope.
    fn write_data(&self, out: &mut String) {
        out.push_str(r#","data":{"#);
        if let Some((name, json)) = self.data.to_member() {
            for piece in ["\"", name, "\":", &json, ","] {
                out.push_str(piece);
            }
        }
        match &self.raw {
            Raw::Json(json) => {
                out.push_str(r#""raw":"#);
                out.push_str(json);
            }
            Raw::Bytes(bytes) => {
                out.push_str(r#""raw_base64":""#);
                BASE64.encode_string(bytes, out);
                out.push('"');
            }
        }
        out.push_str(END);
    }
}

/// `tenant/source/ordering key`: records of equal keys keep their order.
pub fn partition_key(tenant: &Tenant, source: &SourceId, ordering_key: &str) -> String {
    format!("{tenant}/{source}/{ordering_key}")
}

/// Appends `,"name":"value"`, escaped where it has to be.
fn member(out: &mut String, name: &str, value: &str) {
    for piece in [",\"", name, "\":"] {
        out.push_str(piece);
    }
    if value.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
        // A string always serializes.
        out.push_str(&serde_json::to_string(value).unwrap_or_default());
    } else {
        out.push('"');
        out.push_str(value);
        out.push('"');
    }
}
