//! A partition of this process: what waits in it, reading and writing.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use schemas::BoxFuture;
use schemas::backlog::{BacklogError, Change, Claim, Contents, Due, Standing, Waiting, Wanted, Which};
use schemas::record::Offset;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::database::{Database, timestamp};
use super::{Newest, sql};
use crate::backlog::row::{Columns, attempts, key_hash, write_headers, write_rules};
use crate::backlog::{START, answer};

/// A claim, good until a newer one is taken or it is released.
#[derive(Debug)]
pub(super) struct SqliteClaim {
    pub(super) database: Database,
    pub(super) newest: Arc<Newest>,
    /// Stream and partition.
    pub(super) place: (i64, i32),
    pub(super) epoch: u64,
}

impl SqliteClaim {
    fn good(&self) -> bool {
        self.newest.get(self.place) == Some(self.epoch)
    }

    fn check(&self) -> Result<(), BacklogError> {
        if self.good() {
            Ok(())
        } else {
            Err(BacklogError::NotOwner)
        }
    }

    async fn read_contents(&self, position: Offset) -> Result<Contents, sqlx::Error> {
        let mut connection = self.database.connection().await?;
        let (stream, part) = self.place;
        let query = |statement| sqlx::query(statement).bind(stream).bind(part);
        let in_line = query(sql::IN_LINE).fetch_all(&mut *connection).await?;
        let due = query(sql::DUE).fetch_all(&mut *connection).await?;
        let again = query(sql::READ_AGAIN)
            .bind(position.0)
            .fetch_all(&mut *connection)
            .await?;
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
            in_line: in_line.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?,
            due: due.collect::<Result<_, sqlx::Error>>()?,
            read_again: again.collect::<Result<_, sqlx::Error>>()?,
        })
    }

    /// Returns whether the claim was still good.
    async fn make(&self, changes: &[Change]) -> Result<bool, sqlx::Error> {
        let mut transaction = self.database.begin().await?;
        if !self.good() {
            return Ok(false);
        }
        // Most changes of a call are of few targets.
        let mut made: Option<&str> = None;
        for change in changes {
            match change {
                Change::Add(waiting) => {
                    if made != Some(&waiting.target) {
                        make_target(&mut transaction, &waiting.target).await?;
                        made = Some(&waiting.target);
                    }
                    insert(&mut transaction, sql::ADD, self.place, waiting).await?;
                }
                Change::Tried {
                    target,
                    offset,
                    attempts: made,
                    due,
                } => {
                    let query = self.of_place(sql::TRIED, target, *offset);
                    let query = query.bind(attempts(*made)).bind(due.millis());
                    query.execute(&mut *transaction).await?;
                }
                Change::Remove { target, offset } => {
                    let query = self.of_place(sql::REMOVE, target, *offset);
                    query.execute(&mut *transaction).await?;
                }
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    fn of_place<'q>(
        &self,
        statement: &'static str,
        target: &'q str,
        offset: Offset,
    ) -> sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
        let query = sqlx::query(statement).bind(self.place.0).bind(self.place.1);
        query.bind(target).bind(offset.0)
    }

    async fn read(&self, wanted: &[Wanted], before: Offset) -> Result<Vec<(usize, Columns)>, sqlx::Error> {
        let mut connection = self.database.connection().await?;
        let mut room = usize::try_from(answer::BYTES).unwrap_or(usize::MAX);
        let mut found = vec![];
        for ((n, wanted), limit) in wanted.iter().enumerate().zip(answer::limits(wanted)) {
            let (statement, offset, key) = match &wanted.which {
                Which::InLine { after, .. } => (sql::FETCH_IN_LINE, after.unwrap_or(START).0, None),
                Which::OfKey { key, after, .. } => (sql::FETCH_OF_KEY, after.unwrap_or(START).0, Some(key)),
                Which::At(offset) => (sql::FETCH_AT, offset.0, None),
            };
            let mut query = sqlx::query(statement)
                .bind(self.place.0)
                .bind(self.place.1)
                .bind(&wanted.target)
                .bind(before.0)
                .bind(offset)
                .bind(limit);
            if let Some(key) = key {
                query = query.bind(key_hash(key)).bind(&key[..]);
            }
            let mut rows = query.fetch(&mut *connection);
            while let Some(row) = rows.try_next().await? {
                let columns = columns(&row)?;
                room = room.saturating_sub(columns.key.len() + columns.headers.len() + columns.value.len());
                found.push((n, columns));
                if room == 0 {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}

/// Gives the target a number if it has none.
pub(super) async fn make_target(connection: &mut SqliteConnection, target: &str) -> Result<(), sqlx::Error> {
    sqlx::query(sql::MAKE_TARGET).bind(target).execute(connection).await?;
    Ok(())
}

/// Inserts a row by one of the statements that do. Its target must have a number.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    statement: &'static str,
    (stream, part): (i64, i32),
    waiting: &Waiting,
) -> Result<u64, sqlx::Error> {
    let record = &waiting.record.record;
    let query = sqlx::query(statement)
        .bind(stream)
        .bind(part)
        .bind(&waiting.target)
        .bind(waiting.record.offset.0)
        .bind(attempts(waiting.attempts))
        .bind(key_hash(&record.key))
        .bind(waiting.since.millis())
        .bind(waiting.due.map(schemas::time::Timestamp::millis))
        .bind(waiting.ordered)
        .bind(&record.key[..])
        .bind(&*waiting.rules_version)
        .bind(write_rules(&waiting.rules))
        .bind(write_headers(&record.headers))
        .bind(&record.value[..]);
    Ok(query.execute(connection).await?.rows_affected())
}

fn columns(row: &SqliteRow) -> Result<Columns, sqlx::Error> {
    Ok(Columns {
        off: row.try_get(0)?,
        attempts: row.try_get(1)?,
        since: timestamp(row.try_get(2)?),
        due: row.try_get::<Option<i64>, _>(3)?.map(timestamp),
        ordered: row.try_get(4)?,
        key: row.try_get(5)?,
        rules_version: row.try_get(6)?,
        rules: row.try_get(7)?,
        headers: row.try_get(8)?,
        value: row.try_get(9)?,
    })
}

impl Claim for SqliteClaim {
    fn standing(&self) -> Standing {
        if self.good() { Standing::Held } else { Standing::Lost }
    }

    fn contents(&self, position: Offset) -> BoxFuture<'_, Result<Contents, BacklogError>> {
        Box::pin(async move {
            self.check()?;
            self.database.within(self.read_contents(position)).await
        })
    }

    fn write(&self, changes: Arc<[Change]>) -> BoxFuture<'_, Result<(), BacklogError>> {
        Box::pin(async move {
            let good = self.database.within(self.make(&changes)).await?;
            if good { Ok(()) } else { Err(BacklogError::NotOwner) }
        })
    }

    fn fetch(&self, wanted: Vec<Wanted>, before: Offset) -> BoxFuture<'_, Result<Vec<Waiting>, BacklogError>> {
        Box::pin(async move {
            self.check()?;
            let found = self.database.within(self.read(&wanted, before)).await?;
            let waiting = found
                .into_iter()
                .map(|(n, columns)| columns.into_waiting(&wanted[n].target));
            waiting.collect()
        })
    }

    fn release(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.good() {
                self.newest.raise(self.place);
            }
        })
    }
}
