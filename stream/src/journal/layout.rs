//! How a record is stored in the database: its row id, and its headers as bytes.
//!
//! The row id is the partition's id and the offset in one integer, so that the table needs no second index, a partition
//! is read sequentially, and retention frees whole pages.

use bytes::{BufMut, Bytes, BytesMut};
use schemas::record::{Header, Offset};

use crate::headers::name;

/// The version of the layout, in `PRAGMA user_version`: set when the file is new, and proof that an existing one is
/// ours.
pub(super) const VERSION: i32 = 2;

/// Writes the version that the file already has: a write that changes nothing.
pub(super) const WRITE_VERSION: &str = "PRAGMA user_version = 2";

/// From layout 1: topics get ids that distinguish one from another of the same name.
pub(super) const FROM_1: &str = "
    ALTER TABLE topic ADD COLUMN uid TEXT NOT NULL DEFAULT '';
    UPDATE topic SET uid = lower(hex(randomblob(16)));
    PRAGMA user_version = 2;
";

/// `end` is not stored: it is one past the newest record, or `earliest` where there is none. `earliest` is written by
/// retention only, together with the deletion, so that no offset is ever used twice.
pub(super) const TABLES: &str = "
    CREATE TABLE topic (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
        retention_ms INTEGER NOT NULL, max_record_bytes INTEGER NOT NULL, uid TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE TABLE topic_partition (
        id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL REFERENCES topic (id), number INTEGER NOT NULL,
        earliest INTEGER NOT NULL, UNIQUE (topic_id, number)
    ) STRICT;
    CREATE TABLE record (
        id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, key BLOB NOT NULL, headers BLOB NOT NULL, value BLOB NOT NULL
    ) STRICT;
    CREATE TABLE reader_group (
        id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL REFERENCES topic (id), name TEXT NOT NULL,
        UNIQUE (topic_id, name)
    ) STRICT;
    CREATE TABLE progress (
        group_id INTEGER NOT NULL REFERENCES reader_group (id),
        partition_id INTEGER NOT NULL REFERENCES topic_partition (id), next INTEGER NOT NULL,
        PRIMARY KEY (group_id, partition_id)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 2;
";

/// 10^12 records per partition and eight million partitions fit.
const OFFSET_BITS: u32 = 40;

/// A partition's id in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PartitionId(pub(super) i64);

impl PartitionId {
    /// The row id of the record at `offset`; for a larger offset than fits, the largest of this partition.
    pub(super) fn record_id(self, offset: Offset) -> i64 {
        (self.0 << OFFSET_BITS) | offset.0.clamp(0, (1 << OFFSET_BITS) - 1)
    }

    /// The largest row id of this partition.
    pub(super) fn last_record_id(self) -> i64 {
        self.record_id(Offset(i64::MAX))
    }
}

/// The offset inside its partition of the record with this row id.
pub(super) fn offset_of(record_id: i64) -> Offset {
    Offset(record_id & ((1 << OFFSET_BITS) - 1))
}

/// Length-prefixed names and values, one after the other; empty without headers.
pub(super) fn encode_headers(headers: &[Header]) -> Vec<u8> {
    let bytes: usize = headers.iter().map(|h| h.name.len() + h.value.len() + 4).sum();
    let mut block = BytesMut::with_capacity(bytes);
    for header in headers {
        put_text(&mut block, header.name.as_bytes());
        put_text(&mut block, &header.value);
    }
    block.into()
}

/// Reads what [`encode_headers`] wrote; `None` if it is damaged.
pub(super) fn decode_headers(mut block: Bytes) -> Option<Vec<Header>> {
    let mut headers = Vec::new();
    while !block.is_empty() {
        let name = name(std::str::from_utf8(&take_text(&mut block)?).ok()?);
        let value = take_text(&mut block)?;
        headers.push(Header { name, value });
    }
    Some(headers)
}

/// A length in 7-bit groups, lowest first (LEB128), and the bytes.
fn put_text(block: &mut BytesMut, text: &[u8]) {
    let mut length = text.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap_or(0);
        length >>= 7;
        if length == 0 {
            block.put_u8(low);
            break;
        }
        block.put_u8(low | 0x80);
    }
    block.put_slice(text);
}

fn take_text(block: &mut Bytes) -> Option<Bytes> {
    let mut length = 0_usize;
    let mut used = 0;
    loop {
        let byte = *block.get(used)?;
        length |= usize::from(byte & 0x7f).checked_shl(7 * u32::try_from(used).ok()?)?;
        used += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let end = used.checked_add(length)?;
    if end > block.len() {
        return None;
    }
    let mut text = block.split_to(end);
    Some(text.split_off(used))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_come_back_as_they_were(pairs in prop::collection::vec((".{0,40}", prop::collection::vec(any::<u8>(), 0..300)), 0..6)) {
            let headers: Vec<Header> =
                pairs.into_iter().map(|(name, value)| Header { name: name.into(), value: value.into() }).collect();
            prop_assert_eq!(decode_headers(encode_headers(&headers).into()), Some(headers));
        }

        #[test]
        fn damaged_headers_are_refused_or_read_but_never_a_panic(block in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(headers) = decode_headers(block.clone().into()) {
                prop_assert!(headers.len() <= block.len());
            }
        }

        #[test]
        fn row_ids_keep_partitions_apart_and_offsets_in_order(id in 1_i64..8_000_000, offset in 0_i64..(1 << 40) - 1) {
            let partition = PartitionId(id);
            prop_assert_eq!(offset_of(partition.record_id(Offset(offset))), Offset(offset));
            prop_assert!(partition.record_id(Offset(offset)) < partition.record_id(Offset(offset + 1)));
            prop_assert!(partition.last_record_id() < PartitionId(id + 1).record_id(Offset(0)));
        }
    }

    #[test]
    fn a_cut_header_block_is_damaged() {
        let mut block = encode_headers(&[Header {
            name: "ce_id".into(),
            value: Bytes::from_static(b"12345"),
        }]);
        block.truncate(block.len() - 1);
        assert_eq!(decode_headers(block.into()), None);
    }
}
