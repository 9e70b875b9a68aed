//! Reading deliveries: one statement for each of the three ways to choose them.

use chrono::{DateTime, Utc};
use schemas::backlog::{BacklogError, Waiting, Wanted, Which};
use schemas::record::Offset;
use sqlx::Row as _;
use sqlx::postgres::{PgBindIterExt as _, PgRow};

use super::claim::{PostgresClaim, timestamp};
use database::postgres::InUse;

use super::database::LIMIT;
use super::sql;
use crate::backlog::row::{Columns, key_hash};
use crate::backlog::{START, answer};

/// An element of what is wanted, with all that a statement needs of it.
struct Element<'w> {
    /// Its place among the elements.
    n: i64,
    target: i32,
    limit: i64,
    /// The offset after which rows are wanted, or the only one.
    offset: Offset,
    key: &'w [u8],
}

impl PostgresClaim {
    pub(super) async fn read(&self, wanted: &[Wanted], before: Offset) -> Result<Vec<Waiting>, BacklogError> {
        self.good()?;
        let (database, names) = (&self.shared.database, &self.shared.names);
        names
            .find(database, wanted.iter().map(|wanted| wanted.target.as_str()))
            .await?;
        let (mut in_line, mut of_key, mut at) = (vec![], vec![], vec![]);
        for ((n, wanted), limit) in (0..).zip(wanted).zip(answer::limits(wanted)) {
            // A target without a number has no rows.
            let Some(target) = names.get(&wanted.target) else {
                continue;
            };
            let (to, offset, key) = match &wanted.which {
                Which::InLine { after, .. } => (&mut in_line, after.unwrap_or(START), &[][..]),
                Which::OfKey { key, after, .. } => (&mut of_key, after.unwrap_or(START), &key[..]),
                Which::At(offset) => (&mut at, *offset, &[][..]),
            };
            to.push(Element {
                n,
                target,
                limit,
                offset,
                key,
            });
        }
        let mut rows = vec![];
        let mut room = answer::BYTES;
        let mut connection = database.connection().await?;
        let asked = wanted.iter().map(|wanted| wanted.target.as_str());
        let checked = names.check(&mut connection, asked).await;
        checked.map_err(|error| database.unavailable(&error))?;
        for (statement, elements) in [
            (sql::FETCH_AT, at),
            (sql::FETCH_OF_KEY, of_key),
            (sql::FETCH_IN_LINE, in_line),
        ] {
            if elements.is_empty() || room <= 0 {
                continue;
            }
            let found = self.ask(&mut connection, statement, &elements, before, room).await?;
            for row in found {
                let (n, size, columns) = columns(&row).map_err(|error| database.unavailable(&error))?;
                room -= i64::from(size);
                rows.push((n, columns));
            }
        }
        connection.done();
        // Within an element they are in their order already.
        rows.sort_by_key(|(n, _)| *n);
        let mut found = Vec::with_capacity(rows.len());
        for (n, columns) in rows {
            let target = usize::try_from(n).ok().and_then(|n| wanted.get(n));
            if let Some(wanted) = target {
                found.push(columns.into_waiting(&wanted.target)?);
            }
        }
        Ok(found)
    }

    async fn ask(
        &self,
        connection: &mut InUse,
        statement: &'static str,
        elements: &[Element<'_>],
        before: Offset,
        room: i64,
    ) -> Result<Vec<PgRow>, BacklogError> {
        let mut query = sqlx::query(statement)
            .bind(self.held.stream)
            .bind(self.held.part)
            .bind(elements.iter().map(|element| element.n).bind_iter())
            .bind(elements.iter().map(|element| element.target).bind_iter())
            .bind(elements.iter().map(|element| element.limit).bind_iter())
            .bind(before.0)
            .bind(room)
            .bind(elements.iter().map(|element| element.offset.0).bind_iter());
        if statement == sql::FETCH_OF_KEY {
            query = query
                .bind(elements.iter().map(|element| key_hash(element.key)).bind_iter())
                .bind(elements.iter().map(|element| element.key).bind_iter());
        }
        let database = &self.shared.database;
        database.within(LIMIT, query.fetch_all(&mut **connection)).await
    }
}

/// Returns the place of the element, the size of the record in bytes, and the row.
fn columns(row: &PgRow) -> Result<(i64, i32, Columns), sqlx::Error> {
    let columns = Columns {
        off: row.try_get(1)?,
        attempts: row.try_get(2)?,
        since: timestamp(row.try_get(3)?),
        due: row.try_get::<Option<DateTime<Utc>>, _>(4)?.map(timestamp),
        ordered: row.try_get(5)?,
        key: row.try_get(6)?,
        rules_version: row.try_get(7)?,
        rules: row.try_get(8)?,
        headers: row.try_get(9)?,
        value: row.try_get(10)?,
    };
    Ok((row.try_get(0)?, row.try_get(11)?, columns))
}
