//! Configuration, passwords, migrations, compression: each thing that is wrong gives one clear message.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use schemas::secret::Secret;
use schemas::setting::in_one_line;
use schemas::sink::Sink as _;
use sinks::postgres::{Compression, Config, Migrated, PostgresSink, Waits, migrate, migrate_within, pending};
use sinks::table::{Metrics, SetupError};

use crate::database::{sink_name, with_database, with_empty_database};
use crate::events::{batch, sample, samples};

fn refused(config: &Config) -> String {
    match PostgresSink::connect(config, sink_name(), Metrics::default()) {
        Err(found) => in_one_line(&found),
        other @ Ok(_) => panic!("a refusal was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_configuration_names_its_key() {
    let with_url = |url: &str| Config {
        url: Secret::new(url),
        ..Config::default()
    };
    let good = with_url("postgres://u:hunter2@localhost/d");
    for (config, expected) in [
        (Config::default(), "`url` is not set"),
        (
            with_url("mysql://u:hunter2@localhost/d"),
            "does not begin with postgres://",
        ),
        (
            with_url("postgres://u:hunter2@localhost:99999/d"),
            "`url` is not a connection URL",
        ),
        (
            with_url("postgres://u:hunter2@localhost/d?sslmode=perhaps"),
            "`sslmode` that is not known: give one of",
        ),
        (
            Config {
                max_connections: 0,
                ..good.clone()
            },
            "`max_connections`",
        ),
        (
            Config {
                receipt_retention_seconds: 1,
                ..good.clone()
            },
            "`receipt_retention_seconds`",
        ),
    ] {
        let reason = refused(&config);
        assert!(reason.contains(expected) && !reason.contains("hunter2"), "{reason}");
    }
    let misspelt = serde_json::from_str::<Config>(r#"{"url":"postgres://h/d","max_conections":3}"#);
    assert!(misspelt.expect_err("misspelt").to_string().contains("max_conections"));
    let read: Config = serde_json::from_str(r#"{"url":"postgres://h/d","compression":"off"}"#).expect("valid");
    assert_eq!((read.compression, read.max_connections), (Compression::Off, 4));
}

#[tokio::test]
async fn a_wrong_password_names_user_host_and_database_and_not_the_password() {
    with_database(|database| async move {
        let mut url = database.url.clone();
        let place = format!("{}:{}", url.host_str().expect("a host"), url.port().expect("a port"));
        url.set_username("with_password").expect("a user");
        url.set_password(Some("hunter2")).expect("a password");
        let config = Config {
            url: Secret::new(url.as_str()),
            ..Config::default()
        };
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        let message = sink.ready().await.expect_err("a wrong password").to_string();
        let name = url.path().trim_start_matches('/').to_owned();
        for part in [
            &*place,
            "`with_password`",
            &name,
            "check user and password in `postgres.url`",
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!message.contains("hunter2"), "{message}");
        let message = migrate(&config).await.expect_err("a wrong password");
        assert!(matches!(&message, SetupError::Misconfigured(reason) if reason.contains("check user and password")));

        // SCRAM takes no control characters, and the library's error quotes the one that it met.
        url.set_password(Some("hunter\t2")).expect("a password");
        let config = Config {
            url: Secret::new(url.as_str()),
            ..Config::default()
        };
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        let message = sink.ready().await.expect_err("a tab in the password").to_string();
        assert!(message.contains("another control character"), "{message}");
        assert!(!message.contains("\\t") && !message.contains("saslprep"), "{message}");

        url.set_password(Some("right")).expect("a password");
        let config = Config {
            url: Secret::new(url.as_str()),
            ..Config::default()
        };
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        sink.ready().await.expect("the right password");

        url.set_path("no_such_database");
        let config = Config {
            url: Secret::new(url.as_str()),
            ..Config::default()
        };
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("valid");
        let message = sink.ready().await.expect_err("no database").to_string();
        assert!(message.contains("has no database `no_such_database`"), "{message}");
    })
    .await;
}

#[tokio::test]
async fn a_database_without_migrations_is_refused_until_migrated() {
    with_empty_database(|database| async move {
        let sink = database.sink();
        for message in [
            sink.ready().await.expect_err("empty").to_string(),
            sink.deliver(&batch(0, &[sample("a")]))
                .await
                .expect_err("empty")
                .to_string(),
        ] {
            assert!(message.contains("run `forebay migrate`"), "{message}");
        }
        // Several at once wait for one another; once more does nothing.
        let config = database.config();
        let migrating: FuturesUnordered<_> = (0..3).map(|_| migrate(&config)).collect();
        let results: Vec<_> = migrating.collect().await;
        for result in results {
            result.expect("migrates");
        }
        migrate(&config).await.expect("nothing is left to do");
        sink.ready().await.expect("the same sink continues");
        assert!(sink.deliver(&batch(0, &[sample("a")])).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_database_of_another_version_is_refused() {
    with_database(|database| async move {
        database
            .run("INSERT INTO _sqlx_migrations VALUES (999, 'newer', now(), true, '\\x00', 1)")
            .await;
        let message = database.sink().ready().await.expect_err("newer").to_string();
        assert!(
            message.contains("migration 999") && message.contains("newer `forebay`"),
            "{message}"
        );
        let message = migrate(&database.config()).await.expect_err("newer").to_string();
        assert!(message.contains("999"), "{message}");

        database
            .run("DELETE FROM _sqlx_migrations WHERE version = 999; UPDATE _sqlx_migrations SET checksum = '\\x00'")
            .await;
        let message = database.sink().ready().await.expect_err("changed").to_string();
        assert!(message.contains("not the one of this version"), "{message}");

        database.run("DELETE FROM _sqlx_migrations").await;
        let message = database.sink().ready().await.expect_err("older").to_string();
        assert!(
            message.contains("lacks migration 1: run `forebay migrate`"),
            "{message}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_that_says_that_it_fits_is_worked_with() {
    with_database(|database| async move {
        let newer = |version: i64, description: &str| {
            format!("INSERT INTO _sqlx_migrations VALUES ({version}, '{description}', now(), true, '\\x00', 1)")
        };
        database.run(newer(900, "backlog (works with 6 and later)")).await;
        let sink = database.sink();
        sink.ready().await.expect("it fits");
        assert!(sink.deliver(&batch(0, &[sample("a")])).await.is_ok());
        let expected = Migrated {
            missing: 0,
            newer: Some(900),
        };
        assert_eq!(pending(&database.config()).await.expect("fits"), expected);
        assert_eq!(migrate(&database.config()).await.expect("fits"), expected);

        for (description, version) in [("more (works with 900 and later)", 901), ("more (breaking)", 902)] {
            database.run(newer(version, description)).await;
            for message in [
                database.sink().ready().await.expect_err(description).to_string(),
                pending(&database.config()).await.expect_err(description).to_string(),
                migrate(&database.config()).await.expect_err(description).to_string(),
            ] {
                assert!(message.contains(&format!("migration {version}")), "{message}");
            }
            database
                .run(format!("DELETE FROM _sqlx_migrations WHERE version = {version}"))
                .await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_migration_waits_for_a_lock_while_writers_go_on() {
    with_empty_database(|database| async move {
        // The next one needs a lock on `event`.
        database.migrate_to(5).await;
        let mut holder = database.connection().await;
        sqlx::raw_sql("BEGIN; SELECT count(*) FROM event")
            .execute(&mut holder)
            .await
            .expect("a transaction with a lock");

        // The limit passes: nothing has changed, and the holder is named without what it runs.
        let waits = |all| Waits {
            lock: Duration::from_millis(300),
            all: Duration::from_millis(all),
        };
        let config = database.config();
        let message = migrate_within(&config, waits(1_500)).await.expect_err("locked");
        let message = message.to_string();
        for part in [
            "migration 6",
            "nothing of it was",
            "held by pid",
            "idle in transaction",
            "end that session",
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!message.contains("SELECT"), "{message}");
        let applied: i64 = database.value("SELECT max(version) FROM _sqlx_migrations").await;
        assert_eq!(applied, 5);

        // Writers go on meanwhile, and it ends when the lock is given back.
        let writing = async {
            let mut slowest = Duration::ZERO;
            for number in 0..20 {
                let started = Instant::now();
                let receipt = format!("'\\x{number:04}', now(), gen_random_uuid()");
                database
                    .run(format!(
                        "INSERT INTO event_receipt (hash_half, received_time, id) VALUES ({receipt}); \
                         UPDATE event SET log_offset = log_offset WHERE false"
                    ))
                    .await;
                slowest = slowest.max(started.elapsed());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let applied: i64 = database.value("SELECT max(version) FROM _sqlx_migrations").await;
            assert_eq!(applied, 5, "the lock is still held");
            sqlx::raw_sql("COMMIT").execute(&mut holder).await.expect("given back");
            slowest
        };
        let (migrated, slowest) = tokio::join!(migrate_within(&config, waits(60_000)), writing);
        assert!(slowest < Duration::from_secs(2), "a writer waited for {slowest:?}");
        let migrated = migrated.expect("migrates");
        assert_eq!(migrated.missing, 9);
        database.sink().ready().await.expect("up to date");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    let port = harness::free_port();
    let config = Config {
        url: Secret::new(format!("postgres://u@127.0.0.1:{port}/d")),
        connect_timeout_ms: 300,
        ..Config::default()
    };
    let started = Instant::now();
    let waits = Waits {
        all: Duration::from_millis(2_500),
        ..Waits::default()
    };
    let error = migrate_within(&config, waits).await.expect_err("away");
    assert!(matches!(&error, SetupError::Unavailable(_)), "{error}");
    assert!(started.elapsed() > Duration::from_secs(1), "it tried again");
}

#[tokio::test]
async fn wide_columns_get_lz4_where_the_server_has_it() {
    const WITH_LZ4: &str = "SELECT count(*) FROM pg_attribute WHERE attrelid IN ('event'::regclass, 'event_variant'::regclass) AND attcompression = 'l'";
    with_empty_database(|database| async move {
        let off = Config {
            compression: Compression::Off,
            ..database.config()
        };
        migrate(&off).await.expect("migrates");
        assert_eq!(database.value::<i64>(WITH_LZ4).await, 0);
        let available: bool = database
            .value("SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
            .await;
        migrate(&database.config()).await.expect("migrates");
        assert_eq!(database.value::<i64>(WITH_LZ4).await, if available { 4 } else { 0 });
    })
    .await;
}

#[tokio::test]
async fn rows_are_counted_by_what_became_of_them() {
    with_database(|database| async move {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let sink = PostgresSink::connect(&database.config(), sink_name(), metrics).expect("valid");
        let mut events = samples("e", 5);
        events[3].rawsha256 = String::new();
        for _ in 0..2 {
            sink.deliver(&batch(0, &events)).await.expect("available");
        }
        let mut text = String::new();
        encode(&mut text, &registry).expect("encodes");
        for line in [
            r#"forebay_sinks_table_rows_total{sink="postgres",outcome="inserted"} 4"#,
            r#"forebay_sinks_table_rows_total{sink="postgres",outcome="repeated"} 4"#,
            r#"forebay_sinks_table_rows_total{sink="postgres",outcome="refused"} 2"#,
            r#"forebay_sinks_table_batch_seconds_count{sink="postgres"} 2"#,
        ] {
            assert!(text.contains(line), "{text}");
        }
    })
    .await;
}
