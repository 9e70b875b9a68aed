//! Rows that PostgreSQL refuses, and how a transaction is.

use schemas::attempt::Attempt;
use store::attempts::Config;

use crate::stage::{Database, ago, delivered};

#[tokio::test]
async fn a_refused_row_is_counted_and_the_others_are_written() {
    let database = Database::postgres().await;
    database
        .run("ALTER TABLE attempt ADD CONSTRAINT no_crm CHECK (target <> 'secret')")
        .await;
    let mut log = database.open(&Config::default());
    for number in 0..600 {
        let target = if number == 7 || number == 599 { "secret" } else { "crm" };
        let days_ago = if number == 300 { 40 } else { 0 };
        log.attempts.record(Attempt {
            at: ago(days_ago * 86_400_000),
            ..delivered(target, number)
        });
    }
    let running = log.start();
    log.until_written(597).await;
    assert_eq!((log.dropped("database"), log.dropped("no_partition")), (2, 1));
    assert_eq!(database.number("SELECT count(*) FROM attempt").await, 597);
    assert_eq!(log.metric("waiting"), 0);
    running.end().await;
}

#[tokio::test]
async fn the_disk_of_the_server_is_not_waited_for_and_only_in_these_transactions() {
    let database = Database::postgres().await;
    database
        .run(
            "CREATE TABLE seen (value text);
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
             CREATE TRIGGER note AFTER INSERT ON attempt FOR EACH STATEMENT EXECUTE FUNCTION note()",
        )
        .await;
    let mut log = database.open(&Config::default());
    let running = log.start();
    log.attempts.record(delivered("crm", 1));
    log.until_written(1).await;
    assert_eq!(database.texts("SELECT value FROM seen").await, ["off"]);
    running.end().await;
    let usual = database.texts("SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'");
    let now = database.texts("SELECT current_setting('synchronous_commit')");
    assert_eq!(now.await, usual.await);
}
