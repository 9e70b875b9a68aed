//! What `forebay dev` prints when it starts: everything that a first webhook needs, in 80 columns.

use schemas::source::Source;
use schemas::time::Timestamp;
use url::Url;

use super::Flags;

/// How many sources are shown.
const SHOWN: usize = 30;

/// The width of the URLs without a secret in them; a longer one moves what follows.
const URL_WIDTH: usize = 34;

/// What is to be said.
pub(super) struct Facts<'f> {
    /// The file of the configuration; none for the built-in one, whose secrets are no secrets.
    pub(super) file: Option<&'f str>,
    pub(super) data: &'f str,
    /// The base URLs.
    pub(super) base: String,
    pub(super) admin: String,
    /// In the order in which they are shown.
    pub(super) sources: Vec<&'f Source>,
    /// Where events are forwarded to, and the secret that they are signed with.
    pub(super) forward: Option<(&'f [Url], &'f str)>,
    pub(super) flags: &'f Flags,
    /// Whether what is typed is read.
    pub(super) keys: bool,
}

/// The lines.
pub(super) fn of(facts: &Facts<'_>) -> Vec<String> {
    let Flags { config, data, url } = facts.flags;
    let configuration = facts.file.unwrap_or("built in; there is no forebay.yaml here");
    let mut lines = vec![
        format!("forebay {} dev", env!("CARGO_PKG_VERSION")),
        format!("configuration  {configuration}"),
        format!("data           {}", facts.data),
        format!("metrics        {}/metrics, and /readyz", facts.admin),
    ];
    if let Some((urls, secret)) = facts.forward {
        lines.extend(urls.iter().map(|url| format!("forwarding to  {url}")));
        lines.push(format!("               signing secret {secret}"));
        lines.push("               verify the header webhook-signature (Standard Webhooks)".to_owned());
    }
    lines.push(String::new());
    lines.extend(webhooks(facts));
    lines.push(String::new());
    lines.push(format!("try  forebay send chatwoot{url}{config}"));
    lines.push(format!("     forebay tail{data}{config}"));
    if facts.forward.is_none() {
        lines.push(format!(
            "     forebay dev --forward-to http://localhost:3000/hook{data}{config}"
        ));
    }
    if facts.keys {
        lines.push("keys r sends the last event again, ? says more, q ends; each with Enter".to_owned());
    }
    lines.push("times are UTC".to_owned());
    lines.push(String::new());
    lines
}

/// The URLs to register.
fn webhooks(facts: &Facts<'_>) -> Vec<String> {
    let mut lines = vec![match facts.file {
        None => "webhooks: the URL to register, and the secret to sign with".to_owned(),
        Some(file) => format!("webhooks: the URL to register; the secrets are in {file}"),
    }];
    if facts.sources.is_empty() {
        lines.push("  none: no source is configured, and nothing can be received".to_owned());
    }
    for source in facts.sources.iter().take(SHOWN) {
        if facts.file.is_none() {
            lines.extend(with_secret(&facts.base, source));
        } else {
            let url = format!("{}{}", facts.base, control::connect::shown_path(source));
            lines.push(format!("  {url:<URL_WIDTH$} {}", source.platform));
        }
    }
    match facts.sources.len().saturating_sub(SHOWN) {
        0 => {}
        more => lines.push(format!("  and {more} more: forebay sources list{}", facts.flags.config)),
    }
    lines
}

/// A source of the built-in configuration, with its secrets: everyone knows them.
fn with_secret(base: &str, source: &Source) -> Vec<String> {
    let Some(secret) = source.secrets.first() else {
        return vec![format!("  {base}{}", source.path())];
    };
    let signed = ingest::sign(source, secret, "{}", Timestamp::now(), "msg_1");
    let suffix = signed.map(|signed| signed.path_suffix).unwrap_or_default();
    let url = format!("{base}{}{suffix}", source.path());
    if !suffix.is_empty() {
        return vec![format!("  {url}")];
    }
    let secret = secret.expose_str().unwrap_or_default();
    let mut lines = vec![format!("  {url:<URL_WIDTH$} {secret}")];
    if let Some(token) = source.verify_token.as_ref().and_then(|token| token.expose_str()) {
        lines.push(format!("  {:<URL_WIDTH$} verify token {token}", ""));
    }
    lines
}

#[cfg(test)]
mod tests {
    use schemas::source::SourceDirectory as _;

    use super::*;
    use crate::{assemble, config};

    fn banner(file: Option<&str>, base: &str) -> Vec<String> {
        let loaded = config::load_dev(None, std::path::Path::new("forebay-data")).expect("built in");
        let registry = assemble::registry(&loaded).expect("valid");
        let mut sources: Vec<_> = registry.sources().map(AsRef::as_ref).collect();
        sources.sort_by(|a, b| a.id.cmp(&b.id));
        assert!(registry.find("chatwoot").is_some());
        let url = Url::parse("http://localhost:3000/hook").expect("a URL");
        of(&Facts {
            file,
            data: "forebay-data",
            base: base.to_owned(),
            admin: "http://127.0.0.1:9464".to_owned(),
            sources,
            forward: Some((&[url], "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")),
            flags: &Flags::default(),
            keys: true,
        })
    }

    #[test]
    fn it_fits_80_columns_and_shows_each_url_and_secret() {
        let lines = banner(None, "http://127.0.0.1:24001");
        for line in &lines {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let text = lines.join("\n");
        for part in [
            "http://127.0.0.1:24001/in/chatwoot",
            "chatwoot-dev-secret",
            "http://127.0.0.1:24001/in/digisac/digisac-dev-url-secret",
            "whsec_Zm9yZWJheS1kZXYtc3RhbmRhcmQta2V5LTAx",
            "whatsapp-dev-verify-token",
            "http://localhost:3000/hook",
            "signing secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn the_secrets_of_a_file_are_not_shown() {
        let text = banner(Some("forebay.yaml"), "http://127.0.0.1:8080").join("\n");
        assert!(text.contains("the secrets are in forebay.yaml"), "{text}");
        assert!(text.contains("http://127.0.0.1:8080/in/digisac/[redacted]"), "{text}");
        for secret in ["chatwoot-dev-secret", "digisac-dev-url-secret", "verify-token"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}
