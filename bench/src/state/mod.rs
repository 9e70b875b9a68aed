//! Writing with the tables of current state and without, beside COPY of the same rows in the same run: text, which is the floor, and
//! binary, which is twice as quick. State of 10^5 messages; with `--long` also of 10^7, and a day that is filled.

mod traffic;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use schemas::name::SinkName;
use schemas::secret::Secret;
use schemas::setting::in_one_line;
use schemas::sink::{Batch, Outcome, Sink as _};
use schemas::time::Timestamp;
use sinks::postgres::{Config, PostgresSink, migrate};
use sinks::state::StateTables;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

use crate::Setting;
use crate::database::{Database, settings};
use crate::postgres::{Format, copies, copy, median};
use crate::questions::fill;
use crate::report::{Report, say};
use traffic::{BATCH, Spread, Traffic};

/// How often each way of writing has its turn.
const ROUNDS: u64 = 4;

/// After the month that `fill` makes.
const AFTER_THE_MONTH_MS: i64 = 1_775_001_600_000;

pub(crate) async fn measure(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let sizes: &[u64] = if setting.long {
        &[100_000, 10_000_000]
    } else {
        &[100_000]
    };
    for &messages in sizes {
        let database = Database::create(&setting.postgres).await?;
        let measured = compare(setting, report, &database.url, messages).await;
        database.remove().await?;
        measured?;
    }
    if setting.long {
        let database = Database::create(&setting.postgres).await?;
        let measured = one_day(report, &database.url).await;
        database.remove().await?;
        measured?;
    }
    Ok(())
}

async fn compare(setting: &Setting, report: &mut Report, url: &str, messages: u64) -> anyhow::Result<()> {
    migrate(&config(url, 1, true)).await?;
    let mut connection = PgConnection::connect(url).await?;
    say(&settings(&mut connection).await?);
    fill(&mut connection, messages).await?;
    let pool = PgPool::connect(url).await?;
    for format in [Format::Text, Format::Binary] {
        let sql = format!("CREATE TABLE {} (LIKE event INCLUDING ALL)", format.table());
        sqlx::query(AssertSqlSafe(sql)).execute(&pool).await?;
    }
    let each = setting.time.as_secs().max(1);
    let mut first = 10_000;
    for connections in [1, 4] {
        for (label, spread, with_state) in [
            ("no state", Spread::Hot, false),
            ("hot", Spread::Hot, true),
            ("even", Spread::Even, true),
        ] {
            let traffic = Traffic {
                messages,
                spread,
                begin_ms: AFTER_THE_MONTH_MS,
                per_ms: 1,
            };
            let sink = connect(&config(url, connections, with_state))?;
            let mut rates = [Vec::new(), Vec::new(), Vec::new()];
            let failed = AtomicU64::new(0);
            // In turn, so that a drift in the machine's speed affects all alike.
            for _ in 0..ROUNDS {
                let batches = traffic.batches(first, connections, each)?;
                let rows = connections * each * BATCH;
                rates[0].push(rate(rows, deliver(&sink, batches, &failed).await?));
                for (format, rates) in [Format::Text, Format::Binary].into_iter().zip(&mut rates[1..]) {
                    let (begin, lanes) = (usize::try_from(first)? - 1, usize::try_from(connections)?);
                    let texts = copies(&pool, begin, usize::try_from(rows)?, lanes, format, AFTER_THE_MONTH_MS).await?;
                    let begin = Instant::now();
                    copy(&pool, texts, format).await?;
                    rates.push(rate(rows, begin.elapsed()));
                }
                first += rows;
            }
            let [sink_rate, text, binary] = rates.map(median);
            let case = format!("state {messages}, {label}, {connections} connection(s)");
            report.add(format!("{case}: rows"), sink_rate, "rows/s", Some(text));
            report.add(format!("{case}: binary COPY"), binary, "rows/s", Some(text));
            let failed = failed.load(Ordering::Relaxed);
            ensure!(failed == 0, "{case}: {failed} batches failed, and were tried again");
        }
    }
    // The server's counters come a little later.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let deadlocks: i64 =
        sqlx::query_scalar("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            .fetch_one(&pool)
            .await?;
    #[expect(clippy::cast_precision_loss, reason = "few")]
    report.add(format!("state {messages}: deadlocks"), deadlocks as f64, "", None);
    // A statistic that is read from the tables, and not from what this program meant to write.
    let counted: bool = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM event) = (SELECT sum(count) FROM event_volume
          WHERE hour >= to_timestamp($1 / 1000.0))",
    )
    .bind(AFTER_THE_MONTH_MS)
    .fetch_one(&pool)
    .await?;
    ensure!(counted, "`event_volume` does not have the rows that were written");
    pool.close().await;
    Ok(())
}

/// Whether the last million rows of a day go in as quickly as the first: five million, all of one partition.
async fn one_day(report: &mut Report, url: &str) -> anyhow::Result<()> {
    const ROWS: u64 = 5_000_000;
    const PART: u64 = 20_000;
    migrate(&config(url, 1, false)).await?;
    // A day for which the partition is there already.
    let day_ms = Timestamp::now().millis() / 86_400_000 * 86_400_000 + 3 * 86_400_000;
    let traffic = Traffic {
        messages: 100_000,
        spread: Spread::Hot,
        begin_ms: day_ms,
        per_ms: ROWS / 80_000_000 + 1,
    };
    let sink = connect(&config(url, 1, false))?;
    let failed = AtomicU64::new(0);
    let (mut first_million, mut last_million) = (Duration::ZERO, Duration::ZERO);
    for first in (0..ROWS).step_by(usize::try_from(PART)?) {
        let took = deliver(&sink, traffic.batches(first, 1, PART / BATCH)?, &failed).await?;
        if first < 1_000_000 {
            first_million += took;
        }
        if first >= ROWS - 1_000_000 {
            last_million += took;
        }
    }
    ensure!(failed.load(Ordering::Relaxed) == 0, "batches failed");
    report.add(
        "state: last million rows of a day's 5 million (floor: the first)",
        rate(1_000_000, last_million),
        "rows/s",
        Some(rate(1_000_000, first_million)),
    );
    Ok(())
}

fn config(url: &str, connections: u64, with_state: bool) -> Config {
    let config = Config {
        url: Secret::new(url),
        max_connections: u32::try_from(connections).unwrap_or(1),
        ..Config::default()
    };
    if with_state {
        config
    } else {
        Config {
            state: StateTables::new([]),
            ..config
        }
    }
}

fn connect(config: &Config) -> anyhow::Result<Arc<PostgresSink>> {
    let sink = PostgresSink::connect(config, SinkName::new("postgres")?, sinks::table::Metrics::default());
    Ok(Arc::new(sink.map_err(|found| anyhow::anyhow!(in_one_line(&found)))?))
}

fn rate(rows: u64, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64()
}

/// Delivers each list by a task of its own; counts in `failed` what had to be tried again.
async fn deliver(sink: &Arc<PostgresSink>, batches: Vec<Vec<Batch>>, failed: &AtomicU64) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for lane in batches {
        let sink = Arc::clone(sink);
        tasks.spawn(async move {
            let mut failed = 0;
            for batch in &lane {
                loop {
                    match sink.deliver(batch).await {
                        Ok(outcomes) => {
                            ensure!(
                                outcomes.iter().all(|o| *o == Outcome::Delivered),
                                "a row was not delivered"
                            );
                            break;
                        }
                        Err(error) => {
                            failed += 1;
                            ensure!(failed < 100, "{error}");
                        }
                    }
                }
            }
            Ok(failed)
        });
    }
    while let Some(task) = tasks.join_next().await {
        failed.fetch_add(task??, Ordering::Relaxed);
    }
    Ok(begin.elapsed())
}
