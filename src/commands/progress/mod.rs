//! `forebay progress`: how far each sink is in the event log, and where it continues, which an operator decides.
//!
//! A sink's progress is kept in one or two places: the group in the event log, and, beside its rows, a database sink's own,
//! which wins. Both are shown, and both are set.

mod row;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use prometheus_client::registry::Registry as Metrics;
use schemas::endpoint::EndpointDirectory;
use schemas::log::{EventLog, PartitionState};
use schemas::name::{GroupName, SinkName, TopicName};
use schemas::record::PartitionProgress;
use schemas::sink::Sink;

use crate::assemble::Listeners;
use crate::cli::{LogArgs, Output, ProgressArgs, ProgressCommand, ProgressSetArgs, ProgressShowArgs};
use crate::config::{self, ConfigError};
use crate::output::{self, Printer};
use crate::{assemble, telemetry};
use row::{Change, Kept, Row};

/// Runs one of the subcommands.
pub(crate) async fn progress(args: ProgressArgs, out: &mut Printer) -> anyhow::Result<()> {
    match args.command {
        ProgressCommand::Show(args) => show(&args, out).await,
        ProgressCommand::Set(args) => set(&args, out).await,
    }
}

async fn show(args: &ProgressShowArgs, out: &mut Printer) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for reader in readers(&args.log, &args.sinks, false, args.operations).await? {
        rows.extend(reader.rows().await?);
    }
    let lines = match args.output {
        Output::Json => rows.iter().map(|row| row.json().to_string()).collect(),
        Output::Pretty => table(&rows),
    };
    for line in lines {
        if !out.line(&line) {
            break;
        }
    }
    Ok(())
}

/// One line per partition, under a head.
fn table(rows: &[Row]) -> Vec<String> {
    let number = |offset: Option<i64>| offset.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let head = [
        "sink",
        "group",
        "partition",
        "stored",
        "kept",
        "oldest",
        "end",
        "lag",
        "state",
    ];
    let mut cells = vec![head.map(str::to_owned)];
    cells.extend(rows.iter().map(|row| {
        let kept = match &row.kept {
            Kept::InTheLog | Kept::BySink(None) => None,
            Kept::BySink(Some(kept)) => Some(kept.next.0),
        };
        [
            row.sink.to_string(),
            row.group.to_string(),
            row.index().to_string(),
            number(row.state.stored.as_ref().map(|stored| stored.next.0)),
            number(kept),
            row.state.earliest.to_string(),
            row.state.end.to_string(),
            number(row.lag()),
            row.standing().in_words().to_owned(),
        ]
    }));
    output::table(&cells)
}

async fn set(args: &ProgressSetArgs, out: &mut Printer) -> anyhow::Result<()> {
    let readers = readers(&args.log, std::slice::from_ref(&args.sink), args.yes, args.operations).await?;
    let reader = readers.first().context("the sink has a reader")?;
    let rows = reader.rows().await?;
    if let Some(unknown) = args
        .partitions
        .iter()
        .find(|n| !rows.iter().any(|row| row.index() == **n))
    {
        return Err(ConfigError(format!(
            "`{}` has no partition {unknown}: its partitions are 0 to {}",
            reader.topic,
            rows.len().saturating_sub(1)
        ))
        .into());
    }
    let chosen = |row: &&Row| args.partitions.is_empty() || args.partitions.contains(&row.index());
    let changes: Vec<Change<'_>> = rows
        .iter()
        .filter(chosen)
        .map(|row| row.change(args.to))
        .collect::<Result<_, _>>()?;
    for change in &changes {
        out.line(&change.in_words());
    }
    if !args.yes {
        out.line("nothing was changed: with --yes it is, and the workers of this sink have to be stopped then");
        return Ok(());
    }
    let progress: Vec<PartitionProgress> = changes.iter().map(Change::progress).collect();
    reader.set(&progress).await?;
    out.line(&format!("set: sink {} continues from there", reader.sink.name()));
    Ok(())
}

/// One sink as a reader of a topic.
struct Reader {
    log: Arc<dyn EventLog>,
    sink: Arc<dyn Sink>,
    group: GroupName,
    topic: TopicName,
}

/// Those of the sinks that are wanted; all, if none is. `write` opens the log so that progress can be set; `operations` means their
/// progress in the operational events.
async fn readers(args: &LogArgs, wanted: &[SinkName], write: bool, operations: bool) -> anyhow::Result<Vec<Reader>> {
    let loaded = config::load_log(args, config::Missing::LeaveIn(&config::asks_the_sinks()))?;
    telemetry::start(&config::Logging {
        filter: "warn".to_owned(),
        format: loaded.config.logging.format,
    })?;
    let registry = assemble::registry(&loaded)?;
    let (event_log, mut metrics) = (&loaded.config.event_log, Metrics::default());
    let log = if write {
        assemble::event_log_to_administer(event_log).await?
    } else {
        assemble::event_log_to_read(event_log).await?
    };
    let topics = event_log.topics()?;
    let endpoints: Arc<dyn EndpointDirectory> = registry;
    let sinks = assemble::chosen(&loaded.config.sinks, wanted)?;
    let sinks = assemble::sinks(&sinks, &topics, &log, endpoints, Listeners::default(), &mut metrics).await?;
    let reader = |sink: Arc<dyn Sink>| {
        let (group, topic) = if operations {
            (event_log.operations_group(sink.name())?, &topics.operations)
        } else {
            (event_log.group(sink.name())?, &topics.events)
        };
        Ok(Reader {
            log: Arc::clone(&log),
            group,
            topic: topic.clone(),
            sink,
        })
    };
    sinks.into_iter().map(reader).collect()
}

impl Reader {
    async fn rows(&self) -> anyhow::Result<Vec<Row>> {
        let mut kept = HashMap::new();
        if let Some(keeper) = self.sink.kept_progress() {
            for state in self.states().await? {
                let progress = keeper.progress(&state.partition).await?;
                kept.insert(state.partition.index, progress);
            }
        }
        // Only now, since workers that run move on meanwhile: what is kept must not be beyond the end that is shown.
        let states = self.states().await?;
        let row = |state: PartitionState| Row {
            sink: self.sink.name().clone(),
            group: self.group.clone(),
            kept: match self.sink.kept_progress() {
                None => Kept::InTheLog,
                Some(_) => Kept::BySink(kept.remove(&state.partition.index).flatten()),
            },
            state,
        };
        Ok(states.into_iter().map(row).collect())
    }

    async fn states(&self) -> anyhow::Result<Vec<PartitionState>> {
        self.log.progress(&self.group, &self.topic).await.context("event log")
    }

    /// The group first: the log refuses while it has members, and then nothing is changed.
    async fn set(&self, progress: &[PartitionProgress]) -> anyhow::Result<()> {
        self.log.set_progress(&self.group, progress).await?;
        if let Some(keeper) = self.sink.kept_progress() {
            for one in progress {
                let set = keeper.set_progress(one).await;
                set.with_context(|| {
                    format!(
                        "{}: the group is set, the sink's own progress is not, and that is what counts: do it again",
                        one.partition
                    )
                })?;
            }
        }
        Ok(())
    }
}
