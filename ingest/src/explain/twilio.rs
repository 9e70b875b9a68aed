//! Findings about Twilio's signature, which covers the URL.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HOST;
use schemas::secret::Secret;
use schemas::source::{Hash, Scheme, Source};

use super::search::secrets;
use crate::authenticate::hmac::Key;
use crate::authenticate::twilio::{self, Algorithm};
use crate::judge::Captured;

/// Which URL a Twilio signature is for, if not for the one that is expected.
pub(super) fn twilio(source: &Source, others: &[Arc<Source>], captured: &Captured, findings: &mut Vec<String>) {
    let Some(shown) = captured.headers.get(twilio::SIGNATURE) else {
        findings.push(format!("there is no `{}`", twilio::SIGNATURE));
        return;
    };
    let Ok(tag) = STANDARD.decode(shown.as_bytes()) else {
        findings.push(format!("`{}` is not base64", twilio::SIGNATURE));
        return;
    };
    let Some(made) = Algorithm::of_length(tag.len()) else {
        findings.push(format!(
            "it has {} bytes, as neither HMAC_SHA1 nor HMAC_SHA256 has",
            tag.len()
        ));
        return;
    };
    if let Some(named) = Algorithm::of(&captured.headers).ok().filter(|named| *named != made) {
        let there = captured.headers.contains_key(twilio::SETTINGS);
        findings.push(format!(
            "it is as long as {}, but {} `{}` it has to be {}",
            made.name(),
            if there { "by the header" } else { "without a header" },
            twilio::SETTINGS,
            named.name()
        ));
    }
    let hash = match made {
        Algorithm::HmacSha1 => Hash::Sha1,
        Algorithm::HmacSha256 => Hash::Sha256,
    };
    let parameters = if twilio::is_form(&captured.headers) {
        twilio::joined(&captured.body).unwrap_or_default()
    } else {
        String::new()
    };
    let configured = match &source.scheme {
        Some(Scheme::Twilio { url: Some(url) }) => Some(url.trim_end_matches('/').to_owned()),
        _ => None,
    };
    let urls = urls(configured.as_deref(), captured);
    for (name, secret) in secrets(source, others) {
        for url in &urls {
            for target in [captured.origin_form(), captured.path()] {
                if signs(secret, hash, &tag, &format!("{url}{target}{parameters}")) {
                    let query = if target == captured.origin_form() {
                        ""
                    } else {
                        ", without the query"
                    };
                    let asked = if configured.as_ref() == Some(url) {
                        ""
                    } else {
                        ": is `url` of the scheme that?"
                    };
                    findings.push(format!("it is a signature for `{url}`{query}, with {name}{asked}"));
                    return;
                }
            }
        }
    }
    findings.push(format!(
        "it matches none of {} URLs made of http, https and the hosts in the headers: set `url` of the scheme to scheme and host \
         of the URL that Twilio was given; a proxy that rewrites the path breaks the signature too",
        urls.len()
    ));
}

/// The URLs that it may be for: the configured one, and all that are made of the hosts in the headers.
fn urls(configured: Option<&str>, captured: &Captured) -> Vec<String> {
    let hosts = [HOST.as_str(), "x-forwarded-host", "x-original-host"]
        .into_iter()
        .filter_map(|name| captured.headers.get(name)?.to_str().ok());
    let mut urls: Vec<String> = configured.map(str::to_owned).into_iter().collect();
    for host in hosts {
        let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
        for scheme in ["https", "http"] {
            for authority in [
                host.to_owned(),
                bare.to_owned(),
                format!("{bare}:443"),
                format!("{bare}:80"),
            ] {
                urls.push(format!("{scheme}://{authority}"));
            }
        }
    }
    urls.dedup();
    urls
}

fn signs(secret: &Secret, hash: Hash, tag: &[u8], input: &str) -> bool {
    let Ok(mut mac) = Key::new(hash, secret.expose()) else {
        return false;
    };
    mac.update(input.as_bytes());
    mac.verify(tag)
}
