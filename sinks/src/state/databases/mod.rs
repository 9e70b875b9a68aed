//! The tables on both databases: they are as described, and what is written to them in any order ends as it does in memory.

mod contents;
mod events;
mod filling;
pub(crate) mod random;

use std::collections::HashSet;
use std::sync::Arc;

use schemas::name::SinkName;
use schemas::secret::Secret;
use schemas::sink::{Outcome, Sink};
use sqlx::{Connection as _, PgConnection, Row as _, SqliteConnection};
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::register::{Merge, Type};
use super::sql::TABLES;
use super::table::Table;
use super::{Part, Rows, State, key};
use crate::postgres::{self, PostgresSink};
use crate::sqlite::{self, SqliteSink};
use crate::table::{Metrics, Plan};
use events::Happened;
use random::Dice;

/// A database of each kind.
struct Databases {
    postgres: harness::Database,
    folder: TempDir,
    sqlite: SqliteSink,
}

impl Databases {
    async fn create() -> Self {
        let postgres = harness::Database::create().await;
        postgres::migrate(&config(&postgres)).await.expect("migrates");
        let folder = TempDir::new().expect("a folder");
        let config = sqlite::Config {
            path: folder.path().join("forebay.db"),
            ..sqlite::Config::default()
        };
        let name = SinkName::new("sqlite").expect("valid");
        let sqlite = SqliteSink::open(&config, name, Metrics::default())
            .await
            .expect("opens");
        Self {
            postgres,
            folder,
            sqlite,
        }
    }

    fn postgres_sink(&self) -> PostgresSink {
        let name = SinkName::new("postgres").expect("valid");
        PostgresSink::connect(&config(&self.postgres), name, Metrics::default()).expect("valid")
    }

    async fn postgres(&self) -> PgConnection {
        PgConnection::connect(&self.postgres.url).await.expect("connects")
    }

    async fn sqlite(&self) -> SqliteConnection {
        let path = self.folder.path().join("forebay.db");
        SqliteConnection::connect(&format!("sqlite:{}", path.display()))
            .await
            .expect("opens")
    }

    /// Both databases have what memory has, at least so many rows in each table.
    async fn assert_equal(&self, expected: &State, least: usize) {
        for table in TABLES.iter() {
            let memory = contents::memory(expected, table);
            assert!(memory.len() >= least, "{}: {} rows", table.table.name(), memory.len());
            let postgres = contents::postgres(&mut self.postgres().await, table).await;
            contents::assert_equal(table, "PostgreSQL", &postgres, &memory);
            let sqlite = contents::sqlite(&mut self.sqlite().await, table).await;
            contents::assert_equal(table, "SQLite", &sqlite, &memory);
        }
    }

    async fn deadlocks(&self) -> i64 {
        sqlx::query_scalar("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            .fetch_one(&mut self.postgres().await)
            .await
            .expect("a number")
    }
}

fn config(database: &harness::Database) -> postgres::Config {
    postgres::Config {
        url: Secret::new(&*database.url),
        ..postgres::Config::default()
    }
}

fn merge<T: Table>(into: &mut Rows<T>, other: Rows<T>) {
    for (key, row) in other {
        into.entry(key).or_default().merge(row);
    }
}

fn merge_all(states: impl IntoIterator<Item = State>) -> State {
    let mut all = State::default();
    for state in states {
        merge(&mut all.messages, state.messages);
        merge(&mut all.conversations, state.conversations);
        merge(&mut all.tickets, state.tickets);
        merge(&mut all.ticket_changes, state.ticket_changes);
        merge(&mut all.contacts, state.contacts);
        merge(&mut all.groups, state.groups);
        merge(&mut all.group_members, state.group_members);
        merge(&mut all.connections, state.connections);
    }
    all
}

#[tokio::test]
async fn the_tables_are_as_described() {
    let databases = Databases::create().await;
    let (mut postgres, mut sqlite) = (databases.postgres().await, databases.sqlite().await);
    for table in TABLES.iter() {
        let mut expected: Vec<(String, String, bool)> = table
            .columns
            .iter()
            .enumerate()
            .map(|(place, column)| {
                let compared = place < table.keys || !matches!(column.merge, Merge::Latest(_));
                let (of, by_bytes) = match column.of {
                    Type::Text => ("text", compared),
                    Type::Json => ("jsonb", false),
                    Type::Time => ("timestamp with time zone", false),
                    Type::Flag => ("boolean", false),
                    Type::Number => ("bigint", false),
                    Type::Version => ("uuid", false),
                };
                (column.name.clone(), of.to_owned(), by_bytes)
            })
            .collect();
        expected.extend(table.hashed.then(|| ("key".to_owned(), "uuid".to_owned(), false)));
        expected.sort();
        let columns = "SELECT attname::text, format_type(atttypid, NULL), attcollation = 'pg_catalog.\"C\"'::regcollation \
                       FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' \
                       ORDER BY attname COLLATE \"C\"";
        let found: Vec<(String, String, bool)> = sqlx::query_as(columns)
            .bind(table.table.name())
            .fetch_all(&mut postgres)
            .await
            .expect("columns");
        assert_eq!(found, expected, "{}", table.table.name());

        let mut expected: Vec<(String, &str)> = table
            .columns
            .iter()
            .map(|column| {
                let of = match column.of {
                    Type::Flag | Type::Number => "INTEGER",
                    Type::Text | Type::Json | Type::Time | Type::Version => "TEXT",
                };
                (column.name.clone(), of)
            })
            .collect();
        expected.sort();
        let columns = "SELECT name, type FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY name";
        let found = sqlx::query(columns)
            .bind(table.table.name())
            .fetch_all(&mut sqlite)
            .await;
        let found = found.expect("columns");
        let found: Vec<(String, &str)> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(found, expected, "{}", table.table.name());
    }
}

#[tokio::test]
async fn keys_are_the_same_numbers_in_sql() {
    let databases = Databases::create().await;
    let mut postgres = databases.postgres().await;
    let long = "é".repeat(70_000);
    let texts: Vec<&str> = random::TEXTS.iter().copied().chain([&*long]).collect();
    let mut dice = Dice::new(1);
    for round in 0..200 {
        let parts: Vec<String> = (0..4).map(|_| texts[dice.below(texts.len())].to_owned()).collect();
        let key: Vec<Part> = parts.iter().cloned().map(Part::Text).collect();
        let found: (Uuid, Uuid, Uuid) = sqlx::query_as(
            "SELECT state_key($1, $2, $3), state_key(VARIADIC ARRAY[$1, $2, $3, $4]), message_key($1, $2, $3, $4)",
        )
        .bind(&parts[0])
        .bind(&parts[1])
        .bind(&parts[2])
        .bind(&parts[3])
        .fetch_one(&mut postgres)
        .await
        .expect("keys");
        let expected = (key::state_key(&key[..3]), key::state_key(&key), key::message_key(&key));
        assert_eq!(found, expected, "round {round}");
    }
    let nothing: (Option<Uuid>, Option<Uuid>) =
        sqlx::query_as("SELECT state_key('a', NULL), message_key('a', 'b', NULL, 'c')")
            .fetch_one(&mut postgres)
            .await
            .expect("no keys");
    assert_eq!(nothing, (None, None));
}

/// Writes each of them twice, at least, in an order of no meaning, with three writers at the same time on PostgreSQL.
async fn write(databases: &Databases, states: &[Arc<State>], dice: &mut Dice) {
    let sink = Arc::new(databases.postgres_sink());
    let mut writers = JoinSet::new();
    for _ in 0..3 {
        let mut states = states.to_vec();
        dice.shuffle(&mut states);
        let sink = Arc::clone(&sink);
        writers.spawn(async move {
            for state in &states {
                sink.write_state_alone(state).await.expect("no deadlock");
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.expect("no writer failed");
    }
    let mut states = [states, states].concat();
    dice.shuffle(&mut states);
    for state in &states {
        databases.sqlite.write_state_alone(state).await.expect("written");
    }
}

#[tokio::test]
async fn any_order_with_repeats_and_several_writers_ends_as_in_memory() {
    let databases = Databases::create().await;
    let mut dice = Dice::new(7);
    let mut all = Vec::new();
    for tenant in 0..40 {
        let tenant = format!("t{tenant}");
        let states: Vec<_> = (0..6).map(|_| random::state(&tenant, &mut dice)).collect();
        let shared: Vec<_> = states.iter().map(|state| Arc::new(merge_all([copy(state)]))).collect();
        write(&databases, &shared, &mut dice).await;
        all.extend(states);
    }
    let expected = merge_all(all);
    databases.assert_equal(&expected, 200).await;
    assert_eq!(databases.deadlocks().await, 0);
}

/// What the events say, one after the other.
fn fold(events: &[Happened]) -> State {
    merge_all(events.iter().map(|event| {
        let batch = events::batch(std::slice::from_ref(event));
        let plan = Plan::new(&batch);
        let state = State::of(plan.standing(&HashSet::new()));
        assert_eq!(state.unread, 0, "{event:?}");
        state
    }))
}

async fn deliver(sink: &dyn Sink, arriving: &[Happened], dice: &mut Dice) {
    let mut rest = arriving;
    while !rest.is_empty() {
        let (first, others) = rest.split_at(1 + dice.below(rest.len().min(20)));
        let outcomes = sink.deliver(&events::batch(first)).await.expect("no deadlock");
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Delivered));
        rest = others;
    }
}

/// Of each tenant: all events twice by three writers at the same time, and once more, in batches cut anywhere.
#[tokio::test]
async fn histories_of_events_in_any_order_end_as_in_memory() {
    let databases = Databases::create().await;
    let sink = Arc::new(databases.postgres_sink());
    let mut dice = Dice::new(11);
    let mut all = Vec::new();
    for tenant in 0..25 {
        let length = 5 + dice.below(40);
        let events = events::history(&format!("t{tenant}"), &mut dice, length);
        let mut writers = JoinSet::new();
        for writer in 0..3 {
            let mut arriving = [&events[..], &events[..length / 2]].concat();
            dice.shuffle(&mut arriving);
            let sink = Arc::clone(&sink);
            writers.spawn(async move { deliver(&*sink, &arriving, &mut Dice::new(writer)).await });
        }
        while let Some(writer) = writers.join_next().await {
            writer.expect("no writer failed");
        }
        let mut arriving = [&events[..], &events[..length / 2]].concat();
        dice.shuffle(&mut arriving);
        deliver(&databases.sqlite, &arriving, &mut dice).await;
        all.extend(events);
    }
    databases.assert_equal(&fold(&all), 20).await;
    assert_eq!(databases.deadlocks().await, 0);
}

#[tokio::test]
async fn every_order_of_four_ends_alike() {
    let databases = Databases::create().await;
    let sink = databases.postgres_sink();
    let mut all = Vec::new();
    for (number, order) in orders().into_iter().enumerate() {
        // The same four for every tenant, but for the tenant.
        let mut dice = Dice::new(3);
        let tenant = format!("t{number}");
        let states: Vec<_> = (0..4).map(|_| random::state(&tenant, &mut dice)).collect();
        for place in order.into_iter().chain([order[1]]) {
            sink.write_state_alone(&states[place]).await.expect("written");
            databases
                .sqlite
                .write_state_alone(&states[place])
                .await
                .expect("written");
        }
        all.extend(states);
    }
    let expected = merge_all(all);
    databases.assert_equal(&expected, 200).await;
}

#[tokio::test]
async fn what_says_nothing_new_rewrites_nothing() {
    let databases = Databases::create().await;
    let sink = databases.postgres_sink();
    let state = random::state("t", &mut Dice::new(5));
    for (round, is_new) in [(0, true), (1, false)] {
        for written in [
            sink.write_state_alone(&state).await.expect("written"),
            databases.sqlite.write_state_alone(&state).await.expect("written"),
        ] {
            for (table, counts) in written.iter() {
                assert_eq!(counts.written > 0, is_new, "round {round}: {table:?} {counts:?}");
                assert_eq!(counts.unchanged > 0, !is_new, "round {round}: {table:?} {counts:?}");
            }
        }
    }
}

fn copy(state: &State) -> State {
    State {
        messages: state.messages.clone(),
        conversations: state.conversations.clone(),
        tickets: state.tickets.clone(),
        ticket_changes: state.ticket_changes.clone(),
        contacts: state.contacts.clone(),
        groups: state.groups.clone(),
        group_members: state.group_members.clone(),
        connections: state.connections.clone(),
        unread: state.unread,
    }
}

fn orders() -> Vec<[usize; 4]> {
    let all = (0..256).map(|n| [n % 4, n / 4 % 4, n / 16 % 4, n / 64]);
    all.filter(|order| (0..4).all(|n| order.contains(&n))).collect()
}
