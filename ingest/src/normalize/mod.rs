//! From a verified webhook to events: what each platform's JSON means in the vocabulary of [`schemas::data`].
//!
//! A platform is one file, and one line in `adapter`. All of them read the same way, top to bottom: how senders prove
//! themselves, what is a test call, then the mapping of each event with its identity, ordering key and time.
//!
//! Nothing here fails and nothing here remembers: a surprise in one event makes that event `unmapped`, and what can only be
//! told by knowing earlier events (a ticket reopened without the platform saying so, a status that must not be lowered, a
//! lease that is out of date) is left to the readers.

mod baileys;
mod chatwoot;
mod credentials;
mod digisac;
mod json;
mod standard;

use std::borrow::Cow;

use http::HeaderMap;
use schemas::data::{Data, Unmapped};
use schemas::event::Raw;
use schemas::platform::Platform;
use schemas::source::{Scheme, Source};
use schemas::time::Timestamp;
use sha2::{Digest as _, Sha256};

use credentials::Credentials;
use json::Json;

/// What a verified webhook turned out to be.
#[derive(Debug)]
pub enum Normalized<'a> {
    /// To be published, in this order. Never empty.
    Events(Vec<NewEvent<'a>>),
    /// A test call of the platform, or a handshake: answered 200 with this text body (empty for most), nothing published.
    Ping(Cow<'static, str>),
}

/// An event without what only ingest knows (id, receipt, digest).
#[derive(Debug)]
pub struct NewEvent<'a> {
    /// The normalized event.
    pub data: Data<'a>,
    /// What the platform tells events apart by, in parts: input of [`EventId::derive`](schemas::id::EventId::derive).
    pub identity: Vec<Cow<'a, str>>,
    /// When it happened, if the payload has a time that every redelivery repeats.
    pub time: Option<Timestamp>,
    /// The conversation, group or contact whose order is kept.
    pub ordering_key: String,
    /// What it is about, in the platform's own words.
    pub subject: Option<Cow<'a, str>>,
    /// What the platform sent: the whole body, or the element of a batch. Credentials are blanked, all else is verbatim.
    pub raw: Raw<'a>,
}

/// Maps a verified body. Never fails: what cannot be mapped is one `unmapped` event.
pub fn normalize<'a>(source: &Source, headers: &HeaderMap, body: &'a [u8]) -> Normalized<'a> {
    let adapter = adapter(source.platform);
    let credentials = Credentials::of(adapter, source);
    let (text, json) = match json::parse(body) {
        Ok(parsed) => parsed,
        Err(surprise) => {
            let raw = Raw::Bytes(credentials.blank_bytes(body));
            return Normalized::Events(vec![unmapped(Unmapped::because(surprise), body, raw)]);
        }
    };
    let webhook = Webhook {
        headers,
        body: text,
        json,
        credentials,
    };
    match (adapter.map)(&webhook) {
        Ok(Normalized::Events(events)) if events.is_empty() => {
            Normalized::Events(vec![webhook.unmapped(Unmapped::because("an empty list"))])
        }
        Ok(normalized) => normalized,
        Err(reason) => Normalized::Events(vec![webhook.unmapped(reason)]),
    }
}

/// How a platform's senders prove themselves when the source names no scheme.
pub fn preset(platform: Platform) -> Scheme {
    (adapter(platform).preset)()
}

/// What a platform has to say for itself.
struct Adapter {
    preset: fn() -> Scheme,
    /// The name of the JSON members that hold a credential.
    credential: Option<&'static str>,
    /// `Err` makes the whole body one `unmapped` event.
    map: for<'a> fn(&Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>>,
}

fn adapter(platform: Platform) -> &'static Adapter {
    match platform {
        Platform::Baileys => &baileys::ADAPTER,
        Platform::Chatwoot => &chatwoot::ADAPTER,
        Platform::Digisac => &digisac::ADAPTER,
        Platform::Standard => &standard::ADAPTER,
    }
}

/// A verified webhook whose body is JSON.
struct Webhook<'a, 'h> {
    headers: &'h HeaderMap,
    /// The body, byte for byte.
    body: &'a str,
    /// The same without surrounding white space.
    json: Json<'a>,
    credentials: Credentials<'h>,
}

impl<'a> Webhook<'a, '_> {
    /// The header's text, if it is there and is text.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
    }

    /// The whole body, for an event that is alone in it.
    fn whole(&self) -> Raw<'a> {
        Raw::Json(self.credentials.blank(self.body))
    }

    /// A part of the body, for an event that is one of several.
    fn part(&self, part: Json<'a>) -> Raw<'a> {
        Raw::Json(self.credentials.blank(part.raw()))
    }

    /// The whole body, unmapped.
    fn unmapped(&self, reason: Unmapped<'a>) -> NewEvent<'a> {
        unmapped(reason, self.body.as_bytes(), self.whole())
    }

    /// A part of the body, unmapped, in the order of the conversation that it belongs to, if that is known.
    fn unmapped_part(&self, reason: Unmapped<'a>, part: Json<'a>, ordering_key: Option<String>) -> NewEvent<'a> {
        let event = unmapped(reason, part.raw().as_bytes(), self.part(part));
        match ordering_key {
            Some(ordering_key) => NewEvent { ordering_key, ..event },
            None => event,
        }
    }
}

fn unmapped<'a>(reason: Unmapped<'a>, bytes: &[u8], raw: Raw<'a>) -> NewEvent<'a> {
    NewEvent {
        data: Data::Unmapped(reason),
        identity: vec!["unmapped".into(), digest(bytes).into()],
        time: None,
        ordering_key: "unmapped".to_owned(),
        subject: None,
        raw,
    }
}

/// SHA-256 in hex, for identities of events that have nothing better than their content.
fn digest(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Makes the reasons short to write.
trait Because<'a> {
    fn because(reason: &'static str) -> Self;
    fn of(self, event: Option<Cow<'a, str>>) -> Self;
}

impl<'a> Because<'a> for Unmapped<'a> {
    fn because(reason: &'static str) -> Self {
        Self {
            reason: reason.into(),
            event: None,
        }
    }

    fn of(self, event: Option<Cow<'a, str>>) -> Self {
        Self { event, ..self }
    }
}
