//! Several servers: a primary that dies, a standby that becomes one, a server that takes no writes for a while.

use std::time::{Duration, Instant};

use harness::postgres_server::PostgresServer;
use schemas::record::Offset;
use schemas::secret::Secret;
use schemas::sink::Sink as _;
use sinks::postgres::{Config, PostgresSink, migrate};
use sinks::table::Metrics;
use sqlx::{Connection as _, PgConnection};

use crate::conformance::all_delivered;
use crate::database::{sink_name, with_database};
use crate::events::{batch, kept, samples};

const PATIENCE: Duration = Duration::from_secs(30);

fn config(hosts: &str, rest: &str) -> Config {
    Config {
        url: Secret::new(format!("postgres://postgres@{hosts}/postgres{rest}")),
        connect_timeout_ms: 2_000,
        ..Config::default()
    }
}

fn open(config: &Config) -> PostgresSink {
    PostgresSink::connect(config, sink_name(), Metrics::default()).expect("a valid configuration")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_the_new_primary_is_found_and_nothing_is_lost_or_doubled() {
    const BATCHES: i64 = 60;
    let mut primary = PostgresServer::primary();
    let standby = primary.standby();
    // The standby comes first: it is passed over until it takes writes.
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", standby.port, primary.port);
    let config = config(&hosts, "");
    migrate(&config).await.expect("the primary is found");
    let sink = open(&config);
    sink.ready().await.expect("ready");

    let alone = self::config(&format!("127.0.0.1:{}", standby.port), "");
    let error = open(&alone).ready().await.expect_err("a standby").to_string();
    assert!(
        error.contains("takes writes") && error.contains("is a standby, and read-only"),
        "{error}"
    );
    // Whatever the URL says, a session that only reads is of no use.
    let any = self::config(&hosts, "?target_session_attrs=any");
    open(&any).ready().await.expect("the second");

    // As the processor does: the same batch again until it is taken.
    let (mut away, mut reasons) = (Duration::ZERO, Vec::new());
    for number in 0..BATCHES {
        let events = batch(number * 20, &samples(&format!("b{number}"), 20));
        if number == 30 {
            primary.crash();
        }
        let started = Instant::now();
        loop {
            match sink.deliver(&events).await {
                Ok(outcomes) => break assert!(all_delivered(&outcomes)),
                Err(error) => reasons.push(error.to_string()),
            }
            if reasons.len() == 2 {
                let error = sink.ready().await.expect_err("no primary").to_string();
                assert!(error.contains("is a standby"), "{error}");
                standby.promote();
            }
            assert!(started.elapsed() < PATIENCE, "{reasons:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        away = away.max(started.elapsed());
    }
    assert!(reasons.len() >= 2, "{reasons:?}");
    println!("away for {away:?}: {reasons:?}");
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", standby.port);
    let mut new = PgConnection::connect(&url).await.expect("the new primary");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM event")
        .fetch_one(&mut new)
        .await
        .expect("a count");
    let different: i64 = sqlx::query_scalar("SELECT count(DISTINCT log_offset) FROM event")
        .fetch_one(&mut new)
        .await
        .expect("a count");
    assert_eq!((rows, different), (BATCHES * 20, BATCHES * 20));
    assert_eq!(kept(&sink, 0).await, Some(Offset(BATCHES * 20)));
    sink.ready().await.expect("ready");
}

#[tokio::test]
async fn a_server_that_takes_no_writes_for_a_while_is_waited_for() {
    with_database(|database| async move {
        let sink = database.sink();
        assert!(all_delivered(
            &sink.deliver(&batch(0, &samples("a", 5))).await.expect("available")
        ));
        let name: String = database.value("SELECT current_database()::text").await;
        let mut admin = database.connection().await;
        let set = |to: &str| format!("ALTER DATABASE {name} SET default_transaction_read_only = {to}");
        let run = async |admin: &mut PgConnection, statement: String| {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                .execute(admin)
                .await
                .expect("done");
        };
        run(&mut admin, set("on")).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        run(&mut admin, end.to_owned()).await;
        for _ in 0..2 {
            let error = sink
                .deliver(&batch(5, &samples("b", 5)))
                .await
                .expect_err("read-only")
                .to_string();
            assert!(error.contains("is read-only; it is looked for again"), "{error}");
            assert!(sink.ready().await.is_err());
        }
        run(
            &mut admin,
            format!("SET default_transaction_read_only = off; {}", set("off")),
        )
        .await;
        sink.ready().await.expect("ready again");
        assert!(all_delivered(
            &sink.deliver(&batch(5, &samples("b", 5))).await.expect("available")
        ));
        assert_eq!(database.rows().await, 10);
    })
    .await;
}

/// As a server does that is demoted without ending its sessions.
#[tokio::test]
async fn a_session_that_stops_taking_writes_is_not_used_again() {
    with_database(|database| async move {
        let sink = database.sink();
        assert!(sink.deliver(&batch(0, &samples("a", 5))).await.is_ok());
        // Writes fail though the session said that it takes them.
        database
            .run(
                "CREATE FUNCTION demoted() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN RAISE 'cannot execute INSERT in a read-only transaction' USING ERRCODE = '25006'; END $$;
                 CREATE TRIGGER demoted BEFORE INSERT ON event EXECUTE FUNCTION demoted()",
            )
            .await;
        let backends = "SELECT array_agg(pid ORDER BY pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND application_name = 'forebay'";
        let before: Vec<i32> = database.value(backends).await;
        let error = sink
            .deliver(&batch(5, &samples("b", 5)))
            .await
            .expect_err("read-only")
            .to_string();
        assert!(error.contains("is it a standby?"), "{error}");
        database.run("DROP TRIGGER demoted ON event").await;
        assert!(sink.deliver(&batch(5, &samples("b", 5))).await.is_ok());
        let after: Vec<i32> = database.value(backends).await;
        assert!(before.iter().all(|pid| !after.contains(pid)), "{before:?} {after:?}");
        assert_eq!(database.rows().await, 10);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_says_nothing_leaves_time_for_the_next() {
    with_database(|database| async move {
        // It takes connections and never answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
        let mut url = database.url.as_str().to_owned();
        let port = database.url.port().expect("a port");
        let silent_port = silent.local_addr().expect("an address").port();
        url = url.replace(&format!(":{port}/"), &format!(":{silent_port},127.0.0.1:{port}/"));
        let mut config = database.config();
        config.url = Secret::new(url);
        config.connect_timeout_ms = 1_000;
        let sink = open(&config);
        sink.ready().await.expect("the second");
        // From now on the second comes first.
        let started = Instant::now();
        assert!(open(&config).ready().await.is_ok());
        let first = started.elapsed();
        let started = Instant::now();
        assert!(sink.deliver(&batch(0, &samples("a", 5))).await.is_ok());
        assert!(
            first >= Duration::from_millis(450),
            "a sink that knows nothing asks the first: {first:?}"
        );
        assert!(
            started.elapsed() < Duration::from_millis(400),
            "{:?}",
            started.elapsed()
        );
    })
    .await;
}
