//! A session with a server, and its transactions. What is asked of it is asked in the way that its connection allows.
//!
//! On a connection of its own, statements are prepared once and kept. Behind a pooler each transaction may be given another
//! connection to the server, so nothing outlives one: statements have no name, limits are set in each transaction, and a statement
//! outside of any gets one for itself, since the driver takes two round trips for it, and between these another client's statement
//! could take its place.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _, TryFutureExt as _, TryStreamExt as _};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{
    AssertSqlSafe, Connection as _, Either, Execute, Executor, PgConnection, Postgres, Row as _, SqlSafeStr as _,
    SqlStr,
};

use super::sql;

/// A session with a server.
pub struct Session {
    connection: PgConnection,
    /// What is set in each transaction behind a pooler, as statements; `None` on a connection of its own, which has it for good.
    each_transaction: Option<Arc<str>>,
    state: State,
    writes: Arc<Writes>,
}

/// Whether a transaction is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Open,
    /// It was dropped, and has to be rolled back before anything else.
    Abandoned,
}

/// How often a server was found that takes no writes: sessions from before the last time may lead to it.
#[derive(Debug, Default)]
pub(super) struct Writes(AtomicU64);

impl Writes {
    pub(super) fn refused(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn times_refused(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn look_at(&self, error: &sqlx::Error) {
        if super::database_server::is_read_only(error) {
            self.refused();
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("each_transaction", &self.each_transaction)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(connection: PgConnection, each_transaction: Option<Arc<str>>, writes: Arc<Writes>) -> Self {
        Self {
            connection,
            each_transaction,
            state: State::Idle,
            writes,
        }
    }

    /// Whether a pooler stands between.
    pub fn is_pooled(&self) -> bool {
        self.each_transaction.is_some()
    }

    /// Whether no transaction is open.
    pub(super) fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// Whether the server takes writes now. One round trip, which a pooler gives to one connection.
    pub(super) async fn takes_writes(&mut self) -> Result<bool, sqlx::Error> {
        let row = self.connection.fetch_one(sqlx::raw_sql(sql::IS_READ_ONLY)).await?;
        Ok(row.try_get::<&str, _>(0)? == "off")
    }

    /// Ends the session in good order.
    pub async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }

    /// Begins a transaction.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, sqlx::Error> {
        self.begin_with("").await
    }

    /// Begins a transaction with these statements, which take no further round trip. They are no rows of anyone: settings.
    pub async fn begin_with(&mut self, statements: &str) -> Result<Transaction<'_>, sqlx::Error> {
        self.open(statements).await?;
        Ok(Transaction { session: self })
    }

    /// For what must not be in a transaction, and of one statement.
    pub async fn run_alone(&mut self, statement: SqlStr) -> Result<(), sqlx::Error> {
        self.connection.execute(statement).await.map(drop)
    }

    async fn open(&mut self, statements: &str) -> Result<(), sqlx::Error> {
        if self.state != State::Idle {
            self.end("ROLLBACK").await?;
        }
        let limits = self.each_transaction.as_deref().unwrap_or_default();
        let all: Vec<&str> = ["BEGIN", limits, statements]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        self.state = State::Open;
        self.connection.execute(AssertSqlSafe(all.join("; "))).await?;
        Ok(())
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let ended = self.connection.execute(statement).await;
        ended.inspect_err(|error| self.writes.look_at(error))?;
        self.state = State::Idle;
        Ok(())
    }

    /// Asks in a transaction of its own.
    async fn ask_apart(&mut self, query: Unnamed) -> Result<Vec<Either<PgQueryResult, PgRow>>, sqlx::Error> {
        self.open("").await?;
        match self.connection.fetch_many(query).try_collect().await {
            Ok(answer) => {
                self.end("COMMIT").await?;
                Ok(answer)
            }
            Err(error) => {
                self.writes.look_at(&error);
                // Of a connection that is broken this fails too; whoever has it gives it up after an error.
                drop(self.end("ROLLBACK").await);
                Err(error)
            }
        }
    }
}

/// A transaction of a [`Session`]; rolled back, before the session is used again, unless it was committed.
#[derive(Debug)]
pub struct Transaction<'s> {
    session: &'s mut Session,
}

impl Transaction<'_> {
    /// Makes everything final.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.session.end("COMMIT").await
    }

    /// Takes everything back.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.session.end("ROLLBACK").await
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.session.state == State::Open {
            self.session.state = State::Abandoned;
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.session
    }
}

/// A statement that is prepared without a name: it lasts until the next one.
struct Unnamed {
    sql: SqlStr,
    arguments: Option<PgArguments>,
}

impl Unnamed {
    fn new<'q>(mut query: impl Execute<'q, Postgres>) -> Result<Self, sqlx::Error> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        let sql = query.sql();
        Ok(Self { sql, arguments })
    }
}

impl Execute<'_, Postgres> for Unnamed {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&PgStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        false
    }
}

impl<'c> Executor<'c> for &'c mut Session {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let writes = Arc::clone(&self.writes);
        let watched = move |error: &sqlx::Error| writes.look_at(error);
        let rolled_back = self.state == State::Abandoned;
        if !rolled_back && !self.is_pooled() {
            return self.connection.fetch_many(query).inspect_err(watched).boxed();
        }
        let query = Unnamed::new(query);
        if !rolled_back && self.state == State::Open {
            return match query {
                Ok(query) => self.connection.fetch_many(query).inspect_err(watched).boxed(),
                Err(error) => stream::once(async { Err(error) }).boxed(),
            };
        }
        let answer = async move {
            let query = query?;
            if self.state == State::Abandoned {
                self.end("ROLLBACK").await?;
            }
            if self.is_pooled() {
                self.ask_apart(query).await
            } else {
                self.connection.fetch_many(query).try_collect().await
            }
        };
        answer
            .map_ok(|all: Vec<_>| stream::iter(all.into_iter().map(Ok)))
            .try_flatten_stream()
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        // To the end: a deferred constraint fails after the row.
        let mut answer = self.fetch_many(query);
        async move {
            let mut first = None;
            while let Some(part) = answer.try_next().await? {
                if let Either::Right(row) = part {
                    first = first.or(Some(row));
                }
            }
            Ok(first)
        }
        .boxed()
    }

    fn prepare_with<'e>(self, sql: SqlStr, _: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        let reason = format!("statements are not prepared by hand: {}", sql.as_str());
        async { Err(sqlx::Error::Protocol(reason)) }.boxed()
    }
}

/// A statement that no user wrote.
pub(super) fn trusted(statement: String) -> SqlStr {
    AssertSqlSafe(statement).into_sql_str()
}
