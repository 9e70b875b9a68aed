//! JSON Web Tokens (RFC 7519) in compact form (RFC 7515 §7.1), signed with HS256 (RFC 7518 §3.2) and nothing else: the
//! token's own word about its algorithm is compared, never followed.
//!
//! A token says who sent a webhook, not what: the body is not covered. So it is for senders that have nothing better.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use http::HeaderName;
use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};
use schemas::source::{Hash, JwtScheme};
use schemas::time::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};

use super::hmac::Key;
use super::presented::{Presented, Refusal, the_only, whole_seconds};
use super::settings::{header_name, of_each};
use super::token;

/// A ready [`JwtScheme`].
#[derive(Debug)]
pub(crate) struct JwtVerifier {
    header: HeaderName,
    leeway_seconds: i64,
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Whether there are extensions that must be understood (RFC 7515 §4.1.11), whatever they are: we understand none.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
}

/// A JSON object; a list of the same values, which `serde` would take for one, is none.
fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    let is_object = json.trim_ascii_start().starts_with(b"{");
    serde_json::from_slice(json).ok().filter(|_| is_object)
}

impl JwtVerifier {
    pub(super) fn new(scheme: &JwtScheme, secrets: &[Secret]) -> Result<Self, Vec<Invalid>> {
        let mut found = Findings::default();
        let header = found.keep_at("auth.header", header_name(&scheme.header));
        let keys = found.keep(of_each(secrets, |secret| Key::new(Hash::Sha256, secret.expose())));
        let made = header.zip(keys).map(|(header, keys)| Self {
            header,
            leeway_seconds: whole_seconds(scheme.leeway),
            keys,
        });
        found.into_value(made)
    }

    pub(super) fn verify(&self, request: &Presented<'_>, now: Timestamp) -> Result<usize, Refusal> {
        let malformed = || Refusal::Malformed(format!("`{}` is not a JSON Web Token signed with HS256", self.header));
        let token = token::without_bearer(the_only(request.headers, &self.header)?);
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(claims), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        let signed = &token[..header.len() + 1 + claims.len()];
        let decoded = |part: &[u8]| BASE64URL.decode(part).map_err(|_| malformed());
        let (header_json, claims_json, tag) = (decoded(header)?, decoded(claims)?, decoded(tag)?);
        let header: Header = object(&header_json).ok_or_else(malformed)?;
        if header.alg != "HS256" || header.crit {
            return Err(malformed());
        }

        let mut matched = None;
        for (index, key) in self.keys.iter().enumerate() {
            let mut key = key.clone();
            key.update(signed);
            if key.verify(&tag) && matched.is_none() {
                matched = Some(index);
            }
        }
        let matched = matched.ok_or(Refusal::NoMatch(self.keys.len()))?;
        let claims: Claims = object(&claims_json).ok_or_else(malformed)?;
        self.check_times(&claims, now).map(|()| matched)
    }

    /// `exp` and `nbf`, each with the leeway, the boundary included. A token without `exp` never expires.
    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
        let now = now.millis() / 1000;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float beyond an i64 becomes its end, which is as far off"
        )]
        let seconds = |claim: f64| claim as i64;
        let late = claims.exp.map_or(0, |exp| now.saturating_sub(seconds(exp)));
        let early = claims.nbf.map_or(0, |nbf| seconds(nbf).saturating_sub(now));
        let off_seconds = if late > self.leeway_seconds {
            late
        } else if early > self.leeway_seconds {
            -early
        } else {
            return Ok(());
        };
        Err(Refusal::OutsideTolerance {
            off_seconds,
            tolerance_seconds: self.leeway_seconds,
        })
    }
}

/// A token as a sender of ours would make it: `exp` ten minutes from now.
pub(super) fn token(secret: &Secret, now: Timestamp) -> Result<String, String> {
    let seconds = now.millis() / 1000;
    let signed = format!(
        "{}.{}",
        BASE64URL.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        BASE64URL.encode(format!(r#"{{"iat":{seconds},"exp":{}}}"#, seconds + 600))
    );
    let mut key = Key::new(Hash::Sha256, secret.expose())?;
    key.update(signed.as_bytes());
    Ok(format!("{signed}.{}", BASE64URL.encode(key.finish())))
}
