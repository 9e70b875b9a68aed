//! One endpoint as it is written.

mod auth;
mod headers;
mod limits;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::endpoint::{Connection, Endpoint, EventTypePattern};
use crate::name::{EndpointId, Tenant};
use crate::secret::Secret;
use crate::setting::{Findings, Invalid, within};
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{ParseError, Url};

use super::default_tenant;
use super::retry::Retry;

pub use auth::{BasicSpec, EndpointAuthSpec, OAuth2Spec};
pub use limits::{ClientCertificateSpec, Ordering, RateLimitSpec};
pub use secret::SecretSpec;

/// An element of `endpoints` in the configuration: a URL that receives events.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// Its name in logs, metrics and dead letters.
    pub id: EndpointId,
    /// Whose events it gets; `default` if left out.
    #[serde(default = "default_tenant")]
    pub tenant: Tenant,
    /// Where to post.
    pub url: String,
    /// The event types that it wants: `ticket.closed`, `message.*`; left out or empty, all of them.
    #[serde(default)]
    pub events: Vec<EventTypePattern>,
    /// Which events of these types it wants: a condition as rules have it (CEL). Left out, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The signing keys, newest first: `whsec_` and base64, each makes a signature. One of `{ secret, until }` signs no more from
    /// then on.
    #[serde(skip_serializing)]
    pub secrets: Vec<SecretSpec>,
    /// How long one attempt may take, from resolving the name to the end of the answer, milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// How many attempts may be under way at once.
    #[serde(default = "concurrency")]
    pub concurrency: usize,
    /// How often attempts may begin; left out, as often as there is something to deliver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitSpec>,
    /// In which order deliveries go out: `key`, those of one key one after the other, or `none`.
    #[serde(default)]
    pub ordering: Ordering,
    /// How many deliveries of each partition may wait in memory; what comes beyond that waits in the backlog.
    #[serde(default = "queue_max")]
    pub queue_max: usize,
    /// When deliveries are tried again; left out, as those of the sink. What is left out of its second form is a base of 1s, a
    /// factor of 2, at most 1m, and 8 attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Headers of every request. Their values are taken for secrets.
    #[serde(default, skip_serializing)]
    pub headers: BTreeMap<String, Secret>,
    /// How we prove ourselves, beside the signature.
    #[serde(default, skip_serializing)]
    pub auth: Option<EndpointAuthSpec>,
    /// A PEM file of the certificate authorities that are trusted for this endpoint, instead of those of the web and of the sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificate that we show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificateSpec>,
    /// The HTTP proxy that connections go through, by CONNECT: `http://host:port`. None is taken from the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Whether HTTP/2 is spoken where the receiver speaks it, too.
    #[serde(default)]
    pub http2: bool,
    /// True: nothing goes out for now, and what comes meanwhile waits.
    #[serde(default)]
    pub paused: bool,
    /// False switches it off: events that come meanwhile are not delivered to it.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl EndpointSpec {
    /// The endpoint, or everything that is wrong.
    ///
    /// Where its URL may lead is for the sink to judge, which posts there, and what its `filter` says for the rules: the endpoint has
    /// none yet.
    pub fn build(self) -> Result<Endpoint, Vec<Invalid>> {
        let mut found = Findings::default();
        let url = found.keep_at("url", parse_url(&self.url));
        let secrets = secret::build(&self.secrets, &mut found);
        if self.timeout_ms == 0 {
            found.add("timeout_ms", "is 0: give at least 1");
        }
        if self.concurrency == 0 {
            found.add("concurrency", "is 0: give at least 1");
        }
        let rate_limit = self.rate_limit.map(RateLimitSpec::build).transpose();
        let rate_limit = found.keep(rate_limit.map_err(|found| within("rate_limit", found)));
        if self.queue_max == 0 {
            found.add("queue_max", "is 0: give at least 1");
        }
        let (growth, max_attempts) = Retry::OF_ENDPOINTS;
        let schedule = self.retry.map(|retry| retry.schedule(growth, max_attempts));
        let schedule = found.keep(schedule.transpose().map_err(|found| within("retry", found)));
        let headers = headers::build(self.headers, self.auth.is_some(), &mut found);
        let credentials = self.auth.map(EndpointAuthSpec::build).transpose();
        let credentials = found.keep(credentials.map_err(|found| within("auth", found)));
        let proxy = self.proxy.as_deref().map(limits::proxy).transpose();
        let proxy = found.keep_at("proxy", proxy);
        let all = url.zip(rate_limit).zip(schedule).zip(credentials).zip(proxy);
        let ((((url, rate_limit), schedule), credentials), proxy) = found.into_value(all)?;
        Ok(Endpoint {
            events: self.events,
            timeout: Duration::from_millis(self.timeout_ms),
            concurrency: self.concurrency,
            ordered: self.ordering == Ordering::Key,
            paused: self.paused,
            queue_max: self.queue_max,
            schedule,
            rate_limit,
            headers,
            credentials,
            connection: Connection {
                ca_file: self.ca_file,
                client_certificate: self.client_certificate.map(Into::into),
                proxy,
                http2: self.http2,
            },
            secrets,
            ..Endpoint::new(self.id, self.tenant, url, Vec::new())
        })
    }

    /// Finds what may be meant, and seldom is.
    pub fn warnings(&self) -> Vec<Invalid> {
        let mut found = Findings::default();
        secret::warnings(&self.secrets, Timestamp::now(), &mut found);
        headers::warnings(&self.headers, &mut found);
        if let Some(auth) = &self.auth {
            auth.warnings(&mut found);
        }
        if self.paused && !self.enabled {
            found.add(
                "paused",
                "counts for nothing: with `enabled: false` nothing is kept for it; take one of them out",
            );
        }
        if self.client_certificate.is_some() && self.url.starts_with("http://") {
            found.add("client_certificate", "is never shown: the `url` is not encrypted");
        }
        if self.http2 && self.url.starts_with("http://") {
            found.add(
                "http2",
                "counts for nothing: it is agreed on by TLS, and the `url` is not encrypted",
            );
        }
        found.into_warnings()
    }
}

/// A URL, or why it is none, and the way out.
fn parse_url(text: &str) -> Result<Url, String> {
    let typographic = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}'];
    let url = Url::parse(text).map_err(|e| match e {
        ParseError::RelativeUrlWithoutBase if text.starts_with(typographic) => {
            "begins with a quotation mark that is none in YAML: write \"".to_owned()
        }
        ParseError::IdnaError | ParseError::InvalidDomainCharacter => {
            "is not a URL, for its host holds a character that no host has: write it as in `https://example.com/hooks`"
                .to_owned()
        }
        ParseError::RelativeUrlWithoutBase => {
            "is not a URL: begin with the scheme, as in `https://example.com/hooks`".to_owned()
        }
        e => format!("is not a URL ({e}): write it as in `https://example.com/hooks`"),
    })?;
    if url.host().is_none() || names_a_host(text) {
        return Ok(url);
    }
    Err("is not a URL: `//` and the host follow its scheme, as in `https://example.com/hooks`".to_owned())
}

/// Whether `//` and a host are written. The parser takes the first part of the path for the host where they are not.
fn names_a_host(url: &str) -> bool {
    let rest = url.split_once("://").map(|(_, rest)| rest);
    rest.is_some_and(|rest| !rest.starts_with(['/', '\\']))
}

fn timeout_ms() -> u64 {
    u64::try_from(Endpoint::TIMEOUT.as_millis()).unwrap_or(u64::MAX)
}

fn concurrency() -> usize {
    Endpoint::CONCURRENCY
}

fn queue_max() -> usize {
    Endpoint::QUEUE_MAX
}

fn yes() -> bool {
    true
}
