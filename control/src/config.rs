//! Sources and endpoints as the configuration file writes them.

use schemas::endpoint::EventTypePattern;
use schemas::name::{EndpointId, SourceId, Tenant};
use schemas::platform::Platform;
use schemas::secret::Secret;
use serde::Deserialize;
use serde_saphyr::Spanned;

/// The two lists of the configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who may send to us.
    pub sources: Vec<SourceConfig>,
    /// Who wants to hear.
    pub endpoints: Vec<EndpointConfig>,
}

/// One source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The name in the path of its URL, `/in/<id>`.
    pub id: Spanned<SourceId>,
    /// Whose events it sends; `default` if left out.
    #[serde(default = "default_tenant")]
    pub tenant: Tenant,
    /// The dialect that it speaks.
    pub platform: Platform,
    /// How it proves itself; left out, the platform's own way.
    #[serde(default)]
    pub auth: Option<AuthConfig>,
    /// The active secrets, newest first.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// A second proof: one of these must stand in the path of the URL besides, `/in/<id>/<secret>`; newest first.
    #[serde(default)]
    pub url_secrets: Vec<Secret>,
    /// What the platform shows, or asks for, when it makes sure of us (Meta's `hub.verify_token`, Huggy's token).
    #[serde(default)]
    pub verify_token: Option<Secret>,
    /// The zone of the local times that it sends, for platforms that name none (Huggy): `-03:00`.
    #[serde(default)]
    pub utc_offset: Option<String>,
    /// The largest body it may send; left out, the limit of ingest.
    #[serde(default)]
    pub max_body_bytes: Option<usize>,
}

/// How a source proves itself.
#[derive(Debug, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthConfig {
    /// A keyed hash of the body in a header.
    Hmac {
        /// `sha1`, `sha256` or `sha512`.
        hash: HashConfig,
        /// `hex` or `base64`.
        encoding: EncodingConfig,
        /// The header that holds the digest.
        header: String,
        /// What stands before the digest.
        #[serde(default)]
        prefix: String,
        /// What is hashed: fixed text with `{body}` and `{timestamp}`.
        #[serde(default = "body_only")]
        template: String,
        /// The header that holds the signed time stamp, if the template has one.
        #[serde(default)]
        timestamp_header: Option<String>,
        /// How it is written: `seconds` since the epoch, or `iso8601`.
        #[serde(default)]
        timestamp_format: TimeFormatConfig,
        /// Where the header is a list such as `t=1,v1=abc`: the key of the digests.
        #[serde(default)]
        signature_key: Option<String>,
        /// And that of the time stamp, in place of `timestamp_header`.
        #[serde(default)]
        timestamp_key: Option<String>,
        /// How far the time stamp may be off, both ways.
        #[serde(default = "five_minutes")]
        tolerance_seconds: u64,
    },
    /// Standard Webhooks 1.0.
    StandardWebhooks {
        /// How far the time stamp may be off, both ways.
        #[serde(default = "five_minutes")]
        tolerance_seconds: u64,
    },
    /// A fixed text in a header, a query parameter or a member of the body.
    Token(TokenConfig),
    /// A fixed text in the path behind the source id.
    UrlSecret,
    /// `Authorization: Basic`; each secret is `user:password`.
    Basic,
    /// A JSON Web Token signed with HS256.
    Jwt {
        /// The header that holds it; a leading `Bearer ` is taken off.
        #[serde(default = "authorization")]
        header: String,
        /// How long after `exp`, and before `nbf`, it still counts.
        #[serde(default = "one_minute")]
        leeway_seconds: u64,
    },
    /// Twilio's own.
    Twilio {
        /// Scheme, host and port of our URL as Twilio knows it; left out, `https` and the request's host.
        #[serde(default)]
        url: Option<String>,
    },
    /// Anybody may send.
    None,
}

/// Where a token stands: exactly one of the three.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// This header.
    pub header: Option<String>,
    /// This query parameter.
    pub query: Option<String>,
    /// This member of the JSON body's top level.
    pub body: Option<String>,
}

/// See [`schemas::source::Hash`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashConfig {
    Sha1,
    Sha256,
    Sha512,
}

/// See [`schemas::source::TimeFormat`].
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormatConfig {
    #[default]
    Seconds,
    Iso8601,
}

/// See [`schemas::source::Encoding`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncodingConfig {
    Hex,
    Base64,
}

/// One endpoint.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Its name in logs, metrics and dead letters.
    pub id: Spanned<EndpointId>,
    /// Whose events it gets; `default` if left out.
    #[serde(default = "default_tenant")]
    pub tenant: Tenant,
    /// Where to post.
    pub url: Spanned<String>,
    /// The event types that it wants: `ticket.closed`, `message.*`; left out or empty, all of them.
    #[serde(default)]
    pub events: Vec<EventTypePattern>,
    /// The signing keys, newest first: `whsec_` and base64.
    pub secrets: Vec<Secret>,
    /// The whole of one attempt.
    #[serde(default = "fifteen_seconds")]
    pub timeout_ms: u64,
    /// How many attempts may be under way at once.
    #[serde(default = "ten")]
    pub concurrency: usize,
    /// False pauses it: events that come meanwhile are not delivered to it.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn default_tenant() -> Tenant {
    Tenant::new("default").unwrap_or_else(|_| unreachable!("a literal name is valid"))
}

fn body_only() -> String {
    "{body}".to_owned()
}

fn authorization() -> String {
    "authorization".to_owned()
}

fn one_minute() -> u64 {
    60
}

fn five_minutes() -> u64 {
    300
}

fn fifteen_seconds() -> u64 {
    15_000
}

fn ten() -> usize {
    10
}

fn yes() -> bool {
    true
}
