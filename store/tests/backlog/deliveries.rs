//! Deliveries as the tests write them.

use std::sync::Arc;

use bytes::Bytes;
use schemas::backlog::{Change, Claim, Waiting, Wanted, Which};
use schemas::name::RuleName;
use schemas::record::{Header, Offset, Record, StoredRecord};
use schemas::time::Timestamp;

/// Beyond all offsets of a test.
pub(crate) const END: Offset = Offset(i64::MAX);

/// A moment of the tests, in seconds.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_773_149_810_912 + second * 1000).expect("in range")
}

/// A delivery with an order, in line, with the key `key`.
pub(crate) fn waiting(target: &str, offset: i64, key: &str) -> Waiting {
    let header = |name: &'static str, value: &str| Header {
        name: name.into(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    };
    Waiting {
        target: target.to_owned(),
        record: Arc::new(StoredRecord {
            offset: Offset(offset),
            record: Record {
                key: Bytes::copy_from_slice(key.as_bytes()),
                headers: vec![header("ce_type", "message.created"), header("ce_tenant", "acme")],
                value: Bytes::from(format!("{{\"offset\":{offset}}}")),
            },
        }),
        rules: vec![
            RuleName::new("one").expect("valid"),
            RuleName::new("two.b").expect("valid"),
        ],
        rules_version: "v7".into(),
        attempts: 0,
        due: None,
        ordered: true,
        since: at(0),
    }
}

/// The same with a time of its own.
pub(crate) fn due(target: &str, offset: i64, key: &str, second: i64) -> Waiting {
    Waiting {
        due: Some(at(second)),
        attempts: 1,
        ..waiting(target, offset, key)
    }
}

pub(crate) fn tried(target: &str, offset: i64, attempts: u32, second: i64) -> Change {
    Change::Tried {
        target: target.to_owned(),
        offset: Offset(offset),
        attempts,
        due: at(second),
    }
}

pub(crate) fn remove(target: &str, offset: i64) -> Change {
    Change::Remove {
        target: target.to_owned(),
        offset: Offset(offset),
    }
}

pub(crate) fn in_line(target: &str, after: Option<i64>, limit: usize) -> Wanted {
    Wanted {
        target: target.to_owned(),
        which: Which::InLine {
            after: after.map(Offset),
            limit,
        },
    }
}

pub(crate) fn of_key(target: &str, key: &str, after: Option<i64>, limit: usize) -> Wanted {
    Wanted {
        target: target.to_owned(),
        which: Which::OfKey {
            key: Bytes::copy_from_slice(key.as_bytes()),
            after: after.map(Offset),
            limit,
        },
    }
}

pub(crate) fn one(target: &str, offset: i64) -> Wanted {
    Wanted {
        target: target.to_owned(),
        which: Which::At(Offset(offset)),
    }
}

pub(crate) async fn write(claim: &dyn Claim, changes: impl IntoIterator<Item = Change>) {
    claim.write(changes.into_iter().collect()).await.expect("written");
}

pub(crate) async fn add(claim: &dyn Claim, waiting: impl IntoIterator<Item = Waiting>) {
    write(claim, waiting.into_iter().map(Change::Add)).await;
}

/// The places of what is found, in the order of the answer.
pub(crate) async fn places(claim: &dyn Claim, wanted: &[Wanted], before: Offset) -> Vec<(String, i64)> {
    let found = claim.fetch(wanted.to_vec(), before).await.expect("available");
    found.into_iter().map(|w| (w.target, w.record.offset.0)).collect()
}

/// The offsets of what is found for one element.
pub(crate) async fn offsets(claim: &dyn Claim, wanted: Wanted) -> Vec<i64> {
    let places = places(claim, &[wanted], END).await;
    places.into_iter().map(|(_, offset)| offset).collect()
}
