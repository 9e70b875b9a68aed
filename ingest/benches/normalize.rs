//! What normalizing costs, beside reading the same bytes into a `serde_json::Value`, which does nothing with them yet.
//!
//! `cargo bench -p ingest` measures; the two of a pair stand in one group. `event/<platform>` is a typical event of each
//! platform as its sample has it; `size/<platform>/<size>` are messages of the three platforms that send the most, made as
//! long as real ones are: a longer text, more attributes.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{Criterion, Throughput};
use harness::repository;
use harness::samples::{headers, source};
use http::HeaderMap;
use ingest::normalize::{Normalized, normalize};
use schemas::platform::Platform;
use serde_json::{Value, json};

/// A typical event of each platform.
const TYPICAL: [(Platform, &str); 20] = [
    (Platform::Baileys, "messages.upsert.text.json"),
    (Platform::Chatwoot, "message_created.incoming.json"),
    (Platform::Cloudevents, "structured.json"),
    (Platform::Digisac, "message.created.full.json"),
    (Platform::Evolution, "messages.upsert.json"),
    (Platform::Github, "push.json"),
    (Platform::Huggy, "receivedMessage.json"),
    (Platform::Intercom, "conversation.user.replied.json"),
    (Platform::Line, "message.text.json"),
    (Platform::Shopify, "orders.create.json"),
    (Platform::Slack, "message.json"),
    (Platform::Standard, "invoice.paid.json"),
    (Platform::Stripe, "invoice.paid.json"),
    (Platform::Telegram, "message.text.json"),
    (Platform::Twilio, "message.whatsapp.text.form"),
    (Platform::Twitter, "direct_message_events.received.json"),
    (Platform::Waha, "message.json"),
    (Platform::Web1on1, "message.create.contact.chat.json"),
    (Platform::WhatsappCloud, "messages.text.json"),
    (Platform::Zendesk, "ticket.comment_added.customer.json"),
];

/// A body as long as real ones: the sample, where its text is, and where else it grows.
struct Long {
    platform: Platform,
    size: &'static str,
    bytes: usize,
    sample: &'static str,
    text: &'static str,
    rest: Rest,
}

/// What long bodies have beside text.
enum Rest {
    /// Attributes, many and small, in that object.
    Attributes(&'static str),
    /// A file in base64 there.
    File(&'static str),
}

const fn chatwoot(size: &'static str, bytes: usize) -> Long {
    Long {
        platform: Platform::Chatwoot,
        size,
        bytes,
        sample: "message_created.incoming.json",
        text: "/content",
        rest: Rest::Attributes("/conversation/additional_attributes"),
    }
}

const fn digisac(size: &'static str, bytes: usize) -> Long {
    Long {
        platform: Platform::Digisac,
        size,
        bytes,
        sample: "message.created.full.json",
        text: "/data/text",
        rest: Rest::Attributes("/data/data"),
    }
}

const fn baileys(size: &'static str, bytes: usize) -> Long {
    Long {
        platform: Platform::Baileys,
        size,
        bytes,
        sample: "messages.upsert.text.json",
        text: "/data/messages/0/message/conversation",
        rest: Rest::Attributes("/data/messages/0/message/messageContextInfo"),
    }
}

const LONG: [Long; 10] = [
    digisac("1KB", 1000),
    // No message of Chatwoot is that short.
    Long {
        platform: Platform::Chatwoot,
        size: "1KB",
        bytes: 1000,
        sample: "contact_updated.json",
        text: "/name",
        rest: Rest::Attributes("/custom_attributes"),
    },
    baileys("1KB", 1000),
    digisac("2.3KB", 2300),
    chatwoot("2.3KB", 2300),
    baileys("2.3KB", 2300),
    digisac("20KB", 20_000),
    chatwoot("20KB", 20_000),
    // What makes a message of WhatsApp that long is a file; the many small attributes are the hard case.
    Long {
        platform: Platform::Baileys,
        size: "20KB",
        bytes: 20_000,
        sample: "messages.upsert.image_with_media.json",
        text: "/data/messages/0/message/imageMessage/caption",
        rest: Rest::File("/extra/media/3EB0A1B2C3D4E5F60003"),
    },
    baileys("20KB_attributes", 20_000),
];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for (platform, sample) in TYPICAL {
        let file = samples().join(platform.as_str()).join(sample);
        let body = read(&file);
        // As platforms send it: without the white space that makes a sample readable.
        let body = serde_json::from_slice::<Value>(&body).map_or(body, |value| compact(&value));
        pair(
            &mut criterion,
            &format!("event/{platform}"),
            platform,
            &headers(&file),
            &body,
        );
    }
    for long in &LONG {
        let file = samples().join(long.platform.as_str()).join(long.sample);
        let name = format!("size/{}/{}", long.platform, long.size);
        pair(
            &mut criterion,
            &name,
            long.platform,
            &headers(&file),
            &lengthened(long, &read(&file)),
        );
    }
    criterion.final_summary();
}

/// Normalizing, and the same bytes as a `Value`.
fn pair(criterion: &mut Criterion, name: &str, platform: Platform, headers: &HeaderMap, body: &[u8]) {
    let source = source(platform);
    match normalize(&source, headers, body) {
        Normalized::Events(events) => {
            let types: Vec<_> = events.iter().map(|event| event.data.event_type().to_string()).collect();
            assert!(!types.iter().any(|name| name == "unmapped"), "{name}: {types:?}");
        }
        Normalized::Reply(reply) => panic!("{name} is a reply: {reply:?}"),
    }
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("normalize", |bencher| {
        bencher.iter(|| drop(black_box(normalize(&source, headers, black_box(body)))));
    });
    if serde_json::from_slice::<Value>(body).is_ok() {
        group.bench_function("value", |bencher| {
            bencher.iter(|| drop(black_box(serde_json::from_slice::<Value>(black_box(body)))));
        });
    }
    group.finish();
}

/// Sentences, and attributes or a piece of the file, in turn until it is long enough.
fn lengthened(long: &Long, sample: &[u8]) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(sample).expect("the sample is JSON");
    let (mut text, mut file) = (String::new(), String::new());
    for n in 0.. {
        let have = compact(&body);
        if have.len() >= long.bytes {
            return have;
        }
        if n % 2 == 0 {
            text.push_str("Olá, a loja \"São João\" abre às 9h e fecha às 18h \u{1F44B}.\nQualquer dúvida é só chamar por aqui.\n");
            *body.pointer_mut(long.text).expect("the sample has a text") = json!(text);
            continue;
        }
        match long.rest {
            Rest::Attributes(at) => {
                let attributes = body.pointer_mut(at).and_then(Value::as_object_mut);
                attributes.expect("the sample has attributes").insert(
                    format!("campo_{n}"),
                    json!({"valor": "Rua das Flores, 100", "atualizado_em": "2026-03-10T13:36:50.912Z", "versao": n}),
                );
            }
            Rest::File(at) => {
                file.push_str("x4Qk9vY2tldC9wbGFpbi10ZXh0LWluLWJhc2U2NC1mb3ItYS1maWxlLw0KAAECAwQFBgcICQoLDA0ODxAREhMU");
                *body.pointer_mut(at).expect("the sample has a file") = json!(file);
            }
        }
    }
    unreachable!("the loop has no end")
}

fn compact(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("a value serializes")
}

fn samples() -> PathBuf {
    repository().join("schemas/samples")
}

fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
