//! One endpoint as it is written.

use std::time::Duration;

use crate::endpoint::{Endpoint, EventTypePattern};
use crate::name::{EndpointId, Tenant};
use crate::secret::Secret;
use crate::setting::{Findings, Invalid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{ParseError, Url};

use super::{default_tenant, reference};

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
    /// The signing keys, newest first: `whsec_` and base64.
    #[serde(skip_serializing)]
    pub secrets: Vec<Secret>,
    /// How long one attempt may take, from resolving the name to the end of the answer, milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// How many attempts may be under way at once.
    #[serde(default = "concurrency")]
    pub concurrency: usize,
    /// False pauses it: events that come meanwhile are not delivered to it.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl EndpointSpec {
    /// The endpoint, or everything that is wrong.
    ///
    /// Where its URL may lead is for the sink to judge, which posts there.
    pub fn build(self) -> Result<Endpoint, Vec<Invalid>> {
        let mut found = Findings::default();
        let typographic = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}'];
        let url = Url::parse(&self.url).map_err(|e| match e {
            ParseError::RelativeUrlWithoutBase if self.url.starts_with(typographic) => {
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
        });
        let url = url.and_then(|url| {
            if url.host().is_none() || names_a_host(&self.url) {
                return Ok(url);
            }
            Err("is not a URL: `//` and the host follow its scheme, as in `https://example.com/hooks`".to_owned())
        });
        let url = found.keep_at("url", url);
        if self.secrets.is_empty() {
            found.add(
                "secrets",
                "is empty: give at least one, or no one can verify what is sent",
            );
        }
        let signing_key = |(index, secret): (usize, &Secret)| {
            let place = format!("secrets[{index}]");
            found.keep_at(&place, reference::check(secret))?;
            let text = secret.expose_str().unwrap_or_default();
            let key = Secret::from_standard_webhooks(text);
            let key = key.map_err(|e| reference::wrapped(text).map_or_else(|| e.to_string(), str::to_owned));
            found.keep_at(&place, key)
        };
        let secrets: Vec<Secret> = self.secrets.iter().enumerate().filter_map(signing_key).collect();
        if self.timeout_ms == 0 {
            found.add("timeout_ms", "is 0: give at least 1");
        }
        if self.concurrency == 0 {
            found.add("concurrency", "is 0: give at least 1");
        }
        let url = found.into_value(url)?;
        Ok(Endpoint {
            events: self.events,
            timeout: Duration::from_millis(self.timeout_ms),
            concurrency: self.concurrency,
            ..Endpoint::new(self.id, self.tenant, url, secrets)
        })
    }
}

impl EndpointSpec {
    /// Finds what may be meant, and seldom is.
    pub fn warnings(&self) -> Vec<Invalid> {
        let mut found = Findings::default();
        reference::warn_all("secrets", &self.secrets, &mut found);
        found.into_warnings()
    }
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

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_returned_by_its_place() {
        let spec: EndpointSpec = serde_json::from_str(
            r#"{"id": "crm", "url": "nowhere", "timeout_ms": 0, "concurrency": 0,
                "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "x", "whsec_QUJD"]}"#,
        )
        .expect("a spec");
        let found = spec.build().expect_err("five things are wrong");
        let places: Vec<&str> = found.iter().map(|invalid| invalid.place.as_str()).collect();
        assert_eq!(places, ["url", "secrets[1]", "secrets[2]", "timeout_ms", "concurrency"]);
        assert_eq!(
            found[0].reason,
            "is not a URL: begin with the scheme, as in `https://example.com/hooks`"
        );
    }

    #[test]
    fn what_is_no_url_is_named_with_the_way_out() {
        for (url, expected) in [
            ("\u{201c}https://example.com/\u{201d}", "write \""),
            ("https://exa mple.com/", "a character that no host has"),
            ("https:///hooks", "`//` and the host follow its scheme"),
            ("https:/example.com", "`//` and the host follow its scheme"),
        ] {
            let spec =
                serde_json::json!({"id": "crm", "url": url, "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]});
            let spec: EndpointSpec = serde_json::from_value(spec).expect("a spec");
            let found = spec.build().expect_err(url);
            assert!(
                found.len() == 1 && found[0].reason.contains(expected),
                "{url}: {found:?}"
            );
        }
    }

    #[test]
    fn quotation_marks_around_a_secret_are_named_where_they_spoil_it() {
        let spec: EndpointSpec = serde_json::from_str(
            r#"{"id": "crm", "url": "https://example.com/hooks", "secrets": ["\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\""]}"#,
        )
        .expect("a spec");
        let found = spec.build().expect_err("it is no base64");
        assert!(
            found[0].reason.starts_with("begins and ends with a quotation mark"),
            "{found:?}"
        );
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_one_that_is_listed_twice_warned_of() {
        let spec: EndpointSpec = serde_json::from_str(
            r#"{"id": "crm", "url": "https://example.com/hooks", "secrets": ["$CRM_SECRET",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}"#,
        )
        .expect("a spec");
        let found = spec.warnings();
        assert_eq!(
            found.iter().map(|warning| &*warning.place).collect::<Vec<_>>(),
            ["secrets[2]"]
        );
        let found = spec.build().expect_err("a reference");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].reason.contains("write ${CRM_SECRET}"), "{found:?}");
    }

    #[test]
    fn what_is_written_out_reads_back_but_for_the_secrets() {
        let spec: EndpointSpec = serde_json::from_str(
            r#"{"id": "crm", "url": "https://example.com/hooks", "events": ["ticket.*", "*", "invoice.paid"],
                "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}"#,
        )
        .expect("a spec");
        let endpoint = spec.clone().build().expect("valid");
        assert_eq!(
            (endpoint.timeout, endpoint.concurrency),
            (Endpoint::TIMEOUT, Endpoint::CONCURRENCY)
        );
        assert_eq!(
            serde_json::to_string(&spec).expect("JSON"),
            r#"{"id":"crm","tenant":"default","url":"https://example.com/hooks","events":["ticket.*","*","invoice.paid"],"timeout_ms":15000,"concurrency":10,"enabled":true}"#
        );
    }
}
