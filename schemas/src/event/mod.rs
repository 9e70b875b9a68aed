//! The event as everybody but ingest sees it, and the envelope as ingest writes it: CloudEvents 1.0, structured JSON, one
//! event per record. Reading is one pass, borrows nothing and copies only the small normalized part.

mod envelope;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use envelope::{Dialect, Envelope, Raw, partition_key};

use crate::id::{EventId, IdTime};
use crate::name::{EventType, Tenant};
use crate::time::Timestamp;

/// The content type of a record's value.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The attributes of an event read back from a record.
#[derive(Debug, Clone)]
pub struct Attributes {
    /// The event id, equal for every redelivery.
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
    /// The platform's own account, organization or workspace, where it says.
    pub account: Option<String>,
    /// When we got it.
    pub received: Timestamp,
    /// `tenant/source/conversation`.
    pub partition_key: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// SHA-256 of the request body, in hex.
    pub raw_sha256: String,
}

/// A record's value as it is read: one pass, `data` unparsed. Attributes of CloudEvents that have no use here are skipped.
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
    #[serde(default)]
    account: Option<String>,
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
                "raw" => {
                    let text = json.get();
                    let whole = with_white_space(value, text);
                    raw = RawBody::Json(whole.unwrap_or_else(|| value.slice_ref(text.as_bytes())));
                }
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
            account: wire.account,
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

    /// Returns the event id, equal for every redelivery.
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

    /// What the platform sent, byte for byte, with the white space around it; empty if the event has none.
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

/// `json`, a piece of `value`, with the white space around it, if that is the platform's: parsers take it for the envelope's, but
/// an envelope that is still as ingest has written it has none of its own, and ends with the raw part.
fn with_white_space(value: &Bytes, json: &str) -> Option<Bytes> {
    let white = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
    let start = json.as_ptr().addr().checked_sub(value.as_ptr().addr())?;
    let end = start + json.len();
    let before = value.get(..start)?.iter().rev().take_while(white).count();
    let after = value.get(end..)?.iter().take_while(white).count();
    let is_ours =
        value.starts_with(envelope::BEGIN.as_bytes()) && value.get(end + after..) == Some(envelope::END.as_bytes());
    is_ours.then(|| value.slice(start - before..end + after))
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
    use crate::data::{Conversation, Data, Direction, Message, Unmapped};
    use crate::name::SourceId;
    use crate::platform::Platform;
    use crate::record::{Record, header};

    fn envelope<'a>(data: &'a Data<'a>, raw: Raw<'a>, tenant: &'a Tenant, source: &'a SourceId) -> Record {
        let time = Timestamp::parse("2026-03-10T13:36:50.912Z").expect("valid");
        Envelope {
            account: None,
            id: EventId::derive(time, tenant, source, &["message_created", "3", "9001"]),
            id_time: IdTime::Event,
            tenant,
            source,
            platform: Platform::Chatwoot.into(),
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
                ..Conversation::default()
            },
            direction: Direction::Inbound,
            text: Some("Olá \u{1F44B} \"x\"".into()),
            ..Message::default()
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
    fn white_space_around_the_raw_part_is_the_platforms_as_long_as_the_envelope_is_ours() {
        let tenant = Tenant::new("acme").expect("valid");
        let source = SourceId::new("s").expect("valid");
        let data = Data::Unmapped(Unmapped::default());
        for raw in [
            "{}",
            " {}",
            "{}\n",
            "\r\n\t {\"a\": [ 1 ] }\r\n\t ",
            "\n\n\"}}\"\n",
            " 7 ",
        ] {
            let record = envelope(&data, Raw::Json(raw.into()), &tenant, &source);
            let event = Event::decode(&record.value).expect("our own envelope");
            assert_eq!(event.raw(), raw.as_bytes(), "{raw:?}");
            assert_eq!(event.raw_json(), Some(raw));
        }
        // Written again by another program, with its own white space.
        let record = envelope(&data, Raw::Json("{}".into()), &tenant, &source);
        let text = std::str::from_utf8(&record.value).expect("text");
        let spread = text.replace("\":", "\": ").replace(",\"", ", \"");
        let open = text.replace("{}}}", "{}\n  }\n}");
        let longer = text.replace("{}}}", "{}\n,\"x\":1}}");
        for value in [spread, open, longer] {
            assert_ne!(value, text);
            let event = Event::decode(&Bytes::from(value)).expect("still an envelope");
            assert_eq!(event.raw(), b"{}");
        }
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
