//! A keyed hash of the body in a header, as most platforms do it, each a little differently.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderName;
use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};
use schemas::source::{Encoding, Hash, HmacScheme, TemplatePart, TimeFormat, TimePlace};
use schemas::time::Timestamp;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::presented::{Presented, Refusal, epoch_seconds, the_only, whole_seconds, within};
use super::settings::{header_name, of_each};

/// The fewest bytes a key may have.
pub(super) const LEAST_KEY: usize = 8;

/// A key, already hashed in; cloning it saves two blocks of hashing per webhook.
#[derive(Clone)]
pub(crate) enum Key {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Box<Hmac<Sha512>>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Key {
    pub(crate) fn new(hash: Hash, secret: &[u8]) -> Result<Self, String> {
        if secret.len() < LEAST_KEY {
            return Err(format!(
                "is too short to sign with ({} bytes): use at least {LEAST_KEY}",
                secret.len()
            ));
        }
        // An HMAC takes keys of every length.
        let never = |_| String::from("cannot be used as a key");
        Ok(match hash {
            Hash::Sha1 => Self::Sha1(Hmac::new_from_slice(secret).map_err(never)?),
            Hash::Sha256 => Self::Sha256(Hmac::new_from_slice(secret).map_err(never)?),
            Hash::Sha512 => Self::Sha512(Box::new(Hmac::new_from_slice(secret).map_err(never)?)),
        })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(bytes),
            Self::Sha256(mac) => mac.update(bytes),
            Self::Sha512(mac) => mac.update(bytes),
        }
    }

    /// In constant time; a tag of another length than the hash's is wrong.
    pub(crate) fn verify(self, tag: &[u8]) -> bool {
        match self {
            Self::Sha1(mac) => mac.verify_slice(tag).is_ok(),
            Self::Sha256(mac) => mac.verify_slice(tag).is_ok(),
            Self::Sha512(mac) => mac.verify_slice(tag).is_ok(),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha512(mac) => mac.finalize().into_bytes().to_vec(),
        }
    }
}

/// A ready [`HmacScheme`].
#[derive(Debug)]
pub(crate) struct HmacVerifier {
    header: HeaderName,
    renamed: Option<HeaderName>,
    prefix: String,
    encoding: Encoding,
    digest_len: usize,
    signature_key: Option<String>,
    template: Vec<TemplatePart>,
    time: Option<Time>,
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Time {
    place: ReadyTimePlace,
    format: TimeFormat,
    tolerance_seconds: i64,
}

/// A [`TimePlace`] whose header has a name that HTTP allows.
#[derive(Debug)]
enum ReadyTimePlace {
    Header(HeaderName),
    Key(String),
}

/// How many entries a list of signatures may have: each costs a comparison with every secret.
const MAX_ENTRIES: usize = 20;

impl HmacVerifier {
    pub(super) fn new(scheme: &HmacScheme, secrets: &[Secret]) -> Result<Self, Vec<Invalid>> {
        let mut found = Findings::default();
        let has = |part: &TemplatePart| scheme.template.contains(part);
        if !has(&TemplatePart::Body) {
            found.add(
                "auth.template",
                "does not cover the body, which anyone could then change: put `{body}` into it",
            );
        }
        if has(&TemplatePart::Timestamp) != scheme.timestamp.is_some() {
            found.add(
                "auth.template",
                "and the place of the time stamp go together, for a time stamp is worth something only if it is signed: give \
                 both `{timestamp}` and its header (or key), or neither",
            );
        }
        let header = found.keep_at("auth.header", header_name(&scheme.header));
        let renamed = scheme.renamed.as_deref().map(header_name).transpose();
        let renamed = found.keep_at("auth.header", renamed);
        let time = scheme.timestamp.as_ref().map(|stamp| {
            let place = match &stamp.place {
                TimePlace::Header(name) => found
                    .keep_at("auth.timestamp_header", header_name(name))
                    .map(ReadyTimePlace::Header),
                TimePlace::Key(_) if scheme.signature_key.is_none() => {
                    found.add(
                        "auth.timestamp_key",
                        "is set, and `signature_key` is not: set both keys",
                    );
                    None
                }
                TimePlace::Key(key) => Some(ReadyTimePlace::Key(key.clone())),
            };
            place.map(|place| Time {
                place,
                format: stamp.format,
                tolerance_seconds: whole_seconds(stamp.tolerance),
            })
        });
        let keys = found.keep(of_each(secrets, |secret| Key::new(scheme.hash, secret.expose())));
        let (header, renamed, keys) = found.into_value(header.zip(renamed).zip(keys).map(|((a, b), c)| (a, b, c)))?;
        Ok(Self {
            header,
            renamed,
            prefix: scheme.prefix.clone(),
            encoding: scheme.encoding,
            digest_len: match scheme.hash {
                Hash::Sha1 => 20,
                Hash::Sha256 => 32,
                Hash::Sha512 => 64,
            },
            signature_key: scheme.signature_key.clone(),
            template: scheme.template.clone(),
            time: time.flatten(),
            keys,
        })
    }

    pub(super) fn verify(&self, request: &Presented<'_>, now: Timestamp) -> Result<usize, Refusal> {
        let header = self.header_of(request);
        let malformed = || Refusal::Malformed(format!("`{header}` is not a signature of the configured form"));
        let shown = the_only(request.headers, header)?;
        let tags: Vec<[u8; 66]> = match &self.signature_key {
            None => vec![self.tag(shown).ok_or_else(malformed)?],
            Some(key) => entries(shown, key)
                .filter_map(|digits| self.tag(digits))
                .take(MAX_ENTRIES)
                .collect(),
        };
        if tags.is_empty() {
            return Err(malformed());
        }
        let stamp = match &self.time {
            None => &b""[..],
            Some(Time {
                place: ReadyTimePlace::Header(name),
                ..
            }) => the_only(request.headers, name)?,
            Some(Time {
                place: ReadyTimePlace::Key(key),
                ..
            }) => {
                let mut stamps = entries(shown, key);
                match (stamps.next(), stamps.next()) {
                    (Some(stamp), None) => stamp,
                    (None, _) => return Err(Refusal::Missing(format!("{header}: {key}="))),
                    (Some(_), Some(_)) => return Err(Refusal::Repeated(format!("{header}: {key}="))),
                }
            }
        };

        let mut matched = None;
        for (index, key) in self.keys.iter().enumerate() {
            let mut key = key.clone();
            feed(&mut key, &self.template, stamp, request.body);
            for tag in &tags {
                // No way out of the loops: the time must not reveal which secret it was.
                if key.clone().verify(&tag[..self.digest_len]) && matched.is_none() {
                    matched = Some(index);
                }
            }
        }
        let matched = matched.ok_or(Refusal::NoMatch(self.keys.len()))?;
        if let Some(time) = &self.time {
            within(time.seconds(stamp)?, time.tolerance_seconds, now)?;
        }
        Ok(matched)
    }

    /// The header that decides.
    fn header_of(&self, request: &Presented<'_>) -> &HeaderName {
        let renamed = self.renamed.as_ref();
        renamed
            .filter(|name| request.headers.contains_key(*name))
            .unwrap_or(&self.header)
    }

    /// The digest that is written there, in the first bytes.
    fn tag(&self, shown: &[u8]) -> Option<[u8; 66]> {
        let digits = shown.strip_prefix(self.prefix.as_bytes())?;
        let mut buffer = [0_u8; 66];
        decode(self.encoding, digits, self.digest_len, &mut buffer)?;
        Some(buffer)
    }
}

impl Time {
    fn seconds(&self, stamp: &[u8]) -> Result<i64, Refusal> {
        let place = match &self.place {
            ReadyTimePlace::Header(name) => name.as_str(),
            ReadyTimePlace::Key(key) => key,
        };
        match self.format {
            TimeFormat::Seconds => epoch_seconds(stamp, place),
            TimeFormat::Iso8601 => std::str::from_utf8(stamp)
                .ok()
                .and_then(Timestamp::parse)
                .map(|time| time.millis().div_euclid(1000))
                .ok_or_else(|| Refusal::Malformed(format!("`{place}` is not a time such as 2026-03-10T13:36:50Z"))),
        }
    }
}

/// The values under a key in a list such as `t=1,v1=abc,v1=def`.
fn entries<'l>(list: &'l [u8], key: &str) -> impl Iterator<Item = &'l [u8]> {
    list.split(|byte| *byte == b',').filter_map(move |entry| {
        let (name, value) = entry.split_at(entry.iter().position(|byte| *byte == b'=')?);
        (name.trim_ascii() == key.as_bytes()).then(|| value[1..].trim_ascii())
    })
}

/// Hashes what the template says.
pub(super) fn feed(key: &mut Key, template: &[TemplatePart], stamp: &[u8], body: &[u8]) {
    for part in template {
        match part {
            TemplatePart::Body => key.update(body),
            TemplatePart::Timestamp => key.update(stamp),
            TemplatePart::Text(text) => key.update(text.as_bytes()),
        }
    }
}

/// Strictly: hexadecimal in either case, base64 in its canonical form with padding, of exactly `len` bytes.
pub(super) fn decode<'b>(encoding: Encoding, digits: &[u8], len: usize, buffer: &'b mut [u8; 66]) -> Option<&'b [u8]> {
    match encoding {
        Encoding::Hex => hex::decode_to_slice(digits, &mut buffer[..len]).ok()?,
        Encoding::Base64 => {
            let exact = digits.len() == len.div_ceil(3) * 4;
            let written = exact.then(|| BASE64.decode_slice(digits, buffer).ok())??;
            if written != len {
                return None;
            }
        }
    }
    Some(&buffer[..len])
}
