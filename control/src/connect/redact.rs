//! Keeps secrets out of everything that is shown.
//!
//! Two nets, because either alone has holes: the secrets that we know are taken out of any text, in every spelling that they
//! travel in; and in JSON that we pass on (a session's whole configuration, with other people's webhooks in it) the values of
//! members that hold secrets are taken out by name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemas::secret::Secret;
use schemas::source::percent_encoded;
use serde_json::Value;
use zeroize::Zeroizing;

use super::ingest_url;

/// What stands where a secret stood.
pub(super) const REDACTED: &str = "[redacted]";

/// Members whose value is a secret, in lower case.
const SECRET_MEMBERS: &[&str] = &[
    "secret",
    "secret_token",
    "key",
    "jwt_key",
    "password",
    "token",
    "authorization",
    "webhookverifytoken",
    "apikey",
    "value",
];

/// Knows the secrets of one order.
#[derive(Default)]
pub(super) struct Redactor {
    /// The longest first, so that a secret that contains another goes whole.
    known: Vec<Zeroizing<String>>,
}

impl Redactor {
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Self {
        let mut redactor = Self::default();
        secrets.for_each(|secret| redactor.learn(secret));
        redactor
    }

    /// Takes out `secret`, too, from here on.
    pub(super) fn learn(&mut self, secret: &Secret) {
        let Some(text) = secret.expose_str() else { return };
        self.learn_text(text);
        if let Some((user, password)) = text.split_once(':') {
            // As it stands in front of a host, where other characters are encoded than in a path; and alone.
            if let Ok(mut url) = url::Url::parse("http://a.example")
                && url.set_username(user).is_ok()
                && url.set_password(Some(password)).is_ok()
            {
                self.learn_text(url.password().unwrap_or_default());
            }
            self.learn_text(password);
        }
        self.known.sort_by_key(|known| std::cmp::Reverse(known.len()));
    }

    fn learn_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let json = Value::String(text.to_owned()).to_string();
        for spelling in [
            text.to_owned(),
            percent_encoded(text.as_bytes()),
            form_encoded(text),
            json[1..json.len() - 1].to_owned(),
            BASE64.encode(text),
        ] {
            if !self.known.iter().any(|known| **known == spelling) {
                self.known.push(Zeroizing::new(spelling));
            }
        }
    }

    /// `text` without the known secrets.
    pub(super) fn text(&self, text: &str) -> String {
        // A part of what was put in must not be taken for a secret again: `e` would be found in it.
        let mut pieces = vec![(text.to_owned(), false)];
        for known in &self.known {
            pieces = pieces
                .into_iter()
                .flat_map(|(piece, done)| {
                    if done || !piece.contains(known.as_str()) {
                        return vec![(piece, done)];
                    }
                    let mut parts = Vec::new();
                    for (index, part) in piece.split(known.as_str()).enumerate() {
                        if index > 0 {
                            parts.push((REDACTED.to_owned(), true));
                        }
                        parts.push((part.to_owned(), false));
                    }
                    parts
                })
                .collect();
        }
        pieces.into_iter().map(|(piece, _)| piece).collect()
    }

    /// `json` on one line without secrets. URLs that are not `ours` are cut to scheme and host: their paths may be secret.
    pub(super) fn json(&self, json: &Value, ours: &dyn Fn(&str) -> bool) -> String {
        let mut shown = json.clone();
        mask(&mut shown, None, ours);
        self.text(&shown.to_string())
    }
}

fn mask(value: &mut Value, member: Option<&str>, ours: &dyn Fn(&str) -> bool) {
    match value {
        Value::Object(members) => members
            .iter_mut()
            .for_each(|(name, value)| mask(value, Some(name), ours)),
        Value::Array(elements) => elements.iter_mut().for_each(|element| mask(element, member, ours)),
        Value::String(text) => {
            let name = member.unwrap_or_default().to_ascii_lowercase();
            // `headers` of Evolution are free: all of their names may hold one, and `x-…` is how most are spelt.
            if SECRET_MEMBERS.contains(&name.as_str()) || name.starts_with("x-") {
                REDACTED.clone_into(text);
            } else if let Ok(url) = url::Url::parse(text)
                && url.has_host()
                && !ours(text)
            {
                *text = format!("{}/[another URL]", ingest_url::origin(&url));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// As `application/x-www-form-urlencoded` writes it.
fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_taken_out_in_every_spelling() {
        let secret = Secret::new("p@ss\"wörd/1");
        let redactor = Redactor::new([&secret].into_iter());
        let text = secret.expose_str().expect("text");
        for spelling in [
            text.to_owned(),
            percent_encoded(text.as_bytes()),
            form_encoded(text),
            json!(text).to_string(),
            format!("Basic {}", BASE64.encode(text)),
        ] {
            let shown = redactor.text(&format!("a {spelling} b"));
            assert!(shown.contains(REDACTED), "{shown}");
            assert!(
                !shown.contains("rd/1") && !shown.contains("rd%2F1") && !shown.contains("p@ss"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_password_is_taken_out_in_front_of_a_host_too() {
        let secret = Secret::new("user:p@ss w!rd");
        let redactor = Redactor::new([&secret].into_iter());
        let shown = redactor.text("https://user:p%40ss%20w!rd@a.example/ and p@ss w!rd");
        assert_eq!(shown, "https://user:[redacted]@a.example/ and [redacted]");
    }

    #[test]
    fn a_secret_within_a_secret_goes_with_it_and_a_short_one_does_not_eat_what_was_put_in() {
        let secrets = [Secret::new("d"), Secret::new("abcdef")];
        let redactor = Redactor::new(secrets.iter());
        assert_eq!(redactor.text("abcdef d"), "[redacted] [redacted]");
    }

    #[test]
    fn members_that_hold_secrets_and_urls_of_others_are_masked() {
        let body = json!({
            "url": "https://ours.example/in/a",
            "webhooks": [{"url": "https://other.example/hook/very-secret", "hmac": {"key": "k1"},
                          "customHeaders": [{"name": "X-A", "value": "v1"}]}],
            "headers": {"X-Api": "h1", "jwt_key": "j1"},
            "proxy": {"server": "proxy:1", "password": "p1"},
        });
        let shown = Redactor::default().json(&body, &|url| url.starts_with("https://ours.example"));
        for gone in ["very-secret", "k1", "v1", "h1", "j1", "p1"] {
            assert!(!shown.contains(gone), "{gone} in {shown}");
        }
        assert!(shown.contains("https://ours.example/in/a"), "{shown}");
        assert!(shown.contains("https://other.example/[another URL]"), "{shown}");
        assert!(shown.contains("proxy:1"), "{shown}");
    }
}
