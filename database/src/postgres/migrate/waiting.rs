//! Waiting of a migration: for a lock that another session holds, for another migration, for a server that does not answer yet.
//!
//! A statement that waits for a table holds up everyone who comes after it, writers too. So each waits for a short time only, is
//! given up, and tried again after a longer pause in which they go on.

use std::convert::Infallible;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::super::database_server::{DatabaseServer, Purpose};
use super::super::session::Session;
use super::super::sql;
use super::super::within;

/// How long a migration waits.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// For one lock. Whoever comes to the same table meanwhile waits as well, hence it is short.
    pub lock: Duration,
    /// In all: for locks, for a migration that another process runs, for a server that does not answer yet. Work that goes on is
    /// not broken off.
    pub all: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            lock: Duration::from_secs(2),
            all: Duration::from_mins(5),
        }
    }
}

/// How often who waits says for what.
const SAY_AGAIN: Duration = Duration::from_mins(1);
/// How long the question for the holders may take.
const ANSWER: Duration = Duration::from_secs(5);

/// What is waited for, and since when.
pub(super) struct Waiting<'s> {
    server: &'s DatabaseServer,
    waits: Waits,
    deadline: Instant,
    state: Mutex<State>,
}

/// Which of the server's processes does the work, which behind a pooler is another in each transaction; 0 while none is known.
#[derive(Debug, Default)]
pub(super) struct Watched(AtomicI32);

impl Watched {
    pub(super) async fn set(&self, session: &mut Session) -> Result<(), sqlx::Error> {
        let pid: i32 = sqlx::query_scalar(sql::OWN_PID).fetch_one(session).await?;
        self.0.store(pid, Ordering::Relaxed);
        Ok(())
    }
}

#[derive(Default)]
struct State {
    /// Who held the lock when it was last looked.
    holders: Option<String>,
    said: Option<Instant>,
}

impl<'s> Waiting<'s> {
    pub(super) fn new(server: &'s DatabaseServer, waits: Waits) -> Self {
        Self {
            server,
            waits,
            deadline: Instant::now() + waits.all,
            state: Mutex::default(),
        }
    }

    /// Waits before the next attempt; false if that would be too late.
    pub(super) async fn pause(&self, locked: bool) -> bool {
        let pause = if locked {
            (self.waits.lock * 2).clamp(Duration::from_millis(100), Duration::from_secs(10))
        } else {
            Duration::from_secs(1)
        };
        if Instant::now() + pause >= self.deadline {
            return false;
        }
        sleep(pause).await;
        true
    }

    /// Looks now and then who keeps the watched session from its lock. Never returns.
    pub(super) async fn watch(&self, watched: &Watched) -> Infallible {
        let mut session = None;
        let interval = (self.waits.lock / 4).clamp(Duration::from_millis(20), Duration::from_secs(1));
        loop {
            sleep(interval).await;
            let pid = watched.0.load(Ordering::Relaxed);
            if pid == 0 {
                continue;
            }
            if session.is_none() {
                session = self
                    .server
                    .connect(Purpose::Migrating(self.waits.lock), Instant::now() + ANSWER)
                    .await
                    .ok();
            }
            let Some(asked) = &mut session else { continue };
            match holders(asked, pid).await {
                Ok(None) => {}
                Ok(Some(holders)) => {
                    self.say(&format!("a lock that is held by {holders}"));
                    self.state.lock().holders = Some(holders);
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot ask who holds the lock");
                    session = None;
                }
            }
        }
    }

    /// Logs what is waited for, once a minute.
    pub(super) fn say(&self, what: &str) {
        let now = Instant::now();
        let mut state = self.state.lock();
        if state.said.is_none_or(|said| now.duration_since(said) >= SAY_AGAIN) {
            state.said = Some(now);
            let left = self.deadline.saturating_duration_since(now).as_secs();
            warn!(database = %self.server.database(), "waiting for {what}; trying for {left} s more");
        }
    }

    /// Who held the lock, for the last message.
    pub(super) fn held_by(&self) -> String {
        match &self.state.lock().holders {
            Some(holders) => format!("it is held by {holders}: end that session, or wait for it"),
            None => "who holds it was not seen".to_owned(),
        }
    }

    /// How long is waited in all.
    pub(super) fn limit(&self) -> Duration {
        self.waits.all
    }
}

/// The sessions that block another, in words. What they run is left out, for it may hold secrets.
async fn holders(session: &mut Session, pid: i32) -> Result<Option<String>, sqlx::Error> {
    let query = sqlx::query(sql::HOLDERS).bind(pid);
    let rows = within(ANSWER, query.fetch_all(session)).await?;
    let all: Vec<String> = rows.iter().map(in_words).collect::<Result<_, _>>()?;
    Ok((!all.is_empty()).then(|| all.join(", ")))
}

fn in_words(row: &PgRow) -> Result<String, sqlx::Error> {
    let pid: i32 = row.try_get(0)?;
    let [user, application, state] = [1, 2, 3].map(|column| row.try_get::<Option<String>, _>(column));
    let age: Option<i64> = row.try_get(4)?;
    let mut parts = vec![format!("user `{}`", user?.unwrap_or_default())];
    parts.extend(
        application?
            .filter(|name| !name.is_empty())
            .map(|name| format!("application `{name}`")),
    );
    parts.extend(state?);
    parts.extend(age.map(|age| format!("for {age} s")));
    Ok(format!("pid {pid} ({})", parts.join(", ")))
}
