//! The views over `event`: what messages and lines really did, from events that were stored in any order. Every
//! question is asked of both databases, in the same words, and must have the same answer.

use schemas::sink::Sink as _;
use serde_json::{Value, json};

use crate::conformance::all_delivered;
use crate::database::with_database;
use crate::events::{Sample, TIME_MS, batch, sample};
use crate::sqlite::File;

const MESSAGES: &str = "SELECT message_id || ' ' || status || ' ' || coalesce(error, '-') || ' ' || conversation_id || ' ' || \
     CAST(id AS text) FROM message_delivery ORDER BY message_id";
const LINES: &str = "SELECT coalesce(connection_id, '-') || ' ' || coalesce(state, '-') || ' ' || \
     CASE WHEN online THEN 'online' WHEN NOT online THEN 'offline' ELSE '-' END || ' ' || \
     CASE WHEN pairing THEN 'pairing' WHEN NOT pairing THEN 'paired' ELSE '-' END || ' ' || \
     coalesce(reason, '-') || ' ' || coalesce(CAST(epoch AS text), '-') FROM connection_current ORDER BY coalesce(connection_id, '-')";

/// An event some seconds after the first.
pub(crate) fn at(seconds: i64, event_type: &str, data: &Value) -> Sample {
    let members = data.to_string();
    Sample {
        event_type: event_type.to_owned(),
        time_ms: TIME_MS + seconds * 1_000,
        data: members[1..members.len() - 1].to_owned(),
        ..sample(format!("{seconds} {event_type} {data}"))
    }
}

/// Numbers that look random and are the same every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % n
    }

    pub(crate) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn shuffle(&mut self, events: &mut [Sample]) {
        for n in (1..events.len()).rev() {
            events.swap(n, self.below(n + 1));
        }
    }
}

/// What both databases answer, with the events stored in an order of no meaning, in several batches.
pub(crate) async fn answer(mut events: Vec<Sample>, query: &'static str) -> Vec<String> {
    Dice(7).shuffle(&mut events);
    let batches: Vec<_> = (0..)
        .zip(events.chunks(5))
        .map(|(n, part)| batch(n * 5, part))
        .collect();
    let file = File::new();
    let sink = file.sink().await;
    for batch in &batches {
        assert!(all_delivered(&sink.deliver(batch).await.expect("available")));
    }
    let of_sqlite: Vec<String> = file.values(query).await;
    let mut of_postgres: Vec<String> = Vec::new();
    let found = &mut of_postgres;
    with_database(|database| async move {
        let sink = database.sink();
        for batch in &batches {
            assert!(all_delivered(&sink.deliver(batch).await.expect("available")));
        }
        *found = sqlx::query_scalar(query)
            .fetch_all(&mut database.connection().await)
            .await
            .expect("a valid query");
    })
    .await;
    assert_eq!(of_sqlite, of_postgres, "SQLite and PostgreSQL");
    of_postgres
}

#[tokio::test]
async fn a_status_is_never_lowered_and_failure_counts_until_the_message_arrived() {
    let status = |seconds: i64, id: &str, status: &str| {
        let mut message = json!({"id": id, "conversation": {"id": "c"}, "status": status});
        if status == "failed" {
            message["error"] = json!("undeliverable");
        }
        at(seconds, "message.status", &json!({"message": message}))
    };
    let created = at(
        0,
        "message.created",
        &json!({"message": {"id": "e", "conversation": {"id": "c"}, "direction": "outbound", "status": "sent"}}),
    );
    let silent = at(
        0,
        "message.created",
        &json!({"message": {"id": "f", "conversation": {"id": "c"}, "direction": "inbound"}}),
    );
    let reported_later = {
        let message =
            json!({"id": "g", "conversation": {"id": "c"}, "status": "read", "at": "2026-03-10T13:36:51.000Z"});
        at(900, "message.status", &json!({"message": message}))
    };
    let right = [
        status(3, "a", "read"),
        status(9, "b", "failed"),
        status(2, "c", "delivered"),
        status(1, "d", "played"),
        created.clone(),
        reported_later.clone(),
    ];
    let events = vec![
        status(1, "a", "sent"),
        right[0].clone(),
        status(5, "a", "delivered"),
        status(6, "a", "read"),
        status(1, "b", "pending"),
        status(2, "b", "sent"),
        right[1].clone(),
        right[2].clone(),
        status(9, "c", "failed"),
        right[3].clone(),
        status(2, "d", "read"),
        created,
        silent,
        reported_later,
        status(100, "g", "read"),
    ];
    let expected: Vec<String> = [
        "a read -",
        "b failed undeliverable",
        "c delivered -",
        "d played -",
        "e sent -",
        "g read -",
    ]
    .iter()
    .zip(&right)
    .map(|(row, event)| format!("{row} c {}", event.id()))
    .collect();
    assert_eq!(answer(events.clone(), MESSAGES).await, expected);
    let times = "SELECT CAST(count(*) AS text) FROM message_delivery WHERE status_time < '2026-03-10T13:36:55.000Z'";
    assert_eq!(answer(events, times).await, ["5"], "`at` counts where it is sent");
}

#[tokio::test]
async fn a_line_is_as_its_partial_events_say_together() {
    let line = |seconds: i64, members: Value| at(seconds, "connection.updated", &json!({"connection": members}));
    let answer = answer(
        vec![
            line(0, json!({"id": "a", "state": "connecting", "epoch": 4})),
            line(1, json!({"id": "a", "pairing": true, "epoch": 4})),
            line(2, json!({"id": "a", "state": "open", "epoch": 5})),
            line(3, json!({"id": "a", "online": true})),
            line(
                9,
                json!({"id": "a", "state": "closed", "reason": "an old lease", "epoch": 4}),
            ),
            line(0, json!({"id": "b", "state": "open", "online": true})),
            line(1, json!({"id": "b", "state": "closed", "reason": "logged out"})),
            line(2, json!({"id": "b", "state": "connecting"})),
            line(3, json!({"id": "b", "pairing": true})),
            line(0, json!({"id": "c", "state": "closed", "reason": "lost"})),
            line(1, json!({"id": "c", "pairing": true})),
            line(2, json!({"id": "c", "state": "open"})),
            line(3, json!({"id": "c", "online": false})),
            line(0, json!({"online": true})),
            line(1, json!({"state": "open", "epoch": 1})),
        ],
        LINES,
    )
    .await;
    let expected = [
        "- open online - - 1",
        "a open online - - 5",
        "b connecting online pairing logged out -",
        "c open offline paired - -",
    ];
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn one_ticket_and_one_line_are_found_by_an_index() {
    let one_ticket = "SELECT * FROM ticket_history WHERE tenant = 'acme' AND source = 'wa-1' AND ticket_id = 't7'";
    let one_line =
        "SELECT * FROM connection_current WHERE tenant = 'acme' AND source = 'wa-1' AND connection_id = 'l7'";
    let file = File::new();
    drop(file.sink().await);
    for (query, index) in [(one_ticket, "event_ticket"), (one_line, "event_connection")] {
        let plan = file.plan(query).await.join("\n");
        assert!(plan.contains(&format!("event USING INDEX {index}")), "{plan}");
    }
    with_database(|database| async move {
        // Enough rows that reading all of them is no choice.
        database
            .run(
                "INSERT INTO event SELECT ('00' || substr(md5(n::text), 3))::uuid, now(), now(), now(), n, 0, 't', 'acme', 'wa-1', 'chatwoot', \
                 CASE n % 3 WHEN 0 THEN 'ticket.updated' WHEN 1 THEN 'message.created' ELSE 'connection.updated' END, NULL, \
                 'k', 'r', '\\x', jsonb_build_object('ticket', jsonb_build_object('id', 't' || n / 30), \
                 'connection', jsonb_build_object('id', 'l' || n / 30)), '\\x' FROM generate_series(1, 20000) n; ANALYZE event",
            )
            .await;
        for (query, index) in [(one_ticket, "event_ticket"), (one_line, "event_connection")] {
            let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN {query}")))
                .fetch_all(&mut database.connection().await)
                .await
                .expect("a valid query");
            let plan = plan.join("\n");
            let index = index.replace("event_", "event_before_");
            assert!(plan.contains(&index) && !plan.contains("Seq Scan"), "{plan}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_from_before_the_views_gets_them_and_keeps_its_rows() {
    with_database(|database| async move {
        database.sink().deliver(&batch(0, &[sample("a")])).await.expect("available");
        database
            .run(
                "DROP VIEW ticket_history, message_delivery, connection_current; DROP INDEX event_ticket, event_connection; \
                 DELETE FROM _sqlx_migrations WHERE version = 2",
            )
            .await;
        let error = database.sink().ready().await.expect_err("older").to_string();
        assert!(error.contains("lacks migration 2: run `forebay migrate`"), "{error}");
        sinks::postgres::migrate(&database.config()).await.expect("migrates");
        database.sink().ready().await.expect("as it should be");
        assert_eq!(database.rows().await, 1);
        assert_eq!(database.value::<i64>("SELECT count(*) FROM ticket_history").await, 0);
    })
    .await;
}
