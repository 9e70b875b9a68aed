//! What is in a table, in words that are the same for both databases and for memory.

use std::fmt::Write as _;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row as _, SqliteConnection};

use crate::state::register::{Cell, Type};
use crate::state::sql::Description;
use crate::state::{State, StateTables, sheets};

/// The rows, sorted.
pub(super) type Rows = Vec<Vec<Option<String>>>;

fn json(text: &str) -> String {
    let value: Value = serde_json::from_str(text).expect("JSON");
    value.to_string()
}

fn sorted(mut rows: Rows) -> Rows {
    rows.sort();
    rows
}

pub(super) fn memory(state: &State, table: &Description) -> Rows {
    let sheets = sheets(state, &StateTables::new([table.table]));
    let word = |cell: &Cell<'_>| match cell {
        Cell::Text(text) => (*text).to_owned(),
        Cell::Json(text) => json(text),
        Cell::Time(time) => time.to_string(),
        Cell::Flag(flag) => i32::from(*flag).to_string(),
        Cell::Number(number) => number.to_string(),
        Cell::Version(version) => version.0.to_string(),
    };
    let rows = sheets.iter().flat_map(|sheet| &sheet.rows);
    sorted(
        rows.map(|row| row.cells.iter().map(|cell| cell.as_ref().map(word)).collect())
            .collect(),
    )
}

fn select(table: &Description, word: impl Fn(Type, &str) -> String) -> AssertSqlSafe<String> {
    let words: Vec<_> = table
        .columns
        .iter()
        .map(|column| word(column.of, &column.name))
        .collect();
    AssertSqlSafe(format!("SELECT {} FROM {}", words.join(", "), table.table.name()))
}

/// `jsonb` has a form of its own.
fn read(table: &Description, row: impl Fn(usize) -> Option<String>) -> Vec<Option<String>> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(place, column)| match column.of {
            Type::Json => row(place).map(|text| json(&text)),
            _ => row(place),
        })
        .collect()
}

pub(super) async fn postgres(connection: &mut PgConnection, table: &Description) -> Rows {
    let query = select(table, |of, name| match of {
        Type::Time => format!("to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"),
        Type::Flag => format!("CAST(CAST({name} AS integer) AS text)"),
        _ => format!("CAST({name} AS text)"),
    });
    let rows = sqlx::query(query).fetch_all(connection).await.expect("rows");
    sorted(rows.iter().map(|row| read(table, |place| row.get(place))).collect())
}

pub(super) async fn sqlite(connection: &mut SqliteConnection, table: &Description) -> Rows {
    let query = select(table, |_, name| format!("CAST({name} AS TEXT)"));
    let rows = sqlx::query(query).fetch_all(connection).await.expect("rows");
    sorted(rows.iter().map(|row| read(table, |place| row.get(place))).collect())
}

/// With the first row that differs.
pub(super) fn assert_equal(table: &Description, of: &str, found: &Rows, expected: &Rows) {
    let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
    if let Some((found, expected)) = differs {
        let mut message = String::new();
        for ((column, found), expected) in table.columns.iter().zip(found).zip(expected) {
            let mark = if found == expected { ' ' } else { '!' };
            writeln!(message, "{mark} {}: {found:?} {expected:?}", column.name).expect("a string");
        }
        panic!("{} of {of}, then as it should be:\n{message}", table.table.name());
    }
    assert_eq!(found.len(), expected.len(), "{} of {of}", table.table.name());
}
