//! What the platform sent is kept byte for byte, the white space around it too: in the record, and in both databases. So the digest
//! of the request can be computed from what is stored, wherever that is the whole body and nothing in it had to be blanked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use harness::{Database, samples};
use ingest::envelope::{Enveloper, Prepared};
use schemas::event::Event;
use schemas::name::{SinkName, SourceId, Tenant, TopicName};
use schemas::platform::Platform;
use schemas::record::{Offset, Partition, PartitionProgress, StoredRecord, TopicId};
use schemas::secret::Secret;
use schemas::sink::{Batch, Begun, Delivery, Outcome, Sink, Target};
use schemas::source::{Scheme, Source};
use schemas::time::Timestamp;
use sha2::{Digest as _, Sha256};
use sqlx::{ConnectOptions as _, Row as _};

/// All four characters that JSON takes for white space.
const BEFORE: &[u8] = b" \t\r\n\n";
const BEHIND: &[u8] = b"\r\n\t \t";

/// One sample as it was sent, and the events that it became.
struct Sent {
    name: String,
    source: SourceId,
    body: Vec<u8>,
    records: Vec<schemas::record::Record>,
}

/// Every sample of every platform with white space around it, each from a source of its own, so that none repeats another.
fn all() -> Vec<Sent> {
    let mut all = Vec::new();
    for platform in Platform::ALL {
        for file in samples::files(platform) {
            let headers = samples::headers(&file);
            let body = [BEFORE, &std::fs::read(&file).expect("readable"), BEHIND].concat();
            let source = Source {
                scheme: Some(Scheme::None),
                ..Source::new(
                    SourceId::new(format!("line-{}", all.len())).expect("a name"),
                    Tenant::new("acme").expect("a name"),
                    platform,
                    Vec::new(),
                )
            };
            let prepared = Enveloper::default().prepare(&source, &headers, &body, Timestamp::now());
            all.push(Sent {
                name: format!("{platform}/{}", file.file_name().expect("a name").to_string_lossy()),
                source: source.id,
                body,
                records: match prepared {
                    Prepared::Records(records) => records,
                    Prepared::Reply(_) => Vec::new(),
                },
            });
        }
    }
    all
}

/// What a place holds of one event.
struct Kept {
    source: String,
    raw_sha256: Vec<u8>,
    raw: Vec<u8>,
}

/// Checks one place, and returns how many whole bodies it holds of each platform.
fn check(place: &str, sent: &[Sent], kept: Vec<Kept>) -> BTreeMap<String, usize> {
    let mut by_source: BTreeMap<String, Vec<Kept>> = BTreeMap::new();
    for kept in kept {
        by_source.entry(kept.source.clone()).or_default().push(kept);
    }
    let mut whole = BTreeMap::new();
    for sent in sent {
        let kept = by_source.remove(sent.source.as_str()).unwrap_or_default();
        let ids: BTreeSet<_> = sent
            .records
            .iter()
            .map(|record| Event::decode(&record.value).expect("ours").id())
            .collect();
        assert_eq!(kept.len(), ids.len(), "{place}: {}", sent.name);
        for kept in kept {
            let context = format!("{place}: {}", sent.name);
            assert_eq!(kept.raw_sha256, Sha256::digest(&sent.body).to_vec(), "{context}");
            // A part of a batch, or without a credential: neither can be the whole.
            if kept.raw.trim_ascii() != sent.body.trim_ascii() {
                let blanked = String::from_utf8_lossy(&kept.raw).contains("null");
                let is_part = sent.body.windows(kept.raw.len()).any(|part| part == kept.raw);
                assert!(blanked || is_part, "{context}: neither whole, nor a part, nor blanked");
                if kept.raw.starts_with(BEFORE) {
                    assert!(kept.raw.ends_with(BEHIND), "{context}: blanked, and cut");
                }
                continue;
            }
            assert_eq!(Sha256::digest(&kept.raw).to_vec(), kept.raw_sha256, "{context}");
            let platform = sent.name.split('/').next().unwrap_or_default().to_owned();
            *whole.entry(platform).or_default() += 1;
        }
    }
    assert!(by_source.is_empty(), "{place} holds events of no source");
    whole
}

/// All events as one batch.
fn batch(sent: &[Sent]) -> Batch {
    let partition = Arc::new(Partition {
        topic: TopicName::new("forebay.events").expect("a name"),
        index: 0,
    });
    let records = sent.iter().flat_map(|sent| &sent.records);
    let deliveries: Vec<_> = (0..)
        .zip(records)
        .map(|(offset, record)| Delivery {
            event: Arc::new(Event::decode(&record.value).expect("ours")),
            partition: Arc::clone(&partition),
            record: Arc::new(StoredRecord {
                offset: Offset(offset),
                record: record.clone(),
            }),
            target: Target::Only,
            rules: Vec::new(),
            rules_version: "0123456789ab".into(),
            attempt: 1,
        })
        .collect();
    Batch {
        progress: Some(PartitionProgress {
            partition: Partition::clone(&partition),
            topic_id: Some(TopicId::new("first")),
            next: Offset(i64::try_from(deliveries.len()).expect("few")),
        }),
        deliveries,
        begun: Begun::default(),
    }
}

async fn deliver(sink: &dyn Sink, batch: &Batch) {
    let outcomes = sink.deliver(batch).await.expect("available");
    assert!(
        outcomes.iter().all(|outcome| *outcome == Outcome::Delivered),
        "{outcomes:?}"
    );
}

/// In the record: between `"raw":` and the two braces at its end, or as base64.
fn in_record(record: &schemas::record::Record) -> Kept {
    let event = Event::decode(&record.value).expect("ours");
    let raw = event.raw().to_vec();
    if event.raw_json().is_some() {
        let end = [b"\"raw\":", &*raw, b"}}"].concat();
        assert!(record.value.ends_with(&end), "{:?}", record.value);
    }
    Kept {
        source: event
            .attributes
            .source
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned(),
        raw_sha256: event.attributes.raw_sha256.as_bytes().chunks(2).map(hex_byte).collect(),
        raw,
    }
}

fn hex_byte(pair: &[u8]) -> u8 {
    let text = std::str::from_utf8(pair).expect("hex");
    u8::from_str_radix(text, 16).expect("hex")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_digest_of_what_is_stored_is_that_of_the_request_white_space_and_all() {
    let sent = all();
    let batch = batch(&sent);
    let mut ids = BTreeSet::new();
    let first = batch
        .deliveries
        .iter()
        .filter(|delivery| ids.insert(delivery.event.id()));
    let in_records = check(
        "the record",
        &sent,
        first.map(|delivery| in_record(&delivery.record.record)).collect(),
    );

    let folder = tempfile::tempdir().expect("a folder");
    let config = sinks::sqlite::Config {
        path: folder.path().join("forebay.db"),
        ..sinks::sqlite::Config::default()
    };
    let name = |name: &str| SinkName::new(name.to_owned()).expect("a name");
    let metrics = sinks::table::Metrics::default();
    let sqlite = sinks::sqlite::SqliteSink::open(&config, name("sqlite"), metrics)
        .await
        .expect("opens");
    deliver(&sqlite, &batch).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&config.path);
    let mut connection = options.connect().await.expect("the file exists");
    let rows = sqlx::query("SELECT source, raw_sha256, raw FROM event")
        .fetch_all(&mut connection)
        .await
        .expect("rows");
    let kept = rows
        .iter()
        .map(|row| Kept {
            source: row.get(0),
            raw_sha256: row.get(1),
            raw: row.get(2),
        })
        .collect();
    let in_sqlite = check("sqlite", &sent, kept);

    let database = Database::create().await;
    let config = sinks::postgres::Config {
        url: Secret::new(database.url.clone()),
        ..sinks::postgres::Config::default()
    };
    sinks::postgres::migrate(&config)
        .await
        .expect("an empty database migrates");
    let metrics = sinks::table::Metrics::default();
    let postgres = sinks::postgres::PostgresSink::connect(&config, name("postgres"), metrics).expect("a configuration");
    deliver(&postgres, &batch).await;
    let rows = sqlx::query("SELECT source, raw_sha256, raw FROM event")
        .fetch_all(&database.pool)
        .await
        .expect("rows");
    let kept = rows
        .iter()
        .map(|row| Kept {
            source: row.get(0),
            raw_sha256: row.get(1),
            raw: row.get(2),
        })
        .collect();
    let in_postgres = check("postgres", &sent, kept);
    drop(postgres);
    database.drop().await;

    assert_eq!((&in_sqlite, &in_postgres), (&in_records, &in_records));
    let whole: usize = in_sqlite.values().sum();
    assert!(
        whole * 2 > batch.deliveries.len(),
        "{whole} of {}: {in_sqlite:?}",
        batch.deliveries.len()
    );
}
