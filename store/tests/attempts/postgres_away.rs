//! A server that hangs or is away: no one waits, memory is bounded, and it goes on afterwards.

use std::time::{Duration, Instant};

use harness::eventually;
use harness::proxy::Proxy;
use sqlx::PgPool;
use store::attempts::Config;

use crate::stage::{Database, Log, PATIENCE, delivered};

async fn proxied(database: &Database) -> (Proxy, PgPool) {
    let Database::Postgres(owned) = database else {
        panic!("not PostgreSQL");
    };
    let (user, rest) = owned.url.split_once('@').expect("a user");
    let (server, name) = rest.split_once('/').expect("a database");
    let proxy = Proxy::start("127.0.0.1:0", server).await;
    let url = format!("{user}@{}/{name}", proxy.address);
    let pool = PgPool::connect_lazy(&url).expect("a URL");
    (proxy, pool)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recording_never_waits_for_a_server_that_hangs_and_what_does_not_fit_is_counted() {
    const RECORDED: u64 = 20_000;
    let database = Database::postgres().await;
    let (proxy, pool) = proxied(&database).await;
    let config = Config {
        queue_max_bytes: 1_048_576,
        ..Config::default()
    };
    let mut log = Log::postgres(&pool, &config);
    let running = log.start();
    log.attempts.record(delivered("crm", 0));
    log.until_written(1).await;
    proxy.stall();
    let attempts: Vec<_> = (1..=RECORDED).map(|number| delivered("crm", number)).collect();
    let before = Instant::now();
    for attempt in attempts {
        log.attempts.record(attempt);
    }
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
    let (dropped, waiting) = (log.dropped("queue_full"), log.metric("waiting"));
    assert_eq!(dropped + waiting, RECORDED);
    // An attempt takes about 400 bytes.
    assert!((1_500..4_000).contains(&waiting), "{waiting} wait");
    proxy.open();
    log.until_written(1 + waiting).await;
    log.attempts.record(delivered("crm", RECORDED + 1));
    log.until_written(2 + waiting).await;
    assert_eq!((log.dropped("queue_full"), log.metric("waiting")), (dropped, 0));
    running.end().await;
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_or_breaks_off_costs_nothing_that_fits() {
    let database = Database::postgres().await;
    let (proxy, pool) = proxied(&database).await;
    proxy.cut();
    proxy.listening(false).await;
    let mut log = Log::postgres(&pool, &Config::default());
    let running = log.start();
    for round in 0..3 {
        for number in 0..700 {
            log.attempts.record(delivered("crm", round * 700 + number));
        }
        assert!(log.metric("waiting") >= 700);
        proxy.open();
        log.until_written(700 * (round + 1)).await;
        proxy.cut();
        proxy.listening(false).await;
    }
    proxy.open();
    running.end().await;
    assert_eq!(database.number("SELECT count(*) FROM attempt").await, 2_100);
}

#[tokio::test]
async fn a_server_that_hangs_when_the_process_ends_is_waited_for_two_seconds() {
    let database = Database::postgres().await;
    let (proxy, pool) = proxied(&database).await;
    let mut log = Log::postgres(&pool, &Config::default());
    let running = log.start();
    log.attempts.record(delivered("crm", 0));
    log.until_written(1).await;
    proxy.stall();
    for number in 1..=3_000 {
        log.attempts.record(delivered("crm", number));
    }
    let before = Instant::now();
    running.end().await;
    let took = before.elapsed();
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(5)).contains(&took),
        "{took:?}"
    );
    assert_eq!((log.dropped("database"), log.metric("waiting")), (3_000, 0));
    let ask = async || (log.written() == 1).then_some(());
    eventually("no more are counted as written", PATIENCE, ask).await;
}
