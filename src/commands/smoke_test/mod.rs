//! `forebay smoke-test`: posts one signed webhook to an installation, and waits until what it became has arrived everywhere.

mod receiver;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::HeaderMap;
use schemas::endpoint::{Endpoint, EndpointDirectory as _};
use schemas::id::EventId;
use schemas::name::{EndpointId, SinkName, SourceId};
use schemas::platform::Platform;
use schemas::setting::within;
use schemas::source::Source;
use schemas::time::Timestamp;
use serde_json::json;
use sinks::postgres::PostgresSink;
use tokio::time::sleep;

use super::samples;
use super::send::{Answered, Sender};
use crate::assemble;
use crate::cli::SmokeTestArgs;
use crate::config::{self, ConfigError, Loaded};
use crate::output::{self, Printer};
use receiver::{Arrived, Receiver};

/// How often is looked, and how long an ingest that cannot be reached is left alone.
const AGAIN: Duration = Duration::from_millis(250);

/// The type that the events of this command have.
const TYPE: &str = "forebay.smoke_test";

/// Posts a webhook, and waits for its row and its delivery.
pub(crate) async fn smoke_test(args: SmokeTestArgs, out: &mut Printer) -> anyhow::Result<()> {
    let unused = config::posts_and_looks(args.receive.is_some());
    let loaded = config::load_file(&args.given, &unused)?;
    let registry = assemble::registry(&loaded)?;
    let source = source(&loaded, &registry, &args.source)?;
    let database = loaded.config.sinks.postgres.as_ref();
    let name = SinkName::new("postgres").context("a literal name is valid")?;
    let database = database
        .map(|postgres| PostgresSink::connect(postgres, name, sinks::table::Metrics::default()))
        .transpose()
        .map_err(|found| loaded.refuse(&within("sinks.postgres", found)))?;
    let receiver = match (&args.receive, &args.endpoint) {
        (Some(address), Some(id)) => {
            let endpoint = endpoint(&loaded, &registry, id, &source)?;
            Some((Receiver::listen(address, &endpoint).await?, endpoint))
        }
        _ => None,
    };
    if database.is_none() && receiver.is_none() {
        let reason = format!(
            "{}: there is nowhere to look: set `sinks.postgres`, or give --receive and --endpoint",
            loaded.file
        );
        return Err(ConfigError(reason).into());
    }
    let base = args.url.clone().unwrap_or_else(|| loaded.base_url());
    let sender = Sender::new(&base)?;

    let started = Started {
        at: Instant::now(),
        wait: args.wait.duration(),
    };
    let event = accepted(&sender, &source, started, out).await?;
    let row = async {
        match &database {
            Some(database) => Some(stored(database, event, started).await),
            None => None,
        }
    };
    let delivery = async {
        match &receiver {
            Some((receiver, endpoint)) => Some(delivered(receiver, endpoint, event, started).await),
            None => None,
        }
    };
    let (row, delivery) = tokio::join!(row, delivery);
    let mut missing = Vec::new();
    for step in [row, delivery].into_iter().flatten() {
        match step {
            Ok(line) => {
                out.line(&line);
            }
            Err(error) => missing.push(output::in_words(&error)),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("event {event}: {}", missing.join("; "))
}

/// When it began, and how long everything may take.
#[derive(Clone, Copy)]
struct Started {
    at: Instant,
    wait: Duration,
}

impl Started {
    fn is_over(self) -> bool {
        self.at.elapsed() >= self.wait
    }

    fn after(self) -> String {
        format!("after {:.2} s", self.at.elapsed().as_secs_f64())
    }
}

fn source(loaded: &Loaded, registry: &control::Registry, id: &SourceId) -> Result<Arc<Source>, ConfigError> {
    let file = &loaded.file;
    let Some(source) = registry.sources().find(|source| source.id == *id) else {
        let there: Vec<String> = registry.sources().map(|source| format!("`{}`", source.id)).collect();
        return Err(ConfigError(format!(
            "{file} has no source `{id}`; there is: {}",
            if there.is_empty() {
                "none".to_owned()
            } else {
                there.join(", ")
            }
        )));
    };
    // Only there has every webhook an identity of its own; the samples of the others are the same event every time.
    if source.platform != Platform::Standard {
        return Err(ConfigError(format!(
            "{file}: source `{id}` is of the platform {}: give the smoke test a source of its own, of the platform standard",
            source.platform
        )));
    }
    Ok(Arc::clone(source))
}

fn endpoint(
    loaded: &Loaded,
    registry: &control::Registry,
    id: &EndpointId,
    source: &Source,
) -> Result<Arc<Endpoint>, ConfigError> {
    let file = &loaded.file;
    let endpoints = registry.endpoints();
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.id == *id) else {
        return Err(ConfigError(format!(
            "{file} has no endpoint `{id}` that is enabled: give the smoke test one of its own, whose URL leads to --receive"
        )));
    };
    if endpoint.tenant != source.tenant {
        return Err(ConfigError(format!(
            "{file}: endpoint `{id}` is of the tenant `{}` and source `{}` of `{}`: it never gets this event",
            endpoint.tenant, source.id, source.tenant
        )));
    }
    Ok(Arc::clone(endpoint))
}

/// Posts the webhook until it is accepted, and returns the id of the event that it becomes.
async fn accepted(sender: &Sender, source: &Source, started: Started, out: &mut Printer) -> anyhow::Result<EventId> {
    let run = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let body = json!({ "type": TYPE, "timestamp": Timestamp::now().to_string(), "data": { "id": run } });
    let body = Bytes::from(body.to_string());
    let id = format!("msg_{run}");
    loop {
        // Signed anew each time: the time of the signature is checked.
        let request = sender.sign(source, body.clone(), &HeaderMap::new(), false, &id)?;
        let events = samples::becomes(source, &request.headers, &request.body)?;
        let reason = match sender.deliver(source, request).await {
            Ok(answer) if answer.accepted() => {
                let [event] = events.as_slice() else {
                    bail!("the webhook became {} events, not one", events.len());
                };
                let event = event.id();
                let Answered { status, .. } = answer;
                out.line(&format!(
                    "accepted: {} answered {status} {}, event {event}",
                    sender.shown(source),
                    started.after()
                ));
                return Ok(event);
            }
            Ok(answer) => {
                let reason = refused(sender, source, &answer);
                // What is starting, or a proxy before it.
                if !matches!(answer.status, 502..=504) {
                    return Err(reason);
                }
                reason
            }
            Err(error) => error,
        };
        if started.is_over() {
            return Err(reason.context(format!("not accepted within {} s", started.wait.as_secs())));
        }
        sleep(AGAIN).await;
    }
}

fn refused(sender: &Sender, source: &Source, answer: &Answered) -> anyhow::Error {
    let hint = match answer.status {
        401 => "is the source's secret the one that ingest has?",
        404 => "does ingest have this source, and is --url its base?",
        503 => "its log says what it lacks, and /readyz of `admin.listen`",
        _ => "look at the log of `forebay ingest`, or of the proxy before it",
    };
    let said = if answer.text.is_empty() {
        String::new()
    } else {
        format!(": {}", answer.text)
    };
    anyhow!(
        "not accepted: {} answered {}{said}; {hint}",
        sender.shown(source),
        answer.status
    )
}

/// Waits for the row of the event. Only reads.
async fn stored(database: &PostgresSink, event: EventId, started: Started) -> anyhow::Result<String> {
    loop {
        let looked = database.has(event).await;
        if matches!(looked, Ok(true)) {
            return Ok(format!("stored: a row of the table event, {}", started.after()));
        }
        if started.is_over() {
            let wait = started.wait.as_secs();
            return match looked {
                Ok(_) => Err(anyhow!(
                    "accepted, but there is no row after {wait} s: is `forebay process --sink postgres` running and ready, and do \
                     the rules send it there? `forebay progress show` says how far it is"
                )),
                Err(error) => Err(anyhow!("the table cannot be read: {error}")),
            };
        }
        sleep(AGAIN).await;
    }
}

/// Waits for the delivery of the event.
async fn delivered(
    receiver: &Receiver,
    endpoint: &Endpoint,
    event: EventId,
    started: Started,
) -> anyhow::Result<String> {
    let id = event.to_string();
    loop {
        match receiver.arrived(&id) {
            Some(Arrived { verified: true }) => {
                return Ok(format!(
                    "delivered: to {} for endpoint {}, with a valid signature, {}",
                    receiver.address(),
                    endpoint.id,
                    started.after()
                ));
            }
            Some(Arrived { verified: false }) => bail!(
                "delivered, but its signature is not by the secret of endpoint `{}`: does the worker have another one?",
                endpoint.id
            ),
            None if started.is_over() => bail!(
                "accepted, but not delivered to {} after {} s: does the URL of endpoint `{}` lead here, is `forebay process --sink \
                 http` running and ready, and do the rules send it there? Its log says what becomes of each attempt",
                receiver.address(),
                started.wait.as_secs(),
                endpoint.id
            ),
            None => sleep(AGAIN).await,
        }
    }
}
