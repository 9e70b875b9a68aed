//! That the reads use the indexes.

use sqlx::AssertSqlSafe;
use store::attempts::{Config, keep_partitions};

use crate::stage::{Database, sessions};

/// 50 000 attempts of today and yesterday; every tenth has a second attempt; one target has no failure.
const FILL_POSTGRES: &str = "
INSERT INTO attempt (at, event_id, log_offset, log_partition, number, total_us, sink, target, tenant, event_type, class, log_topic)
SELECT date_trunc('day', now() at time zone 'utc') at time zone 'utc' + (g - 25000) * interval '1 second',
       md5((g - (g % 10) / 9)::text)::uuid, g, 1, 1 + (g % 10) / 9, 900, 'http', 'target_' || g / 2 % 10, 'acme', 'message.created',
       CASE WHEN g / 2 % 10 = 7 OR g % 10 < 5 THEN 'delivered' ELSE 'status_5xx' END, 'forebay.events'
FROM generate_series(1, 50000) g;
ANALYZE";

const FILL_SQLITE: &str = "
WITH RECURSIVE n(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < 50000)
INSERT INTO attempt (at, event_id, log_offset, log_partition, number, total_us, sink, target, tenant, event_type, class, log_topic)
SELECT 1000 * g, printf('%d', g - (g % 10) / 9), g, 1, 1 + (g % 10) / 9, 900, 'http', 'target_' || (g / 2 % 10), 'acme',
       'message.created', CASE WHEN g / 2 % 10 = 7 OR g % 10 < 5 THEN 'delivered' ELSE 'status_5xx' END, 'forebay.events' FROM n";

const OF_TARGET: &str = "SELECT * FROM attempt WHERE sink = 'http' AND target = 'target_3' ORDER BY at DESC LIMIT 50";
const FAILURES_OF_TARGET: &str = "SELECT * FROM attempt WHERE sink = 'http' AND target = 'target_7' AND class <> 'delivered' ORDER BY at DESC LIMIT 50";
const STATES_OF_TARGET: &str =
    "SELECT * FROM delivery_state WHERE sink = 'http' AND target = 'target_3' ORDER BY last_attempt_at DESC LIMIT 50";

#[tokio::test]
async fn postgresql_reads_a_target_and_an_event_by_index() {
    let database = Database::postgres().await;
    keep_partitions(&sessions(database.pool()), &Config::default())
        .await
        .expect("today");
    let yesterday = chrono::Utc::now().date_naive() - chrono::Days::new(1);
    let (name, next) = (yesterday.format("%Y%m%d"), yesterday + chrono::Days::new(1));
    database
        .run(format!(
            "CREATE TABLE attempt_{name} PARTITION OF attempt FOR VALUES FROM ('{yesterday} 00:00+00') TO ('{next} 00:00+00')"
        ))
        .await;
    database.run(FILL_POSTGRES).await;
    let event = "md5('500')::uuid";
    for (query, index) in [
        (OF_TARGET.to_owned(), "_target_at_idx"),
        (FAILURES_OF_TARGET.to_owned(), "_target_at_idx1"),
        (
            format!("SELECT * FROM attempt WHERE event_id = {event} ORDER BY at, number"),
            "_event_id_idx",
        ),
        (STATES_OF_TARGET.to_owned(), "_target_at_idx"),
        (
            format!("SELECT * FROM delivery_state WHERE event_id = {event}"),
            "_event_id_idx",
        ),
    ] {
        let explain = AssertSqlSafe(format!("EXPLAIN (ANALYZE, TIMING OFF) {query}"));
        let plan: Vec<String> = sqlx::query_scalar(explain)
            .fetch_all(database.pool())
            .await
            .expect("a plan");
        let plan = plan.join("\n");
        assert!(plan.contains(index), "{query}\n{plan}");
        for day in [&name, &next.format("%Y%m%d")] {
            assert!(
                !plan.contains(&format!("Seq Scan on attempt_{day} ")),
                "{query}\n{plan}"
            );
        }
        // Nothing reads a whole target and sorts it.
        assert!(!query.contains("LIMIT") || !plan.contains("Sort"), "{query}\n{plan}");
    }
}

#[tokio::test]
async fn sqlite_reads_a_target_and_an_event_by_index() {
    let database = Database::sqlite().await;
    database.run(FILL_SQLITE).await;
    let Database::Sqlite(pool, _) = &database else {
        panic!("SQLite");
    };
    for (query, index) in [
        (OF_TARGET, "attempt_target_at"),
        (FAILURES_OF_TARGET, "attempt_failed_target_at"),
        (
            "SELECT * FROM attempt WHERE event_id = '500' ORDER BY at, number",
            "attempt_event_id",
        ),
        (STATES_OF_TARGET, "attempt_target_at"),
        (
            "SELECT * FROM delivery_state WHERE event_id = '500'",
            "attempt_event_id",
        ),
    ] {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(pool).await.expect("a plan");
        let plan: Vec<String> = plan.into_iter().map(|(.., detail)| detail).collect();
        let by_index = |step: &String| step.contains(&format!("USING INDEX {index} "));
        assert!(plan.iter().any(by_index), "{query}\n{plan:#?}");
        assert!(
            !plan.iter().any(|step| step.starts_with("SCAN a")),
            "{query}\n{plan:#?}"
        );
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!query.contains("LIMIT") || !sorts, "{query}\n{plan:#?}");
    }
}
