//! `forebay tail`: prints events as they arrive, or what is there. One that says something else than the one that was printed
//! before under its id is marked: it goes beside the event in a database, not in its place.

mod lanes;
mod shown;
mod types;

use std::collections::HashMap;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemas::dead_letter::header as dead_letter;
use schemas::log::{Begin, Change, Consumer, EventLog, Membership, PartitionReader, Start, Subscription};
use schemas::name::{GroupName, TopicName};
use schemas::record::{Offset, StoredRecord};
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::task::JoinSet;

use super::pretty::{self, Layout};
use crate::cli::{Output, TailArgs};
use crate::output::Printer;
use crate::{assemble, config, output, telemetry};
use lanes::{Found, Lanes, Next};
use shown::{Differs, RecordAt, Shown};
pub(crate) use types::Wanted;

/// Reads every partition alone, storing nothing, until the count or (with `--end`) the end is reached, or the reader of our output goes away.
pub(crate) async fn tail(args: TailArgs, out: &mut Printer) -> anyhow::Result<()> {
    let wanted = Wanted::new(args.types, "--type")?;
    let loaded = config::load_log(&args.log, config::Missing::LeaveIn(&config::needs_no_secret()))?;
    telemetry::start(&config::Logging {
        filter: "warn".to_owned(),
        ..loaded.config.logging
    })?;
    let log = assemble::event_log_to_read(&loaded.config.event_log).await?;
    let topics = loaded.config.event_log.topics()?;
    let (topic, what) = if args.topic.dead_letters {
        (topics.dead_letters, "dead letters")
    } else if args.topic.operations {
        (topics.operations, "operational events")
    } else {
        (topics.events, "events")
    };
    for warning in &wanted.warnings {
        output::remark(warning);
    }
    let start = match args.since {
        Some(time) => Start::Since(time),
        None if args.from_beginning || args.end => Start::Earliest,
        None => Start::Latest,
    };
    let subscription = Subscription {
        topic: topic.clone(),
        membership: Membership::Alone,
        start,
    };
    let mut consumer = log.subscribe(subscription).await?;
    let mut lanes = Lanes::new(args.end);
    let mut screen = Screen::new(args.output, args.topic.dead_letters);
    let mut left = args.count.unwrap_or(u64::MAX);
    let (gone, interrupted) = (output::reader_gone(), tokio::signal::ctrl_c());
    tokio::pin!(gone, interrupted);
    while left > 0 {
        tokio::select! {
            change = consumer.next() => {
                if let Change::Assigned(readers) = change? {
                    let readers = begin(readers).await?;
                    let ends = match start {
                        Start::Latest => HashMap::new(),
                        Start::Earliest | Start::Since(_) => ends(&*log, &*consumer, &topic).await?,
                    };
                    for reader in readers {
                        let until = ends.get(&reader.partition().index).copied();
                        lanes.add(reader, until);
                    }
                }
            }
            next = lanes.next() => match next? {
                // What is no event is shown whatever type is asked for: it should not be in the topic.
                Next::Found(found) if found.event.as_ref().is_none_or(|event| wanted.includes(event.event_type())) => {
                    left -= 1;
                    if !screen.show(&found, out) {
                        break;
                    }
                }
                Next::CaughtUp if args.end => break,
                Next::CaughtUp if screen.is_empty() => {
                    output::remark(&format!("waiting for {what} of {topic} …"));
                }
                Next::Found(_) | Next::CaughtUp => {}
            },
            () = &mut gone => break,
            _ = &mut interrupted => break,
        }
    }
    consumer.close().await?;
    Ok(())
}

/// Finds where each partition begins, all at once.
async fn begin(readers: Vec<Box<dyn PartitionReader>>) -> anyhow::Result<Vec<Box<dyn PartitionReader>>> {
    let mut beginning = JoinSet::new();
    for mut reader in readers {
        beginning.spawn(async move { reader.begin(Begin::Stored).await.map(|()| reader) });
    }
    let mut begun = Vec::new();
    while let Some(reader) = beginning.join_next().await {
        begun.push(reader.context("a reader has panicked")??);
    }
    begun.sort_by_key(|reader| reader.partition().index);
    Ok(begun)
}

/// The end, now, of each partition that has something between its start and there.
async fn ends(log: &dyn EventLog, consumer: &dyn Consumer, topic: &TopicName) -> anyhow::Result<HashMap<i32, Offset>> {
    let lags = consumer.lag().await?;
    // Nothing is ever stored under this name, which rights by the topic's prefix cover.
    let group = GroupName::new(format!("{topic}.alone-{}", std::process::id()))?;
    let states = log.progress(&group, topic).await?;
    let behind = |index: i32| lags.iter().any(|(partition, lag)| partition.index == index && *lag > 0);
    let ends = states.iter().map(|state| (state.partition.index, state.end));
    Ok(ends.filter(|(index, _)| behind(*index)).collect())
}

/// How events are printed, and which ones were.
struct Screen {
    format: Output,
    dead_letters: bool,
    layout: Layout,
    shown: Shown,
    empty: bool,
}

impl Screen {
    fn new(format: Option<Output>, dead_letters: bool) -> Self {
        Self {
            format: format.unwrap_or_else(super::for_reader),
            dead_letters,
            layout: Layout::of_output(),
            shown: Shown::default(),
            empty: true,
        }
    }

    fn is_empty(&self) -> bool {
        self.empty
    }

    /// Prints one; `false` says that no more can be printed.
    fn show(&mut self, found: &Found, out: &mut Printer) -> bool {
        self.empty = false;
        let Found {
            partition,
            record,
            event,
        } = found;
        let at = RecordAt {
            partition: *partition,
            offset: record.offset,
        };
        let differs = event.as_ref().and_then(|event| self.shown.show(at, event));
        out.line(&match self.format {
            Output::Json => json(record, self.dead_letters, differs.as_ref()),
            Output::Pretty => {
                let differs = differs.as_ref().map(Differs::pretty);
                pretty::record(record, event.as_ref(), differs.as_deref(), self.layout)
            }
        })
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
