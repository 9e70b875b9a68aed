//! Signs webhooks as their platforms would, and posts them.

use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use control::connect;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use ingest::SignedRequest;
use net::client::{Client, SendError};
use schemas::secret::Secret;
use schemas::source::Source;
use schemas::time::Timestamp;
use serde_json::Value;
use url::Url;

use crate::commands;

/// What a forgery is signed with: fit for every scheme, and no source's.
const FORGERS_KEY: &str = "whsec_Zm9yZWJheS1mb3JnZWQta2V5LWZvcmdlZA==";

/// How long ingest may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

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
        Ok(Self {
            client: commands::client()?,
            base,
        })
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
        // Sender's ids of webhooks are unique; a counter is not, across runs.
        let id = format!("msg_{:x}", fastrand::u64(..));
        let request = self.sign(source, body, headers, forge, &id)?;
        self.deliver(source, request).await
    }

    /// Signs with the newest secret, as the webhook `id`, with `headers` besides those that prove the sender.
    pub(crate) fn sign(
        &self,
        source: &Source,
        body: Bytes,
        headers: &HeaderMap,
        forge: bool,
        id: &str,
    ) -> anyhow::Result<SignedRequest> {
        let none = Secret::new("");
        let forged = Secret::new(FORGERS_KEY);
        let secret = if forge { Some(&forged) } else { source.secrets.first() };
        let mut request = ingest::sign(source, secret.unwrap_or(&none), body, Timestamp::now(), id)?;
        // What proves the sender is not replaced, or no sample of a signed request could be sent.
        for (name, value) in headers {
            if name == CONTENT_TYPE || !request.headers.contains_key(name) {
                request.headers.insert(name, value.clone());
            }
        }
        Ok(request)
    }

    /// Posts what is signed.
    pub(crate) async fn deliver(&self, source: &Source, request: SignedRequest) -> anyhow::Result<Answered> {
        // A base URL with a path is one behind a proxy.
        let base = self.base.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{}{}", source.path(), request.path_suffix))?;
        let answer = self.client.post(&url, request.headers, request.body, PATIENCE).await;
        let answer = answer.map_err(|error| {
            let hint = match error {
                SendError::Connect(_) | SendError::Resolve { .. } => {
                    "; start `forebay dev`, or name another server with --url"
                }
                _ => "",
            };
            anyhow!("no answer from {}: {error}{hint}", self.shown(source))
        })?;
        // What ingest answers where it refuses.
        let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let text = String::from_utf8_lossy(&answer.body);
        Ok(Answered {
            status: answer.status.as_u16(),
            reason: said.and_then(|said| Some(said.get("error")?.as_str()?.to_owned())),
            text: text.trim().chars().filter(|c| !c.is_control()).take(200).collect(),
        })
    }

    /// The URL of the source, without the secret in it.
    pub(crate) fn shown(&self, source: &Source) -> String {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base}{}", connect::shown_path(source))
    }
}

/// The answer of ingest.
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// Why, where it refuses.
    pub(super) reason: Option<String>,
    /// The beginning of its body.
    pub(crate) text: String,
}

impl Answered {
    pub(crate) fn accepted(&self) -> bool {
        self.status < 300
    }
}
