//! What a test of the sink needs around it: endpoints, events, batches.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::event::Written;
use net::client::Client;
use prometheus_client::registry::Registry;
use schemas::endpoint::{Endpoint, EndpointDirectory};
use schemas::event::Event;
use schemas::name::{EndpointId, SinkName, Tenant, TopicName};
use schemas::record::{Offset, Partition, Record, StoredRecord};
use schemas::secret::Secret;
use schemas::sink::{Batch, Begun, Delivery, Outcome, Sink as _, Target};
use sinks::http::{Config, HttpSink};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const EVENT_ID: &str = "019cd7ea-8fe0-8aaa-8bbb-0123456789ab";
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Endpoints that a test can change.
#[derive(Debug, Default)]
pub(crate) struct Directory(Mutex<Arc<[Arc<Endpoint>]>>);

impl Directory {
    pub(crate) fn set(&self, endpoints: impl IntoIterator<Item = Endpoint>) {
        *self.0.lock().expect("no panic") = endpoints.into_iter().map(Arc::new).collect();
    }
}

impl EndpointDirectory for Directory {
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.0.lock().expect("no panic"))
    }
}

pub(crate) struct Stage {
    pub(crate) sink: Arc<HttpSink>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) registry: Registry,
}

impl Stage {
    /// With receivers on this machine allowed.
    pub(crate) fn new(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self::with_client(local().client().expect("a client"), endpoints)
    }

    pub(crate) fn with_client(client: Client, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        let directory = Arc::new(Directory::default());
        directory.set(endpoints);
        let mut registry = Registry::default();
        let name = SinkName::new("http").expect("a name");
        let sink = HttpSink::with_client(client, 100, name, Arc::clone(&directory) as _, &mut registry);
        Self {
            sink: Arc::new(sink),
            directory,
            registry,
        }
    }

    /// Delivers one event to each of `targets`, in one batch.
    pub(crate) async fn deliver(&self, targets: &[&str]) -> Vec<Outcome> {
        let batch = batch(targets);
        self.sink.deliver(&batch).await.expect("the sink is never unavailable")
    }

    /// Delivers one event to one endpoint.
    pub(crate) async fn deliver_one(&self, target: &str) -> Outcome {
        self.deliver(&[target]).await.remove(0)
    }

    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("text");
        text
    }
}

/// A configuration that allows receivers on this machine.
pub(crate) fn local() -> Config {
    Config {
        allowed_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        ..Config::default()
    }
}

pub(crate) fn endpoint(id: &'static str, url: &str) -> Endpoint {
    Endpoint {
        timeout: Duration::from_secs(5),
        concurrency: 4,
        ..Endpoint::new(
            EndpointId::new(id).expect("an id"),
            Tenant::new("acme").expect("a tenant"),
            url.parse().expect("a URL"),
            vec![Secret::from_standard_webhooks(SECRET).expect("a key")],
        )
    }
}

pub(crate) fn event(tenant: &str, event_type: &str) -> Event {
    let written = Written {
        id: EVENT_ID,
        source: &format!("/{tenant}/s"),
        event_type,
        subject: None,
        tenant,
        received_time: "2026-03-10T13:36:51Z",
        partition_key: &format!("{tenant}/s/1"),
        traceparent: Some(TRACEPARENT),
        raw_sha256: "",
        data: r#"{"raw": { "text":"Olá" }}"#,
        ..Written::default()
    };
    written.event()
}

/// One delivery per target, each of a conversation of its own.
pub(crate) fn batch(targets: &[&str]) -> Batch {
    let named: Vec<(&str, usize)> = targets.iter().copied().zip(0..).collect();
    conversations(&named)
}

/// One delivery per target and number of conversation.
pub(crate) fn conversations(deliveries: &[(&str, usize)]) -> Batch {
    let event = Arc::new(event("acme", "message.created"));
    let partition = Arc::new(Partition {
        topic: TopicName::new("forebay.events").expect("a name"),
        index: 0,
    });
    let delivery = |((target, conversation), offset): (&(&str, usize), i64)| Delivery {
        event: Arc::clone(&event),
        partition: Arc::clone(&partition),
        record: Arc::new(StoredRecord {
            offset: Offset(offset),
            record: Record {
                key: format!("acme/s/{conversation}").into(),
                headers: vec![],
                value: event.value().clone(),
            },
        }),
        target: Target::Named((*target).to_owned()),
        rules: vec![],
        rules_version: "test".into(),
        attempt: 1,
    };
    let deliveries: Vec<Delivery> = deliveries.iter().zip(7..).map(delivery).collect();
    Batch {
        deliveries,
        progress: None,
        begun: Begun::default(),
    }
}

/// The reason of a retry.
pub(crate) fn retry(outcome: &Outcome) -> &str {
    let Outcome::Retry { reason, .. } = outcome else {
        panic!("not a retry: {outcome:?}")
    };
    reason
}

/// The reason of a rejection.
pub(crate) fn rejected(outcome: &Outcome) -> &str {
    let Outcome::Rejected { reason } = outcome else {
        panic!("not rejected: {outcome:?}")
    };
    reason
}
