//! The SQL and the consumer of a page, made from the fields of its type. Every SQL snippet is run by the repository's
//! `tests/it/pages.rs` on a real database that holds the examples.

use std::fmt::Write as _;

use super::fields::{Field, Kind};
use super::views;

/// The rows of one day, most informative columns first. `day` is `YYYY-MM-DD`.
pub(super) fn sql(event_type: &str, fields: &[Field], day: &str) -> String {
    let list = fields
        .iter()
        .find(|f| f.path.len() == 2 && f.kind == Kind::List && f.required);
    let mut columns = vec!["id".to_owned(), "time".to_owned(), "subject".to_owned()];
    columns.extend(views::columns(fields).filter(|f| is_shown(f)).map(views::column));
    let mut from = format!("FROM {}", views::name(event_type));
    if let Some(list) = list {
        write!(
            from,
            "\nCROSS JOIN LATERAL jsonb_array_elements({}) AS element",
            views::column(list)
        )
        .expect("text");
        for field in fields
            .iter()
            .filter(|f| f.path.len() == 4 && f.path[..2] == list.path[..] && f.path[2] == "[]")
        {
            let (name, member) = (&list.path[1], &field.path[3]);
            columns.push(format!("element ->> '{member}' AS {name}_{member}"));
        }
    }
    format!(
        "SELECT {}\n{from}\n{}\nORDER BY id\nLIMIT 100;",
        columns.join(",\n       "),
        span("WHERE", day)
    )
}

/// The same of a type that the sender names itself.
pub(super) fn sql_of_own_type(event_type: &str, day: &str) -> String {
    format!(
        "SELECT id, time, subject,\n       convert_from(raw, 'UTF8')::jsonb #>> '{{repository,full_name}}' AS repository,\n       data #>> '{{headers,x-github-event}}' AS event\nFROM event\nWHERE type = '{event_type}'\n{}\nORDER BY id\nLIMIT 100;",
        span("  AND", day)
    )
}

/// A span of time is a range of the primary key.
fn span(word: &str, day: &str) -> String {
    format!(
        "-- A span of time is a range of the primary key.\n{word} id >= event_id_from('{day} 00:00:00+00')\n  AND id <  event_id_from('{day} 24:00:00+00')"
    )
}

/// What a row shows: the plain members, and the ids and names of the parties around them.
fn is_shown(field: &Field) -> bool {
    let plain = matches!(field.kind, Kind::Text | Kind::Time | Kind::Number | Kind::Boolean);
    let names = ["id", "name"];
    match field.path.len() {
        2 => plain,
        3 => plain && names.contains(&field.path[2].as_str()),
        _ => false,
    }
}

/// A consumer that looks at one type only.
pub(super) fn python(event_type: &str, member: Option<&str>, required: &[String]) -> String {
    let (name, data) = match member {
        Some(member) => (member, format!("event[\"data\"][\"{member}\"]")),
        None => ("body", "event[\"data\"][\"raw\"]".to_owned()),
    };
    let values: Vec<String> = required.iter().map(|field| format!("{name}[\"{field}\"]")).collect();
    let shown = if values.is_empty() {
        name.to_owned()
    } else {
        values.join(", ")
    };
    // What happens to Forebay's own parts has a topic of its own.
    let is_own = event_type.starts_with("endpoint.");
    let topic = if is_own { "forebay.operations" } else { "forebay.events" };
    format!(
        r#"import json
from confluent_kafka import Consumer, KafkaException

consumer = Consumer({{
    "bootstrap.servers": "localhost:9092",
    "group.id": "my-team",                # a name of your own, not one that begins with `forebay.`
    "auto.offset.reset": "earliest",
}})
consumer.subscribe(["{topic}"])
while True:
    record = consumer.poll(1.0)
    if record is None:
        continue
    if record.error():
        raise KafkaException(record.error())
    if dict(record.headers() or []).get("ce_type") != b"{event_type}":
        continue                          # filtered without parsing
    event = json.loads(record.value())
    {name} = {data}
    print(event["id"], event["time"], {shown})  # the same id again is the same event"#
    )
}
