//! Partitions by day: made ahead, dropped after the retention.

use chrono::{Days, NaiveDate, Utc};
use harness::eventually;
use schemas::attempt::Attempt;
use sqlx::{AssertSqlSafe, PgPool};
use store::attempts::{Config, keep_partitions};

use crate::stage::{Database, Log, PATIENCE, ago, delivered, sessions};

const PARTITIONS: &str = "SELECT relname::text FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'attempt'::regclass ORDER BY 1";

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

fn name(day: NaiveDate) -> String {
    format!("attempt_{}", day.format("%Y%m%d"))
}

/// Makes the partition of a day some days ago, under a name of its own or the usual one.
async fn make(database: &Database, days_ago: u64, called: Option<&str>) -> String {
    let day = today() - Days::new(days_ago);
    let next = day + Days::new(1);
    let name = called.map_or_else(|| name(day), str::to_owned);
    database
        .run(format!(
            "CREATE TABLE {name} PARTITION OF attempt FOR VALUES FROM ('{day} 00:00+00') TO ('{next} 00:00+00')"
        ))
        .await;
    name
}

fn ahead(today: NaiveDate) -> Vec<String> {
    (0..=3).map(|days| name(today + Days::new(days))).collect()
}

#[tokio::test]
async fn today_and_three_days_are_made_and_days_beyond_the_retention_are_dropped() {
    let database = Database::postgres().await;
    let before = today();
    make(&database, 4, None).await;
    make(&database, 3, None).await;
    let kept = make(&database, 2, None).await;
    let of_others = make(&database, 40, Some("attempt_kept_for_the_auditor")).await;
    let mut log = database.open(&Config {
        retention_days: 2,
        ..Config::default()
    });
    let running = log.start();
    log.attempts.record(delivered("crm", 1));
    log.until_written(1).await;
    if today() == before {
        let mut expected = vec![kept];
        expected.extend(ahead(before));
        expected.push(of_others);
        assert_eq!(database.texts(PARTITIONS).await, expected);
    }
    running.end().await;
}

#[tokio::test]
async fn several_processes_make_them_at_once() {
    let database = Database::postgres().await;
    let config = Config::default();
    let processes = [(); 3].map(|()| sessions(database.pool()));
    let [one, two, three] = &processes;
    let (a, b, c) = tokio::join!(
        keep_partitions(one, &config),
        keep_partitions(two, &config),
        keep_partitions(three, &config),
    );
    assert_eq!([a, b, c], [Ok(()), Ok(()), Ok(())]);
    let made = database.texts(PARTITIONS).await;
    assert!(made.len() >= 4 && made.contains(&name(today())), "{made:?}");
}

#[tokio::test]
async fn a_day_that_someone_reads_is_dropped_later_and_no_one_waits_for_it_for_long() {
    let database = Database::postgres().await;
    let old = make(&database, 9, None).await;
    let config = Config {
        retention_days: 2,
        ..Config::default()
    };
    let mut reading = database.pool().begin().await.expect("a transaction");
    let read = sqlx::query("SELECT count(*) FROM attempt").execute(&mut *reading);
    read.await.expect("read");
    assert_eq!(keep_partitions(&sessions(database.pool()), &config).await, Ok(()));
    let partitions = database.texts(PARTITIONS).await;
    // Those to come are made although someone reads.
    assert!(partitions.contains(&old) && partitions.len() >= 5, "{partitions:?}");
    reading.rollback().await.expect("ended");
    assert_eq!(keep_partitions(&sessions(database.pool()), &config).await, Ok(()));
    assert!(!database.texts(PARTITIONS).await.contains(&old));
}

#[tokio::test]
async fn a_row_of_a_day_without_partition_is_counted_and_the_others_are_written() {
    let database = Database::postgres().await;
    let mut log = database.open(&Config::default());
    for number in 0..600 {
        let days_ago = if number % 100 == 7 { 40 } else { 0 };
        log.attempts.record(Attempt {
            at: ago(days_ago * 86_400_000),
            ..delivered("crm", number)
        });
    }
    let running = log.start();
    log.until_written(594).await;
    assert_eq!(log.dropped("no_partition"), 6);
    assert_eq!(database.number("SELECT count(*) FROM attempt").await, 594);
    running.end().await;
}

/// A user of the database, who may write attempts and nothing else; to be given to `drop_user`.
async fn user(database: &Database) -> (PgPool, String) {
    let Database::Postgres(owned) = database else {
        panic!("not PostgreSQL");
    };
    let (before, name) = owned.url.rsplit_once('/').expect("a database");
    let user = format!("{name}_user");
    database
        .run(format!(
            "CREATE ROLE {user} LOGIN; GRANT SELECT, INSERT ON attempt TO {user}"
        ))
        .await;
    let at = before.rsplit_once('@').expect("a user").1;
    let pool = PgPool::connect(&format!("postgres://{user}@{at}/{name}")).await;
    (pool.expect("connected"), user)
}

async fn drop_user(database: &Database, pool: PgPool, user: &str) {
    pool.close().await;
    let statement = format!("DROP OWNED BY {user}; DROP ROLE {user}");
    let dropped = sqlx::raw_sql(AssertSqlSafe(statement)).execute(database.pool());
    dropped.await.expect("dropped");
}

#[tokio::test]
async fn a_user_who_may_not_make_partitions_writes_into_those_of_the_owner_and_learns_what_is_missing() {
    let database = Database::postgres().await;
    let (pool, user) = user(&database).await;
    let config = Config::default();
    let missing = keep_partitions(&sessions(&pool), &config).await.expect_err("no right");
    for part in ["`attempt`", "role that owns the table", "forebay migrate"] {
        assert!(missing.contains(part), "{missing}");
    }
    let mut log = Log::postgres(&pool, &config);
    let running = log.start();
    log.attempts.record(delivered("crm", 1));
    let dropped = async || (log.dropped("no_partition") == 1).then_some(());
    eventually("the row is counted", PATIENCE, dropped).await;
    assert_eq!(keep_partitions(&sessions(database.pool()), &config).await, Ok(()));
    log.attempts.record(delivered("crm", 2));
    log.until_written(1).await;
    running.end().await;
    drop_user(&database, pool, &user).await;
}
