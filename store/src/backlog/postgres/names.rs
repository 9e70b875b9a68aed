//! The numbers of targets, kept in memory: a row of `backlog_target` never changes.

use std::collections::{BTreeSet, HashMap};

use database::postgres::{Session, within};
use parking_lot::Mutex;
use schemas::backlog::BacklogError;
use sqlx::Row as _;

use super::database::{Database, LIMIT};
use super::sql;

/// The numbers that are known.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: Mutex<HashMap<String, i32>>,
}

impl Names {
    pub(super) fn get(&self, name: &str) -> Option<i32> {
        self.known.lock().get(name).copied()
    }

    /// Returns the number of a target that was given one; without it a row must not be left out.
    pub(super) fn require(&self, name: &str) -> Result<i32, sqlx::Error> {
        let missing = || {
            sqlx::Error::Protocol(format!(
                "the target `{name}` has no number in `backlog_target`; try again"
            ))
        };
        self.get(name).ok_or_else(missing)
    }

    pub(super) fn know(&self, name: &str, id: i32) {
        self.known.lock().insert(name.to_owned(), id);
    }

    /// The tables may have been made anew.
    pub(super) fn forget(&self) {
        self.known.lock().clear();
    }

    /// Looks up those that are not known yet. What has no number has no rows.
    pub(super) async fn find<'n>(
        &self,
        database: &Database,
        names: impl Iterator<Item = &'n str> + Send,
    ) -> Result<(), BacklogError> {
        let missing = self.missing(names);
        if missing.is_empty() {
            return Ok(());
        }
        let mut connection = database.connection().await?;
        let query = sqlx::query(sql::FIND_TARGETS).bind(&missing);
        let rows = database.within(LIMIT, query.fetch_all(&mut *connection)).await?;
        connection.done();
        let mut known = self.known.lock();
        for row in rows {
            let read = || Ok((row.try_get(0)?, row.try_get(1)?));
            let (name, id) = read().map_err(|error| database.unavailable(&error))?;
            known.insert(name, id);
        }
        Ok(())
    }

    /// Gives numbers to those that have none. Outside any transaction, so that no one waits for one that gives the same.
    pub(super) async fn make<'n>(
        &self,
        database: &Database,
        names: impl Iterator<Item = &'n str> + Clone + Send,
    ) -> Result<(), BacklogError> {
        self.find(database, names.clone()).await?;
        let missing = self.missing(names.clone());
        if missing.is_empty() {
            return Ok(());
        }
        let mut connection = database.connection().await?;
        let query = sqlx::query(sql::MAKE_TARGETS).bind(&missing);
        database.within(LIMIT, query.execute(&mut *connection)).await?;
        connection.done();
        self.find(database, names).await
    }

    /// Makes sure that the numbers that are known of `names` are theirs in this database: behind the same address there may be
    /// another one, a replica that lacks the last writes or a restored one, in which a number is another target's. To be asked on
    /// the connection, and in the transaction, in which they are used.
    pub(super) async fn check<'n>(
        &self,
        connection: &mut Session,
        names: impl Iterator<Item = &'n str> + Send,
    ) -> Result<(), sqlx::Error> {
        let (names, ids): (Vec<String>, Vec<i32>) = {
            let known = self.known.lock();
            let names: BTreeSet<&str> = names.collect();
            let numbered = names
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), *known.get(name)?)));
            numbered.unzip()
        };
        if names.is_empty() {
            return Ok(());
        }
        let query = sqlx::query_scalar(sql::NUMBERED).bind(&names).bind(&ids);
        let theirs: i64 = within(LIMIT, query.fetch_one(connection)).await?;
        if usize::try_from(theirs).is_ok_and(|theirs| theirs == names.len()) {
            return Ok(());
        }
        self.forget();
        let reason =
            "the numbers of targets are not those of before: the database is another one, or was restored; try again";
        Err(sqlx::Error::Protocol(reason.to_owned()))
    }

    fn missing<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<String> {
        let known = self.known.lock();
        let missing: BTreeSet<&str> = names.filter(|name| !known.contains_key(*name)).collect();
        missing.into_iter().map(ToOwned::to_owned).collect()
    }
}
