//! `event_hour` counts what is in the table `event`, row for row, whatever came before: repeats, refusals, writers that think they
//! hold the same partition.

use std::sync::Arc;

use schemas::sink::Sink as _;
use sinks::state::FillsState as _;
use tokio::sync::Barrier;

use crate::database::{Database, with_database};
use crate::events::{Sample, batch_of, sample, samples};
use crate::sqlite::File;
use crate::views::Dice;

const HOUR_MS: i64 = 3_600_000;

/// What is counted, in PostgreSQL.
const COUNTED: &str = "\
SELECT concat_ws(' ', extract(epoch FROM hour)::bigint, tenant, source, platform, type, log_partition, count) FROM event_hour ORDER BY 1";

/// What is there, in PostgreSQL.
const THERE: &str = "\
SELECT concat_ws(' ', hour, tenant, source, platform, type, log_partition, count(*))
FROM (SELECT ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 3600000 * 3600 AS hour, * FROM event) e
GROUP BY hour, tenant, source, platform, type, log_partition ORDER BY 1";

async fn texts(database: &Database, query: &'static str) -> Vec<String> {
    let mut connection = database.connection().await;
    let found = sqlx::query_scalar(query).fetch_all(&mut connection).await;
    found.expect("a valid query")
}

async fn assert_all_is_counted(database: &Database) {
    let there = texts(database, THERE).await;
    assert!(!there.is_empty());
    assert_eq!(texts(database, COUNTED).await, there);
}

/// Events of three hours and two types, some of them refused, some without a time of their own; every third comes twice or more.
fn of_any_shape(dice: &mut Dice) -> Vec<Sample> {
    let mut events = Vec::new();
    for number in 0..120_i64 {
        let mut event = sample(format!("{number}"));
        event.time_ms += (number % 3) * HOUR_MS;
        if number % 5 == 0 {
            event.event_type = "ticket.updated".into();
        }
        if number % 17 == 0 {
            event.subject = "poison".into();
        }
        if number % 11 == 0 {
            // Within the window: one event, whose id is that of the receipt that is stored.
            events.push(event.clone().received_after(0));
            event = event.received_after(60);
        }
        if number % 3 == 0 {
            events.push(event.clone());
        }
        events.push(event);
    }
    for n in (1..events.len()).rev() {
        events.swap(n, dice.below(n + 1));
    }
    events
}

#[tokio::test]
async fn each_row_counts_once_whatever_is_repeated_or_refused() {
    with_database(|database| async move {
        database
            .run("ALTER TABLE event ADD CONSTRAINT no_poison CHECK (subject <> 'poison')")
            .await;
        let file = File::new();
        let of_file = file.sink().await;
        file.run(
            "CREATE TRIGGER refuse BEFORE INSERT ON event WHEN NEW.subject = 'poison'
             BEGIN SELECT RAISE(ABORT, 'not wanted here'); END",
        )
        .await;
        let sink = database.sink();
        let mut dice = Dice(3);
        let events = of_any_shape(&mut dice);
        // The whole of it twice, in pieces that are cut differently; the second partition has some of the first one's events.
        for size in [50, 7] {
            for (first, part) in (0..).zip(events.chunks(size)) {
                let batch = batch_of(i32::from(first % 5 == 4), first * 50, part);
                sink.deliver(&batch).await.expect("available");
                of_file.deliver(&batch).await.expect("available");
            }
        }
        assert_all_is_counted(&database).await;
        let poisoned: i64 = database
            .value("SELECT count(*) FROM event WHERE subject = 'poison'")
            .await;
        assert_eq!(poisoned, 0);
        let volume =
            "SELECT type || ' ' || count FROM event_volume WHERE hour < '2026-03-10T14:30:00Z' ORDER BY hour, type";
        let of_postgres = texts(&database, volume).await;
        assert_eq!(of_postgres.len(), 4);
        assert_eq!(file.values::<String>(volume).await, of_postgres);
        let counted = "SELECT sum(count) = (SELECT count(*) FROM event) FROM event_hour";
        assert_eq!(file.values::<bool>(counted).await, [true]);
    })
    .await;
}

#[tokio::test]
async fn writers_of_one_partition_at_the_same_time_count_each_row_once() {
    with_database(|database| async move {
        let together = Arc::new(Barrier::new(6));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..6 {
            let (sink, together) = (database.sink(), Arc::clone(&together));
            writers.spawn(async move {
                for round in 0..4 {
                    let mut events = samples(&format!("hot {round}"), 80);
                    for (number, event) in (0..).zip(&mut events) {
                        event.time_ms += (number % 2) * HOUR_MS;
                    }
                    // Each has a part that the others have as well, and a few of its own.
                    events.truncate(40 + writer * 8);
                    events.extend(samples(&format!("own {writer} {round}"), 5));
                    let batch = batch_of(0, 0, &events);
                    together.wait().await;
                    sink.deliver(&batch).await.expect("no deadlock and no time-out");
                }
            });
        }
        while let Some(writer) = writers.join_next().await {
            writer.expect("no writer failed");
        }
        assert_eq!(database.rows().await, 4 * (80 + 6 * 5));
        assert_all_is_counted(&database).await;
    })
    .await;
}

#[tokio::test]
async fn rows_of_an_older_version_are_counted_by_a_recount_while_sinks_go_on() {
    with_database(|database| async move {
        let sink = database.sink();
        let mut events = samples("before", 200);
        for (number, event) in (0..).zip(&mut events) {
            event.time_ms -= (number % 40) * HOUR_MS;
        }
        sink.deliver(&batch_of(0, 0, &events)).await.expect("available");
        // As if nobody had counted them.
        database.run("DELETE FROM event_hour").await;

        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..3 {
            let sink = database.sink();
            writers.spawn(async move {
                for round in 0..30_i64 {
                    let mut events = samples(&format!("during {writer} {round}"), 20);
                    for (number, event) in (0..).zip(&mut events) {
                        event.time_ms -= (number * 2) * HOUR_MS;
                    }
                    let outcome = sink.deliver(&batch_of(writer, round * 20, &events)).await;
                    outcome.expect("the recount holds its lock only briefly");
                }
            });
        }
        for _ in 0..3 {
            sink.recount_hours().await.expect("available");
        }
        while let Some(writer) = writers.join_next().await {
            writer.expect("no writer failed");
        }
        assert_all_is_counted(&database).await;

        // Rows that are gone stay counted.
        let before = texts(&database, COUNTED).await;
        database.run("DELETE FROM event").await;
        sink.recount_hours().await.expect("available");
        assert_eq!(texts(&database, COUNTED).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_file_of_an_older_version_is_counted_when_it_is_opened() {
    let file = File::new();
    let sink = file.sink().await;
    let mut events = samples("e", 9);
    for (number, event) in (0..).zip(&mut events) {
        event.time_ms += (number % 3) * HOUR_MS;
    }
    sink.deliver(&batch_of(0, 0, &events)).await.expect("available");
    let all = "SELECT hour || ' ' || platform || ' ' || type || ' ' || log_partition || ' ' || count FROM event_hour ORDER BY hour";
    let counted = file.values::<String>(all).await;
    assert_eq!(counted.len(), 3);
    assert_eq!(counted[0], "2026-03-10T13:00:00.000Z baileys message.created 0 3");
    sink.close().await;
    file.run("DROP VIEW event_volume; DROP TABLE event_hour; DELETE FROM _sqlx_migrations WHERE version >= 10")
        .await;
    let sink = file.sink().await;
    assert_eq!(file.values::<String>(all).await, counted);

    // Written by an older version since, and afterwards deleted.
    file.run("UPDATE event_hour SET count = 1; DELETE FROM event WHERE time > '2026-03-10T15'")
        .await;
    sink.recount_hours().await.expect("available");
    let counts = "SELECT count FROM event_hour ORDER BY hour";
    assert_eq!(file.values::<i64>(counts).await, [3, 3, 1]);
    sink.recount_hours().await.expect("available");
    assert_eq!(file.values::<i64>(counts).await, [3, 3, 1]);
}
