//! Converts between our records and librdkafka's messages.

use std::panic::AssertUnwindSafe;

use bytes::{Bytes, BytesMut};
use rdkafka::message::{BorrowedMessage, Header as KafkaHeader, Headers, Message, OwnedHeaders};
use schemas::record::{Header, Offset, Partition, Record, StoredRecord};

use crate::headers::name;

/// Converts the headers for librdkafka.
pub(super) fn headers(record: &Record) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(record.headers.len());
    record.headers.iter().fold(empty, |headers, header| {
        headers.insert(KafkaHeader {
            key: &header.name,
            value: Some(&header.value[..]),
        })
    })
}

/// Copies a message of a partition out of librdkafka's memory, all its bytes into one allocation.
pub(super) fn stored_record(message: &BorrowedMessage<'_>, partition: &Partition) -> StoredRecord {
    let (key, value) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
    let headers = borrowed_headers(message, partition);
    let header_bytes: usize = headers.iter().filter_map(|h| h.value).map(<[u8]>::len).sum();
    let mut buffer = BytesMut::with_capacity(key.len() + value.len() + header_bytes);
    let mut take = |bytes: &[u8]| {
        buffer.extend_from_slice(bytes);
        buffer.split().freeze()
    };
    let headers = headers.into_iter().map(|header| Header {
        name: name(header.key),
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

/// Returns the headers; none if another producer wrote a name that is not UTF-8: the binding panics on it, and one such
/// record must not end the thread that reads all of them.
fn borrowed_headers<'a>(message: &'a BorrowedMessage<'_>, partition: &Partition) -> Vec<KafkaHeader<'a, &'a [u8]>> {
    let Some(headers) = message.headers() else {
        return Vec::new();
    };
    std::panic::catch_unwind(AssertUnwindSafe(|| headers.iter().collect())).unwrap_or_else(|_| {
        let offset = message.offset();
        tracing::warn!(%partition, offset, "a header's name is not UTF-8, the headers are dropped");
        Vec::new()
    })
}
