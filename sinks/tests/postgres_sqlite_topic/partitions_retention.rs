//! Events that are older than they are kept go, and do not come back, whenever it was broken off and whoever reads them.

use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use schemas::sink::Sink;
use sinks::postgres::{Config, PostgresSink, Waits, migrate, migrate_within};
use sinks::sqlite;
use sinks::table::Metrics;
use sqlx::Connection as _;

use crate::conformance::all_delivered;
use crate::database::{Database, sink_name, with_database};
use crate::events::{Sample, batch, batch_of};
use crate::partitions::{DAY_MS, at, begun, monday, name, now, partitions};
use crate::sqlite::{File, open};

const DROPPING: &str = "SELECT dropping FROM event_horizon";

/// 30 days.
fn kept(database: &Database) -> Config {
    Config {
        retention_days: Some(30),
        ..database.config()
    }
}

/// Events of ten weeks, two a week, the oldest first; some dated by their receipt.
fn history() -> Vec<Sample> {
    let week = |week: i64| {
        let mut second = at(format!("received {week}"), monday(week) + 3 * DAY_MS);
        second.received = true;
        [at(format!("event {week}"), monday(week) + DAY_MS), second]
    };
    (-10..0).flat_map(week).collect()
}

/// Partitions of ten weeks with these events, and a variant of each that is not dated by its receipt.
async fn filled(database: &Database) -> PostgresSink {
    begun(database, 8).await;
    let sink = database.sink();
    deliver(&sink, &history()).await;
    let mut variants: Vec<Sample> = history().into_iter().filter(|sample| !sample.received).collect();
    for variant in &mut variants {
        variant.raw = r#"{"other":1}"#.into();
    }
    let outcomes = sink.deliver(&batch(100, &variants)).await.expect("available");
    assert!(all_delivered(&outcomes));
    assert_eq!(database.rows().await, 20);
    sink
}

async fn deliver(sink: &dyn Sink, events: &[Sample]) {
    let outcomes = sink.deliver(&batch(0, events)).await.expect("available");
    assert!(all_delivered(&outcomes), "{outcomes:?}");
}

/// The first day whose week is kept: the end of the last week that is wholly older than 30 days.
fn horizon() -> i64 {
    let limit = now() - 30 * DAY_MS;
    (-10..0)
        .map(monday)
        .filter(|monday| *monday <= limit)
        .max()
        .expect("some")
}

fn remaining() -> i64 {
    let kept = history().into_iter().filter(|sample| sample.time_ms >= horizon());
    i64::try_from(kept.count()).expect("few")
}

async fn gone(database: &Database) {
    let dropping: Vec<String> = database.value(DROPPING).await;
    assert_eq!(dropping, Vec::<String>::new());
    assert_eq!(database.rows().await, remaining());
    assert_eq!(partitions(database).await[0], name(horizon()));
    let left: i64 = database
        .value("SELECT count(*) FROM pg_class WHERE relname = 'event_before'")
        .await;
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_is_too_old_goes_with_all_that_belongs_to_it_and_a_replay_stores_nothing() {
    with_database(|database| async move {
        let earlier = filled(&database).await;
        // Without the setting nothing goes.
        migrate(&database.config()).await.expect("nothing is missing");
        assert_eq!(database.rows().await, 20);

        migrate(&kept(&database)).await.expect("nothing is missing");
        gone(&database).await;
        let variants: i64 = database.value("SELECT count(*) FROM event_variant").await;
        assert_eq!(variants, remaining() / 2);
        let receipts: i64 = database.value("SELECT count(*) FROM event_receipt").await;
        assert_eq!(receipts, remaining() / 2);

        // By one that wrote before, one that knows nothing, and one that counts.
        deliver(&earlier, &history()).await;
        deliver(&database.sink(), &history()).await;
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let sink = PostgresSink::connect(&database.config(), sink_name(), metrics).expect("valid");
        let again = [history(), history()[..4].to_vec()].concat();
        deliver(&sink, &again).await;
        gone(&database).await;
        let mut text = String::new();
        encode(&mut text, &registry).expect("encodes");
        for (outcome, count) in [
            ("inserted", 0),
            ("expired", 24 - remaining()),
            ("repeated", remaining()),
            ("refused", 0),
        ] {
            let line = format!("forebay_sinks_table_rows_total{{sink=\"postgres\",outcome=\"{outcome}\"}} {count}\n");
            assert!(text.contains(&line), "lacks {line}: {text}");
        }
        assert_eq!(
            database.value::<i64>("SELECT count(*) FROM event_receipt").await,
            remaining() / 2
        );
        // Nor is it stored when it is kept for ever from now on.
        deliver(&database.sink(), &[at("older still", 0), at("today", now())]).await;
        assert_eq!(database.rows().await, remaining() + 1);
    })
    .await;
}

#[tokio::test]
async fn the_sink_itself_does_it_where_it_is_the_owner() {
    with_database(|database| async move {
        drop(filled(&database).await);
        let sink = PostgresSink::connect(&kept(&database), sink_name(), Metrics::default()).expect("valid");
        deliver(&sink, &history()).await;
        for _ in 0..100 {
            let dropping: Vec<String> = database.value(DROPPING).await;
            if dropping.is_empty() && database.rows().await == remaining() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        gone(&database).await;
    })
    .await;
}

#[tokio::test]
async fn a_reader_in_a_transaction_puts_it_off_and_writers_go_on() {
    with_database(|database| async move {
        drop(filled(&database).await);
        let mut reader = database.connection().await;
        sqlx::raw_sql("BEGIN; SELECT count(*) FROM event")
            .execute(&mut reader)
            .await
            .expect("an open transaction");
        let waits = Waits {
            lock: Duration::from_millis(700),
            all: Duration::from_secs(20),
        };
        let config = kept(&database);
        let writing = async {
            let sink = database.sink();
            for n in 0..20 {
                let started = Instant::now();
                deliver(&sink, &[at(format!("w{n}"), now()), at(format!("old {n}"), monday(-9))]).await;
                assert!(
                    started.elapsed() < Duration::from_millis(600),
                    "a writer waited for {:?}",
                    started.elapsed()
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let (migrated, ()) = tokio::join!(migrate_within(&config, waits), writing);
        migrated.expect("old partitions are no reason to fail");
        let pending: i64 = database
            .value("SELECT count(*) FROM pg_inherits WHERE inhdetachpending")
            .await;
        assert_eq!(pending, 1, "it was begun");
        let left: Vec<String> = database.value(DROPPING).await;
        assert!(!left.is_empty());
        // What is being detached takes no rows, for whoever comes.
        let before = database.rows().await;
        deliver(&database.sink(), &[at("late", monday(-9)), at("new", now())]).await;
        assert_eq!(database.rows().await, before + 1);

        reader.close().await.expect("closed");
        migrate_within(&config, waits).await.expect("goes on");
        let left: Vec<String> = database.value(DROPPING).await;
        assert_eq!(left, Vec::<String>::new());
        let old: i64 = database
            .value("SELECT count(*) FROM event WHERE id < (SELECT id FROM event_horizon)")
            .await;
        assert_eq!(old, 0);
    })
    .await;
}

#[tokio::test]
async fn wherever_it_broke_off_the_next_run_goes_on() {
    let first = "UPDATE event_horizon SET id = event_id_from(@::timestamptz), dropping = ARRAY['event_before', '#']";
    let detached = "ALTER TABLE event DETACH PARTITION event_before; ALTER TABLE event DETACH PARTITION #";
    let dropped = "DROP TABLE event_before";
    for steps in 1..=3 {
        with_database(|database| async move {
            let earlier = filled(&database).await;
            let second = name(monday(-8));
            let until = format!(
                "'{}'",
                schemas::time::Timestamp::from_millis(monday(-7)).expect("in range")
            );
            for statements in [first, detached, dropped].into_iter().take(steps) {
                database
                    .run(statements.replace('#', &second).replace('@', &until))
                    .await;
            }
            // Between the two, what was dropped or will be is not stored again.
            let before = database.rows().await;
            deliver(&earlier, &history()).await;
            deliver(&database.sink(), &history()).await;
            assert_eq!(database.rows().await, before);
            // One that the user has detached is not ours to drop.
            database
                .run(format!("CREATE TABLE {} (LIKE event)", name(monday(-20))))
                .await;
            migrate(&kept(&database)).await.expect("goes on");
            gone(&database).await;
            deliver(&earlier, &history()).await;
            gone(&database).await;
            let theirs: i64 = database
                .value(format!("SELECT count(*) FROM {}", name(monday(-20))))
                .await;
            assert_eq!(theirs, 0, "it is still there");
        })
        .await;
    }
}

#[tokio::test]
async fn writers_of_a_replay_and_two_who_drop_end_with_every_event_once_or_never() {
    with_database(|database| async move {
        drop(filled(&database).await);
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..3_i32 {
            let sink = database.sink();
            tasks.spawn(async move {
                for round in 0..10 {
                    let mut events = history();
                    events.push(at(format!("{writer} {round}"), now()));
                    events.push(at(format!("old {writer} {round}"), monday(-9) + i64::from(writer)));
                    let outcomes = sink
                        .deliver(&batch_of(writer, round * 100, &events))
                        .await
                        .expect("available");
                    assert!(all_delivered(&outcomes), "{outcomes:?}");
                }
            });
        }
        let config = kept(&database);
        let (one, two) = tokio::join!(Box::pin(migrate(&config)), Box::pin(migrate(&config)));
        one.and(two).expect("nothing is missing");
        while let Some(task) = tasks.join_next().await {
            task.expect("nobody failed");
        }
        migrate(&kept(&database)).await.expect("nothing is missing");
        assert_eq!(database.rows().await, remaining() + 30);
        let twice: i64 = database
            .value("SELECT count(*) FROM (SELECT id FROM event GROUP BY id HAVING count(*) > 1) AS t")
            .await;
        assert_eq!(twice, 0);
    })
    .await;
}

#[tokio::test]
async fn sqlite_deletes_in_steps_and_stores_nothing_again() {
    let file = File::new();
    let config = sqlite::Config {
        retention_days: Some(30),
        ..file.config()
    };
    let mut old: Vec<Sample> = (0..2500)
        .map(|n| at(format!("old {n}"), now() - 60 * DAY_MS + n))
        .collect();
    old[0].received = true;
    let recent = [at("a", now() - 29 * DAY_MS), at("today", now())];
    let forever = file.sink().await;
    for (first, part) in (0..).zip(old.chunks(1000)) {
        assert!(all_delivered(
            &forever.deliver(&batch(first * 1000, part)).await.expect("available")
        ));
    }
    let mut variant = old[1].clone();
    variant.raw = r#"{"other":1}"#.into();
    deliver(&forever, &[variant]).await;
    deliver(&forever, &recent).await;
    let counts = "SELECT count(*) FROM event UNION ALL SELECT count(*) FROM event_variant UNION ALL SELECT count(*) FROM event_receipt";
    assert_eq!(file.values::<i64>(counts).await, [2502, 1, 1]);
    forever.close().await;

    let sink = open(&config).await.expect("opens");
    let mut left = Vec::new();
    for n in 0..4 {
        deliver(&sink, &[recent[0].clone(), old[2499].clone()]).await;
        left.push(file.values::<i64>("SELECT count(*) FROM event").await[0]);
        // Below the horizon nothing is stored, deleted or not.
        deliver(&sink, &[at(format!("late {n}"), now() - 40 * DAY_MS)]).await;
    }
    assert_eq!(left[..2], [1502, 2], "a thousand at a time: {left:?}");
    deliver(&sink, &old[..1000]).await;
    assert_eq!(file.values::<i64>(counts).await, [2, 0, 0]);
    sink.close().await;
    // Nor when events are kept for ever from now on.
    let forever = file.sink().await;
    deliver(&forever, &old[..10]).await;
    assert_eq!(file.values::<i64>(counts).await, [2, 0, 0]);

    let refused = sqlite::Config {
        retention_days: Some(0),
        ..file.config()
    };
    assert!(refused.check().expect_err("0 days")[0].reason.starts_with("is 0"));
}

#[tokio::test]
async fn a_view_of_one_old_partition_keeps_that_one_only() {
    with_database(|database| async move {
        drop(filled(&database).await);
        database.run("CREATE VIEW theirs AS SELECT id FROM event_before").await;
        migrate(&kept(&database)).await.expect("no reason to fail");
        let left: Vec<String> = database.value(DROPPING).await;
        assert_eq!(left, ["event_before"]);
        assert_eq!(partitions(&database).await[0], name(horizon()));
        database.run("DROP VIEW theirs").await;
        migrate(&kept(&database)).await.expect("nothing is missing");
        gone(&database).await;
    })
    .await;
}
