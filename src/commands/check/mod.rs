//! `forebay check` and `forebay migrate`.

mod connected;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use prometheus_client::registry::Registry as Metrics;
use schemas::endpoint::EndpointDirectory;
use schemas::setting::within;
use schemas::sink::Destinations as _;

use crate::assemble::Configured;
use crate::cli::{CheckArgs, RoleArgs};
use crate::config::{self, Config, ConfigError};
use crate::output::Printer;
use crate::{assemble, telemetry};

/// Checks configuration and rules; with `--connect`, the services too. Says what was checked.
pub(crate) async fn check(args: CheckArgs, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = config::load_file(&args.file)?;
    loaded.config.check_all().map_err(|found| loaded.refuse(&found))?;
    // Without services the client that is made below may notice that one is away: not asked, so not reported.
    if args.connect {
        telemetry::start(&loaded.config.logging)?;
    }
    let registry = assemble::guarded_registry(&loaded)?;
    let Config { event_log, sinks, .. } = &loaded.config;
    let topics = event_log.topics()?;
    let endpoints: Arc<dyn EndpointDirectory> = Arc::clone(&registry) as _;
    let destinations = Configured {
        sinks,
        topics: &topics,
        endpoints: &*endpoints,
    };
    let rules = assemble::rules(&loaded, &destinations)?;
    let names: Vec<String> = destinations.sinks().iter().map(ToString::to_string).collect();
    if !args.connect && event_log.kafka.is_some() {
        // Some properties are refused only when a client is made of them; no service is waited for.
        drop(assemble::event_log(event_log, &mut Metrics::default()).await?);
    }
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
    if event_log.kafka.is_none() && event_log.journal.is_none() {
        out.line("event log: none is named, so only `forebay dev` can run this");
    }
    if args.connect {
        let mut metrics = Metrics::default();
        let log = assemble::event_log(event_log, &mut metrics).await?;
        let scratch = Scratch::new()?;
        let mut sinks = sinks.clone();
        if let Some(sqlite) = &mut sinks.sqlite
            && sqlite.path.as_os_str().is_empty()
        {
            sqlite.path = scratch.0.join("forebay.db");
        }
        let sinks = assemble::sinks(&sinks, &topics, &log, endpoints, None, &mut metrics).await?;
        connected::check(&log, &sinks, &rules, event_log, out).await?;
    }
    Ok(())
}

/// Makes or updates topics and tables.
pub(crate) async fn migrate(args: RoleArgs, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = config::load_file(&args.file)?;
    telemetry::start(&loaded.config.logging)?;
    let (event_log, sinks) = (&loaded.config.event_log, &loaded.config.sinks);
    if event_log.kafka.is_none() && event_log.journal.is_none() && sinks.postgres.is_none() {
        return Err(ConfigError(format!(
            "{}: neither `event_log` nor `sinks.postgres` is set: there is nothing to migrate",
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
        let checked = postgres.check();
        checked.map_err(|found| loaded.refuse(&within("sinks.postgres", found)))?;
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
