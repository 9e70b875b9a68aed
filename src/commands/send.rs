//! `forebay send`: signs a body as a platform would and posts it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use net::client::{Client, Guard, Settings, SystemResolver};
use schemas::secret::Secret;
use schemas::source::{Source, SourceDirectory as _};
use schemas::time::Timestamp;
use url::Url;

use super::samples;
use crate::cli::SendArgs;
use crate::config::ConfigError;
use crate::output::Printer;
use crate::{assemble, config};

/// What a forgery is signed with: fit for every scheme, and no source's.
const FORGERS_KEY: &str = "whsec_Zm9yZWJheS1mb3JnZWQta2V5LWZvcmdlZA==";

/// How long ingest may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Posts one webhook, and fails unless it is accepted.
pub(crate) async fn send(args: SendArgs, out: &mut Printer) -> anyhow::Result<()> {
    let samples = samples::of(args.platform);
    if args.list {
        for sample in samples {
            if !out.line(&format!("{}  ({} bytes)", sample.name, sample.body.len())) {
                break;
            }
        }
        return Ok(());
    }
    let source = find_source(&args)?;
    let (body, mut headers): (Bytes, _) = match (&args.body, &args.sample) {
        (Some(file), _) => (read(file)?.into(), HeaderMap::new()),
        (None, name) => {
            let sample = match name {
                None => samples::first(&source)?,
                Some(name) => samples
                    .iter()
                    .find(|sample| sample.name == name)
                    .ok_or_else(|| anyhow!("{} has no sample `{name}`; --list names them", args.platform))?,
            };
            (sample.body.into(), sample.headers()?)
        }
    };
    headers.extend(samples::headers(args.headers.iter().map(String::as_str))?);
    let sender = Sender::new(&args.url)?;
    let status = sender.send(&source, body, &headers, args.forge).await?;
    out.line(&format!("{} {status}", source.id));
    match (args.forge, status < 300) {
        (false, false) => bail!("ingest answered {status}"),
        (true, true) => bail!(
            "ingest accepted a forgery: does the source `{}` ask for no proof?",
            source.id
        ),
        (false, true) | (true, false) => Ok(()),
    }
}

fn find_source(args: &SendArgs) -> anyhow::Result<Arc<Source>> {
    let loaded = match &args.config {
        Some(file) => config::load(file)?,
        None => config::load_dev(None, Path::new("forebay-data"))?,
    };
    let registry = assemble::registry(&loaded)?;
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

    /// Signs with the newest secret and posts, with `headers` besides those that prove the sender; returns the status.
    /// `forge` signs with a key that is not the source's.
    pub(crate) async fn send(
        &self,
        source: &Source,
        body: Bytes,
        headers: &HeaderMap,
        forge: bool,
    ) -> anyhow::Result<u16> {
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
        let answer = answer.with_context(|| format!("no answer from {base}"))?;
        Ok(answer.status.as_u16())
    }
}
