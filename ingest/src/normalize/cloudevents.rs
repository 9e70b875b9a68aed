//! `CloudEvents` 1.0 over HTTP, in all three modes of its HTTP binding: structured (the body is the event), batched (a list
//! of them), and binary (the body is the data, the attributes are `ce-…` headers).
//!
//! The sender's type is the event's type, and nothing is normalized. Under `raw` is the whole event as it was sent, or in
//! binary mode the data; there the attributes are under `data.headers`, decoded as the binding says (§3.1.3.2), with the
//! `content-type` that stands for `datacontenttype`. A body that looks like an event is taken for one, whatever its media
//! type: many senders write `application/json`.
//!
//! The handshake is that of the `CloudEvents` webhook specification (§4): we allow whoever asks, for each request must prove
//! itself anyway. A `WebHook-Request-Callback` is not called: the answer comes at once, and so there is nothing left to
//! grant.

use std::borrow::Cow;

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderName, Method};
use schemas::data::{Data, Foreign, Text, Unmapped};
use schemas::event::Raw;
use schemas::time::Timestamp;

use super::handshake::Handshake;
use super::json::{Json, object};
use super::{Adapter, Because, Forbidden, NewEvent, Normalized, Reply, Webhook, digest, foreign_type};
use crate::authenticate::percent_decoded;

pub(super) const ADAPTER: Adapter = Adapter {
    handshake,
    credential: None,
    map,
};

object! {
    /// The attributes in the JSON format.
    Structured {
        id: Json = "id",
        source: Json = "source",
        spec_version: Json = "specversion",
        event_type: Json = "type",
        subject: Json = "subject",
        time: Json = "time",
        partition_key: Json = "partitionkey",
    }
}

fn handshake(request: &Handshake<'_>) -> Option<Result<Reply, Forbidden>> {
    if request.method != Method::OPTIONS {
        return None;
    }
    let asked = |name| request.headers.get(name)?.to_str().ok().filter(|text| !text.is_empty());
    let origin = asked("webhook-request-origin")?;
    let is_rate = |rate: &&str| rate.bytes().all(|b| b.is_ascii_digit());
    let rate = asked("webhook-request-rate").filter(is_rate).unwrap_or("*");
    Some(Ok(Reply::Headers(vec![
        (HeaderName::from_static("webhook-allowed-origin"), origin.to_owned()),
        (HeaderName::from_static("webhook-allowed-rate"), rate.to_owned()),
        (ALLOW, "POST, OPTIONS".to_owned()),
    ])))
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let media_type = webhook.header(CONTENT_TYPE.as_str()).unwrap_or_default().trim_start();
    let says_structured = media_type
        .get(..23)
        .is_some_and(|start| start.eq_ignore_ascii_case("application/cloudevents"));
    let has_attributes = ["ce-id", "ce-source", "ce-specversion", "ce-type"]
        .into_iter()
        .any(|name| webhook.headers.contains_key(name));
    // A format that is not JSON is read as binary, which the binding allows.
    if has_attributes && (!says_structured || webhook.json().is_err()) {
        return Ok(Normalized::Events(vec![binary(webhook)]));
    }
    let json = webhook.json()?;
    if json.is_object() {
        return Ok(Normalized::Events(vec![structured(webhook, json, webhook.whole())]));
    }
    let each = |element: Json<'a>| structured(webhook, element, webhook.part(element));
    Ok(Normalized::Events(json.elements().map(each).collect()))
}

fn structured<'a>(webhook: &Webhook<'a, '_>, json: Json<'a>, raw: Raw<'a>) -> NewEvent<'a> {
    let event: Structured<'a> = json.read();
    let attributes = Attributes {
        id: event.id.text(),
        source: event.source.text(),
        spec_version: event.spec_version.text(),
        event_type: event.event_type.text(),
        subject: event.subject.text(),
        time: event.time.time(),
        partition_key: event.partition_key.text(),
    };
    attributes.event(Vec::new(), raw, |reason, raw, ordering_key| NewEvent {
        raw,
        ..webhook.unmapped_part(reason, json, ordering_key)
    })
}

fn binary<'a>(webhook: &Webhook<'a, '_>) -> NewEvent<'a> {
    let mut headers = webhook.headers_of_event(&["ce-"], &[]);
    for (_, value) in &mut headers {
        if let Some(decoded) = decoded(value) {
            *value = decoded;
        }
    }
    let get = |name: &str| {
        let value = webhook.headers.get(name)?;
        let value = decoded(std::str::from_utf8(value.as_bytes()).ok()?)?;
        (!value.is_empty()).then_some(Cow::Owned(value))
    };
    let attributes = Attributes {
        id: get("ce-id"),
        source: get("ce-source"),
        spec_version: get("ce-specversion"),
        event_type: get("ce-type"),
        subject: get("ce-subject"),
        time: get("ce-time").and_then(|time| Timestamp::parse(&time)),
        partition_key: get("ce-partitionkey"),
    };
    let mut said = format!("{headers:?}").into_bytes();
    headers.extend(webhook.headers_of_event(&[CONTENT_TYPE.as_str()], &[]));
    attributes.event(headers, webhook.whole(), |reason, raw, ordering_key| {
        // Two such events may well have the same data.
        said.extend_from_slice(webhook.body);
        let event = webhook.unmapped(reason);
        NewEvent {
            identity: vec!["unmapped".into(), digest(said).into()],
            ordering_key: ordering_key.unwrap_or(event.ordering_key),
            raw,
            ..event
        }
    })
}

struct Attributes<'a> {
    id: Option<Text<'a>>,
    source: Option<Text<'a>>,
    spec_version: Option<Text<'a>>,
    event_type: Option<Text<'a>>,
    subject: Option<Text<'a>>,
    time: Option<Timestamp>,
    partition_key: Option<Text<'a>>,
}

impl<'a> Attributes<'a> {
    /// The event; `unmapped` makes one, in that order, of attributes that are not enough for an event.
    fn event(
        self,
        headers: Vec<(String, String)>,
        raw: Raw<'a>,
        unmapped: impl FnOnce(Unmapped<'a>, Raw<'a>, Option<String>) -> NewEvent<'a>,
    ) -> NewEvent<'a> {
        let ordering_key = match (self.partition_key, &self.source, &self.subject) {
            (Some(key), _, _) => Some(key.into_owned()),
            (None, Some(source), Some(subject)) => Some(format!("{source}/{subject}")),
            (None, source, _) => source.as_deref().map(str::to_owned),
        };
        let (Some(id), Some(source), Some(_), Some(name), Some(ordering_key)) =
            (self.id, self.source, self.spec_version, &self.event_type, &ordering_key)
        else {
            let reason = Unmapped::because("not all of id, source, specversion and type");
            return unmapped(reason.of(self.event_type), raw, ordering_key);
        };
        let data = match foreign_type("cloudevents", name) {
            Some(event_type) => Data::Foreign(Foreign { event_type, headers }),
            None => Data::Unmapped(Unmapped::because("not a valid event type").of(self.event_type)),
        };
        NewEvent {
            data,
            identity: vec![source, id],
            time: self.time,
            happened: None,
            ordering_key: ordering_key.clone(),
            account: None,
            subject: self.subject,
            raw,
        }
    }
}

/// The value of an attribute in a header: quotes around it taken off (RFC 9110 §5.6.4), then percent-decoded once. `None` if
/// that is not UTF-8.
fn decoded(value: &str) -> Option<String> {
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let unquoted = match quoted {
        Some(content) => {
            let mut out = String::with_capacity(content.len());
            let mut chars = content.chars();
            while let Some(c) = chars.next() {
                out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
            }
            Cow::Owned(out)
        }
        None => Cow::Borrowed(value),
    };
    String::from_utf8(percent_decoded(&unquoted).into_owned()).ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use schemas::name::{SourceId, Tenant};
    use schemas::platform::Platform;
    use schemas::source::Source;

    use super::*;

    fn ask(method: &Method, asked: &[(&'static str, &'static str)]) -> Option<Result<Reply, Forbidden>> {
        let source = Source::new(
            SourceId::new("s").expect("valid"),
            Tenant::new("acme").expect("valid"),
            Platform::Cloudevents,
            vec![],
        );
        let headers: HeaderMap = asked
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        handshake(&Handshake {
            source: &source,
            method,
            headers: &headers,
            query: None,
        })
    }

    #[test]
    fn whoever_asks_is_allowed_at_the_rate_asked_for() {
        let allowed = |rate: &str| {
            Some(Ok(Reply::Headers(vec![
                (
                    HeaderName::from_static("webhook-allowed-origin"),
                    "events.example.com".to_owned(),
                ),
                (HeaderName::from_static("webhook-allowed-rate"), rate.to_owned()),
                (ALLOW, "POST, OPTIONS".to_owned()),
            ])))
        };
        let origin = ("webhook-request-origin", "events.example.com");
        for (asked, expected) in [
            (&[origin][..], allowed("*")),
            (&[origin, ("webhook-request-rate", "120")], allowed("120")),
            (&[origin, ("webhook-request-rate", "many")], allowed("*")),
            (
                &[
                    origin,
                    ("webhook-request-callback", "https://events.example.com/c?id=1"),
                ],
                allowed("*"),
            ),
            (&[("webhook-request-rate", "120")], None),
            (&[], None),
        ] {
            assert_eq!(ask(&Method::OPTIONS, asked), expected, "{asked:?}");
        }
        assert_eq!(ask(&Method::GET, &[origin]), None);
    }

    #[test]
    fn a_header_is_unquoted_once_and_decoded_once() {
        for (sent, expected) in [
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", Some("Euro \u{20ac} \u{1f600}")),
            ("%e2%82%ac", Some("\u{20ac}")),
            ("100%2525", Some("100%25")),
            ("100%", Some("100%")),
            ("%41", Some("A")),
            (r#""a \"b\" \\ c""#, Some(r#"a "b" \ c"#)),
            (r#""a%20b""#, Some("a b")),
            (r#"5""#, Some(r#"5""#)),
            (r#"""#, Some(r#"""#)),
            ("a+b", Some("a+b")),
            ("", Some("")),
            ("%C0%A0", None),
            ("%ff", None),
        ] {
            assert_eq!(decoded(sent).as_deref(), expected, "{sent}");
        }
    }
}
