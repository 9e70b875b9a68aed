//! Shared code of the tests of the whole program: real services, the real binary, a real receiver, and senders with
//! their own signing code.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod forebay;
pub(crate) mod receiver;
pub(crate) mod sender;

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Returns an address that `./run test` sets.
pub(crate) fn service(name: &str) -> String {
    std::env::var_os(name)
        .and_then(|v| v.into_string().ok())
        .unwrap_or_else(|| panic!("{name} is not set: run `./run test`, or `eval \"$(./run services start)\"` first"))
}

pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns a name that no other test has.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", uuid::Uuid::new_v4().simple())
}

/// Asks until the answer is `Some`, for at most `patience`.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A PostgreSQL database for one test, dropped at the end.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) pool: sqlx::PgPool,
    name: String,
    server: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        Self::create_on(&service("FOREBAY_TEST_POSTGRES")).await
    }

    /// Creates a database on the server of this URL.
    pub(crate) async fn create_on(server: &str) -> Self {
        let server = server.to_owned();
        let name = unique("forebay").replace('-', "_");
        let admin = sqlx::PgPool::connect(&server).await.expect("the test database server");
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&admin)
            .await
            .expect("a database");
        admin.close().await;
        let url = format!("{}/{name}", server.rsplit_once('/').expect("a URL with a database").0);
        let pool = sqlx::PgPool::connect(&url).await.expect("the new database");
        Self {
            url,
            pool,
            name,
            server,
        }
    }

    pub(crate) async fn count(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM event")
            .fetch_one(&self.pool)
            .await
            .unwrap_or(0)
    }

    pub(crate) async fn drop(self) {
        self.pool.close().await;
        let admin = sqlx::PgPool::connect(&self.server)
            .await
            .expect("the test database server");
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        sqlx::query(sqlx::AssertSqlSafe(drop))
            .execute(&admin)
            .await
            .expect("dropped");
        admin.close().await;
    }
}
