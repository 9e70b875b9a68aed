//! Looks for what a digest could have been made of: with which secret, read how, over what, by which hash.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use schemas::secret::Secret;
use schemas::source::{Encoding, Hash, Source};

use super::respell::spellings;
use crate::authenticate::hmac::Key;
use crate::judge::Captured;

/// Standard or URL-safe, with or without padding: a search for mistakes is not strict.
const BASE64: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT),
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT),
];
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// How many secrets of other sources are tried.
const MAX_OTHERS: usize = 500;

/// A way in which the digest does match: the words for everything about it, the usual left out by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) header: String,
    pub(super) secret: String,
    /// How the secret was read; empty for its bytes as they are.
    pub(super) key: &'static str,
    pub(super) hash: Hash,
    pub(super) encoding: Encoding,
    /// What was hashed, as a template.
    pub(super) template: String,
    /// How the body was spelled; empty for as captured.
    pub(super) spelling: &'static str,
}

/// The secrets to try: their names, and themselves. Those of the URL too: the two proofs are easily mixed up.
pub(super) fn secrets<'s>(source: &'s Source, others: &'s [Arc<Source>]) -> Vec<(String, &'s Secret)> {
    let own = (1..)
        .zip(&source.secrets)
        .map(|(number, secret)| (format!("secret number {number}"), secret));
    let in_path = (1..)
        .zip(&source.url_secrets)
        .map(|(number, secret)| (format!("number {number} of `url_secrets`"), secret));
    let others = others.iter().filter(|other| other.id != source.id).flat_map(|other| {
        let name = format!("the secret of the source `{}`", other.id);
        let in_path = format!("one of the `url_secrets` of the source `{}`", other.id);
        let secrets = other.secrets.iter().map(move |secret| (name.clone(), secret));
        secrets.chain(other.url_secrets.iter().map(move |secret| (in_path.clone(), secret)))
    });
    own.chain(in_path).chain(others.take(MAX_OTHERS)).collect()
}

/// How many of [`secrets`] are the source's own.
pub(super) fn own(source: &Source) -> usize {
    source.secrets.len() + source.url_secrets.len()
}

/// All ways that match, with the captured body or else with the first of its spellings. The first `own` secrets are the
/// source's; the others' are tried with the body as captured only. `template` is tried before the usual ones.
pub(super) fn search(
    captured: &Captured,
    secrets: &[(String, &Secret)],
    own: usize,
    template: Option<&str>,
) -> Vec<Match> {
    let digests = digests(&captured.headers);
    let stamps = stamps(&captured.headers);
    let usual = [
        "{body}",
        "{timestamp}.{body}",
        "{timestamp}{body}",
        "v0:{timestamp}:{body}",
        "{id}.{timestamp}.{body}",
        "{path}{body}",
    ];
    let usual = usual.into_iter().filter(|usual| template != Some(*usual));
    let templates: Vec<&str> = template.into_iter().chain(usual).collect();
    let mut found = Vec::new();
    for (words, body) in spellings(&captured.body) {
        let secrets = if words.is_empty() { secrets } else { &secrets[..own] };
        for template in &templates {
            for input in inputs(template, captured, &stamps, &body) {
                for (name, secret) in secrets {
                    for (reading, key) in readings(secret) {
                        for (header, encoding, digest) in &digests {
                            let hash = match digest.len() {
                                20 => Hash::Sha1,
                                32 => Hash::Sha256,
                                _ => Hash::Sha512,
                            };
                            let Ok(mut mac) = Key::new(hash, &key) else { continue };
                            mac.update(&input);
                            if mac.verify(digest) {
                                found.push(Match {
                                    header: header.clone(),
                                    secret: name.clone(),
                                    key: reading,
                                    hash,
                                    encoding: *encoding,
                                    template: (*template).to_owned(),
                                    spelling: words,
                                });
                            }
                        }
                    }
                }
            }
        }
        if !found.is_empty() {
            return found;
        }
    }
    found
}

/// Everything in the headers that may be a digest: the header, the encoding, the bytes.
fn digests(headers: &HeaderMap) -> Vec<(String, Encoding, Vec<u8>)> {
    let mut digests = Vec::new();
    for (name, value) in headers {
        let Ok(text) = value.to_str() else { continue };
        for piece in text.split([',', ' ']) {
            let stripped = piece
                .trim()
                .split_once('=')
                .filter(|(key, rest)| key.len() <= 8 && !rest.trim_matches('=').is_empty());
            let piece = stripped.map_or(piece, |(_, rest)| rest).trim();
            let mut push = |encoding, bytes: Vec<u8>| {
                if matches!(bytes.len(), 20 | 32 | 64) {
                    digests.push((name.to_string(), encoding, bytes));
                }
            };
            if let Ok(bytes) = hex::decode(piece) {
                push(Encoding::Hex, bytes);
            } else if let Some(bytes) = BASE64.iter().find_map(|engine| engine.decode(piece).ok()) {
                push(Encoding::Base64, bytes);
            }
        }
    }
    digests.dedup();
    digests
}

/// Everything in the headers that may be a time stamp.
fn stamps(headers: &HeaderMap) -> Vec<String> {
    let mut stamps = Vec::new();
    for value in headers.values().filter_map(|value| value.to_str().ok()) {
        let pieces = value
            .split(',')
            .map(|piece| piece.split_once('=').map_or(piece, |(_, rest)| rest).trim());
        stamps.extend(pieces.filter(|piece| is_stamp(piece)).map(str::to_owned));
    }
    stamps.sort();
    stamps.dedup();
    stamps.truncate(8);
    stamps
}

fn is_stamp(text: &str) -> bool {
    let digits = matches!(text.len(), 9..=14) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits || schemas::time::Timestamp::parse(text).is_some()
}

/// What the template stands for, once for each time stamp and id that there may be.
fn inputs(template: &str, captured: &Captured, stamps: &[String], body: &[u8]) -> Vec<Vec<u8>> {
    let none = [String::new()];
    let stamps = if template.contains("{timestamp}") {
        stamps
    } else {
        &none
    };
    let ids: Vec<&str> = if template.contains("{id}") {
        let named = captured
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().ends_with("-id"));
        named.filter_map(|(_, value)| value.to_str().ok()).take(4).collect()
    } else {
        vec![""]
    };
    let mut inputs = Vec::new();
    for stamp in stamps {
        for id in &ids {
            let (before, after) = template.split_once("{body}").unwrap_or((template, ""));
            let fill = |text: &str| {
                text.replace("{timestamp}", stamp)
                    .replace("{id}", id)
                    .replace("{path}", captured.origin_form())
            };
            inputs.push([fill(before).as_bytes(), body, fill(after).as_bytes()].concat());
        }
    }
    inputs
}

/// The ways in which a secret may be meant.
fn readings(secret: &Secret) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = secret.expose();
    let mut readings = vec![("", bytes.to_vec())];
    let mut push = |words, key: Option<Vec<u8>>| {
        readings.extend(key.filter(|key| key != bytes).map(|key| (words, key)));
    };
    push("without the white space around it", Some(bytes.trim_ascii().to_vec()));
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    let bare = text.strip_prefix("whsec_").unwrap_or(text);
    push("without `whsec_`", Some(bare.as_bytes().to_vec()));
    push(
        "decoded from base64",
        BASE64.iter().find_map(|engine| engine.decode(bare).ok()),
    );
    push("decoded from hexadecimal", hex::decode(text).ok());
    readings
}
