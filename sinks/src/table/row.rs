//! A delivery as a row of the table `event`.

use std::borrow::Cow;

use schemas::id::{EventId, IdTime};
use schemas::record::Partition;
use schemas::sink::Delivery;
use schemas::time::Timestamp;

use super::receipts::Receipt;
use super::text::{storable_json, storable_text};

/// One row of `event`, borrowed from its delivery.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// The delivery it comes from: its place in the batch.
    pub(crate) delivery: usize,
    pub(crate) id: EventId,
    pub(crate) id_time: IdTime,
    pub(crate) time: Timestamp,
    pub(crate) received: Timestamp,
    /// Where its record is in the event log.
    pub(crate) partition: &'a Partition,
    pub(crate) log_offset: i64,
    pub(crate) tenant: &'a str,
    pub(crate) source: Cow<'a, str>,
    pub(crate) platform: Cow<'a, str>,
    pub(crate) account: Option<Cow<'a, str>>,
    /// The version of the type's schema; `None` for types that the sender names itself.
    pub(crate) schema_version: Option<i32>,
    pub(crate) event_type: &'a str,
    pub(crate) subject: Option<Cow<'a, str>>,
    pub(crate) partition_key: Cow<'a, str>,
    pub(crate) rules_version: &'a str,
    pub(crate) raw_sha256: [u8; 32],
    pub(crate) data: Cow<'a, str>,
    pub(crate) raw: &'a [u8],
}

impl Row<'_> {
    /// The word for `id_time` in the table.
    pub(crate) fn id_time_word(&self) -> &'static str {
        match self.id_time {
            IdTime::Event => "event",
            IdTime::Received => "received",
        }
    }

    pub(crate) fn receipt(&self) -> Receipt {
        Receipt {
            id: self.id,
            received: self.received,
        }
    }
}

/// The row of the delivery at this place in its batch; an error if it cannot be stored.
pub(super) fn row(index: usize, delivery: &Delivery) -> Result<Row<'_>, String> {
    let event = &*delivery.event;
    let attributes = &event.attributes;
    let mut raw_sha256 = [0_u8; 32];
    hex::decode_to_slice(&attributes.raw_sha256, &mut raw_sha256)
        .map_err(|e| format!("the attribute `rawsha256` is not 64 hex digits: {e}"))?;
    Ok(Row {
        delivery: index,
        id: event.id(),
        id_time: attributes.id_time,
        time: attributes.time,
        received: attributes.received,
        partition: &delivery.partition,
        log_offset: delivery.record.offset.0,
        tenant: attributes.tenant.as_str(),
        source: storable_text(source_id(&attributes.source)),
        platform: storable_text(&attributes.platform),
        account: attributes.account.as_deref().map(storable_text),
        schema_version: attributes.data_schema.as_deref().and_then(schema_version),
        event_type: attributes.event_type.as_str(),
        subject: attributes.subject.as_deref().map(storable_text),
        partition_key: storable_text(&attributes.partition_key),
        rules_version: &delivery.rules_version,
        raw_sha256,
        data: storable_json(event.data()),
        raw: event.raw(),
    })
}

/// Of `/tenant/source`, the last segment is the source's id.
pub(super) fn source_id(source: &str) -> &str {
    source.rsplit('/').next().unwrap_or(source)
}

/// Of `urn:forebay:schema:<type>:<version>`, the version.
fn schema_version(data_schema: &str) -> Option<i32> {
    data_schema
        .strip_prefix("urn:forebay:schema:")?
        .rsplit_once(':')?
        .1
        .parse()
        .ok()
}
