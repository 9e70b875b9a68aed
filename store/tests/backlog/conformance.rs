//! Rows: adding, reading, removing, and what a restart finds. On both databases.

use std::sync::Arc;

use bytes::Bytes;
use schemas::backlog::{BacklogError, Change, Due, Standing, Waiting};
use schemas::record::{Offset, Record, StoredRecord};
use schemas::time::Timestamp;

use crate::deliveries::{END, add, at, due, in_line, of_key, offsets, one, places, remove, tried, waiting, write};
use crate::stage::on_both;

#[tokio::test]
async fn a_delivery_comes_back_as_it_was() {
    on_both(async |both| {
        let claim = both.claim(0).await;
        let mut sent = due("a", 3, "k", 5);
        sent.attempts = 4;
        let bare = Waiting {
            target: "a".to_owned(),
            record: Arc::new(StoredRecord {
                offset: Offset(9),
                record: Record {
                    key: Bytes::from_static(b"\0\xff,"),
                    headers: vec![],
                    value: Bytes::new(),
                },
            }),
            rules: vec![],
            rules_version: "".into(),
            attempts: 0,
            due: None,
            ordered: false,
            since: Timestamp::MAX,
        };
        add(&*claim, [sent.clone(), bare.clone()]).await;
        let found = claim
            .fetch(vec![one("a", 3), one("a", 9)], END)
            .await
            .expect("available");
        assert_eq!(format!("{found:?}"), format!("{:?}", [sent, bare]));
    })
    .await;
}

#[tokio::test]
async fn one_that_is_added_twice_stays_as_it_was() {
    on_both(async |both| {
        let claim = both.claim(0).await;
        add(&*claim, [waiting("a", 1, "k")]).await;
        add(&*claim, [due("a", 1, "other", 9), waiting("a", 1, "k")]).await;
        let found = claim.fetch(vec![in_line("a", None, 10)], END).await.expect("available");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].due, &found[0].record.record.key[..]), (None, &b"k"[..]));
    })
    .await;
}

#[tokio::test]
async fn those_in_line_come_in_the_order_of_the_log_after_the_cursor_and_before_the_bound() {
    on_both(async |both| {
        let claim = both.claim(0).await;
        add(&*claim, [5, 3, 1, 9, 7].map(|offset| waiting("a", offset, "k"))).await;
        add(&*claim, [waiting("b", 4, "k"), due("a", 6, "k", 1)]).await;
        add(&*both.claim(1).await, [waiting("a", 2, "k")]).await;
        assert_eq!(offsets(&*claim, in_line("a", None, 10)).await, [1, 3, 5, 7, 9]);
        assert_eq!(offsets(&*claim, in_line("a", Some(3), 2)).await, [5, 7]);
        assert_eq!(offsets(&*claim, in_line("unknown", None, 2)).await, [0; 0]);
        assert_eq!(offsets(&*claim, in_line("a", None, 0)).await, [0; 0]);
        let wanted = [
            in_line("b", None, 5),
            in_line("a", Some(1), 5),
            one("a", 6),
            one("a", 7),
        ];
        let expected = [("b", 4), ("a", 3), ("a", 5), ("a", 6)].map(|(target, offset)| (target.to_owned(), offset));
        assert_eq!(places(&*claim, &wanted, Offset(7)).await, expected);
    })
    .await;
}

#[tokio::test]
async fn all_of_a_key_come_in_order_with_a_time_or_without() {
    on_both(async |both| {
        let claim = both.claim(0).await;
        let of_a = [
            waiting("a", 4, "k"),
            due("a", 2, "k", 60),
            waiting("a", 3, "l"),
            waiting("a", 6, "k"),
        ];
        add(&*claim, of_a).await;
        add(&*claim, [waiting("b", 1, "k")]).await;
        assert_eq!(offsets(&*claim, of_key("a", "k", None, 10)).await, [2, 4, 6]);
        assert_eq!(offsets(&*claim, of_key("a", "k", Some(2), 1)).await, [4]);
        assert_eq!(offsets(&*claim, of_key("a", "none", None, 1)).await, [0; 0]);
        let wanted = [
            of_key("a", "l", None, 5),
            of_key("b", "k", None, 5),
            of_key("a", "k", None, 5),
        ];
        let expected = [("a", 3), ("b", 1), ("a", 2)].map(|(target, offset)| (target.to_owned(), offset));
        assert_eq!(
            places(&*claim, &wanted, Offset(4)).await,
            expected,
            "what is at the bound is left out"
        );
    })
    .await;
}

#[tokio::test]
async fn an_attempt_that_failed_gives_a_delivery_a_time() {
    on_both(async |both| {
        let claim = both.claim(0).await;
        add(&*claim, [waiting("a", 1, "k"), waiting("a", 2, "k")]).await;
        write(&*claim, [tried("a", 1, 1, 30), tried("a", 1, 2, 60)]).await;
        let found = claim.fetch(vec![one("a", 1)], END).await.expect("available");
        assert_eq!((found[0].attempts, found[0].due), (2, Some(at(60))));
        assert_eq!(offsets(&*claim, in_line("a", None, 5)).await, [2]);
    })
    .await;
}

#[tokio::test]
async fn what_is_gone_stays_gone() {
    on_both(async |both| {
        let claim = both.claim(0).await;
        add(&*claim, [waiting("a", 1, "k"), waiting("a", 2, "k")]).await;
        write(&*claim, [remove("a", 1)]).await;
        let late = [
            tried("a", 1, 1, 5),
            remove("a", 1),
            tried("a", 7, 1, 5),
            remove("never", 7),
            tried("never", 1, 1, 1),
        ];
        write(&*claim, late).await;
        assert_eq!(offsets(&*claim, in_line("a", None, 5)).await, [2]);
        assert_eq!(claim.contents(Offset(0)).await.expect("available").due, []);
    })
    .await;
}

#[tokio::test]
async fn changes_of_one_row_are_made_in_their_order() {
    on_both(async |both| {
        let claim = both.claim(0).await;
        let added = |waiting| Change::Add(waiting);
        write(
            &*claim,
            [added(waiting("a", 1, "k")), tried("a", 1, 3, 5), remove("a", 1)],
        )
        .await;
        assert_eq!(offsets(&*claim, one("a", 1)).await, [0; 0]);
        write(
            &*claim,
            [
                added(waiting("a", 1, "k")),
                remove("a", 1),
                added(due("a", 1, "l", 2)),
                tried("a", 1, 9, 9),
            ],
        )
        .await;
        let found = claim.fetch(vec![one("a", 1)], END).await.expect("available");
        assert_eq!((&found[0].record.record.key[..], found[0].attempts), (&b"l"[..], 9));
        write(&*claim, []).await;
    })
    .await;
}

#[tokio::test]
async fn after_a_restart_it_is_known_what_waits() {
    on_both(async |both| {
        let before = both.claim(0).await;
        add(
            &*before,
            [waiting("b", 4, "k"), waiting("a", 2, "k"), waiting("a", 9, "k")],
        )
        .await;
        add(&*before, [due("c", 3, "key", 60), due("a", 12, "l", 30)]).await;
        add(&*both.claim(1).await, [waiting("elsewhere", 2, "k")]).await;
        let claim = both.claim(0).await;
        let contents = claim.contents(Offset(9)).await.expect("available");
        assert_eq!(contents.in_line, ["a", "b"]);
        let expected = |target: &str, offset, key: &'static str, second| Due {
            target: target.to_owned(),
            offset: Offset(offset),
            key: Bytes::from_static(key.as_bytes()),
            at: at(second),
        };
        assert_eq!(contents.due, [expected("a", 12, "l", 30), expected("c", 3, "key", 60)]);
        assert_eq!(
            contents.read_again,
            [("a".to_owned(), Offset(9)), ("a".to_owned(), Offset(12))]
        );
        assert_eq!(
            before.standing(),
            Standing::Lost,
            "the newer claim of the same process has it"
        );
        assert_eq!(claim.standing(), Standing::Held);
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_was_given_up_or_taken_again_writes_nothing() {
    on_both(async |both| {
        let first = both.claim(0).await;
        let second = both.claim(0).await;
        second.release().await;
        assert_eq!((first.standing(), second.standing()), (Standing::Lost, Standing::Lost));
        for claim in [first, second] {
            let change: Arc<[Change]> = [Change::Add(waiting("a", 1, "k"))].into();
            assert_eq!(claim.write(change).await, Err(BacklogError::NotOwner));
        }
        let third = both.claim(0).await;
        assert_eq!(third.contents(Offset(0)).await.expect("available").in_line, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_rows_are_read_by_their_cursor_in_order() {
    on_both(async |both| {
        let claim = both.claim(0).await;
        add(
            &*claim,
            (0..10_000).map(|offset| waiting("a", offset, &format!("k{}", offset % 7))),
        )
        .await;
        add(
            &*claim,
            (0..50).map(|target| waiting(&format!("few-{target:02}"), target, "k")),
        )
        .await;
        let mut seen = vec![];
        loop {
            let found = offsets(&*claim, in_line("a", seen.last().copied(), 700)).await;
            if found.is_empty() {
                break;
            }
            assert!(found.len() <= 500, "{}", found.len());
            write(&*claim, found.iter().map(|offset| remove("a", *offset))).await;
            seen.extend(found);
        }
        assert!(seen.iter().copied().eq(0..10_000));
        assert_eq!(claim.contents(Offset(0)).await.expect("available").in_line.len(), 50);
        // Many at once share, and none is left out.
        let wanted: Vec<_> = (0..50)
            .map(|target| in_line(&format!("few-{target:02}"), None, 500))
            .collect();
        assert_eq!(places(&*claim, &wanted, END).await.len(), 50);
    })
    .await;
}

#[tokio::test]
async fn an_answer_does_not_hold_more_than_fits() {
    on_both(async |both| {
        let claim = both.claim(0).await;
        let large = |target: &str, offset| {
            let mut waiting = waiting(target, offset, "k");
            let record = Record {
                value: Bytes::from(vec![b'x'; 3 * 1024 * 1024]),
                ..waiting.record.record.clone()
            };
            waiting.record = Arc::new(StoredRecord {
                offset: Offset(offset),
                record,
            });
            waiting
        };
        add(&*claim, (0..10).map(|offset| large("a", offset))).await;
        let mut found = offsets(&*claim, in_line("a", None, 100)).await;
        assert_eq!(found, (0..6).collect::<Vec<_>>());
        found.extend(offsets(&*claim, in_line("a", Some(5), 100)).await);
        assert_eq!(found, (0..10).collect::<Vec<_>>());
    })
    .await;
}
