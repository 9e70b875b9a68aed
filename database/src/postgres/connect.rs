//! A new session: the servers are tried in turn, and the first that takes writes is taken.
//!
//! A session begins with options, which say what holds for it, and with a mark among them. A pooler that hands out connections by
//! transaction refuses options (PgBouncer: `unsupported startup parameter`), or is told to ignore them; then the mark is missing, however
//! it is told. Either way the limits are set in each transaction from then on.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use schemas::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, Row as _};
use tokio::time::{Instant, sleep};

use super::config::Pooler;
use super::connection::{sqlstate, within};
use super::database_server::{DatabaseServer, Purpose};
use super::hosts::place;
use super::session::{Session, Writes};
use super::sql;

/// The pauses before servers that are away are tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What was found out about the servers.
#[derive(Debug)]
pub(super) struct Known {
    /// The place of the server that fitted last, which is tried first.
    first: AtomicUsize,
    /// Whether a pooler stands between.
    pooled: AtomicBool,
    pub(super) writes: Arc<Writes>,
}

impl Known {
    pub(super) fn new(pooled: bool) -> Self {
        Self {
            first: AtomicUsize::new(0),
            pooled: AtomicBool::new(pooled),
            writes: Arc::default(),
        }
    }
}

/// Why none of the servers was taken, though none has refused us.
#[derive(Debug)]
pub(super) enum Unfit {
    /// What is the matter with each.
    All(Vec<String>),
    /// None was reached within the time.
    Away(Vec<String>),
    /// One was reached, and has no schema of this name.
    NoSchema(String),
    /// The URL has options, and a pooler stands between.
    Options,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(reasons) | Self::Away(reasons) => f.write_str(&reasons.join("; ")),
            Self::NoSchema(schema) => write!(f, "there is no schema `{schema}`"),
            Self::Options => f.write_str("a pooler takes no options"),
        }
    }
}

impl std::error::Error for Unfit {}

impl From<Unfit> for sqlx::Error {
    fn from(unfit: Unfit) -> Self {
        Self::Io(io::Error::new(io::ErrorKind::NotConnected, unfit))
    }
}

impl Unfit {
    pub(super) fn of(error: &sqlx::Error) -> Option<&Self> {
        match error {
            sqlx::Error::Io(error) => error.get_ref()?.downcast_ref(),
            _ => None,
        }
    }

    pub(super) fn is_misconfigured(&self) -> bool {
        matches!(self, Self::NoSchema(_) | Self::Options)
    }

    /// What happened, and the way out.
    pub(super) fn explain(&self, server: &DatabaseServer, section: &str) -> String {
        let (database, place) = (server.database(), server.hosts.place());
        match self {
            Self::All(reasons) => format!(
                "no server of the {database} takes writes: {}; it is looked for again",
                reasons.join("; ")
            ),
            Self::Away(reasons) => format!(
                "no connection to PostgreSQL on `{place}` within {} ms: is it running, reachable, and below its limit of \
                 connections? ({})",
                server.patience().as_millis(),
                reasons.join("; ")
            ),
            Self::NoSchema(schema) => format!(
                "the {database} has no schema `{schema}`: as its owner run: CREATE SCHEMA {}; or correct `{section}.schema`",
                sql::identifier(schema)
            ),
            Self::Options => format!(
                "a pooler on `{place}` does not hand on the options in `{section}.url`: take them out, write `schema: NAME` beside it for \
                 a search path, and give the user what else you need (`ALTER ROLE … SET …`)"
            ),
        }
    }
}

/// Whether a pooler refuses the parameters with which a session begins. PgBouncer says `unsupported startup parameter: options`, from
/// 1.20 on `unsupported startup parameter in options: lock_timeout`; others use the same words.
pub(super) fn refuses_options(message: &str) -> bool {
    message.contains("startup parameter")
}

/// Why a server was not taken.
enum Refused {
    /// Another may be.
    Unfit(String),
    /// It may be reached soon.
    Away(String),
    /// No other is tried: they have the same users and databases.
    Final(sqlx::Error),
}

impl DatabaseServer {
    /// A session with a server that takes writes; waits until then for one that may come back.
    pub(super) fn connect(&self, purpose: Purpose, deadline: Instant) -> BoxFuture<'_, Result<Session, sqlx::Error>> {
        // It is large, and part of all who need a session.
        Box::pin(self.connect_to_any(purpose, deadline))
    }

    async fn connect_to_any(&self, purpose: Purpose, deadline: Instant) -> Result<Session, sqlx::Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            let (mut reasons, mut away) = (Vec::new(), false);
            let (all, first) = (&self.hosts.all, self.known.first.load(Ordering::Relaxed));
            for step in 0..all.len() {
                let number = (first + step) % all.len();
                let Some(host) = all.get(number) else { continue };
                // Each of those that are left may take an equal part of the time that is left.
                let left = u32::try_from(all.len() - step).unwrap_or(u32::MAX);
                let limit = deadline.saturating_duration_since(Instant::now()) / left;
                match self.connect_to(host, purpose, limit).await {
                    Ok(session) => {
                        self.known.first.store(number, Ordering::Relaxed);
                        return Ok(session);
                    }
                    Err(Refused::Final(error)) => return Err(error),
                    Err(Refused::Unfit(reason)) => reasons.push(format!("`{}` {reason}", place(host))),
                    Err(Refused::Away(reason)) => {
                        away = true;
                        reasons.push(format!("`{}`: {reason}", place(host)));
                    }
                }
            }
            if !away {
                return Err(Unfit::All(reasons).into());
            }
            if Instant::now() + pause >= deadline {
                return Err(Unfit::Away(reasons).into());
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn connect_to(&self, host: &PgConnectOptions, purpose: Purpose, limit: Duration) -> Result<Session, Refused> {
        let begun = within(limit, self.begin_session(host, purpose)).await;
        let (mut connection, mut pooled) = begun.map_err(refused)?;
        let schema = self.schema();
        let name = schema.map_or("NULL".to_owned(), |name| sql::literal(&sql::identifier(name)));
        let facts = AssertSqlSafe(sql::FACTS.replace("{}", &name));
        let row = within(limit, connection.fetch_one(sqlx::raw_sql(facts)))
            .await
            .map_err(refused)?;
        let fact = |at: usize| row.try_get::<Option<String>, _>(at).map_err(Refused::Final);
        if !pooled && self.config().pooler == Pooler::Auto && fact(0)?.is_none() {
            pooled = true;
            self.note_pooler(host, "it loses the options of a session");
        }
        if pooled && self.hosts.have_options() {
            return Err(Refused::Final(Unfit::Options.into()));
        }
        let (read_only, standby) = (fact(1)?.as_deref() != Some("off"), fact(2)?.as_deref() == Some("true"));
        if read_only || standby {
            let reason = if standby {
                "is a standby, and read-only"
            } else {
                "is read-only"
            };
            return Err(Refused::Unfit(reason.to_owned()));
        }
        if let Some(schema) = schema.filter(|_| fact(3).is_ok_and(|there| there.as_deref() == Some("false"))) {
            return Err(Refused::Final(Unfit::NoSchema(schema.to_owned()).into()));
        }
        let each_transaction = pooled.then(|| self.in_each_transaction(purpose));
        Ok(Session::new(connection, each_transaction, Arc::clone(self.writes())))
    }

    /// A connection, and whether a pooler was found, now or before.
    async fn begin_session(
        &self,
        host: &PgConnectOptions,
        purpose: Purpose,
    ) -> Result<(PgConnection, bool), sqlx::Error> {
        let name = if matches!(purpose, Purpose::Migrating(_)) {
            "forebay migrate"
        } else {
            "forebay"
        };
        let host = host.clone().application_name(name);
        // A server in its place later serves just as well without options.
        if self.known.pooled.load(Ordering::Relaxed) {
            return Ok((host.connect().await?, true));
        }
        let mut options = self.limits(purpose);
        options.extend(self.schema().map(|name| ("search_path", sql::identifier(name))));
        options.push((sql::MARK, "on".to_owned()));
        match host.clone().options(options).connect().await {
            Err(error) if self.config().pooler == Pooler::Auto && is_refusal(&error) => {
                if self.hosts.have_options() {
                    return Err(Unfit::Options.into());
                }
                self.note_pooler(&host, "it refuses the options of a session");
                Ok((host.connect().await?, true))
            }
            answer => Ok((answer?, false)),
        }
    }

    fn note_pooler(&self, host: &PgConnectOptions, why: &str) {
        if !self.known.pooled.swap(true, Ordering::Relaxed) {
            tracing::info!(
                place = %place(host),
                "a pooler stands before PostgreSQL ({why}): nothing is prepared for longer than a transaction, and limits are set in each"
            );
        }
    }

    fn in_each_transaction(&self, purpose: Purpose) -> Arc<str> {
        let mut settings = self.limits(purpose);
        settings.extend(self.schema().map(|name| ("search_path", sql::identifier(name))));
        let set = |(name, value): (&str, String)| format!("SET LOCAL {name} = {value}");
        let all: Vec<String> = settings.into_iter().map(set).collect();
        all.join("; ").into()
    }
}

fn is_refusal(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(|error| error.code().as_deref() == Some("08P01") && refuses_options(error.message()))
}

/// As libpq does: a server that cannot be reached, or does not serve yet, is passed over; one that refuses us is not.
fn refused(error: sqlx::Error) -> Refused {
    let code = sqlstate(&error);
    match (&error, code.as_deref()) {
        (_, Some(code)) if code.starts_with("57P") || code.starts_with("53") => Refused::Away(error.to_string()),
        // PgBouncer whose server is away (08P01), or that ends.
        (_, Some("08P01" | "08006" | "08001" | "08003" | "08004")) if !is_refusal(&error) => {
            Refused::Away(error.to_string())
        }
        (sqlx::Error::Io(inner), _) if Unfit::of(&error).is_none() => Refused::Away(inner.to_string()),
        _ => Refused::Final(error),
    }
}
