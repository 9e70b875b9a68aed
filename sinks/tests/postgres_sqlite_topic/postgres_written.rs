//! What is in the database after batches that go well, alone and at the same time.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemas::record::Offset;
use schemas::sink::{Sink as _, Target};
use sqlx::Row as _;
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::conformance::all_delivered;
use crate::database::with_database;
use crate::events::{TIME_MS, batch, batch_of, checkpoint, kept, sample, samples};

#[tokio::test]
async fn every_column_reads_back_and_raw_is_the_same_bytes() {
    with_database(|database| async move {
        let mut event = sample("one");
        event.raw =
            "\r\n\t { \"id\": 9007199254740993,\n\t\"n\": 1.0e0, \"id\": 2, \"s\": \"\\ud800\\u0000\" } \n".into();
        event.data = r#""message":{"n":9007199254740993,"text":"Olá \u003c"}"#.into();
        let outcomes = database
            .sink()
            .deliver(&batch(41, &[event.clone()]))
            .await
            .expect("available");
        assert!(all_delivered(&outcomes));

        let row = sqlx::query(
            "SELECT *, data::text AS data_text, stored_time > now() - interval '1 min' AS fresh FROM event",
        )
        .fetch_one(&mut database.connection().await)
        .await
        .expect("one row");
        assert_eq!(row.get::<Uuid, _>("id"), event.id().uuid());
        for column in ["time", "received_time"] {
            assert_eq!(row.get::<DateTime<Utc>, _>(column).timestamp_millis(), TIME_MS);
        }
        assert_eq!(row.get::<i64, _>("log_offset"), 41);
        assert_eq!(row.get::<i32, _>("log_partition"), 0);
        for (column, expected) in [
            ("log_topic", "forebay.events"),
            ("tenant", "acme"),
            ("source", "wa-1"),
            ("platform", "baileys"),
            ("type", "message.created"),
            ("subject", "conversation 128"),
            ("partition_key", "acme/wa-1/3/128"),
            ("rules_version", "0123456789ab"),
            ("data_text", r#"{"message": {"n": 9007199254740993, "text": "Olá <"}}"#),
        ] {
            assert_eq!(row.get::<String, _>(column), expected, "{column}");
        }
        assert_eq!(row.get::<Vec<u8>, _>("raw_sha256"), [0xab; 32]);
        assert_eq!(row.get::<Vec<u8>, _>("raw"), event.raw.as_bytes());
        assert!(row.get::<bool, _>("fresh"));
    })
    .await;
}

#[tokio::test]
async fn every_column_is_explained_in_the_database() {
    with_database(|database| async move {
        let silent: i64 = database
            .value(
                "SELECT count(*) FROM pg_attribute
                 WHERE attrelid = ANY(ARRAY['event', 'sink_position', 'event_variant', 'message', 'conversation', 'ticket_change',
                     'ticket', 'contact', 'chat_group', 'group_member', 'connection', 'group_member_current', 'message_current'
                     ]::regclass[]) AND attnum > 0
                 AND (col_description(attrelid, attnum) IS NULL OR obj_description(attrelid, 'pg_class') IS NULL)",
            )
            .await;
        assert_eq!(silent, 0);
    })
    .await;
}

#[tokio::test]
async fn the_same_batch_twice_is_stored_once() {
    with_database(|database| async move {
        let sink = database.sink();
        let batch = batch(0, &samples("e", 50));
        for _ in 0..2 {
            assert!(all_delivered(&sink.deliver(&batch).await.expect("available")));
            assert_eq!(database.rows().await, 50);
        }
        assert_eq!(kept(&sink, 0).await, Some(Offset(50)));
    })
    .await;
}

#[tokio::test]
async fn equal_ids_within_a_batch_are_stored_once_with_the_first_offset() {
    with_database(|database| async move {
        let outcomes = database
            .sink()
            .deliver(&batch(7, &[sample("b"), sample("a"), sample("b")]))
            .await
            .expect("available");
        assert_eq!(outcomes.len(), 3);
        assert!(all_delivered(&outcomes));
        let offsets: Vec<i64> = database
            .value("SELECT array_agg(log_offset ORDER BY log_offset) FROM event")
            .await;
        assert_eq!(offsets, [7, 8]);
    })
    .await;
}

#[tokio::test]
async fn the_progress_never_goes_back_and_partitions_are_apart() {
    with_database(|database| async move {
        let sink = database.sink();
        assert_eq!(kept(&sink, 0).await, None);
        sink.deliver(&batch(100, &samples("late", 3))).await.expect("available");
        sink.deliver(&batch(5, &samples("early", 3))).await.expect("available");
        checkpoint(&sink, 0, 4).await;
        assert_eq!(kept(&sink, 0).await, Some(Offset(103)));
        checkpoint(&sink, 0, 120).await;
        checkpoint(&sink, 1, 9).await;
        assert_eq!(kept(&sink, 0).await, Some(Offset(120)));
        assert_eq!(kept(&sink, 1).await, Some(Offset(9)));
        assert_eq!(kept(&sink, 2).await, None);
    })
    .await;
}

#[tokio::test]
async fn eight_writers_of_the_same_events_neither_deadlock_nor_double() {
    const ROUNDS: usize = 3;
    with_database(|database| async move {
        // Slow rows, so that the writers are in one another's way for certain.
        database
            .run(
                "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END $$;
                 CREATE TRIGGER slow BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION slow()",
            )
            .await;
        let together = Arc::new(Barrier::new(8));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..8_i32 {
            let (sink, together) = (database.sink(), Arc::clone(&together));
            writers.spawn(async move {
                for round in 0..ROUNDS {
                    // New events each time, since only rows that are not committed yet are waited for.
                    let mut events = samples(&format!("hot {round}"), 100);
                    if writer % 2 == 0 {
                        events.reverse();
                    }
                    let batch = batch_of(writer, 0, &events);
                    together.wait().await;
                    let outcomes = sink.deliver(&batch).await.expect("no deadlock and no time-out");
                    assert!(all_delivered(&outcomes));
                }
            });
        }
        while let Some(writer) = writers.join_next().await {
            writer.expect("no writer failed");
        }
        assert_eq!(usize::try_from(database.rows().await), Ok(ROUNDS * 100));
    })
    .await;
}

#[tokio::test]
async fn a_batch_larger_than_one_statement_may_carry_is_still_one_batch() {
    with_database(|database| async move {
        let events: Vec<_> = (0..20)
            .map(|n| {
                let mut event = sample(format!("large-{n}"));
                event.raw = format!("\"{}\"", "x".repeat(2_000_000));
                event
            })
            .collect();
        let sink = database.sink();
        assert!(all_delivered(
            &sink.deliver(&batch(0, &events)).await.expect("available")
        ));
        let bytes: i64 = database.value("SELECT sum(length(raw)) FROM event").await;
        assert_eq!(bytes, 20 * 2_000_002);
        assert_eq!(kept(&sink, 0).await, Some(Offset(20)));
    })
    .await;
}

#[tokio::test]
async fn a_rule_writes_the_plain_name() {
    with_database(|database| async move {
        let sink = database.sink();
        assert_eq!(sinks::table::check_argument(sink.name(), None), Ok(()));
        let error = sinks::table::check_argument(sink.name(), Some("x"))
            .expect_err("no argument")
            .to_string();
        assert!(error.contains("write `postgres` instead of `postgres:x`"), "{error}");
        assert_eq!(sink.targets(&sample("a").delivery(0).event, None), [Target::Only]);
    })
    .await;
}
