//! A judge that finds nothing proves nothing: one fault of each kind is planted, and each must be found.

use harness::load::judge::{Evidence, Finding, Row, judge};
use harness::load::ledger::{Book, EventState};
use harness::load::recorder::Arrival;

const KEYS: usize = 5;
const EVENTS: usize = 60;
const REFUSED: usize = 31;
const UNKNOWN_AND_STORED: usize = 42;
const UNKNOWN_AND_NOWHERE: usize = 43;

fn row(book: &Book, number: usize) -> Row {
    Row {
        mark: book.mark(number),
        partition: i32::try_from(book.key(number) % 3).expect("small"),
        offset: i64::try_from(number).expect("small"),
        // Transactions of ten rows.
        stored_ms: 5000 + i64::try_from(number / 10).expect("small"),
    }
}

fn arrival(book: &Book, number: usize) -> Arrival {
    Arrival {
        mark: book.mark(number),
        id: format!("id-{number}"),
        at_ms: 6000 + i64::try_from(number).expect("small"),
        verified: true,
    }
}

/// A run without faults, but with repeats at receivers, and with events whose outcome the sender never got, one of them
/// stored.
fn clean() -> Evidence {
    let mut book = Book::new(KEYS);
    for number in 0..EVENTS {
        book.plan(i64::try_from(number).expect("small"));
        book.entries[number].state = match number {
            REFUSED => EventState::Refused,
            UNKNOWN_AND_STORED | UNKNOWN_AND_NOWHERE => EventState::Unknown,
            _ => EventState::Accepted { at_ms: 1000 },
        };
    }
    let stored: Vec<usize> = (0..EVENTS)
        .filter(|n| ![REFUSED, UNKNOWN_AND_NOWHERE].contains(n))
        .collect();
    let mut arrivals: Vec<Arrival> = stored.iter().map(|n| arrival(&book, *n)).collect();
    arrivals.extend((20..30).map(|n| arrival(&book, n)));
    Evidence {
        rows: stored.iter().map(|n| row(&book, *n)).collect(),
        receivers: vec![arrivals.clone(), arrivals],
        dead_letters: 2,
        expected_dead_letters: 2,
        book,
    }
}

#[test]
fn a_run_without_faults_has_no_finding() {
    let verdict = judge(&clean());
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
    assert_eq!((verdict.accepted, verdict.rows), (EVENTS - 3, EVENTS - 2));
    assert_eq!(verdict.repeats, 20, "ten at each of two receivers");
}

type Plant = fn(&mut Evidence);

/// Each fault is found, and no other with it.
fn are_found(plants: &[(Finding, Plant)]) {
    for (number, (finding, plant)) in plants.iter().enumerate() {
        let mut evidence = clean();
        plant(&mut evidence);
        let found = judge(&evidence).findings;
        assert!(
            found.contains_key(finding),
            "plant {number}: {finding:?} was not found, but {found:?}"
        );
        // An arrival that lost its mark is missing as well; a row in the place of another changes the key's partition.
        let with_it = [Finding::NotDelivered, Finding::SplitKey];
        let others: Vec<_> = found.keys().filter(|f| *f != finding && !with_it.contains(f)).collect();
        assert!(
            others.is_empty(),
            "plant {number}: {finding:?} was found, and {others:?} too"
        );
    }
}

#[test]
fn each_event_that_is_lost_doubled_or_foreign_is_found_and_nothing_with_it() {
    are_found(&[
        (Finding::Unfinished, |e| {
            e.book.entries[UNKNOWN_AND_NOWHERE].state = EventState::Open;
        }),
        (Finding::Lost, |e| drop(e.rows.remove(17))),
        (Finding::Lost, |e| drop(e.rows.pop())),
        (Finding::Doubled, |e| {
            let again = Row {
                offset: 900,
                ..row(&e.book, EVENTS - 1)
            };
            e.rows.push(again);
        }),
        (Finding::Foreign, |e| {
            let strange = Row {
                mark: "another-run/3".into(),
                offset: 901,
                ..row(&e.book, 3)
            };
            e.rows.push(strange);
        }),
        (Finding::Foreign, |e| {
            let strange = Row {
                mark: e.book.mark(EVENTS),
                offset: 902,
                ..row(&e.book, 3)
            };
            e.rows.push(strange);
        }),
        (Finding::Foreign, |e| {
            let strange = Row {
                mark: String::new(),
                offset: 903,
                ..row(&e.book, 3)
            };
            e.rows.push(strange);
        }),
        (Finding::RefusedButThere, |e| e.rows.push(row(&e.book, REFUSED))),
        (Finding::RefusedButThere, |e| {
            e.receivers[1].push(arrival(&e.book, REFUSED));
        }),
    ]);
}

#[test]
fn each_order_and_partition_that_is_wrong_is_found_and_nothing_with_it() {
    are_found(&[
        // Events 10 and 15 are of one key.
        (Finding::LogOrder, |e| {
            e.rows[10].offset = 15;
            e.rows[15].offset = 10;
        }),
        (Finding::StoredOrder, |e| e.rows[10].stored_ms += 5),
        (Finding::SplitKey, |e| e.rows[12].partition += 40),
        (Finding::SharedPosition, |e| {
            let mut other = row(&e.book, UNKNOWN_AND_NOWHERE);
            other.offset = e.rows[e.rows.len() - 2].offset;
            other.partition = e.rows[e.rows.len() - 2].partition;
            other.stored_ms = e.rows[e.rows.len() - 2].stored_ms;
            e.rows.push(other);
        }),
    ]);
}

#[test]
fn each_fault_of_deliveries_is_found_and_nothing_with_it() {
    are_found(&[
        (Finding::NotDelivered, |e| {
            e.receivers[1].retain(|a| a.mark != e.book.mark(8));
        }),
        (Finding::DeliveredForeign, |e| e.receivers[0][3].mark = String::new()),
        (Finding::ArrivalOrder, |e| e.receivers[1].swap(10, 15)),
        (Finding::TwoIds, |e| {
            let last = e.receivers[0].len() - 1;
            e.receivers[0][last].id = "id-other".into();
        }),
        (Finding::Unsigned, |e| e.receivers[0][2].verified = false),
        (Finding::DeadLetters, |e| e.dead_letters = 3),
        (Finding::DeadLetters, |e| e.dead_letters = 0),
    ]);
}
