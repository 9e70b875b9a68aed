//! A PostgreSQL database for one test, on the real server.

use crate::{service, unique};

/// Dropped by [`drop`](Database::drop), which a test calls at its end.
#[derive(Debug)]
pub struct Database {
    /// Its URL, with the database in it.
    pub url: String,
    /// Connections to it.
    pub pool: sqlx::PgPool,
    name: String,
    server: String,
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
        let pool = sqlx::PgPool::connect(&url).await.expect("the new database");
        Self {
            url,
            pool,
            name,
            server,
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
    pub async fn drop(self) {
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
