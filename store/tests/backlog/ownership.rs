//! Several processes on one PostgreSQL: who owns a partition, and what becomes of those who no longer do.

use std::sync::Arc;
use std::time::Duration;

use harness::proxy::Proxy;
use schemas::backlog::{Backlog as _, BacklogError, Change, Claim, Standing};
use schemas::record::Offset;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use store::backlog::Lease;

use crate::deliveries::{END, add, in_line, offsets, places, waiting};
use crate::stage::{PATIENCE, claim, eventually, partition, process, sink, with_postgres};

/// Renewed often, and expired soon if not.
const SHORT: Lease = Lease {
    length: Duration::from_millis(1500),
    renew_every: Duration::from_millis(300),
    margin: Duration::from_millis(300),
};

/// Never renewed: as if the process had stopped.
const STOPPED: Lease = Lease {
    renew_every: Duration::from_hours(1),
    ..SHORT
};

fn adding(offset: i64) -> Arc<[Change]> {
    [Change::Add(waiting("a", offset, "k"))].into()
}

async fn rows(pool: &PgPool) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM backlog");
    count.fetch_one(pool).await.expect("the table")
}

/// Claims partition 0 once no other process has it.
async fn claim_once_free(backlog: &store::backlog::PostgresBacklog) -> Arc<dyn Claim> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match claim(backlog, 0).await {
            Ok(claim) => return claim,
            Err(error) => assert_eq!(error, BacklogError::NotOwner),
        }
        assert!(tokio::time::Instant::now() < deadline, "the partition is never free");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_partition_has_one_owner_until_that_one_releases_it() {
    with_postgres(async |pool| {
        let [one, other] = [1, 2].map(|_| process(&pool, Lease::default()));
        let first = claim(&one, 0).await.expect("free");
        assert_eq!(claim(&other, 0).await.expect_err("taken"), BacklogError::NotOwner);
        assert_eq!(first.standing(), Standing::Held);
        claim(&other, 1).await.expect("another partition is free");
        first.release().await;
        let second = claim(&other, 0).await.expect("free at once");
        assert_eq!((first.standing(), second.standing()), (Standing::Lost, Standing::Held));
        assert_eq!(claim(&one, 0).await.expect_err("taken"), BacklogError::NotOwner);
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_is_renewed_stays_and_one_that_is_dropped_expires() {
    with_postgres(async |pool| {
        let [one, other] = [1, 2].map(|_| process(&pool, SHORT));
        let first = claim(&one, 0).await.expect("free");
        let until = tokio::time::Instant::now() + 2 * SHORT.length;
        while tokio::time::Instant::now() < until {
            // A busy server may answer too late for so short a lease; what it must not do is give the claim away.
            assert!(claim(&other, 0).await.is_err(), "taken");
            assert_eq!(first.standing(), Standing::Held);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(first);
        claim_once_free(&other).await;
    })
    .await;
}

#[tokio::test]
async fn who_stopped_for_too_long_has_expired_before_another_has_it_and_then_changes_nothing() {
    with_postgres(async |pool| {
        let (stopped, other) = (process(&pool, STOPPED), process(&pool, SHORT));
        let old = claim(&stopped, 0).await.expect("free");
        add(&*old, [waiting("a", 1, "k")]).await;
        let new = claim_once_free(&other).await;
        assert_eq!(old.standing(), Standing::Expired);
        // Both orders: the old one writes after the new one was taken, before and after the new one has written.
        assert_eq!(old.write(adding(2)).await, Err(BacklogError::NotOwner));
        assert_eq!(old.standing(), Standing::Lost);
        add(&*new, [waiting("a", 3, "k")]).await;
        assert_eq!(old.write(adding(4)).await, Err(BacklogError::NotOwner));
        assert_eq!(offsets(&*new, in_line("a", None, 9)).await, [1, 3]);
    })
    .await;
}

#[tokio::test]
async fn who_stopped_and_was_not_replaced_still_writes() {
    with_postgres(async |pool| {
        let stopped = process(&pool, STOPPED);
        let old = claim(&stopped, 0).await.expect("free");
        eventually("the claim expires", async || old.standing() == Standing::Expired).await;
        assert_eq!(old.write(adding(1)).await, Ok(()));
        assert_eq!(rows(&pool).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_renewal_tells_who_has_lost_a_partition_and_leaves_the_others() {
    with_postgres(async |pool| {
        let one = process(&pool, SHORT);
        let (first, second) = (claim(&one, 0).await.expect("free"), claim(&one, 1).await.expect("free"));
        sqlx::query("UPDATE backlog_owner SET epoch = epoch + 1, owner = gen_random_uuid() WHERE part = 0")
            .execute(&pool)
            .await
            .expect("taken");
        eventually("the loss is known", async || first.standing() == Standing::Lost).await;
        assert_eq!(second.standing(), Standing::Held);
    })
    .await;
}

#[tokio::test]
async fn a_claim_waits_for_a_write_under_way_and_sees_it() {
    with_postgres(async |pool| {
        let (stopped, other) = (process(&pool, STOPPED), process(&pool, SHORT));
        let old = claim(&stopped, 0).await.expect("free");
        add(&*old, [waiting("a", 1, "k")]).await;
        eventually("the claim expires", async || old.standing() == Standing::Expired).await;
        // The write stands still between its rows and its commit: a row of the same place is being inserted by someone else.
        let mut blocking = pool.begin().await.expect("begins");
        sqlx::query(
            "INSERT INTO backlog (stream, part, target, off, attempts, key_hash, since, ordered, record_key, rules_version, \
             rules, headers, value) SELECT stream, part, target, 2, attempts, key_hash, since, ordered, record_key, \
             rules_version, rules, headers, value FROM backlog",
        )
        .execute(&mut *blocking)
        .await
        .expect("inserted");
        let writing = tokio::spawn(async move { (old.write(adding(2)).await, old) });
        waiting_backends(&pool, 1).await;
        let claiming = tokio::spawn(async move { claim_once_free(&other).await });
        // SHORT expires late enough for the claim to wait here.
        waiting_backends(&pool, 2).await;
        blocking.rollback().await.expect("rolled back");
        let (written, _old) = writing.await.expect("no panic");
        assert_eq!(written, Ok(()));
        let new = claiming.await.expect("no panic");
        assert_eq!(offsets(&*new, in_line("a", None, 9)).await, [1, 2]);
    })
    .await;
}

async fn waiting_backends(pool: &PgPool, how_many: i64) {
    eventually("backends wait for a lock", async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(pool)
        .await
        .expect("the view");
        waiting >= how_many
    })
    .await;
}

#[tokio::test]
async fn writes_of_many_claims_are_made_together_and_one_that_is_lost_fails_alone() {
    with_postgres(async |pool| {
        let one = process(&pool, Lease::default());
        let mut claims = vec![];
        for index in 0..8 {
            claims.push(claim(&one, index).await.expect("free"));
        }
        sqlx::query("UPDATE backlog_owner SET epoch = epoch + 1, owner = gen_random_uuid() WHERE part = 3")
            .execute(&pool)
            .await
            .expect("taken");
        let before = commits(&pool).await;
        let written = futures_util::future::join_all(claims.iter().map(|claim| claim.write(adding(1)))).await;
        for (index, written) in written.into_iter().enumerate() {
            let expected = if index == 3 {
                Err(BacklogError::NotOwner)
            } else {
                Ok(())
            };
            assert_eq!(written, expected, "{index}");
        }
        assert_eq!(rows(&pool).await, 7);
        assert_eq!(commits(&pool).await - before, 1, "one transaction");
    })
    .await;
}

/// How many transactions have written to the backlog: each has its own number.
async fn commits(pool: &PgPool) -> i64 {
    let count = sqlx::query_scalar("SELECT count(DISTINCT xmin::text) FROM backlog");
    count.fetch_one(pool).await.expect("the table")
}

#[tokio::test]
async fn a_write_that_is_refused_for_what_it_is_fails_alone() {
    with_postgres(async |pool| {
        let one = process(&pool, Lease::default());
        let (first, second) = (claim(&one, 0).await.expect("free"), claim(&one, 1).await.expect("free"));
        let mut bad = waiting("a", 1, "k");
        bad.rules_version = "\0".into();
        let bad: Arc<[Change]> = [Change::Add(bad)].into();
        let (refused, written) = tokio::join!(first.write(bad), second.write(adding(1)));
        let Err(BacklogError::Unavailable(reason)) = refused else {
            panic!("{refused:?}");
        };
        assert!(reason.contains("SQLSTATE 22021"), "{reason}");
        assert_eq!(written, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn what_is_written_is_durable_although_the_server_is_set_to_forget() {
    with_postgres(async |pool| {
        sqlx::raw_sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF current_setting('synchronous_commit') = 'off' THEN RAISE EXCEPTION 'not durable'; END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON backlog FOR EACH ROW EXECUTE FUNCTION refuse();",
        )
        .execute(&pool)
        .await
        .expect("a trigger");
        let options = (*pool.connect_options())
            .clone()
            .options([("synchronous_commit", "off")]);
        let forgetting = PgPoolOptions::new().connect_with(options).await.expect("connected");
        let held = claim(&process(&forgetting, SHORT), 0).await.expect("free");
        assert_eq!(held.write(adding(1)).await, Ok(()));
    })
    .await;
}

async fn through(proxy: &Proxy, pool: &PgPool) -> PgPool {
    let options = pool.connect_options();
    let options = (*options).clone().host("127.0.0.1").port(proxy.address.port());
    PgPoolOptions::new()
        .connect_with(options)
        .await
        .expect("through the proxy")
}

async fn proxy(pool: &PgPool) -> Proxy {
    let options = pool.connect_options();
    Proxy::start("127.0.0.1:0", &format!("{}:{}", options.get_host(), options.get_port())).await
}

#[tokio::test]
async fn a_database_that_goes_away_is_told_and_the_claim_is_good_again_once_it_is_back() {
    with_postgres(async |pool| {
        let proxy = proxy(&pool).await;
        let through = through(&proxy, &pool).await;
        let one = process(&through, SHORT);
        let held = claim(&one, 0).await.expect("free");
        for away in [Proxy::cut, Proxy::stall, Proxy::vanish] {
            away(&proxy);
            eventually("the claim is away", async || {
                matches!(held.standing(), Standing::Away(_))
            })
            .await;
            let Standing::Away(reason) = held.standing() else {
                panic!("still away: {:?}", held.standing());
            };
            assert!(reason.starts_with("the backlog in the database `forebay"), "{reason}");
            proxy.open();
            eventually("the claim is held", async || held.standing() == Standing::Held).await;
            add(&*held, [waiting("a", 1, "k")]).await;
        }
        assert_eq!(rows(&pool).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_only_takes_reads_is_unavailable_and_says_why() {
    with_postgres(async |pool| {
        let one = process(&pool, SHORT);
        let held = claim(&one, 0).await.expect("free");
        let set = |to: &str| {
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {to}', \
                 current_database()); END $$;"
            )))
        };
        let mut admin = pool.acquire().await.expect("a connection");
        set("on").execute(&mut *admin).await.expect("set");
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(&mut *admin)
        .await
        .expect("ended");
        // The first answer may be of a session that has ended.
        eventually("writes are refused", async || match held.write(adding(1)).await {
            Err(BacklogError::Unavailable(reason)) => reason.contains("is read-only; it is looked for again"),
            other => panic!("{other:?}"),
        })
        .await;
        eventually("the claim is away", async || matches!(held.standing(), Standing::Away(_))).await;
        sqlx::raw_sql("SET default_transaction_read_only = off").execute(&mut *admin).await.expect("set");
        set("off").execute(&mut *admin).await.expect("set");
        drop(admin);
        eventually("writes are taken", async || held.write(adding(1)).await.is_ok()).await;
        eventually("the claim is held", async || held.standing() == Standing::Held).await;
    })
    .await;
}

#[tokio::test]
async fn the_tasks_end_with_the_last_clone_and_claim() {
    with_postgres(async |pool| {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        // Those of the pool that is for the test's own questions.
        pool.close().await;
        eventually("no task is left", async || tasks() == 0).await;
        let one = process(&pool, SHORT);
        let other = one.clone();
        let held = other.claim(&sink(), &partition(0), None).await.expect("free");
        add(&*held, [waiting("a", 1, "k")]).await;
        assert!(tasks() >= 2, "one renews, one writes");
        drop((one, other));
        assert_eq!(
            places(&*held, &[in_line("a", None, 1)], END).await.len(),
            1,
            "a claim needs no backlog"
        );
        drop(held);
        eventually("the tasks end", async || tasks() == 0).await;
    })
    .await;
}

#[tokio::test]
async fn contents_are_not_told_to_who_has_lost_the_partition() {
    with_postgres(async |pool| {
        let one = process(&pool, Lease::default());
        let held = claim(&one, 0).await.expect("free");
        held.release().await;
        assert_eq!(
            held.contents(Offset(0)).await.expect_err("lost"),
            BacklogError::NotOwner
        );
        assert_eq!(
            held.fetch(vec![in_line("a", None, 1)], END).await.expect_err("lost"),
            BacklogError::NotOwner
        );
    })
    .await;
}
