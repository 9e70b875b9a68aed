//! Behind PgBouncer, which gives each transaction any connection to the server.

use std::str::FromStr as _;

use database::postgres::{DatabaseServer, Owner, Pooler, Waits, nothing_more};
use database::{Migrations, SetupError};
use futures_util::future::join_all;
use harness::postgres_server::PgBouncer;
use schemas::name::SinkName;
use schemas::record::Offset;
use schemas::secret::Secret;
use schemas::sink::Sink as _;
use sinks::postgres::{Config, PostgresSink, migrate, pending};
use sinks::table::Metrics;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::conformance::all_delivered;
use crate::database::{Database, rejected, sink_name, with_database, with_empty_database};
use crate::events::{batch, batch_of, kept, sample, samples};
use crate::postgres_bad_days::{waiting_backends, while_the_progress_is_locked};

/// What PgBouncer is told in production, for drivers that send what it does not know.
const IGNORING: &str = "ignore_startup_parameters = extra_float_digits,options,application_name";

fn through(pooler: &PgBouncer, database: &Database) -> Config {
    let mut config = database.config();
    config.url = Secret::new(pooler.url(&database.url).as_str());
    config.connect_timeout_ms = 3_000;
    config
}

fn open(config: &Config) -> PostgresSink {
    PostgresSink::connect(config, sink_name(), Metrics::default()).expect("a valid configuration")
}

#[tokio::test]
async fn all_that_the_sink_does_is_done_through_a_pooler_however_it_is_found_out() {
    for (settings, pooler) in [
        ("", Pooler::Auto),
        (IGNORING, Pooler::Auto),
        ("", Pooler::Transaction),
        (IGNORING, Pooler::Transaction),
    ] {
        with_database(|database| async move {
            let bouncer = PgBouncer::start(&database.url, &["postgres"], 1, settings);
            let mut config = through(&bouncer, &database);
            config.pooler = pooler;
            let sink = open(&config);
            sink.ready().await.expect("ready");
            database
                .run("ALTER TABLE event ADD CONSTRAINT no_poison CHECK (subject <> 'poison')")
                .await;
            let mut events = samples("e", 40);
            events[17].subject = "poison".into();
            events.push(sample("received").received_after(0));
            // Repeats, the second time each with another body.
            for (first, body) in [(0, r#"{"id":1}"#), (100, r#"{"id":2}"#)] {
                let outcomes = sink.deliver(&batch(first, &events)).await.expect("available");
                assert!(rejected(&outcomes[17]).contains("no_poison"));
                events[3].raw = body.into();
            }
            assert!(all_delivered(
                &sink.deliver(&batch(200, &events[..10])).await.expect("available")
            ));
            assert_eq!(database.rows().await, 40);
            let variants: i64 = database.value("SELECT count(*) FROM event_variant").await;
            assert_eq!(variants, 2, "{settings} {pooler:?}");
            assert_eq!(kept(&sink, 0).await, Some(Offset(210)));
            assert!(sink.has(events[0].id()).await.expect("available"));
            assert_eq!(sink.ready().await, Ok(()));

            // The only connection to the server is the one that the sink had: nothing was left in it.
            let same = PgConnectOptions::from_str(config.url.expose_str().expect("text")).expect("a URL");
            let mut same = same.extra_float_digits(None).connect().await.expect("connects");
            let left = "SELECT (SELECT count(*) FROM pg_prepared_statements), current_setting('lock_timeout')";
            let left = sqlx::Executor::fetch_one(&mut same, sqlx::raw_sql(left))
                .await
                .expect("a row");
            assert_eq!((left.get::<i64, _>(0), left.get::<&str, _>(1)), (0, "0"));
        })
        .await;
    }
}

#[tokio::test]
async fn limits_hold_through_a_pooler() {
    with_database(|database| async move {
        let bouncer = PgBouncer::start(&database.url, &["postgres"], 2, IGNORING);
        let mut config = through(&bouncer, &database);
        config.lock_timeout_ms = 100;
        let sink = open(&config);
        let mut other = database.connection().await;
        let mut blocking = other.begin().await.expect("begins");
        sqlx::query("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *blocking)
            .await
            .expect("locks");
        let error = sink.deliver(&batch(0, &samples("e", 3))).await.expect_err("locked");
        assert!(error.to_string().contains("55P03"), "{error}");
        blocking.rollback().await.expect("rolls back");
        assert!(sink.deliver(&batch(0, &samples("e", 3))).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn many_clients_share_two_connections_and_every_event_is_stored_once() {
    with_database(|database| async move {
        let bouncer = PgBouncer::start(&database.url, &["postgres"], 2, "");
        let config = through(&bouncer, &database);
        let writers = (0..12).map(|number| {
            let name = SinkName::new(format!("sink-{number}")).expect("valid");
            let sink = PostgresSink::connect(&config, name, Metrics::default()).expect("valid");
            async move {
                for round in 0..20 {
                    // All write the same events, in batches that overlap.
                    let events = samples(&format!("r{}", round / 2), 50);
                    let outcomes = sink
                        .deliver(&batch_of(0, round * 50, &events))
                        .await
                        .expect("available");
                    assert!(all_delivered(&outcomes));
                    assert!(sink.has(events[0].id()).await.expect("available"));
                }
            }
        });
        join_all(writers).await;
        assert_eq!(database.rows().await, 500);
        let done: i64 = database
            .value("SELECT count(*) FROM sink_position WHERE next_offset = 1000")
            .await;
        assert_eq!(done, 12);
        let connections: i64 = database
            .value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        assert!(connections <= 2, "{connections}");
    })
    .await;
}

#[tokio::test]
async fn a_pooler_that_dies_in_the_middle_loses_and_doubles_nothing() {
    with_database(|database| async move {
        let mut bouncer = PgBouncer::start(&database.url, &["postgres"], 2, "");
        let sink = open(&through(&bouncer, &database));
        sink.deliver(&batch(0, &[sample("before")])).await.expect("available");
        let events = batch(1, &samples("e", 20));
        let mut other = database.connection().await;
        let mut blocking = other.begin().await.expect("begins");
        sqlx::query("SELECT 1 FROM sink_position FOR UPDATE")
            .execute(&mut *blocking)
            .await
            .expect("locks");
        let (result, ()) = tokio::join!(sink.deliver(&events), async {
            waiting_backends(&database, "count(*)").await;
            bouncer.kill();
        });
        result.expect_err("cut off");
        let away = sink.deliver(&events).await.expect_err("away").to_string();
        assert!(away.contains("is it running, reachable"), "{away}");
        blocking.rollback().await.expect("rolls back");
        bouncer.start_again();
        assert!(all_delivered(&sink.deliver(&events).await.expect("available again")));
        assert_eq!(database.rows().await, 21);
        assert_eq!(kept(&sink, 0).await, Some(Offset(21)));
        // A connection to the server that dies alone.
        let more = batch(21, &samples("f", 20));
        let cut = while_the_progress_is_locked(&database, async || sink.deliver(&more).await).await;
        cut.expect_err("ended");
        assert!(all_delivered(&sink.deliver(&more).await.expect("available again")));
        assert_eq!(database.rows().await, 41);
    })
    .await;
}

#[tokio::test]
async fn a_database_is_migrated_through_a_pooler_by_several_at_once() {
    with_empty_database(|database| async move {
        let bouncer = PgBouncer::start(&database.url, &["postgres"], 2, "");
        let config = through(&bouncer, &database);
        let error = open(&config).ready().await.expect_err("no tables").to_string();
        assert!(error.contains("run `forebay migrate`"), "{error}");
        // The tenth must not be in a transaction.
        let error = migrate(&config).await.expect_err("a pooler stands between").to_string();
        assert!(
            error.contains("migration 10") && error.contains("a URL that leads to the server itself"),
            "{error}"
        );
        database.migrate_to(10).await;
        for done in join_all((0..3).map(|_| migrate(&config))).await {
            done.expect("migrates");
        }
        assert_eq!(pending(&config).await.expect("an answer").missing, 0);
        assert!(all_delivered(
            &open(&config)
                .deliver(&batch(0, &samples("e", 3)))
                .await
                .expect("available")
        ));
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_must_not_be_in_a_transaction_wants_the_server_itself() {
    with_empty_database(|database| async move {
        let bouncer = PgBouncer::start(&database.url, &["postgres"], 2, "");
        let migrations = Migrations::new(
            "_test_migrations",
            "",
            &[
                ("table", "CREATE TABLE t (a int)"),
                (
                    "index",
                    "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS t_a;\nCREATE INDEX CONCURRENTLY t_a\n    ON t (a);\n",
                ),
            ],
        );
        let run = async |url: &str| {
            let config = database::postgres::Config {
                url: Secret::new(url),
                ..database::postgres::Config::default()
            };
            let owner = Owner {
                section: "postgres",
                name: "sink",
            };
            let server = DatabaseServer::new(&config, owner).expect("valid");
            database::postgres::migrate(&server, &migrations, Waits::default(), &nothing_more).await
        };
        let error = run(bouncer.url(&database.url).as_str()).await.expect_err("refused");
        assert!(
            matches!(&error, SetupError::Misconfigured(reason) if reason.contains("migration 2") && reason.contains("the server itself")),
            "{error}"
        );
        assert_eq!(run(database.url.as_str()).await.expect("migrates").missing, 1);
        // With nothing left to do, the way does not matter.
        assert_eq!(run(bouncer.url(&database.url).as_str()).await.expect("nothing to do").missing, 0);
        let valid: bool = database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass").await;
        assert!(valid);
    })
    .await;
}

/// A name that needs every kind of care.
const SCHEMA: &str = "Ev\"ents é '";

#[tokio::test]
async fn a_schema_holds_the_tables_on_both_ways_and_one_that_is_missing_is_named() {
    with_empty_database(|database| async move {
        let bouncer = PgBouncer::start(&database.url, &["postgres"], 2, "");
        let direct = Config {
            schema: Some(SCHEMA.to_owned()),
            ..database.config()
        };
        let pooled = Config {
            schema: Some(SCHEMA.to_owned()),
            ..through(&bouncer, &database)
        };
        for config in [&direct, &pooled] {
            for error in [
                migrate(config).await.expect_err("missing").to_string(),
                open(config).ready().await.expect_err("missing").to_string(),
            ] {
                let expected = "has no schema `Ev\"ents é '`: as its owner run: CREATE SCHEMA \"Ev\"\"ents é '\";";
                assert!(error.contains(expected), "{error}");
            }
        }
        database.run("CREATE SCHEMA \"Ev\"\"ents é '\"").await;
        assert!(migrate(&direct).await.expect("migrates").missing > 0);
        assert_eq!(migrate(&pooled).await.expect("is there").missing, 0);
        // The same database has the same tables once more, in the usual schema.
        migrate(&database.config()).await.expect("migrates");
        for (config, name) in [(&direct, "a"), (&pooled, "b"), (&database.config(), "c")] {
            let sink = open(config);
            sink.ready().await.expect("ready");
            assert!(all_delivered(
                &sink.deliver(&batch(0, &samples(name, 3))).await.expect("available")
            ));
        }
        let there: i64 = database.value("SELECT count(*) FROM \"Ev\"\"ents é '\".event").await;
        assert_eq!((there, database.rows().await), (6, 3));
    })
    .await;
}

#[tokio::test]
async fn options_in_the_url_are_not_lost_without_a_word() {
    with_database(|database| async move {
        let bouncer = PgBouncer::start(&database.url, &["postgres"], 2, IGNORING);
        let mut config = through(&bouncer, &database);
        let with_options = format!("{}?options=-csearch_path%3Dapp", config.url.expose_str().expect("text"));
        config.url = Secret::new(with_options);
        let error = open(&config).ready().await.expect_err("lost").to_string();
        assert!(error.contains("does not hand on the options"), "{error}");
        config.pooler = Pooler::Transaction;
        let found = config.check().expect_err("known before");
        assert!(found[0].reason.contains("write `schema: NAME`"), "{found:?}");

        let strict = PgBouncer::start(&database.url, &["postgres"], 2, "");
        let mut config = through(&strict, &database);
        config.pooler = Pooler::None;
        let error = open(&config).ready().await.expect_err("refused").to_string();
        assert!(error.contains("`postgres.pooler` is `none`"), "{error}");
    })
    .await;
}
