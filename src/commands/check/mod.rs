//! `forebay check` and `forebay migrate`.

mod connected;
mod files;
mod migrate;
mod report;
mod sql;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::Context as _;
use prometheus_client::registry::Registry as Metrics;
use schemas::endpoint::EndpointDirectory;

use crate::assemble::{Configured, Listeners};
use crate::cli::{CheckArgs, Output};
use crate::config::{self, Config, Finding, Loaded};
use crate::output::{self, Printer};
use crate::{assemble, telemetry};
use connected::Part;
pub(crate) use migrate::migrate;
use report::Report;

/// Checks configuration and rules; with `--connect`, the services too. Says what was checked.
pub(crate) async fn check(args: CheckArgs, out: &mut Printer) -> anyhow::Result<()> {
    let mut report = Report::new(
        config::find(args.file.config.as_deref())?.map_or_else(String::new, |file| file.display().to_string()),
    );
    let lines = (args.output == Output::Pretty).then_some(&mut *out);
    let result = examine(&args, &mut report, lines).await;
    report.finish(result, args.deny_warnings, args.output, out)
}

/// Checks everything, and prints what is as it should be unless `out` is `None`.
async fn examine(args: &CheckArgs, report: &mut Report, mut out: Option<&mut Printer>) -> anyhow::Result<()> {
    let loaded = files::read(args, report)?;
    // Without services the client that is made below may notice that one is away: not asked, so not reported.
    if args.connect {
        telemetry::start(&loaded.config.logging)?;
    }
    let registry = assemble::guarded_registry(&loaded)?;
    let Config { event_log, sinks, .. } = &loaded.config;
    let sinks = match args.sinks.as_slice() {
        [] => sinks.clone(),
        wanted => assemble::chosen(sinks, wanted)?,
    };
    let topics = event_log.topics()?;
    let endpoints: Arc<dyn EndpointDirectory> = Arc::clone(&registry) as _;
    let destinations = Configured {
        sinks: &sinks,
        topics: &topics,
        endpoints: &*endpoints,
    };
    let rules = assemble::rules_for(&loaded, destinations, &args.sinks)?;
    report.warnings.extend(rules.warnings().iter().map(Finding::of_rules));
    report.sources = registry.sources().count();
    report.endpoints = endpoints.endpoints().len();
    report.rules = loaded.config.rules_file.as_ref().map(|_| rules.iter().count());
    report.sinks = sinks.names().iter().map(ToString::to_string).collect();
    if !args.connect && event_log.kafka.is_some() {
        // Some properties are refused only when a client is made of them; no service is waited for.
        drop(assemble::event_log(event_log, &mut Metrics::default()).await?);
    }
    if let Some(out) = &mut out {
        summary(&loaded, report, &assemble::open_sources(&registry), out);
    }
    if args.connect {
        let mut metrics = Metrics::default();
        // Nothing is written.
        let log = assemble::event_log_to_administer(event_log).await?;
        let scratch = Scratch::new()?;
        let mut sinks = sinks.clone();
        if let Some(sqlite) = &mut sinks.sqlite
            && sqlite.path.as_os_str().is_empty()
        {
            sqlite.path = scratch.0.join("forebay.db");
        }
        let posts = args.sinks.is_empty() || sinks.http.is_some();
        let store = loaded.config.store.clone().filter(|_| posts).map(|mut store| {
            if let Some(sqlite) = &mut store.sqlite
                && sqlite.path.as_os_str().is_empty()
            {
                sqlite.path = scratch.0.join("store.sqlite");
            }
            store
        });
        let sinks = assemble::sinks(&sinks, &topics, &log, endpoints, Listeners::default(), &mut metrics).await?;
        let part = match args.sinks.as_slice() {
            [] if sinks.is_empty() => Part::Ingest,
            [] => Part::Whole,
            _ => Part::Process,
        };
        let mut answers = connected::check(&log, &sinks, &rules, (event_log, part), out.as_deref_mut()).await?;
        if let Some(store) = store.filter(store::Config::names_a_database) {
            answers.ask_store(&store, out).await;
        }
        report
            .warnings
            .extend(answers.remarks.iter().map(|text| Finding::elsewhere(text)));
        let problems = answers
            .problems
            .iter()
            .map(|error| Finding::elsewhere(&output::in_words(error)));
        report.errors.extend(problems);
        answers.into_result()?;
    }
    Ok(())
}

fn summary(loaded: &Loaded, report: &Report, open: &[String], out: &mut Printer) {
    let rules = report
        .rules
        .map_or("everything to every sink".to_owned(), |rules| rules.to_string());
    let sinks = if report.sinks.is_empty() {
        "none".to_owned()
    } else {
        report.sinks.join(", ")
    };
    out.line(&format!(
        "{}: sources: {}, endpoints: {}, rules: {rules}, sinks: {sinks}",
        loaded.file, report.sources, report.endpoints
    ));
    for source in open {
        out.line(&format!(
            "source {source}: `scheme: none`, whoever knows its URL can send to it"
        ));
    }
    let event_log = &loaded.config.event_log;
    if event_log.kafka.is_none() && event_log.journal.is_none() {
        out.line("event log: none is named, so only `forebay dev` can run this");
    }
}

/// A folder that goes when it is dropped.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("forebay-check-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
