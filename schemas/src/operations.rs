//! Operational events: what happened to Forebay's own parts that someone should know of, as events that can be routed.

//!
//! Such an event is like any other, in a topic of its own. Its `source` is `/<tenant>/forebay`, the tenant that of the endpoint;
//! no source of the configuration may have that id. It was sent by no one, so its raw part is an empty object.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::data::{Data, EndpointChange};
use crate::event::{Dialect, Envelope, Raw};
use crate::id::{EventId, IdTime};
use crate::name::{SinkName, SourceId, Tenant};
use crate::record::Record;
use crate::time::Timestamp;

/// The source of all operational events: reserved, so that no sender's events can be taken for them.
pub const SOURCE: &str = "forebay";

/// The attribute `platform` of operational events.
pub const PLATFORM: &str = "forebay";

/// The raw part of operational events.
const RAW: &str = "{}";

/// What happened to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetChanged {
    /// The sink.
    pub sink: SinkName,
    /// The target's name.
    pub target: String,
    /// When it happened. Half of the event's id: whoever finds the same change must give the same time, so it is taken from the
    /// target's condition where that has it.
    pub at: Timestamp,
    /// What happened.
    pub change: TargetChange,
    /// The version of the target's condition: the same change, found by two processes, has one version and is one event.
    pub version: i64,
}

/// A change of a target's condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetChange {
    /// Its deliveries fail. They wait, and it is tried now and then.
    Failing {
        /// The last failure, for people.
        reason: String,
    },
    /// It takes deliveries again.
    Recovered {
        /// Since when it had failed.
        failing_since: Timestamp,
    },
    /// It gets no more deliveries, until an operator enables it.
    Disabled {
        /// Why, for people.
        reason: String,
        /// Since when it had failed, if it had.
        failing_since: Option<Timestamp>,
    },
}

impl TargetChanged {
    /// The event, for the topic of operational events. `tenant` is whose endpoint the target is.
    ///
    /// Its id is a function of sink, target, change, version and time, so that the same change has the same id, whoever reports
    /// it and however often.
    pub fn to_record(&self, tenant: &Tenant, received: Timestamp) -> Record {
        let source = SourceId::new(SOURCE).unwrap_or_else(|_| unreachable!("a literal source id is valid"));
        let data = self.data();
        let event_type = data.event_type();
        let version = self.version.to_string();
        let identity = [event_type.as_str(), self.sink.as_str(), &self.target, &version];
        Envelope {
            id: EventId::derive(self.at, tenant, &source, &identity),
            id_time: IdTime::Event,
            tenant,
            source: &source,
            platform: Dialect::Forebay,
            account: None,
            subject: Some(&self.target),
            time: self.at,
            received,
            ordering_key: &self.target,
            traceparent: None,
            raw_sha256: Sha256::digest(RAW).into(),
            data: &data,
            raw: Raw::Json(RAW.into()),
        }
        .to_record()
    }

    fn data(&self) -> Data<'_> {
        let endpoint = EndpointChange {
            id: self.target.as_str().into(),
            sink: self.sink.as_str().into(),
            reason: None,
            failing_since: None,
            version: self.version,
        };
        match &self.change {
            TargetChange::Failing { reason } => Data::EndpointFailing(EndpointChange {
                reason: Some(reason.into()),
                failing_since: Some(self.at),
                ..endpoint
            }),
            TargetChange::Recovered { failing_since } => Data::EndpointRecovered(EndpointChange {
                failing_since: Some(*failing_since),
                ..endpoint
            }),
            TargetChange::Disabled { reason, failing_since } => Data::EndpointDisabled(EndpointChange {
                reason: Some(reason.into()),
                failing_since: *failing_since,
                ..endpoint
            }),
        }
    }
}

/// Who is told what happened.
pub trait Operations: Send + Sync + fmt::Debug {
    /// Takes a report. Never waits; it is published as soon as the event log takes it.
    fn report(&self, changed: TargetChanged);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn changed(change: TargetChange) -> TargetChanged {
        TargetChanged {
            sink: SinkName::new("http").expect("valid"),
            target: "crm".to_owned(),
            at: Timestamp::parse("2026-03-10T13:36:50.912Z").expect("valid"),
            change,
            version: 7,
        }
    }

    fn failing(reason: &str) -> TargetChange {
        TargetChange::Failing {
            reason: reason.to_owned(),
        }
    }

    fn event(changed: &TargetChanged, tenant: &'static str, received: i64) -> Event {
        let received = Timestamp::from_millis(received).expect("in range");
        let record = changed.to_record(&Tenant::new(tenant).expect("valid"), received);
        Event::decode(&record.value).expect("our own envelope")
    }

    #[test]
    fn a_change_is_an_event_of_the_endpoints_tenant() {
        let disabled = changed(TargetChange::Disabled {
            reason: "it answered 410 Gone".to_owned(),
            failing_since: None,
        });
        let record = disabled.to_record(&Tenant::new("acme").expect("valid"), disabled.at);
        assert_eq!(record.key, "acme/forebay/crm");
        let event = event(&disabled, "acme", 1_800_000_000_000);
        let a = &event.attributes;
        assert_eq!(
            (a.event_type.as_str(), a.source.as_str(), a.platform.as_str()),
            ("endpoint.disabled", "/acme/forebay", "forebay")
        );
        assert_eq!((a.time, a.subject.as_deref()), (disabled.at, Some("crm")));
        assert_eq!(
            event.data(),
            r#"{"endpoint":{"id":"crm","sink":"http","reason":"it answered 410 Gone","version":7}}"#
        );
        assert_eq!(event.raw(), b"{}");
    }

    #[test]
    fn the_same_change_has_one_id_whoever_finds_it_and_another_one_has_another() {
        let id = |changed: &TargetChanged, received| event(changed, "acme", received).id();
        let first = changed(failing("timed out"));
        let same = id(&first, 1_800_000_000_000);
        assert_eq!(id(&changed(failing("refused")), 1_900_000_000_000), same);
        let others = [
            TargetChanged {
                version: 8,
                ..first.clone()
            },
            TargetChanged {
                target: "erp".to_owned(),
                ..first.clone()
            },
            TargetChanged {
                sink: SinkName::new("topic").expect("valid"),
                ..first.clone()
            },
            changed(TargetChange::Recovered {
                failing_since: first.at,
            }),
        ];
        for other in &others {
            assert_ne!(id(other, 1_800_000_000_000), same, "{other:?}");
        }
        assert_ne!(event(&first, "globex", 1_800_000_000_000).id(), same);
    }
}
