//! The sinks: each is made in one arm here, and named in one line for the rules.

use std::sync::Arc;

use ::sinks::http::HttpSink;
use ::sinks::state::FillsState;
use anyhow::Context as _;
use prometheus_client::registry::Registry as Metrics;
use schemas::attempt::AttemptLog;
use schemas::endpoint::EndpointDirectory;
use schemas::log::{EventLog, Publish};
use schemas::name::{SinkName, TopicName};
use schemas::setting::{Invalid, in_one_line, within};
use schemas::sink::{Destinations, Sink};

use crate::config::{ConfigError, SINKS, SinksConfig, Topics};

/// What the sinks do beside delivering: who hears of the attempts of the sink `http`, and whether tables are looked after.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listeners {
    /// What `forebay dev` prints.
    pub(crate) watch: Option<Arc<dyn ::sinks::http::Watch>>,
    /// The attempt log.
    pub(crate) attempts: Option<Arc<dyn AttemptLog>>,
    /// Whether the sinks look after their tables from the start: not in a command that only looks.
    pub(crate) keep_tables: bool,
}

/// The sinks that the configuration names, in the order of their names.
pub(crate) async fn sinks(
    config: &SinksConfig,
    topics: &Topics,
    log: &Arc<dyn EventLog>,
    endpoints: Arc<dyn EndpointDirectory>,
    listeners: Listeners,
    metrics: &mut Metrics,
) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
    let tables = ::sinks::table::Metrics::register(metrics);
    let keep_tables = listeners.keep_tables;
    let mut all: Vec<Arc<dyn Sink>> = Vec::new();
    if let Some(http) = &config.http {
        let sink = HttpSink::new(http, name("http"), endpoints, metrics);
        let sink = sink.map_err(|found| refused("sinks.http", found))?;
        all.push(Arc::new(heard(sink, listeners)));
    }
    if let Some(postgres) = &config.postgres {
        let sink = ::sinks::postgres::PostgresSink::connect(postgres, name("postgres"), tables.clone());
        let sink = sink.map_err(|found| refused("sinks.postgres", found))?;
        if keep_tables {
            sink.look_after_partitions();
        }
        all.push(Arc::new(sink));
    }
    if let Some(sqlite) = &config.sqlite {
        let sink = ::sinks::sqlite::SqliteSink::open(sqlite, name("sqlite"), tables).await;
        all.push(Arc::new(sink.context("`sinks.sqlite`")?));
    }
    if let Some(topic) = &config.topic {
        let own = own_topics(topics);
        all.push(Arc::new(::sinks::topic::TopicSink::new(
            *topic,
            name("topic"),
            Arc::clone(log) as Arc<dyn Publish>,
            own,
        )));
    }
    Ok(all)
}

/// The databases that keep state beside events, in the order of their names.
pub(crate) async fn databases(config: &SinksConfig) -> anyhow::Result<Vec<Box<dyn FillsState>>> {
    let tables = ::sinks::table::Metrics::default();
    let mut all: Vec<Box<dyn FillsState>> = Vec::new();
    if let Some(postgres) = &config.postgres {
        let sink = ::sinks::postgres::PostgresSink::connect(postgres, name("postgres"), tables.clone());
        all.push(Box::new(sink.map_err(|found| refused("sinks.postgres", found))?));
    }
    if let Some(sqlite) = &config.sqlite {
        let sink = ::sinks::sqlite::SqliteSink::open(sqlite, name("sqlite"), tables).await;
        all.push(Box::new(sink.context("`sinks.sqlite`")?));
    }
    Ok(all)
}

/// The sink, whose attempts are heard of.
pub(crate) fn heard(sink: HttpSink, listeners: Listeners) -> HttpSink {
    let Listeners { watch, attempts, .. } = listeners;
    sink.watched(watch).recorded(attempts)
}

/// The settings of the configured sinks that were asked for; of all, if none was.
pub(crate) fn chosen(config: &SinksConfig, wanted: &[SinkName]) -> Result<SinksConfig, ConfigError> {
    let known = config.names();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        return Err(ConfigError(format!(
            "there is no sink `{unknown}`; the configured sinks are: {}",
            known.join(", ")
        )));
    }
    if known.is_empty() {
        return Err(ConfigError(
            "no sink is configured: name at least one under `sinks`".to_owned(),
        ));
    }
    Ok(config.only(wanted))
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
    vec![
        topics.events.clone(),
        topics.dead_letters.clone(),
        topics.operations.clone(),
    ]
}

/// What rules may send to, by the configuration alone.
pub(crate) struct Configured<'c> {
    pub(crate) sinks: &'c SinksConfig,
    pub(crate) topics: &'c Topics,
    pub(crate) endpoints: &'c dyn EndpointDirectory,
}

/// Every sink with every argument: where it could not be read what rules may send to.
pub(crate) struct AnyOfAll;

impl Destinations for AnyOfAll {
    fn sinks(&self) -> Vec<SinkName> {
        SINKS.map(name).into()
    }

    fn check(&self, _: &SinkName, _: Option<&str>) -> Result<(), Invalid> {
        Ok(())
    }
}

impl Destinations for Configured<'_> {
    fn sinks(&self) -> Vec<SinkName> {
        self.sinks.names()
    }

    fn check(&self, sink: &SinkName, argument: Option<&str>) -> Result<(), Invalid> {
        match sink.as_str() {
            "http" => ::sinks::http::check_argument(self.endpoints, argument),
            "topic" => ::sinks::topic::check_argument(sink, &own_topics(self.topics), argument),
            _ => ::sinks::table::check_argument(sink, argument),
        }
    }
}

/// What the rules may send to of a process that delivers to some sinks only: the others are another process's, whose settings
/// this one may lack, so what is sent to them is judged by `forebay check` alone.
pub(crate) struct Part<'c>(pub(crate) Configured<'c>);

impl Destinations for Part<'_> {
    fn sinks(&self) -> Vec<SinkName> {
        AnyOfAll.sinks()
    }

    fn check(&self, sink: &SinkName, argument: Option<&str>) -> Result<(), Invalid> {
        if self.0.sinks().contains(sink) {
            self.0.check(sink, argument)
        } else {
            AnyOfAll.check(sink, argument)
        }
    }
}
