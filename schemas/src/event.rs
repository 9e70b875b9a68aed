//! The envelope as ingest writes it and the event as everybody else reads it: `CloudEvents` 1.0, structured JSON, one event
//! per record.
//!
//! The envelope is written by appending, so that the platform's own JSON under `data.raw` stays the bytes that were sent;
//! it is always the last member. Reading borrows nothing and copies only the small normalized part.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::data::Data;
use crate::id::{EventId, IdTime};
use crate::name::{EventType, SourceId, Tenant};
use crate::platform::Platform;
use crate::record::{Header, Record, header};
use crate::time::Timestamp;

/// The content type of a record's value.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

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
    pub platform: Platform,
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
    /// The normalized event.
    pub data: &'a Data<'a>,
    /// What the platform sent.
    pub raw: Raw<'a>,
}

/// What the platform sent, for `data.raw` or `data.raw_base64`.
#[derive(Debug, Clone)]
pub enum Raw<'a> {
    /// Valid JSON (the caller has parsed it), written verbatim.
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
        out.push_str(r#"{"specversion":"1.0""#);
        member(&mut out, "id", &id);
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
                BASE64.encode_string(bytes, &mut out);
                out.push('"');
            }
        }
        out.push_str("}}");

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

/// The attributes of an event read back from a record.
#[derive(Debug, Clone)]
pub struct Attributes {
    /// The event id.
    pub id: EventId,
    /// Which clock the id's time comes from.
    pub id_time: IdTime,
    /// `/<tenant>/<source>`.
    pub source: String,
    /// What happened.
    pub event_type: EventType,
    /// What it is about.
    pub subject: Option<String>,
    /// When it happened.
    pub time: Timestamp,
    /// The schema of `data`, for event types that Forebay defines.
    pub data_schema: Option<String>,
    /// Whose event it is.
    pub tenant: Tenant,
    /// Which dialect it was in.
    pub platform: String,
    /// When we got it.
    pub received: Timestamp,
    /// `tenant/source/conversation`.
    pub partition_key: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// SHA-256 of the request body, in hex.
    pub raw_sha256: String,
}

/// A record's value as it is read: one pass, `data` unparsed. Attributes of CloudEvents that nobody reads are passed over.
#[derive(Deserialize)]
struct Wire<'a> {
    id: EventId,
    #[serde(default)]
    idtime: Option<IdTime>,
    source: String,
    #[serde(rename = "type")]
    event_type: EventType,
    #[serde(default)]
    subject: Option<String>,
    time: Timestamp,
    #[serde(default)]
    dataschema: Option<String>,
    tenant: Tenant,
    platform: String,
    receivedtime: Timestamp,
    partitionkey: String,
    #[serde(default)]
    traceparent: Option<String>,
    rawsha256: String,
    #[serde(borrow)]
    data: Members<'a>,
}

/// An event as the processor and the sinks see it.
#[derive(Debug, Clone)]
pub struct Event {
    /// All but `data`.
    pub attributes: Attributes,
    /// `data` without its raw part, as JSON text: always an object.
    data: String,
    raw: RawBody,
    value: Bytes,
}

#[derive(Debug, Clone)]
enum RawBody {
    Json(Bytes),
    Bytes(Bytes),
    Absent,
}

/// Why a record is not an event. It becomes a dead letter.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or an attribute is missing or wrong.
    #[error("the record is not an event: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The raw part is not base64.
    #[error("`data.raw_base64` is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
}

impl Event {
    /// Reads the value of a record.
    pub fn decode(value: &Bytes) -> Result<Self, DecodeError> {
        let wire: Wire<'_> = serde_json::from_slice(value)?;

        let mut normalized = String::with_capacity(512);
        normalized.push('{');
        let mut raw = RawBody::Absent;
        for (name, json) in wire.data.0 {
            match &*name {
                "raw" => raw = RawBody::Json(value.slice_ref(json.get().as_bytes())),
                "raw_base64" => {
                    let text: Cow<'_, str> = serde_json::from_str(json.get())?;
                    raw = RawBody::Bytes(BASE64.decode(&*text)?.into());
                }
                _ => {
                    if normalized.len() > 1 {
                        normalized.push(',');
                    }
                    normalized.push_str(&serde_json::to_string(&*name)?);
                    normalized.push(':');
                    normalized.push_str(json.get());
                }
            }
        }
        normalized.push('}');
        let attributes = Attributes {
            id: wire.id,
            id_time: wire.idtime.unwrap_or(IdTime::Event),
            source: wire.source,
            event_type: wire.event_type,
            subject: wire.subject,
            time: wire.time,
            data_schema: wire.dataschema,
            tenant: wire.tenant,
            platform: wire.platform,
            received: wire.receivedtime,
            partition_key: wire.partitionkey,
            traceparent: wire.traceparent,
            raw_sha256: wire.rawsha256,
        };
        Ok(Self {
            attributes,
            data: normalized,
            raw,
            value: value.clone(),
        })
    }

    /// The event id.
    pub fn id(&self) -> EventId {
        self.attributes.id
    }

    /// What happened.
    pub fn event_type(&self) -> &EventType {
        &self.attributes.event_type
    }

    /// `data` without its raw part: the normalized event, a JSON object as text.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// What the platform sent, byte for byte; empty if the event has none.
    pub fn raw(&self) -> &[u8] {
        match &self.raw {
            RawBody::Json(bytes) | RawBody::Bytes(bytes) => bytes,
            RawBody::Absent => &[],
        }
    }

    /// The raw part as JSON text, if it is JSON.
    pub fn raw_json(&self) -> Option<&str> {
        match &self.raw {
            RawBody::Json(bytes) => std::str::from_utf8(bytes).ok(),
            RawBody::Bytes(_) | RawBody::Absent => None,
        }
    }

    /// The whole envelope, as it lies in the log.
    pub fn value(&self) -> &Bytes {
        &self.value
    }
}

/// The members of a JSON object in their order, unparsed.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(4);
                while let Some(member) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Conversation, Direction, Message, Unmapped};

    fn envelope<'a>(data: &'a Data<'a>, raw: Raw<'a>, tenant: &'a Tenant, source: &'a SourceId) -> Record {
        let time = Timestamp::parse("2026-03-10T13:36:50.912Z").expect("valid");
        Envelope {
            id: EventId::derive(time, tenant, source, &["message_created", "3", "9001"]),
            id_time: IdTime::Event,
            tenant,
            source,
            platform: Platform::Chatwoot,
            subject: Some("conversation \"128\""),
            time,
            received: Timestamp::parse("2026-03-10T13:36:51.000Z").expect("valid"),
            ordering_key: "3/128",
            traceparent: None,
            raw_sha256: [0xab; 32],
            data,
            raw,
        }
        .to_record()
    }

    #[test]
    fn an_event_comes_back_as_it_was_written() {
        let tenant = Tenant::new("acme").expect("valid");
        let source = SourceId::new("chatwoot-1").expect("valid");
        let data = Data::MessageCreated(Message {
            id: "9001".into(),
            conversation: Conversation {
                id: "3/128".into(),
                group: Some(false),
                channel_id: None,
            },
            direction: Direction::Inbound,
            internal: false,
            from: None,
            to: None,
            kind: None,
            text: Some("Olá \u{1F44B} \"x\"".into()),
            attachments: vec![],
            mentions: vec![],
            quoted: None,
            status: None,
            ticket_id: None,
        });
        let raw = "{ \"id\": 9007199254740993,\n \"n\": 1.0e0, \"id\": 2, \"s\": \"\\ud800\" }";
        let record = envelope(&data, Raw::Json(raw.into()), &tenant, &source);
        assert_eq!(record.header(header::CE_TYPE), Some(&b"message.created"[..]));
        assert_eq!(&record.key[..], b"acme/chatwoot-1/3/128");

        let event = Event::decode(&record.value).expect("our own envelope");
        assert_eq!(event.raw(), raw.as_bytes(), "the platform's bytes are verbatim");
        assert_eq!(event.attributes.subject.as_deref(), Some("conversation \"128\""));
        assert_eq!(
            event.attributes.data_schema.as_deref(),
            Some("urn:forebay:schema:message.created:1")
        );
        let (name, json) = data.to_member().expect("a defined type");
        assert_eq!(event.data(), format!("{{\"{name}\":{json}}}"));
        let back = Data::from_member(event.event_type(), &json)
            .expect("a defined type")
            .expect("our own data");
        assert_eq!(back, data);
    }

    #[test]
    fn a_body_that_is_not_json_is_kept_as_base64() {
        let tenant = Tenant::new("acme").expect("valid");
        let source = SourceId::new("s").expect("valid");
        let data = Data::Unmapped(Unmapped {
            reason: "not JSON".into(),
            event: None,
        });
        let body = [0xff_u8, 0x00, b'{'];
        let record = envelope(&data, Raw::Bytes(Cow::Borrowed(&body)), &tenant, &source);
        let event = Event::decode(&record.value).expect("our own envelope");
        assert_eq!(event.raw(), body);
        assert_eq!(event.raw_json(), None);
    }

    #[test]
    fn a_record_that_is_no_event_says_why() {
        for (value, expected) in [
            ("nonsense", "expected"),
            ("{}", "missing field `id`"),
            ("[]", "expected"),
        ] {
            let error = Event::decode(&Bytes::from_static(value.as_bytes())).expect_err(value);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
