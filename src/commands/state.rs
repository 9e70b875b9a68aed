//! `forebay state`: the tables of current state, made from the events that are stored.

use std::time::Duration;

use anyhow::Context as _;
use schemas::id::EventId;
use schemas::time::Timestamp;
use sinks::state::{Filled, FillsState, Stretch};
use tokio::time::Instant;

use crate::cli::{StateArgs, StateCommand, StateFillArgs};
use crate::config::{self, ConfigError};
use crate::output::{self, Printer};
use crate::{assemble, telemetry};

/// How often it says how far it is.
const SAY_AGAIN: Duration = Duration::from_secs(5);

/// Runs one of the subcommands.
pub(crate) async fn state(args: StateArgs, out: &mut Printer) -> anyhow::Result<()> {
    match args.command {
        StateCommand::Fill(args) => fill(&args, out).await,
    }
}

async fn fill(args: &StateFillArgs, out: &mut Printer) -> anyhow::Result<()> {
    if args.from.zip(args.to).is_some_and(|(from, to)| from >= to) {
        return Err(ConfigError("--from is not before --to: there is nothing between them".to_owned()).into());
    }
    let loaded = config::load_log(&args.log, config::Missing::LeaveIn(&config::asks_the_databases()))?;
    telemetry::start(&config::Logging {
        filter: "warn".to_owned(),
        format: loaded.config.logging.format,
    })?;
    let chosen = assemble::chosen(&loaded.config.sinks, &args.sinks)?;
    let databases = assemble::databases(&chosen).await?;
    if !databases.iter().any(|sink| sink.keeps_state()) {
        return Err(ConfigError(format!(
            "{}: no sink that was chosen keeps current state: name `sinks.postgres` or `sinks.sqlite`, and where one has `state: []`, take that \
             out",
            loaded.file
        ))
        .into());
    }
    for sink in databases.iter().filter(|sink| sink.keeps_state()) {
        let filled = Filling::new(&**sink, args).run().await?;
        for line in in_words(&filled) {
            out.line(&format!("{}: {line}", sink.name()));
        }
    }
    for sink in &databases {
        sink.recount_hours().await?;
        out.line(&format!("{}: the events of each hour are counted", sink.name()));
    }
    Ok(())
}

/// What came of all events, a line each.
fn in_words(filled: &Filled) -> Vec<String> {
    let mut lines = vec![format!(
        "{} read, {} of state new or changed",
        output::counted(filled.events, "event"),
        output::counted(filled.written, "row")
    )];
    if filled.unread > 0 {
        lines.push(format!(
            "{} left out, wholly or in part: the data could not be read, or name nothing that can be a key",
            output::counted(filled.unread, "event")
        ));
    }
    if filled.refused > 0 {
        let why = filled.refusal.as_deref().unwrap_or("the key is too long");
        lines.push(format!(
            "{} could not be written: {why}",
            output::counted(filled.refused, "row")
        ));
    }
    lines
}

/// One database that is being filled.
struct Filling<'s> {
    sink: &'s dyn FillsState,
    stretch: Stretch,
    /// The end in time, to tell how much of it has passed.
    end: Timestamp,
    rate: Option<u32>,
    begun: Instant,
    said: Instant,
    all: Filled,
}

impl<'s> Filling<'s> {
    fn new(sink: &'s dyn FillsState, args: &StateFillArgs) -> Self {
        let now = Instant::now();
        Self {
            sink,
            stretch: Stretch::new(args.from, args.to),
            end: args.to.unwrap_or_else(Timestamp::now),
            rate: args.rate,
            begun: now,
            said: now,
            all: Filled::default(),
        }
    }

    /// Goes on to the end of the stretch, or until it is interrupted or the database cannot.
    async fn run(mut self) -> anyhow::Result<Filled> {
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        loop {
            let next = tokio::select! {
                next = self.next() => next,
                signal = &mut interrupted => signal.context("cannot listen to Ctrl-C").and_then(|()| anyhow::bail!("stopped")),
            };
            match next {
                Ok(true) => {}
                Ok(false) => return Ok(self.all),
                Err(error) => return Err(error.context(self.stopped())),
            }
        }
    }

    /// Fills one step; `false` at the end.
    async fn next(&mut self) -> anyhow::Result<bool> {
        let filled = self.sink.fill_state(self.stretch).await?;
        let Some(last) = filled.last else {
            return Ok(false);
        };
        self.stretch = self.stretch.beyond(last);
        self.all.add(filled);
        if self.said.elapsed() >= SAY_AGAIN {
            self.said = Instant::now();
            output::remark(&self.so_far(last));
        }
        if let Some(rate) = self.rate {
            let due = self.all.events.saturating_mul(1_000_000) / u64::from(rate.max(1));
            tokio::time::sleep_until(self.begun + Duration::from_micros(due)).await;
        }
        Ok(true)
    }

    fn so_far(&self, last: EventId) -> String {
        let first = self.all.first.map_or(0, |first| first.time().millis());
        let (passed, whole) = (last.time().millis() - first, self.end.millis() - first);
        let percent = (passed * 100 / whole.max(1)).clamp(0, 100);
        let seconds = self.begun.elapsed().as_secs().max(1);
        format!(
            "{}: at {}, {percent} % of the time: {}, {} per second",
            self.sink.name(),
            last.time(),
            output::counted(self.all.events, "event"),
            self.all.events / seconds
        )
    }

    fn stopped(&self) -> String {
        let name = self.sink.name();
        match self.all.last {
            Some(last) => format!(
                "`{name}` is filled up to {time}, go on with `--sink {name} --from {time}`",
                time = last.time()
            ),
            None => format!("nothing of `{name}` is filled"),
        }
    }
}
