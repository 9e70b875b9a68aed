//! A PostgreSQL database for one test, on the real server.

use std::time::Duration;

use crate::{service, unique};

/// How long removing a database may take while a test ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// A database that is removed together with this, after a panic too. [`drop`](Database::drop) does so without blocking the
/// runtime.
#[derive(Debug)]
pub struct Database {
    /// Its URL, with the database in it.
    pub url: String,
    /// Connections to it.
    pub pool: sqlx::PgPool,
    name: String,
    server: String,
    removed: bool,
}

impl Database {
    /// Creates a database on the server of the tests.
    pub async fn create() -> Self {
        Self::create_on(&service("FOREBAY_TEST_POSTGRES")).await
    }

    /// Creates a database on the server of this URL.
    pub async fn create_on(server: &str) -> Self {
        let server = server.to_owned();
        let name = unique("forebay").replace('-', "_");
        let admin = sqlx::PgPool::connect(&server).await.expect("the test database server");
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&admin)
            .await
            .expect("a database");
        admin.close().await;
        let url = format!("{}/{name}", server.rsplit_once('/').expect("a URL with a database").0);
        let pool = sqlx::PgPool::connect_lazy(&url).expect("a URL with a database");
        Self {
            url,
            pool,
            name,
            server,
            removed: false,
        }
    }

    /// The number of rows in the table of events; 0 before a migration.
    pub async fn count(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM event")
            .fetch_one(&self.pool)
            .await
            .unwrap_or(0)
    }

    /// Drops the database, whoever is still connected.
    pub async fn drop(mut self) {
        self.removed = true;
        self.pool.close().await;
        remove(&self.server, &self.name).await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.removed {
            return;
        }
        let (server, name) = (self.server.clone(), self.name.clone());
        // The runtime of the test may be ending.
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let removed = async { tokio::time::timeout(PATIENCE, remove(&server, &name)).await };
            runtime.expect("a runtime").block_on(removed).expect("removed in time");
        });
        let removed = removing.join();
        // A second panic would hide the first.
        if !std::thread::panicking() {
            removed.expect("removed");
        }
    }
}

async fn remove(server: &str, name: &str) {
    let admin = sqlx::PgPool::connect(server).await.expect("the test database server");
    sqlx::query(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .execute(&admin)
        .await
        .expect("dropped");
    admin.close().await;
}
