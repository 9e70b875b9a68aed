//! The view of where each delivery stands.

use schemas::attempt::Attempt;
use store::attempts::Config;

use crate::stage::{Database, ago, delivered, failed};

/// Puts the event with this offset into the backlog of a target.
async fn park(database: &Database, target: &str, offset: u64, due: &str) {
    let (rules, bytes) = match database {
        Database::Postgres(_) => ("'{}'", "'\\x00'"),
        Database::Sqlite(..) => ("''", "x'00'"),
    };
    let since = if matches!(database, Database::Postgres(_)) {
        "now()"
    } else {
        "1"
    };
    let ordered = if matches!(database, Database::Postgres(_)) {
        "false"
    } else {
        "0"
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
        log.log.record(Attempt {
            event: first.event,
            number: 2,
            ..delivered("crm", 1)
        });
        log.log.record(first.clone());
        // Failed at another target; waits at a third; waits at one that is disabled; is in line at a fifth, having been delivered.
        for target in ["erp", "bot", "off"] {
            log.log.record(Attempt {
                event: first.event,
                ..failed(target, 1)
            });
        }
        log.log.record(Attempt {
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
        let columns =
            "target || ' ' || state || ' ' || attempts || ' ' || last_class || ' ' || (next_attempt_at IS NOT NULL)";
        let event = first.event;
        let states = database
            .texts(format!(
                "SELECT replace(replace({columns}, ' 1 ', ' first '), ' 2 ', ' second ')
                 FROM delivery_state WHERE event_id = '{event}' ORDER BY target"
            ))
            .await;
        let (yes, no) = match database {
            Database::Postgres(_) => ("true", "false"),
            Database::Sqlite(..) => ("1", "0"),
        };
        assert_eq!(
            states,
            [
                format!("again waiting first delivered {no}"),
                format!("bot waiting first status_5xx {yes}"),
                format!("crm delivered second delivered {no}"),
                format!("erp failed first status_5xx {no}"),
                format!("off disabled first status_5xx {yes}"),
            ]
        );
        running.end().await;
    }
}
