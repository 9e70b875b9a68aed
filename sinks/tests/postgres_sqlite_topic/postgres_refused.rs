//! Rows that PostgreSQL refuses, and text that it would refuse if it were not made storable.

use schemas::record::Offset;
use schemas::sink::{Outcome, Sink as _};

use crate::conformance::all_delivered;
use crate::database::{rejected, with_database};
use crate::events::{batch, checkpoint, kept, sample, samples};

#[tokio::test]
async fn one_poisonous_row_does_not_lose_its_batch() {
    with_database(|database| async move {
        database
            .run("ALTER TABLE event ADD CONSTRAINT no_poison CHECK (subject <> 'poison')")
            .await;
        let mut events = samples("e", 300);
        for at in [0, 17, 18, 299] {
            events[at].subject = "poison".into();
        }
        // The progress waits at the first of them until the processor has settled it.
        events.swap(0, 5);
        let sink = database.sink();
        let outcomes = sink.deliver(&batch(1000, &events)).await.expect("available");
        for (at, outcome) in outcomes.iter().enumerate() {
            if events[at].subject == "poison" {
                let reason = rejected(outcome);
                assert!(reason.contains("SQLSTATE 23514, constraint `no_poison`"), "{reason}");
            } else {
                assert_eq!(*outcome, Outcome::Delivered, "{at}");
            }
        }
        assert_eq!(database.rows().await, 296);
        assert_eq!(kept(&sink, 0).await, Some(Offset(1005)));
        checkpoint(&sink, 0, 1300).await;
        assert_eq!(kept(&sink, 0).await, Some(Offset(1300)));
    })
    .await;
}

#[tokio::test]
async fn what_postgres_itself_refuses_is_reported_with_its_cause_and_without_the_row() {
    with_database(|database| async move {
        let mut deep = sample("deep");
        deep.data = format!("\"message\":{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let mut long_key = sample("long key");
        // More than an index entry holds, and not compressible.
        let noise = std::iter::successors(Some(1_u32), |n| {
            Some(n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
        });
        long_key.conversation = noise
            .take(4000)
            .map(|n| char::from(b'!' + u8::try_from((n >> 24) % 90).expect("small")))
            .collect();
        let mut unreadable = sample("hash");
        unreadable.rawsha256 = "zz".into();
        let events = [sample("a"), deep, sample("b"), long_key, unreadable, sample("c")];
        let outcomes = database.sink().deliver(&batch(0, &events)).await.expect("available");
        let expected = [
            None,
            Some("SQLSTATE 54001"),
            None,
            Some("SQLSTATE 54000"),
            Some("`rawsha256`"),
            None,
        ];
        for (outcome, expected) in outcomes.iter().zip(expected) {
            match expected {
                None => assert_eq!(*outcome, Outcome::Delivered),
                Some(cause) => assert!(rejected(outcome).contains(cause), "{outcome:?}"),
            }
        }
        assert_eq!(database.rows().await, 3);
    })
    .await;
}

#[tokio::test]
async fn a_trigger_may_refuse_a_row_and_every_row() {
    with_database(|database| async move {
        database
            .run(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN RAISE EXCEPTION 'not wanted here'; END $$;
                 CREATE TRIGGER refuse BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse()",
            )
            .await;
        let sink = database.sink();
        let outcomes = sink.deliver(&batch(0, &samples("e", 33))).await.expect("available");
        for outcome in &outcomes {
            assert!(
                rejected(outcome).contains("not wanted here (SQLSTATE P0001"),
                "{outcome:?}"
            );
        }
        assert_eq!(kept(&sink, 0).await, Some(Offset(0)));
    })
    .await;
}

#[tokio::test]
async fn dirty_text_is_stored_and_only_data_and_attributes_are_mended() {
    with_database(|database| async move {
        let mut event = sample("dirty");
        event.data =
            r#""message":{"nul":"a\u0000b","lone":"\ud800","big":1e131071,"id":9007199254740993,"ok":"\ud83d\udc4b"}"#
                .into();
        event.raw = format!(
            r#"{{"nul":"\u0000","lone":"\udc00","big":1e131071,"deep":{}{}}}"#,
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        event.subject = "nul \0 inside".into();
        event.conversation = "\0".into();
        let outcomes = database
            .sink()
            .deliver(&batch(0, &[event.clone()]))
            .await
            .expect("available");
        assert!(all_delivered(&outcomes), "{outcomes:?}");
        let data: String = database.value("SELECT data::text FROM event").await;
        assert_eq!(
            data,
            r#"{"message": {"id": 9007199254740993, "ok": "👋", "big": "1e131071", "nul": "a�b", "lone": "�"}}"#
        );
        let raw: Vec<u8> = database.value("SELECT raw FROM event").await;
        assert_eq!(raw, event.raw.as_bytes());
        let (subject, key): (String, String) = (
            database.value("SELECT subject FROM event").await,
            database.value("SELECT partition_key FROM event").await,
        );
        assert_eq!((&*subject, &*key), ("nul \u{fffd} inside", "acme/wa-1/\u{fffd}"));
    })
    .await;
}
