//! Partitions of `event` are made ahead and when a row has none, by whoever may, and by one at a time.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use schemas::sink::Sink as _;
use schemas::time::Timestamp;
use sinks::postgres::{Config, Period, PostgresSink, migrate};
use sinks::table::Metrics;

use crate::conformance::all_delivered;
use crate::database::{Database, sink_name, with_database};
use crate::events::{Sample, batch, batch_of, sample};

pub(crate) const DAY_MS: i64 = 86_400_000;

pub(crate) fn now() -> i64 {
    Timestamp::now().millis()
}

pub(crate) fn at(identity: impl Into<String>, time_ms: i64) -> Sample {
    Sample {
        time_ms,
        ..sample(identity)
    }
}

/// Midnight of the Monday so many weeks from this week's.
pub(crate) fn monday(weeks: i64) -> i64 {
    // 1970-01-05 was a Monday.
    let since = now() - 4 * DAY_MS;
    4 * DAY_MS + since - since.rem_euclid(7 * DAY_MS) + weeks * 7 * DAY_MS
}

/// As if the partitions had been introduced long ago: the first one ends on a Monday so many weeks ago, and no other is there.
pub(crate) async fn begun(database: &Database, weeks_ago: i64) {
    let end = Timestamp::from_millis(monday(-weeks_ago)).expect("in range");
    database
        .run(format!(
            "DO $$ BEGIN ALTER TABLE event DETACH PARTITION event_before;
             EXECUTE format('ALTER TABLE event ATTACH PARTITION event_before FOR VALUES FROM (MINVALUE) TO (%L)', event_id_from('{end}'));
             END $$"
        ))
        .await;
}

/// The names of the partitions, by their bounds.
pub(crate) async fn partitions(database: &Database) -> Vec<String> {
    database
        .value(
            "SELECT coalesce(array_agg(c.relname::text ORDER BY pg_get_expr(c.relpartbound, c.oid) !~ 'MINVALUE', pg_get_expr(c.relpartbound, c.oid)), '{}')
             FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'event'::regclass",
        )
        .await
}

pub(crate) fn name(ms: i64) -> String {
    let day = Timestamp::from_millis(ms).expect("in range").to_string();
    format!("event_{}", day[..10].replace('-', ""))
}

#[tokio::test]
async fn events_on_both_sides_of_every_border_are_stored_once() {
    with_database(|database| async move {
        begun(&database, 3).await;
        let mut events = vec![
            at("first", 0),
            at("ahead", now() + DAY_MS),
            at("far ahead", now() + 700 * DAY_MS),
        ];
        for week in -4..=1 {
            for ms in [-1, 0, 1] {
                events.push(at(format!("{week} {ms}"), monday(week) + ms));
            }
        }
        let expected = i64::try_from(events.len()).expect("few");
        // One batch, in two sinks at the same time, and once more by a third that knows nothing.
        let (one, two) = (database.sink(), database.sink());
        let (first, second) = (batch_of(0, 0, &events), batch_of(1, 0, &events));
        let (first, second) = tokio::join!(one.deliver(&first), two.deliver(&second));
        assert!(all_delivered(&first.expect("available")) && all_delivered(&second.expect("available")));
        assert!(all_delivered(
            &database.sink().deliver(&batch(0, &events)).await.expect("available")
        ));
        assert_eq!(database.rows().await, expected);
        let wrong: i64 = database
            .value("SELECT count(*) FROM (SELECT id FROM event GROUP BY id HAVING count(*) > 1) AS twice")
            .await;
        assert_eq!(wrong, 0);
    })
    .await;
}

#[tokio::test]
async fn partitions_are_made_ahead_and_a_new_period_goes_on_from_the_last() {
    with_database(|database| async move {
        begun(&database, 0).await;
        // Rights that new tables have by default are none to partitions.
        database.run("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC").await;
        let config = |partition, days| Config {
            partition,
            partitions_ahead_days: days,
            ..database.config()
        };
        migrate(&config(Period::Week, 7)).await.expect("nothing is missing");
        let mut expected = vec!["event_before".to_owned(), name(monday(0))];
        // On a Monday a week is enough.
        if now() + 7 * DAY_MS > monday(1) {
            expected.push(name(monday(1)));
        }
        assert_eq!(partitions(&database).await, expected);
        // Once more makes nothing.
        migrate(&config(Period::Week, 7)).await.expect("nothing is missing");
        assert_eq!(partitions(&database).await, expected);
        migrate(&config(Period::Day, 16)).await.expect("nothing is missing");
        let last = monday(if expected.len() == 3 { 2 } else { 1 });
        let days = (0..).map(|day| last + day * DAY_MS).take_while(|day| *day < now() + 16 * DAY_MS);
        expected.extend(days.map(name));
        assert_eq!(partitions(&database).await, expected);
        let readable: i64 = database
            .value(
                "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid CROSS JOIN aclexplode(c.relacl) AS a
                 WHERE i.inhparent = 'event'::regclass AND a.grantee <> c.relowner",
            )
            .await;
        assert_eq!(readable, 0);
        // Each has what the table has, indexes too.
        let without: i64 = database
            .value(
                "SELECT count(*) FROM pg_inherits i WHERE i.inhparent = 'event'::regclass AND (SELECT count(*) FROM pg_index x WHERE x.indrelid = i.inhrelid)
                 <> (SELECT count(*) FROM pg_index x WHERE x.indrelid = 'event'::regclass)",
            )
            .await;
        assert_eq!(without, 0);
    })
    .await;
}

#[tokio::test]
async fn many_makers_at_once_make_each_once_and_wait_for_no_reader() {
    with_database(|database| async move {
        begun(&database, 6).await;
        let mut reader = database.connection().await;
        sqlx::raw_sql("BEGIN; SELECT count(*) FROM event")
            .execute(&mut reader)
            .await
            .expect("an open transaction");
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..8_i32 {
            let sink = database.sink();
            writers.spawn(async move {
                let events: Vec<_> = (-6..=0)
                    .map(|week| at(format!("{writer} {week}"), monday(week) + 5))
                    .collect();
                let batch = batch_of(writer, 0, &events);
                let outcomes = tokio::time::timeout(Duration::from_secs(10), sink.deliver(&batch)).await;
                assert!(all_delivered(&outcomes.expect("in time").expect("available")));
            });
        }
        while let Some(writer) = writers.join_next().await {
            writer.expect("no writer failed");
        }
        assert_eq!(database.rows().await, 56);
        let made = partitions(&database).await;
        assert_eq!(
            made[..8],
            [
                vec!["event_before".to_owned()],
                (-6..=0).map(|week| name(monday(week))).collect()
            ]
            .concat()
        );
    })
    .await;
}

#[tokio::test]
async fn who_is_not_the_owner_says_the_way_out_and_goes_on_when_it_was_taken() {
    with_database(|database| async move {
        let (few, user) = database.new_user().await;
        database
            .run(format!(
                "GRANT SELECT ON _sqlx_migrations, event_horizon TO {user}; GRANT SELECT, INSERT ON event TO {user};
                 GRANT SELECT, INSERT, UPDATE, DELETE ON event_receipt TO {user}; GRANT SELECT, INSERT, UPDATE ON sink_position TO {user};
                 GRANT SELECT, INSERT, UPDATE ON event_variant, event_hour, message, conversation, ticket_change, ticket, contact,
                     chat_group, group_member, connection TO {user}"
            ))
            .await;
        let sink = few.sink();
        sink.ready().await.expect("there are partitions");
        let today = batch(0, &[at("today", now())]);
        assert!(all_delivered(&sink.deliver(&today).await.expect("available")));

        database.run("DELETE FROM event").await;
        begun(&database, 1).await;
        let message = sink.ready().await.expect_err("no partition").to_string();
        for part in ["no partition for rows from", "run `forebay migrate` as the owner", &user] {
            assert!(message.contains(part), "{message}");
        }
        let message = sink.deliver(&today).await.expect_err("no partition").to_string();
        assert!(message.contains("no partition for rows of this batch; run `forebay migrate`"), "{message}");
        migrate(&database.config()).await.expect("by the owner");
        sink.ready().await.expect("there are partitions");
        assert!(all_delivered(&sink.deliver(&today).await.expect("available")));
        assert_eq!(database.rows().await, 1);

        // A member of the owner may, and what it makes is the owner's.
        let far = batch(1, &[at("far", now() + 300 * DAY_MS)]);
        assert!(sink.deliver(&far).await.is_err());
        let owner = database.new_role("owner").await;
        database
            .run(format!(
                "GRANT CREATE ON SCHEMA public TO {owner}; GRANT {owner} TO {user}; ALTER TABLE event OWNER TO {owner}; \
                 DO $$ DECLARE one regclass; BEGIN FOR one IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'event'::regclass LOOP \
                 EXECUTE format('ALTER TABLE %s OWNER TO {owner}', one); END LOOP; END $$"
            ))
            .await;
        assert!(all_delivered(&sink.deliver(&far).await.expect("available")));
        let owners: i64 = database
            .value("SELECT count(DISTINCT relowner) FROM pg_class WHERE relname ~ '^event(_before|_[0-9]+)?$'")
            .await;
        assert_eq!(owners, 1);
        drop(sink);
        database.run(format!("REASSIGN OWNED BY {owner} TO CURRENT_USER")).await;
        database.drop_user(&owner).await;
        database.drop_user(&user).await;
    })
    .await;
}

#[tokio::test]
async fn a_constraint_of_the_users_is_still_the_rows_own_fault() {
    with_database(|database| async move {
        begun(&database, 1).await;
        database
            .run("ALTER TABLE event ADD CONSTRAINT small CHECK (octet_length(raw) < 100)")
            .await;
        let mut large = at("large", now());
        large.raw = format!("\"{}\"", "x".repeat(200));
        let outcomes = database
            .sink()
            .deliver(&batch(0, &[at("fine", now()), large]))
            .await
            .expect("available");
        assert!(all_delivered(&outcomes[..1]));
        assert!(crate::database::rejected(&outcomes[1]).contains("constraint `small`"));
        assert_eq!(database.rows().await, 1);
    })
    .await;
}

#[tokio::test]
async fn how_the_table_stands_is_measured() {
    with_database(|database| async move {
        begun(&database, 0).await;
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let sink = PostgresSink::connect(&database.config(), sink_name(), metrics).expect("valid");
        sink.deliver(&batch(0, &[at("a", now() - 10 * DAY_MS)]))
            .await
            .expect("available");
        for attempt in 0.. {
            let mut text = String::new();
            encode(&mut text, &registry).expect("encodes");
            let value = |name: &str| -> Option<f64> {
                let line = text
                    .lines()
                    .find(|line| line.starts_with(&format!("{name}{{sink=\"postgres\"}}")))?;
                line.rsplit(' ').next()?.parse().ok()
            };
            if let Some(ahead) = value("forebay_sinks_table_partitions_ahead_seconds") {
                assert!((7.0..14.1).contains(&(ahead / 86_400.0)), "{text}");
                assert!(
                    value("forebay_sinks_table_partitions").is_some_and(|n| n >= 2.0),
                    "{text}"
                );
                let oldest = value("forebay_sinks_table_oldest_event_seconds").expect("a row");
                assert!((863_990.0..864_100.0).contains(&oldest), "{text}");
                break;
            }
            assert!(attempt < 100, "{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}
