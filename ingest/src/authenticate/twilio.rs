//! Twilio's own scheme (Twilio docs, "Webhooks security"): base64 of HMAC-SHA1 over the URL as Twilio knows it, followed, for
//! a form, by its parameters in the order of their names, each name and value joined. A body that is not a form is covered
//! by its digest in the query (`bodySHA256`), which is part of the URL.
//!
//! Accounts with shared keys (Twilio docs, "Sign webhooks with shared keys") sign with one of them and the hash that
//! `X-Twilio-Webhooks-Signature-Settings: key=…,algorithm=HMAC_SHA256` names. That header is read as Twilio's own library reads
//! it (`get_signature_algorithm` in the one for Python): without it, or without `algorithm` in it, the hash is SHA-1. It alone
//! decides: a signature by another hash than it names is none.
//!
//! A server rarely knows its own URL: a proxy ends TLS and may change the host. So the configured one counts, else `https` and the
//! request's host. The port may or may not be part of what was signed; both are tried, as Twilio's own libraries do.

use std::borrow::Cow;
use std::collections::BTreeSet;

use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName};
use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};
use schemas::source::{Encoding, Hash};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::hmac::{Key, decode};
use super::presented::{Presented, Refusal, the_only};
use super::settings::of_each;
use super::{percent, token};

pub(crate) const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");

/// Where the hash stands, for accounts with shared keys.
pub(crate) const SETTINGS: HeaderName = HeaderName::from_static("x-twilio-webhooks-signature-settings");

/// How many parameters a form may have: sorting them is the only work here that grows faster than the body.
const MAX_PARAMETERS: usize = 1000;

/// What the digest of a body that is no form is called in the query.
const BODY_DIGEST: &str = "bodySHA256";

#[derive(Debug)]
pub(crate) struct TwilioVerifier {
    url: Option<String>,
    keys: Vec<Keys>,
}

/// One secret as a key of either hash.
#[derive(Debug)]
struct Keys {
    sha1: Key,
    sha256: Key,
}

/// What a request is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    HmacSha1,
    HmacSha256,
}

impl Algorithm {
    const ALL: [Self; 2] = [Self::HmacSha1, Self::HmacSha256];

    /// What the settings name; SHA-1 without them.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        if !headers.contains_key(&SETTINGS) {
            return Ok(Self::HmacSha1);
        }
        let unknown = || Refusal::Malformed(format!("`{SETTINGS}` names neither HMAC_SHA1 nor HMAC_SHA256"));
        let settings = std::str::from_utf8(the_only(headers, &SETTINGS)?).map_err(|_| unknown())?;
        let named = settings
            .split(',')
            .filter_map(|setting| setting.split_once('='))
            .find_map(|(name, value)| {
                Some(value.trim()).filter(|value| name.trim() == "algorithm" && !value.is_empty())
            });
        let Some(named) = named else {
            return Ok(Self::HmacSha1);
        };
        let found = Self::ALL
            .into_iter()
            .find(|known| named.eq_ignore_ascii_case(known.name()));
        found.ok_or_else(unknown)
    }

    /// As Twilio writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC_SHA1",
            Self::HmacSha256 => "HMAC_SHA256",
        }
    }

    /// The bytes of a signature.
    fn length(self) -> usize {
        match self {
            Self::HmacSha1 => 20,
            Self::HmacSha256 => 32,
        }
    }

    /// The one whose signatures have so many bytes.
    pub(crate) fn of_length(length: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.length() == length)
    }
}

impl TwilioVerifier {
    pub(super) fn new(url: Option<&str>, secrets: &[Secret]) -> Result<Self, Vec<Invalid>> {
        let mut found = Findings::default();
        let url = found.keep_at("auth.url", url.map(origin).transpose());
        let keys = found.keep(of_each(secrets, |secret| {
            let key = |hash| Key::new(hash, secret.expose());
            Ok(Keys {
                sha1: key(Hash::Sha1)?,
                sha256: key(Hash::Sha256)?,
            })
        }));
        found.into_value(url.zip(keys).map(|(url, keys)| Self { url, keys }))
    }

    pub(super) fn verify(&self, request: &Presented<'_>) -> Result<usize, Refusal> {
        let shown = the_only(request.headers, &SIGNATURE)?;
        let algorithm = Algorithm::of(request.headers)?;
        let malformed = || Refusal::Malformed(format!("`{SIGNATURE}` is not {} in base64", algorithm.name()));
        let mut buffer = [0_u8; 66];
        let tag = decode(Encoding::Base64, shown, algorithm.length(), &mut buffer).ok_or_else(malformed)?;
        let parameters = covered(request)?;
        let urls = candidates(self.url.as_deref(), request)?;

        let mut matched = None;
        for (index, keys) in self.keys.iter().enumerate() {
            for url in &urls {
                let mut key = match algorithm {
                    Algorithm::HmacSha1 => keys.sha1.clone(),
                    Algorithm::HmacSha256 => keys.sha256.clone(),
                };
                key.update(url.as_bytes());
                key.update(parameters.as_bytes());
                // No way out of the loop: the time must not reveal which secret it was.
                if key.verify(tag) && matched.is_none() {
                    matched = Some(index);
                }
            }
        }
        matched.ok_or(Refusal::NoMatch(self.keys.len()))
    }
}

/// Scheme, host and port of a URL, without a slash at the end.
fn origin(url: &str) -> Result<String, String> {
    // Not repeated: a URL may have a password in it.
    let wrong = || "is not a scheme, a host and a port alone: write it as in `https://hooks.example.com`".to_owned();
    let parsed = Url::parse(url).map_err(|_| wrong())?;
    let names_a_user = !parsed.username().is_empty() || parsed.password().is_some();
    // What follows the host comes from the request.
    let only_an_origin = matches!(parsed.path(), "/" | "") && parsed.query().is_none() && parsed.fragment().is_none();
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() || !only_an_origin || names_a_user {
        return Err(wrong());
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// What is signed after the URL: the joined parameters of a form, or nothing for a body that the query has the digest of.
fn covered(request: &Presented<'_>) -> Result<String, Refusal> {
    if is_form(request.headers) {
        return joined(request.body);
    }
    let digest = match token::in_query(request.query, BODY_DIGEST) {
        Ok(digest) => digest,
        Err(Refusal::Missing(_)) if request.body.is_empty() => return Ok(String::new()),
        Err(refusal) => return Err(refusal),
    };
    let ours = hex::encode(Sha256::digest(request.body));
    if bool::from(ours.as_bytes().ct_eq(&digest.to_ascii_lowercase())) {
        Ok(String::new())
    } else {
        Err(Refusal::Malformed(format!(
            "`?{BODY_DIGEST}=` is not the digest of the body"
        )))
    }
}

pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let form = b"application/x-www-form-urlencoded";
    content_type
        .get(..form.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(form))
}

/// Names and values joined, in the order of the names; of a name that occurs more than once, each different value once,
/// in their order (as Twilio's libraries do).
pub(crate) fn joined(form: &[u8]) -> Result<String, Refusal> {
    let malformed = |what: &str| Refusal::Malformed(format!("the form {what}"));
    let form = std::str::from_utf8(form).map_err(|_| malformed("is not text"))?;
    let mut parameters = BTreeSet::new();
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.insert((plus_decoded(name), plus_decoded(value)));
        if parameters.len() > MAX_PARAMETERS {
            return Err(malformed("has too many parameters"));
        }
    }
    let mut joined = Vec::with_capacity(form.len());
    for (name, value) in parameters {
        joined.extend_from_slice(&name);
        joined.extend_from_slice(&value);
    }
    String::from_utf8(joined).map_err(|_| malformed("is not text"))
}

fn plus_decoded(text: &str) -> Vec<u8> {
    let text = if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    percent::decode(&text).into_owned()
}

/// The URLs that may have been signed.
fn candidates(configured: Option<&str>, request: &Presented<'_>) -> Result<Vec<String>, Refusal> {
    let origin = match configured {
        Some(url) => url.to_owned(),
        None => format!(
            "https://{}",
            host(request).ok_or_else(|| Refusal::Missing("host".to_owned()))?
        ),
    };
    let query = request.query.map(|query| format!("?{query}")).unwrap_or_default();
    let (scheme, authority) = origin.split_once("://").unwrap_or(("https", &origin));
    let port = authority
        .rsplit_once(':')
        .filter(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    let other = match port {
        Some((host, _)) => host.to_owned(),
        None => format!("{authority}:{}", if scheme == "http" { 80 } else { 443 }),
    };
    let url = |authority: &str| format!("{scheme}://{authority}{}{query}", request.path);
    Ok(vec![url(authority), url(&other)])
}

fn host<'a>(request: &Presented<'a>) -> Option<&'a str> {
    request
        .headers
        .get(HOST)
        .map_or(request.authority, |host| host.to_str().ok())
}

/// The signature of a request as Twilio would send it.
pub(super) fn signature(secret: &Secret, url: &str, form: &[u8]) -> Result<Vec<u8>, String> {
    let mut key = Key::new(Hash::Sha1, secret.expose()).map_err(|reason| format!("its secret {reason}"))?;
    key.update(url.as_bytes());
    key.update(joined(form).map_err(|refusal| refusal.to_string())?.as_bytes());
    Ok(key.finish())
}
