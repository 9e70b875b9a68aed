//! All that a database holds, for comparing two of them: every table and every view, whatever there is.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, PgPool};

/// The tables and views of the schema that a connection writes to. Partitions are read with their table; tables whose name
/// begins with `_` are the driver's.
const RELATIONS: &str = "\
SELECT relname::text FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
      AND relname NOT LIKE '\\_%'
ORDER BY relname";

/// The rows of each table and view, each row as JSON, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents(BTreeMap<String, Vec<String>>);

impl Contents {
    /// Reads all of it, without the columns in `leave_out`, and with every `own` (a name that only this database has) written
    /// as `own`.
    pub async fn read(pool: &PgPool, leave_out: &[&str], own: &str) -> Self {
        let relations: Vec<String> = sqlx::query_scalar(RELATIONS).fetch_all(pool).await.expect("the tables");
        let mut contents = BTreeMap::new();
        for relation in relations {
            let sql = format!("SELECT (to_jsonb(r) - $1::text[])::text FROM \"{relation}\" r");
            let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(leave_out);
            let rows: Vec<String> = query
                .fetch_all(pool)
                .await
                .unwrap_or_else(|error| panic!("{relation}: {error}"));
            let mut rows: Vec<String> = rows.iter().map(|row| row.replace(own, "own")).collect();
            rows.sort_unstable();
            contents.insert(relation, rows);
        }
        Self(contents)
    }

    /// The number of rows of a table; 0 if there is none of that name.
    pub fn count(&self, relation: &str) -> usize {
        self.0.get(relation).map_or(0, Vec::len)
    }

    /// The tables and views that have rows.
    pub fn filled(&self) -> Vec<&str> {
        let filled = self.0.iter().filter(|(_, rows)| !rows.is_empty());
        filled.map(|(relation, _)| relation.as_str()).collect()
    }

    /// What `other` has too much and too little, a line for each table or view that differs.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let none = Vec::new();
        let mut differences = Vec::new();
        for name in names {
            let expected = counted(self.0.get(name).unwrap_or(&none));
            let found = counted(other.0.get(name).unwrap_or(&none));
            let (missing, surplus) = (minus(&expected, &found), minus(&found, &expected));
            if !missing.is_empty() || !surplus.is_empty() {
                differences.push(format!(
                    "{name}: {} rows are missing ({}), {} are too many ({})",
                    missing.len(),
                    first(&missing),
                    surplus.len(),
                    first(&surplus)
                ));
            }
        }
        differences
    }
}

fn counted(rows: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.as_str()).or_default() += 1;
    }
    counts
}

/// The rows of `a` that `b` does not have as often.
fn minus<'r>(a: &BTreeMap<&'r str, usize>, b: &BTreeMap<&'r str, usize>) -> Vec<&'r str> {
    let more = a.iter().filter(|(row, times)| b.get(*row).unwrap_or(&0) < times);
    more.map(|(row, _)| *row).collect()
}

fn first(rows: &[&str]) -> String {
    rows.first()
        .map_or_else(|| "–".to_owned(), |row| row.chars().take(600).collect())
}
