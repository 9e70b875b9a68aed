//! The progress that both databases keep beside the rows: whose it is, what moves it on, and what sets it.

use schemas::record::{PartitionProgress, TopicId};
use schemas::sink::{KeepsProgress, Sink};
use sinks::table::Metrics;

use crate::conformance::all_delivered;
use crate::database::{sink_name, with_database};
use crate::events::{batch, partition, progress, sample, samples};
use crate::sqlite::File;

/// Makes of a database what the version before this one made.
const BEFORE: &str = "ALTER TABLE sink_position DROP COLUMN topic_id; DROP TABLE event_variant; \
     DELETE FROM _sqlx_migrations WHERE version IN (3, 4)";

/// What a version before this one writes with every batch.
const STORE_BEFORE: &str = "\
INSERT INTO sink_position AS p (sink, topic, partition, next_offset) VALUES ('postgres', 'forebay.events', 0, OFFSET)
ON CONFLICT (sink, topic, partition)
DO UPDATE SET next_offset = GREATEST(p.next_offset, EXCLUDED.next_offset), updated = now()";

fn of_topic(id: Option<&'static str>, next: i64) -> PartitionProgress {
    PartitionProgress {
        topic_id: id.map(TopicId::new),
        ..progress(0, next)
    }
}

fn keeper(sink: &dyn Sink) -> &dyn KeepsProgress {
    sink.kept_progress().expect("a database keeps progress")
}

async fn set(sink: &dyn Sink, id: Option<&'static str>, next: i64) {
    let set = keeper(sink).set_progress(&of_topic(id, next)).await;
    set.expect("available");
}

async fn checkpoint(sink: &dyn Sink, id: Option<&'static str>, next: i64) {
    let stored = keeper(sink).checkpoint(&of_topic(id, next)).await;
    stored.expect("available");
}

/// A batch of one event, which moves progress on to `next`.
async fn deliver(sink: &dyn Sink, identity: &str, id: Option<&'static str>, next: i64) {
    let mut batch = batch(next - 1, &[sample(identity)]);
    batch.progress = Some(of_topic(id, next));
    assert!(all_delivered(&sink.deliver(&batch).await.expect("available")));
}

async fn is_kept(sink: &dyn Sink, id: Option<&'static str>, next: i64) {
    let kept = keeper(sink).progress(&partition(0)).await.expect("available");
    assert_eq!(kept, Some(of_topic(id, next)));
}

async fn progress_belongs_to_a_topic(sink: &dyn Sink) {
    // What is stored comes back with its id, and never goes back.
    deliver(sink, "a", Some("first"), 100).await;
    is_kept(sink, Some("first"), 100).await;
    deliver(sink, "b", Some("first"), 50).await;
    checkpoint(sink, Some("first"), 99).await;
    is_kept(sink, Some("first"), 100).await;
    checkpoint(sink, Some("first"), 110).await;
    is_kept(sink, Some("first"), 110).await;

    // Who knows no id moves it on, and leaves the id as it is.
    checkpoint(sink, None, 120).await;
    deliver(sink, "c", None, 130).await;
    is_kept(sink, Some("first"), 130).await;

    // Another topic of the same name touches nothing, after or before; its rows are stored all the same.
    for next in [3, 4000] {
        deliver(sink, &format!("other {next}"), Some("second"), next).await;
        checkpoint(sink, Some("second"), next).await;
        is_kept(sink, Some("first"), 130).await;
    }

    // An operator sets anything: back, forth, another topic, none.
    set(sink, Some("first"), 7).await;
    is_kept(sink, Some("first"), 7).await;
    set(sink, Some("second"), 5).await;
    is_kept(sink, Some("second"), 5).await;
    checkpoint(sink, Some("first"), 5000).await;
    is_kept(sink, Some("second"), 5).await;
    set(sink, None, 2).await;
    is_kept(sink, None, 2).await;

    // Progress without an id is adopted by the next write, which still does not go back.
    deliver(sink, "d", Some("second"), 1).await;
    is_kept(sink, Some("second"), 2).await;
    set(sink, None, 2).await;
    checkpoint(sink, Some("third"), 9).await;
    is_kept(sink, Some("third"), 9).await;

    // A partition that nothing was ever stored for.
    assert_eq!(keeper(sink).progress(&partition(1)).await, Ok(None));
    keeper(sink).set_progress(&progress(1, 0)).await.expect("available");
    assert_eq!(keeper(sink).progress(&partition(1)).await, Ok(Some(progress(1, 0))));
}

#[tokio::test]
async fn progress_belongs_to_a_topic_in_postgres() {
    with_database(|database| async move {
        progress_belongs_to_a_topic(&database.sink()).await;
        assert_eq!(database.rows().await, 6, "no row is lost to progress that stays");
    })
    .await;
}

#[tokio::test]
async fn progress_belongs_to_a_topic_in_sqlite() {
    let file = File::new();
    progress_belongs_to_a_topic(&file.sink().await).await;
    assert_eq!(file.values::<i64>("SELECT count(*) FROM event").await, [6]);
}

/// Writers of the old topic that still move on while an operator sets progress of the new one.
async fn what_is_set_outlives_whoever_writes_at_the_same_time(sink: &dyn Sink) {
    for round in 0..20_i64 {
        set(sink, Some("old"), 1000).await;
        let writing = async {
            for step in 0..5 {
                checkpoint(sink, Some("old"), 1001 + round + step).await;
            }
        };
        let delivering = async {
            for step in 0..5 {
                deliver(sink, &format!("{round} {step}"), Some("old"), 1001 + round + step).await;
            }
        };
        tokio::join!(writing, set(sink, Some("new"), round), delivering);
        is_kept(sink, Some("new"), round).await;
    }
}

#[tokio::test]
async fn what_is_set_outlives_whoever_writes_at_the_same_time_in_postgres() {
    with_database(|database| async move {
        what_is_set_outlives_whoever_writes_at_the_same_time(&database.sink()).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_set_outlives_whoever_writes_at_the_same_time_in_sqlite() {
    let file = File::new();
    what_is_set_outlives_whoever_writes_at_the_same_time(&file.sink().await).await;
}

#[tokio::test]
async fn the_table_of_the_version_before_is_migrated_with_its_rows_in_postgres() {
    with_database(|database| async move {
        database
            .sink()
            .deliver(&batch(0, &samples("e", 41)))
            .await
            .expect("available");
        database.run(BEFORE).await;
        let sink = database.sink();
        let message = sink.ready().await.expect_err("not migrated").to_string();
        assert!(
            message.contains("lacks migration 3: run `forebay migrate`"),
            "{message}"
        );

        sinks::postgres::migrate(&database.config()).await.expect("migrates");
        sink.ready().await.expect("the same sink continues");
        assert_eq!(database.rows().await, 41);
        is_kept(&sink, None, 41).await;
        deliver(&sink, "a", Some("first"), 42).await;
        is_kept(&sink, Some("first"), 42).await;

        // A process of the version before that still runs writes on, and this one reads what it wrote.
        database.run(STORE_BEFORE.replace("OFFSET", "60")).await;
        is_kept(&sink, Some("first"), 60).await;
        let advice: String = database
            .value("SELECT obj_description('sink_position'::regclass)")
            .await;
        assert!(
            advice.contains("`forebay progress set`") && !advice.contains("delete"),
            "{advice}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_table_of_the_version_before_is_migrated_with_its_rows_in_sqlite() {
    let file = File::new();
    let sink = file.sink().await;
    assert!(all_delivered(
        &sink.deliver(&batch(0, &samples("e", 41))).await.expect("available")
    ));
    sink.close().await;
    file.run(BEFORE).await;

    let sink = file.sink().await;
    assert_eq!(file.values::<i64>("SELECT count(*) FROM event").await, [41]);
    is_kept(&sink, None, 41).await;
    checkpoint(&sink, Some("first"), 42).await;
    is_kept(&sink, Some("first"), 42).await;

    let before = STORE_BEFORE.replace("OFFSET", "60").replace("'postgres'", "'sqlite'");
    let before = before
        .replace("GREATEST", "max")
        .replace("now()", "'2030-01-01T00:00:00Z'");
    file.run(&before).await;
    is_kept(&sink, Some("first"), 60).await;
}

#[tokio::test]
async fn sinks_of_one_database_keep_their_progress_apart() {
    with_database(|database| async move {
        let other = schemas::name::SinkName::new("other").expect("valid");
        assert_ne!(other, sink_name());
        let other = sinks::postgres::PostgresSink::connect(&database.config(), other, Metrics::default());
        let (one, other) = (database.sink(), other.expect("a valid configuration"));
        checkpoint(&one, Some("first"), 3).await;
        checkpoint(&other, Some("second"), 2).await;
        is_kept(&one, Some("first"), 3).await;
        is_kept(&other, Some("second"), 2).await;
    })
    .await;
}
