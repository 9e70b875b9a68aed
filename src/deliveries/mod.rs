//! What an operator does with the deliveries to one endpoint: look at them, have one or many sent again, test the endpoint, enable
//! it. Nothing here prints, and nothing reads arguments: the commands do, and the API will.
//!
//! What is to be sent again becomes rows of the backlog, which the workers that run send in their turn. So an endpoint's order, rate
//! and breaker hold for them, too, and it does not matter who has the partition.

mod overview;
mod recover;
mod resend;
mod sample;
mod test;

use std::sync::Arc;

use anyhow::Context as _;
use processor::route::Router;
use prometheus_client::registry::Registry as Metrics;
use schemas::backlog::{Disabled, Waiting};
use schemas::endpoint::{Endpoint, EndpointDirectory};
use schemas::log::EventLog;
use schemas::name::{RuleName, SinkName};
use schemas::record::StoredRecord;
use schemas::sink::Sink;
use schemas::time::Timestamp;
use sinks::http::HttpSink;
use store::Tables;
use store::attempts::Reader;
use store::backlog::Outside;

use crate::assemble;
use crate::config::{ConfigError, Loaded, Topics};

pub(crate) use overview::{Line, State, host, overview};
pub(crate) use recover::{Counts, Recovery};
pub(crate) use resend::Resent;
use sample::sample;
pub(crate) use test::{Tested, test};

/// The sink that delivers to endpoints.
pub(crate) fn sink() -> SinkName {
    SinkName::new("http").unwrap_or_else(|_| unreachable!("a literal name is valid"))
}

/// The database of the store, as someone sees it who owns no partition.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) backlog: Outside,
    pub(crate) attempts: Reader,
    tables: Tables,
}

impl Kept {
    /// Opens the store. `None`: the configuration names none, or no program has made its file yet.
    pub(crate) async fn open(config: Option<&store::Config>) -> anyhow::Result<Option<Self>> {
        let Some(config) = config.filter(|config| config.names_a_database()) else {
            return Ok(None);
        };
        // Looking leaves nothing behind.
        if config.sqlite.as_ref().is_some_and(|sqlite| !sqlite.path.exists()) {
            return Ok(None);
        }
        let tables = Tables::open(config).await.context("`store`")?;
        tables.ready().await.context("`store`")?;
        Ok(Some(Self {
            backlog: tables.outside(),
            attempts: tables.reader(),
            tables,
        }))
    }

    /// Since when an endpoint gets nothing, and why, if that is so.
    pub(crate) async fn disabled(&self, endpoint: &Endpoint) -> anyhow::Result<Option<Disabled>> {
        let conditions = self.backlog.conditions(&sink()).await.context("store")?;
        let condition = conditions.into_iter().find(|c| c.target == endpoint.id.as_str());
        Ok(condition.and_then(|condition| condition.disabled))
    }

    /// Closes the database.
    pub(crate) async fn close(self) {
        self.tables.close().await;
    }
}

/// The store, the event log and the rules together: what sending again needs.
pub(crate) struct Deliveries {
    pub(crate) kept: Kept,
    log: Arc<dyn EventLog>,
    topics: Topics,
    router: Router,
    sink: SinkName,
}

impl Deliveries {
    /// Opens the event log to read it, and reads the rules.
    pub(crate) async fn open(
        loaded: &Loaded,
        kept: Kept,
        endpoints: Arc<dyn EndpointDirectory>,
    ) -> anyhow::Result<Self> {
        let (config, name) = (&loaded.config, sink());
        let topics = config.event_log.topics()?;
        let sinks = assemble::chosen(&config.sinks, std::slice::from_ref(&name))?;
        let own = assemble::Configured {
            sinks: &sinks,
            topics: &topics,
            endpoints: &*endpoints,
        };
        let rules = assemble::rules_for(loaded, own, std::slice::from_ref(&name))?;
        let mut metrics = Metrics::default();
        let http = sinks.http.unwrap_or_default();
        let http =
            HttpSink::new(&http, name.clone(), endpoints, &mut metrics).map_err(|found| loaded.refuse(&found))?;
        let http: Arc<dyn Sink> = Arc::new(http);
        Ok(Self {
            kept,
            log: assemble::event_log_to_read(&config.event_log).await?,
            topics,
            router: Router::new(rules, http, &processor::Metrics::register(&mut metrics)),
            sink: name,
        })
    }

    /// The row of a delivery that is to be sent again: it was not tried yet.
    fn row(&self, endpoint: &Endpoint, record: &Arc<StoredRecord>, rules: Vec<RuleName>) -> Waiting {
        Waiting {
            target: endpoint.id.to_string(),
            record: Arc::clone(record),
            rules,
            rules_version: Arc::clone(self.router.version()),
            attempts: 0,
            due: None,
            ordered: endpoint.ordered,
            since: Timestamp::now(),
        }
    }
}

/// The endpoint of that id; what is wrong with asking for it otherwise.
pub(crate) fn find(loaded: &Loaded, endpoints: &dyn EndpointDirectory, id: &str) -> Result<Arc<Endpoint>, ConfigError> {
    let all = endpoints.endpoints();
    if let Some(endpoint) = all.iter().find(|endpoint| endpoint.id.as_str() == id) {
        return Ok(Arc::clone(endpoint));
    }
    let file = &loaded.file;
    if loaded.config.endpoints.iter().any(|spec| spec.id.as_str() == id) {
        return Err(ConfigError(format!(
            "{file}: endpoint `{id}` is not enabled: take `enabled: false` out, and restart what delivers"
        )));
    }
    let known: Vec<&str> = all.iter().take(20).map(|endpoint| endpoint.id.as_str()).collect();
    Err(ConfigError(if known.is_empty() {
        format!("{file}: there is no endpoint `{id}`: none is registered under `endpoints`")
    } else {
        format!("{file}: there is no endpoint `{id}`; there are: {}", known.join(", "))
    }))
}
