//! `forebay tail`: prints events as they arrive. One that says something else than the one that was printed before under its id
//! is marked: it goes beside the event in a database, not in its place.

mod shown;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemas::canary;
use schemas::dead_letter::header as dead_letter;
use schemas::event::Event;
use schemas::log::{Begin, Change, Membership, PartitionReader, Start, Subscription};
use schemas::record::StoredRecord;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::cli::{Output, TailArgs};
use crate::output::Printer;
use crate::{assemble, config, output, telemetry};
use shown::{Differs, RecordAt, Shown};

/// Reads every partition alone, storing nothing, until the count is reached or the reader of our output goes away.
pub(crate) async fn tail(args: TailArgs, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = config::load_log(&args.log, config::READS_THE_LOG)?;
    telemetry::start(&config::Logging {
        filter: "warn".to_owned(),
        ..loaded.config.logging
    })?;
    let log = assemble::event_log_to_read(&loaded.config.event_log).await?;
    let topics = loaded.config.event_log.topics()?;
    let subscription = Subscription {
        topic: if args.dead_letters {
            topics.dead_letters
        } else {
            topics.events
        },
        membership: Membership::Alone,
        start: match args.since {
            Some(time) => Start::Since(time),
            None if args.from_beginning => Start::Earliest,
            None => Start::Latest,
        },
    };
    let mut consumer = log.subscribe(subscription).await?;
    let (sender, mut records) = mpsc::channel(256);
    let mut shown = Shown::default();
    let mut left = args.count.unwrap_or(u64::MAX);
    let format = args.output.unwrap_or(if output::terminal() {
        Output::Pretty
    } else {
        Output::Json
    });
    while left > 0 {
        tokio::select! {
            change = consumer.next() => {
                if let Change::Assigned(readers) = change? {
                    for reader in readers {
                        tokio::spawn(read(reader, sender.clone()));
                    }
                }
            }
            Some(record) = records.recv() => {
                let (partition, record): (i32, StoredRecord) = record?;
                let event = Event::decode(&record.record.value);
                let wanted = |event: &Event| args.types.is_empty() || args.types.iter().any(|t| t.matches(event.event_type()));
                // What is no event is shown whatever type is asked for: it should not be in the topic.
                if event.as_ref().map_or(true, wanted) {
                    left -= 1;
                    let event = event.ok();
                    let at = RecordAt { partition, offset: record.offset };
                    let differs = event.as_ref().and_then(|event| shown.show(at, event));
                    let text = match format {
                        Output::Json => json(&record, args.dead_letters, differs.as_ref()),
                        Output::Pretty => pretty(&record, event.as_ref(), differs.as_ref()),
                    };
                    if !out.line(&text) {
                        break;
                    }
                }
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    consumer.close().await?;
    Ok(())
}

async fn read(mut reader: Box<dyn PartitionReader>, sender: mpsc::Sender<anyhow::Result<(i32, StoredRecord)>>) {
    let partition = reader.partition().index;
    let outcome: anyhow::Result<()> = async {
        reader.begin(Begin::Stored).await?;
        while let Some(records) = reader.next_batch(256).await? {
            for record in records {
                if canary::sent(&record.record).is_some() {
                    continue;
                }
                if sender.send(Ok((partition, record))).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
    .await;
    if let Err(error) = outcome {
        // The command has ended when this fails.
        drop(sender.send(Err(error)).await);
    }
}

/// One JSON object: the event as it lies in the log; of a dead letter what went wrong, and under `event` the event. One that
/// differs from what was shown before has the member `differs` in front.
fn json(record: &StoredRecord, is_dead_letter: bool, differs: Option<&Differs>) -> String {
    let value = &record.record.value;
    let mut event = match serde_json::from_slice::<IgnoredAny>(value) {
        Ok(IgnoredAny) => output::json_line(value).into_owned(),
        // Only what is no event can be no JSON either.
        Err(_) => json!({ "value_base64": BASE64.encode(value) }).to_string(),
    };
    if let (Some(differs), Some(members)) = (differs, event.strip_prefix('{')) {
        event = format!(r#"{{"differs":{},{members}"#, differs.json());
    }
    if !is_dead_letter {
        return event;
    }
    let header = |name| {
        record
            .record
            .header(name)
            .map(|v| String::from_utf8_lossy(v).into_owned())
    };
    let trouble = json!({
        "sink": header(dead_letter::SINK),
        "target": header(dead_letter::TARGET),
        "reason": header(dead_letter::REASON),
        "attempts": header(dead_letter::ATTEMPTS).and_then(|n| n.parse::<u32>().ok()),
        "position": header(dead_letter::POSITION),
        "time": header(dead_letter::TIME),
        "rules_version": header(dead_letter::RULES_VERSION),
    });
    format!(r#"{{"dead_letter":{trouble},"event":{event}}}"#)
}

/// One line for people: time, type, source, about what, and what it says.
fn pretty(record: &StoredRecord, event: Option<&Event>, differs: Option<&Differs>) -> String {
    let Some(event) = event else {
        return format!(
            "offset {}: not an event ({} bytes)",
            record.offset,
            record.record.value.len()
        );
    };
    let attributes = &event.attributes;
    let time = attributes.time.to_string();
    let mut line = format!(
        "{} {:<26} {:<24} {}",
        time.replace('T', " "),
        attributes.event_type,
        attributes.source,
        attributes.subject.as_deref().unwrap_or("-")
    );
    let said = serde_json::from_str::<Value>(event.data())
        .ok()
        .and_then(|data| summary(&data));
    let reason = record
        .record
        .header(dead_letter::REASON)
        .map(|r| format!("dead letter: {}", String::from_utf8_lossy(r)));
    for part in [said, reason, differs.map(Differs::pretty)].into_iter().flatten() {
        line.push_str("  ");
        line.push_str(&part);
    }
    // A message may hold anything; a terminal obeys escape sequences.
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The most informative member of the normalized part.
fn summary(data: &Value) -> Option<String> {
    let member = data.as_object()?.values().next()?;
    let text = |name: &str| member.get(name).and_then(Value::as_str);
    if let Some(said) = text("text") {
        let cut: String = said.chars().take(60).collect();
        return Some(format!("{} \"{cut}\"", text("direction").unwrap_or_default()));
    }
    let words: Vec<&str> = ["action", "status", "state", "subject", "name", "emoji", "reason"]
        .iter()
        .filter_map(|name| text(name))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}
