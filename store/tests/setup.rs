//! The tables are made once, checked before they are used, and a newer version's are not touched.

use std::path::Path;
use std::time::Duration;

use ::database::postgres::{self, Waits};
use ::database::{Migrated, SetupError};
use harness::Database;
use schemas::secret::Secret;
use sqlx::AssertSqlSafe;
use store::{Config, Sqlite, Tables, migrate, pending};

fn config(url: &str) -> Config {
    let postgres = postgres::Config {
        url: Secret::new(url),
        ..postgres::Config::default()
    };
    Config {
        postgres: Some(postgres),
        ..Config::default()
    }
}

fn waits() -> Waits {
    Waits {
        lock: Duration::from_millis(200),
        all: Duration::from_secs(2),
    }
}

async fn tables(url: &str) -> Tables {
    Tables::open(&config(url)).await.expect("a valid configuration")
}

/// What a newer version would have noted.
async fn note_newer(database: &Database, description: &str) {
    let statement = "INSERT INTO _store_migrations (version, description, success, checksum, execution_time) \
                     VALUES (99, $1, true, '\\x00', 0)";
    let query = sqlx::query(statement).bind(description.to_owned());
    query.execute(&database.pool).await.expect("noted");
}

#[tokio::test]
async fn a_second_migration_finds_nothing_to_do_and_before_the_first_nothing_is_ready() {
    let database = Database::create().await;
    let (config, tables) = (config(&database.url), tables(&database.url).await);
    let error = tables.ready().await.expect_err("there are no tables");
    assert!(
        matches!(&error, SetupError::Misconfigured(reason) if reason.ends_with("run `forebay migrate`")),
        "{error}"
    );
    let all = pending(&config).await.expect("an answer").expect("a server").missing;
    assert!(all > 0);
    let first = migrate(&config, waits()).await.expect("an empty database migrates");
    let second = migrate(&config, waits()).await.expect("it goes on");
    let migrated = |missing| Some(Migrated { missing, newer: None });
    assert_eq!((first, second), (migrated(all), migrated(0)));
    assert_eq!(pending(&config).await.expect("an answer"), migrated(0));
    assert_eq!(tables.ready().await.expect("ready"), None);
    sqlx::query("DELETE FROM _store_migrations WHERE version = 2")
        .execute(&database.pool)
        .await
        .expect("forgotten");
    let error = tables.ready().await.expect_err("one is missing").to_string();
    assert!(
        error.contains("lacks migration 2 (store): run `forebay migrate`"),
        "{error}"
    );
    tables.close().await;
    database.drop().await;
}

#[tokio::test]
async fn several_migrations_at_once_are_one() {
    let database = Database::create().await;
    let config = config(&database.url);
    let waits = Waits::default();
    let (one, other) = tokio::join!(migrate(&config, waits), migrate(&config, waits));
    one.expect("one does it");
    other.expect("the other waits");
    database.drop().await;
}

#[tokio::test]
async fn tables_of_a_newer_version_are_used_only_if_they_say_that_they_fit() {
    for (description, fits) in [("later (works with 1 and later)", true), ("later (breaking)", false)] {
        let database = Database::create().await;
        let config = config(&database.url);
        migrate(&config, waits()).await.expect("migrates");
        note_newer(&database, description).await;
        let tables = tables(&database.url).await;
        let (again, ready) = (migrate(&config, waits()).await, tables.ready().await);
        if fits {
            assert_eq!(again.expect("nothing to do").expect("a server").newer, Some(99));
            assert_eq!(ready.expect("ready"), Some(99));
        } else {
            for error in [again.expect_err("refused"), ready.expect_err("refused")] {
                let text = error.to_string();
                assert!(matches!(error, SetupError::Misconfigured(_)), "{text}");
                assert!(
                    text.contains("has migration 99 (store), which this version does not know"),
                    "{text}"
                );
            }
        }
        tables.close().await;
        database.drop().await;
    }
}

#[tokio::test]
async fn a_user_without_rights_is_named_with_the_statement_that_grants_them() {
    let database = Database::create().await;
    migrate(&config(&database.url), waits()).await.expect("migrates");
    let user = harness::unique("store_user").replace('-', "_");
    let run = async |statement: String| {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&database.pool)
            .await
            .expect("done")
    };
    run(format!("CREATE ROLE {user} LOGIN PASSWORD 'secret'")).await;
    let mut url: url::Url = database.url.parse().expect("a URL");
    url.set_username(&user).expect("a user");
    url.set_password(Some("secret")).expect("a password");
    let tables = tables(url.as_str()).await;
    let error = tables.ready().await.expect_err("no rights").to_string();
    assert!(
        error.contains("lacks rights") && error.contains(&format!("ON _store_migrations TO {user};")),
        "{error}"
    );
    let (_, grants) = error.split_once("as its owner run:").expect("the way out");
    for grant in grants.split(';').filter(|grant| !grant.trim().is_empty()) {
        run(grant.to_owned()).await;
    }
    tables.ready().await.expect("ready with what was named");
    tables.close().await;
    run(format!("DROP OWNED BY {user}")).await;
    run(format!("DROP ROLE {user}")).await;
    database.drop().await;
}

#[tokio::test]
async fn a_server_that_is_away_may_come_back_and_the_reason_names_no_secret() {
    let tables = tables("postgres://u:hunter2@127.0.0.1:1/d").await;
    let error = tables.ready().await.expect_err("nothing listens there");
    let text = error.to_string();
    assert!(matches!(error, SetupError::Unavailable(_)), "{text}");
    assert!(text.contains("127.0.0.1:1") && !text.contains("hunter2"), "{text}");
}

async fn file(path: &Path) -> Result<Tables, SetupError> {
    let sqlite = Sqlite { path: path.to_owned() };
    Tables::open(&Config {
        sqlite: Some(sqlite),
        ..Config::default()
    })
    .await
}

#[tokio::test]
async fn a_file_is_made_with_its_folder_and_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data/store.sqlite");
    for _ in 0..2 {
        let tables = file(&path).await.expect("opened");
        assert_eq!(tables.ready().await.expect("ready"), None);
        tables.close().await;
    }
    let error = file(folder.path()).await.expect_err("a folder is no file").to_string();
    assert!(error.contains("check `store.sqlite.path`"), "{error}");
    let error = file(Path::new("")).await.expect_err("no path").to_string();
    assert!(error.contains("`store.sqlite.path` is not set"), "{error}");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.sqlite");
    file(&path).await.expect("opened").close().await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display()))
        .await
        .expect("opened");
    sqlx::query(
        "INSERT INTO _store_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'later (breaking)', 1, x'00', 0)",
    )
    .execute(&pool)
    .await
    .expect("noted");
    pool.close().await;
    let error = file(&path).await.expect_err("newer").to_string();
    assert!(error.contains("has migration 99 (store), which"), "{error}");
}
