//! The sink `http`: signed deliveries to registered endpoints.
//!
//! The way of one delivery: [`HttpSink::targets`] names the endpoints of the event's tenant that want it (`index`, and the filter
//! of each); the endpoint (`endpoints`) gives a slot and, where its rate is limited, a token (`rate`); the [`Client`] finds a
//! connection of its pool, or makes one to an address that its guard has judged; the request gets its headers and is signed anew
//! (`headers`, `sign`) and posted (`attempt`); the answer's head becomes an outcome (`verdict`), and its body is read aside. The
//! attempt goes to the attempt log (`record`). What this process itself lacks is charged to no endpoint. Events of one key reach an endpoint
//! one after the other, unless it asks for no order. Retrying is the processor's.

mod attempt;
mod config;
mod endpoints;
mod headers;
mod index;
mod metrics;
mod rate;
mod reach;
mod record;
mod sign;
mod verdict;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use net::client::Client;
use prometheus_client::registry::Registry;
use schemas::BoxFuture;
use schemas::attempt::AttemptLog;
use schemas::endpoint::EndpointDirectory;
use schemas::event::Event;
use schemas::name::{EndpointId, SinkName};
use schemas::setting::Invalid;
use schemas::sink::{Batch, Delivery, Handling, Outcome, Sink, Target, Unavailable};

pub use config::Config;
pub use metrics::example_metrics;
pub use reach::check_endpoint;
pub use sign::signature;
pub use verdict::Class;

use crate::order;
use endpoints::{Endpoints, ReadyEndpoint};
use metrics::Metrics;

/// Posts events to endpoints, signed per Standard Webhooks 1.0.
#[derive(Debug)]
pub struct HttpSink {
    name: SinkName,
    client: Client,
    endpoints: Endpoints,
    watch: Option<Arc<dyn Watch>>,
    attempts: Option<Arc<dyn AttemptLog>>,
    keeps_answers: bool,
}

/// Hears of each attempt: `forebay dev` prints a line for each. Must not wait for anything.
pub trait Watch: fmt::Debug + Send + Sync {
    /// An attempt has ended. `status` is that of the response, if one came; `took` is the time from when the attempt began.
    fn attempted(&self, delivery: &Delivery, status: Option<StatusCode>, took: Duration);
}

impl HttpSink {
    /// A sink for the endpoints of `directory`. To be made once per `registry`.
    pub fn new(
        config: &Config,
        name: SinkName,
        directory: Arc<dyn EndpointDirectory>,
        registry: &mut Registry,
    ) -> Result<Self, Vec<Invalid>> {
        let metrics_max = config.metrics_endpoints_max;
        Ok(Self::with_client(
            config.client()?,
            metrics_max,
            name,
            directory,
            registry,
        ))
    }

    /// A sink that posts with `client`, of which at most `metrics_max` endpoints have metrics of their own.
    pub fn with_client(
        client: Client,
        metrics_max: usize,
        name: SinkName,
        directory: Arc<dyn EndpointDirectory>,
        registry: &mut Registry,
    ) -> Self {
        metrics::connections(registry, client.metrics());
        let endpoints = Endpoints::new(directory, client.clone(), Metrics::register(registry, metrics_max));
        Self {
            name,
            client,
            endpoints,
            watch: None,
            attempts: None,
            keeps_answers: false,
        }
    }

    /// The same sink, which reports each attempt to `watch`.
    #[must_use]
    pub fn watched(self, watch: Option<Arc<dyn Watch>>) -> Self {
        Self { watch, ..self }
    }

    /// The same sink, which reports each attempt that has ended to `log`.
    #[must_use]
    pub fn recorded(self, log: Option<Arc<dyn AttemptLog>>) -> Self {
        Self { attempts: log, ..self }
    }

    /// The same sink, which gives its log the beginning of every answer, not of failures alone: for a person who looks at one.
    #[must_use]
    pub fn keeping_answers(self) -> Self {
        Self {
            keeps_answers: true,
            ..self
        }
    }
}

impl Sink for HttpSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    /// All endpoints of the event's tenant that want it; with an argument only that one of them.
    fn targets(&self, event: &Event, argument: Option<&str>) -> Vec<Target> {
        let current = self.endpoints.current();
        let tenant = &event.attributes.tenant;
        let target = |ready: &ReadyEndpoint| Target::Named(ready.endpoint.id.to_string());
        if let Some(id) = argument {
            let named = current.find(id, tenant);
            let named = named.filter(|ready| ready.endpoint.wants(event.event_type()) && ready.lets_through(event));
            return named.map(|ready| target(ready)).into_iter().collect();
        }
        let wanting = current.wanting(tenant, event.event_type());
        wanting
            .filter(|ready| ready.lets_through(event))
            .map(|ready| target(ready))
            .collect()
    }

    fn handling(&self, target: &Target) -> Option<Arc<Handling>> {
        let Target::Named(id) = target else { return None };
        self.endpoints.current().handling(id)
    }

    fn delivers_apart(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        let current = self.endpoints.current();
        let is_ordered = move |target: &Target| match target {
            Target::Named(id) => current.handling(id).is_none_or(|handling| handling.ordered),
            Target::Only => true,
        };
        let attempt = |delivery| self.attempt(&batch.begun, delivery);
        Box::pin(async move { Ok(order::by_key(batch, is_ordered, attempt).await) })
    }

    /// Always: no single party can stop all deliveries.
    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(async { Ok(()) })
    }
}

/// Whether a rule may send to this sink with `argument`: nothing, or the id of an enabled endpoint.
pub fn check_argument(endpoints: &dyn EndpointDirectory, argument: Option<&str>) -> Result<(), Invalid> {
    let Some(id) = argument else { return Ok(()) };
    let id = EndpointId::new(id.to_owned()).map_err(|e| Invalid::new("", e.to_string()))?;
    let endpoints = endpoints.endpoints();
    if endpoints.iter().any(|endpoint| endpoint.id == id) {
        return Ok(());
    }
    let known: Vec<&str> = endpoints.iter().take(20).map(|endpoint| endpoint.id.as_str()).collect();
    let reason = if known.is_empty() {
        format!("there is no endpoint `{id}`: no endpoint is registered and enabled")
    } else {
        format!(
            "there is no enabled endpoint `{id}`; the enabled ones are: {}",
            known.join(", ")
        )
    };
    Err(Invalid::new("", reason))
}
