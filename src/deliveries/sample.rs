//! The event of a test: a sample of its type, in Forebay's own name and with an id of its own, so that no receiver takes it for a
//! repeat, or for something that happened.

use anyhow::Context as _;
use schemas::data::{Data, TYPES};
use schemas::event::{Dialect, Envelope, Event, Raw};
use schemas::id::{EventId, IdTime};
use schemas::name::{EventType, SinkName, SourceId, Tenant};
use schemas::operations::{SOURCE, TargetChange, TargetChanged};
use schemas::platform::Platform;
use schemas::record::Record;
use schemas::time::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::commands::samples;
use crate::config::ConfigError;

/// What a receiver sees in the place of what a platform sent, and what it knows the event by.
const RAW: &str = r#"{"test":true}"#;

/// The attribute `subject` of a test event.
const SUBJECT: &str = "test";

/// The types of which there are samples, in the order in which they are documented.
fn types() -> Vec<&'static str> {
    let has_sample = |name: &&str| *name != "unmapped";
    TYPES.iter().map(|known| known.name).filter(has_sample).collect()
}

/// A test event of that type for an endpoint of `tenant`.
pub(super) fn sample(event_type: &EventType, tenant: &Tenant) -> anyhow::Result<Record> {
    let unknown = || {
        ConfigError(format!(
            "there is no sample of the type `{event_type}`; there are: {}",
            types().join(", ")
        ))
    };
    let name = types()
        .into_iter()
        .find(|name| *name == event_type.as_str())
        .ok_or_else(unknown)?;
    let event = found(name)?.with_context(|| format!("no platform's samples have a `{name}`"))?;
    let data: Value = serde_json::from_str(event.data())?;
    let member = TYPES.iter().find(|known| known.name == name).map(|known| known.member);
    let member = member
        .and_then(|member| data.get(member))
        .context("a sample has its part")?;
    let json = member.to_string();
    let data = Data::from_member(event_type, &json).ok_or_else(unknown)??;
    let source = SourceId::new(SOURCE)?;
    let now = Timestamp::now();
    let mut drawn = [0_u8; 16];
    getrandom::fill(&mut drawn)?;
    let envelope = Envelope {
        id: EventId::derive(now, tenant, &source, &["test", &hex::encode(drawn)]),
        id_time: IdTime::Event,
        tenant,
        source: &source,
        platform: Dialect::Forebay,
        account: None,
        subject: Some(SUBJECT),
        time: now,
        received: now,
        ordering_key: SUBJECT,
        traceparent: None,
        raw_sha256: Sha256::digest(RAW).into(),
        data: &data,
        raw: Raw::Json(RAW.into()),
    };
    Ok(envelope.to_record())
}

/// The first sample that becomes one event of that type.
fn found(name: &str) -> anyhow::Result<Option<Event>> {
    if let Some(change) = change(name) {
        let changed = TargetChanged {
            sink: SinkName::new("http")?,
            target: SUBJECT.to_owned(),
            at: Timestamp::now(),
            change,
            version: 1,
        };
        let record = changed.to_record(&Tenant::new("default")?, changed.at);
        return Ok(Some(Event::decode(&record.value)?));
    }
    for platform in Platform::ALL {
        let source = samples::any_source(platform)?;
        for sample in samples::of(platform) {
            let events = sample.events(&source)?;
            if let Some(event) = events.into_iter().find(|event| event.event_type().as_str() == name) {
                return Ok(Some(event));
            }
        }
    }
    Ok(None)
}

/// The change that an event about endpoints reports.
fn change(name: &str) -> Option<TargetChange> {
    let reason = || "this is a test".to_owned();
    match name {
        "endpoint.failing" => Some(TargetChange::Failing { reason: reason() }),
        "endpoint.recovered" => Some(TargetChange::Recovered {
            failing_since: Timestamp::now(),
        }),
        "endpoint.disabled" => Some(TargetChange::Disabled {
            reason: reason(),
            failing_since: None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_test_event_that_a_receiver_can_tell_and_that_is_new_each_time() {
        let tenant = Tenant::new("acme").expect("valid");
        for name in types() {
            let event_type = EventType::new(name).expect("valid");
            let event = |_| Event::decode(&sample(&event_type, &tenant).expect(name).value).expect(name);
            let [first, second] = [1, 2].map(event);
            assert_ne!(first.id(), second.id(), "{name}");
            let a = &first.attributes;
            assert_eq!(a.event_type.as_str(), name);
            assert_eq!((a.source.as_str(), a.tenant.as_str()), ("/acme/forebay", "acme"));
            assert_eq!(
                (a.subject.as_deref(), first.raw()),
                (Some("test"), &br#"{"test":true}"#[..])
            );
        }
    }

    #[test]
    fn a_type_without_a_sample_is_refused_with_those_that_have_one() {
        let tenant = Tenant::new("acme").expect("valid");
        let event_type = EventType::new("push").expect("valid");
        let error = sample(&event_type, &tenant).expect_err("no sample").to_string();
        assert!(error.contains("`push`") && error.contains("message.created"), "{error}");
    }
}
