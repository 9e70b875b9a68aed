//! The backlog and the attempt log behind PgBouncer, as `forebay process` has them, and who may make nothing.

use std::sync::Arc;
use std::time::Duration;

use ::database::postgres::{self, Waits, Which};
use bytes::Bytes;
use futures_util::future::join_all;
use harness::{Database, eventually, postgres_server::PgBouncer};
use prometheus_client::registry::Registry;
use schemas::attempt::Attempt;
use schemas::backlog::{Backlog, Change, Claim, Waiting, Wanted, Which as Chosen};
use schemas::id::EventId;
use schemas::name::{EventType, SinkName, Tenant, TopicName};
use schemas::record::{Offset, Partition, Position, Record, StoredRecord};
use schemas::secret::Secret;
use schemas::time::Timestamp;
use sqlx::AssertSqlSafe;
use store::{Config, Tables, grants, migrate, script};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

fn config(url: &str, schema: Option<&str>) -> Config {
    let postgres = postgres::Config {
        url: Secret::new(url),
        schema: schema.map(str::to_owned),
        ..postgres::Config::default()
    };
    Config {
        postgres: Some(postgres),
        ..Config::default()
    }
}

fn sink() -> SinkName {
    SinkName::new("http").expect("valid")
}

fn partition(index: i32) -> Partition {
    let topic = TopicName::new("events").expect("valid");
    Partition { topic, index }
}

fn waiting(target: &str, offset: i64) -> Change {
    Change::Add(Waiting {
        target: target.to_owned(),
        record: Arc::new(StoredRecord {
            offset: Offset(offset),
            record: Record {
                key: Bytes::from_static(b"key"),
                headers: vec![],
                value: Bytes::from(format!("{{\"offset\":{offset}}}")),
            },
        }),
        rules: vec![],
        rules_version: "v7".into(),
        attempts: 0,
        due: None,
        ordered: true,
        since: Timestamp::now(),
    })
}

fn attempt(number: u32) -> Attempt {
    Attempt {
        at: Timestamp::now(),
        event: EventId::from(uuid::Uuid::new_v4()),
        position: Position {
            partition: partition(0),
            offset: Offset(i64::from(number)),
        },
        sink: sink(),
        target: "crm".into(),
        tenant: Tenant::new("acme").expect("valid"),
        event_type: EventType::new("message.created").expect("valid"),
        number: 1,
        class: "delivered",
        status: Some(200),
        connect: None,
        first_byte: None,
        total: Duration::from_millis(3),
        reason: None,
        answer: None,
        request_headers: None,
    }
}

async fn held(backlog: &dyn Backlog, index: i32) -> Vec<Offset> {
    let claim = backlog.claim(&sink(), &partition(index), None).await.expect("free");
    let wanted = Wanted {
        target: "crm".into(),
        which: Chosen::InLine {
            after: None,
            limit: 1_000,
        },
    };
    let rows = claim.fetch(vec![wanted], Offset(i64::MAX)).await.expect("available");
    rows.iter().map(|row| row.record.offset).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_keep_their_backlog_and_their_attempts_over_two_connections() {
    const PROCESSES: i32 = 6;
    const WRITES: i64 = 25;
    let database = Database::create().await;
    let url = database.url.parse().expect("a URL");
    let mut bouncer = PgBouncer::start(&url, &["postgres"], 2, "");
    let config = config(bouncer.url(&url).as_str(), None);
    migrate(&config, Waits::default()).await.expect("migrates through it");
    let open = async || Tables::open(&config).await.expect("valid");
    let processes: Vec<Tables> = join_all((0..PROCESSES).map(|_| open())).await;
    let working = processes.iter().zip(0..).map(async |(tables, index)| {
        assert_eq!(tables.ready().await.expect("ready"), None);
        let backlog = tables.backlog();
        let claim: Arc<dyn Claim> = backlog.claim(&sink(), &partition(index), None).await.expect("free");
        for offset in 0..WRITES {
            claim.write([waiting("crm", offset)].into()).await.expect("written");
        }
        let removed = Change::Remove {
            target: "crm".into(),
            offset: Offset(0),
        };
        claim.write([removed].into()).await.expect("written");
        claim.release().await;
    });
    join_all(working).await;
    for index in 0..PROCESSES {
        let kept = held(&*processes[0].backlog(), index).await;
        assert_eq!(kept, (1..WRITES).map(Offset).collect::<Vec<_>>(), "partition {index}");
    }

    let mut registry = Registry::default();
    let (log, writer) = processes[1].attempts(&mut registry);
    let shutdown = CancellationToken::new();
    let writing = tokio::spawn(writer.run(shutdown.clone()));
    (0..500).for_each(|number| log.record(attempt(number)));
    // In the middle of it.
    bouncer.kill();
    (500..1_000).for_each(|number| log.record(attempt(number)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    bouncer.start_again();
    eventually("all attempts are written", PATIENCE, async || {
        let query = "SELECT count(DISTINCT event_id) FROM attempt";
        let count: i64 = sqlx::query_scalar(query)
            .fetch_one(&database.pool)
            .await
            .expect("a count");
        (count == 1_000).then_some(())
    })
    .await;
    let newest = processes[2].reader().newest_of_target(&sink(), "crm", 10, false).await;
    assert_eq!(newest.expect("readable").len(), 10);
    shutdown.cancel();
    writing.await.expect("ends");
    for tables in &processes {
        tables.close().await;
    }
    database.drop().await;
}

#[tokio::test]
async fn who_has_the_printed_grants_and_may_make_nothing_runs_the_store_in_a_schema_of_its_own() {
    let database = Database::create().await;
    let run = async |statements: String| {
        let done = sqlx::raw_sql(AssertSqlSafe(statements)).execute(&database.pool).await;
        done.expect("valid");
    };
    run("CREATE SCHEMA \"Store\"; REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned()).await;
    let owner = config(&database.url, Some("Store"));
    let text = script(&owner, Which::All, Duration::from_secs(2))
        .await
        .expect("an answer");
    run(text.expect("all of it")).await;
    assert_eq!(
        script(&owner, Which::Missing, Duration::from_secs(2))
            .await
            .expect("an answer"),
        None
    );
    let user = harness::unique("store_user").replace('-', "_");
    run(format!("CREATE ROLE {user} LOGIN")).await;
    let mut url: url::Url = database.url.parse().expect("a URL");
    let bouncer = PgBouncer::start(&url, &[&user], 2, "");
    url.set_username(&user).expect("a user");
    let few = config(bouncer.url(&url).as_str(), Some("Store"));
    let tables = Tables::open(&few).await.expect("valid");
    assert!(
        tables
            .ready()
            .await
            .expect_err("no rights")
            .to_string()
            .contains("lacks rights")
    );
    let all = grants(&owner, &user, false).expect("valid");
    run(all.join("\n")).await;
    tables.ready().await.expect("what was printed is enough");
    let claim = tables
        .backlog()
        .claim(&sink(), &partition(0), None)
        .await
        .expect("free");
    claim.write([waiting("crm", 1)].into()).await.expect("written");
    let mut registry = Registry::default();
    let (log, writer) = tables.attempts(&mut registry);
    let shutdown = CancellationToken::new();
    let writing = tokio::spawn(writer.run(shutdown.clone()));
    log.record(attempt(1));
    eventually("the attempt is written", PATIENCE, async || {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM \"Store\".attempt")
            .fetch_one(&database.pool)
            .await
            .expect("a count");
        (count == 1).then_some(())
    })
    .await;
    shutdown.cancel();
    writing.await.expect("ends");
    for grant in &all {
        let taken = grant.replacen("GRANT", "REVOKE", 1).replace(" TO ", " FROM ");
        run(taken).await;
        let error = tables.ready().await.expect_err(grant).to_string();
        let (_, what) = grant.split_once(" ON ").expect("a grant");
        let (what, _) = what.split_once(" TO ").expect("a grant");
        assert!(error.contains(what), "{what}: {error}");
        run(grant.clone()).await;
    }
    tables.ready().await.expect("all of it again");
    tables.close().await;
    run(format!("DROP OWNED BY {user}; DROP ROLE {user}")).await;
    database.drop().await;
}
