//! Receipts of one event whose payload has no time: stored once within the window, in both databases.

use schemas::record::Offset;
use schemas::sink::{Outcome, Sink};
use sinks::sqlite::SqliteSink;

use crate::conformance::all_delivered;
use crate::database::{rejected, with_database};
use crate::events::{batch, kept, sample};
use crate::sqlite::File;

/// Received at 0, at 599 s (a repeat), at 600 s (another event), at 1000 s (a repeat of that).
async fn first_pass_and_replays(sink: &dyn Sink) {
    let times = [0, 599, 600, 1000];
    let events = times.map(|seconds| sample("added to group").received_after(seconds));
    // First alone, then the others together: the comparison works inside a batch and across batches.
    for from in [0, 1, 2, 3, 1, 0] {
        let first = i64::try_from(from).expect("small");
        let part = if from == 0 { &events[..1] } else { &events[from..] };
        let outcomes = sink.deliver(&batch(first, part)).await.expect("available");
        assert!(all_delivered(&outcomes), "a repeat is delivered: its event is stored");
    }
    assert_eq!(kept(sink, 0).await, Some(Offset(4)));
}

#[tokio::test]
async fn a_second_receipt_within_the_window_is_not_stored_in_postgres() {
    with_database(|database| async move {
        first_pass_and_replays(&database.sink()).await;
        let offsets: Vec<i64> = database
            .value("SELECT array_agg(log_offset ORDER BY log_offset) FROM event")
            .await;
        assert_eq!(offsets, [0, 2]);
        assert_eq!(database.value::<i64>("SELECT count(*) FROM event_receipt").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_second_receipt_within_the_window_is_not_stored_in_sqlite() {
    let file = File::new();
    let sink: SqliteSink = file.sink().await;
    first_pass_and_replays(&sink).await;
    assert_eq!(
        file.values::<i64>("SELECT log_offset FROM event ORDER BY id").await,
        [0, 2]
    );
    assert_eq!(file.values::<i64>("SELECT count(*) FROM event_receipt").await, [2]);
}

#[tokio::test]
async fn events_with_a_time_of_their_own_are_distinguished_by_id_alone() {
    with_database(|database| async move {
        let mut later = sample("same identity");
        later.time_ms += 1000;
        database
            .sink()
            .deliver(&batch(0, &[sample("same identity"), later]))
            .await
            .expect("available");
        assert_eq!(database.rows().await, 2);
        assert_eq!(database.value::<i64>("SELECT count(*) FROM event_receipt").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_repeat_of_a_refused_event_is_refused_with_it_and_no_receipt_stays() {
    with_database(|database| async move {
        database
            .run("ALTER TABLE event ADD CONSTRAINT no_poison CHECK (subject <> 'poison')")
            .await;
        let mut first = sample("poison").received_after(0);
        first.subject = "poison".into();
        let repeat = sample("poison").received_after(5);
        let sink = database.sink();
        let outcomes = sink
            .deliver(&batch(0, &[first.clone(), repeat.clone(), first, sample("fine")]))
            .await
            .expect("available");
        for outcome in &outcomes[..3] {
            assert!(rejected(outcome).contains("no_poison"));
        }
        assert_eq!(outcomes[3], Outcome::Delivered);
        assert_eq!(database.value::<i64>("SELECT count(*) FROM event_receipt").await, 0);
        // Put back after the operator has fixed the cause, the event is stored.
        sink.deliver(&batch(9, &[repeat])).await.expect("available");
        assert_eq!(database.rows().await, 2);
    })
    .await;
}

#[tokio::test]
async fn old_receipts_are_forgotten() {
    with_database(|database| async move {
        database
            .run(
                "INSERT INTO event_receipt
                 SELECT decode(lpad(to_hex(n), 20, '0'), 'hex'), now(), now() - interval '9 days', gen_random_uuid()
                 FROM generate_series(1, 1500) AS n",
            )
            .await;
        let sink = database.sink();
        sink.deliver(&batch(0, &[sample("a")])).await.expect("available");
        let left: i64 = database.value("SELECT count(*) FROM event_receipt").await;
        assert_eq!(left, 500, "in small steps");
    })
    .await;

    let file = File::new();
    let sink = file.sink().await;
    file.run("INSERT INTO event_receipt VALUES (x'00', '2026-01-01T00:00:00.000Z', '2020-01-01T00:00:00.000Z', 'a')")
        .await;
    sink.deliver(&batch(0, &[sample("a")])).await.expect("available");
    assert_eq!(file.values::<i64>("SELECT count(*) FROM event_receipt").await, [0]);
}
