//! The questions of `schemas/pages/questions.md`, as they are printed there, on state of a month: how long each takes, and which index
//! serves it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use schemas::secret::Secret;
use sinks::postgres::{Config, migrate};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::Setting;
use crate::database::{Database, settings};
use crate::report::{Report, say};

const PAGE: &str = include_str!("../../../schemas/pages/questions.md");
const FILL: &str = include_str!("fill.sql");

/// What a question may take: the figures stand beside it.
const LIMIT_MS: f64 = 2_000.0;

/// The page asks for a day of this; a month has to be as quick.
const MONTH: (&str, &str) = (
    "Volume of the month by platform and hour",
    "SELECT hour, platform, sum(count) AS events FROM event_hour WHERE hour >= '2026-03-01' AND hour < '2026-04-01' GROUP BY 1, 2",
);

pub(crate) async fn measure(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let database = Database::create(&setting.postgres).await?;
    let measured = ask_all(setting, report, &database.url).await;
    database.remove().await?;
    measured
}

async fn ask_all(setting: &Setting, report: &mut Report, url: &str) -> anyhow::Result<()> {
    let config = Config {
        url: Secret::new(url),
        ..Config::default()
    };
    migrate(&config).await?;
    let messages = if setting.long { 10_000_000 } else { 1_000_000 };
    let mut connection = PgConnection::connect(url).await?;
    say(&settings(&mut connection).await?);
    fill(&mut connection, messages).await?;
    sqlx::query("SET timezone = 'UTC'").execute(&mut connection).await?;
    let page = questions(PAGE);
    ensure!(page.len() >= 10, "the page has {} questions", page.len());
    for (heading, sql) in page.into_iter().chain([MONTH]) {
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN {sql}")))
            .fetch_all(&mut connection)
            .await
            .with_context(|| format!("`{heading}` cannot be planned"))?;
        // The first one warms, and does not count.
        ask(&mut connection, sql).await?;
        let took = ask(&mut connection, sql).await?.min(ask(&mut connection, sql).await?);
        report.add(
            format!("questions {heading} ({messages}; {})", served_by(&plan)),
            took.as_secs_f64() * 1_000.0,
            "ms (2 s)",
            Some(LIMIT_MS),
        );
    }
    Ok(())
}

async fn ask(connection: &mut PgConnection, sql: &str) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .fetch_all(connection)
        .await?;
    Ok(begin.elapsed())
}

/// Makes state of so many messages, and of all else in proportion, with the keys that the sink would make.
pub(crate) async fn fill(connection: &mut PgConnection, messages: u64) -> anyhow::Result<()> {
    sqlx::raw_sql("SET synchronous_commit = off; SET timezone = 'UTC'")
        .execute(&mut *connection)
        .await?;
    for statement in FILL.split("\n;\n").filter(|statement| !statement.trim().is_empty()) {
        let parts = if statement.contains("$PART") { 10 } else { 1 };
        for part in 0..parts {
            let sql = statement
                .replace("$MESSAGES", &messages.to_string())
                .replace("$CONVERSATIONS", &conversations(messages).to_string())
                .replace("$TICKETS", &tickets(messages).to_string())
                .replace("$GROUPS", &groups(messages).to_string())
                .replace("$PART", &part.to_string());
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
        }
    }
    let strange: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM (SELECT * FROM message LIMIT 1000) AS m
                 WHERE key <> message_key(tenant, source, conversation_id, message_id))
              + (SELECT count(*) FROM (SELECT * FROM ticket LIMIT 1000) AS t WHERE key <> state_key(tenant, source, ticket_id))
              + (SELECT count(*) FROM (SELECT * FROM conversation LIMIT 1000) AS c
                 WHERE key <> state_key(tenant, source, conversation_id))",
    )
    .fetch_one(&mut *connection)
    .await?;
    ensure!(strange == 0, "{strange} keys are not those that the sink makes");
    sqlx::raw_sql("RESET synchronous_commit")
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut *connection).await?;
    sqlx::raw_sql("CHECKPOINT").execute(connection).await?;
    Ok(())
}

/// Of so many messages: conversations.
pub(crate) fn conversations(messages: u64) -> u64 {
    (messages / 20).max(1)
}

/// Of so many messages: tickets.
pub(crate) fn tickets(messages: u64) -> u64 {
    (messages / 50).max(1)
}

/// Of so many messages: groups.
pub(crate) fn groups(messages: u64) -> u64 {
    (messages / 5_000).max(1)
}

/// The headings and the statements below them; those of SQLite are left out.
fn questions(page: &str) -> Vec<(&str, &str)> {
    let mut questions = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default();
        for block in section.split("\n```sql\n").skip(1) {
            questions.push((heading, block.split("\n```").next().unwrap_or_default()));
        }
    }
    questions
}

/// What a plan reads: indexes, and tables that are scanned.
fn served_by(plan: &[String]) -> String {
    let mut read: Vec<&str> = plan
        .iter()
        .filter_map(|line| {
            let (_, rest) = line
                .split_once("Scan using ")
                .or_else(|| line.split_once("Bitmap Index Scan on "))
                .or_else(|| line.split_once("Seq Scan on "))?;
            rest.split_whitespace().next()
        })
        .collect();
    read.sort_unstable();
    read.dedup();
    read.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_read_and_a_plan_names_what_it_reads() {
        let found = questions(
            "# Q\n\n## A\n\ntext\n\n```sql\nSELECT 1\n```\n\n```sql sqlite\nSELECT 2\n```\n\n```text\nx\n```\n\n```sql\nSELECT 3\n```\n",
        );
        assert_eq!(found, [("A", "SELECT 1"), ("A", "SELECT 3")]);
        let plan = [
            "HashAggregate".to_owned(),
            "  ->  Index Only Scan using message_agent on message  (cost=0".to_owned(),
            "  ->  Parallel Seq Scan on ticket t  (cost=0".to_owned(),
            "  ->  Bitmap Index Scan on message_sent  (cost=0".to_owned(),
        ];
        assert_eq!(served_by(&plan), "message_agent, message_sent, ticket");
        assert!(questions(PAGE).iter().all(|(_, sql)| sql.starts_with("SELECT ")));
    }
}
