//! Events as they stand in the log, written with separate code, never with Forebay's.

use std::fmt::Write as _;

use bytes::Bytes;
use schemas::event::Event;

/// An envelope in the making; the default is an ordinary one without data.
#[derive(Debug, Clone, Copy)]
pub struct Written<'w> {
    /// The member `id`.
    pub id: &'w str,
    /// Whether the time of the id is that of the receipt.
    pub received: bool,
    /// The member `source`.
    pub source: &'w str,
    /// The member `type`.
    pub event_type: &'w str,
    /// The member `subject`, if there is one.
    pub subject: Option<&'w str>,
    /// The member `time`.
    pub time: &'w str,
    /// The member `tenant`.
    pub tenant: &'w str,
    /// The member `platform`.
    pub platform: &'w str,
    /// The member `receivedtime`.
    pub received_time: &'w str,
    /// The member `partitionkey`.
    pub partition_key: &'w str,
    /// The member `traceparent`, if there is one.
    pub traceparent: Option<&'w str>,
    /// The member `rawsha256`.
    pub raw_sha256: &'w str,
    /// The member `data`, which is JSON and is written as it is.
    pub data: &'w str,
}

impl Default for Written<'_> {
    fn default() -> Self {
        Self {
            id: "019cd7f6-f0e0-82b2-9fbf-000000000001",
            received: false,
            source: "/acme/s",
            event_type: "message.created",
            subject: Some("c1"),
            time: "2026-03-10T13:36:50.912Z",
            tenant: "acme",
            platform: "chatwoot",
            received_time: "2026-03-10T13:36:51.000Z",
            partition_key: "acme/s/k",
            traceparent: None,
            raw_sha256: "00",
            data: "{}",
        }
    }
}

impl Written<'_> {
    /// The value of its record.
    pub fn value(&self) -> Bytes {
        let members = [
            ("id", Some(self.id)),
            ("idtime", self.received.then_some("received")),
            ("source", Some(self.source)),
            ("type", Some(self.event_type)),
            ("subject", self.subject),
            ("time", Some(self.time)),
            ("tenant", Some(self.tenant)),
            ("platform", Some(self.platform)),
            ("receivedtime", Some(self.received_time)),
            ("partitionkey", Some(self.partition_key)),
            ("traceparent", self.traceparent),
            ("rawsha256", Some(self.raw_sha256)),
        ];
        let mut out = r#"{"specversion":"1.0""#.to_owned();
        for (name, text) in members {
            if let Some(text) = text {
                let text = serde_json::to_string(text).expect("a string");
                write!(out, r#","{name}":{text}"#).expect("a string takes everything");
            }
        }
        format!(r#"{out},"data":{}}}"#, self.data).into()
    }

    /// The event as it is read back.
    pub fn event(&self) -> Event {
        Event::decode(&self.value()).expect("an event")
    }
}
