//! A user with too few rights: reported at once, all together, and with the statements that fix it.

use schemas::sink::{KeepsProgress as _, Sink as _};

use crate::conformance::all_delivered;
use crate::database::with_database;
use crate::events::{batch, progress, sample, samples};

/// The statements after the colon.
fn grants(message: &str) -> String {
    message.rsplit("as its owner run:").next().expect("a remedy").to_owned()
}

#[tokio::test]
async fn a_user_who_may_only_read_the_migrations_is_shown_every_right_and_the_grants_are_enough() {
    with_database(|database| async move {
        let (few, user) = database.new_user().await;
        database
            .run(format!("GRANT SELECT ON _sqlx_migrations TO {user}"))
            .await;
        let sink = few.sink();
        let message = sink.ready().await.expect_err("it may not write").to_string();
        for part in [
            format!("user `{user}` lacks rights"),
            "SELECT, INSERT on event,".into(),
            format!("GRANT SELECT, INSERT ON event TO {user};"),
            format!("GRANT SELECT, INSERT, UPDATE, DELETE ON event_receipt TO {user};"),
            format!("GRANT SELECT, INSERT, UPDATE ON sink_position TO {user};"),
            format!("GRANT SELECT, INSERT, UPDATE ON event_variant TO {user};"),
            format!("GRANT SELECT, INSERT ON ticket_change TO {user};"),
            format!("GRANT SELECT, INSERT, UPDATE ON connection TO {user};"),
        ] {
            assert!(message.contains(&part), "lacks `{part}`: {message}");
        }
        assert!(!message.contains("_sqlx_migrations"), "{message}");

        database.run(grants(&message)).await;
        sink.ready().await.expect("what was asked for is enough");
        // Everything that the sink does: rows, receipts, variants, forgetting, a row that is refused, progress.
        let mut events = samples("e", 3);
        events.push(sample("received").received_after(0));
        events[1].data = format!("\"message\":{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let outcomes = sink.deliver(&batch(0, &events)).await.expect("available");
        assert_eq!(
            outcomes
                .iter()
                .filter(|o| all_delivered(std::slice::from_ref(o)))
                .count(),
            3
        );
        let mut variant = sample("e-0");
        variant.raw = "{}".into();
        for offset in [4, 5] {
            let outcomes = sink.deliver(&batch(offset, std::slice::from_ref(&variant))).await;
            assert!(all_delivered(&outcomes.expect("available")));
        }
        sink.checkpoint(&progress(0, 6)).await.expect("available");
        sink.set_progress(&progress(0, 2)).await.expect("available");
        assert_eq!(sink.progress(&progress(0, 2).partition).await, Ok(Some(progress(0, 2))));
        // Forgetting is only logged where it fails: as that user it goes through.
        let forget = "DELETE FROM event_receipt WHERE (hash_half, received_time) IN (SELECT hash_half, received_time \
                      FROM event_receipt FOR UPDATE SKIP LOCKED)";
        few.run(forget).await;
        assert_eq!(database.value::<i64>("SELECT count(*) FROM event_receipt").await, 0);
        database.drop_user(&user).await;
    })
    .await;
}

#[tokio::test]
async fn every_single_right_is_missed() {
    with_database(|database| async move {
        let (few, user) = database.new_user().await;
        let all = "GRANT SELECT ON _sqlx_migrations TO u; GRANT SELECT, INSERT ON event TO u;
                   GRANT SELECT, INSERT, UPDATE, DELETE ON event_receipt TO u; GRANT SELECT, INSERT, UPDATE ON sink_position TO u;
                   GRANT SELECT, INSERT, UPDATE ON event_variant TO u;
                   GRANT SELECT, INSERT, UPDATE ON message, conversation, ticket, contact, chat_group, group_member, connection TO u;
                   GRANT SELECT, INSERT ON ticket_change TO u";
        database.run(all.replace("TO u", &format!("TO {user}"))).await;
        few.sink().ready().await.expect("nothing is missing");
        for (right, table) in [
            ("SELECT", "_sqlx_migrations"),
            ("SELECT", "event"),
            ("INSERT", "event"),
            ("SELECT", "event_receipt"),
            ("INSERT", "event_receipt"),
            ("UPDATE", "event_receipt"),
            ("DELETE", "event_receipt"),
            ("SELECT", "sink_position"),
            ("INSERT", "sink_position"),
            ("UPDATE", "sink_position"),
            ("SELECT", "event_variant"),
            ("INSERT", "event_variant"),
            ("UPDATE", "event_variant"),
            ("INSERT", "ticket_change"),
            ("UPDATE", "group_member"),
        ] {
            database.run(format!("REVOKE {right} ON {table} FROM {user}")).await;
            let message = few.sink().ready().await.expect_err("a right is missing").to_string();
            let expected = format!(": {right} on {table}; as its owner run: GRANT {right} ON {table} TO {user};");
            assert!(message.ends_with(&expected), "{message}");
            database.run(grants(&message)).await;
        }
        // Rights to columns are rights.
        database.run(format!("REVOKE INSERT ON event FROM {user}; GRANT INSERT (id, time) ON event TO {user}")).await;
        few.sink().ready().await.expect("who granted columns knew which");
        database.drop_user(&user).await;
    })
    .await;
}

#[tokio::test]
async fn a_schema_that_may_not_be_used_is_named() {
    with_database(|database| async move {
        let (few, user) = database.new_user().await;
        database
            .run(format!(
                "CREATE SCHEMA \"Hooks\"; ALTER TABLE _sqlx_migrations SET SCHEMA \"Hooks\"; \
                 ALTER ROLE {user} SET search_path = \"Hooks\", public"
            ))
            .await;
        let message = few.sink().ready().await.expect_err("hidden").to_string();
        assert!(
            message.contains(&format!("GRANT USAGE ON SCHEMA \"Hooks\" TO {user};")),
            "{message}"
        );
        database.drop_user(&user).await;
    })
    .await;
}

#[tokio::test]
async fn a_right_that_is_taken_away_shows_when_the_sink_stumbles_over_it() {
    with_database(|database| async move {
        let (few, user) = database.new_user().await;
        let all = "ALL ON event, event_receipt, event_variant, sink_position, _sqlx_migrations, message, conversation, \
                   ticket_change, ticket, contact, chat_group, group_member, connection";
        database.run(format!("GRANT {all} TO {user}")).await;
        let sink = few.sink();
        sink.ready().await.expect("nothing is missing");
        database.run(format!("REVOKE INSERT ON event FROM {user}")).await;
        let message = sink
            .deliver(&batch(0, &[sample("a")]))
            .await
            .expect_err("no right")
            .to_string();
        assert!(
            message.contains("permission denied for table event") && message.contains("`forebay check --connect`"),
            "{message}"
        );
        let message = sink.ready().await.expect_err("asked again").to_string();
        assert!(
            message.contains(&format!("GRANT INSERT ON event TO {user};")),
            "{message}"
        );
        database.run(grants(&message)).await;
        sink.ready().await.expect("back");
        assert!(all_delivered(
            &sink.deliver(&batch(0, &[sample("a")])).await.expect("available")
        ));
        database.drop_user(&user).await;
    })
    .await;
}
