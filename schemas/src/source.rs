//! What ingest knows of a sender, and how it looks one up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::name::{SourceId, Tenant};
use crate::platform::Platform;
use crate::secret::Secret;

/// What the path of every ingest URL begins with, after the base path where ingest has one; the source's id follows.
pub const INGEST_PREFIX: &str = "/in/";

/// A sender of webhooks, as it is configured: its platform, how it proves itself, its secrets.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name in the path of its ingest URL.
    pub id: SourceId,
    /// Whose events it sends.
    pub tenant: Tenant,
    /// The platform whose webhooks it sends.
    pub platform: Platform,
    /// How it proves itself; `None` means the platform's own way ([`Platform::scheme`]).
    pub scheme: Option<Scheme>,
    /// The active secrets, newest first; any of them authenticates. Never empty unless the scheme is [`Scheme::None`].
    pub secrets: Vec<Secret>,
    /// A second proof: the active secrets one of which must stand in the path besides, newest first. Empty: none is asked for.
    /// Never beside [`Scheme::UrlSecret`], whose only proof stands there, nor beside [`Scheme::None`].
    pub url_secrets: Vec<Secret>,
    /// What it shows, or asks for, when it verifies the endpoint before it sends (Meta's `hub.verify_token`, Huggy's token).
    pub verify_token: Option<Secret>,
    /// The zone of the local times that it sends, minutes east of UTC, for platforms that name none; `None`: the platform's.
    pub utc_offset_minutes: Option<i32>,
    /// The largest body it may send, bytes.
    pub max_body_bytes: usize,
    /// What stands in front of [`INGEST_PREFIX`] in its path as ingest receives it: `/hooks`; empty for nothing. The same for all
    /// sources of an ingest.
    pub base_path: String,
}

impl Source {
    /// A source with the platform's own scheme, a body of up to [`Self::MAX_BODY_BYTES`], and nothing else that can be left out.
    /// What differs is set on it: `Source { verify_token, ..Source::new(id, tenant, platform, secrets) }`.
    pub fn new(id: SourceId, tenant: Tenant, platform: Platform, secrets: Vec<Secret>) -> Self {
        Self {
            id,
            tenant,
            platform,
            scheme: None,
            secrets,
            url_secrets: Vec::new(),
            verify_token: None,
            utc_offset_minutes: None,
            max_body_bytes: Self::MAX_BODY_BYTES,
            base_path: String::new(),
        }
    }

    /// The largest body, where nothing else is said: 1 MiB.
    pub const MAX_BODY_BYTES: usize = 1024 * 1024;

    /// The path of its ingest URL, without a secret or anything else that may follow.
    pub fn path(&self) -> String {
        format!("{}{INGEST_PREFIX}{}", self.base_path, self.id)
    }

    /// How it proves itself: its own scheme, or its platform's.
    pub fn scheme(&self) -> Scheme {
        self.scheme.clone().unwrap_or_else(|| self.platform.scheme())
    }
}

/// How a sender proves itself. Data, not code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// A keyed hash of the body in a header.
    Hmac(HmacScheme),
    /// Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    StandardWebhooks {
        /// How far the time stamp may be off, both ways.
        tolerance: Duration,
    },
    /// A fixed text that the sender repeats.
    Token(TokenPlace),
    /// `Authorization: Basic` (RFC 7617); each secret is `user:password`.
    Basic,
    /// A JSON Web Token (RFC 7519) signed with HS256. It does not cover the body.
    Jwt(JwtScheme),
    /// Twilio's: the URL and the form are signed, not the body's bytes.
    Twilio {
        /// Scheme, host and port of our URL as the sender knows it; `None`: `https` and the request's own host.
        url: Option<String>,
    },
    /// A fixed text in the path, after the source id.
    UrlSecret,
    /// Every sender is accepted. Only ever by explicit choice.
    None,
}

impl Scheme {
    /// The name used in configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hmac(_) => "hmac",
            Self::StandardWebhooks { .. } => "standard_webhooks",
            Self::Token(_) => "token",
            Self::Basic => "basic",
            Self::Jwt(_) => "jwt",
            Self::Twilio { .. } => "twilio",
            Self::UrlSecret => "url_secret",
            Self::None => "none",
        }
    }
}

/// The details of [`Scheme::Hmac`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacScheme {
    /// The hash function that HMAC uses.
    pub hash: Hash,
    /// How the digest is written.
    pub encoding: Encoding,
    /// The header that holds it, in lower case.
    pub header: String,
    /// The name that the platform is giving that header, in lower case: where it is present, it decides, and the old one is not
    /// looked at.
    pub renamed: Option<String>,
    /// Where the header is a list such as `t=1,v1=abc,v1=def`: the key of the digests, any of which may match.
    pub signature_key: Option<String>,
    /// What stands before the digest, for example `sha256=`.
    pub prefix: String,
    /// What is hashed.
    pub template: Vec<TemplatePart>,
    /// The signed time stamp, if the template has one.
    pub timestamp: Option<SignedTime>,
}

impl HmacScheme {
    /// The plainest: a digest of the body alone in that header. What differs is set on it.
    pub fn of_body(hash: Hash, encoding: Encoding, header: &str) -> Self {
        Self {
            hash,
            encoding,
            header: header.to_owned(),
            renamed: None,
            signature_key: None,
            prefix: String::new(),
            template: vec![TemplatePart::Body],
            timestamp: None,
        }
    }
}

/// A signed time stamp, and how far it may be off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTime {
    /// Where it stands.
    pub place: TimePlace,
    /// How it is written.
    pub format: TimeFormat,
    /// How far it may be off, both ways.
    pub tolerance: Duration,
}

/// Where a signed time stamp stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimePlace {
    /// In this header, in lower case.
    Header(String),
    /// Under this key of the signature's header, where that is a list.
    Key(String),
}

/// How a signed time stamp is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// Whole seconds since the epoch.
    #[default]
    Seconds,
    /// ISO 8601 with a zone.
    Iso8601,
}

/// The details of [`Scheme::Jwt`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtScheme {
    /// The header that holds the token (lower case); a leading `Bearer ` is taken off.
    pub header: String,
    /// How long after `exp`, and before `nbf`, the token still counts.
    pub leeway: Duration,
}

/// A piece of what is hashed, such as `{timestamp}.{body}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// The body's bytes as they were received.
    Body,
    /// The time stamp's text, as sent.
    Timestamp,
    /// Fixed text.
    Text(String),
}

/// The hash functions that senders use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hash {
    /// SHA-1: only where a platform has nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The name used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// How a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64 with padding (RFC 4648 §4).
    Base64,
}

impl Encoding {
    /// The name used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }
}

/// Where a [`Scheme::Token`] stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// In this header (lower case); a leading `Bearer ` is taken off.
    Header(String),
    /// In this query parameter.
    Query(String),
    /// In this member of the JSON body's top level. Its value is blanked before the body is stored.
    Body(String),
}

/// All but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns `bytes` with everything but unreserved characters percent-encoded: how a secret is written in a source's URL,
/// whoever writes that URL.
pub fn percent_encoded(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}

/// Where ingest looks a source up. A look-up is a read of a snapshot: quick, and never I/O.
///
/// A source is a value that never changes. As long as it is as it was, every look-up returns the same [`Arc`]
/// ([`Arc::ptr_eq`]); once anything of it is changed, another one. Ingest keeps what it derives from a source (keys, parsed
/// names) by that identity: a directory that made a new `Arc` for every look-up would have all keys decoded for every request.
/// Once a source is removed, look-ups return `None`, and ingest forgets it, and its metrics, within minutes.
pub trait SourceDirectory: Send + Sync + fmt::Debug {
    /// Returns the source of that id, if one is registered.
    fn find(&self, id: &str) -> Option<Arc<Source>>;
}
