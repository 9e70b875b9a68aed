//! The server dies in the middle, goes away and comes back, or falls silent.

use std::time::{Duration, Instant};

use schemas::record::Offset;
use schemas::secret::Secret;
use schemas::sink::{KeepsProgress as _, Sink as _, Unavailable};
use sinks::postgres::PostgresSink;
use sinks::table::Metrics;
use sqlx::Connection as _;

use crate::conformance::all_delivered;
use crate::database::{Database, sink_name, with_database};
use crate::events::{batch, kept, partition, sample, samples};
use crate::proxy::proxy;

fn reason(result: Result<impl std::fmt::Debug, Unavailable>) -> String {
    result.expect_err("unavailable").to_string()
}

/// Polls until a backend of the sink waits for a lock, and does `what` with it.
pub(crate) async fn waiting_backends(database: &Database, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let found: i64 = database
            .value(format!(
                "SELECT {what} FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'forebay' AND wait_event_type = 'Lock'",
            ))
            .await;
        if found > 0 {
            return;
        }
        assert!(Instant::now() < deadline, "no backend ever waited");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn end_the_waiting_backend(database: &Database) {
    waiting_backends(database, "count(*) FILTER (WHERE pg_terminate_backend(pid))").await;
}

/// Does `what` while the progress is locked, and ends the backend that waits for it.
pub(crate) async fn while_the_progress_is_locked<T>(database: &Database, what: impl AsyncFnOnce() -> T) -> T {
    let mut other = database.connection().await;
    let mut blocking = other.begin().await.expect("begins");
    sqlx::query("SELECT 1 FROM sink_position FOR UPDATE")
        .execute(&mut *blocking)
        .await
        .expect("locks");
    let (done, ()) = tokio::join!(what(), end_the_waiting_backend(database));
    blocking.rollback().await.expect("rolls back");
    done
}

#[tokio::test]
async fn a_backend_that_dies_between_rows_and_progress_leaves_neither() {
    with_database(|database| async move {
        let sink = database.sink();
        sink.deliver(&batch(0, &[sample("before")])).await.expect("available");
        let events = batch(1, &samples("e", 20));
        let result = while_the_progress_is_locked(&database, async || sink.deliver(&events).await).await;
        assert!(reason(result).contains("57P01"));
        assert_eq!(database.rows().await, 1, "nothing half");
        assert_eq!(kept(&sink, 0).await, Some(Offset(1)));
        // The same batch again is all that is needed.
        assert!(all_delivered(&sink.deliver(&events).await.expect("available again")));
        assert_eq!(database.rows().await, 21);
        assert_eq!(kept(&sink, 0).await, Some(Offset(21)));
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_not_to_be_had_puts_the_batch_off() {
    with_database(|database| async move {
        let mut config = database.config();
        config.lock_timeout_ms = 100;
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        let mut other = database.connection().await;
        let mut blocking = other.begin().await.expect("begins");
        sqlx::query("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *blocking)
            .await
            .expect("locks");
        assert!(reason(sink.deliver(&batch(0, &samples("e", 3))).await).contains("55P03"));
        blocking.rollback().await.expect("rolls back");
        assert!(sink.deliver(&batch(0, &samples("e", 3))).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_slow_statement_is_given_up_by_the_server() {
    with_database(|database| async move {
        database
            .run(
                "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$;
                 CREATE TRIGGER slow BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION slow()",
            )
            .await;
        let mut config = database.config();
        (config.statement_timeout_ms, config.lock_timeout_ms) = (100, 50);
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        assert!(reason(sink.deliver(&batch(0, &samples("e", 3))).await).contains("57014"));
        assert_eq!(database.rows().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_goes_away_is_reported_and_when_it_is_back_work_continues() {
    with_database(|database| async move {
        let proxy = proxy().await;
        let mut config = database.config();
        config.url = Secret::new(proxy.url(&database.url).as_str());
        config.connect_timeout_ms = 300;
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        sink.ready().await.expect("ready");
        proxy.cut();
        proxy.listening(false).await;
        let message = reason(sink.deliver(&batch(0, &samples("e", 5))).await);
        assert!(message.contains(&proxy.address.to_string()), "{message}");
        let message = reason(sink.ready().await);
        assert!(message.contains("within 300 ms: is it running, reachable"), "{message}");
        proxy.open();
        proxy.listening(true).await;
        sink.ready().await.expect("ready again");
        assert!(all_delivered(
            &sink.deliver(&batch(0, &samples("e", 5))).await.expect("available")
        ));
        assert_eq!(database.rows().await, 5);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_was_never_there_does_not_hold_up_the_start() {
    let mut config = sinks::postgres::Config {
        url: Secret::new("postgres://forebay:hunter2@127.0.0.1:1/forebay"),
        ..Default::default()
    };
    config.connect_timeout_ms = 200;
    let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("nothing is connected yet");
    let started = Instant::now();
    let message = reason(sink.progress(&partition(0)).await);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(
        message.contains("`127.0.0.1:1`") && !message.contains("hunter2"),
        "{message}"
    );
    assert!(!format!("{sink:?} {config:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_server_that_vanishes_without_a_word_is_noticed() {
    with_database(|database| async move {
        let proxy = proxy().await;
        let mut config = database.config();
        config.url = Secret::new(proxy.url(&database.url).as_str());
        config.connect_timeout_ms = 300;
        (config.statement_timeout_ms, config.lock_timeout_ms) = (1_000, 900);
        // A connection that is not given up would be the only one.
        config.max_connections = 1;
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        // Held up by a lock, so that the silence falls while an answer is awaited.
        let mut other = database.connection().await;
        let mut blocking = other.begin().await.expect("begins");
        sqlx::query("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *blocking)
            .await
            .expect("locks");
        let events = batch(0, &samples("e", 2));
        let started = Instant::now();
        let (result, ()) = tokio::join!(sink.deliver(&events), async {
            waiting_backends(&database, "count(*)").await;
            proxy.vanish();
        });
        let message = reason(result);
        assert!(message.contains("no answer within 6000 ms"), "{message}");
        assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
        // And so is one that takes connections and says nothing.
        let message = reason(sink.deliver(&events).await);
        assert!(message.contains("within 300 ms"), "{message}");
        blocking.rollback().await.expect("rolls back");
        proxy.open();
        assert!(all_delivered(&sink.deliver(&events).await.expect("available")));
    })
    .await;
}
