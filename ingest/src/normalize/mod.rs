//! From a verified webhook to events: what each platform's JSON means in the vocabulary of [`schemas::data`].
//!
//! A platform is one file here, its `mod` line, one line in [`schemas::platforms`], and its usual scheme in
//! [`schemas::preset`]. All of them read the same way, top to bottom: the handshake, what distinguishes events, the ordering
//! key, the time, whose account it is, then the mapping of each event.
//!
//! Nothing here fails and nothing here remembers: a surprise in one event makes that event `unmapped`, and what can only be
//! known from earlier events (a ticket reopened without the platform saying so, a status that must not be lowered, a
//! lease that is out of date) is left to the readers.

mod baileys;
mod chatwoot;
mod cleared;
mod cloudevents;
mod credentials;
mod digisac;
mod evolution;
mod filled_in;
mod form;
mod github;
mod handshake;
mod huggy;
mod intercom;
mod json;
mod line;
mod location;
mod phone;
mod shopify;
mod slack;
mod standard;
mod stripe;
mod telegram;
mod twilio;
mod twitter;
mod waha;
mod web1on1;
mod whatsapp;
mod whatsapp_cloud;
mod zendesk;

use std::borrow::Cow;

use http::{HeaderMap, Method};
use schemas::data::{Data, Unmapped, is_defined};
use schemas::event::Raw;
use schemas::name::EventType;
use schemas::platform::Platform;
use schemas::source::Source;
use schemas::time::Timestamp;
use sha2::{Digest as _, Sha256};

use credentials::Credentials;
use form::Form;
use handshake::Handshake;
pub use handshake::{Forbidden, Reply};
use json::Json;

/// What a verified webhook turned out to be.
#[derive(Debug)]
pub enum Normalized<'a> {
    /// To be published, in this order. Never empty.
    Events(Vec<NewEvent<'a>>),
    /// A test call of the platform, or a handshake: answered or refused, and nothing published.
    Reply(Result<Reply, Forbidden>),
}

/// An event without what only ingest knows (id, receipt, digest).
#[derive(Debug)]
pub struct NewEvent<'a> {
    /// The event in Forebay's vocabulary, with its type.
    pub data: Data<'a>,
    /// What the platform distinguishes events by, in parts: input of [`EventId::derive`](schemas::id::EventId::derive).
    pub identity: Vec<Cow<'a, str>>,
    /// When it happened, if the payload has a time that every redelivery repeats.
    pub time: Option<Timestamp>,
    /// When it happened, where this payload says so and another one about the same event may not: no part of its id.
    pub happened: Option<Timestamp>,
    /// The conversation, group or contact whose order is kept.
    pub ordering_key: String,
    /// The platform's own account, organization or workspace that it came from.
    pub account: Option<Cow<'a, str>>,
    /// What it is about, in the platform's own words.
    pub subject: Option<Cow<'a, str>>,
    /// What the platform sent: the whole body, or the element of a batch. Credentials are blanked, all else is verbatim.
    pub raw: Raw<'a>,
}

/// Maps a verified body. Never fails: what cannot be mapped is one `unmapped` event.
pub fn normalize<'a>(source: &Source, headers: &HeaderMap, body: &'a [u8]) -> Normalized<'a> {
    let adapter = adapter(source.platform);
    let credentials = Credentials::of(adapter, source);
    let webhook = Webhook {
        source,
        headers,
        body,
        parsed: json::parse(body),
        credentials,
    };
    match (adapter.map)(&webhook) {
        Ok(Normalized::Events(events)) if events.is_empty() => {
            Normalized::Events(vec![webhook.unmapped(Unmapped::because("an empty list"))])
        }
        Ok(Normalized::Events(events)) if events.len() > json::MAX_ELEMENTS => Normalized::Events(vec![
            webhook.unmapped(Unmapped::because("more than 10000 events in one body")),
        ]),
        Ok(normalized) => normalized,
        // Not JSON, or JSON that says nothing of what its platform's events say.
        Err(reason) => Normalized::Events(vec![webhook.unmapped(reason)]),
    }
}

/// What a platform asks by another method than POST before it sends. `None`: nothing that it would ask.
pub(crate) fn handshake(
    source: &Source,
    method: &Method,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Option<Result<Reply, Forbidden>> {
    (adapter(source.platform).handshake)(&Handshake {
        source,
        method,
        headers,
        query,
    })
}

/// What a platform has to say for itself.
struct Adapter {
    /// How it verifies the endpoint before it sends, by GET, HEAD or OPTIONS; what comes by POST is answered in `map`.
    handshake: fn(&Handshake<'_>) -> Option<Result<Reply, Forbidden>>,
    /// The names of the JSON members that hold a credential, separated by spaces.
    credential: Option<&'static str>,
    /// `Err` makes the whole body one `unmapped` event.
    map: for<'a> fn(&Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>>,
}

macro_rules! adapters {
    ($($variant:ident $module:ident $doc:literal;)*) => {
        fn adapter(platform: Platform) -> &'static Adapter {
            match platform {
                $(Platform::$variant => &$module::ADAPTER,)*
            }
        }
    };
}

schemas::platforms!(adapters);

/// A verified webhook, as an adapter reads it.
struct Webhook<'a, 'h> {
    source: &'h Source,
    headers: &'h HeaderMap,
    /// The body, byte for byte.
    body: &'a [u8],
    /// The same as text, and as JSON without surrounding white space; or why it is not JSON.
    parsed: Result<(&'a str, Json<'a>), &'static str>,
    credentials: Credentials<'h>,
}

impl<'a> Webhook<'a, '_> {
    /// The header's text, if it exists and is text.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
    }

    /// Returns the body as JSON; an error makes the whole body one `unmapped` event.
    fn json(&self) -> Result<Json<'a>, Unmapped<'a>> {
        self.parsed
            .as_ref()
            .map(|(_, json)| *json)
            .map_err(|surprise| Unmapped::because(surprise))
    }

    /// Returns the body as a form, `application/x-www-form-urlencoded`.
    fn form(&self) -> Form<'a> {
        Form::of(self.body)
    }

    /// The headers that belong to the event: those whose names begin so, in the order of their names.
    fn headers_of_event(&self, prefixes: &[&str], except: &[&str]) -> Vec<(String, String)> {
        let ours = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix)) && !except.contains(&name);
        let mut found: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| ours(name.as_str()))
            .filter_map(|(name, value)| {
                Some((name.to_string(), std::str::from_utf8(value.as_bytes()).ok()?.to_owned()))
            })
            .collect();
        found.sort();
        found.dedup_by(|later, first| later.0 == first.0);
        found
    }

    /// The whole body, for an event that is alone in it.
    fn whole(&self) -> Raw<'a> {
        match self.parsed {
            Ok((text, _)) => Raw::Json(self.credentials.blank(text)),
            Err(_) => Raw::Bytes(self.credentials.blank_bytes(self.body)),
        }
    }

    /// A part of the body, for an event that is one of several.
    fn part(&self, part: Json<'a>) -> Raw<'a> {
        Raw::Json(self.credentials.blank(part.raw()))
    }

    /// The whole body, unmapped.
    fn unmapped(&self, reason: Unmapped<'a>) -> NewEvent<'a> {
        unmapped(reason, self.body, self.whole())
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
        happened: None,
        ordering_key: "unmapped".to_owned(),
        account: None,
        subject: None,
        raw,
    }
}

/// A type that the sender names itself. One that Forebay defines gets the platform's name in front, for its data does not
/// look like ours.
fn foreign_type(platform: &str, name: &str) -> Option<EventType> {
    if is_defined(name) {
        EventType::new(format!("{platform}.{name}")).ok()
    } else {
        EventType::new(name.to_owned()).ok()
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
