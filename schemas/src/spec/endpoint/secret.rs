//! A signing key as it is written: the key itself, or the key and when it ends.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::endpoint::SigningKey;
use crate::secret::Secret;
use crate::setting::Findings;
use crate::spec::reference;
use crate::time::Timestamp;

/// An element of `secrets` of an endpoint: `whsec_…`, or `{ secret: whsec_…, until: 2026-12-31T00:00:00Z }`.
#[derive(Debug, Clone)]
pub struct SecretSpec {
    /// The key, `whsec_` and base64.
    pub secret: Secret,
    /// From when on it signs no more.
    pub until: Option<Timestamp>,
}

/// The longer form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithEnd {
    secret: Secret,
    until: Option<Timestamp>,
}

/// The keys, without those that are wrong.
pub(super) fn build(written: &[SecretSpec], found: &mut Findings) -> Vec<SigningKey> {
    if written.is_empty() {
        found.add(
            "secrets",
            "is empty: give at least one, or no one can verify what is sent",
        );
    } else if written.iter().all(|spec| spec.until.is_some()) {
        found.add(
            "secrets",
            "all have an end: leave `until` out of the newest one, or there comes a time when nothing can be signed",
        );
    }
    let signing_key = |(index, SecretSpec { secret, until }): (usize, &SecretSpec)| {
        let place = format!("secrets[{index}]");
        found.keep_at(&place, reference::check(secret))?;
        let text = secret.expose_str().unwrap_or_default();
        let key = Secret::from_standard_webhooks(text);
        let key = key.map_err(|e| reference::wrapped(text).map_or_else(|| e.to_string(), str::to_owned));
        let secret = found.keep_at(&place, key)?;
        Some(SigningKey { secret, until: *until })
    };
    written.iter().enumerate().filter_map(signing_key).collect()
}

/// What may be meant, and seldom is.
pub(super) fn warnings(written: &[SecretSpec], now: Timestamp, found: &mut Findings) {
    let secrets: Vec<Secret> = written.iter().map(|spec| spec.secret.clone()).collect();
    reference::warn_all("secrets", &secrets, found);
    for (index, spec) in written.iter().enumerate() {
        if let Some(until) = spec.until.filter(|until| *until <= now) {
            found.add(
                format!("secrets[{index}]"),
                format!("has ended at {until} and signs no more: take it out"),
            );
        }
    }
}

impl From<Secret> for SecretSpec {
    fn from(secret: Secret) -> Self {
        Self { secret, until: None }
    }
}

impl JsonSchema for SecretSpec {
    fn schema_name() -> Cow<'static, str> {
        "signing_key".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<Secret>();
        json_schema!({ "anyOf": [secret, {
            "type": "object",
            "properties": {
                "secret": secret,
                "until": { "type": "string", "description": "From when on it signs no more: RFC 3339.", "examples": ["2026-12-31T00:00:00Z"] },
            },
            "required": ["secret"],
            "additionalProperties": false,
        }] })
    }
}

impl<'de> Deserialize<'de> for SecretSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = SecretSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a signing key, or `secret` and `until`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretSpec, E> {
        Ok(Secret::new(text).into())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretSpec, E> {
        Err(E::custom("is a number: write a signing key, `whsec_` and base64"))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretSpec, A::Error> {
        let WithEnd { secret, until } = WithEnd::deserialize(MapAccessDeserializer::new(map))?;
        Ok(SecretSpec { secret, until })
    }
}
