//! A test event to one endpoint, right now and from here: by the sink itself, so that guard, signature, headers, credentials and
//! options are those of a delivery.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use parking_lot::Mutex;
use prometheus_client::registry::Registry as Metrics;
use schemas::attempt::{Attempt, AttemptLog};
use schemas::endpoint::{Endpoint, EndpointDirectory};
use schemas::event::Event;
use schemas::name::{EventType, TopicName};
use schemas::record::{Offset, Partition, StoredRecord};
use schemas::sink::{Batch, Begun, Delivery, Outcome, Sink as _, Target};
use sinks::http::HttpSink;

use super::{sample, sink};
use crate::config::Loaded;

/// What came of a test.
#[derive(Debug)]
pub(crate) struct Tested {
    pub(crate) event: Arc<Event>,
    pub(crate) outcome: Outcome,
    /// The attempt as the attempt log would have it; `None` if nothing was tried.
    pub(crate) attempt: Option<Attempt>,
}

/// Keeps the one attempt.
#[derive(Debug, Default)]
struct Noted(Mutex<Option<Attempt>>);

impl AttemptLog for Noted {
    fn record(&self, attempt: Attempt) {
        *self.0.lock() = Some(attempt);
    }
}

/// The directory that has one endpoint.
#[derive(Debug)]
struct Alone(Arc<[Arc<Endpoint>]>);

impl EndpointDirectory for Alone {
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.0)
    }
}

/// Posts a test event once. Nothing is stored, and nothing is tried again.
pub(crate) async fn test(
    loaded: &Loaded,
    topic: TopicName,
    endpoint: &Arc<Endpoint>,
    event_type: &EventType,
) -> anyhow::Result<Tested> {
    let record = sample(event_type, &endpoint.tenant)?;
    let event = Arc::new(Event::decode(&record.value)?);
    let noted = Arc::new(Noted::default());
    let config = loaded.config.sinks.http.clone().unwrap_or_default();
    let alone = Arc::new(Alone([Arc::clone(endpoint)].into()));
    let http = HttpSink::new(&config, sink(), alone, &mut Metrics::default());
    let http = http.map_err(|found| loaded.refuse(&schemas::setting::within("sinks.http", found)))?;
    let http = http
        .recorded(Some(Arc::clone(&noted) as Arc<dyn AttemptLog>))
        .keeping_answers();
    let batch = Batch {
        deliveries: vec![Delivery {
            event: Arc::clone(&event),
            partition: Arc::new(Partition { topic, index: 0 }),
            record: Arc::new(StoredRecord {
                offset: Offset(0),
                record,
            }),
            target: Target::Named(endpoint.id.to_string()),
            rules: Vec::new(),
            rules_version: Arc::from("test"),
            attempt: 1,
        }],
        progress: None,
        begun: Begun::default(),
    };
    let outcome = http
        .deliver(&batch)
        .await?
        .pop()
        .context("a batch of one has an outcome")?;
    let attempt = noted.0.lock().take();
    Ok(Tested {
        event,
        outcome,
        attempt,
    })
}

impl Tested {
    /// The body that was posted.
    pub(crate) fn body(&self) -> &Bytes {
        self.event.value()
    }

    /// What is wrong and what to look at, in words; `None` if nothing is.
    pub(crate) fn verdict(&self) -> Option<String> {
        let reason = match &self.outcome {
            Outcome::Delivered => return None,
            Outcome::Held => "it was not tried",
            Outcome::Retry { reason, .. }
            | Outcome::Rejected { reason }
            | Outcome::Refused { reason }
            | Outcome::Unavailable { reason } => reason,
        };
        let (class, status) = self.attempt.as_ref().map_or(("", None), |a| (a.class, a.status));
        Some(match advice(class, status) {
            Some(advice) => format!("{reason}; {advice}"),
            None => reason.to_owned(),
        })
    }
}

/// What to look at, by what became of the attempt.
fn advice(class: &str, status: Option<u16>) -> Option<&'static str> {
    Some(match (class, status) {
        (_, Some(401 | 403)) => {
            "the receiver does not accept who we are: compare the signing secret on both sides, its clock, and the endpoint's `auth` \
             and `headers`"
        }
        (_, Some(404 | 405)) => {
            "the receiver does not know this address or method: we POST to exactly the `url` of the endpoint"
        }
        (_, Some(413)) => "the receiver's limit of a body's size is too small",
        (_, Some(429)) => "the receiver takes no more for now: give the endpoint a `rate_limit`",
        ("gone", _) => "an answer to a delivery like this one disables the endpoint",
        ("status_3xx", _) => "write the address that it redirects to as the endpoint's `url`",
        ("status_4xx", _) => "the receiver refuses the request: the beginning of its answer may say why",
        ("status_5xx", _) => "the receiver fails: its logs say why; a delivery would be tried again",
        ("timeout", _) => {
            "the receiver has to answer within the endpoint's `timeout_ms`: let it answer first and work afterwards"
        }
        ("dns", _) => "look at the host in the endpoint's `url`, and at the name servers of this machine",
        ("connect", _) => "no one accepts connections there, or a firewall is between this machine and it",
        ("tls", _) => "look at its certificate and its chain, and at the endpoint's `ca_file` and `client_certificate`",
        ("network" | "protocol", _) => {
            "the connection broke, or what came was not HTTP: look at what is in front of the receiver"
        }
        ("token", _) => "look at the endpoint's `auth.oauth2`",
        ("blocked", _) => {
            "deliveries go to public addresses only, but for those that `sinks.http.allowed_networks` and `allowed_hosts` name"
        }
        _ => return None,
    })
}
