//! The checked snapshot of sources and endpoints.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use schemas::endpoint::{Endpoint, EndpointDirectory};
use schemas::secret::Secret;
use schemas::source::{
    Encoding, Hash, HmacScheme, JwtScheme, Scheme, SignedTime, Source, SourceDirectory, TemplatePart, TimeFormat,
    TimePlace, TokenPlace,
};
use serde_saphyr::{Location, Spanned};
use url::Url;

use crate::config::{
    AuthConfig, Config, EncodingConfig, EndpointConfig, HashConfig, SourceConfig, TimeFormatConfig, TokenConfig,
};

/// What is wrong with one source or endpoint, and where in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// The thing, the reason and the way out; without secrets.
    pub message: String,
}

/// Sources and endpoints by what the configuration file says.
#[derive(Debug)]
pub struct Registry {
    sources: HashMap<String, Arc<Source>>,
    endpoints: Arc<[Arc<Endpoint>]>,
    places: HashMap<String, Location>,
}

impl Registry {
    /// Checks everything and reports all problems at once. `default_max_body_bytes` holds for sources without a limit
    /// of their own.
    pub fn new(config: Config, default_max_body_bytes: usize) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let mut places = HashMap::new();
        let mut sources = HashMap::new();
        for source in config.sources {
            let place = source.id.referenced;
            let id = source.id.value.to_string();
            if sources.contains_key(&id) {
                problems.add(
                    place,
                    format!("source `{id}` is there twice; every source needs an id of its own"),
                );
            }
            match build_source(source, default_max_body_bytes) {
                Ok(source) => {
                    places.insert(id.clone(), place);
                    sources.insert(id, Arc::new(source));
                }
                Err(reason) => problems.add(place, format!("source `{id}`: {reason}")),
            }
        }

        let mut endpoints = Vec::new();
        let mut endpoint_ids = HashSet::new();
        for endpoint in config.endpoints {
            let (place, id) = (endpoint.id.referenced, endpoint.id.value.clone());
            if !endpoint_ids.insert(id.clone()) {
                problems.add(
                    place,
                    format!("endpoint `{id}` is there twice; every endpoint needs an id of its own"),
                );
            }
            places.insert(endpoint_place(&id), place);
            let enabled = endpoint.enabled;
            match build_endpoint(endpoint) {
                Ok(built) if enabled => endpoints.push(Arc::new(built)),
                Ok(_) => {}
                Err((place, reason)) => problems.add(place, format!("endpoint `{id}`: {reason}")),
            }
        }
        problems.into_result(Self {
            sources,
            endpoints: endpoints.into(),
            places,
        })
    }

    /// Lets the stage that receives object to sources; its objections get the position in the file.
    pub fn check_sources(&self, check: impl Fn(&Source) -> Result<(), String>) -> Result<(), Vec<Problem>> {
        let mut problems = Problems::default();
        for (id, source) in &self.sources {
            if let Err(reason) = check(source) {
                problems.add(self.place(id), format!("source `{id}`: {reason}"));
            }
        }
        problems.into_result(())
    }

    /// Lets the stage that sends object to endpoints.
    pub fn check_endpoints(&self, check: impl Fn(&Endpoint) -> Result<(), String>) -> Result<(), Vec<Problem>> {
        let mut problems = Problems::default();
        for endpoint in self.endpoints.iter() {
            if let Err(reason) = check(endpoint) {
                problems.add(
                    self.place(&endpoint_place(&endpoint.id)),
                    format!("endpoint `{}`: {reason}", endpoint.id),
                );
            }
        }
        problems.into_result(())
    }

    fn place(&self, of: &str) -> Location {
        self.places.get(of).copied().unwrap_or(Location::UNKNOWN)
    }

    /// All sources, in no order.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.values()
    }
}

impl SourceDirectory for Registry {
    fn find(&self, id: &str) -> Option<Arc<Source>> {
        self.sources.get(id).cloned()
    }
}

impl EndpointDirectory for Registry {
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.endpoints)
    }
}

/// The key of an endpoint's place; a slash cannot be in a source id.
fn endpoint_place(id: &schemas::name::EndpointId) -> String {
    format!("endpoint/{id}")
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, place: Location, message: String) {
        self.0.push(Problem {
            line: place.line(),
            column: place.column(),
            message,
        });
    }

    fn into_result<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by_key(|p| (p.line, p.column));
        Err(self.0)
    }
}

fn build_source(config: SourceConfig, default_max_body_bytes: usize) -> Result<Source, String> {
    let scheme = config.auth.map(build_scheme).transpose()?;
    if config.secrets.is_empty() && scheme != Some(Scheme::None) {
        return Err("it has no secrets; give at least one under `secrets`, or say `auth: { scheme: none }`".into());
    }
    if config.secrets.iter().any(Secret::is_empty) {
        return Err("one of its secrets is empty; an empty secret authenticates nobody".into());
    }
    Ok(Source {
        id: config.id.value,
        tenant: config.tenant,
        platform: config.platform,
        scheme,
        secrets: config.secrets,
        url_secrets: config.url_secrets,
        verify_token: config.verify_token,
        utc_offset_minutes: config.utc_offset.as_deref().map(parse_utc_offset).transpose()?,
        max_body_bytes: config.max_body_bytes.unwrap_or(default_max_body_bytes),
    })
}

fn build_scheme(auth: AuthConfig) -> Result<Scheme, String> {
    Ok(match auth {
        AuthConfig::None => Scheme::None,
        AuthConfig::Basic => Scheme::Basic,
        AuthConfig::Jwt { header, leeway_seconds } => Scheme::Jwt(JwtScheme {
            header: header.to_ascii_lowercase(),
            leeway: Duration::from_secs(leeway_seconds),
        }),
        AuthConfig::Twilio { url } => Scheme::Twilio { url },
        AuthConfig::UrlSecret => Scheme::UrlSecret,
        AuthConfig::StandardWebhooks { tolerance_seconds } => Scheme::StandardWebhooks {
            tolerance: Duration::from_secs(tolerance_seconds),
        },
        AuthConfig::Token(TokenConfig {
            header: Some(name),
            query: None,
            body: None,
        }) => Scheme::Token(TokenPlace::Header(name.to_ascii_lowercase())),
        AuthConfig::Token(TokenConfig {
            header: None,
            query: Some(name),
            body: None,
        }) => Scheme::Token(TokenPlace::Query(name)),
        AuthConfig::Token(TokenConfig {
            header: None,
            query: None,
            body: Some(name),
        }) => Scheme::Token(TokenPlace::Body(name)),
        AuthConfig::Token(_) => return Err("a token stands in exactly one place: `header`, `query` or `body`".into()),
        AuthConfig::Hmac {
            hash,
            encoding,
            header,
            prefix,
            template,
            timestamp_header,
            timestamp_format,
            signature_key,
            timestamp_key,
            tolerance_seconds,
        } => {
            let template = parse_template(&template)?;
            let place = match (timestamp_header, timestamp_key) {
                (Some(_), Some(_)) => {
                    return Err("a time stamp stands in one place: `timestamp_header` or `timestamp_key`".into());
                }
                (Some(name), None) => Some(TimePlace::Header(name.to_ascii_lowercase())),
                (None, key) => key.map(TimePlace::Key),
            };
            if template.contains(&TemplatePart::Timestamp) != place.is_some() {
                return Err(
                    "`{timestamp}` in `template` and `timestamp_header` (or `timestamp_key`) go together: give both or \
                     neither"
                        .into(),
                );
            }
            Scheme::Hmac(HmacScheme {
                hash: match hash {
                    HashConfig::Sha1 => Hash::Sha1,
                    HashConfig::Sha256 => Hash::Sha256,
                    HashConfig::Sha512 => Hash::Sha512,
                },
                encoding: match encoding {
                    EncodingConfig::Hex => Encoding::Hex,
                    EncodingConfig::Base64 => Encoding::Base64,
                },
                header: header.to_ascii_lowercase(),
                renamed: None,
                signature_key,
                prefix,
                template,
                timestamp: place.map(|place| SignedTime {
                    place,
                    format: match timestamp_format {
                        TimeFormatConfig::Seconds => TimeFormat::Seconds,
                        TimeFormatConfig::Iso8601 => TimeFormat::Iso8601,
                    },
                    tolerance: Duration::from_secs(tolerance_seconds),
                }),
            })
        }
    })
}

/// Minutes east of UTC.
fn parse_utc_offset(text: &str) -> Result<i32, String> {
    let wrong = || format!("`utc_offset: {text}` is not an offset such as `-03:00`, between -14:00 and +14:00");
    let east = match text.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(wrong()),
    };
    let (hours, minutes) = text[1..].split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str, most: i32| {
        let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i32>().ok().filter(|number| two && *number <= most)
    };
    match (number(hours, 14), number(minutes, 59)) {
        (Some(hours), Some(minutes)) if hours < 14 || minutes == 0 => Ok(east * (hours * 60 + minutes)),
        _ => Err(wrong()),
    }
}

fn parse_template(text: &str) -> Result<Vec<TemplatePart>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        if !before.is_empty() {
            parts.push(TemplatePart::Text(before.to_owned()));
        }
        let end = after
            .find('}')
            .ok_or_else(|| format!("`template` has a `{{` without `}}`: `{text}`"))?;
        match &after[1..end] {
            "body" => parts.push(TemplatePart::Body),
            "timestamp" => parts.push(TemplatePart::Timestamp),
            other => {
                return Err(format!(
                    "`template` knows `{{body}}` and `{{timestamp}}`, not `{{{other}}}`"
                ));
            }
        }
        rest = &after[end + 1..];
    }
    if !rest.is_empty() {
        parts.push(TemplatePart::Text(rest.to_owned()));
    }
    if !parts.contains(&TemplatePart::Body) {
        return Err("`template` must hold `{body}`, or the signature would not protect the body".into());
    }
    Ok(parts)
}

fn build_endpoint(config: EndpointConfig) -> Result<Endpoint, (Location, String)> {
    let EndpointConfig {
        id,
        tenant,
        url,
        events,
        secrets,
        timeout_ms,
        concurrency,
        enabled: _,
    } = config;
    let Spanned {
        value: url_text,
        referenced: url_place,
        ..
    } = url;
    let place = id.referenced;
    let url = Url::parse(&url_text).map_err(|e| (url_place, format!("`url` is not a URL: {e}")))?;
    if secrets.is_empty() {
        return Err((
            place,
            "it has no secrets; give at least one, or nobody can verify what is sent".into(),
        ));
    }
    if concurrency == 0 || timeout_ms == 0 {
        return Err((place, "`concurrency` and `timeout_ms` must be at least 1".into()));
    }
    let secrets = secrets
        .iter()
        .map(|s| Secret::from_standard_webhooks(s.expose_str().unwrap_or_default()).map_err(|e| (place, e.to_string())))
        .collect::<Result<_, _>>()?;
    Ok(Endpoint {
        id: id.value,
        tenant,
        url,
        events,
        secrets,
        timeout: Duration::from_millis(timeout_ms),
        concurrency,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(yaml: &str) -> Result<Registry, Vec<String>> {
        let config: Config = serde_saphyr::from_str(yaml).map_err(|e| vec![e.to_string()])?;
        Registry::new(config, 1000).map_err(|problems| {
            problems
                .iter()
                .map(|p| format!("{}:{}: {}", p.line, p.column, p.message))
                .collect()
        })
    }

    #[test]
    fn sources_and_endpoints_are_found() {
        let registry = load(
            "sources:\n  - id: a\n    platform: chatwoot\n    secrets: [s3cret-s3cret]\n\
             endpoints:\n  - id: crm\n    url: https://example.com/hooks\n    events: ['ticket.*']\n    \
             secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]\n  - id: off\n    enabled: false\n    \
             url: https://example.com/off\n    secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]\n",
        )
        .expect("a valid registry");
        let source = registry.find("a").expect("it is there");
        assert_eq!((source.tenant.as_str(), source.max_body_bytes), ("default", 1000));
        assert!(registry.find("b").is_none());
        assert_eq!(registry.endpoints().len(), 1, "a paused endpoint hears nothing");
    }

    #[test]
    fn every_problem_names_place_thing_and_way_out() {
        let cases = [
            (
                "sources:\n  - id: a\n    platform: digisac\n",
                "2:9: source `a`: it has no secrets; give at least one",
            ),
            (
                "sources:\n  - id: a\n    platform: digisac\n    secrets: [xxxxxxxx]\n  - id: a\n    platform: digisac\n    \
                 secrets: [xxxxxxxx]\n",
                "5:9: source `a` is there twice",
            ),
            (
                "sources:\n  - id: a\n    platform: standard\n    secrets: [x]\n    auth: { scheme: token }\n",
                "exactly one place",
            ),
            (
                "sources:\n  - id: a\n    platform: standard\n    secrets: [x]\n    auth: { scheme: hmac, hash: sha256, \
                 encoding: hex, header: X-S, template: '{timestamp}.{body}' }\n",
                "go together",
            ),
            (
                "sources:\n  - id: a\n    platform: whatsapp\n    secrets: [x]\n",
                "unknown variant",
            ),
            (
                "sources:\n  - id: a\n    platform: huggy\n    secrets: [xxxxxxxx]\n    utc_offset: \"-3\"\n",
                "not an offset such as `-03:00`",
            ),
            (
                "sources:\n  - id: a/b\n    platform: digisac\n    secrets: [x]\n",
                "not a valid source id",
            ),
            (
                "sources:\n  - id: a\n    platform: digisac\n    secret: [x]\n",
                "unknown field",
            ),
            (
                "endpoints:\n  - id: e\n    url: nowhere\n    secrets: [x]\n",
                "3:10: endpoint `e`: `url` is not a URL",
            ),
            (
                "endpoints:\n  - id: e\n    url: https://x.example\n    secrets: [x]\n",
                "is not base64",
            ),
        ];
        for (yaml, expected) in cases {
            let problems = load(yaml).expect_err(yaml);
            assert!(
                problems.iter().any(|p| p.contains(expected)),
                "{yaml}\n{problems:?}\nlacks {expected}"
            );
        }
    }

    #[test]
    fn templates_are_read_left_to_right() {
        let parts = parse_template("v0:{timestamp}:{body}").expect("valid");
        assert_eq!(
            parts,
            [
                TemplatePart::Text("v0:".into()),
                TemplatePart::Timestamp,
                TemplatePart::Text(":".into()),
                TemplatePart::Body
            ]
        );
        assert!(parse_template("{timestamp}").is_err());
        assert!(parse_template("{body").is_err());
        assert!(parse_template("{body}{x}").is_err());
    }

    #[test]
    fn an_offset_is_hours_and_minutes_east_of_utc() {
        for (text, minutes) in [
            ("-03:00", -180),
            ("+05:45", 345),
            ("+00:00", 0),
            ("+14:00", 840),
            ("-09:30", -570),
        ] {
            assert_eq!(parse_utc_offset(text), Ok(minutes), "{text}");
        }
        for text in [
            "",
            "-",
            "03:00",
            "-3:00",
            "-03:0",
            "+14:01",
            "+15:00",
            "-03:60",
            "-03:00:00",
            "-+3:00",
            "Z",
            "\u{2212}03:00",
        ] {
            assert!(parse_utc_offset(text).is_err(), "{text}");
        }
    }
}
