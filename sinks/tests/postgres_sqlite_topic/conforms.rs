//! The sinks `postgres` and `sqlite` in the conformance suite. The sink `topic` takes part where an event log is: in the
//! tests of the whole program.

mod postgres {
    sink_conformance!(super::Server::open(), keeps_progress);
}

mod postgres_behind_a_pooler {
    sink_conformance!(super::Server::behind_a_pooler(), keeps_progress);
}

mod sqlite {
    sink_conformance!(super::Local::open(), keeps_progress);
}

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use harness::postgres_server::PgBouncer;
use harness::proxy::Proxy;
use schemas::BoxFuture;
use schemas::event::Event;
use schemas::id::EventId;
use schemas::secret::Secret;
use schemas::sink::{Delivery, Sink, Target};
use sinks::postgres::PostgresSink;
use sinks::sqlite::SqliteSink;
use sinks::table::Metrics;
use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};

use crate::conformance::Harness;
use crate::database::{Database, sink_name};
use crate::proxy::proxy;
use crate::sqlite::{File, open};

const IN_ORDER: &str = "SELECT CAST(id AS text) FROM event ORDER BY log_offset";

fn ids(texts: Vec<String>) -> Vec<EventId> {
    texts.into_iter().map(|id| id.parse().expect("an event's id")).collect()
}

/// A table has no place for a digest that is none.
fn without_digest(delivery: &mut Delivery) {
    let value = String::from_utf8_lossy(delivery.event.value()).replace(&"ab".repeat(32), "no digest");
    delivery.event = Arc::new(Event::decode(&Bytes::from(value)).expect("still an event"));
}

/// A database of its own, and a way to the server that can be cut.
struct Server {
    database: Database,
    proxy: harness::proxy::Proxy,
    sink: PostgresSink,
    #[expect(dead_code, reason = "ends with this")]
    pooler: Option<PgBouncer>,
    /// Holds the table while a delivery is to fail.
    holding: Mutex<Option<PgConnection>>,
}

impl Server {
    async fn open() -> Self {
        Self::through(Database::create().await, None).await
    }

    async fn behind_a_pooler() -> Self {
        let database = Database::create().await;
        let pooler = PgBouncer::start(&database.url, &["postgres"], 2, "");
        Self::through(database, Some(pooler)).await
    }

    async fn through(database: Database, pooler: Option<PgBouncer>) -> Self {
        let mut config = database.config();
        sinks::postgres::migrate(&config)
            .await
            .expect("an empty database migrates");
        let proxy = match &pooler {
            None => proxy().await,
            Some(pooler) => {
                let url = pooler.url(&database.url);
                let port = url.port().expect("a port");
                Proxy::start("127.0.0.1:0", &format!("127.0.0.1:{port}")).await
            }
        };
        config.url = Secret::new(proxy.url(&database.url).as_str());
        config.connect_timeout_ms = 2_000;
        config.lock_timeout_ms = 200;
        let sink = PostgresSink::connect(&config, sink_name(), Metrics::default()).expect("a valid configuration");
        Self {
            database,
            proxy,
            sink,
            pooler,
            holding: Mutex::default(),
        }
    }
}

impl Harness for Server {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn arguments(&self) -> Vec<(Option<&'static str>, Vec<Target>)> {
        vec![(None, vec![Target::Only])]
    }

    fn arrived<'a>(&'a self, _: &'a Target) -> BoxFuture<'a, Vec<EventId>> {
        Box::pin(async {
            let rows = sqlx::query_scalar(AssertSqlSafe(IN_ORDER))
                .fetch_all(&mut self.database.connection().await)
                .await;
            ids(rows.expect("the rows"))
        })
    }

    fn keeps_events_once(&self) -> bool {
        true
    }

    fn delivers_one_by_one(&self) -> bool {
        false
    }

    /// Someone else holds the table for longer than the sink waits.
    fn fail<'a>(&'a mut self, _: &'a Delivery) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let mut connection = self.database.connection().await;
            sqlx::raw_sql("BEGIN; LOCK TABLE event IN SHARE MODE")
                .execute(&mut connection)
                .await
                .expect("a lock");
            *self.holding.lock().expect("no panic") = Some(connection);
        })
    }

    fn cut(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.proxy.cut();
            self.proxy.listening(false).await;
        })
    }

    fn restore(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let holding = self.holding.lock().expect("no panic").take();
            if let Some(connection) = holding {
                sqlx::Connection::close(connection).await.expect("closed");
            } else {
                self.proxy.open();
                self.proxy.listening(true).await;
            }
        })
    }

    fn spoil(&self, delivery: &mut Delivery) {
        without_digest(delivery);
    }
}

/// A file of its own.
struct Local {
    file: File,
    sink: SqliteSink,
    /// Another process that writes.
    writing: Mutex<Option<SqliteConnection>>,
}

impl Local {
    async fn open() -> Self {
        let file = File::new();
        let mut config = file.config();
        config.busy_timeout_ms = 100;
        let sink = open(&config).await.expect("opens");
        Self {
            file,
            sink,
            writing: Mutex::default(),
        }
    }
}

impl Harness for Local {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn arguments(&self) -> Vec<(Option<&'static str>, Vec<Target>)> {
        vec![(None, vec![Target::Only])]
    }

    fn arrived<'a>(&'a self, _: &'a Target) -> BoxFuture<'a, Vec<EventId>> {
        Box::pin(async { ids(self.file.values(IN_ORDER).await) })
    }

    fn keeps_events_once(&self) -> bool {
        true
    }

    fn delivers_one_by_one(&self) -> bool {
        false
    }

    fn fail<'a>(&'a mut self, _: &'a Delivery) -> BoxFuture<'a, ()> {
        self.cut()
    }

    /// Another process writes for longer than the sink waits.
    fn cut(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let mut connection = self.file.connection().await;
            sqlx::raw_sql("BEGIN IMMEDIATE")
                .execute(&mut connection)
                .await
                .expect("the lock");
            *self.writing.lock().expect("no panic") = Some(connection);
        })
    }

    fn restore(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let writing = self.writing.lock().expect("no panic").take();
            sqlx::Connection::close(writing.expect("cut before"))
                .await
                .expect("closed");
        })
    }

    fn spoil(&self, delivery: &mut Delivery) {
        without_digest(delivery);
    }
}
