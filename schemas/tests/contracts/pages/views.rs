//! The view of each event type, which has the members as columns: its statement for both databases, and its part of the page.
//!
//! Views are made by migrations, which never change once they are released. So the statements are not written by a test:
//! `the_views_are_those_of_the_migrations` says which one a new migration has to hold.

use std::fmt::Write as _;

use schemas::data::{DataType, TYPES};
use schemas::json_schema;

use super::fields::{self, Field, Kind};
use crate::files;

/// What every view has of the envelope.
const SHARED: [&str; 8] = [
    "id",
    "time",
    "received_time",
    "tenant",
    "source",
    "platform",
    "account",
    "subject",
];

/// Names of members that SQL keeps for itself.
const RESERVED: [&str; 1] = ["group"];

/// The databases that have the views, by the folders of their migrations.
const DATABASES: [&str; 2] = ["postgres", "sqlite"];

/// `message.created` is in the view `message_created`.
pub(super) fn name(event_type: &str) -> String {
    event_type.replace('.', "_")
}

/// The members that are columns: what is not an object of members itself. A list is one column.
pub(super) fn columns(own: &[Field]) -> impl Iterator<Item = &Field> {
    own.iter().filter(move |field| {
        let has_members = field.kind == Kind::Object
            && own
                .iter()
                .any(|other| other.path.len() > field.path.len() && other.path.starts_with(&field.path));
        field.path.len() > 1 && !has_members && !field.path.iter().any(|part| part == "[]")
    })
}

/// `message.from.name` is the column `from_name`; what the envelope or SQL calls so already has its family in front: `message_id`.
pub(super) fn column(field: &Field) -> String {
    let name = field.path[1..].join("_");
    if SHARED.contains(&name.as_str()) || RESERVED.contains(&name.as_str()) {
        format!("{}_{name}", field.path[0])
    } else {
        name
    }
}

fn own_fields(data_type: &DataType) -> Vec<Field> {
    let schema = json_schema::of(data_type);
    let all = fields::of(&schema["properties"]["data"], &schema).into_iter();
    all.filter(|field| field.path[0] == data_type.member).collect()
}

fn statement(data_type: &DataType, database: &str) -> String {
    let mut out = format!("CREATE VIEW {} AS\nSELECT {}", name(data_type.name), SHARED.join(", "));
    for field in columns(&own_fields(data_type)) {
        let value = if database == "postgres" {
            let path = field.path.join(",");
            match field.kind {
                Kind::Text => format!("data #>> '{{{path}}}'"),
                Kind::Time => format!("CAST(data #>> '{{{path}}}' AS timestamptz)"),
                Kind::Number => format!("CAST(data #>> '{{{path}}}' AS bigint)"),
                Kind::Boolean => format!("CAST(data #>> '{{{path}}}' AS boolean)"),
                Kind::Object | Kind::List | Kind::Any => format!("data #> '{{{path}}}'"),
            }
        } else {
            let arrow = match field.kind {
                Kind::Object | Kind::List | Kind::Any => "->",
                Kind::Text | Kind::Time | Kind::Number | Kind::Boolean => "->>",
            };
            format!("data {arrow} '$.{}'", field.path.join("."))
        };
        write!(out, ",\n       {value} AS {}", column(field)).expect("text");
    }
    write!(out, "\nFROM event\nWHERE type = '{}';", data_type.name).expect("text");
    out
}

/// What the page says of its view.
pub(super) fn section(data_type: &DataType, own: &[Field]) -> String {
    let shared = SHARED.map(|name| format!("`{name}`")).join(", ");
    let own: Vec<String> = columns(own).map(|field| format!("`{}`", column(field))).collect();
    format!(
        "## View\n\nIn PostgreSQL and SQLite, the view `{}` has a row for each event of this type. Its columns: {shared}, as in \
         [tables.md](tables.md); and the fields above, with `_` in the place of the dots: {}. Lists and free objects are `jsonb`, in SQLite JSON as text.\n",
        name(data_type.name),
        own.join(", ")
    )
}

/// The text of all migrations of a database, in their order.
pub(super) fn migrations(database: &str) -> String {
    files(&format!("../sinks/migrations/{database}"), ".sql")
        .into_values()
        .collect()
}

/// The last statement that the migrations of a database have for a view.
fn in_migrations(migrations: &str, view: &str) -> String {
    let begin = format!("VIEW {view} AS\n");
    let Some((_, rest)) = migrations.rsplit_once(&begin) else {
        return String::new();
    };
    let body = rest.split_once(';').map_or(rest, |(body, _)| body);
    format!("CREATE VIEW {view} AS\n{body};")
}

#[test]
fn the_views_are_those_of_the_migrations() {
    let mut missing = String::new();
    for database in DATABASES {
        let migrations = migrations(database);
        for data_type in TYPES {
            let wanted = statement(data_type, database);
            if in_migrations(&migrations, &name(data_type.name)) != wanted {
                writeln!(missing, "-- {database}\n{wanted}\n").expect("text");
            }
        }
    }
    assert!(
        missing.is_empty(),
        "a new migration must hold these (new columns last, CREATE OR REPLACE in PostgreSQL):\n{missing}"
    );
}
