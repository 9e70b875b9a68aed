//! Inserts records into the database, many with one statement.

use std::sync::Arc;

use schemas::record::{Offset, Record};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::layout::{PartitionId, encode_headers};
use super::progress::{self, GroupProgress};

/// Rows per statement at most. One statement for each number of rows up to this is kept prepared, so that a group of
/// this size is one trip to the connection's thread.
const MAX_ROWS: usize = 64;

/// How many statements the connection keeps prepared: those above and the few others.
pub(super) const STATEMENTS: usize = MAX_ROWS + 32;

/// One record as it is written.
#[derive(Debug)]
pub(super) struct Row {
    id: i64,
    time_ms: i64,
    key: Vec<u8>,
    headers: Vec<u8>,
    value: Vec<u8>,
}

impl Row {
    pub(super) fn new(partition: PartitionId, offset: Offset, time_ms: i64, record: Record) -> Self {
        Self {
            id: partition.record_id(offset),
            time_ms,
            headers: encode_headers(&record.headers),
            key: record.key.into(),
            value: record.value.into(),
        }
    }
}

/// The INSERT statements as text, made once.
#[derive(Debug)]
pub(super) struct Inserts(Vec<Arc<str>>);

impl Inserts {
    pub(super) fn new() -> Self {
        let text = |rows| {
            let values = vec!["(?, ?, ?, ?, ?)"; rows].join(", ");
            format!("INSERT INTO record (id, time_ms, key, headers, value) VALUES {values}").into()
        };
        Self((1..=MAX_ROWS).map(text).collect())
    }

    /// Writes records and progress in one transaction, durable when it returns.
    pub(super) async fn write(
        &self,
        connection: &mut SqliteConnection,
        rows: Vec<Row>,
        progress: &[GroupProgress],
    ) -> Result<(), sqlx::Error> {
        if rows.len() <= MAX_ROWS && progress.is_empty() {
            // A single statement is a transaction.
            return self.insert(connection, rows).await;
        }
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut rows = rows.into_iter();
        loop {
            let chunk: Vec<Row> = rows.by_ref().take(MAX_ROWS).collect();
            if chunk.is_empty() {
                break;
            }
            self.insert(&mut transaction, chunk).await?;
        }
        progress::write(&mut transaction, progress).await?;
        transaction.commit().await
    }

    /// Inserts at most [`MAX_ROWS`] rows.
    async fn insert(&self, connection: &mut SqliteConnection, rows: Vec<Row>) -> Result<(), sqlx::Error> {
        let Some(text) = rows.len().checked_sub(1).and_then(|i| self.0.get(i)) else {
            return Ok(());
        };
        let mut query = sqlx::query(AssertSqlSafe(Arc::clone(text)));
        for row in rows {
            query = query
                .bind(row.id)
                .bind(row.time_ms)
                .bind(row.key)
                .bind(row.headers)
                .bind(row.value);
        }
        query.execute(connection).await?;
        Ok(())
    }
}
