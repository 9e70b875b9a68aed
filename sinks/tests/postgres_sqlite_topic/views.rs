//! The views over `event`: what messages and lines really did, from events that were stored in any order. Every
//! question is asked of both databases, in the same words, and must have the same answer.

use schemas::sink::Sink as _;
use serde_json::{Value, json};

use crate::conformance::all_delivered;
use crate::database::with_database;
use crate::events::{Sample, TIME_MS, batch, sample};
use crate::sqlite::File;

const MESSAGES: &str = "SELECT message_id || ' ' || status || ' ' || coalesce(error, '-') || ' ' || conversation_id \
     FROM message_delivery ORDER BY message_id";
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
    let events = vec![
        status(1, "a", "sent"),
        status(3, "a", "read"),
        status(5, "a", "delivered"),
        status(6, "a", "read"),
        status(1, "b", "pending"),
        status(2, "b", "sent"),
        status(9, "b", "failed"),
        status(2, "c", "delivered"),
        status(9, "c", "failed"),
        status(1, "d", "played"),
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
    .map(|row| format!("{row} c"))
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
async fn one_ticket_is_found_by_an_index() {
    let query = "SELECT * FROM ticket_history WHERE tenant = 'acme' AND source = 'wa-1' AND ticket_id = 't7'";
    let file = File::new();
    drop(file.sink().await);
    let plan = file.plan(query).await.join("\n");
    assert!(plan.contains("SEARCH ticket_change USING PRIMARY KEY"), "{plan}");
    with_database(|database| async move {
        // Enough rows that reading all of them is no choice.
        database
            .run(
                "INSERT INTO ticket_change (time, version, tenant, source, ticket_id, type) \
                 SELECT now(), md5(n::text)::uuid, 'acme', 'wa-1', 't' || n / 30, 'ticket.updated' FROM generate_series(1, 20000) n; \
                 ANALYZE ticket_change",
            )
            .await;
        let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN {query}")))
            .fetch_all(&mut database.connection().await)
            .await
            .expect("a valid query");
        let plan = plan.join("\n");
        assert!(plan.contains("ticket_change_ticket") && !plan.contains("Seq Scan"), "{plan}");
    })
    .await;
}

#[tokio::test]
async fn messages_of_two_chats_may_have_one_id() {
    let status = |seconds: i64, chat: &str, status: &str| {
        let message = json!({"id": "1", "conversation": {"id": chat}, "status": status});
        at(seconds, "message.status", &json!({"message": message}))
    };
    let query = "SELECT conversation_id || ' ' || status FROM message_delivery ORDER BY conversation_id";
    let events = vec![
        status(0, "a", "read"),
        status(1, "b", "sent"),
        status(2, "b", "delivered"),
    ];
    assert_eq!(answer(events, query).await, ["a read", "b delivered"]);
}

#[tokio::test]
async fn who_is_in_a_group_is_told_with_whether_all_are_known() {
    let members = |ids: &[&str]| ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>();
    let group = |seconds: i64, event_type: &str, id: &str, action: Option<&str>, ids: &[&str]| {
        let mut group = json!({"id": id, "participants": members(ids)});
        if let Some(action) = action {
            group["action"] = json!(action);
        }
        at(seconds, event_type, &json!({"group": group}))
    };
    let changed = "group.participants.updated";
    let events = vec![
        group(0, changed, "known", Some("added"), &["gone before"]),
        group(5, "group.updated", "known", None, &["ana", "bo"]),
        group(6, changed, "known", Some("left"), &["bo"]),
        group(7, changed, "known", Some("joined"), &["cy"]),
        group(0, changed, "unknown", Some("added"), &["ana"]),
        group(1, changed, "unknown", Some("promoted"), &["di"]),
        group(2, changed, "unknown", Some("removed"), &["ana"]),
    ];
    let query = "SELECT group_id || ' ' || member_id || ' ' || CASE WHEN admin THEN 'admin' ELSE '-' END || ' ' || \
                 CASE WHEN complete THEN 'complete' ELSE 'at least' END FROM group_member_current ORDER BY group_id, member_id";
    let expected = [
        "known ana - complete",
        "known cy - complete",
        "unknown di admin at least",
    ];
    assert_eq!(answer(events, query).await, expected);
}

#[tokio::test]
async fn what_was_deleted_or_emptied_is_no_message_any_more() {
    let message = |seconds: i64, event_type: &str, chat: &str, id: Option<&str>| {
        let mut message = json!({"conversation": {"id": chat}, "direction": "inbound", "text": "x"});
        if let Some(id) = id {
            message["id"] = json!(id);
        }
        at(seconds, event_type, &json!({"message": message}))
    };
    let events = vec![
        message(0, "message.created", "a", Some("deleted")),
        message(1, "message.created", "a", Some("there")),
        message(2, "message.deleted", "a", Some("deleted")),
        message(3, "message.created", "b", Some("emptied")),
        message(4, "message.deleted", "b", None),
        message(5, "message.created", "b", Some("after")),
    ];
    let query = "SELECT conversation_id || ' ' || message_id FROM message_current ORDER BY conversation_id, message_id";
    assert_eq!(answer(events, query).await, ["a there", "b after"]);
}

#[tokio::test]
async fn a_phone_is_the_same_number_however_it_is_written() {
    let phones = [
        "+5511987654321",
        "55 11 98765-4321",
        "+55 (11) 98765.4321",
        "5511987654321@c.us",
        "ext. 12",
        "+",
        "\u{0665}\u{0665}",
        "123456789012345678901234567890123",
    ];
    let contacts = (0..).zip(phones).map(|(n, phone)| {
        let contact = json!({"id": format!("c{n}"), "phone": phone});
        at(n, "contact.updated", &json!({"contact": contact}))
    });
    let query = "SELECT contact_id || ' ' || coalesce(phone_digits, '-') FROM contact ORDER BY contact_id";
    let digits = "5511987654321";
    let expected = [digits, digits, digits, "-", "-", "-", "-", "-"];
    let expected: Vec<String> = (0..)
        .zip(expected)
        .map(|(n, digits)| format!("c{n} {digits}"))
        .collect();
    assert_eq!(answer(contacts.collect(), query).await, expected);
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
