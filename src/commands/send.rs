//! `forebay send`: signs a body as a platform would and posts it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use control::connect;
use net::client::{Client, Guard, SendError, Settings, SystemResolver};
use schemas::event::Event;
use schemas::id::IdTime;
use schemas::name::SourceId;
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::Source;
use schemas::time::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::samples::{self, Sample};
use crate::cli::{Output, SendArgs};
use crate::config::{ConfigError, Loaded, Missing};
use crate::output::{self, Printer};
use crate::{assemble, config};

/// What a forgery is signed with: fit for every scheme, and no source's.
const FORGERS_KEY: &str = "whsec_Zm9yZWJheS1mb3JnZWQta2V5LWZvcmdlZA==";

/// How long ingest may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Posts webhooks, and fails unless they are accepted; with `--forge`, unless they are refused.
pub(crate) async fn send(args: SendArgs, out: &mut Printer) -> anyhow::Result<()> {
    let platforms = args.platform.map_or(Platform::ALL.to_vec(), |platform| vec![platform]);
    if args.list {
        return list(&platforms, out);
    }
    let loaded = config::load_or_built_in(args.config.as_deref(), Missing::Refuse)?;
    let registry = assemble::registry(&loaded)?;
    let base = args.url.clone().unwrap_or_else(|| loaded.base_url());
    let sender = Sender::new(&base)?;
    let mut tally = Tally::default();
    for platform in platforms {
        let source = match find_source(&loaded, &registry, platform, args.source.as_ref()) {
            // All means all that there are.
            Err(_) if args.platform.is_none() && args.source.is_none() => continue,
            found => found?,
        };
        for webhook in webhooks(&args, &source)? {
            let posted = Posted::new(&sender, &source, webhook, args.forge).await?;
            out.line(&match args.output {
                Output::Pretty => posted.pretty(),
                Output::Json => posted.json().to_string(),
            });
            tally.add(&posted);
        }
    }
    if args.all {
        if args.output == Output::Pretty {
            out.line(&tally.in_words());
        }
        ensure!(tally.posted > 0, "{} has no source to send to", loaded.file);
    }
    match (args.forge, tally.refused) {
        (false, Some(reason)) => bail!(reason),
        (true, None) => bail!("ingest accepted a forgery: does the source ask for no proof?"),
        (false, None) | (true, Some(_)) => Ok(()),
    }
}

/// The samples and what each becomes.
fn list(platforms: &[Platform], out: &mut Printer) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for platform in platforms {
        let source = samples::any_source(*platform)?;
        for sample in samples::of(*platform) {
            rows.push([
                platform.to_string(),
                sample.name.to_owned(),
                format!("{} bytes", sample.body.len()),
                types(&sample.events(&source)?),
            ]);
        }
    }
    for line in output::table(&rows) {
        if !out.line(&line) {
            break;
        }
    }
    Ok(())
}

/// The types of events, each once, with how many of it there are.
fn types(events: &[Event]) -> String {
    if events.is_empty() {
        return "no event: a handshake or a test call".to_owned();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        *counts.entry(event.event_type().as_str()).or_default() += 1;
    }
    let shown = counts.into_iter().map(|(name, count)| match count {
        1 => name.to_owned(),
        count => format!("{name} ×{count}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn find_source(
    loaded: &Loaded,
    registry: &control::Registry,
    platform: Platform,
    wanted: Option<&SourceId>,
) -> Result<Arc<Source>, ConfigError> {
    let mut of_platform: Vec<&Arc<Source>> = registry.sources().filter(|s| s.platform == platform).collect();
    of_platform.sort_by(|a, b| a.id.cmp(&b.id));
    let found = of_platform.iter().find(|source| wanted.is_none_or(|id| source.id == *id));
    found.map(|source| Arc::clone(source)).ok_or_else(|| {
        let Some(id) = wanted else {
            return ConfigError(format!("{} has no source of the platform {platform}", loaded.file));
        };
        let ids: Vec<String> = of_platform.iter().map(|source| format!("`{}`", source.id)).collect();
        let there = if ids.is_empty() {
            "none".to_owned()
        } else {
            ids.join(", ")
        };
        let file = &loaded.file;
        ConfigError(format!("{file} has no source `{id}` of the platform {platform}; there is: {there}"))
    })
}

/// What is posted.
struct Webhook {
    /// The sample's name, or the file's.
    name: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Webhook {
    fn of(sample: &'static Sample) -> anyhow::Result<Self> {
        Ok(Self {
            name: sample.name.to_owned(),
            headers: sample.headers()?,
            body: Bytes::from_static(sample.body),
        })
    }
}

/// What the arguments ask to post to this source.
fn webhooks(args: &SendArgs, source: &Source) -> anyhow::Result<Vec<Webhook>> {
    let all = samples::of(source.platform);
    if args.all {
        return all.iter().map(Webhook::of).collect();
    }
    let mut webhook = match (&args.body, &args.sample) {
        (Some(file), _) => Webhook {
            name: file.display().to_string(),
            headers: HeaderMap::new(),
            body: read(file)?.into(),
        },
        (None, None) => Webhook::of(samples::first(source)?)?,
        (None, Some(name)) => {
            let sample = all.iter().find(|sample| sample.name == name);
            Webhook::of(sample.ok_or_else(|| {
                ConfigError(format!("{} has no sample `{name}`; --list names them", source.platform))
            })?)?
        }
    };
    webhook
        .headers
        .extend(samples::headers(args.headers.iter().map(String::as_str))?);
    Ok(vec![webhook])
}

/// A webhook and the answer to it.
struct Posted {
    source: SourceId,
    name: String,
    /// Where it was posted to, without secrets.
    url: String,
    answer: Answered,
    /// What it becomes if it is accepted.
    events: Vec<Event>,
}

impl Posted {
    async fn new(sender: &Sender, source: &Source, webhook: Webhook, forge: bool) -> anyhow::Result<Self> {
        let answer = sender.post(source, webhook.body.clone(), &webhook.headers, forge).await?;
        let events = if answer.accepted() {
            samples::becomes(source, &webhook.headers, &webhook.body)?
        } else {
            Vec::new()
        };
        Ok(Self {
            source: source.id.clone(),
            name: webhook.name,
            url: sender.shown(source),
            answer,
            events,
        })
    }

    /// `chatwoot message_created 200  message.created 019…`, without the id where only the receipt makes it.
    fn pretty(&self) -> String {
        let became = if self.answer.accepted() {
            let shown = |event: &Event| match id(event) {
                Some(id) => format!("{} {id}", event.event_type()),
                None => event.event_type().to_string(),
            };
            match self.events.as_slice() {
                [] | [_, _, _, _, ..] => types(&self.events),
                few => few.iter().map(shown).collect::<Vec<_>>().join(", "),
            }
        } else {
            self.answer.reason.clone().unwrap_or_default()
        };
        let line = format!("{} {} {}  {became}", self.source, self.name, self.answer.status);
        line.trim_end().to_owned()
    }

    fn json(&self) -> Value {
        let event = |event: &Event| json!({ "type": event.event_type().as_str(), "id": id(event) });
        json!({
            "source": self.source.as_str(),
            "sample": self.name,
            "url": self.url,
            "status": self.answer.status,
            "reason": self.answer.reason,
            "events": self.events.iter().map(event).collect::<Vec<_>>(),
        })
    }

    /// Why it was not accepted, where it went, and what to look at.
    fn failure(&self) -> String {
        let Answered { status, reason } = &self.answer;
        let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        let hint = match status {
            401 | 404 => "; `forebay dev` says why and keeps the request for `forebay verify`; so does the log of `forebay ingest`",
            503 => "; the log of that process says what it lacks",
            _ => "",
        };
        format!("{} answered {status}{reason}{hint}", self.url)
    }
}

/// The id, unless it is of the moment of the receipt, which is another process's.
fn id(event: &Event) -> Option<String> {
    (event.attributes.id_time == IdTime::Event).then(|| event.id().to_string())
}

/// What came of all that was posted.
#[derive(Default)]
struct Tally {
    posted: usize,
    accepted: usize,
    events: usize,
    unmapped: usize,
    /// The first refusal.
    refused: Option<String>,
}

impl Tally {
    fn add(&mut self, posted: &Posted) {
        self.posted += 1;
        self.events += posted.events.len();
        let unmapped = |event: &&Event| event.event_type().as_str() == "unmapped";
        self.unmapped += posted.events.iter().filter(unmapped).count();
        if posted.answer.accepted() {
            self.accepted += 1;
        } else if self.refused.is_none() {
            self.refused = Some(posted.failure());
        }
    }

    fn in_words(&self) -> String {
        format!(
            "{} posted, {} accepted, {} refused; {} events, {} of them unmapped",
            self.posted,
            self.accepted,
            self.posted - self.accepted,
            self.events,
            self.unmapped
        )
    }
}

/// Reads a file, or standard input if it is called `-`.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))
}

/// Posts webhooks to one ingest.
pub(crate) struct Sender {
    client: Client,
    base: Url,
}

impl Sender {
    /// `base` is for example `http://127.0.0.1:8080`; the scheme may be left out.
    pub(crate) fn new(base: &str) -> anyhow::Result<Self> {
        let whole = if base.contains("://") {
            base.to_owned()
        } else {
            format!("http://{base}")
        };
        let base = Url::parse(&whole)
            .with_context(|| format!("`{base}` is not a URL; write for example http://127.0.0.1:8080"))?;
        ensure!(
            matches!(base.scheme(), "http" | "https") && base.username().is_empty() && base.password().is_none(),
            "--url takes http or https, host, port and path, and neither user nor password"
        );
        ensure!(
            base.query().is_none() && base.fragment().is_none(),
            "--url takes nothing after the path: the source's own address is put there"
        );
        // The operator names the address here; the guard is for addresses that others register.
        let client = Client::new(&Settings::default(), Guard::allow_all(), Arc::new(SystemResolver));
        let client = client.map_err(|invalid| ConfigError(invalid.to_string()))?;
        Ok(Self { client, base })
    }

    /// Signs with the newest secret and posts; returns the status. See [`post`](Self::post).
    pub(crate) async fn send(
        &self,
        source: &Source,
        body: Bytes,
        headers: &HeaderMap,
        forge: bool,
    ) -> anyhow::Result<u16> {
        Ok(self.post(source, body, headers, forge).await?.status)
    }

    /// Signs with the newest secret and posts, with `headers` besides those that prove the sender. `forge`
    /// signs with a key that is not the source's.
    pub(crate) async fn post(
        &self,
        source: &Source,
        body: Bytes,
        headers: &HeaderMap,
        forge: bool,
    ) -> anyhow::Result<Answered> {
        let none = Secret::new("");
        let forged = Secret::new(FORGERS_KEY);
        let secret = if forge { Some(&forged) } else { source.secrets.first() };
        let now = Timestamp::now();
        // Sender's ids of webhooks are unique; a counter is not, across runs.
        let id = format!("msg_{:x}", fastrand::u64(..));
        let mut request = ingest::sign(source, secret.unwrap_or(&none), body, now, &id)?;
        // What proves the sender is not replaced, or no sample of a signed request could be sent.
        for (name, value) in headers {
            if name == CONTENT_TYPE || !request.headers.contains_key(name) {
                request.headers.insert(name, value.clone());
            }
        }
        // A base URL with a path is one behind a proxy.
        let base = self.base.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{}{}", source.path(), request.path_suffix))?;
        let answer = self.client.post(&url, request.headers, request.body, PATIENCE).await;
        let answer = answer.map_err(|error| {
            let hint = match error {
                SendError::Connect(_) | SendError::Resolve { .. } => "; start `forebay dev`, or name another server with --url",
                _ => "",
            };
            anyhow!("no answer from {}: {error}{hint}", self.shown(source))
        })?;
        // What ingest answers where it refuses.
        let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
        Ok(Answered {
            status: answer.status.as_u16(),
            reason: said.and_then(|said| Some(said.get("error")?.as_str()?.to_owned())),
        })
    }

    /// The URL of the source, without the secret in it.
    fn shown(&self, source: &Source) -> String {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base}{}", connect::shown_path(source))
    }
}

/// The answer of ingest.
pub(crate) struct Answered {
    status: u16,
    /// Why, where it refuses.
    reason: Option<String>,
}

impl Answered {
    fn accepted(&self) -> bool {
        self.status < 300
    }
}
