//! A delivery as the columns of a row, for both databases.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use schemas::backlog::{BacklogError, Waiting};
use schemas::name::RuleName;
use schemas::record::{Header, Offset, Record, StoredRecord};
use schemas::time::Timestamp;
use sha2::{Digest as _, Sha256};

/// The columns of a row that was read.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) off: i64,
    pub(super) attempts: i32,
    pub(super) since: Timestamp,
    pub(super) due: Option<Timestamp>,
    pub(super) ordered: bool,
    pub(super) key: Vec<u8>,
    pub(super) rules_version: String,
    /// Separated by commas.
    pub(super) rules: String,
    pub(super) headers: Vec<u8>,
    pub(super) value: Vec<u8>,
}

impl Columns {
    /// Returns the delivery. The error names a row that was not written by this program.
    pub(super) fn into_waiting(self, target: &str) -> Result<Waiting, BacklogError> {
        let off = self.off;
        let damaged = |column: &str| {
            BacklogError::Unavailable(format!(
                "the row of target `{target}` and offset {off} in the table `backlog` is damaged: its column `{column}` cannot \
                 be read; correct it or delete the row"
            ))
        };
        let names = self.rules.split(',').filter(|name| !name.is_empty());
        let rules: Result<_, _> = names.map(|name| RuleName::new(name.to_owned())).collect();
        let record = Record {
            headers: read_headers(&self.headers).ok_or_else(|| damaged("headers"))?,
            key: Bytes::from(self.key),
            value: Bytes::from(self.value),
        };
        Ok(Waiting {
            target: target.to_owned(),
            rules: rules.map_err(|_| damaged("rules"))?,
            record: Arc::new(StoredRecord {
                offset: Offset(self.off),
                record,
            }),
            rules_version: self.rules_version.into(),
            attempts: u32::try_from(self.attempts).unwrap_or_default(),
            due: self.due,
            ordered: self.ordered,
            since: self.since,
        })
    }
}

/// Returns what rows are found by instead of their whole key. It never changes: rows of older versions are found by it.
pub(super) fn key_hash(key: &[u8]) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&Sha256::digest(key)[..8]);
    i64::from_be_bytes(first)
}

/// Returns the names separated by commas, which no name has.
pub(super) fn write_rules(rules: &[RuleName]) -> String {
    let names: Vec<_> = rules.iter().map(RuleName::as_str).collect();
    names.join(",")
}

pub(super) fn attempts(attempts: u32) -> i32 {
    i32::try_from(attempts).unwrap_or(i32::MAX)
}

/// Returns all headers in one value: before each name and each value its length, in four bytes, big-endian.
pub(super) fn write_headers(headers: &[Header]) -> Vec<u8> {
    let size = headers.iter().map(|h| 8 + h.name.len() + h.value.len()).sum();
    let mut bytes = Vec::with_capacity(size);
    for part in headers.iter().flat_map(|h| [h.name.as_bytes(), &h.value]) {
        bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

fn read_headers(mut bytes: &[u8]) -> Option<Vec<Header>> {
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        let name = std::str::from_utf8(part(&mut bytes)?).ok()?.to_owned();
        let value = Bytes::copy_from_slice(part(&mut bytes)?);
        headers.push(Header {
            name: Cow::Owned(name),
            value,
        });
    }
    Some(headers)
}

fn part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_as_they_were() {
        let header = |name: &'static str, value: &'static [u8]| Header {
            name: name.into(),
            value: Bytes::from_static(value),
        };
        for headers in [
            vec![],
            vec![header("a", b""), header("", b"\xff\0"), header("ce_id", b"x")],
        ] {
            assert_eq!(read_headers(&write_headers(&headers)), Some(headers));
        }
        for damaged in [
            &b"\0"[..],
            &b"\0\0\0\x09a"[..],
            &b"\0\0\0\x01a"[..],
            &b"\0\0\0\x01\xff\0\0\0\0"[..],
        ] {
            assert_eq!(read_headers(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn the_hash_of_a_key_never_changes() {
        assert_eq!(key_hash(b""), 0xe3b0_c442_98fc_1c14_u64.cast_signed());
    }
}
