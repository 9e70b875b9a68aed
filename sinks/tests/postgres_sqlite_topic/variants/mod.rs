//! Repeats whose body differs from the stored one: each body is kept once and counted, in both databases.

mod bad_days;

use futures_util::future::BoxFuture;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use schemas::content::Content;
use schemas::sink::Sink;
use sinks::postgres::PostgresSink;
use sinks::table::Metrics;

use crate::conformance::all_delivered;
use crate::database::{Database, sink_name, with_database};
use crate::events::{Sample, batch, sample};
use crate::sqlite::File;

const FIRST: &str = r#"{"id":1,"status":"open"}"#;
const SECOND: &str = r#"{"id":1,"status":"resolved"}"#;
/// Says what [`SECOND`] says.
const SECOND_ANEW: &str = "{ \"status\" : \"resolved\",\n \"id\" : 1.0 }";
const THIRD: &str = r#"{"id":1,"status":"snoozed"}"#;

/// An event of this identity with this body.
fn saying(identity: &str, raw: &str) -> Sample {
    Sample {
        raw: raw.to_owned(),
        ..sample(identity)
    }
}

/// Either database.
#[derive(Clone, Copy)]
enum Base<'a> {
    Postgres(&'a Database),
    Sqlite(&'a File),
}

impl Base<'_> {
    async fn sink(self) -> Box<dyn Sink> {
        match self {
            Self::Postgres(database) => Box::new(database.sink()),
            Self::Sqlite(file) => Box::new(file.sink().await),
        }
    }

    async fn run(self, statements: &str) {
        match self {
            Self::Postgres(database) => database.run(statements).await,
            Self::Sqlite(file) => file.run(statements).await,
        }
    }

    fn without_body(self) -> &'static str {
        match self {
            Self::Postgres(_) => "UPDATE event SET raw = ''",
            Self::Sqlite(_) => "UPDATE event SET raw = x''",
        }
    }

    /// One text of each row; `RAW` stands for the body as text.
    async fn texts(self, query: &str) -> Vec<String> {
        match self {
            Self::Postgres(database) => {
                let query = query.replace("RAW", "convert_from(raw, 'UTF8')");
                database
                    .value(format!(
                        "SELECT coalesce(array_agg(t.text), '{{}}') FROM ({query}) AS t(text)"
                    ))
                    .await
            }
            Self::Sqlite(file) => file.values(&query.replace("RAW", "CAST(raw AS text)")).await,
        }
    }

    /// The stored bodies, in the order of the log.
    async fn stored(self) -> Vec<String> {
        self.texts("SELECT RAW FROM event ORDER BY log_offset").await
    }

    /// The variants in the order of the log: how often they came, where first, where last, and the body.
    async fn variants(self) -> Vec<String> {
        self.texts(
            "SELECT times || ' from ' || log_offset || ' to ' || last_log_offset || ': ' || coalesce(RAW, '-') \
             FROM event_variant ORDER BY log_offset, CAST(id AS text)",
        )
        .await
    }

    async fn deliver(self, first: i64, events: &[Sample]) {
        let outcomes = self.sink().await.deliver(&batch(first, events)).await;
        assert!(all_delivered(&outcomes.expect("available")), "a repeat is delivered");
    }
}

/// Runs a test on both, one after the other.
async fn on_both(test: impl for<'a> Fn(Base<'a>) -> BoxFuture<'a, ()>) {
    let test = &test;
    with_database(|database| async move { test(Base::Postgres(&database)).await }).await;
    let file = File::new();
    // Makes the tables.
    file.sink().await.close().await;
    test(Base::Sqlite(&file)).await;
}

#[tokio::test]
async fn a_body_that_differs_is_kept_once_and_one_that_says_the_same_is_not() {
    on_both(|base| {
        Box::pin(async move {
            base.deliver(0, &[saying("a", FIRST)]).await;
            base.deliver(1, &[saying("a", FIRST), saying("a", SECOND), saying("b", FIRST)])
                .await;
            assert_eq!(base.stored().await, [FIRST, FIRST]);
            assert_eq!(base.variants().await, [format!("1 from 2 to 2: {SECOND}")]);

            base.deliver(
                4,
                &[saying("a", SECOND_ANEW), saying("a", "{\"status\":\"open\", \"id\":1}")],
            )
            .await;
            base.deliver(6, &[saying("a", SECOND), saying("a", THIRD)]).await;
            assert_eq!(base.stored().await, [FIRST, FIRST], "the first one stays");
            assert_eq!(
                base.variants().await,
                [format!("3 from 2 to 6: {SECOND}"), format!("1 from 7 to 7: {THIRD}")]
            );
        })
    })
    .await;
}

#[tokio::test]
async fn every_column_of_a_variant_reads_back() {
    on_both(|base| {
        Box::pin(async move {
            let mut other = saying("a", SECOND);
            other.data = r#""message":{"text":"a\u0000b"}"#.into();
            other.rawsha256 = "cd".repeat(32);
            base.deliver(0, &[saying("a", FIRST), other.clone()]).await;
            let digest = hex::encode(Content::of(SECOND.as_bytes()).sha256());
            let hex = |column: &str| match base {
                Base::Postgres(_) => format!("encode({column}, 'hex')"),
                Base::Sqlite(_) => format!("lower(hex({column}))"),
            };
            let time = match base {
                Base::Postgres(_) => "to_char(received_time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
                Base::Sqlite(_) => "received_time",
            };
            for (column, expected) in [
                ("CAST(id AS text)", &*other.id().to_string()),
                (&*hex("digest"), &*digest),
                ("CAST(times AS text)", "1"),
                (time, "2026-03-10T13:36:50.912Z"),
                (&*time.replace("received", "last_received"), "2026-03-10T13:36:50.912Z"),
                (
                    "log_topic || ' ' || log_partition || ' ' || log_offset",
                    "forebay.events 0 1",
                ),
                (
                    "last_log_topic || ' ' || last_log_partition || ' ' || last_log_offset",
                    "forebay.events 0 1",
                ),
                (
                    "tenant || ' ' || source || ' ' || platform || ' ' || type",
                    "acme wa-1 baileys message.created",
                ),
                (&*hex("raw_sha256"), &*"cd".repeat(32)),
                ("data -> 'message' ->> 'text'", "a\u{fffd}b"),
                ("RAW", SECOND),
                (
                    "CAST(stored_time IS NOT NULL AS text)",
                    if matches!(base, Base::Sqlite(_)) { "1" } else { "true" },
                ),
            ] {
                let found = base.texts(&format!("SELECT {column} FROM event_variant")).await;
                assert_eq!(found, [expected], "{column}");
            }
        })
    })
    .await;
}

#[tokio::test]
async fn within_a_batch_it_is_the_same() {
    on_both(|base| {
        Box::pin(async move {
            let bodies = [FIRST, SECOND, FIRST, SECOND_ANEW, THIRD];
            base.deliver(0, &bodies.map(|raw| saying("a", raw))).await;
            assert_eq!(base.stored().await, [FIRST]);
            assert_eq!(
                base.variants().await,
                [format!("2 from 1 to 3: {SECOND}"), format!("1 from 4 to 4: {THIRD}")]
            );
            // Whoever comes first in a later batch leads there, and is compared with what is stored all the same.
            base.deliver(5, &[saying("a", SECOND), saying("a", FIRST), saying("a", THIRD)])
                .await;
            assert_eq!(
                base.variants().await,
                [format!("3 from 1 to 5: {SECOND}"), format!("2 from 4 to 7: {THIRD}")]
            );
        })
    })
    .await;
}

#[tokio::test]
async fn the_same_records_again_are_no_repeats_and_count_nothing() {
    on_both(|base| {
        Box::pin(async move {
            let events = [FIRST, SECOND, THIRD, SECOND, FIRST].map(|raw| saying("a", raw));
            base.deliver(0, &events).await;
            let once = base.variants().await;
            assert_eq!(
                once,
                [format!("2 from 1 to 3: {SECOND}"), format!("1 from 2 to 2: {THIRD}")]
            );
            // The answer of the first try was lost; or an operator has set progress back. Batches begin and end elsewhere then.
            for from in [0, 0, 3, 1, 4, 2] {
                base.deliver(i64::try_from(from).expect("small"), &events[from..]).await;
                assert_eq!(base.variants().await, once, "from {from}");
            }
            for (offset, event) in (0..).zip(&events) {
                base.deliver(offset, std::slice::from_ref(event)).await;
                assert_eq!(base.variants().await, once, "{offset} alone");
            }
            assert_eq!(base.stored().await, [FIRST]);
            // Nor is it one if the row was changed since.
            base.run(base.without_body()).await;
            base.deliver(0, &events[..1]).await;
            assert_eq!(base.variants().await, once);
        })
    })
    .await;
}

#[tokio::test]
async fn so_many_bodies_are_kept_of_one_event_and_the_others_are_counted() {
    on_both(|base| {
        Box::pin(async move {
            let body = |n: i64| format!(r#"{{"id":1,"n":{n}}}"#);
            let events: Vec<Sample> = (0..13).map(|n| saying("a", &body(n))).collect();
            base.deliver(0, &events[..6]).await;
            base.deliver(6, &events[6..]).await;
            let mut expected: Vec<String> = (1..=8).map(|n| format!("1 from {n} to {n}: {}", body(n))).collect();
            expected.push("4 from 9 to 12: -".into());
            assert_eq!(base.variants().await, expected);
            // Known ones are counted where they are, and a replay counts nothing.
            base.deliver(13, &[saying("a", &body(3)), saying("a", &body(11))]).await;
            base.deliver(4, &events[4..]).await;
            expected[2] = format!("2 from 3 to 13: {}", body(3));
            expected[8] = "5 from 9 to 14: -".into();
            assert_eq!(base.variants().await, expected);
            // Another event has its own eight.
            base.deliver(15, &[saying("b", FIRST), saying("b", SECOND)]).await;
            assert_eq!(base.variants().await.len(), 10);
            let without_body = "SELECT CAST(count(*) AS text) FROM event_variant WHERE data IS NULL AND raw IS NULL AND length(digest) = 0";
            assert_eq!(base.texts(without_body).await, ["1"]);
        })
    })
    .await;
}

#[tokio::test]
async fn receipts_of_one_event_within_the_window_are_compared_too() {
    on_both(|base| {
        Box::pin(async move {
            let at = |seconds, raw| saying("added to group", raw).received_after(seconds);
            // The second receipt comes twice with one id, and once more later: all repeat the first.
            base.deliver(0, &[at(0, FIRST), at(5, SECOND), at(5, SECOND), at(7, FIRST)])
                .await;
            base.deliver(4, &[at(5, THIRD), at(599, SECOND)]).await;
            base.deliver(6, &[at(600, THIRD), at(601, FIRST)]).await;
            assert_eq!(base.stored().await, [FIRST, THIRD]);
            let expected = [
                format!("3 from 1 to 5: {SECOND}"),
                format!("1 from 4 to 4: {THIRD}"),
                format!("1 from 7 to 7: {FIRST}"),
            ];
            assert_eq!(base.variants().await, expected);
            let ids = base
                .texts("SELECT CAST(id AS text) FROM event_variant ORDER BY log_offset")
                .await;
            let first = at(0, FIRST).id().to_string();
            assert_eq!(ids, [&*first, &*first, &*at(600, FIRST).id().to_string()]);
            // All of it again.
            base.deliver(
                0,
                &[at(0, FIRST), at(5, SECOND), at(5, SECOND), at(7, FIRST), at(5, THIRD)],
            )
            .await;
            assert_eq!(base.variants().await, expected);
        })
    })
    .await;
}

#[tokio::test]
async fn the_element_counts_and_not_the_body_that_it_came_in() {
    on_both(|base| {
        Box::pin(async move {
            let mut again = saying("a", FIRST);
            again.rawsha256 = "cd".repeat(32);
            base.deliver(0, &[saying("a", FIRST), again]).await;
            assert!(base.variants().await.is_empty());
        })
    })
    .await;
}

#[tokio::test]
async fn where_there_is_no_body_the_normalized_event_is_compared() {
    on_both(|base| {
        Box::pin(async move {
            let event = |text: &str| Sample {
                data: format!(r#""message":{{"n":1.50,"text":"{text}"}}"#),
                ..saying("a", FIRST)
            };
            base.deliver(0, &[event("first")]).await;
            base.run(base.without_body()).await;
            base.deliver(1, &[event("first")]).await;
            assert!(base.variants().await.is_empty(), "it says the same");
            base.deliver(2, &[event("second")]).await;
            assert_eq!(base.variants().await, [format!("1 from 2 to 2: {FIRST}")]);
        })
    })
    .await;
}

#[tokio::test]
async fn differing_repeats_are_counted_by_source_and_type() {
    with_database(|database| async move {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let sink = PostgresSink::connect(&database.config(), sink_name(), metrics).expect("valid");
        let mut ticket = saying("b", FIRST);
        ticket.event_type = "ticket.updated".into();
        let mut other = ticket.clone();
        other.raw = SECOND.into();
        let events = [
            saying("a", FIRST),
            saying("a", SECOND),
            saying("a", SECOND),
            saying("a", FIRST),
            ticket,
            other,
        ];
        for _ in 0..2 {
            sink.deliver(&batch(0, &events)).await.expect("available");
        }
        let mut text = String::new();
        encode(&mut text, &registry).expect("encodes");
        for line in [
            r#"forebay_sinks_table_repeats_differing_total{sink="postgres",source="wa-1",type="message.created"} 2"#,
            r#"forebay_sinks_table_repeats_differing_total{sink="postgres",source="wa-1",type="ticket.updated"} 1"#,
        ] {
            assert!(text.contains(line), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn variants_larger_than_one_statement_may_carry_are_all_kept() {
    with_database(|database| async move {
        let body = |letter: &str| format!("\"{}\"", letter.repeat(2_000_000));
        let names = (0..12).map(|n| format!("large-{n}"));
        let (first, second): (Vec<_>, Vec<_>) = names.map(|n| (saying(&n, &body("x")), saying(&n, &body("y")))).unzip();
        let sink = database.sink();
        assert!(all_delivered(
            &sink.deliver(&batch(0, &first)).await.expect("available")
        ));
        assert!(all_delivered(
            &sink.deliver(&batch(12, &second)).await.expect("available")
        ));
        let bytes: i64 = database.value("SELECT sum(length(raw)) FROM event_variant").await;
        assert_eq!(bytes, 12 * 2_000_002);
    })
    .await;
}
