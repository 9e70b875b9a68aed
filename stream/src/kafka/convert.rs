//! Our records and librdkafka's messages.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use rdkafka::message::{BorrowedMessage, Header as KafkaHeader, Headers, Message, OwnedHeaders};
use schemas::dead_letter::header as dead_letter;
use schemas::record::{Header, Offset, Record, StoredRecord, header};

/// Names that almost every record carries: no allocation for them.
const KNOWN: [&str; 13] = [
    header::CONTENT_TYPE,
    header::CE_ID,
    header::CE_TYPE,
    header::CE_SOURCE,
    header::CE_TIME,
    header::CE_TENANT,
    dead_letter::SINK,
    dead_letter::TARGET,
    dead_letter::REASON,
    dead_letter::ATTEMPTS,
    dead_letter::POSITION,
    dead_letter::TIME,
    dead_letter::RULES_VERSION,
];

/// The headers as librdkafka wants them.
pub(super) fn headers(record: &Record) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(record.headers.len());
    record.headers.iter().fold(empty, |headers, header| {
        headers.insert(KafkaHeader {
            key: &header.name,
            value: Some(&header.value[..]),
        })
    })
}

/// Copies a message out of librdkafka's memory, all bytes of it into one allocation.
pub(super) fn stored_record(message: &BorrowedMessage<'_>) -> StoredRecord {
    let (key, value) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
    let borrowed = message.headers();
    let header_bytes: usize = borrowed
        .into_iter()
        .flat_map(Headers::iter)
        .filter_map(|h| h.value)
        .map(<[u8]>::len)
        .sum();
    let mut buffer = BytesMut::with_capacity(key.len() + value.len() + header_bytes);
    let mut take = |bytes: &[u8]| {
        buffer.extend_from_slice(bytes);
        buffer.split().freeze()
    };
    let headers = borrowed.into_iter().flat_map(Headers::iter).map(|header| Header {
        name: KNOWN
            .iter()
            .find(|known| **known == header.key)
            .map_or_else(|| Cow::Owned(header.key.to_owned()), |known| Cow::Borrowed(*known)),
        value: header.value.map_or_else(Bytes::new, &mut take),
    });
    let headers = headers.collect();
    StoredRecord {
        offset: Offset(message.offset()),
        record: Record {
            headers,
            key: take(key),
            value: take(value),
        },
    }
}
