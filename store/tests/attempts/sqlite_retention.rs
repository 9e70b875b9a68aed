//! What is older than the retention goes, in SQLite.

use harness::eventually;
use store::attempts::Config;

use crate::stage::{Database, PATIENCE, delivered};

#[tokio::test]
async fn what_is_older_than_the_retention_is_removed_step_by_step_and_the_rest_stays() {
    let database = Database::sqlite().await;
    database
        .run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3500)
             INSERT INTO attempt (at, event_id, log_offset, log_partition, number, total_us, sink, target, tenant, event_type,
                                  class, log_topic)
             SELECT (unixepoch() - CASE WHEN i <= 3000 THEN 3 ELSE 1 END * 86400 - 600) * 1000, 'e', i, 0, 1, 1, 'http', 'crm',
                    'acme', 'message.created', 'delivered', 't' FROM n",
        )
        .await;
    let mut log = database.open(&Config {
        retention_days: 2,
        ..Config::default()
    });
    let running = log.start();
    // It is written meanwhile.
    log.attempts.record(delivered("crm", 1));
    log.until_written(1).await;
    let ask = async || (database.number("SELECT count(*) FROM attempt").await == 501).then_some(());
    eventually("the old ones are removed", PATIENCE, ask).await;
    running.end().await;
    assert_eq!(database.number("SELECT count(*) FROM attempt").await, 501);
}
