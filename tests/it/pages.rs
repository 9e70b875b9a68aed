//! The pages of the event types (`schemas/pages/`) work: the real sink stores every example, and the SQL of its page,
//! run on that database, finds it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use harness::{Database, repository};
use schemas::data::TYPES;
use schemas::event::Event;
use schemas::name::{SinkName, TopicName};
use schemas::record::{Offset, Partition, Record, StoredRecord};
use schemas::secret::Secret;
use schemas::sink::{Batch, Begun, Delivery, Outcome, Sink as _, Target};
use serde_json::Value;
use sinks::postgres::{self, PostgresSink};
use sqlx::{AssertSqlSafe, Row as _};

/// One page: its name, its example, and its query.
struct Page {
    name: String,
    event: Event,
    sql: String,
}

/// Returns the code blocks in that language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    page.split(&opening)
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .collect()
}

/// All pages that have a query.
fn pages() -> Vec<Page> {
    let folder = repository().join("schemas/pages");
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of pages") {
        let path = entry.expect("a readable folder").path();
        let text = fs::read_to_string(&path).expect("a readable page");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if name == "questions" {
            continue;
        }
        let queries = blocks(&text, "sql");
        assert!(queries.len() <= 1, "{name}: one query for one example");
        for (sql, example) in queries.into_iter().zip(blocks(&text, "json")) {
            let example = Bytes::from(example.to_owned());
            let event = Event::decode(&example).unwrap_or_else(|error| panic!("{name}: {error}"));
            pages.push(Page {
                name: name.clone(),
                event,
                sql: sql.to_owned(),
            });
        }
    }
    pages
}

async fn store(database: &Database, pages: &[Page]) {
    let config = postgres::Config {
        url: Secret::new(database.url.as_str()),
        ..postgres::Config::default()
    };
    postgres::migrate(&config).await.expect("an empty database migrates");
    let name = SinkName::new("postgres").expect("valid");
    let sink = PostgresSink::connect(&config, name, sinks::table::Metrics::default()).expect("a valid configuration");
    let partition = Arc::new(Partition {
        topic: TopicName::new("forebay.events").expect("valid"),
        index: 0,
    });
    let delivery = |(offset, page): (i64, &Page)| Delivery {
        event: Arc::new(page.event.clone()),
        partition: Arc::clone(&partition),
        record: Arc::new(StoredRecord {
            offset: Offset(offset),
            record: Record {
                key: page.event.attributes.partition_key.clone().into(),
                headers: vec![],
                value: page.event.value().clone(),
            },
        }),
        target: Target::Only,
        rules: vec![],
        rules_version: "0123456789ab".into(),
        attempt: 1,
    };
    let deliveries: Vec<Delivery> = (0..).zip(pages).map(delivery).collect();
    let batch = Batch {
        deliveries,
        progress: None,
        begun: Begun::default(),
    };
    let outcomes = sink.deliver(&batch).await.expect("the test server");
    assert!(
        outcomes.iter().all(|outcome| *outcome == Outcome::Delivered),
        "{outcomes:?}"
    );
}

/// The members that a view has as columns: the path below the event's family, and the value. A list is one.
fn leaves(path: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) if path.is_empty() || !path.ends_with("_values") && path != "values" => {
            for (name, value) in members {
                let dash = if path.is_empty() { "" } else { "_" };
                leaves(&format!("{path}{dash}{name}"), value, found);
            }
        }
        value => found.push((path.to_owned(), value.clone())),
    }
}

#[tokio::test]
async fn the_view_of_every_type_has_the_members_of_its_example_as_columns() {
    let pages = pages();
    let database = Database::create().await;
    store(&database, &pages).await;
    for data_type in TYPES {
        let page = pages.iter().find(|page| page.name == data_type.name).expect("a page");
        let view = data_type.name.replace('.', "_");
        let sql = format!("SELECT to_jsonb(v) FROM {view} AS v");
        let rows: Vec<Value> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&database.pool)
            .await
            .expect("a view");
        let [row] = rows.as_slice() else {
            panic!("{view}: {rows:?}")
        };
        let event: Value = serde_json::from_slice(page.event.value()).expect("JSON");
        assert_eq!(row["id"], event["id"]);
        assert_eq!(row.get("account"), Some(event.get("account").unwrap_or(&Value::Null)));
        let mut members = Vec::new();
        leaves("", &event["data"][data_type.member], &mut members);
        for (name, value) in members {
            let shared = [
                "id",
                "time",
                "received_time",
                "tenant",
                "source",
                "platform",
                "account",
                "subject",
                "group",
            ];
            let column = if shared.contains(&name.as_str()) {
                format!("{}_{name}", data_type.member)
            } else {
                name
            };
            let is_time = value
                .as_str()
                .is_some_and(|text| text.len() == 24 && text.ends_with('Z'));
            if is_time {
                assert!(
                    row[&column].as_str().is_some_and(|time| time.starts_with("20")),
                    "{view}.{column}"
                );
            } else {
                assert_eq!(row[&column], value, "{view}.{column}");
            }
        }
    }
    database.drop().await;
}

#[tokio::test]
async fn the_pages_of_the_tables_name_every_column_and_the_query_runs() {
    let pages = pages();
    let database = Database::create().await;
    store(&database, &pages).await;
    let page = |name: &str| fs::read_to_string(repository().join("schemas/pages").join(name)).expect("a page");
    let text = page("tables.md");
    let counted = sqlx::query(AssertSqlSafe(blocks(&text, "sql")[0].to_owned()))
        .fetch_all(&database.pool)
        .await
        .expect("a valid query");
    assert!(!counted.is_empty());
    let text = text + &page("state.md");
    for table in [
        "message",
        "message_current",
        "conversation",
        "ticket",
        "ticket_change",
        "contact",
        "chat_group",
        "group_member",
        "group_member_current",
        "connection",
        "event",
        "event_variant",
        "event_receipt",
        "sink_position",
        "event_volume",
        "event_hour",
        "ticket_history",
        "message_delivery",
        "connection_current",
    ] {
        let columns: Vec<String> = sqlx::query_scalar(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
        )
        .bind(table)
        .fetch_all(&database.pool)
        .await
        .expect("a table");
        let (_, section) = text
            .split_once(&format!("\n## {table}\n"))
            .unwrap_or_else(|| panic!("{table} is not on the page"));
        let section = section.split("\n## ").next().unwrap_or_default();
        for column in columns {
            assert!(
                section.contains(&format!("\n| `{column}` |")),
                "{table}.{column} is not explained"
            );
        }
    }
    database.drop().await;
}

#[tokio::test]
async fn a_span_of_ids_is_a_span_of_time() {
    let database = Database::create().await;
    store(&database, &[]).await;
    for (time, id) in [
        ("1970-01-01 00:00:00+00", "00000000-0000-0000-0000-000000000000"),
        ("1969-12-31 23:59:59+00", "00000000-0000-0000-0000-000000000000"),
        ("-infinity", "00000000-0000-0000-0000-000000000000"),
        ("2026-03-10 13:36:50.912+00", "019cd7f6-f0e0-0000-0000-000000000000"),
        ("2026-03-10 10:36:50.9129-03", "019cd7f6-f0e0-0000-0000-000000000000"),
        ("infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ] {
        let found: uuid::Uuid = sqlx::query_scalar("SELECT event_id_from($1::text::timestamptz)")
            .bind(time)
            .fetch_one(&database.pool)
            .await
            .expect("the function");
        assert_eq!(found.to_string(), id, "{time}");
    }
    database.drop().await;
}

#[test]
fn every_event_type_has_a_page_with_a_query_and_a_consumer() {
    let with_query: BTreeSet<String> = pages().into_iter().map(|page| page.name).collect();
    let expected: BTreeSet<String> = TYPES
        .iter()
        .map(|t| t.name.to_owned())
        .chain(["own-types".to_owned()])
        .collect();
    assert_eq!(with_query, expected);
    for name in expected {
        let path = repository().join(format!("schemas/pages/{name}.md"));
        let text = fs::read_to_string(path).expect("a readable page");
        assert_eq!(blocks(&text, "python").len(), 1, "{name}");
    }
}

#[tokio::test]
async fn the_query_of_every_page_finds_the_example_of_the_page_by_the_primary_key() {
    let pages = pages();
    let database = Database::create().await;
    store(&database, &pages).await;
    let mut connection = database.pool.acquire().await.expect("the test server");
    // So few rows are read faster without an index; the question is whether the query could use it.
    sqlx::query("SET enable_seqscan = off")
        .execute(&mut *connection)
        .await
        .expect("a setting");
    for Page { name, event, sql } in &pages {
        let rows = sqlx::query(AssertSqlSafe(sql.clone()))
            .fetch_all(&mut *connection)
            .await;
        let rows = rows.unwrap_or_else(|error| panic!("{name}: {error}\n{sql}"));
        assert!(!rows.is_empty(), "{name} finds nothing:\n{sql}");
        let columns: BTreeSet<&str> = rows[0].columns().iter().map(sqlx::Column::name).collect();
        assert_eq!(
            columns.len(),
            rows[0].columns().len(),
            "{name}: two columns of one name\n{sql}"
        );
        for row in &rows {
            assert_eq!(
                row.get::<uuid::Uuid, _>("id"),
                event.id().uuid(),
                "{name} finds another event"
            );
        }

        let plan = sqlx::query_scalar::<_, String>(AssertSqlSafe(format!("EXPLAIN {sql}")))
            .fetch_all(&mut *connection)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .join("\n");
        assert!(
            plan.contains("Index Cond: ((id >="),
            "{name} cannot use the primary key:\n{plan}"
        );
    }
    drop(connection);
    database.drop().await;
}

#[tokio::test]
async fn the_query_of_a_page_shows_what_the_example_says() {
    let pages = pages();
    let database = Database::create().await;
    store(&database, &pages).await;
    let mut connection = database.pool.acquire().await.expect("the test server");
    for (page, column, expected) in [
        ("message.created", "text", "segue a fatura, @271000000000001"),
        ("message.created", "internal", "false"),
        ("message.status", "at", "2026-03-10 13:36:52+00"),
        ("group.participants.updated", "participants_phone", "+5511900000001"),
        ("own-types", "repository", "octo-org/forebay"),
        ("own-types", "event", "push"),
    ] {
        let sql = &pages
            .iter()
            .find(|p| p.name == page)
            .unwrap_or_else(|| panic!("no page {page}"))
            .sql;
        let sql = format!(
            "SET timezone = 'UTC'; SELECT {column}::text AS shown FROM ({}) AS page",
            sql.trim_end_matches(';')
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(sql))
            .fetch_all(&mut *connection)
            .await
            .expect("a valid query");
        let shown: Option<String> = rows[0].get("shown");
        assert_eq!(shown.as_deref(), Some(expected), "{page}: {column}");
    }
    drop(connection);
    database.drop().await;
}

#[test]
fn the_topics_of_the_asyncapi_document_are_as_configured_by_default() {
    let text = |file: &str| fs::read_to_string(repository().join(file)).expect("a readable file");
    let example = text("forebay.example.yaml");
    let configured = |key: &str| -> i64 {
        let opening = format!("  {key}: ");
        let value = example
            .lines()
            .find_map(|line| line.strip_prefix(&opening))
            .unwrap_or_else(|| panic!("no `{key}`"));
        value
            .split_whitespace()
            .next()
            .and_then(|value| value.parse().ok())
            .expect("a number")
    };
    let prefix = example
        .lines()
        .find_map(|line| line.strip_prefix("  topic_prefix: "))
        .expect("a prefix");
    let prefix = prefix.split_whitespace().next().expect("a word");
    let document: serde_json::Value = serde_json::from_str(&text("schemas/asyncapi.json")).expect("JSON");
    // Dead letters are kept four times as long (`src/config/event_log.rs`).
    for (channel, kept) in [("events", 1), ("dead-letters", 4)] {
        let channel_object = &document["channels"][channel];
        assert_eq!(channel_object["address"], format!("{prefix}.{channel}"));
        let topic = &channel_object["bindings"]["kafka"];
        assert_eq!(topic["partitions"], configured("partitions"), "{channel}");
        assert_eq!(topic["replicas"], configured("replication"), "{channel}");
        let retention_ms = configured("retention_hours") * kept * 3_600_000;
        assert_eq!(topic["topicConfiguration"]["retention.ms"], retention_ms, "{channel}");
    }
}
