//! What only ingest knows of an event: its id, when it came, the digest of the bytes it came in. From there to records.

use std::time::Duration;

use http::HeaderMap;
use moka::sync::Cache;
use schemas::data::Data;
use schemas::event::Envelope;
use schemas::id::{EventId, HashHalf, IdTime};
use schemas::record::Record;
use schemas::source::Source;
use schemas::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::metrics::EventFamily;
use crate::normalize::{Forbidden, NewEvent, Normalized, Reply, normalize};

/// How long a replica remembers the first receipt of an event whose payload has no time.
///
/// Longer than the retries of the platforms that send such events (baileys-api gives up after about a minute), short enough
/// not to swallow a genuine repeat, such as a member added again.
pub const MEMORY: Duration = Duration::from_mins(10);

/// Events about a state (someone types, a line is up) come again and again, each time the same, and
/// are no repeats: sent again in another span of this length, such an event is a new one. A platform's retry within the
/// span is still the same event; a later one becomes a second event that says the same, which does no harm, while
/// swallowing the second `open` of open–closed–open would leave a line closed for good.
const STATE_SPAN_MS: i64 = 10_000;

/// How many such events a replica remembers at most; about 100 bytes each.
const REMEMBERED: u64 = 200_000;

/// An event time before 2000-01-01T00:00:00Z is a zero in another unit.
const EARLIEST_MS: i64 = 946_684_800_000;

/// An event time further ahead of our clock than this is a wrong clock or a wrong unit.
const AHEAD_MS: i64 = 24 * 3600 * 1000;

/// A verified webhook, ready to be published.
#[derive(Debug)]
pub enum Prepared {
    /// To be published in this order. Never empty.
    Records(Vec<Record>),
    /// A test call or handshake, to be answered with this or refused; nothing to publish.
    Reply(Result<Reply, Forbidden>),
}

/// Makes records of events, and remembers for [`MEMORY`] when it first saw those whose payload has no time.
#[derive(Debug)]
pub struct Enveloper {
    first_receipts: Cache<HashHalf, Timestamp>,
}

impl Default for Enveloper {
    fn default() -> Self {
        Self {
            first_receipts: Cache::builder().max_capacity(REMEMBERED).time_to_live(MEMORY).build(),
        }
    }
}

impl Enveloper {
    /// Normalizes a body and puts its events into envelopes. The sender is taken as proved: this is also what
    /// `forebay normalize` calls.
    pub fn prepare(&self, source: &Source, headers: &HeaderMap, body: &[u8], received: Timestamp) -> Prepared {
        self.prepare_counting(source, headers, body, received, |_| ())
    }

    pub(crate) fn prepare_counting(
        &self,
        source: &Source,
        headers: &HeaderMap,
        body: &[u8],
        received: Timestamp,
        count: impl FnMut(EventFamily),
    ) -> Prepared {
        let events = match normalize(source, headers, body) {
            Normalized::Reply(reply) => return Prepared::Reply(reply),
            Normalized::Events(events) => events,
        };
        let raw_sha256 = Sha256::digest(body).into();
        let traceparent = traceparent(headers);
        let mut count = count;
        let record = |event: NewEvent<'_>| {
            count(EventFamily::of(&event.data));
            let (id, id_time) = self.id(source, &event, received);
            Envelope {
                id,
                id_time,
                tenant: &source.tenant,
                source: &source.id,
                platform: source.platform.into(),
                account: event.account.as_deref(),
                subject: event.subject.as_deref(),
                time: match id_time {
                    IdTime::Event => id.time(),
                    IdTime::Received => event
                        .happened
                        .filter(|time| is_credible(*time, received))
                        .unwrap_or(received),
                },
                received,
                ordering_key: &event.ordering_key,
                traceparent,
                raw_sha256,
                data: &event.data,
                raw: event.raw,
            }
            .to_record()
        };
        Prepared::Records(events.into_iter().map(record).collect())
    }

    fn id(&self, source: &Source, event: &NewEvent<'_>, received: Timestamp) -> (EventId, IdTime) {
        let mut identity: Vec<&str> = event.identity.iter().map(AsRef::as_ref).collect();
        let span;
        if event.time.is_none() && matches!(event.data, Data::ConnectionUpdated(_) | Data::PresenceUpdated(_)) {
            span = (received.millis() / STATE_SPAN_MS).to_string();
            identity.push(&span);
        }
        let derive = |time| EventId::derive(time, &source.tenant, &source.id, &identity);
        if let Some(time) = event.time.filter(|time| is_credible(*time, received)) {
            return (derive(time), IdTime::Event);
        }
        let id = derive(received);
        let first = self.first_receipts.entry(id.hash_half()).or_insert(received);
        (id.at(first.into_value()), IdTime::Received)
    }
}

/// Whether an event's own time may be half of its id and its `time`. Otherwise the moment of receipt is; the platform's
/// claim stays in `raw`.
fn is_credible(time: Timestamp, received: Timestamp) -> bool {
    (EARLIEST_MS..=received.millis() + AHEAD_MS).contains(&time.millis())
}

/// The trace context, if there is exactly one and it is well-formed (W3C Trace Context §3.2.2, version 00).
fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("traceparent").iter();
    let text = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let mut parts = text.split('-');
    let hex = |part: Option<&str>, len: usize| {
        part.is_some_and(|part| part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    };
    let zero = |range: std::ops::Range<usize>| {
        text.as_bytes()
            .get(range)
            .is_some_and(|id| id.iter().all(|b| *b == b'0'))
    };
    let well_formed = parts.next() == Some("00")
        && hex(parts.next(), 32)
        && hex(parts.next(), 16)
        && hex(parts.next(), 2)
        && parts.next().is_none();
    (well_formed && !zero(3..35) && !zero(36..52)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use schemas::event::{Event, Raw};
    use schemas::name::{SourceId, Tenant};
    use schemas::platform::Platform;
    use schemas::source::Scheme;

    fn source() -> Source {
        Source {
            scheme: Some(Scheme::None),
            ..Source::new(
                SourceId::new("s").expect("valid"),
                Tenant::new("acme").expect("valid"),
                Platform::Standard,
                vec![],
            )
        }
    }

    fn event(time: Option<Timestamp>) -> NewEvent<'static> {
        NewEvent {
            data: schemas::data::Data::Unmapped(schemas::data::Unmapped::default()),
            identity: vec!["a".into(), "1".into()],
            time,
            happened: None,
            ordering_key: "k".into(),
            account: None,
            subject: None,
            raw: Raw::Json("{}".into()),
        }
    }

    #[test]
    fn a_repeat_without_a_time_gets_the_first_receipts_id() {
        let enveloper = Enveloper::default();
        let at = |text| Timestamp::parse(text).expect("valid");
        let (first, later) = (at("2026-03-10T13:00:00Z"), at("2026-03-10T13:04:00Z"));
        let (id, id_time) = enveloper.id(&source(), &event(None), first);
        assert_eq!((id.time(), id_time), (first, IdTime::Received));
        assert_eq!(enveloper.id(&source(), &event(None), later), (id, id_time));
        let other_replica = Enveloper::default().id(&source(), &event(None), later).0;
        assert_ne!(other_replica, id);
        assert_eq!(
            other_replica.hash_half(),
            id.hash_half(),
            "the sink can still recognize it"
        );
    }

    #[test]
    fn a_time_that_not_every_report_repeats_is_shown_and_is_no_part_of_the_id() {
        let body = |update: &str| {
            format!(
                r#"{{"event":"messages.upsert","data":{{"messages":[{{"key":{{"remoteJid":"5511@s.whatsapp.net","id":"B"}},{update}"message":{{"protocolMessage":{{"key":{{"id":"A"}},"type":"REVOKE"}}}}}}]}}}}"#
            )
        };
        let source = Source {
            platform: Platform::Baileys,
            ..source()
        };
        let received = Timestamp::parse("2026-03-10T13:40:00Z").expect("valid");
        let enveloper = Enveloper::default();
        let prepared = |update: &str| {
            let body = body(update);
            let Prepared::Records(records) = enveloper.prepare(&source, &HeaderMap::new(), body.as_bytes(), received)
            else {
                panic!("no ping")
            };
            let event = Event::decode(&records[0].value).expect("an event").attributes;
            (event.id, event.time.to_string())
        };
        let (id, time) = prepared(r#""messageTimestamp":1773149810,"#);
        assert_eq!(time, "2026-03-10T13:36:50.000Z");
        assert_eq!(prepared(""), (id, received.to_string()));
        assert_eq!(
            prepared(r#""messageTimestamp":7,"#),
            (id, received.to_string()),
            "no credible time"
        );
    }

    #[test]
    fn a_state_that_is_sent_again_later_is_a_new_event() {
        let enveloper = Enveloper::default();
        let open = NewEvent {
            data: Data::ConnectionUpdated(schemas::data::Connection::default()),
            ..event(None)
        };
        let id = |text| enveloper.id(&source(), &open, Timestamp::parse(text).expect("valid")).0;
        let first = id("2026-03-10T13:00:00Z");
        assert_eq!(id("2026-03-10T13:00:05Z"), first, "a retry of the platform");
        let again = id("2026-03-10T13:01:00Z");
        assert_ne!(again.hash_half(), first.hash_half(), "a line that came up again");
    }

    #[test]
    fn only_a_credible_time_goes_into_the_id() {
        let enveloper = Enveloper::default();
        let received = Timestamp::parse("2026-03-10T13:00:00Z").expect("valid");
        for (time, expected) in [
            ("2026-03-10T12:59:00Z", IdTime::Event),
            ("2000-01-01T00:00:00Z", IdTime::Event),
            ("1999-12-31T23:59:59Z", IdTime::Received),
            ("2026-03-11T13:00:00Z", IdTime::Event),
            ("2026-03-11T13:00:00.001Z", IdTime::Received),
        ] {
            let stated = Timestamp::parse(time);
            assert!(stated.is_some());
            let (id, id_time) = enveloper.id(&source(), &event(stated), received);
            assert_eq!(id_time, expected, "{time}");
            assert_eq!(Some(id.time()) == stated, expected == IdTime::Event, "{time}");
        }
    }

    #[test]
    fn a_trace_context_is_passed_on_only_if_well_formed() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let bad = [
            "00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "\"}",
            "",
        ];
        let mut headers = HeaderMap::new();
        for text in bad {
            headers.insert("traceparent", HeaderValue::from_static(text));
            assert_eq!(traceparent(&headers), None, "{text}");
        }
        headers.insert("traceparent", HeaderValue::from_static(good));
        assert_eq!(traceparent(&headers), Some(good));
        headers.append("traceparent", HeaderValue::from_static(good));
        assert_eq!(traceparent(&headers), None, "two are none");
    }

    #[test]
    fn the_digest_is_over_the_body_as_received() {
        let received = Timestamp::parse("2026-03-10T13:00:00Z").expect("valid");
        let Prepared::Records(records) = Enveloper::default().prepare(&source(), &HeaderMap::new(), b"\0x", received)
        else {
            panic!("not a ping");
        };
        let event = Event::decode(&records[0].value).expect("an event");
        assert_eq!(event.attributes.raw_sha256, hex::encode(Sha256::digest(b"\0x")));
        assert_eq!(event.event_type().as_str(), "unmapped");
        assert_eq!(event.raw(), b"\0x");
    }
}
