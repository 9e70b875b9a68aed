//! What comes between wanting rows and fetching them, as examples.

use std::sync::Arc;

use schemas::backlog::{Due, Waiting};
use schemas::record::{Record, StoredRecord};

use super::*;

fn target() -> Target {
    Target::Named("a".to_owned())
}

fn place<'a>(target: &'a Target, key: &'a Bytes, offset: i64) -> Place<'a> {
    Place {
        target,
        key,
        offset: Offset(offset),
        ordered: true,
    }
}

fn row(offset: i64) -> Waiting {
    Waiting {
        target: "a".to_owned(),
        record: Arc::new(StoredRecord {
            offset: Offset(offset),
            record: Record {
                key: "k".into(),
                headers: vec![],
                value: Bytes::new(),
            },
        }),
        rules: vec![],
        rules_version: "v".into(),
        attempts: 0,
        due: None,
        ordered: true,
        since: Timestamp::MIN,
    }
}

fn from_log(offset: i64) -> WorkId {
    let (offset, number) = (Offset(offset), 0);
    WorkId { offset, number }
}

/// The offsets of those that are in memory now.
fn fetch(rows: &mut Rows, wanted: &[Wanted], found: &[i64]) -> Vec<i64> {
    let found = found.iter().map(|offset| row(*offset)).collect();
    let id = |offset| WorkId::from_backlog(offset, 1);
    let here = rows.fetched(wanted, found, |_| true, id, |_| None);
    here.iter().map(|(_, row)| row.record.offset.0).collect()
}

fn wants(rows: &mut Rows) -> Vec<Wanted> {
    let wanted = rows.wants(Instant::now(), Offset(100), |_, _| 10);
    wanted.expect("something is wanted")
}

#[test]
fn what_is_fetched_in_line_waits_for_an_earlier_one_of_its_key_that_comes_into_line_meanwhile() {
    let (target, key) = (target(), Bytes::from("k"));
    let mut rows = Rows::default();
    // 5 was parked as one too many; 4 waits in memory, until it has waited too long.
    rows.adding(&place(&target, &key, 5), None, None);
    rows.added_in_line(&target, Offset(5));
    let wanted = wants(&mut rows);
    rows.adding(&place(&target, &key, 4), None, None);
    assert_eq!(fetch(&mut rows, &wanted, &[5]), [0; 0]);
    rows.added_in_line(&target, Offset(4));
    let wanted = wants(&mut rows);
    assert_eq!(fetch(&mut rows, &wanted, &[4, 5]), [4, 5]);
}

#[test]
fn what_is_fetched_of_a_key_waits_for_an_earlier_one_that_fails_meanwhile() {
    let (target, key) = (target(), Bytes::from("k"));
    let mut rows = Rows::default();
    // 3 took long, 4 is in memory, 5 came later.
    let due = Instant::now();
    rows.adding(&place(&target, &key, 3), Some(due), Some(from_log(3)));
    rows.adding(&place(&target, &key, 5), None, None);
    rows.added_in_line(&target, Offset(5));
    let wanted = wants(&mut rows);
    assert_eq!(fetch(&mut rows, &wanted, &[5]), [0; 0], "its key is blocked");
    rows.removing(&place(&target, &key, 3));
    rows.removed(&target, Offset(3));
    let wanted = wants(&mut rows);
    rows.adding(&place(&target, &key, 4), Some(due), None);
    assert_eq!(fetch(&mut rows, &wanted, &[5]), [0; 0]);
    let wanted = wants(&mut rows);
    assert_eq!(wanted[0].which, Which::At(Offset(4)));
    assert_eq!(fetch(&mut rows, &wanted, &[4]), [4]);
    rows.removing(&place(&target, &key, 4));
    rows.removed(&target, Offset(4));
    // In line it is passed over while its key is being fetched, and then its key is fetched once more.
    let mut here = Vec::new();
    while here.is_empty() {
        let wanted = wants(&mut rows);
        here.extend(fetch(&mut rows, &wanted, &[5]));
    }
    assert_eq!(here, [5]);
}

#[test]
fn a_row_that_was_read_from_the_log_once_more_is_not_left_behind_a_later_one_of_its_key() {
    let (target, key) = (target(), Bytes::from("k"));
    let mut rows = Rows::default();
    let at = Timestamp::MIN;
    let due = Due {
        target: "a".to_owned(),
        offset: Offset(9),
        key: key.clone(),
        at,
    };
    let contents = Contents {
        due: vec![due],
        ..Contents::default()
    };
    rows.load(contents, |_| true, |_| Instant::now());
    assert!(rows.must_follow(&place(&target, &key, 4)));
    rows.adding(&place(&target, &key, 4), None, None);
    rows.added_in_line(&target, Offset(4));
    let (mut went, mut turns) = (Vec::new(), 0);
    while rows.next_want(Instant::now()).is_some() && turns < 20 {
        turns += 1;
        let Some(wanted) = rows.wants(Instant::now(), Offset(100), |_, _| 10) else {
            continue;
        };
        let in_table = |offset: &i64| match &wanted[0].which {
            Which::At(at) => at.0 == *offset,
            Which::InLine { after, .. } => *offset == 4 && after.is_none_or(|after| after.0 < 4),
            Which::OfKey { after, .. } => after.is_none_or(|after| after.0 < *offset),
        };
        let found: Vec<i64> = [4, 9]
            .into_iter()
            .filter(|offset| !went.contains(offset))
            .filter(in_table)
            .collect();
        for offset in fetch(&mut rows, &wanted, &found) {
            went.push(offset);
            rows.removing(&place(&target, &key, offset));
            rows.removed(&target, Offset(offset));
        }
    }
    assert_eq!(went, [9, 4]);
}

#[test]
fn a_row_that_others_have_made_due_is_fetched_at_once() {
    let mut rows = Rows::default();
    let due = |at| Contents {
        due: vec![Due {
            target: "a".to_owned(),
            offset: Offset(1),
            key: "k".into(),
            at: Timestamp::from_millis(at).expect("a time"),
        }],
        ..Contents::default()
    };
    let began = Instant::now();
    let moment = |at: Timestamp| began + std::time::Duration::from_millis(at.millis().unsigned_abs());
    rows.load(due(3_600_000), |_| true, moment);
    assert!(rows.wants(began, Offset(100), |_, _| 10).is_none());
    rows.load(due(0), |_| true, moment);
    assert_eq!(wants(&mut rows)[0].which, Which::At(Offset(1)));
}
