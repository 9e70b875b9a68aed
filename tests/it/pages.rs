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
use schemas::sink::{Batch, Delivery, Outcome, Sink as _, Target};
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
        let queries = blocks(&text, "sql");
        assert!(queries.len() <= 1, "{name}: one query for one example");
        for sql in queries {
            let example = Bytes::from(blocks(&text, "json")[0].to_owned());
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
    };
    let outcomes = sink.deliver(&batch).await.expect("the test server");
    assert!(
        outcomes.iter().all(|outcome| *outcome == Outcome::Delivered),
        "{outcomes:?}"
    );
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
