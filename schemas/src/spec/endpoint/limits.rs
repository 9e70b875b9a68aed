//! How fast, in what order, and over what connections deliveries leave.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::endpoint::{ClientCertificate, RateLimit};
use crate::setting::{Findings, Invalid};

/// In which order deliveries go out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// Those of one key one after the other: one that waits holds back those after it.
    #[default]
    Key,
    /// In none: what waits holds nothing back.
    None,
}

/// How often attempts may begin, in each process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitSpec {
    /// So many a second, on average; 0.5 is one every two seconds.
    pub per_second: f64,
    /// So many at once after a pause; left out, what one second allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

/// The rates that can be meant.
const RATES: std::ops::RangeInclusive<f64> = 0.001..=1_000_000.0;

impl RateLimitSpec {
    pub(super) fn build(self) -> Result<RateLimit, Vec<Invalid>> {
        let mut found = Findings::default();
        if !RATES.contains(&self.per_second) {
            found.add("per_second", format!("is {}: give 0.001 to 1000000", self.per_second));
        }
        if self.burst == Some(0) {
            found.add("burst", "is 0: give at least 1");
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number below a million, and casts of floats saturate"
        )]
        let one_second = self.per_second.ceil() as u32;
        found.into_value(Some(RateLimit {
            per_second: self.per_second,
            burst: self.burst.unwrap_or(one_second).max(1),
        }))
    }
}

/// The certificate that we show to an endpoint.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificateSpec {
    /// A PEM file: our certificate, and those that lead to its authority.
    pub certificate_file: PathBuf,
    /// A PEM file: the private key.
    pub key_file: PathBuf,
}

impl From<ClientCertificateSpec> for ClientCertificate {
    fn from(spec: ClientCertificateSpec) -> Self {
        Self {
            certificate_file: spec.certificate_file,
            key_file: spec.key_file,
        }
    }
}

/// `http://host:port`, and nothing else.
pub(super) fn proxy(text: &str) -> Result<Url, String> {
    let way_out = "write it as in `http://proxy.example.com:3128`";
    if !text.contains("://") {
        return Err(format!("is not a URL: {way_out}"));
    }
    let url = super::parse_url(text)?;
    if url.scheme() != "http" {
        return Err(format!("is no `http://`, which is how a proxy is asked: {way_out}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("holds a user or a password, which is not supported: {way_out}"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("has more than host and port: {way_out}"));
    }
    Ok(url)
}
