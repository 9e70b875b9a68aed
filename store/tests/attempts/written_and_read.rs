//! What is recorded is read back, from both databases.

use std::time::{Duration, Instant};

use schemas::attempt::Attempt;
use schemas::name::SinkName;
use store::attempts::{Config, Row};

use crate::stage::{Database, ago, delivered, failed, sink};

/// The attempt as the log should have it.
fn row(attempt: &Attempt) -> Row {
    Row {
        at: attempt.at,
        sink: attempt.sink.to_string(),
        target: attempt.target.clone(),
        tenant: attempt.tenant.to_string(),
        event: attempt.event,
        event_type: attempt.event_type.to_string(),
        log_topic: attempt.position.partition.topic.to_string(),
        log_partition: attempt.position.partition.index,
        log_offset: attempt.position.offset.0,
        number: attempt.number,
        class: attempt.class.to_owned(),
        status: attempt.status,
        connect: attempt.connect,
        first_byte: attempt.first_byte,
        total: attempt.total,
        reason: attempt.reason.clone(),
        answer: attempt.answer.clone(),
        request_headers: attempt.request_headers.clone(),
    }
}

#[tokio::test]
async fn what_was_recorded_is_read_back_as_it_was() {
    for database in [Database::postgres().await, Database::sqlite().await] {
        let mut log = database.open(&Config::default());
        let running = log.start();
        let first = Attempt {
            at: ago(20),
            ..failed("crm", 1)
        };
        let second = Attempt {
            at: ago(10),
            event: first.event,
            number: 2,
            ..delivered("crm", 1)
        };
        let elsewhere = Attempt {
            event: first.event,
            ..delivered("erp", 1)
        };
        for attempt in [&first, &second, &elsewhere, &delivered("crm", 2)] {
            log.attempts.record(attempt.clone());
        }
        log.until_written(4).await;
        let found = log.reader.of_event(first.event).await.expect("read");
        assert_eq!(found, [row(&first), row(&second), row(&elsewhere)], "{database:?}");
        assert_eq!(log.metric("waiting"), 0);
        running.end().await;
    }
}

#[tokio::test]
async fn the_newest_of_a_target_are_of_this_target_of_this_sink_and_may_be_failures_only() {
    for database in [Database::postgres().await, Database::sqlite().await] {
        let mut log = database.open(&Config::default());
        let running = log.start();
        for number in 0..30 {
            let attempt = if number % 10 == 3 {
                failed("crm", number)
            } else {
                delivered("crm", number)
            };
            let at = ago(1_000 - number);
            log.attempts.record(Attempt { at, ..attempt });
            log.attempts.record(failed("erp", number));
            log.attempts.record(Attempt {
                sink: SinkName::new("other").expect("valid"),
                ..failed("crm", number)
            });
        }
        log.until_written(90).await;
        for (limit, only_failures, expected) in [
            (4, false, vec![29, 28, 27, 26]),
            (10, true, vec![23, 13, 3]),
            (2, true, vec![23, 13]),
        ] {
            let sink = sink();
            let newest = log.reader.newest_of_target(&sink, "crm", limit, only_failures);
            let newest = newest.await.expect("read");
            let offsets: Vec<i64> = newest.iter().map(|row| row.log_offset).collect();
            assert_eq!(offsets, expected, "{database:?}");
        }
        running.end().await;
    }
}

#[tokio::test]
async fn it_is_known_which_of_some_events_were_delivered_to_a_target() {
    for database in [Database::postgres().await, Database::sqlite().await] {
        let mut log = database.open(&Config::default());
        let running = log.start();
        let retried = failed("crm", 1);
        let events = [
            Attempt {
                event: retried.event,
                number: 2,
                ..delivered("crm", 1)
            },
            delivered("crm", 2),
            failed("crm", 3),
            delivered("erp", 4),
            Attempt {
                sink: SinkName::new("other").expect("valid"),
                ..delivered("crm", 5)
            },
        ];
        log.attempts.record(retried);
        for attempt in &events {
            log.attempts.record(attempt.clone());
        }
        log.until_written(6).await;
        let ids: Vec<_> = events.iter().map(|attempt| attempt.event).collect();
        let found = log.reader.delivered(&sink(), "crm", &ids).await.expect("read");
        assert_eq!(found, ids[..2].iter().copied().collect(), "{database:?}");
        let found = log.reader.delivered(&sink(), "crm", &ids[1..]).await.expect("read");
        assert_eq!(found, ids[1..2].iter().copied().collect(), "{database:?}");
        let found = log.reader.delivered(&sink(), "crm", &[]).await.expect("read");
        assert!(found.is_empty());
        running.end().await;
    }
}

#[tokio::test]
async fn an_answer_is_cut_between_two_characters_and_may_hold_what_postgresql_cannot() {
    let config = Config {
        answer_max_bytes: 15,
        ..Config::default()
    };
    for database in [Database::postgres().await, Database::sqlite().await] {
        let mut log = database.open(&config);
        let running = log.start();
        let attempt = Attempt {
            answer: Some("a\0".to_owned() + &"é".repeat(100)),
            ..failed("crm", 1)
        };
        log.attempts.record(attempt.clone());
        log.until_written(1).await;
        let found = log.reader.of_event(attempt.event).await.expect("read");
        assert_eq!(found[0].answer.as_deref(), Some("a\u{fffd}ééééé"), "{database:?}");
        running.end().await;
    }
}

#[tokio::test]
async fn many_are_written_in_few_transactions() {
    let database = Database::postgres().await;
    let mut log = database.open(&Config::default());
    for number in 0..5_000 {
        log.attempts.record(delivered("crm", number));
    }
    assert_eq!(log.metric("waiting"), 5_000);
    let running = log.start();
    log.until_written(5_000).await;
    let transactions = database.number("SELECT count(DISTINCT xmin::text) FROM attempt").await;
    assert_eq!(transactions, 3);
    running.end().await;
}

#[tokio::test]
async fn one_alone_does_not_wait_for_others_for_long() {
    for database in [Database::postgres().await, Database::sqlite().await] {
        let mut log = database.open(&Config::default());
        let running = log.start();
        for number in 1..=3 {
            log.attempts.record(delivered("crm", number));
            log.until_written(number).await;
        }
        running.end().await;
    }
}

#[tokio::test]
async fn what_waits_when_the_process_ends_is_written_and_what_comes_later_is_counted() {
    for database in [Database::postgres().await, Database::sqlite().await] {
        let mut log = database.open(&Config::default());
        let running = log.start();
        for number in 0..4_321 {
            log.attempts.record(delivered("crm", number));
        }
        let before = Instant::now();
        running.end().await;
        assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
        assert_eq!(log.written(), 4_321, "{database:?}");
        assert_eq!(database.number("SELECT count(*) FROM attempt").await, 4_321);
        log.attempts.record(delivered("crm", 4_321));
        assert_eq!((log.dropped("database"), log.metric("waiting")), (1, 0));
    }
}
