//! The table `event` of migration 7 becomes a table of partitions: with rows in it, users' views and rights on it, and writers beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use schemas::sink::Sink as _;
use schemas::time::Timestamp;
use sinks::postgres::{Waits, migrate, migrate_within};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::conformance::all_delivered;
use crate::database::{Database, with_empty_database};
use crate::events::{Sample, batch_of, sample};

/// What a program of migration 7 writes.
const OLD_INSERT: &str = "\
INSERT INTO event (id, time, received_time, log_offset, log_partition, log_topic, tenant, source, platform, type, partition_key,
                   rules_version, raw_sha256, data, raw, id_time)
SELECT u.id, now(), now(), 0, 7, 'forebay.events', 'acme', 'wa-1', 'baileys', 'message.created', 'k', 'r', '\\x', '{}', '\\x', 'event'
FROM unnest($1::uuid[]) AS u(id) ON CONFLICT (id) DO NOTHING";

/// Rows of the last 30 days.
const ROWS: &str = "\
INSERT INTO event (id, time, received_time, log_offset, log_partition, log_topic, tenant, source, platform, type, partition_key,
                   rules_version, raw_sha256, data, raw)
SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n::bigint * 864000), 12, '0') || '8' || substr(md5(n::text), 1, 19))::uuid,
       now(), now(), n, 6, 'forebay.events', 'acme', 'wa-1', 'baileys', 'message.created', 'k', 'r', '\\x', '{}', '\\x'
FROM generate_series(1, 3000) n";

fn now() -> i64 {
    Timestamp::now().millis()
}

fn at(identity: String, time_ms: i64) -> Sample {
    Sample {
        time_ms,
        ..sample(identity)
    }
}

async fn old_insert(connection: &mut PgConnection, ids: &[Uuid]) {
    sqlx::query(OLD_INSERT)
        .bind(ids)
        .execute(connection)
        .await
        .expect("an older program goes on");
}

/// Writes as an older program until it is told to end; returns the ids, and how long the slowest write took.
async fn old_writer(database: Database, ended: Arc<AtomicBool>) -> (Vec<Uuid>, Duration) {
    let mut connection = database.connection().await;
    let (mut written, mut slowest) = (Vec::new(), Duration::ZERO);
    while !ended.load(Ordering::Relaxed) {
        let first = written.len();
        let new = (first..first + 5).map(|n| {
            at(
                format!("old {n}"),
                now() + i64::try_from(n % 2).expect("few") * 80_000_000,
            )
        });
        let mut ids: Vec<Uuid> = new.map(|sample| sample.id().uuid()).collect();
        ids.sort_unstable();
        let started = Instant::now();
        old_insert(&mut connection, &ids).await;
        // Each twice, the second time on a connection that knows the statement.
        old_insert(&mut connection, &ids).await;
        slowest = slowest.max(started.elapsed());
        written.extend(ids);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (written, slowest)
}

/// Writes as this program: what cannot be written yet is tried again.
async fn new_writer(database: Database, ended: Arc<AtomicBool>) -> Vec<Uuid> {
    let sink = database.sink();
    let mut written = Vec::new();
    for n in 0_i64.. {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let sample = at(format!("new {n}"), now());
        let batch = batch_of(3, n, std::slice::from_ref(&sample));
        while sink.deliver(&batch).await.is_err() && !ended.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Ok(outcomes) = sink.deliver(&batch).await {
            assert!(all_delivered(&outcomes), "{outcomes:?}");
            written.push(sample.id().uuid());
        }
    }
    written
}

#[tokio::test]
async fn a_table_with_rows_views_and_rights_becomes_partitions_while_two_programs_write() {
    with_empty_database(|admin| async move {
        // The owner is no superuser, and not a member of everyone.
        let (database, user) = admin.new_user().await;
        let analyst = admin.new_role("analyst").await;
        admin
            .run(format!("GRANT CREATE ON SCHEMA public TO {user}; GRANT CREATE ON SCHEMA public TO {analyst}"))
            .await;
        database.migrate_to(7).await;
        database.run(ROWS).await;
        database
            .run(format!(
                "GRANT SELECT ON event, ticket_history TO {analyst}; GRANT INSERT (id, time) ON event TO {analyst} WITH GRANT OPTION;
                 CREATE VIEW mine WITH (security_barrier = true) AS SELECT id, log_offset FROM event;
                 COMMENT ON VIEW mine IS 'A view of ours'; GRANT SELECT ON mine TO {analyst};
                 CREATE VIEW of_mine AS SELECT count(*) AS n FROM mine;
                 CREATE VIEW whole AS SELECT e FROM event AS e;
                 CREATE INDEX ours ON event ((data ->> 'x')) WHERE type = 'message.created';
                 CREATE TABLE log_of_trigger (id uuid);
                 CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN IF NEW.log_partition = 9 THEN INSERT INTO log_of_trigger VALUES (NEW.id); END IF; RETURN NEW; END $$;
                 CREATE TRIGGER noted AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION note()"
            ))
            .await;
        admin
            .run(format!("SET ROLE {analyst}; CREATE VIEW theirs AS SELECT id FROM event"))
            .await;

        let ended = Arc::new(AtomicBool::new(false));
        let old = tokio::spawn(old_writer(database.clone(), Arc::clone(&ended)));
        let new = tokio::spawn(new_writer(database.clone(), Arc::clone(&ended)));
        tokio::time::sleep(Duration::from_millis(200)).await;
        migrate(&database.config()).await.expect("migrates under load");
        tokio::time::sleep(Duration::from_millis(300)).await;
        ended.store(true, Ordering::Relaxed);
        let (old, slowest) = old.await.expect("no write failed");
        let new = new.await.expect("no write was refused");
        assert!(!new.is_empty() && old.len() > 50, "{} and {}", new.len(), old.len());
        assert!(slowest < Duration::from_secs(2), "a writer waited for {slowest:?}");

        // Every row once, where it was and where it came.
        let expected = 3000 + old.len() + new.len();
        assert_eq!(usize::try_from(database.rows().await), Ok(expected));
        for ids in [old, new] {
            let found: i64 = sqlx::query_scalar("SELECT count(*) FROM event WHERE id = ANY($1)")
                .bind(&ids)
                .fetch_one(&mut database.connection().await)
                .await
                .expect("a count");
            assert_eq!(usize::try_from(found), Ok(ids.len()));
        }
        let kind: String = database.value("SELECT relkind::text FROM pg_class WHERE oid = 'event'::regclass").await;
        assert_eq!(kind, "p");
        let key: String = database
            .value("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'event'::regclass AND contype = 'p'")
            .await;
        assert_eq!(key, "PRIMARY KEY (id) INCLUDE (tenant, source, type)");
        let indexes: String = database
            .value("SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename IN ('event', 'event_before')")
            .await;
        assert_eq!(
            indexes,
            "event_before_connection event_before_ours event_before_partition_key_id event_before_pkey event_before_ticket \
             event_connection event_partition_key_id event_pkey event_ticket ours"
        );

        // Views go with the name, and what came with them too.
        let later = at("later".into(), now() + 40 * 86_400_000);
        let sink = database.sink();
        assert!(all_delivered(&sink.deliver(&batch_of(9, 0, &[later])).await.expect("available")));
        let counts: Vec<i64> = database
            .value("SELECT ARRAY[(SELECT n FROM of_mine), (SELECT count(*) FROM message_created), (SELECT count(*) FROM log_of_trigger)]")
            .await;
        let all = i64::try_from(expected + 1).expect("few");
        assert_eq!(counts, [all, all, 1]);
        let theirs: Vec<i64> = admin
            .value("SELECT ARRAY[(SELECT count(*) FROM theirs), (SELECT count(*) FROM whole)]")
            .await;
        assert_eq!(theirs, [all - 1, all - 1], "what the owner may not replace, or cannot be, was named in a warning");
        let kept: Vec<bool> = database
            .value(format!(
                "SELECT ARRAY[has_table_privilege('{analyst}', 'event', 'SELECT'), has_table_privilege('{analyst}', 'event', 'DELETE'),
                 has_column_privilege('{analyst}', 'event', 'time', 'INSERT WITH GRANT OPTION'),
                 has_column_privilege('{analyst}', 'event', 'type', 'INSERT'),
                 has_table_privilege('{analyst}', 'mine', 'SELECT'), has_table_privilege('{analyst}', 'ticket_history', 'SELECT'),
                 (SELECT reloptions = '{{security_barrier=true}}' FROM pg_class WHERE oid = 'mine'::regclass),
                 obj_description('mine'::regclass) = 'A view of ours', obj_description('event'::regclass) LIKE 'Every event%',
                 has_table_privilege('{analyst}', 'event_horizon', 'SELECT')]"
            ))
            .await;
        assert_eq!(kept, [true, false, true, false, true, true, true, true, true, true]);
        drop(sink);
        admin.drop_user(&analyst).await;
        admin.drop_user(&user).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_done_of_the_steps_is_gone_on_with() {
    for step in 8..=10 {
        with_empty_database(|database| async move {
            database.migrate_to(7).await;
            database.run(ROWS).await;
            database.migrate_to(step).await;
            // Between any two of them an older program goes on.
            old_insert(
                &mut database.connection().await,
                &[at("between".into(), now() + 86_000_000).id().uuid()],
            )
            .await;
            let migrated = migrate(&database.config()).await.expect("goes on");
            assert_eq!(i64::try_from(migrated.missing), Ok(14 - step));
            assert_eq!(database.rows().await, 3001);
            database.sink().ready().await.expect("as it should be");
        })
        .await;
    }
}

#[tokio::test]
async fn an_index_whose_building_broke_off_is_built_anew() {
    const VALID: &str = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'event_id_key'::regclass";
    with_empty_database(|database| async move {
        database.migrate_to(7).await;
        database.run(ROWS).await;
        database.migrate_to(9).await;
        // The build waits for an old snapshot, and is given up.
        let mut reader = database.connection().await;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM event")
            .execute(&mut reader)
            .await
            .expect("a snapshot");
        let mut builder = database.connection().await;
        sqlx::raw_sql("SET lock_timeout = '200ms'")
            .execute(&mut builder)
            .await
            .expect("set");
        let (_, statement) = include_str!("../../migrations/postgres/0010_key.sql")
            .split_once("event_id_key;")
            .expect("what takes back a broken attempt");
        let error = sqlx::raw_sql(statement)
            .execute(&mut builder)
            .await
            .expect_err("it waits");
        assert!(error.to_string().contains("lock timeout"), "{error}");
        assert!(!database.value::<bool>(VALID).await);

        // The migration waits longer than for other locks, and while it waits others write.
        let waits = Waits {
            lock: Duration::from_millis(300),
            all: Duration::from_secs(30),
        };
        let config = database.config();
        let writing = async {
            for n in 0..15 {
                let started = Instant::now();
                old_insert(
                    &mut database.connection().await,
                    &[at(format!("w{n}"), now()).id().uuid()],
                )
                .await;
                assert!(started.elapsed() < Duration::from_secs(1), "a writer waited");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            reader.close().await.expect("closed");
        };
        let (migrated, ()) = tokio::join!(migrate_within(&config, waits), writing);
        assert_eq!(migrated.expect("migrates").missing, 5);
        assert_eq!(database.rows().await, 3015);
        let primary: bool = database
            .value("SELECT indisvalid AND indisprimary FROM pg_index WHERE indexrelid = 'event_before_pkey'::regclass")
            .await;
        assert!(primary);
    })
    .await;
}

#[tokio::test]
async fn an_open_transaction_of_a_reader_puts_the_change_off_and_holds_up_no_writer() {
    with_empty_database(|database| async move {
        database.migrate_to(7).await;
        database.run(ROWS).await;
        database.migrate_to(10).await;
        let mut reader = database.connection().await;
        sqlx::raw_sql("BEGIN; SELECT count(*) FROM message_created")
            .execute(&mut reader)
            .await
            .expect("a lock");
        let waits = Waits {
            lock: Duration::from_millis(200),
            all: Duration::from_secs(30),
        };
        let config = database.config();
        let writing = async {
            for n in 0..20 {
                let started = Instant::now();
                old_insert(
                    &mut database.connection().await,
                    &[at(format!("w{n}"), now()).id().uuid()],
                )
                .await;
                assert!(started.elapsed() < Duration::from_secs(1), "a writer waited");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let kind: String = database
                .value("SELECT relkind::text FROM pg_class WHERE oid = 'event'::regclass")
                .await;
            assert_eq!(kind, "r", "the reader goes on");
            // Its view can still be read in the same transaction.
            sqlx::raw_sql("SELECT count(*) FROM message_created; COMMIT")
                .execute(&mut reader)
                .await
                .expect("still there");
        };
        let (migrated, ()) = tokio::join!(migrate_within(&config, waits), writing);
        assert_eq!(migrated.expect("migrates").missing, 4);
        assert_eq!(database.rows().await, 3020);
    })
    .await;
}

#[tokio::test]
async fn days_between_the_steps_leave_no_row_without_a_partition() {
    with_empty_database(|database| async move {
        database.migrate_to(8).await;
        database
            .run(
                "ALTER TABLE event DROP CONSTRAINT event_before_bound;
                 DO $$ BEGIN EXECUTE format('ALTER TABLE event ADD CONSTRAINT event_before_bound CHECK (id < %L) NOT VALID',
                     event_id_from(date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')); END $$",
            )
            .await;
        database.run("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC").await;
        // The last step alone, as if the program ended after it.
        database.migrate_to(11).await;
        old_insert(&mut database.connection().await, &[at("now".into(), now()).id().uuid(), at("ahead".into(), now() + 86_000_000).id().uuid()]).await;
        assert_eq!(database.rows().await, 2);
        let readable: i64 = database
            .value(
                "SELECT count(*) FROM pg_class c CROSS JOIN aclexplode(c.relacl) AS a
                 WHERE c.relname LIKE 'event\\_2%' AND c.relkind = 'r' AND a.grantee <> c.relowner",
            )
            .await;
        assert_eq!(readable, 0);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_moved_is_named_before_anything_changes() {
    with_empty_database(|database| async move {
        database.migrate_to(7).await;
        database.run("CREATE TABLE note (id uuid REFERENCES event)").await;
        let message = migrate(&database.config())
            .await
            .expect_err("a foreign key")
            .to_string();
        assert!(
            message.contains("foreign key note_id_fkey of note") && message.contains("drop it"),
            "{message}"
        );
        let kind: String = database
            .value("SELECT relkind::text FROM pg_class WHERE oid = 'event'::regclass")
            .await;
        assert_eq!(kind, "r");
        old_insert(
            &mut database.connection().await,
            &[at("still".into(), now()).id().uuid()],
        )
        .await;
        database.run("DROP TABLE note").await;
        assert_eq!(migrate(&database.config()).await.expect("migrates").missing, 4);
    })
    .await;
}
