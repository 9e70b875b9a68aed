//! A keyed hash of the body in a header, as most platforms do it, each a little differently.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderName;
use schemas::secret::Secret;
use schemas::source::{Encoding, Hash, HmacScheme, TemplatePart};
use schemas::time::Timestamp;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{Presented, Refusal, epoch_seconds, header_name, the_only, whole_seconds, within};

/// The fewest bytes a key may have.
pub(super) const LEAST_KEY: usize = 8;

/// A key, already hashed in; cloning it saves two blocks of hashing per webhook.
#[derive(Clone)]
pub(super) enum Key {
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
    pub(super) fn new(hash: Hash, secret: &[u8]) -> Result<Self, String> {
        if secret.len() < LEAST_KEY {
            return Err(format!(
                "a secret is too short to sign with ({} bytes): use at least {LEAST_KEY}",
                secret.len()
            ));
        }
        // An HMAC takes keys of every length.
        let never = |_| String::from("a secret cannot be used as a key");
        Ok(match hash {
            Hash::Sha1 => Self::Sha1(Hmac::new_from_slice(secret).map_err(never)?),
            Hash::Sha256 => Self::Sha256(Hmac::new_from_slice(secret).map_err(never)?),
            Hash::Sha512 => Self::Sha512(Box::new(Hmac::new_from_slice(secret).map_err(never)?)),
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(bytes),
            Self::Sha256(mac) => mac.update(bytes),
            Self::Sha512(mac) => mac.update(bytes),
        }
    }

    /// In constant time; a tag of another length than the hash's is wrong.
    pub(super) fn verify(self, tag: &[u8]) -> bool {
        match self {
            Self::Sha1(mac) => mac.verify_slice(tag).is_ok(),
            Self::Sha256(mac) => mac.verify_slice(tag).is_ok(),
            Self::Sha512(mac) => mac.verify_slice(tag).is_ok(),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
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
    prefix: String,
    encoding: Encoding,
    digest_len: usize,
    template: Vec<TemplatePart>,
    timestamp: Option<(HeaderName, i64)>,
    keys: Vec<Key>,
}

impl HmacVerifier {
    pub(super) fn new(scheme: &HmacScheme, secrets: &[Secret]) -> Result<Self, String> {
        let has = |part: &TemplatePart| scheme.template.contains(part);
        if !has(&TemplatePart::Body) {
            return Err("its signature does not cover the body: put the body into the template".to_owned());
        }
        if has(&TemplatePart::Timestamp) != scheme.timestamp.is_some() {
            return Err(
                "a time stamp is worth something only if it is signed: set both the time stamp header and \
                        its place in the template, or neither"
                    .to_owned(),
            );
        }
        let timestamp = match &scheme.timestamp {
            Some(stamp) => Some((header_name(&stamp.header)?, whole_seconds(stamp.tolerance))),
            None => None,
        };
        Ok(Self {
            header: header_name(&scheme.header)?,
            prefix: scheme.prefix.clone(),
            encoding: scheme.encoding,
            digest_len: match scheme.hash {
                Hash::Sha1 => 20,
                Hash::Sha256 => 32,
                Hash::Sha512 => 64,
            },
            template: scheme.template.clone(),
            timestamp,
            keys: secrets
                .iter()
                .map(|secret| Key::new(scheme.hash, secret.expose()))
                .collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn verify(&self, request: &Presented<'_>, now: Timestamp) -> Result<usize, Refusal> {
        let malformed = || Refusal::Malformed(format!("`{}` is not a signature of the configured form", self.header));
        let shown = the_only(request.headers, &self.header)?;
        let digits = shown.strip_prefix(self.prefix.as_bytes()).ok_or_else(malformed)?;
        let mut buffer = [0_u8; 66];
        let tag = decode(self.encoding, digits, self.digest_len, &mut buffer).ok_or_else(malformed)?;
        let stamp = match &self.timestamp {
            Some((name, tolerance)) => Some((the_only(request.headers, name)?, name, *tolerance)),
            None => None,
        };
        let stamp_text = stamp.map_or(&b""[..], |(text, ..)| text);

        let mut matched = None;
        for (index, key) in self.keys.iter().enumerate() {
            let mut key = key.clone();
            feed(&mut key, &self.template, stamp_text, request.body);
            // No way out of the loop: the time must not tell which secret it was.
            if key.verify(tag) && matched.is_none() {
                matched = Some(index);
            }
        }
        let matched = matched.ok_or(Refusal::NoMatch(self.keys.len()))?;
        if let Some((text, name, tolerance)) = stamp {
            within(epoch_seconds(text, name)?, tolerance, now)?;
        }
        Ok(matched)
    }
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
