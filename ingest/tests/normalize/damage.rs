//! Arbitrary damage to the samples: never a panic, never nothing, never a credential.

use std::borrow::Cow;

use http::HeaderMap;
use ingest::normalize::{Normalized, normalize};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use schemas::event::Raw;
use schemas::platform::Platform;
use serde_json::{Value, json};

use crate::{CREDENTIALS, Sample, headers, samples_of, source};

#[derive(Debug, Clone)]
enum Damage {
    Drop,
    Null,
    /// A number becomes text, anything else a number.
    Retype,
    Nest,
    List,
    Text(String),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        Just(Damage::Drop),
        Just(Damage::Null),
        Just(Damage::Retype),
        Just(Damage::Nest),
        Just(Damage::List),
        any::<String>().prop_map(Damage::Text),
    ]
}

fn samples() -> Vec<Sample> {
    Platform::ALL.into_iter().flat_map(samples_of).collect()
}

/// How many values there are below `value`.
fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(|v| 1 + count(v)).sum(),
        Value::Object(members) => members.values().map(|v| 1 + count(v)).sum(),
        _ => 0,
    }
}

/// Damages the `n`th of them.
fn apply(value: &mut Value, n: &mut usize, damage: &Damage) -> bool {
    let keys: Vec<Cow<'static, str>> = match value {
        Value::Array(list) => (0..list.len()).map(|i| i.to_string().into()).collect(),
        Value::Object(members) => members.keys().map(|key| key.clone().into()).collect(),
        _ => return false,
    };
    for key in keys {
        let hit = *n == 0;
        *n = n.wrapping_sub(1);
        if hit && matches!(damage, Damage::Drop) {
            match value {
                Value::Object(members) => drop(members.remove(&*key)),
                Value::Array(list) => drop(list.remove(key.parse().expect("an index"))),
                _ => {}
            }
            return true;
        }
        let child = match value {
            Value::Array(list) => list.get_mut(key.parse::<usize>().expect("an index")),
            Value::Object(members) => members.get_mut(&*key),
            _ => None,
        };
        let Some(child) = child else { continue };
        if hit {
            let old = child.take();
            *child = match damage {
                Damage::Drop | Damage::Null => Value::Null,
                Damage::Retype if old.is_number() => json!(old.to_string()),
                Damage::Retype => json!(7),
                Damage::Nest => json!({ "x": old }),
                Damage::List => json!([old]),
                Damage::Text(text) => json!(text),
            };
            return true;
        }
        if apply(child, n, damage) {
            return true;
        }
    }
    false
}

fn check(platform: Platform, headers: &HeaderMap, body: &[u8]) {
    let source = source(platform);
    let Normalized::Events(events) = normalize(&source, headers, body) else {
        return;
    };
    assert!(!events.is_empty());
    for event in &events {
        assert!(!event.ordering_key.is_empty());
        assert!(!event.identity.is_empty());
        let raw = match &event.raw {
            Raw::Json(raw) => {
                serde_json::from_str::<serde::de::IgnoredAny>(raw).expect("raw JSON is valid");
                raw.as_bytes()
            }
            Raw::Bytes(raw) => raw,
        };
        let data = event.data.to_member().map(|(_, json)| json).unwrap_or_default();
        let raw = String::from_utf8_lossy(raw);
        for token in CREDENTIALS {
            assert!(!raw.contains(token), "{raw}");
            assert!(!data.contains(token), "{data}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_values(sample in select(samples()), places in prop::collection::vec((any::<Index>(), damage()), 1..5)) {
        // The samples that are forms are damaged below.
        let Ok(mut value) = serde_json::from_slice::<Value>(&sample.body) else { return Ok(()) };
        for (place, damage) in places {
            let mut n = place.index(count(&value).max(1));
            apply(&mut value, &mut n, &damage);
        }
        check(sample.platform, &sample.headers, &serde_json::to_vec(&value).expect("JSON"));
    }

    #[test]
    fn truncated_bodies(sample in select(samples()), end in any::<Index>()) {
        check(sample.platform, &sample.headers, &sample.body[..end.index(sample.body.len())]);
    }

    #[test]
    fn lost_headers(sample in select(samples()), lost in any::<Index>()) {
        let mut headers = sample.headers;
        let name = headers.keys().nth(lost.index(headers.keys_len())).cloned().expect("a header");
        headers.remove(name);
        check(sample.platform, &headers, &sample.body);
    }

    #[test]
    fn bytes_damaged_outside_of_the_credentials(sample in select(samples()), at in any::<Index>(), byte in any::<u8>()) {
        let mut body = sample.body;
        let at = at.index(body.len());
        // A name or a value that is itself damaged is another name or another value.
        let around = |needle: &[u8]| body.windows(needle.len()).enumerate()
            .any(|(start, window)| window == needle && (start.saturating_sub(6)..start + needle.len() + 6).contains(&at));
        let names: [&[u8]; 5] = [b"webhookVerifyToken", b"pubsub_token", b"apikey", b"destination", b"secret"];
        prop_assume!(!names.into_iter().chain(CREDENTIALS.map(str::as_bytes)).any(around));
        body[at] = byte;
        check(sample.platform, &sample.headers, &body);
    }

    #[test]
    fn anything_at_all(platform in select(Platform::ALL.to_vec()), body in prop::collection::vec(any::<u8>(), 0..200)) {
        check(platform, &headers(), &body);
    }

    #[test]
    fn almost_json(platform in select(Platform::ALL.to_vec()), body in r#"[\[\]{}:,"\\ua-f0-9 ]{0,40}"#) {
        check(platform, &headers(), body.as_bytes());
    }
}
