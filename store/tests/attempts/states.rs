//! The view of where each delivery stands.

use schemas::attempt::Attempt;
use schemas::time::Timestamp;
use store::attempts::{Config, State};

use crate::stage::{Database, ago, delivered, failed, sink};

/// Puts the event with this offset into the backlog of a target.
async fn park(database: &Database, target: &str, offset: u64, due: &str) {
    let (since, ordered, rules, bytes) = match database {
        Database::Postgres(_) => ("now()", "false", "'{}'", "'\\x00'"),
        Database::Sqlite(..) => ("1", "0", "''", "x'00'"),
    };
    database
        .run(format!(
            "INSERT INTO backlog_target (name) VALUES ('{target}') ON CONFLICT DO NOTHING;
             INSERT INTO backlog_stream (sink, topic, topic_id) VALUES ('http', 'forebay.events', 'a') ON CONFLICT DO NOTHING;
             INSERT INTO backlog (stream, part, target, off, attempts, key_hash, since, due, ordered, record_key, rules_version,
                                  rules, headers, value)
             SELECT s.id, 3, t.id, {offset}, 1, 0, {since}, {due}, {ordered}, {bytes}, 'v', {rules}, {bytes}, {bytes}
             FROM backlog_stream s, backlog_target t WHERE t.name = '{target}'"
        ))
        .await;
}

#[tokio::test]
async fn a_delivery_has_one_state_and_the_backlog_knows_best() {
    for database in [Database::postgres().await, Database::sqlite().await] {
        let mut log = database.open(&Config::default());
        let running = log.start();
        // Delivered at the second attempt.
        let first = Attempt {
            at: ago(100),
            ..failed("crm", 1)
        };
        log.attempts.record(Attempt {
            event: first.event,
            number: 2,
            ..delivered("crm", 1)
        });
        log.attempts.record(first.clone());
        // Failed at another target; waits at a third; waits at one that is disabled; is in line at a fifth, having been delivered.
        for target in ["erp", "bot", "off"] {
            log.attempts.record(Attempt {
                event: first.event,
                ..failed(target, 1)
            });
        }
        log.attempts.record(Attempt {
            event: first.event,
            ..delivered("again", 1)
        });
        log.until_written(6).await;
        let due = match database {
            Database::Postgres(_) => "'2030-01-01 00:00+00'",
            Database::Sqlite(..) => "1893456000000",
        };
        park(&database, "bot", 1, due).await;
        park(&database, "off", 1, due).await;
        park(&database, "again", 1, "NULL").await;
        // Another event's.
        park(&database, "erp", 2, due).await;
        let disabled = match database {
            Database::Postgres(_) => "now()",
            Database::Sqlite(..) => "1",
        };
        database
            .run(format!(
                "INSERT INTO backlog_condition (sink, target, disabled_at, version) VALUES ('http', 'off', {disabled}, 1)"
            ))
            .await;
        let next = Timestamp::parse("2030-01-01T00:00:00Z");
        let found = log.reader.states_of_event(first.event).await.expect("read");
        let found: Vec<_> = found
            .iter()
            .map(|s| (&*s.target, s.state, s.attempts, &*s.last_class, s.next_attempt_at))
            .collect();
        assert_eq!(
            found,
            [
                ("again", State::Waiting, 1, "delivered", None),
                ("bot", State::Waiting, 1, "status_5xx", next),
                ("crm", State::Delivered, 2, "delivered", None),
                ("erp", State::Failed, 1, "status_5xx", None),
                ("off", State::Disabled, 1, "status_5xx", next),
            ],
            "{database:?}"
        );
        running.end().await;
    }
}

#[tokio::test]
async fn the_newest_of_a_target_have_one_row_per_event() {
    for database in [Database::postgres().await, Database::sqlite().await] {
        let mut log = database.open(&Config::default());
        let running = log.start();
        for number in 0..20 {
            let attempt = Attempt {
                at: ago(1_000 - 10 * number),
                ..failed("crm", number)
            };
            log.attempts.record(Attempt {
                at: ago(995 - 10 * number),
                event: attempt.event,
                number: 2,
                ..delivered("crm", number)
            });
            log.attempts.record(attempt);
            log.attempts.record(failed("erp", number));
        }
        log.until_written(60).await;
        let sink = sink();
        let found = log.reader.newest_states_of_target(&sink, "crm", 3).await;
        let found = found.expect("read");
        let found: Vec<_> = found
            .iter()
            .map(|s| (s.state, s.attempts, s.last_status, s.event))
            .collect();
        let newest = log.reader.newest_of_target(&sink, "crm", 6, false).await;
        let newest = newest.expect("read");
        let second = newest.iter().filter(|row| row.number == 2);
        let expected: Vec<_> = second.map(|row| (State::Delivered, 2, Some(200), row.event)).collect();
        assert_eq!(expected.len(), 3);
        assert_eq!(found, expected, "{database:?}");
        running.end().await;
    }
}
