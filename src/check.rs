//! `forebay check` and `forebay migrate`.

mod connected;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use prometheus_client::registry::Registry as Metrics;
use schemas::endpoint::EndpointDirectory;

use crate::cli::{CheckArgs, RoleArgs};
use crate::config::{self, ConfigError};
use crate::output::Printer;
use crate::{assemble, telemetry};

/// Checks configuration and rules; with `--connect`, the services too. Says what was checked.
pub(crate) async fn check(args: CheckArgs, out: &mut Printer) -> anyhow::Result<()> {
    let mut loaded = config::load(&args.file.config)?;
    if args.connect {
        telemetry::start(&loaded.config.logging)?;
    } else {
        // What is built below to be checked may notice that a service is away: not asked, so not told.
        telemetry::filter(&loaded.config.logging)?;
    }
    let registry = assemble::registry(&mut loaded.config, &loaded.file)?;
    assemble::check_endpoints(&registry, &loaded.config.sinks, &loaded.file)?;
    let event_log = &loaded.config.event_log;
    let topics = event_log.topics()?;
    // Rules are checked against sinks, and sinks want a log: a journal of this check's own, which is thrown away, unless
    // the real one is to be asked.
    let scratch = Scratch::new()?;
    let mut metrics = Metrics::default();
    let log = if args.connect {
        assemble::event_log(event_log, &mut metrics).await?
    } else {
        if event_log.kafka.is_some() {
            // Its settings and properties are checked; brokers are not waited for.
            drop(assemble::event_log(event_log, &mut metrics).await?);
        }
        let journal = stream::journal::Config {
            path: scratch.0.clone(),
            ..stream::journal::Config::default()
        };
        Arc::new(stream::journal::Journal::open(&journal).await?)
    };
    let endpoints: Arc<dyn EndpointDirectory> = Arc::clone(&registry) as _;
    let mut sinks_config = std::mem::take(&mut loaded.config.sinks);
    // To open a database is to make it: left to who runs it.
    if let Some(sqlite) = &mut sinks_config.sqlite
        && (!args.connect || sqlite.path.as_os_str().is_empty())
    {
        sqlite.path = scratch.0.join("forebay.db");
    }
    let sinks = assemble::sinks(&sinks_config, &topics, &log, Arc::clone(&endpoints), &mut metrics).await?;
    let rules = assemble::rules(&loaded, &sinks)?;
    let names: Vec<String> = sinks.iter().map(|s| s.name().to_string()).collect();
    out.line(&format!(
        "{}: sources: {}, endpoints: {}, rules: {}, sinks: {}",
        loaded.file,
        registry.sources().count(),
        endpoints.endpoints().len(),
        rules.iter().count(),
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    ));
    for source in assemble::open_sources(&registry) {
        out.line(&format!(
            "source {source}: `scheme: none`, whoever knows its URL can send to it"
        ));
    }
    let event_log = &loaded.config.event_log;
    if event_log.kafka.is_none() && event_log.journal.is_none() {
        out.line("event log: none is named, so only `forebay dev` can run this");
    }
    if args.connect {
        connected::check(&log, &sinks, &rules, event_log, out).await?;
    }
    Ok(())
}

/// Makes or updates topics and tables.
pub(crate) async fn migrate(args: RoleArgs, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = config::load(&args.file.config)?;
    telemetry::start(&loaded.config.logging)?;
    let (event_log, sinks) = (&loaded.config.event_log, &loaded.config.sinks);
    if event_log.kafka.is_none() && event_log.journal.is_none() && sinks.postgres.is_none() {
        return Err(ConfigError(format!(
            "{}: neither `event_log` nor `sinks.postgres` is there to migrate",
            loaded.file
        ))
        .into());
    }
    if event_log.kafka.is_some() || event_log.journal.is_some() {
        let log = assemble::event_log(event_log, &mut Metrics::default()).await?;
        let specs = event_log.topic_specs()?;
        log.ensure_topics(&specs).await.context("event log")?;
        for spec in specs {
            out.line(&format!("topic {}: {} partitions", spec.name, spec.partitions));
        }
    }
    if let Some(postgres) = &sinks.postgres {
        sinks::postgres::migrate(postgres)
            .await
            .map_err(|e| anyhow!("`sinks.postgres`: {e}"))?;
        out.line("postgres: the tables are up to date");
    }
    Ok(())
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
