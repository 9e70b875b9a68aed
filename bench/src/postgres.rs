//! The Postgres sink without tables of state against COPY of the same rows into a table of the same shape.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use schemas::data::{Conversation, Data, Direction, Message, Party};
use schemas::event::{Envelope, Event, Raw};
use schemas::id::{EventId, IdTime};
use schemas::name::{SinkName, SourceId, Tenant, TopicName};
use schemas::platform::Platform;
use schemas::record::{Offset, Partition, PartitionProgress, StoredRecord, TopicId};
use schemas::secret::Secret;
use schemas::setting::in_one_line;
use schemas::sink::{Batch, Begun, Delivery, Outcome, Sink as _, Target};
use schemas::time::Timestamp;
use sinks::postgres::{Config, PostgresSink, migrate};
use sinks::state::StateTables;
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt as _;

use crate::Setting;
use crate::body::Size;
use crate::database::Database;
use crate::process::{cpu_of, micros_per};
use crate::report::Report;

const BATCH: usize = 1000;

/// The time of event 0; there is one in each millisecond.
const BEGIN_MS: i64 = 1_773_149_810_000;

/// How rows travel in a COPY.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    /// As text, which is what others are measured against.
    Text,
    /// As the server has them in memory, which is twice as quick.
    Binary,
}

impl Format {
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }

    /// The table that it is copied into.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Text => "floor",
            Self::Binary => "floor_of_binary",
        }
    }
}

pub(crate) async fn measure(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let database = Database::create(&setting.postgres).await?;
    let measured = compare(setting, report, &database.url).await;
    database.remove().await?;
    measured
}

async fn compare(setting: &Setting, report: &mut Report, url: &str) -> anyhow::Result<()> {
    let config = Config {
        url: Secret::new(url),
        state: StateTables::new([]),
        ..Config::default()
    };
    migrate(&config).await?;
    let pool = PgPool::connect(url).await?;
    // The same columns and keys, and the same compression.
    sqlx::query("CREATE TABLE floor (LIKE event INCLUDING ALL)")
        .execute(&pool)
        .await?;

    let mut first = 0_usize;
    for connections in [1_usize, 4] {
        let config = Config {
            max_connections: u32::try_from(connections)?,
            ..config.clone()
        };
        let sink = Arc::new(
            PostgresSink::connect(&config, SinkName::new("postgres")?, sinks::table::Metrics::default())
                .map_err(|found| anyhow::anyhow!(in_one_line(&found)))?,
        );
        let mut rates = [Vec::new(), Vec::new()];
        let mut cpu = Duration::ZERO;
        let mut delivered = 0_u64;
        // In turn, so that a drift in the machine's speed affects both alike.
        for _ in 0..4 {
            let batches = batches(first, connections, setting)?;
            first += connections * per_connection(setting) * BATCH;
            let rows: usize = batches.iter().flatten().map(|b| b.deliveries.len()).sum();

            let (before, begin) = (cpu_of("self")?, Instant::now());
            deliver(&sink, batches).await?;
            rates[0].push(rows as f64 / begin.elapsed().as_secs_f64());
            cpu += cpu_of("self")?.saturating_sub(before);
            delivered += rows as u64;

            let texts = copies(&pool, first - rows, rows, connections, Format::Text, BEGIN_MS).await?;
            let begin = Instant::now();
            copy(&pool, texts, Format::Text).await?;
            rates[1].push(rows as f64 / begin.elapsed().as_secs_f64());
        }
        let [sink_rate, copy_rate] = rates.map(median);
        report.add(
            format!("postgres 2.3 KB, {connections} connection(s): rows"),
            sink_rate,
            "rows/s",
            Some(copy_rate),
        );
        report.add(
            format!("postgres 2.3 KB, {connections} connection(s): CPU of the client"),
            micros_per(cpu, delivered),
            "µs/row",
            None,
        );
    }
    Ok(())
}

fn per_connection(setting: &Setting) -> usize {
    usize::try_from(setting.time.as_secs()).unwrap_or(5)
}

/// The one in the middle.
pub(crate) fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Makes one list of batches per connection, each of its own partition.
fn batches(first: usize, connections: usize, setting: &Setting) -> anyhow::Result<Vec<Vec<Batch>>> {
    let mut number = first;
    (0..connections)
        .map(|lane| {
            let partition = Arc::new(Partition {
                topic: TopicName::new("bench.events")?,
                index: i32::try_from(lane)?,
            });
            (0..per_connection(setting))
                .map(|_| {
                    let deliveries = (0..BATCH)
                        .map(|_| {
                            number += 1;
                            delivery(number, &partition)
                        })
                        .collect::<anyhow::Result<_>>()?;
                    Ok(Batch {
                        begun: Begun::default(),
                        progress: Some(PartitionProgress {
                            partition: Partition::clone(&partition),
                            topic_id: Some(TopicId::new("a-topic")),
                            next: Offset(i64::try_from(number)? + 1),
                        }),
                        deliveries,
                    })
                })
                .collect()
        })
        .collect()
}

fn delivery(number: usize, partition: &Arc<Partition>) -> anyhow::Result<Delivery> {
    let (tenant, source) = (Tenant::new("acme")?, SourceId::new("chatwoot")?);
    let id = number.to_string();
    let data = Data::MessageCreated(Message {
        id: id.as_str().into(),
        conversation: Conversation {
            id: "3/128".into(),
            group: Some(false),
            channel_id: Some("5".into()),
            ..Conversation::default()
        },
        direction: Direction::Inbound,
        from: Some(Party {
            id: Some("41".into()),
            name: Some("Ana Exemplo".into()),
            ..Party::default()
        }),
        kind: Some("text".into()),
        text: Some("Bom dia, gostaria de saber do meu pedido".into()),
        ticket_id: Some("3/128".into()),
        ..Message::default()
    });
    let raw = Size::Chatwoot.body(number % 64, number);
    // Times as in real traffic: growing, with a little disorder.
    let time = Timestamp::from_millis(BEGIN_MS + i64::try_from(number ^ 7)?).unwrap_or(Timestamp::MIN);
    let record = Envelope {
        account: None,
        id: EventId::derive(time, &tenant, &source, &["message_created", &id]),
        id_time: IdTime::Event,
        tenant: &tenant,
        source: &source,
        platform: Platform::Chatwoot.into(),
        subject: None,
        time,
        received: time,
        ordering_key: "3/128",
        traceparent: None,
        raw_sha256: [7; 32],
        data: &data,
        raw: Raw::Json(raw.into()),
    }
    .to_record();
    Ok(Delivery {
        event: Arc::new(Event::decode(&record.value)?),
        partition: Arc::clone(partition),
        record: Arc::new(StoredRecord {
            offset: Offset(i64::try_from(number)?),
            record,
        }),
        target: Target::Only,
        rules: vec![],
        rules_version: "0123456789ab".into(),
        attempt: 1,
    })
}

async fn deliver(sink: &Arc<PostgresSink>, batches: Vec<Vec<Batch>>) -> anyhow::Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for lane in batches {
        let sink = Arc::clone(sink);
        tasks.spawn(async move {
            for batch in &lane {
                let outcomes = sink.deliver(batch).await?;
                ensure!(
                    outcomes.iter().all(|o| *o == Outcome::Delivered),
                    "a row was not delivered"
                );
            }
            anyhow::Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}

/// Returns the rows that the sink has just written, with offsets above `first`, as COPY texts of a batch each, `begin_ms` being the time of event 0; rendered by the server, so that both
/// sides write the same values. Read outside the measured time.
pub(crate) async fn copies(
    pool: &PgPool,
    first: usize,
    rows: usize,
    lanes: usize,
    format: Format,
    begin_ms: i64,
) -> anyhow::Result<Vec<Vec<Vec<u8>>>> {
    use futures_util::TryStreamExt as _;
    let mut lanes_of: Vec<Vec<Vec<u8>>> = vec![Vec::new(); lanes];
    for chunk in 0..rows / BATCH {
        let begin = first + chunk * BATCH;
        let sql = format!(
            "COPY (SELECT * FROM event WHERE log_offset > {begin} AND log_offset <= {} AND id >= event_id_from(to_timestamp({} / 1000.0))
                   AND id < event_id_from(to_timestamp({} / 1000.0)) ORDER BY id) TO STDOUT (FORMAT {})",
            begin + BATCH,
            begin_ms + i64::try_from(begin)? - 16,
            begin_ms + i64::try_from(begin + BATCH)? + 16,
            format.word()
        );
        let mut connection = pool.acquire().await?;
        let text: Vec<bytes::Bytes> = connection.copy_out_raw(&sql).await?.try_collect().await?;
        lanes_of[chunk % lanes].push(text.concat());
    }
    Ok(lanes_of)
}

pub(crate) async fn copy(pool: &PgPool, lanes: Vec<Vec<Vec<u8>>>, format: Format) -> anyhow::Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for lane in lanes {
        let pool = pool.clone();
        tasks.spawn(async move {
            for text in lane {
                let mut copy = pool
                    .copy_in_raw(&format!(
                        "COPY {} FROM STDIN (FORMAT {})",
                        format.table(),
                        format.word()
                    ))
                    .await?;
                copy.send(text).await?;
                copy.finish().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}
