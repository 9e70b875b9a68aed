//! `forebay send`: signs a body as a platform would and posts it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::HeaderValue;
use schemas::secret::Secret;
use schemas::source::{Source, SourceDirectory as _};
use schemas::time::Timestamp;
use sinks::http::{Client, Config, Guard, SystemResolver};
use url::Url;

use crate::cli::SendArgs;
use crate::config::ConfigError;
use crate::{app, assemble, config, output, samples};

/// How long ingest may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Posts one webhook, and fails unless it is accepted.
pub(crate) async fn send(args: SendArgs) -> anyhow::Result<()> {
    let samples = samples::of(args.platform);
    if args.list {
        for (name, body) in samples {
            output::line(&format!("{name}  ({} bytes)", body.len()));
        }
        return Ok(());
    }
    let source = find_source(&args)?;
    let body: Bytes = match (&args.body, &args.sample) {
        (Some(file), _) => read(file)?.into(),
        (None, None) => samples[0].1.into(),
        (None, Some(name)) => {
            let sample = samples.iter().find(|(known, _)| known == name);
            let sample =
                sample.ok_or_else(|| anyhow!("{} has no sample `{name}`; --list names them", args.platform))?;
            sample.1.into()
        }
    };
    let sender = Sender::new(&args.url)?;
    let status = sender.send(&source, body, args.forge).await?;
    output::line(&format!("{} {status}", source.id));
    if status >= 300 && !args.forge {
        bail!("ingest answered {status}");
    }
    Ok(())
}

fn find_source(args: &SendArgs) -> anyhow::Result<Arc<Source>> {
    let mut loaded = match &args.config {
        Some(file) => config::load(file)?,
        None => app::load_dev(None, Path::new("forebay-data"))?,
    };
    let registry = assemble::registry(&mut loaded.config, &loaded.file)?;
    let found = match &args.source {
        Some(id) => registry
            .find(id.as_str())
            .filter(|source| source.platform == args.platform),
        None => registry
            .sources()
            .filter(|s| s.platform == args.platform)
            .min_by(|a, b| a.id.cmp(&b.id))
            .cloned(),
    };
    Ok(found.ok_or_else(|| {
        let wanted = args
            .source
            .as_ref()
            .map_or(String::new(), |id| format!(" with the id `{id}`"));
        ConfigError(format!(
            "{} has no source of the platform {}{wanted}",
            loaded.file, args.platform
        ))
    })?)
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
    /// `base` is for example `http://127.0.0.1:8080`.
    pub(crate) fn new(base: &str) -> anyhow::Result<Self> {
        let base = Url::parse(base)
            .with_context(|| format!("`{base}` is not a URL; write for example http://127.0.0.1:8080"))?;
        // The operator names the address here; the guard is for addresses that others register.
        let client = Client::with(&Config::default(), Guard::allow_all(), Arc::new(SystemResolver))?;
        Ok(Self { client, base })
    }

    /// Signs with the newest secret and posts; returns the status. `forge` spoils what proves the sender.
    pub(crate) async fn send(&self, source: &Source, body: Bytes, forge: bool) -> anyhow::Result<u16> {
        let nothing = Secret::new("");
        let secret = source.secrets.first().unwrap_or(&nothing);
        let now = Timestamp::now();
        // Sender's ids of webhooks are unique; a counter is not, across runs.
        let id = format!("msg_{:x}", fastrand::u64(..));
        let mut request = ingest::sign(source, secret, body, now, &id)?;
        if forge {
            spoil(&mut request);
        }
        let url = self.base.join(&format!("/in/{}{}", source.id, request.path_suffix))?;
        let answer = self.client.post(&url, request.headers, request.body, PATIENCE).await;
        let answer = answer.with_context(|| format!("no answer from {}", self.base))?;
        Ok(answer.status.as_u16())
    }
}

/// Changes what proves the sender, wherever it is.
fn spoil(request: &mut ingest::SignedRequest) {
    if !request.path_suffix.is_empty() {
        request.path_suffix.push_str("-forged");
    }
    for (name, value) in &mut request.headers {
        if name.as_str().contains("signature") {
            *value = HeaderValue::from_static("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        }
    }
    let text =
        String::from_utf8_lossy(&request.body).replace("\"webhookVerifyToken\":\"", "\"webhookVerifyToken\":\"forged-");
    request.body = text.into();
}
