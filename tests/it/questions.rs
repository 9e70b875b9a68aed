//! The page of questions (`schemas/pages/questions.md`) is right: all samples go through the adapters into both databases, and
//! each statement, as it is printed, has the answer that is printed. `UPDATE_SCHEMAS=1` prints the answers anew.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use harness::{Database, repository, samples};
use ingest::envelope::{Enveloper, Prepared};
use schemas::event::Event;
use schemas::name::{SinkName, SourceId, Tenant, TopicName};
use schemas::platform::Platform;
use schemas::record::{Offset, Partition, StoredRecord};
use schemas::secret::Secret;
use schemas::sink::{Batch, Begun, Delivery, Outcome, Sink, Target};
use schemas::source::Source;
use schemas::time::Timestamp;
use sinks::postgres::{self, PostgresSink};
use sinks::sqlite::{self, SqliteSink};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, TypeInfo as _, ValueRef as _};

/// A question: the statement for each database, and the printed answer.
struct Question {
    heading: String,
    postgres: String,
    sqlite: Option<String>,
    answer: String,
}

/// The code blocks of a page, each with what stands behind the opening, and the heading above it.
fn blocks(page: &str) -> Vec<(String, String, String)> {
    let (mut blocks, mut heading) = (Vec::new(), String::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("## ") {
            text.clone_into(&mut heading);
        } else if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((heading.clone(), kind.to_owned(), block.join("\n")));
        }
    }
    blocks
}

fn questions(page: &str) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    for (heading, kind, text) in blocks(page) {
        match (&*kind, questions.last_mut()) {
            ("sql", _) => questions.push(Question {
                heading,
                postgres: text,
                sqlite: None,
                answer: String::new(),
            }),
            ("sql sqlite", Some(question)) => question.sqlite = Some(text),
            ("text", Some(question)) => question.answer = text,
            _ => panic!("a block `{kind}` below `{heading}`"),
        }
    }
    questions
}

/// Every sample as it is received at one moment, in the order of platforms and names.
fn deliveries() -> Vec<Delivery> {
    let received = Timestamp::parse("2026-03-31T12:00:00Z").expect("a time");
    let partition = Arc::new(Partition {
        topic: TopicName::new("forebay.events").expect("valid"),
        index: 0,
    });
    let mut deliveries = Vec::new();
    for platform in Platform::ALL {
        let source = Source::new(
            SourceId::new(platform.as_str()).expect("valid"),
            Tenant::new("acme").expect("valid"),
            platform,
            vec![],
        );
        let enveloper = Enveloper::default();
        for file in samples::files(platform) {
            let body = fs::read(&file).expect("a sample");
            let prepared = enveloper.prepare(&source, &samples::headers(&file), &body, received);
            let Prepared::Records(records) = prepared else { continue };
            for record in records {
                let offset = Offset(i64::try_from(deliveries.len()).expect("few"));
                deliveries.push(Delivery {
                    event: Arc::new(Event::decode(&record.value).expect("an event")),
                    partition: Arc::clone(&partition),
                    record: Arc::new(StoredRecord { offset, record }),
                    target: Target::Only,
                    rules: vec![],
                    rules_version: "0123456789ab".into(),
                    attempt: 1,
                });
            }
        }
    }
    deliveries
}

async fn store(sink: &dyn Sink) {
    let mut deliveries = deliveries();
    assert!(deliveries.len() > 500, "{} events", deliveries.len());
    while !deliveries.is_empty() {
        let batch = Batch {
            deliveries: deliveries.drain(..deliveries.len().min(100)).collect(),
            progress: None,
            begun: Begun::default(),
        };
        let outcomes = sink.deliver(&batch).await.expect("available");
        assert!(
            outcomes.iter().all(|outcome| *outcome == Outcome::Delivered),
            "{outcomes:?}"
        );
    }
}

/// Rows as lines, with the names of the columns above.
fn answer(names: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = names.join(" | ");
    for row in rows {
        write!(text, "\n{}", row.join(" | ")).expect("text");
    }
    text
}

async fn of_postgres(connection: &mut sqlx::PgConnection, sql: &str) -> String {
    // Not prepared: so every value comes as text.
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let names: Vec<&str> = rows
        .first()
        .map_or(vec![], |row| row.columns().iter().map(sqlx::Column::name).collect());
    let value = |row: &sqlx::postgres::PgRow, n| {
        let value = row.try_get_raw(n).expect("a column");
        if value.is_null() {
            "null"
        } else {
            value.as_str().expect("text")
        }
        .to_owned()
    };
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| (0..row.len()).map(|n| value(row, n)).collect())
        .collect();
    answer(&names, &rows)
}

async fn of_sqlite(connection: &mut SqliteConnection, sql: &str) -> String {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let names: Vec<&str> = rows
        .first()
        .map_or(vec![], |row| row.columns().iter().map(sqlx::Column::name).collect());
    let value = |row: &sqlx::sqlite::SqliteRow, n: usize| {
        let value = row.try_get_raw(n).expect("a column");
        if value.is_null() {
            return "null".to_owned();
        }
        let kind = value.type_info().name().to_owned();
        match &*kind {
            "INTEGER" => row.get::<i64, _>(n).to_string(),
            "REAL" => format!("{:?}", row.get::<f64, _>(n)),
            _ => as_postgres_has_it(row.get(n)),
        }
    };
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| (0..row.len()).map(|n| value(row, n)).collect())
        .collect();
    answer(&names, &rows)
}

/// A time in the other spelling; any other text as it is.
fn as_postgres_has_it(text: String) -> String {
    match Timestamp::parse(&text) {
        Some(_) if text.len() == 24 => {
            let time = text.replace('T', " ").replace('Z', "");
            let time = time.trim_end_matches('0').trim_end_matches('.');
            // A whole minute keeps its seconds.
            let seconds = &text[..19].replace('T', " ");
            format!("{}+00", if time.len() < 19 { seconds } else { time })
        }
        _ => text,
    }
}

#[tokio::test]
async fn every_question_has_the_answer_of_its_page_on_both_databases() {
    let path = repository().join("schemas/pages/questions.md");
    let mut page = fs::read_to_string(&path).expect("a page");
    let questions = questions(&page);
    assert!(questions.len() >= 10);

    let database = Database::create().await;
    let config = postgres::Config {
        url: Secret::new(database.url.as_str()),
        ..postgres::Config::default()
    };
    postgres::migrate(&config).await.expect("an empty database migrates");
    let metrics = sinks::table::Metrics::default;
    let name = |name: &'static str| SinkName::new(name).expect("valid");
    let sink = PostgresSink::connect(&config, name("postgres"), metrics()).expect("a valid configuration");
    store(&sink).await;
    let mut connection = database.pool.acquire().await.expect("the test server");
    sqlx::query("SET timezone = 'UTC'")
        .execute(&mut *connection)
        .await
        .expect("a setting");

    let folder = tempfile::tempdir().expect("a folder");
    let config = sqlite::Config {
        path: folder.path().join("forebay.db"),
        ..sqlite::Config::default()
    };
    let sink = SqliteSink::open(&config, name("sqlite"), metrics())
        .await
        .expect("a file");
    store(&sink).await;
    sink.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&config.path);
    let mut file = sqlx::ConnectOptions::connect(&options).await.expect("the file");

    let mut wrong = String::new();
    for question in &questions {
        let found = of_postgres(&mut connection, &question.postgres).await;
        let sqlite = question.sqlite.as_ref().unwrap_or(&question.postgres);
        let found_in_file = of_sqlite(&mut file, sqlite).await;
        let heading = &question.heading;
        if found.lines().count() < 2 {
            writeln!(wrong, "{heading}: no sample answers it").expect("text");
        }
        if found != found_in_file {
            writeln!(wrong, "{heading}: PostgreSQL\n{found}\nSQLite\n{found_in_file}").expect("text");
        }
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            let last = question.sqlite.as_ref().unwrap_or(&question.postgres);
            let (before, after) = page.split_once(&format!("{last}\n```\n\n```text\n")).expect("printed");
            let (_, after) = after.split_once("```").expect("an end");
            page = format!("{before}{last}\n```\n\n```text\n{found}\n```{after}");
        } else if found != question.answer {
            writeln!(wrong, "{heading}: the page has\n{}\nand not\n{found}", question.answer).expect("text");
        }
    }
    // The page says that the view decides the same.
    let reopened = "SELECT source, count(*) AS reopenings, count(DISTINCT ticket_id) AS tickets FROM ticket_history \
                    WHERE change = 'reopened' GROUP BY 1 ORDER BY 1";
    let of_page = questions
        .iter()
        .find(|question| question.heading == "Reopened")
        .expect("on the page");
    assert_eq!(
        of_postgres(&mut connection, reopened).await,
        of_postgres(&mut connection, &of_page.postgres).await
    );
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&path, page).expect("a writable page");
    }
    assert!(wrong.is_empty(), "{wrong}");
    drop(connection);
    database.drop().await;
}
