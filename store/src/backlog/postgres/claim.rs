//! A partition of this process: what waits in it, and how it is given up. What is written goes to the writer.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use schemas::BoxFuture;
use schemas::backlog::{BacklogError, Change, Claim, Contents, Due, Standing, Waiting, Wanted};
use schemas::record::Offset;
use schemas::time::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tokio::sync::oneshot;

use super::Shared;
use super::database::LIMIT;
use super::owner::Held;
use super::sql;
use super::writer::Job;
use crate::backlog::lease;

/// A claim; dropped without [`release`](Claim::release), it expires.
pub(super) struct PostgresClaim {
    pub(super) shared: Arc<Shared>,
    pub(super) held: Arc<Held>,
}

impl PostgresClaim {
    pub(super) fn new(shared: Arc<Shared>, held: Arc<Held>) -> Self {
        Self { shared, held }
    }

    pub(super) fn good(&self) -> Result<(), BacklogError> {
        if self.held.validity.is_lost() {
            return Err(BacklogError::NotOwner);
        }
        Ok(())
    }

    async fn read_contents(&self, position: Offset) -> Result<Contents, BacklogError> {
        self.good()?;
        let database = &self.shared.database;
        let mut connection = database.connection().await?;
        let (stream, part) = self.held.place();
        let query = sqlx::query(sql::IN_LINE).bind(stream).bind(part);
        let in_line = database.within(LIMIT, query.fetch_all(&mut *connection)).await?;
        let query = sqlx::query(sql::DUE).bind(stream).bind(part);
        let due = database.within(LIMIT, query.fetch_all(&mut *connection)).await?;
        let query = sqlx::query(sql::READ_AGAIN).bind(stream).bind(part).bind(position.0);
        let again = database.within(LIMIT, query.fetch_all(&mut *connection)).await?;
        connection.done();
        self.contents_of(&in_line, &due, &again)
            .map_err(|error| database.unavailable(&error))
    }

    fn contents_of(&self, in_line: &[PgRow], due: &[PgRow], again: &[PgRow]) -> Result<Contents, sqlx::Error> {
        let in_line = in_line.iter().map(|row| {
            let name: String = row.try_get(1)?;
            self.shared.names.know(&name, row.try_get(0)?);
            Ok(name)
        });
        let due = due.iter().map(|row| {
            Ok(Due {
                target: row.try_get(0)?,
                offset: Offset(row.try_get(1)?),
                key: Bytes::from(row.try_get::<Vec<u8>, _>(2)?),
                at: timestamp(row.try_get(3)?),
            })
        });
        let again = again.iter().map(|row| Ok((row.try_get(0)?, Offset(row.try_get(1)?))));
        Ok(Contents {
            in_line: in_line.collect::<Result<_, sqlx::Error>>()?,
            due: due.collect::<Result<_, sqlx::Error>>()?,
            read_again: again.collect::<Result<_, sqlx::Error>>()?,
        })
    }

    async fn give_up(&self) -> Result<(), BacklogError> {
        self.shared.owned.remove(&self.held);
        let database = &self.shared.database;
        let mut connection = database.connection().await?;
        let query = sqlx::query(sql::RELEASE)
            .bind(self.held.stream)
            .bind(self.held.part)
            .bind(self.held.epoch)
            .bind(self.shared.owner);
        database.within(LIMIT, query.execute(&mut *connection)).await?;
        connection.done();
        Ok(())
    }
}

/// What was written to the millisecond comes back as it was; of the server's own times the rest is cut off.
pub(super) fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp::from_millis(time.timestamp_millis()).unwrap_or(Timestamp::MIN)
}

impl fmt::Debug for PostgresClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.held.fmt(f)
    }
}

impl Claim for PostgresClaim {
    fn standing(&self) -> Standing {
        self.held.validity.standing(lease::now(), &self.shared.lease)
    }

    fn contents(&self, position: Offset) -> BoxFuture<'_, Result<Contents, BacklogError>> {
        Box::pin(self.read_contents(position))
    }

    fn write(&self, changes: Arc<[Change]>) -> BoxFuture<'_, Result<(), BacklogError>> {
        Box::pin(async move {
            self.good()?;
            let (answer, answered) = oneshot::channel();
            let held = Arc::clone(&self.held);
            let job = Job { held, changes, answer };
            let ended = || BacklogError::Unavailable("the writer of the backlog has ended with its process".to_owned());
            self.shared.writer().send(job).await.map_err(|_| ended())?;
            answered.await.map_err(|_| ended())?
        })
    }

    fn fetch(&self, wanted: Vec<Wanted>, before: Offset) -> BoxFuture<'_, Result<Vec<Waiting>, BacklogError>> {
        Box::pin(async move { self.read(&wanted, before).await })
    }

    fn release(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.give_up().await {
                tracing::debug!(%error, "a claim of the backlog was not given up; it expires");
            }
        })
    }
}
