//! A pool of sessions. Each is made when it is first needed, on whichever of the servers takes writes then.
//!
//! The pool of the driver connects to one server, and knows nothing of standbys: a session that leads to one would stay in it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::connection::{InUse, within};
use super::database_server::{DatabaseServer, Purpose};
use super::session::Session;

/// A session that was not used for so long is closed.
const LONGEST_IDLE: Duration = Duration::from_mins(10);
/// A session that is so old is closed: what a server keeps for it grows.
const LONGEST_LIFE: Duration = Duration::from_mins(30);
/// How long the end of a session may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// A pool of sessions with one database. Clones share it.
#[derive(Debug, Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    server: DatabaseServer,
    idle: Mutex<Vec<Idle>>,
    permits: Arc<Semaphore>,
}

/// A session, and since when it exists.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) session: Session,
    pub(super) born: Instant,
    since: Instant,
    /// How often writes had been refused when it was made.
    refused: u64,
}

impl Pool {
    pub(super) fn new(server: DatabaseServer) -> Self {
        let size = usize::try_from(server.max_connections()).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            shared: Arc::new(Shared {
                server,
                idle: Mutex::default(),
                permits: Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS))),
            }),
        }
    }

    /// The servers, and the database on them.
    pub fn server(&self) -> &DatabaseServer {
        &self.shared.server
    }

    /// A session with a server that takes writes, waited for as long as the settings say.
    pub async fn acquire(&self) -> Result<InUse, sqlx::Error> {
        let deadline = Instant::now() + self.server().patience();
        let permit = Arc::clone(&self.shared.permits).acquire_owned();
        match tokio::time::timeout_at(deadline, permit).await {
            Ok(Ok(permit)) => self.session(permit, deadline).await,
            Ok(Err(_)) => Err(sqlx::Error::PoolClosed),
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }

    async fn session(&self, permit: OwnedSemaphorePermit, deadline: Instant) -> Result<InUse, sqlx::Error> {
        let Shared { server, .. } = &*self.shared;
        while let Some(mut idle) = self.shared.take() {
            // One that hangs must leave time for a new one.
            let limit = deadline.saturating_duration_since(Instant::now()) / 2;
            match within(limit, idle.session.takes_writes()).await {
                Ok(true) => return Ok(InUse::new(idle, Arc::clone(&self.shared), permit)),
                // It has become a standby, or is gone, and the others that lead to it with it.
                _ => server.writes().refused(),
            }
        }
        let refused = server.writes().times_refused();
        let session = server.connect(Purpose::Writing, deadline).await?;
        let now = Instant::now();
        let idle = Idle {
            session,
            born: now,
            since: now,
            refused,
        };
        Ok(InUse::new(idle, Arc::clone(&self.shared), permit))
    }

    /// Closes all sessions, once what they do is done. No more are made.
    pub async fn close(&self) {
        let Shared { permits, server, .. } = &*self.shared;
        // Those in use hold theirs.
        let all = permits.acquire_many(server.max_connections()).await;
        permits.close();
        drop(all);
        let idle = std::mem::take(&mut *self.shared.idle.lock());
        for idle in idle {
            drop(within(GOODBYE, idle.session.close()).await);
        }
    }
}

impl Shared {
    /// The session that was used last, without those that are too old.
    fn take(&self) -> Option<Idle> {
        let (now, refused) = (Instant::now(), self.server.writes().times_refused());
        let mut idle = self.idle.lock();
        let (good, old): (Vec<Idle>, Vec<Idle>) = std::mem::take(&mut *idle).into_iter().partition(|idle| {
            idle.refused == refused && now - idle.since < LONGEST_IDLE && now - idle.born < LONGEST_LIFE
        });
        *idle = good;
        let taken = idle.pop();
        drop(idle);
        for old in old {
            tokio::spawn(within(GOODBYE, old.session.close()));
        }
        taken
    }

    pub(super) fn give_back(&self, mut idle: Idle) {
        if idle.session.is_idle() && !self.permits.is_closed() {
            idle.since = Instant::now();
            self.idle.lock().push(idle);
        }
    }
}
