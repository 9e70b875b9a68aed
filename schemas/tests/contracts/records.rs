//! Records as the program writes them.

use schemas::data::{Data, Foreign};
use schemas::dead_letter::DeadLetter;
use schemas::event::{Envelope, Raw};
use schemas::id::{EventId, IdTime};
use schemas::name::{EventType, RuleName, SinkName, SourceId, Tenant, TopicName};
use schemas::platform::Platform;
use schemas::record::{Offset, Partition, Position, Record};
use schemas::sink::Target;
use schemas::time::Timestamp;
use serde_json::Value;

/// An event of a type that the sender names itself.
pub(crate) fn own_type() -> Record {
    let (tenant, source) = (
        Tenant::new("acme").expect("valid"),
        SourceId::new("github-1").expect("valid"),
    );
    let received = Timestamp::parse("2026-03-10T14:05:00.250Z").expect("valid");
    let mut foreign = Foreign::new(EventType::new("github.push").expect("valid"));
    foreign.headers = vec![("x-github-event".to_owned(), "push".to_owned())];
    let delivery = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
    Envelope {
        id: EventId::derive(received, &tenant, &source, &[delivery]),
        id_time: IdTime::Received,
        tenant: &tenant,
        source: &source,
        platform: Platform::Github.into(),
        account: Some("6811672"),
        subject: Some("octo-org/forebay"),
        time: received,
        received,
        ordering_key: "186853002",
        traceparent: None,
        raw_sha256: [0xab; 32],
        data: &Data::Foreign(foreign),
        raw: Raw::Json(
            r#"{"ref":"refs/heads/main","repository":{"id":186853002,"full_name":"octo-org/forebay"},"organization":{"id":6811672}}"#
                .into(),
        ),
    }
    .to_record()
}

/// The same, given up.
pub(crate) fn dead_letter() -> Record {
    letter("the endpoint answered 410 Gone", 1, &[])
}

/// The same, of which a rule could not say whether it goes there. It has every header that there is.
pub(crate) fn undecided() -> Record {
    let rule = RuleName::new("vip").expect("valid");
    letter("rule `vip` cannot be evaluated: division by zero", 0, &[rule])
}

fn letter(reason: &str, attempts: u32, rules: &[RuleName]) -> Record {
    let topic = TopicName::new("forebay.events").expect("valid");
    DeadLetter {
        record: &own_type(),
        position: &Position {
            partition: Partition { topic, index: 3 },
            offset: Offset(4711),
        },
        sink: &SinkName::new("http").expect("valid"),
        target: Some(&Target::Named("crm".to_owned())),
        reason,
        attempts,
        rules_version: Some("5f1c0a9e7d33"),
        rules,
        time: Timestamp::parse("2026-03-10T14:05:02.000Z").expect("valid"),
    }
    .to_record()
}

pub(crate) fn value(record: &Record) -> Value {
    serde_json::from_slice(&record.value).expect("our own JSON")
}

/// Name and text of each header.
pub(crate) fn headers(record: &Record) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    record
        .headers
        .iter()
        .map(|h| (h.name.to_string(), Value::from(text(&h.value))))
        .collect()
}
