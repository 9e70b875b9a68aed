//! Current state, as the sinks write it with the rows of a batch: of events that stand, once, and never in their way.

use std::time::Duration;

use prometheus_client::registry::Registry;
use schemas::record::Offset;
use schemas::sink::{Outcome, Sink};
use serde_json::json;
use sinks::postgres::PostgresSink;
use sinks::state::{StateTable, StateTables};
use sinks::table::Metrics;

use crate::conformance::all_delivered;
use crate::database::{Database, rejected, sink_name, with_database};
use crate::events::{Sample, batch, kept};
use crate::sqlite::{File, open};
use crate::views::at;

const TABLES: [&str; 8] = [
    "message",
    "conversation",
    "ticket_change",
    "ticket",
    "contact",
    "chat_group",
    "group_member",
    "connection",
];

/// Something of every table.
fn of_every_table() -> Vec<Sample> {
    vec![
        at(
            0,
            "message.created",
            &json!({"message": {"id": "m", "conversation": {"id": "c"}, "direction": "inbound", "text": "Olá", "ticket_id": "t"}}),
        ),
        at(1, "ticket.created", &json!({"ticket": {"id": "t"}})),
        at(2, "contact.created", &json!({"contact": {"id": "c"}})),
        at(
            3,
            "group.created",
            &json!({"group": {"id": "g", "participants": [{"id": "p"}]}}),
        ),
        at(4, "connection.updated", &json!({"connection": {"state": "open"}})),
    ]
}

async fn rows(database: &Database) -> Vec<i64> {
    let mut rows = Vec::new();
    for table in TABLES {
        rows.push(database.value(format!("SELECT count(*) FROM {table}")).await);
    }
    rows
}

async fn rows_of(file: &File) -> Vec<i64> {
    let mut rows = Vec::new();
    for table in TABLES {
        rows.extend(file.values::<i64>(&format!("SELECT count(*) FROM {table}")).await);
    }
    rows
}

#[tokio::test]
async fn every_table_is_written_and_none_where_none_is_kept() {
    let events = of_every_table();
    for (state, expected) in [
        (StateTables::default(), vec![1; 8]),
        (StateTables::new([StateTable::Ticket]), vec![0, 0, 0, 1, 0, 0, 0, 0]),
        (StateTables::new([]), vec![0; 8]),
    ] {
        let file = File::new();
        let mut config = file.config();
        config.state = state.clone();
        let sink = open(&config).await.expect("opens");
        assert!(all_delivered(
            &sink.deliver(&batch(0, &events)).await.expect("available")
        ));
        assert_eq!(rows_of(&file).await, expected);
        let events = events.clone();
        with_database(|database| async move {
            let mut config = database.config();
            config.state = state;
            let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
            assert!(all_delivered(
                &sink.deliver(&batch(0, &events)).await.expect("available")
            ));
            assert_eq!(rows(&database).await, expected);
        })
        .await;
    }
}

#[tokio::test]
async fn who_keeps_no_state_needs_no_rights_to_it() {
    with_database(|database| async move {
        let (few, user) = database.new_user().await;
        database
            .run(format!(
                "GRANT SELECT ON _sqlx_migrations, event_horizon TO {user}; GRANT ALL ON event, event_hour, event_receipt, event_variant, sink_position TO {user}"
            ))
            .await;
        let message = few.sink().ready().await.expect_err("rights are missing").to_string();
        assert!(message.contains("SELECT, INSERT, UPDATE on message,"), "{message}");
        let mut config = few.config();
        config.state = StateTables::new([]);
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        sink.ready().await.expect("all that it needs");
        assert!(all_delivered(&sink.deliver(&batch(0, &of_every_table())).await.expect("available")));
        database.drop_user(&user).await;
    })
    .await;
}

/// A member is added, removed, and the first webhook comes once more.
fn with_a_repeated_receipt() -> Vec<Sample> {
    let received = |seconds: i64, action: &str| {
        let mut sample = at(
            0,
            "group.participants.updated",
            &json!({"group": {"id": "g", "action": action, "participants": [{"id": "p"}]}}),
        );
        sample.received = true;
        sample.time_ms += seconds * 1000;
        sample
    };
    vec![received(0, "added"), received(10, "removed"), received(45, "added")]
}

/// The second says something else under the same id.
fn with_a_variant() -> Vec<Sample> {
    let contact = |name: &str| {
        let mut contact = at(0, "contact.updated", &json!({"contact": {"id": "c", "name": name}}));
        contact.identity = "one".into();
        contact.raw = json!({ "name": name }).to_string();
        contact
    };
    vec![contact("stored"), contact("variant")]
}

/// Together in one batch, and each in one of its own.
async fn deliver_both_ways(sink: &dyn Sink, events: &[Sample], apart: bool) {
    let batches: Vec<_> = if apart {
        (0..)
            .zip(events)
            .map(|(offset, event)| batch(offset, std::slice::from_ref(event)))
            .collect()
    } else {
        vec![batch(0, events)]
    };
    for batch in &batches {
        assert!(all_delivered(&sink.deliver(batch).await.expect("available")));
    }
}

#[tokio::test]
async fn repeated_receipts_and_variants_say_nothing() {
    let present = "SELECT CASE WHEN present THEN 'present' ELSE 'gone' END FROM group_member";
    let name = "SELECT name FROM contact";
    for apart in [false, true] {
        let file = File::new();
        let sink = file.sink().await;
        deliver_both_ways(&sink, &with_a_repeated_receipt(), apart).await;
        deliver_both_ways(&sink, &with_a_variant(), apart).await;
        assert_eq!(file.values::<String>(present).await, ["gone"]);
        assert_eq!(file.values::<String>(name).await, ["stored"]);
        with_database(|database| async move {
            let sink = database.sink();
            deliver_both_ways(&sink, &with_a_repeated_receipt(), apart).await;
            deliver_both_ways(&sink, &with_a_variant(), apart).await;
            assert_eq!(database.value::<String>(present).await, "gone");
            assert_eq!(database.value::<String>(name).await, "stored");
        })
        .await;
    }
}

#[tokio::test]
async fn a_row_that_is_refused_says_nothing_and_the_others_do() {
    with_database(|database| async move {
        database
            .run("ALTER TABLE event ADD CONSTRAINT no_poison CHECK (subject <> 'poison')")
            .await;
        let contact = |n: i64, id: &str| at(n, "contact.updated", &json!({"contact": {"id": id}}));
        let mut events: Vec<_> = (0..30).map(|n| contact(n, &format!("c{n}"))).collect();
        events[7].subject = "poison".into();
        let outcomes = database.sink().deliver(&batch(0, &events)).await.expect("available");
        assert!(rejected(&outcomes[7]).contains("no_poison"));
        assert_eq!(database.value::<i64>("SELECT count(*) FROM contact").await, 29);
        assert_eq!(
            database
                .value::<i64>("SELECT count(*) FROM contact WHERE contact_id = 'c7'")
                .await,
            0
        );
    })
    .await;
}

/// Ids of a megabyte, times and numbers at their bounds, characters that no text may have.
fn hostile() -> Vec<Sample> {
    let noise: String = std::iter::successors(Some(1_u32), |n| {
        Some(n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    })
    .take(1_000_000)
    .map(|n| char::from(b'a' + u8::try_from((n >> 24) % 26).expect("small")))
    .collect();
    let mut events = vec![
        at(
            0,
            "message.created",
            &json!({"message": {"id": noise, "conversation": {"id": "c"}, "direction": "inbound", "text": "x"}}),
        ),
        at(
            1,
            "message.created",
            &json!({"message": {"id": "m", "conversation": {"id": "c", "channel_id": noise}, "direction": "outbound", "internal": false,
                "ticket_id": noise, "from": {"id": noise, "kind": "agent", "name": noise}, "kind": noise, "text": noise}}),
        ),
        at(2, "contact.updated", &json!({"contact": {"id": noise}})),
        at(
            3,
            "contact.updated",
            &json!({"contact": {"id": "c\u{0}\u{ffff}", "phone": noise, "name": "\u{0}", "email": noise, "alternate_id": noise}}),
        ),
        at(
            4,
            "group.updated",
            &json!({"group": {"id": noise, "participants": [{"id": noise}, {"id": "p"}]}}),
        ),
        at(
            5,
            "ticket.closed",
            &json!({"ticket": {"id": "t", "labels": [noise, "\u{0}"], "opened_at": "9999-12-31T23:59:59.999Z", "protocol": noise}}),
        ),
        // Too long for the table, and not for the index of `event`.
        at(
            6,
            "connection.updated",
            &json!({"connection": {"id": noise[..2000], "epoch": i64::MAX, "state": "open"}}),
        ),
        at(
            7,
            "connection.updated",
            &json!({"connection": {"id": "l", "epoch": i64::MIN, "reason": noise}}),
        ),
        at(
            8,
            "connection.updated",
            &json!({"connection": {"id": "l", "epoch": i64::MAX, "state": "open"}}),
        ),
        at(9, "ticket.updated", &json!({"ticket": 7})),
        at(
            10,
            "message.status",
            &json!({"message": {"id": "m", "conversation": {"id": "c"}, "status": "read",
            "at": "9999-12-31T23:59:59.999Z"}}),
        ),
        at(
            11,
            "message.status",
            &json!({"message": {"id": "m", "conversation": {"id": "c"}, "status": "sent",
            "at": "1970-01-01T00:00:00Z"}}),
        ),
    ];
    // A time that no table has: such an event is stored and says nothing.
    events.push(at(
        12,
        "ticket.updated",
        &json!({"ticket": {"id": "u", "opened_at": "0001-01-01T00:00:00Z"}}),
    ));
    let mut last = at(12, "contact.updated", &json!({"contact": {"id": "last"}}));
    last.time_ms = 253_402_300_799_999;
    events.push(last);
    events
}

/// What is known after [`hostile`].
const KNOWN: [(&str, &str); 6] = [
    ("SELECT CAST(count(*) AS text) FROM event", "14"),
    (
        "SELECT coalesce(message_id, '-') || ' ' || coalesce(status, '-') || ' ' || coalesce(CAST(length(from_id) AS text), '-') || ' ' || \
         coalesce(CAST(length(text) AS text), '-') FROM message",
        "m read 255 1000000",
    ),
    ("SELECT CAST(count(*) AS text) FROM contact", "2"),
    ("SELECT CAST(count(*) AS text) FROM chat_group", "0"),
    (
        "SELECT CAST(count(*) AS text) || ' ' || CAST(max(length(protocol)) AS text) FROM ticket",
        "1 255",
    ),
    (
        "SELECT CAST(min(epoch) AS text) || ' ' || CAST(max(epoch) AS text) FROM connection",
        "-9223372036854775808 9223372036854775807",
    ),
];

#[tokio::test]
async fn hostile_events_are_stored_and_what_no_table_holds_is_counted() {
    let events = hostile();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let file = File::new();
    let name = schemas::name::SinkName::new("sqlite").expect("valid");
    let sink = sinks::sqlite::SqliteSink::open(&file.config(), name, metrics.clone())
        .await
        .expect("opens");
    assert!(all_delivered(
        &sink.deliver(&batch(0, &events)).await.expect("available")
    ));
    for (query, expected) in KNOWN {
        assert_eq!(file.values::<String>(query).await, [expected], "{query}");
    }
    with_database(|database| async move {
        let sink = PostgresSink::connect(&database.config(), sink_name(), metrics).expect("valid");
        assert!(all_delivered(
            &sink.deliver(&batch(0, &events)).await.expect("available")
        ));
        assert_eq!(kept(&sink, 0).await, Some(Offset(14)));
        for (query, expected) in KNOWN {
            assert_eq!(database.value::<String>(query).await, expected, "{query}");
        }
    })
    .await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
    for sink in ["sqlite", "postgres"] {
        for (table, outcome, rows) in [
            ("message", "refused", 1),
            ("message", "written", 1),
            ("ticket", "refused", 1),
            ("contact", "refused", 1),
            ("chat_group", "refused", 1),
            ("group_member", "refused", 2),
            ("connection", "refused", 1),
        ] {
            let series = format!(
                "forebay_sinks_state_rows_total{{sink=\"{sink}\",table=\"{table}\",outcome=\"{outcome}\"}} {rows}\n"
            );
            assert!(text.contains(&series), "{series}{text}");
        }
        assert!(
            text.contains(&format!("forebay_sinks_state_unread_total{{sink=\"{sink}\"}} 2\n")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_row_of_state_that_the_server_refuses_takes_neither_its_event_nor_the_others_with_it() {
    with_database(|database| async move {
        database
            .run("ALTER TABLE ticket ADD CONSTRAINT no_poison CHECK (protocol <> 'poison')")
            .await;
        let events: Vec<_> = (0..40)
            .map(|n| {
                let protocol = if n == 13 { "poison" } else { "fine" };
                at(
                    n,
                    "ticket.created",
                    &json!({"ticket": {"id": format!("t{n}"), "protocol": protocol}}),
                )
            })
            .collect();
        let sink = database.sink();
        assert!(all_delivered(
            &sink.deliver(&batch(0, &events)).await.expect("available")
        ));
        assert_eq!(database.rows().await, 40);
        assert_eq!(database.value::<i64>("SELECT count(*) FROM ticket").await, 39);
        assert_eq!(database.value::<i64>("SELECT count(*) FROM ticket_change").await, 40);
        assert_eq!(kept(&sink, 0).await, Some(Offset(40)));
    })
    .await;

    let file = File::new();
    let sink = file.sink().await;
    file.run("CREATE TRIGGER no_poison BEFORE INSERT ON ticket WHEN NEW.protocol = 'poison' BEGIN SELECT raise(ABORT, 'no'); END")
        .await;
    let events = [
        at(
            0,
            "ticket.created",
            &json!({"ticket": {"id": "a", "protocol": "poison"}}),
        ),
        at(1, "ticket.created", &json!({"ticket": {"id": "b"}})),
    ];
    assert!(all_delivered(
        &sink.deliver(&batch(0, &events)).await.expect("available")
    ));
    assert_eq!(file.values::<i64>("SELECT count(*) FROM event").await, [2]);
    assert_eq!(file.values::<String>("SELECT ticket_id FROM ticket").await, ["b"]);
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_state_leaves_neither_rows_nor_state() {
    with_database(|database| async move {
        // Rows of the last table are slow: all others are written by then.
        database
            .run(
                "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN NEW; END $$;
                 CREATE TRIGGER slow BEFORE INSERT ON connection FOR EACH ROW EXECUTE FUNCTION slow()",
            )
            .await;
        let sink = database.sink();
        let batch = batch(0, &of_every_table());
        let kill = async {
            let killed = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep' \
                          AND datname = current_database()";
            while database.value::<i64>(killed).await == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let (outcomes, ()) = tokio::join!(sink.deliver(&batch), kill);
        outcomes.expect_err("the connection is gone");
        assert_eq!(database.rows().await, 0);
        assert_eq!(rows(&database).await, [0; 8]);
        database.run("DROP TRIGGER slow ON connection").await;
        let outcomes = sink.deliver(&batch).await.expect("available");
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Delivered));
        assert_eq!(rows(&database).await, [1; 8]);
    })
    .await;
}

#[tokio::test]
async fn what_an_older_program_wrote_is_state_once_it_comes_again() {
    // Such a program writes rows and no state. The same events, replayed, say what they have to say.
    with_database(|database| async move {
        let mut config = database.config();
        config.state = StateTables::new([]);
        let older = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        let batch = batch(0, &of_every_table());
        older.deliver(&batch).await.expect("available");
        assert_eq!(rows(&database).await, [0; 8]);
        assert!(all_delivered(
            &database.sink().deliver(&batch).await.expect("available")
        ));
        assert_eq!(rows(&database).await, [1; 8]);
        assert_eq!(database.rows().await, 5);
    })
    .await;
}
