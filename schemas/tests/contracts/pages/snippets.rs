//! The SQL and the consumer of a page, made from the fields of its type. Every SQL snippet is run by the repository's
//! `tests/it/pages.rs` on a real database that holds the examples.

use super::fields::{Field, Kind};

/// The rows of one day, most informative columns first. `day` is `YYYY-MM-DD`.
pub(super) fn sql(event_type: &str, member: &str, fields: &[Field], day: &str) -> String {
    let list = fields
        .iter()
        .find(|f| f.path.len() == 2 && f.kind == Kind::List && f.required);
    let mut columns = vec!["id".to_owned(), "time".to_owned(), "subject".to_owned()];
    for field in fields.iter().filter(|f| is_column(f)) {
        let path = field.path.join(",");
        let text = format!("data #>> '{{{path}}}'");
        columns.push(column(&text, field.kind, &alias(member, &field.path[1..])));
    }
    let mut from = "FROM event".to_owned();
    if let Some(list) = list {
        let name = &list.path[1];
        let elements = format!("jsonb_array_elements(data #> '{{{member},{name}}}')");
        from = format!("{from}\nCROSS JOIN LATERAL {elements} AS element");
        for field in fields
            .iter()
            .filter(|f| f.path.len() == 4 && f.path[..2] == list.path[..] && f.path[2] == "[]")
        {
            let text = format!("element ->> '{}'", field.path[3]);
            columns.push(column(
                &text,
                field.kind,
                &alias(member, &[name.clone(), field.path[3].clone()]),
            ));
        }
    }
    format!(
        "SELECT {}\n{from}\nWHERE type = '{event_type}'\n{}\nORDER BY id\nLIMIT 100;",
        columns.join(",\n       "),
        span(day)
    )
}

/// The same of a type that the sender names itself.
pub(super) fn sql_of_own_type(event_type: &str, day: &str) -> String {
    format!(
        "SELECT id, time, subject,\n       convert_from(raw, 'UTF8')::jsonb #>> '{{repository,full_name}}' AS repository,\n       data #>> '{{headers,x-github-event}}' AS event\nFROM event\nWHERE type = '{event_type}'\n{}\nORDER BY id\nLIMIT 100;",
        span(day)
    )
}

/// An id begins with milliseconds: a span of time is a range of the primary key.
fn span(day: &str) -> String {
    let id = |time: &str| {
        format!(
            "(lpad(to_hex((extract(epoch FROM timestamptz '{time}') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid"
        )
    };
    format!(
        "  -- An id begins with its milliseconds since 1970: this span of time is a range of the primary key.\n  AND id >= {}\n  AND id <  {}",
        id(&format!("{day} 00:00:00+00")),
        id(&format!("{day} 24:00:00+00"))
    )
}

/// What a row shows: the plain members, and the ids and names of the parties around them.
fn is_column(field: &Field) -> bool {
    let plain = matches!(field.kind, Kind::Text | Kind::Time | Kind::Number | Kind::Boolean);
    let names = ["id", "name"];
    match field.path.len() {
        2 => plain,
        3 => plain && names.contains(&field.path[2].as_str()),
        _ => false,
    }
}

fn column(text: &str, kind: Kind, alias: &str) -> String {
    let value = match kind {
        Kind::Time => format!("({text})::timestamptz"),
        Kind::Number => format!("({text})::bigint"),
        Kind::Boolean => format!("({text})::boolean"),
        Kind::Text | Kind::Object | Kind::List | Kind::Any => text.to_owned(),
    };
    format!("{value} AS {alias}")
}

/// `from.name` is `from_name`; what the table calls so already gets its family in front: `message_id`.
fn alias(member: &str, path: &[String]) -> String {
    let name = path.join("_");
    match name.as_str() {
        "id" | "time" | "subject" => format!("{member}_{name}"),
        _ => name,
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
    format!(
        r#"import json
from confluent_kafka import Consumer, KafkaException

consumer = Consumer({{
    "bootstrap.servers": "localhost:9092",
    "group.id": "my-team",                # a name of your own, not one that begins with `forebay.`
    "auto.offset.reset": "earliest",
}})
consumer.subscribe(["forebay.events"])
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
