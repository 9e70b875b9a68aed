//! Findings about a signature that does not match: what it would have matched.

use std::sync::Arc;

use schemas::source::{Encoding, Hash, HmacScheme, Source};

use super::search::{self, Match};
use super::words::template_text;
use crate::decide::Reason;
use crate::judge::Captured;

/// What a signature that does not match would have matched.
pub(super) fn signature(
    source: &Source,
    others: &[Arc<Source>],
    captured: &Captured,
    scheme: Option<&HmacScheme>,
    reason: Reason,
    findings: &mut Vec<String>,
) {
    if reason == Reason::OutsideTolerance {
        return;
    }
    let header = scheme.map_or("webhook-signature", |scheme| deciding(scheme, captured));
    let count = captured.headers.get_all(header).iter().count();
    if count == 0 {
        let like = captured.headers.keys().map(http::HeaderName::as_str).filter(|name| {
            ["signature", "hmac", "token", "authorization"]
                .iter()
                .any(|word| name.contains(word))
        });
        let like: Vec<_> = like.map(|name| format!("`{name}`")).collect();
        findings.push(match like.as_slice() {
            [] => format!(
                "there is no `{header}`, and no other header that looks like a signature: does the sender sign at all?"
            ),
            like => format!("there is no `{header}`, but there is {}", like.join(", ")),
        });
    } else if count > 1 {
        findings.push(format!("`{header}` occurs {count} times: a proxy may have added one"));
    }
    let secrets = search::secrets(source, others);
    let template = scheme.map(|scheme| template_text(&scheme.template));
    let own = search::own(source);
    let matches = search::search(captured, &secrets, own, template.as_deref());
    let differing = |found: &Match| differences(found, scheme, header);
    match matches.iter().map(differing).min_by_key(Vec::len) {
        Some(differences) if differences.is_empty() => {
            findings.push("the digest itself is right: only the form of the header is not".to_owned());
        }
        Some(differences) => findings.push(format!("the digest matches {}", differences.join(", "))),
        None => findings.push(format!(
            "the digest matches none of the {} secret(s) that were tried (the source's {}, the other sources' {}), read as they \
             are, as base64 and as hexadecimal, over the body alone and with each time stamp and id in the headers, nor the body in \
             other spellings: the secret is another one, or the body was changed on its way",
            secrets.len(),
            own,
            secrets.len() - own
        )),
    }
}

/// The name of the header that decides.
fn deciding<'s>(scheme: &'s HmacScheme, captured: &Captured) -> &'s str {
    let renamed = scheme.renamed.as_deref();
    renamed
        .filter(|name| captured.headers.contains_key(*name))
        .unwrap_or(&scheme.header)
}

/// What of a match is not as the scheme says, in words.
fn differences(found: &Match, scheme: Option<&HmacScheme>, header: &str) -> Vec<String> {
    let standard = scheme.is_none();
    let mut differences = Vec::new();
    if !found.secret.starts_with("secret number") {
        differences.push(format!("with {}", found.secret));
    }
    if found.key != if standard { "decoded from base64" } else { "" } {
        let reading = if found.key.is_empty() { "as it is" } else { found.key };
        differences.push(format!("with the secret {reading}"));
    }
    if found.hash != scheme.map_or(Hash::Sha256, |scheme| scheme.hash) {
        differences.push(format!("with {}", found.hash.as_str()));
    }
    if found.encoding != scheme.map_or(Encoding::Base64, |scheme| scheme.encoding) {
        differences.push(format!("written as {}", found.encoding.as_str()));
    }
    if found.header != header && !(standard && found.header == "svix-signature") {
        differences.push(format!("in the header `{}`", found.header));
    }
    let template = scheme.map_or_else(
        || "{id}.{timestamp}.{body}".to_owned(),
        |scheme| template_text(&scheme.template),
    );
    if found.template != template {
        differences.push(format!("over the template `{}`", found.template));
    }
    if !found.spelling.is_empty() {
        differences.push(format!(
            "over {}: the sender signed other bytes than were captured; capture the bytes themselves, not what a tool shows",
            found.spelling
        ));
    }
    differences
}
