//! Which server it is, how to connect to it, and what its errors mean to an operator. No message holds the password.

use std::fmt;
use std::time::Duration;

use schemas::setting::Invalid;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::config::Config;
use super::connection::within;

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

/// A server and a database on it, as one owner of tables sees them.
pub struct DatabaseServer {
    options: PgConnectOptions,
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
    /// The server that the settings name; nothing is connected. Returns everything that is wrong with them.
    pub fn new(config: &Config, owner: Owner) -> Result<Self, Vec<Invalid>> {
        config.check()?;
        let options = config.options().map_err(|reason| vec![Invalid::new("url", reason)])?;
        let options = options.application_name("forebay").disable_statement_logging();
        let place = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let user = options.get_username().to_owned();
        Ok(Self {
            place,
            database: options.get_database().unwrap_or(&user).to_owned(),
            user,
            options,
            owner,
            config: config.clone(),
        })
    }

    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// For migrations, which may take their time, but not while they keep others waiting.
    pub(super) fn options_for_migrations(&self, lock: Duration) -> PgConnectOptions {
        let lock = lock.as_millis().max(1).to_string();
        let options = self.options.clone().application_name("forebay migrate");
        options.options([("lock_timeout", lock.as_str())])
    }

    fn options_for_writing(&self) -> PgConnectOptions {
        let Config {
            statement_timeout_ms,
            lock_timeout_ms,
            ..
        } = self.config;
        self.options.clone().options([
            ("statement_timeout", statement_timeout_ms.to_string().as_str()),
            ("lock_timeout", lock_timeout_ms.to_string().as_str()),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MS),
        ])
    }

    /// Connections for reading and writing, each made when it is first used.
    ///
    /// Must be called inside a tokio runtime, which looks after the pool.
    pub fn pool(&self) -> PgPool {
        let patience = self.patience();
        // Who uses the pool logs that the server is away, once. The pool's own lines for it are never due: a slow connection is
        // an error before it is slow, and a broken one is found by our ping in place of the pool's, which logs.
        PgPoolOptions::new()
            .max_connections(self.config.max_connections)
            .acquire_timeout(patience)
            .acquire_slow_threshold(patience.saturating_mul(2))
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(async move { Ok(connection.ping().await.is_ok()) }))
            .connect_lazy_with(self.options_for_writing())
    }

    /// A connection of its own for work beside reading and writing, which may take its time; `lock` is how long it waits for a lock.
    pub async fn connect_aside(&self, lock: Duration) -> Result<PgConnection, sqlx::Error> {
        let options = self.options_for_migrations(lock).application_name("forebay upkeep");
        within(self.patience(), options.connect()).await
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

    /// Returns the database and its server in words, for messages.
    pub fn database(&self) -> String {
        format!("database `{}` on `{}`", self.database, self.place)
    }

    /// Whether trying again cannot help.
    pub fn is_misconfigured(error: &sqlx::Error) -> bool {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.is_some_and(|code| code.starts_with("28") || matches!(&*code, "3D000" | "42501")) || is_of_password(error)
    }

    /// Whether a table is missing.
    pub(super) fn is_not_set_up(error: &sqlx::Error) -> bool {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.is_some_and(|code| code == "42P01")
    }

    /// What happened, where, and the way out.
    pub fn explain(&self, error: &sqlx::Error) -> String {
        let Self {
            place, user, database, ..
        } = self;
        let Owner { section, name } = self.owner;
        let Some(error) = error.as_database_error() else {
            return match error {
                sqlx::Error::PoolTimedOut => format!(
                    "no connection to PostgreSQL on `{place}` within {} ms: is it running, reachable, and below its \
                     limit of connections?",
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
                "the {} is read-only ({message}): is it a standby? Point `{section}.url` to the primary",
                self.database()
            ),
            code => format!("the {} says: {message} (SQLSTATE {code})", self.database()),
        }
    }
}

/// Whether the password has a character that SCRAM does not take (RFC 4013).
fn is_of_password(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Configuration(error) if error.to_string().contains("saslprep password"))
}
