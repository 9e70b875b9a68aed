//! Builds the rooms from the configuration. The only place that knows them all.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use prometheus_client::registry::Registry as Metrics;
use schemas::endpoint::EndpointDirectory;
use schemas::log::{EventLog, Publish};
use schemas::name::{SinkName, TopicName};
use schemas::sink::{Destinations, Sink};
use schemas::source::Scheme;

use crate::config::{self, Config, ConfigError, EventLogConfig, Loaded, SinksConfig, Topics};

/// Sources and endpoints, checked by those who will use them.
pub(crate) fn registry(config: &mut Config, file: &str) -> Result<Arc<control::Registry>, ConfigError> {
    let lists = control::Config {
        sources: std::mem::take(&mut config.sources),
        endpoints: std::mem::take(&mut config.endpoints),
    };
    let registry = control::Registry::new(lists, config.ingest.max_body_bytes);
    let registry = registry.map_err(|problems| config::problems(file, &problems))?;
    let checked = registry.check_sources(|source| ingest::check_source(source).map_err(|e| e.problem));
    checked.map_err(|problems| config::problems(file, &problems))?;
    Ok(Arc::new(registry))
}

/// Lets the guard of the HTTP sink look at the endpoints' URLs, as far as that goes without resolving names.
pub(crate) fn check_endpoints(
    registry: &control::Registry,
    sinks: &SinksConfig,
    file: &str,
) -> Result<(), ConfigError> {
    let Some(http) = &sinks.http else { return Ok(()) };
    let guard = sinks::http::Guard::new(http);
    let checked = registry.check_endpoints(|endpoint| guard.check_url(&endpoint.url).map_err(|e| e.to_string()));
    checked.map_err(|problems| config::problems(file, &problems))
}

/// The event log that the configuration names; it was checked to name at most one.
pub(crate) async fn event_log(config: &EventLogConfig, metrics: &mut Metrics) -> anyhow::Result<Arc<dyn EventLog>> {
    if let Some(kafka) = &config.kafka {
        let mut kafka = kafka.clone();
        kafka.max_record_bytes = config.max_dead_letter_bytes();
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

/// Makes the sinks that open nothing and ask no service, so that their settings are checked.
pub(crate) fn check_sinks(config: &SinksConfig, endpoints: &Arc<dyn EndpointDirectory>) -> Result<(), ConfigError> {
    let mut metrics = Metrics::default();
    if let Some(http) = &config.http {
        let sink = sinks::http::HttpSink::new(http, name("http"), Arc::clone(endpoints), &mut metrics);
        sink.map_err(|e| ConfigError(format!("`sinks.http`: {e}")))?;
    }
    if let Some(postgres) = &config.postgres {
        let tables = sinks::table::Metrics::register(&mut metrics);
        let sink = sinks::postgres::PostgresSink::connect(postgres, name("postgres"), tables);
        sink.map_err(|e| ConfigError(format!("`sinks.postgres`: {e}")))?;
    }
    Ok(())
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
        all.push(Arc::new(sink.map_err(|e| ConfigError(format!("`sinks.http`: {e}")))?));
    }
    if let Some(postgres) = &config.postgres {
        let sink = sinks::postgres::PostgresSink::connect(postgres, name("postgres"), tables.clone());
        all.push(Arc::new(
            sink.map_err(|e| ConfigError(format!("`sinks.postgres`: {e}")))?,
        ));
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

    fn check(&self, sink: &SinkName, argument: Option<&str>) -> Result<(), String> {
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
