//! Builds the rooms from the configuration. The only place that knows them all.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use prometheus_client::registry::Registry as Metrics;
use schemas::endpoint::EndpointDirectory;
use schemas::log::{EventLog, Publish};
use schemas::name::{SinkName, TopicName};
use schemas::setting::{Invalid, in_one_line, within};
use schemas::sink::{Destinations, Sink};
use schemas::source::Scheme;

use crate::config::{ConfigError, EventLogConfig, Loaded, SinksConfig, Topics};

/// Sources and endpoints, the sources checked by the room that receives from them.
pub(crate) fn registry(loaded: &Loaded) -> Result<Arc<control::Registry>, ConfigError> {
    loaded
        .config
        .registry()
        .map(Arc::new)
        .map_err(|found| loaded.refuse(&found))
}

/// The same, and the endpoints checked by the guard of the HTTP sink.
pub(crate) fn guarded_registry(loaded: &Loaded) -> Result<Arc<control::Registry>, ConfigError> {
    let registry = loaded.config.guarded_registry();
    registry.map(Arc::new).map_err(|found| loaded.refuse(&found))
}

/// The event log that the configuration names; it was checked to name at most one.
pub(crate) async fn event_log(config: &EventLogConfig, metrics: &mut Metrics) -> anyhow::Result<Arc<dyn EventLog>> {
    if let Some(kafka) = config.kafka() {
        let log = stream::kafka::KafkaLog::connect(kafka);
        let log = log.map_err(|e| ConfigError(format!("`event_log.kafka`: {e}")))?;
        log.metrics().register(metrics);
        return Ok(Arc::new(log));
    }
    if let Some(journal) = &config.journal {
        let journal = stream::journal::Journal::open(journal)
            .await
            .context("`event_log.journal`")?;
        journal.metrics().register(metrics);
        return Ok(Arc::new(journal));
    }
    bail!(ConfigError(
        "`event_log` names no log: give `event_log.kafka.brokers`, or use `forebay dev`, which brings a journal".into()
    ))
}

/// The same, for one who only reads: the process that writes the journal may be running.
pub(crate) async fn event_log_to_read(config: &EventLogConfig) -> anyhow::Result<Arc<dyn EventLog>> {
    match &config.journal {
        Some(journal) => Ok(Arc::new(
            stream::journal::Journal::open_read_only(&journal.path)
                .await
                .context("journal")?,
        )),
        None => event_log(config, &mut Metrics::default()).await,
    }
}

/// The sources that accept any sender. An explicit choice, which is logged wherever such a source is used.
pub(crate) fn open_sources(registry: &control::Registry) -> Vec<String> {
    let mut open: Vec<String> = registry
        .sources()
        .filter(|source| source.scheme == Some(Scheme::None))
        .map(|source| source.id.to_string())
        .collect();
    open.sort();
    open
}

/// The sinks that the configuration names, in the order of their names.
pub(crate) async fn sinks(
    config: &SinksConfig,
    topics: &Topics,
    log: &Arc<dyn EventLog>,
    endpoints: Arc<dyn EndpointDirectory>,
    metrics: &mut Metrics,
) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
    let tables = sinks::table::Metrics::register(metrics);
    let mut all: Vec<Arc<dyn Sink>> = Vec::new();
    if let Some(http) = &config.http {
        let sink = sinks::http::HttpSink::new(http, name("http"), endpoints, metrics);
        all.push(Arc::new(sink.map_err(|found| refused("sinks.http", found))?));
    }
    if let Some(postgres) = &config.postgres {
        let sink = sinks::postgres::PostgresSink::connect(postgres, name("postgres"), tables.clone());
        all.push(Arc::new(sink.map_err(|found| refused("sinks.postgres", found))?));
    }
    if let Some(sqlite) = &config.sqlite {
        let sink = sinks::sqlite::SqliteSink::open(sqlite, name("sqlite"), tables).await;
        all.push(Arc::new(sink.context("`sinks.sqlite`")?));
    }
    if let Some(topic) = &config.topic {
        let own = own_topics(topics);
        all.push(Arc::new(sinks::topic::TopicSink::new(
            *topic,
            name("topic"),
            Arc::clone(log) as Arc<dyn Publish>,
            own,
        )));
    }
    Ok(all)
}

/// Of settings whose file is not known here; who knows it has checked them before.
fn refused(section: &str, found: Vec<Invalid>) -> ConfigError {
    ConfigError(in_one_line(&within(section, found)))
}

fn name(name: &'static str) -> SinkName {
    SinkName::new(name).unwrap_or_else(|_| unreachable!("a literal name is valid"))
}

/// Those that Forebay itself reads or writes.
fn own_topics(topics: &Topics) -> Vec<TopicName> {
    vec![topics.events.clone(), topics.dead_letters.clone()]
}

/// What rules may send to, by the configuration alone.
pub(crate) struct Configured<'c> {
    pub(crate) sinks: &'c SinksConfig,
    pub(crate) topics: &'c Topics,
    pub(crate) endpoints: &'c dyn EndpointDirectory,
}

impl Destinations for Configured<'_> {
    fn sinks(&self) -> Vec<SinkName> {
        let SinksConfig {
            http,
            postgres,
            sqlite,
            topic,
            retry: _,
        } = self.sinks;
        let all = [
            ("http", http.is_some()),
            ("postgres", postgres.is_some()),
            ("sqlite", sqlite.is_some()),
            ("topic", topic.is_some()),
        ];
        all.into_iter()
            .filter(|(_, there)| *there)
            .map(|(sink, _)| name(sink))
            .collect()
    }

    fn check(&self, sink: &SinkName, argument: Option<&str>) -> Result<(), Invalid> {
        match sink.as_str() {
            "http" => sinks::http::check_argument(self.endpoints, argument),
            "topic" => sinks::topic::check_argument(sink, &own_topics(self.topics), argument),
            _ => sinks::table::check_argument(sink, argument),
        }
    }
}

/// The rules, checked against what they may send to.
pub(crate) fn rules(loaded: &Loaded, destinations: &Configured<'_>) -> Result<Arc<rules::Rules>, ConfigError> {
    let Some(file) = &loaded.config.rules_file else {
        return Ok(Arc::new(rules::Rules::everything(destinations)));
    };
    let path = loaded.folder.join(file);
    let shown = path.display().to_string();
    let text = read(&path, &loaded.file)?;
    let rules = rules::Rules::parse(&text, &shown, destinations).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        ConfigError(lines.join("\n"))
    })?;
    Ok(Arc::new(rules))
}

fn read(path: &Path, file: &str) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|e| ConfigError(format!("{file}: `rules_file`: cannot read `{}`: {e}", path.display())))
}
