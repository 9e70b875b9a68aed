//! What an attempt means: its class in metrics and the outcome for the processor.
//!
//! | what came back | class | outcome |
//! |---|---|---|
//! | 2xx | `delivered` | delivered, whatever becomes of the answer's body |
//! | 410 | `gone` | refused: the receiver wants no more, so the endpoint is to be disabled |
//! | 3xx, 101 | `status_3xx`, `protocol` | retry: never followed, but endpoints move back |
//! | 4xx | `status_4xx` | retry: receivers deploy mistakes; the processor's limit makes them few |
//! | 5xx | `status_5xx` | retry |
//! | nothing | `timeout`, `dns`, `token`, `connect`, `tls`, `network`, `protocol` | retry |
//! | a forbidden place that the URL itself names | `blocked` | rejected |
//! | a name that resolves to forbidden addresses only | `blocked` | retry: name servers change their answers |
//! | no free slot | `no_slot` | retry |
//! | not tried: this process lacks descriptors, ports, memory, or a free connection | `unavailable` | unavailable |
//!
//! `Retry-After` is honoured with every retry. Reasons name endpoint and status and never repeat the answer's body: a
//! receiver must not be a window into our network.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use httpdate::parse_http_date;
use net::client::SendError;
use schemas::name::EndpointId;
use schemas::sink::Outcome;

/// The longest that a receiver can make us wait.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// What became of an attempt, in metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// 2xx.
    Delivered,
    /// 410.
    Gone,
    /// A redirect, not followed.
    Status3xx,
    /// Any other 4xx.
    Status4xx,
    /// 5xx.
    Status5xx,
    /// The time of the attempt was up.
    Timeout,
    /// The endpoint's name could not be resolved to an address.
    Dns,
    /// The authorization server gave no token for the endpoint.
    Token,
    /// No connection.
    Connect,
    /// No encrypted connection.
    Tls,
    /// The connection broke after it was made, before the answer was complete.
    Network,
    /// Not a sensible HTTP answer.
    Protocol,
    /// The guard forbids the place.
    Blocked,
    /// The endpoint's slots stayed taken by attempts that do not get through.
    NoSlot,
    /// Not tried, because this process lacks something.
    Unavailable,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Delivered,
        Self::Gone,
        Self::Status3xx,
        Self::Status4xx,
        Self::Status5xx,
        Self::Timeout,
        Self::Dns,
        Self::Token,
        Self::Connect,
        Self::Tls,
        Self::Network,
        Self::Protocol,
        Self::Blocked,
        Self::NoSlot,
        Self::Unavailable,
    ];

    /// Returns the value of the metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Gone => "gone",
            Self::Status3xx => "status_3xx",
            Self::Status4xx => "status_4xx",
            Self::Status5xx => "status_5xx",
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Token => "token",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Network => "network",
            Self::Protocol => "protocol",
            Self::Blocked => "blocked",
            Self::NoSlot => "no_slot",
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<&SendError> for Class {
    fn from(error: &SendError) -> Self {
        match error {
            SendError::Blocked(_) | SendError::Astray { .. } | SendError::Header(_) => Self::Blocked,
            SendError::Lack(_) => Self::Unavailable,
            SendError::Resolve { .. } => Self::Dns,
            SendError::Token { .. } => Self::Token,
            SendError::Connect(_) => Self::Connect,
            SendError::Tls(_) => Self::Tls,
            SendError::Timeout(_) => Self::Timeout,
            SendError::Network(_) => Self::Network,
            SendError::Protocol(_) => Self::Protocol,
        }
    }
}

/// The class and the outcome of an answer of `endpoint`, by its head alone.
pub(super) fn judge(
    endpoint: &EndpointId,
    status: StatusCode,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> (Class, Outcome) {
    let class = class(status);
    let outcome = match class {
        Class::Delivered => Outcome::Delivered,
        Class::Gone => Outcome::Refused {
            reason: format!("endpoint `{endpoint}` answered 410 Gone: it wants no more deliveries"),
        },
        _ => Outcome::Retry {
            after: retry_after(headers, now),
            reason: match class {
                Class::Status3xx => format!("endpoint `{endpoint}` answered {status}; redirects are not followed"),
                _ => format!("endpoint `{endpoint}` answered {status}"),
            },
        },
    };
    (class, outcome)
}

/// The outcome of an attempt at `endpoint` that no answer came of.
pub(super) fn failed(endpoint: &EndpointId, error: &SendError) -> Outcome {
    let reason = format!("endpoint `{endpoint}`: {error}");
    match error {
        SendError::Lack(reason) => Outcome::Unavailable { reason: reason.clone() },
        SendError::Blocked(_) | SendError::Header(_) => Outcome::Rejected { reason },
        _ => Outcome::Retry { after: None, reason },
    }
}

fn class(status: StatusCode) -> Class {
    match status.as_u16() {
        200..=299 => Class::Delivered,
        300..=399 => Class::Status3xx,
        410 => Class::Gone,
        400..=499 => Class::Status4xx,
        500..=599 => Class::Status5xx,
        _ => Class::Protocol,
    }
}

/// `Retry-After` in seconds or as one of the three date formats of HTTP (RFC 9110 §10.2.3, §5.6.7), at most 24 hours.
/// `None` where it is missing, unreadable or in the past.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // Only a number too large for 64 bits does not parse: longer than any limit.
        text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        parse_http_date(text).ok()?.duration_since(now.into()).ok()?
    };
    (!wait.is_zero()).then_some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> (Class, Outcome) {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().expect("a header value"));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:07Z").expect("a time");
        let id = EndpointId::new("crm").expect("an id");
        judge(&id, status, &headers, now.to_utc())
    }

    #[test]
    fn every_status_has_its_class_and_outcome() {
        for (status, expected) in [
            (200, Class::Delivered),
            (204, Class::Delivered),
            (299, Class::Delivered),
            (301, Class::Status3xx),
            (304, Class::Status3xx),
            (307, Class::Status3xx),
            (400, Class::Status4xx),
            (401, Class::Status4xx),
            (404, Class::Status4xx),
            (408, Class::Status4xx),
            (410, Class::Gone),
            (425, Class::Status4xx),
            (429, Class::Status4xx),
            (500, Class::Status5xx),
            (503, Class::Status5xx),
            (101, Class::Protocol),
            (999, Class::Protocol),
        ] {
            let (class, outcome) = answer(status, None);
            assert_eq!(class, expected, "{status}");
            match outcome {
                Outcome::Delivered => assert_eq!(class, Class::Delivered, "{status}"),
                Outcome::Held | Outcome::Unavailable { .. } => panic!("an answer was an attempt"),
                Outcome::Rejected { .. } => panic!("no answer is final for one delivery alone"),
                Outcome::Refused { reason } => {
                    assert!(class == Class::Gone && reason.contains("410"), "{reason}");
                }
                Outcome::Retry { after, reason } => {
                    assert!(class != Class::Gone && class != Class::Delivered, "{status}");
                    assert_eq!(after, None);
                    assert!(
                        reason.contains(&status.to_string()) && reason.contains("crm"),
                        "{reason}"
                    );
                }
            }
        }
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms_and_bounded() {
        let day = Some(MAX_RETRY_AFTER);
        let half_minute = Some(Duration::from_secs(30));
        for (value, expected) in [
            ("30", half_minute),
            (" 30 ", half_minute),
            ("Sun, 06 Nov 1994 08:49:37 GMT", half_minute),
            ("Sunday, 06-Nov-94 08:49:37 GMT", half_minute),
            ("Sun Nov  6 08:49:37 1994", half_minute),
            ("86401", day),
            ("99999999999999999999999999", day),
            ("Fri, 31 Dec 9999 23:59:59 GMT", day),
            ("0", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Sun, 06 Nov 1994 08:49:00 GMT", None),
        ] {
            let (_, Outcome::Retry { after, .. }) = answer(503, Some(value)) else {
                panic!("503 is retried")
            };
            assert_eq!(after, expected, "{value:?}");
        }
    }
}
