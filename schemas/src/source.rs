//! What ingest knows of a sender, and how it looks one up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::name::{SourceId, Tenant};
use crate::platform::Platform;
use crate::secret::Secret;

/// A configured sender.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name in the path of its ingest URL.
    pub id: SourceId,
    /// Whose events it sends.
    pub tenant: Tenant,
    /// The dialect that it speaks.
    pub platform: Platform,
    /// How it proves itself; `None` means the platform's own way (its preset).
    pub scheme: Option<Scheme>,
    /// The active secrets, newest first; any of them authenticates. Never empty unless the scheme is [`Scheme::None`].
    pub secrets: Vec<Secret>,
    /// The largest body it may send, bytes.
    pub max_body_bytes: usize,
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
    /// A fixed text in the path, behind the source id.
    UrlSecret,
    /// Anybody may send. Only ever by explicit choice.
    None,
}

/// The details of [`Scheme::Hmac`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacScheme {
    /// The hash.
    pub hash: Hash,
    /// How the digest is written.
    pub encoding: Encoding,
    /// The header that holds it, in lower case.
    pub header: String,
    /// What stands before the digest, for example `sha256=`.
    pub prefix: String,
    /// What is hashed.
    pub template: Vec<TemplatePart>,
    /// The signed time stamp, if the template has one.
    pub timestamp: Option<TimestampHeader>,
}

/// A header that holds seconds since the epoch, and how far they may be off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampHeader {
    /// Its name, in lower case.
    pub header: String,
    /// How far it may be off, both ways.
    pub tolerance: Duration,
}

/// A piece of what is hashed, such as `{timestamp}.{body}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// The raw body.
    Body,
    /// The time stamp header's text, as sent.
    Timestamp,
    /// Fixed text.
    Text(String),
}

/// The hash functions that senders use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1: only where a platform has nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64 with padding (RFC 4648 §4).
    Base64,
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

/// Where ingest looks a source up. A look-up is a read of a snapshot: quick, and never I/O.
pub trait SourceDirectory: Send + Sync + fmt::Debug {
    /// The source of that id, if there is one.
    fn find(&self, id: &str) -> Option<Arc<Source>>;
}
