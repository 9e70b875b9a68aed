//! No body costs more than linear memory, whatever its shape: twice as long, about twice the bytes allocated. (Time is not
//! measured in tests; `cargo bench -p ingest` and the fuzz targets, which have a time limit for each input, look at it.)

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ingest::envelope::Enveloper;
use ingest::normalize::normalize;
use ingest::{Captured, judge, sign};
use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::Source;
use schemas::time::Timestamp;

/// The bytes asked for in all, an upper bound of the memory that is held at once.
fn allocated(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).bytes_total
}

fn source(platform: Platform) -> Source {
    Source {
        max_body_bytes: usize::MAX,
        ..Source::new(
            SourceId::new("line-1").expect("valid"),
            Tenant::new("acme").expect("valid"),
            platform,
            vec![Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        )
    }
}

/// The names of events and lists that lead into the adapters.
fn shapes(n: usize) -> Vec<String> {
    let many = |element: &str| vec![element; n].join(",");
    vec![
        "[".repeat(n),
        format!("{{\"a\":{}1{}}}", "[".repeat(n.min(100)), "]".repeat(n.min(100))),
        format!("[{}]", many("{}")),
        format!("[{}]", many(r#"{"event":"x","id":1,"type":"y"}"#)),
        format!("{{{}}}", many(r#""event":"message.created""#)),
        format!("{{{}}}", many(r#""data":{"id":"1"}"#)),
        format!("{{\"event\":\"{}\"}}", "\\u00e9".repeat(n)),
        format!(
            "{{\"event\":\"messages.upsert\",\"data\":{{\"messages\":[{}]}}}}",
            many(r#"{"key":{"remoteJid":"a@s.whatsapp.net","id":"1"},"message":{"conversation":"x"}}"#)
        ),
        format!(
            "{{\"event\":\"group-participants.update\",\"data\":{{\"id\":\"g@g.us\",\"action\":\"add\",\"participants\":[{}]}}}}",
            many("\"1@lid\"")
        ),
        format!(
            "{{\"event\":\"message.created\",\"data\":[{}]}}",
            many(r#"{"id":"1","contactId":"2","text":"x"}"#)
        ),
        format!(
            "{{\"object\":\"whatsapp_business_account\",\"entry\":[{{\"changes\":[{{\"field\":\"messages\",\"value\":{{\"contacts\":[{}],\"messages\":[{}]}}}}]}}]}}",
            many(r#"{"wa_id":"1","profile":{"name":"x"}}"#),
            many(r#"{"id":"w","from":"1","type":"text","text":{"body":"x"}}"#)
        ),
        format!(
            "{{\"messages\":{{\"receivedAllMessage\":[{}]}}}}",
            many(r#"{"id":1,"body":"x","chat":{"id":2}}"#)
        ),
        format!(
            "{{\"destination\":\"d\",\"events\":[{}]}}",
            many(
                r#"{"type":"message","webhookEventId":"1","source":{"userId":"u"},"message":{"id":"1","type":"text","text":"x"}}"#
            )
        ),
        format!(
            "{{\"update_id\":1,\"message\":{{\"message_id\":1,\"chat\":{{\"id\":1}},\"text\":\"x\",\"entities\":[{}],\"new_chat_members\":[{}]}}}}",
            many(r#"{"type":"mention","offset":0,"length":1}"#),
            many(r#"{"id":1}"#)
        ),
        format!(
            "{{\"for_user_id\":\"1\",\"direct_message_events\":[{}],\"users\":{{{}}}}}",
            many(
                r#"{"type":"message_create","id":"1","message_create":{"sender_id":"2","target":{"recipient_id":"1"},"message_data":{"text":"x"}}}"#
            ),
            many(r#""2":{"id":"2","name":"x"}"#)
        ),
        format!(
            "{{\"type\":\"notification_event\",\"id\":\"1\",\"topic\":\"conversation.user.replied\",\"data\":{{\"item\":{{\"id\":\"1\",\"conversation_parts\":{{\"conversation_parts\":[{}]}}}}}}}}",
            many(r#"{"id":"1","part_type":"comment","body":"x"}"#)
        ),
        format!("MessageSid=1&From=2&{}", vec!["MediaUrl0=x&a=%41+"; n].join("&")),
        format!("payload={}", "%7B".repeat(n)),
    ]
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-github-event", "push"),
        ("x-shopify-topic", "orders/create"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("ce-specversion", "1.0"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn mapping_costs_no_more_than_linear_memory() {
    let headers = headers();
    let mut worst = (0.0, String::new());
    for platform in Platform::ALL {
        let source = source(platform);
        for (small, large) in shapes(500).iter().zip(&shapes(2_000)) {
            let of = |body: &str| allocated(|| drop(normalize(&source, &headers, body.as_bytes())));
            let (less, more) = (of(small), of(large));
            // 64 bytes of bookkeeping for each byte of body are a lot, and still linear. What may become an event with its
            // identity takes more, but it is bounded how many are taken.
            let bookkeeping = large.len() as u64 * 64 + 2_000 * 2_048;
            assert!(
                more <= bookkeeping,
                "{platform}: {more} bytes for {} of {:.60}",
                large.len(),
                large
            );
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let growth = (more as f64 + 4096.0) / (less as f64 + 4096.0);
            if growth > worst.0 {
                worst = (growth, format!("{platform}: {less} and {more} bytes: {large:.60}"));
            }
        }
    }
    // Four times the body; a quadratic cost would be sixteen times. Vectors that grow by doubling may come out a step higher.
    assert!(worst.0 < 6.5, "{} times the memory: {}", worst.0, worst.1);
}

#[test]
fn verifying_costs_no_more_than_linear_memory() {
    let now = Timestamp::parse("2026-03-10T13:36:50Z").expect("a time");
    for platform in Platform::ALL {
        let mut source = source(platform);
        if let schemas::source::Scheme::Twilio { .. } = platform.scheme() {
            let url = Some("https://hooks.example.com".to_owned());
            source.scheme = Some(schemas::source::Scheme::Twilio { url });
        }
        let of = |n: usize| {
            let body = if matches!(platform, Platform::Twilio) {
                vec!["a=b"; n].join("&")
            } else {
                format!("{{\"a\":\"{}\"}}", "x".repeat(n * 4))
            };
            let mut request = sign(&source, &source.secrets[0], Bytes::from(body), now, "msg_1").expect("signs");
            request
                .headers
                .insert(http::header::HOST, http::HeaderValue::from_static("h"));
            let captured = Captured {
                method: Method::POST,
                target: format!("/in/line-1{}", request.path_suffix),
                headers: request.headers,
                body: request.body,
            };
            (
                captured.body.len() as u64,
                allocated(|| drop(judge(&source, &captured, now))),
            )
        };
        let (length, bytes) = of(50_000);
        assert!(
            bytes <= length * 64 + 65_536,
            "{platform}: {bytes} bytes for a body of {length}"
        );
    }
}

/// While records are made of a body, its thread holds more than the budget charges, for that moment. This is how much.
#[test]
fn records_are_made_within_a_small_multiple_of_the_body() {
    let headers = headers();
    let now = Timestamp::parse("2026-03-10T13:36:50Z").expect("a time");
    let enveloper = Enveloper::default();
    let mut worst = (0, String::new());
    for platform in Platform::ALL {
        let source = source(platform);
        let make = |body: &str| drop(enveloper.prepare(&source, &headers, body.as_bytes(), now));
        // What it remembers of the events is bounded elsewhere.
        make("[]");
        for body in shapes(500) {
            make(&body);
            let held = allocation_counter::measure(|| make(&body)).bytes_max;
            let beyond = held.saturating_sub(500 * 8_192) / body.len() as u64;
            if beyond >= worst.0 {
                worst = (
                    beyond,
                    format!("{platform}: {held} bytes for {} of {body:.60}", body.len()),
                );
            }
        }
    }
    assert!(worst.0 <= 32, "{}", worst.1);
}

/// What stands once in a body but in each of its events cannot make a small body into a huge batch.
#[test]
fn a_long_name_and_many_events_do_not_multiply() {
    let headers = headers();
    let long = "x".repeat(100_000);
    let many = |element: &str| vec![element; 2_000].join(",");
    let bodies = [
        format!(
            "{{\"event\":\"messages.upsert\",\"instance\":\"{long}\",\"session\":\"{long}\",\"data\":{{\"messages\":[{}]}}}}",
            many(r#"{"key":{"remoteJid":"a@s.whatsapp.net","id":"1"},"message":{"conversation":"x"}}"#)
        ),
        format!(
            "{{\"event\":\"provider_event_received\",\"account\":{{\"id\":\"{long}\"}},\"inbox\":{{\"id\":\"{long}\"}},\"provider_event\":\"messages.upsert\",\"provider_event_data\":{{\"messages\":[{}]}}}}",
            many(r#"{"key":{"remoteJid":"a@s.whatsapp.net","id":"1"},"message":{"conversation":"x"}}"#)
        ),
        format!("{{\"event\":\"{long}\",\"data\":[{}]}}", many(r#"{"id":"1"}"#)),
        format!(
            "{{\"object\":\"whatsapp_business_account\",\"entry\":[{{\"id\":\"{long}\",\"changes\":[{{\"field\":\"messages\",\"value\":{{\"metadata\":{{\"phone_number_id\":\"{long}\"}},\"messages\":[{}]}}}}]}}]}}",
            many(r#"{"id":"w","from":"1","type":"text","text":{"body":"x"}}"#)
        ),
        format!(
            "{{\"messages\":{{\"{long}\":[{}]}}}}",
            many(r#"{"id":1,"body":"x","chat":{"id":2}}"#)
        ),
        format!(
            "{{\"destination\":\"{long}\",\"events\":[{}]}}",
            many(
                r#"{"type":"message","webhookEventId":"1","source":{"userId":"u"},"message":{"id":"1","type":"text","text":"x"}}"#
            )
        ),
        format!(
            "{{\"for_user_id\":\"{long}\",\"direct_message_events\":[{}],\"users\":{{\"2\":{{\"id\":\"2\",\"name\":\"{long}\"}}}}}}",
            many(
                r#"{"type":"message_create","id":"1","message_create":{"sender_id":"2","target":{"recipient_id":"1"},"message_data":{"text":"x"}}}"#
            )
        ),
        format!(
            "{{\"update_id\":1,\"deleted_business_messages\":{{\"business_connection_id\":\"{long}\",\"chat\":{{\"id\":\"{long}\"}},\"message_ids\":[{}]}}}}",
            many("1")
        ),
    ];
    let now = Timestamp::parse("2026-03-10T13:36:50Z").expect("a time");
    for platform in Platform::ALL {
        let source = source(platform);
        for body in &bodies {
            let enveloper = Enveloper::default();
            let bytes = allocated(|| drop(enveloper.prepare(&source, &headers, body.as_bytes(), now)));
            let linear = body.len() as u64 * 64 + 2_000 * 8_192;
            assert!(
                bytes <= linear,
                "{platform}: {bytes} bytes for {} of {body:.60}",
                body.len()
            );
        }
    }
}
