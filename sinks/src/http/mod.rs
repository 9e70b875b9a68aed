//! The sink `http`: signed deliveries to registered endpoints.
//!
//! The way of one delivery: [`HttpSink::targets`] names the endpoints of the event's tenant that want its type; the
//! endpoint (`endpoints`) gives a slot; the [`Client`] finds a connection of its pool, or makes one to an address that its
//! guard has judged; the request is signed anew (`sign`) and posted; the answer's head becomes an outcome (`verdict`), and its
//! body is read aside. What this process itself lacks is charged to no endpoint. Events of one key reach an endpoint one after
//! the other. Retrying is the processor's.

mod config;
mod endpoints;
mod metrics;
mod sign;
mod verdict;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use net::client::{Answer, Client, SendError};
use prometheus_client::registry::Registry;
use schemas::BoxFuture;
use schemas::endpoint::{Endpoint, EndpointDirectory};
use schemas::event::Event;
use schemas::name::{EndpointId, SinkName};
use schemas::setting::Invalid;
use schemas::sink::{Batch, Delivery, Outcome, Sink, Target, Unavailable};
use tokio::time::Instant;

pub use config::Config;
pub use metrics::example_metrics;
pub use sign::signature;
pub use verdict::Class;

use crate::order;
use endpoints::{Endpoints, ReadyEndpoint};
use metrics::Metrics;

const WEBHOOK_ID: HeaderName = HeaderName::from_static(sign::ID);
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static(sign::TIMESTAMP);
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static(sign::SIGNATURE);
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Posts events to endpoints, signed per Standard Webhooks 1.0.
#[derive(Debug)]
pub struct HttpSink {
    name: SinkName,
    client: Client,
    endpoints: Endpoints,
    watch: Option<Arc<dyn Watch>>,
}

/// Is told of each attempt: `forebay dev` prints a line for each. Must not wait for anything.
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
        }
    }

    /// The same sink, which tells `watch` of each attempt.
    #[must_use]
    pub fn watched(self, watch: Option<Arc<dyn Watch>>) -> Self {
        Self { watch, ..self }
    }

    async fn attempt(&self, delivery: &Delivery) -> Outcome {
        let tenant = &delivery.event.attributes.tenant;
        let Target::Named(id) = &delivery.target else {
            return Outcome::Rejected {
                reason: format!("the sink `{}` delivers to named endpoints only", self.name),
            };
        };
        let removed = || Outcome::Rejected {
            reason: format!("endpoint `{id}` was removed"),
        };
        let Some(ready) = self.endpoints.current().find(id, tenant).cloned() else {
            return removed();
        };
        let Some(_slot) = ready.slot().await else {
            let (class, outcome) = no_slot(&ready);
            report(&ready, delivery, class, &outcome);
            return outcome;
        };
        // The wait may have been long: what counts is what is registered now.
        let Some(ready) = self.endpoints.current().find(id, tenant).cloned() else {
            return removed();
        };
        let endpoint = &ready.endpoint.id;
        let watch = self.watch.as_ref().map(|watch| (watch, Instant::now()));
        let tell = |status| {
            if let Some((watch, begun)) = &watch {
                watch.attempted(delivery, status, begun.elapsed());
            }
        };
        match self.post(&ready, &delivery.event).await {
            Ok(answer) => {
                tell(Some(answer.status));
                let (class, outcome) = verdict::judge(endpoint, answer.status, &answer.headers, Utc::now());
                report(&ready, delivery, class, &outcome);
                self.client.finish(answer).await;
                outcome
            }
            Err(error) => {
                tell(None);
                let outcome = verdict::failed(endpoint, &error);
                report(&ready, delivery, Class::from(&error), &outcome);
                outcome
            }
        }
    }

    async fn post(&self, ready: &ReadyEndpoint, event: &Event) -> Result<Answer, SendError> {
        let destination = ready.destination.as_ref().map_err(Clone::clone)?;
        let unconnected = ready.unconnected();
        let seat = self.client.seat(destination).await?;
        drop(unconnected);
        let started = Instant::now();
        let body = event.value().clone();
        let headers = headers(&ready.endpoint, event)?;
        let answer = self
            .client
            .send(seat, destination, headers, body, ready.endpoint.timeout)
            .await;
        ready.metrics().all.seconds.observe(started.elapsed().as_secs_f64());
        answer
    }
}

impl Sink for HttpSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    /// All endpoints of the event's tenant that want its type; with an argument only that one of them.
    fn targets(&self, event: &Event, argument: Option<&str>) -> Vec<Target> {
        let current = self.endpoints.current();
        let endpoints = current.endpoints_of(&event.attributes.tenant).iter();
        endpoints
            .filter(|endpoint| {
                argument.is_none_or(|id| endpoint.id.as_str() == id) && endpoint.wants(event.event_type())
            })
            .map(|endpoint| Target::Named(endpoint.id.to_string()))
            .collect()
    }

    fn delivers_apart(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        Box::pin(async move { Ok(order::by_key(batch, |delivery| self.attempt(delivery)).await) })
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

/// The outcome where the slots of an endpoint stayed busy.
fn no_slot(ready: &ReadyEndpoint) -> (Class, Outcome) {
    let (id, patience) = (&ready.endpoint.id, ready.endpoint.timeout);
    if ready.is_unconnected() {
        let reason = format!(
            "deliveries have waited for a connection for {patience:?}: all that `max_connections` allows are in use"
        );
        return (Class::Unavailable, Outcome::Unavailable { reason });
    }
    let reason = format!("endpoint `{id}` takes nothing: all its slots were busy for {patience:?}");
    (Class::NoSlot, Outcome::Retry { after: None, reason })
}

/// The header of one attempt: a fresh time stamp and signature, the event's own id.
fn headers(endpoint: &Endpoint, event: &Event) -> Result<HeaderMap, SendError> {
    let id = event.id().to_string();
    let timestamp = Utc::now().timestamp().to_string();
    let signature = signature(&endpoint.secrets, &id, &timestamp, event.value());
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(schemas::event::CONTENT_TYPE));
    for (name, value) in [
        (WEBHOOK_ID, id),
        (WEBHOOK_TIMESTAMP, timestamp),
        (WEBHOOK_SIGNATURE, signature),
    ] {
        let value = HeaderValue::try_from(value).map_err(|_| SendError::Header(name.clone()))?;
        headers.insert(name, value);
    }
    // A trace context that cannot be a header was never one.
    let traceparent = event.attributes.traceparent.as_deref();
    if let Some(Ok(value)) = traceparent.map(HeaderValue::from_str) {
        headers.insert(TRACEPARENT, value);
    }
    Ok(headers)
}

/// Counts an attempt. A failure is logged at `debug` only: the processor, which sees every outcome, logs when a target begins
/// to fail and when it works again.
fn report(ready: &ReadyEndpoint, delivery: &Delivery, class: Class, outcome: &Outcome) {
    ready.metrics().count(class);
    match outcome {
        Outcome::Delivered => ready.delivered(),
        Outcome::Held => {}
        Outcome::Retry { reason, .. }
        | Outcome::Rejected { reason }
        | Outcome::Refused { reason }
        | Outcome::Unavailable { reason } => {
            let endpoint = &ready.endpoint.id;
            let (event_id, offset) = (delivery.event.id(), delivery.record.offset);
            let (attempt, class) = (delivery.attempt, class.as_str());
            tracing::debug!(%endpoint, %event_id, %offset, attempt, class, error = reason, "attempt failed");
        }
    }
}
