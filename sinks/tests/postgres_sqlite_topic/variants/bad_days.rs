//! Variants when something goes wrong: a refusal, an end in the middle, several writers at once, a database of the version before.

use std::sync::Arc;

use schemas::record::Offset;
use schemas::secret::Secret;
use schemas::sink::{Outcome, Sink as _};
use sinks::postgres::PostgresSink;
use sinks::table::Metrics;
use tokio::sync::Barrier;

use super::{Base, FIRST, SECOND, THIRD, on_both, saying};
use crate::conformance::all_delivered;
use crate::database::{rejected, sink_name, with_database};
use crate::events::{Sample, batch, kept, samples};
use crate::postgres_bad_days::{waiting_backends, while_the_progress_is_locked};
use crate::proxy::proxy;
use crate::sqlite::File;

#[tokio::test]
async fn a_variant_that_the_database_refuses_is_rejected_and_no_other() {
    on_both(|base| {
        Box::pin(async move {
            base.run(match base {
                Base::Postgres(_) => {
                    "ALTER TABLE event_variant ADD CONSTRAINT no_poison CHECK (encode(raw, 'escape') !~ 'poison')"
                }
                Base::Sqlite(_) => {
                    "CREATE TRIGGER refuse BEFORE INSERT ON event_variant WHEN CAST(NEW.raw AS text) LIKE '%poison%'
                     BEGIN SELECT RAISE(ABORT, 'no_poison'); END"
                }
            })
            .await;
            let poison = r#"{"id":1,"status":"poison"}"#;
            let events = [
                saying("a", FIRST),
                saying("b", FIRST),
                saying("a", SECOND),
                saying("a", poison),
                saying("b", SECOND),
                saying("a", FIRST),
            ];
            let sink = base.sink().await;
            for _ in 0..2 {
                let outcomes = sink.deliver(&batch(0, &events)).await.expect("available");
                let reason = rejected(&outcomes[3]);
                assert!(
                    reason.contains("differs from the stored event") && reason.contains("no_poison"),
                    "{reason}"
                );
                let delivered = outcomes.iter().filter(|o| **o == Outcome::Delivered).count();
                assert_eq!(delivered, 5, "{outcomes:?}");
                assert_eq!(kept(&*sink, 0).await, Some(Offset(3)), "it waits for its dead letter");
                assert_eq!(
                    base.variants().await,
                    [format!("1 from 2 to 2: {SECOND}"), format!("1 from 4 to 4: {SECOND}")]
                );
            }
        })
    })
    .await;
}

#[tokio::test]
async fn a_repeat_of_a_refused_event_goes_with_it() {
    with_database(|database| async move {
        database
            .run("ALTER TABLE event ADD CONSTRAINT no_poison CHECK (subject <> 'poison')")
            .await;
        let mut event = saying("a", FIRST);
        event.subject = "poison".into();
        let repeat = Sample {
            raw: SECOND.to_owned(),
            ..event.clone()
        };
        let outcomes = database
            .sink()
            .deliver(&batch(0, &[event, repeat]))
            .await
            .expect("available");
        for outcome in &outcomes {
            assert!(rejected(outcome).contains("no_poison"));
        }
        assert!(Base::Postgres(&database).variants().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn writers_of_the_same_repeats_neither_deadlock_nor_double() {
    const ROUNDS: usize = 4;
    with_database(|database| async move {
        database
            .run(
                "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END $$;
                 CREATE TRIGGER slow BEFORE INSERT ON event_variant FOR EACH ROW EXECUTE FUNCTION slow()",
            )
            .await;
        // What a partition has, as workers see it that all take it for theirs: some have read it to its end, some are behind.
        let together = Arc::new(Barrier::new(6));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..6 {
            let (sink, together) = (database.sink(), Arc::clone(&together));
            writers.spawn(async move {
                for round in 0..ROUNDS {
                    let firsts = samples(&format!("{round}"), 10);
                    let with = |raw: &str| -> Vec<Sample> {
                        let changed = firsts.iter().cloned();
                        changed
                            .map(|event| Sample {
                                raw: raw.to_owned(),
                                ..event
                            })
                            .collect()
                    };
                    let mut repeats = [with(SECOND), with(THIRD), with(SECOND)].concat();
                    if writer % 2 == 0 {
                        repeats.truncate(10);
                    }
                    // Stored beforehand, so that no writer waits for another before it comes to the variants.
                    let first = i64::try_from(round * 40).expect("small");
                    for batch in [batch(first, &firsts), batch(first + 10, &repeats)] {
                        together.wait().await;
                        let outcomes = sink.deliver(&batch).await;
                        assert!(all_delivered(&outcomes.expect("no deadlock and no time-out")));
                    }
                }
            });
        }
        while let Some(writer) = writers.join_next().await {
            writer.expect("no writer failed");
        }
        assert_eq!(database.rows().await, 40);
        let kept: Vec<i64> = database
            .value("SELECT array_agg(times ORDER BY times) FROM event_variant")
            .await;
        assert_eq!(kept, [[1; 40], [2; 40]].concat());
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_is_behind_takes_back_nothing_that_another_has_counted() {
    with_database(|database| async move {
        let base = Base::Postgres(&database);
        base.deliver(0, &[saying("a", FIRST)]).await;
        // Each waits, before it writes, for the lock of the number that it has counted to.
        database
            .run(
                "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN PERFORM pg_advisory_xact_lock_shared(NEW.times); RETURN NEW; END $$;
                 CREATE TRIGGER wait BEFORE INSERT ON event_variant FOR EACH ROW EXECUTE FUNCTION wait()",
            )
            .await;
        let mut locks = database.connection().await;
        let mut lock = async |statement: &'static str| {
            let locked = sqlx::query(statement).execute(&mut locks).await;
            locked.expect("a lock");
        };
        lock("SELECT pg_advisory_lock(1), pg_advisory_lock(2)").await;
        let deliver = |events: usize| {
            let (sink, repeats) = (database.sink(), vec![saying("a", SECOND); events]);
            tokio::spawn(async move { sink.deliver(&batch(1, &repeats)).await.expect("available") })
        };
        let (behind, ahead) = (deliver(1), deliver(2));
        waiting_backends(&database, "count(*) / 2").await;
        lock("SELECT pg_advisory_unlock(2)").await;
        assert!(all_delivered(&ahead.await.expect("ends")));
        assert_eq!(base.variants().await, [format!("2 from 1 to 2: {SECOND}")]);
        lock("SELECT pg_advisory_unlock(1)").await;
        assert!(all_delivered(&behind.await.expect("ends")));
        assert_eq!(base.variants().await, [format!("2 from 1 to 2: {SECOND}")]);
    })
    .await;
}

#[tokio::test]
async fn what_ends_in_the_middle_leaves_no_variant_and_again_is_enough() {
    with_database(|database| async move {
        let base = Base::Postgres(&database);
        let sink = database.sink();
        sink.deliver(&batch(0, &[saying("a", FIRST)])).await.expect("available");
        let repeats = batch(1, &[saying("a", SECOND), saying("a", THIRD), saying("b", FIRST)]);
        while_the_progress_is_locked(&database, async || {
            sink.deliver(&repeats).await.expect_err("its backend died");
        })
        .await;
        assert!(base.variants().await.is_empty(), "nothing half");
        assert_eq!(base.stored().await, [FIRST]);
        assert!(all_delivered(&sink.deliver(&repeats).await.expect("available again")));
        assert_eq!(
            base.variants().await,
            [format!("1 from 1 to 1: {SECOND}"), format!("1 from 2 to 2: {THIRD}")]
        );
        assert_eq!(kept(&sink, 0).await, Some(Offset(4)));
    })
    .await;
}

#[tokio::test]
async fn a_database_that_goes_away_in_the_middle_loses_and_doubles_nothing() {
    with_database(|database| async move {
        let proxy = proxy().await;
        let mut config = database.config();
        config.url = Secret::new(proxy.url(&database.url).as_str());
        config.connect_timeout_ms = 300;
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        let base = Base::Postgres(&database);
        base.deliver(0, &[saying("a", FIRST)]).await;
        let repeats = batch(
            1,
            &[
                saying("a", SECOND),
                saying("b", FIRST),
                saying("a", SECOND),
                saying("b", THIRD),
            ],
        );
        let mut other = database.connection().await;
        let mut blocking = sqlx::Connection::begin(&mut other).await.expect("begins");
        sqlx::query("SELECT 1 FROM sink_position FOR UPDATE")
            .execute(&mut *blocking)
            .await
            .expect("locks");
        let (result, ()) = tokio::join!(sink.deliver(&repeats), async {
            waiting_backends(&database, "count(*)").await;
            proxy.cut();
            proxy.listening(false).await;
        });
        result.expect_err("it went away");
        sink.deliver(&repeats).await.expect_err("it is still away");
        blocking.rollback().await.expect("rolls back");
        proxy.open();
        proxy.listening(true).await;
        for _ in 0..2 {
            assert!(all_delivered(&sink.deliver(&repeats).await.expect("available again")));
            assert_eq!(base.stored().await, [FIRST, FIRST]);
            assert_eq!(
                base.variants().await,
                [format!("2 from 1 to 3: {SECOND}"), format!("1 from 4 to 4: {THIRD}")]
            );
        }
        assert_eq!(kept(&sink, 0).await, Some(Offset(5)));
    })
    .await;
}

#[tokio::test]
async fn a_write_that_fails_in_the_middle_keeps_no_variant_in_sqlite() {
    let file = File::new();
    let base = Base::Sqlite(&file);
    let sink = file.sink().await;
    base.deliver(0, &[saying("a", FIRST)]).await;
    // Refused for what is no fault of the row: as an error in the middle of the transaction.
    file.run(
        "CREATE TRIGGER broken BEFORE INSERT ON event_variant WHEN NEW.log_offset = 2
         BEGIN SELECT * FROM no_such_table; END",
    )
    .await;
    let repeats = batch(1, &[saying("a", SECOND), saying("a", THIRD), saying("b", FIRST)]);
    sink.deliver(&repeats).await.expect_err("in the middle");
    assert_eq!(
        (base.variants().await.len(), base.stored().await.len()),
        (0, 1),
        "nothing half"
    );
    file.run("DROP TRIGGER broken").await;
    assert!(all_delivered(&sink.deliver(&repeats).await.expect("available again")));
    assert_eq!((base.variants().await.len(), base.stored().await.len()), (2, 2));
}

#[tokio::test]
async fn a_database_of_the_version_before_gets_the_table_and_keeps_its_rows() {
    const BEFORE: &str = "DROP TABLE event_variant; DELETE FROM _sqlx_migrations WHERE version = 4";
    with_database(|database| async move {
        let base = Base::Postgres(&database);
        base.deliver(0, &[saying("a", FIRST)]).await;
        database.run(BEFORE).await;
        let sink = database.sink();
        let reason = sink.ready().await.expect_err("not migrated").to_string();
        assert!(reason.contains("lacks migration 4: run `forebay migrate`"), "{reason}");
        // Another session writes while it is migrated.
        let mut other = database.connection().await;
        let mut writing = sqlx::Connection::begin(&mut other).await.expect("begins");
        sqlx::query("UPDATE event SET subject = 'x'")
            .execute(&mut *writing)
            .await
            .expect("writes");
        sinks::postgres::migrate(&database.config())
            .await
            .expect("waits for no writer");
        writing.rollback().await.expect("rolls back");
        base.deliver(1, &[saying("a", SECOND)]).await;
        assert_eq!(base.variants().await, [format!("1 from 1 to 1: {SECOND}")]);
    })
    .await;

    let file = File::new();
    let base = Base::Sqlite(&file);
    base.deliver(0, &[saying("a", FIRST)]).await;
    file.run(BEFORE).await;
    base.deliver(1, &[saying("a", SECOND)]).await;
    assert_eq!(base.variants().await, [format!("1 from 1 to 1: {SECOND}")]);
}
