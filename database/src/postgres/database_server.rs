//! Which server it is, how to connect to it, and what its errors mean to an operator. No message holds the password.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemas::setting::Invalid;
use sqlx::ConnectOptions as _;

use super::config::{Config, Pooler};
use super::connect::{Known, Unfit};
use super::connection::sqlstate;
use super::hosts::Hosts;
use super::pool::Pool;
use super::session::{Session, Writes};

/// How long a transaction of ours may stand idle: a client that froze must not hold locks.
const IDLE_IN_TRANSACTION_MS: &str = "60000";

/// Whose tables they are, for messages.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// The section with the settings, as `postgres` or `store.postgres`.
    pub section: &'static str,
    /// What needs the rights, as `sink`.
    pub name: &'static str,
}

/// What a session is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Reading and writing, within the limits of the settings.
    Writing,
    /// Migrations, which may take their time, but not while they keep others waiting for longer than this.
    Migrating(Duration),
    /// Asking what there is.
    Asking,
}

/// A database on one of several servers, as one owner of tables sees it. Clones know the same of them.
#[derive(Clone)]
pub struct DatabaseServer {
    pub(super) hosts: Hosts,
    pub(super) known: Arc<Known>,
    owner: Owner,
    place: String,
    user: String,
    database: String,
    config: Config,
}

impl fmt::Debug for DatabaseServer {
    /// Without the options, whose `Debug` shows the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseServer")
            .field("place", &self.place)
            .field("user", &self.user)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

impl DatabaseServer {
    /// The servers that the settings name; nothing is connected. Returns everything that is wrong with them.
    pub fn new(config: &Config, owner: Owner) -> Result<Self, Vec<Invalid>> {
        config.check()?;
        let mut hosts = config.hosts().map_err(|reason| vec![Invalid::new("url", reason)])?;
        for host in &mut hosts.all {
            // A pooler refuses the last: it is for floating-point numbers as text, which we have none of.
            *host = host.clone().disable_statement_logging().extra_float_digits(None);
        }
        let (user, database) = match hosts.all.first() {
            Some(host) => (host.get_username().to_owned(), host.get_database().map(str::to_owned)),
            None => return Err(vec![Invalid::new("url", "names no host")]),
        };
        Ok(Self {
            place: hosts.place(),
            database: database.unwrap_or_else(|| user.clone()),
            user,
            known: Arc::new(Known::new(config.pooler == Pooler::Transaction)),
            hosts,
            owner,
            config: config.clone(),
        })
    }

    /// What a session for this purpose has to have set, but for its search path.
    pub(super) fn limits(&self, purpose: Purpose) -> Vec<(&'static str, String)> {
        match purpose {
            Purpose::Writing => vec![
                ("statement_timeout", self.config.statement_timeout_ms.to_string()),
                ("lock_timeout", self.config.lock_timeout_ms.to_string()),
                ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MS.to_owned()),
            ],
            Purpose::Migrating(lock) => vec![("lock_timeout", lock.as_millis().max(1).to_string())],
            Purpose::Asking => vec![],
        }
    }

    /// Sessions for reading and writing.
    pub fn pool(&self) -> Pool {
        Pool::new(self.clone())
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// How many sessions there may be at a time.
    pub(super) fn max_connections(&self) -> u32 {
        self.config.max_connections
    }

    pub(super) fn writes(&self) -> &Arc<Writes> {
        &self.known.writes
    }

    /// A session of its own for work beside reading and writing, which may take its time; `lock` is how long it waits for a lock.
    pub async fn connect_aside(&self, lock: Duration) -> Result<Session, sqlx::Error> {
        let deadline = tokio::time::Instant::now() + self.patience();
        self.connect(Purpose::Migrating(lock), deadline).await
    }

    /// How long a connection is waited for.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.config.connect_timeout_ms)
    }

    /// How long one statement may take as seen from here.
    pub fn answer_timeout(&self) -> Duration {
        self.config.answer_timeout()
    }

    /// Returns the user's name, for messages.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns the name of the database.
    pub(super) fn database_name(&self) -> &str {
        &self.database
    }

    /// Returns the schema that the settings name.
    pub fn schema(&self) -> Option<&str> {
        self.config.schema.as_deref()
    }

    /// Returns the database and its server in words, for messages.
    pub fn database(&self) -> String {
        format!("database `{}` on `{}`", self.database, self.place)
    }

    /// Whether trying again cannot help.
    pub fn is_misconfigured(error: &sqlx::Error) -> bool {
        let code = sqlstate(error);
        let by_code = |code: &str| code.starts_with("28") || matches!(code, "3D000" | "42501");
        code.as_deref().is_some_and(by_code)
            || is_of_password(error)
            || Unfit::of(error).is_some_and(Unfit::is_misconfigured)
    }

    /// Whether a table is missing.
    pub(super) fn is_not_set_up(error: &sqlx::Error) -> bool {
        let code = sqlstate(error);
        code.is_some_and(|code| code == "42P01")
    }

    /// Why none of the servers can be used, if that is what the error says.
    pub fn none_fits(&self, error: &sqlx::Error) -> Option<String> {
        Unfit::of(error).map(|unfit| unfit.explain(self, self.owner.section))
    }

    /// What happened, where, and the way out.
    pub fn explain(&self, error: &sqlx::Error) -> String {
        let Self {
            place, user, database, ..
        } = self;
        let Owner { section, name } = self.owner;
        if let Some(unfit) = Unfit::of(error) {
            return unfit.explain(self, section);
        }
        let Some(error) = error.as_database_error() else {
            return match error {
                sqlx::Error::PoolTimedOut => format!(
                    "no connection to PostgreSQL on `{place}` within {} ms: those that are open are all in use",
                    self.config.connect_timeout_ms
                ),
                // The error itself quotes a character of the password.
                error if is_of_password(error) => format!(
                    "the password of user `{user}` cannot be sent to PostgreSQL on `{place}`: it has a tab, a line break or \
                     another control character; give the user one without"
                ),
                error => format!("the connection to PostgreSQL on `{place}` failed: {error}"),
            };
        };
        let message = error.message();
        let code = error.code().unwrap_or_default();
        match &*code {
            code if code.starts_with("28") => format!(
                "PostgreSQL on `{place}` refuses user `{user}` for database `{database}` ({message}): check user and \
                 password in `{section}.url`, or `user` and `password` beside it"
            ),
            "3D000" => format!(
                "PostgreSQL on `{place}` has no database `{database}` for user `{user}`: create it, or correct \
                 `{section}.url`"
            ),
            "42P01" | "42703" => format!(
                "the {} is not set up for this version ({message}): run `forebay migrate`",
                self.database()
            ),
            "42501" => format!(
                "user `{user}` may not do all that is needed in the {} ({message}): grant it the rights; \
                 `forebay check --connect` names those that the {name} needs",
                self.database()
            ),
            "25006" => format!(
                "the {} is read-only ({message}): is it a standby? A server that takes writes is looked for again",
                self.database()
            ),
            "08P01" if super::connect::refuses_options(message) => format!(
                "a pooler on `{place}` takes no options ({message}), and `{section}.pooler` is `none`: leave that out, or write \
                 `transaction`"
            ),
            code => format!("the {} says: {message} (SQLSTATE {code})", self.database()),
        }
    }
}

/// Whether the server takes no writes.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    let code = sqlstate(error);
    code.is_some_and(|code| code == "25006")
}

/// Whether the password has a character that SCRAM does not take (RFC 4013).
fn is_of_password(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Configuration(error) if error.to_string().contains("saslprep password"))
}
