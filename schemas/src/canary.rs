//! Canaries: records that ingest writes to every partition now and then, and every worker must see. One that does not come
//! shows that something between the two stands still, whatever else says that all is well.
//!
//! A canary is stored nowhere and delivered to no one. What marks it is a header that no event has, so that no sender can
//! make one. For other readers of the topic it is a CloudEvent of the type [`EVENT_TYPE`], which they pass over.

use std::borrow::Cow;

use bytes::Bytes;

use crate::event::CONTENT_TYPE;
use crate::record::{Header, Record, header};
use crate::time::Timestamp;

/// The header that makes a record a canary; its value is when it was sent, RFC 3339.
pub const HEADER: &str = "fb_canary";

/// The CloudEvents type, for readers that filter by it.
pub const EVENT_TYPE: &str = "forebay.canary";

/// A canary that is sent now.
pub fn record(now: Timestamp) -> Record {
    let time = now.to_string();
    let id = uuid::Uuid::new_v4().to_string();
    let header = |name, value: &str| Header {
        name: Cow::Borrowed(name),
        value: Bytes::copy_from_slice(value.as_bytes()),
    };
    let value = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/forebay/canary","type":"{EVENT_TYPE}","time":"{time}","data":{{}}}}"#
    );
    Record {
        key: Bytes::new(),
        headers: vec![
            header(header::CONTENT_TYPE, CONTENT_TYPE),
            header(header::CE_ID, &id),
            header(header::CE_TYPE, EVENT_TYPE),
            header(header::CE_SOURCE, "/forebay/canary"),
            header(header::CE_TIME, &time),
            header(HEADER, &time),
        ],
        value: value.into(),
    }
}

/// When the canary was sent; `None` if the record is none.
pub fn sent(record: &Record) -> Option<Timestamp> {
    let time = std::str::from_utf8(record.header(HEADER)?).ok()?;
    Timestamp::parse(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_known_by_its_header_and_says_when_it_was_sent() {
        let now = Timestamp::now();
        let mut canary = record(now);
        assert_eq!(sent(&canary), Some(now));
        canary.headers.retain(|header| header.name != HEADER);
        assert_eq!(sent(&canary), None);
    }
}
