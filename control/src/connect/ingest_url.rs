//! Our URL for a source, and what a platform has to be given so that the source can prove itself.

use std::fmt::Write as _;

use schemas::secret::Secret;
use schemas::source::{Scheme, Source, TokenPlace, percent_encoded};
use url::Url;

use super::error::ConnectError;

/// How a source proves itself, as far as registering it cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// A secret in the path: in the URL already.
    UrlSecret,
    /// A secret in the query: in the URL already.
    Query(String),
    /// User and password.
    Basic,
    /// A fixed text in this header, in lower case.
    Header(String),
    /// A fixed text in this member of the body.
    Body(String),
    /// A JSON Web Token in this header, in lower case.
    Jwt(String),
    /// A keyed hash.
    Signature,
    /// Nothing.
    Open,
}

impl Proof {
    /// The proof of `source`: its own scheme, or its platform's.
    pub(super) fn of(source: &Source) -> Self {
        match source.scheme() {
            Scheme::UrlSecret => Self::UrlSecret,
            Scheme::Token(TokenPlace::Query(name)) => Self::Query(name),
            Scheme::Token(TokenPlace::Header(name)) => Self::Header(name),
            Scheme::Token(TokenPlace::Body(name)) => Self::Body(name),
            Scheme::Basic => Self::Basic,
            Scheme::Jwt(jwt) => Self::Jwt(jwt.header),
            Scheme::Hmac(_) | Scheme::StandardWebhooks { .. } | Scheme::Twilio { .. } => Self::Signature,
            Scheme::None => Self::Open,
        }
    }
}

/// How `source` proves itself, by the names in the configuration: its scheme, and the secret in the URL besides if it asks for two
/// proofs.
pub fn proofs(source: &Source) -> String {
    let scheme = source.scheme().name();
    if source.url_secrets.is_empty() {
        return scheme.to_owned();
    }
    format!("{scheme}+url_secret")
}

/// The path of our URL for `source`, after the public base URL, without the secret in it.
pub fn shown_path(source: &Source) -> String {
    let second = if source.url_secrets.is_empty() {
        ""
    } else {
        "/[redacted]"
    };
    let path = source.path() + second;
    match Proof::of(source) {
        Proof::UrlSecret => format!("{path}/[redacted]"),
        Proof::Query(name) => format!("{path}?{}=[redacted]", percent_encoded(name.as_bytes())),
        _ => path,
    }
}

/// Our URL for a source.
#[derive(Debug)]
pub(super) struct IngestUrl {
    url: String,
    /// Host and path up to the source id: whatever leads there leads to this source.
    host: String,
    path: String,
    /// The URL as it may be shown.
    shown: String,
}

impl IngestUrl {
    /// `base` is the public URL of ingest: scheme, host, and a path if a proxy puts one before ours.
    pub(super) fn new(base: &Url, source: &Source, proof: &Proof) -> Result<Self, ConnectError> {
        let wrong = |reason: &str| Err(ConnectError::Order(format!("--url is not usable: {reason}")));
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return wrong("write scheme and host, as in https://hooks.example.com");
        }
        if !base.username().is_empty() || base.password().is_some() {
            return wrong("it must hold neither user nor password");
        }
        if base.query().is_some() || base.fragment().is_some() {
            return wrong("the source's own path goes after it, so it must hold neither query nor fragment");
        }
        let mut url = base.clone();
        url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), source.path()));
        let (host, path) = (host(&url), url.path().to_owned());
        let secret = source.secrets.first().map(Secret::expose).unwrap_or_default();
        let mut text = url.to_string();
        let mut shown = text.clone();
        if let Some(second) = source.url_secrets.first() {
            let _written = write!(text, "/{}", percent_encoded(second.expose()));
            shown.push_str("/[redacted]");
        }
        match proof {
            Proof::UrlSecret => {
                let _written = write!(text, "/{}", percent_encoded(secret));
                shown.push_str("/[redacted]");
            }
            Proof::Query(name) => {
                let name = percent_encoded(name.as_bytes());
                let _written = write!(text, "?{name}={}", percent_encoded(secret));
                let _written = write!(shown, "?{name}=[redacted]");
            }
            Proof::Basic | Proof::Header(_) | Proof::Body(_) | Proof::Jwt(_) | Proof::Signature | Proof::Open => {}
        }
        Ok(Self {
            url: text,
            host,
            path,
            shown,
        })
    }

    /// What to register, with the secret where the scheme has one in the URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The same without secret, to show.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The same with `user:password` in front of the host, for platforms that take credentials there.
    pub(super) fn with_credentials(&self, secret: &Secret) -> Option<String> {
        let mut url = Url::parse(&self.url).ok()?;
        let (user, password) = secret.expose_str()?.split_once(':')?;
        url.set_username(user).ok()?;
        url.set_password(Some(password)).ok()?;
        Some(url.into())
    }

    /// Whether a registered URL leads to this source, with whatever scheme, port or secret.
    pub(super) fn is_led_to_by(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        let rest = url.path().strip_prefix(&self.path);
        host(&url) == self.host && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether senders reach us over TLS.
    pub(super) fn is_encrypted(&self) -> bool {
        self.url.starts_with("https:")
    }

    /// The port in the URL, or the scheme's own.
    pub(super) fn port(&self) -> Option<u16> {
        Url::parse(&self.url).ok()?.port_or_known_default()
    }
}

/// Whether two texts are one URL: `https://a` and `https://a:443/` are.
pub(super) fn same_url(one: &str, other: &str) -> bool {
    one == other || matches!((Url::parse(one), Url::parse(other)), (Ok(one), Ok(other)) if one == other)
}

/// The host for messages; the path may hold a secret.
pub(super) fn host_of(url: &str) -> String {
    Url::parse(url).map_or_else(|_| "a URL that cannot be read".to_owned(), |url| host(&url))
}

/// Scheme, host and port.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use schemas::name::{SourceId, Tenant};
    use schemas::platform::Platform;

    use super::*;

    fn source(platform: Platform, scheme: Option<Scheme>, secret: &str) -> Source {
        Source {
            scheme,
            ..Source::new(
                SourceId::new("line-1").expect("a name"),
                Tenant::new("default").expect("a name"),
                platform,
                vec![Secret::new(secret)],
            )
        }
    }

    fn ingest_url(base: &str, source: &Source) -> Result<IngestUrl, ConnectError> {
        IngestUrl::new(&Url::parse(base).expect("a URL"), source, &Proof::of(source))
    }

    #[test]
    fn the_secret_stands_in_the_url_where_the_scheme_wants_it_and_is_not_shown() {
        let digisac = source(Platform::Digisac, None, "a/b c");
        let ours = ingest_url("https://hooks.example.com", &digisac).expect("a URL");
        assert_eq!(ours.url(), "https://hooks.example.com/in/line-1/a%2Fb%20c");
        assert_eq!(ours.shown(), "https://hooks.example.com/in/line-1/[redacted]");

        let query = Scheme::Token(TokenPlace::Query("t".into()));
        let ours = ingest_url(
            "https://a.example/proxy/",
            &source(Platform::Digisac, Some(query), "x&y"),
        )
        .expect("a URL");
        assert_eq!(ours.url(), "https://a.example/proxy/in/line-1?t=x%26y");
        assert_eq!(ours.shown(), "https://a.example/proxy/in/line-1?t=[redacted]");

        let ours = ingest_url("http://a.example:8080/", &source(Platform::Github, None, "s")).expect("a URL");
        assert_eq!(ours.url(), "http://a.example:8080/in/line-1");
        assert_eq!(ours.shown(), ours.url());
    }

    #[test]
    fn a_second_proof_stands_in_the_path_whatever_the_first_is() {
        let query = Scheme::Token(TokenPlace::Query("t".into()));
        for (scheme, path, shown, name) in [
            (None, "/in/line-1/p%2Fq", "/in/line-1/[redacted]", "hmac+url_secret"),
            (
                Some(Scheme::Basic),
                "/in/line-1/p%2Fq",
                "/in/line-1/[redacted]",
                "basic+url_secret",
            ),
            (
                Some(query),
                "/in/line-1/p%2Fq?t=s",
                "/in/line-1/[redacted]?t=[redacted]",
                "token+url_secret",
            ),
        ] {
            let github = Source {
                url_secrets: vec![Secret::new("p/q"), Secret::new("older")],
                ..source(Platform::Github, scheme, "s")
            };
            let ours = ingest_url("https://a.example", &github).expect("a URL");
            assert_eq!(ours.url(), format!("https://a.example{path}"));
            assert_eq!(ours.shown(), format!("https://a.example{shown}"));
            assert_eq!(shown_path(&github), shown);
            assert_eq!(proofs(&github), name);
        }
    }

    #[test]
    fn whatever_leads_to_the_source_is_ours_and_nothing_else() {
        let ours = ingest_url("https://a.example", &source(Platform::Digisac, None, "new")).expect("a URL");
        for yes in [
            "https://a.example/in/line-1",
            "https://A.example:443/in/line-1/old",
            "http://a.example:8080/in/line-1/old/messages-upsert",
            "https://user:password@a.example/in/line-1?t=1",
        ] {
            assert!(ours.is_led_to_by(yes), "{yes}");
        }
        for no in [
            "https://a.example/in/line-10",
            "https://a.example/in/line",
            "https://b.example/in/line-1",
            "https://a.example/x/in/line-1",
            "not a URL",
            "",
        ] {
            assert!(!ours.is_led_to_by(no), "{no}");
        }
    }

    #[test]
    fn a_base_url_that_cannot_work_is_refused() {
        let github = source(Platform::Github, None, "s");
        for (base, expected) in [
            ("ftp://a.example", "scheme and host"),
            ("https://u:p@a.example", "neither user nor password"),
            ("https://a.example/?x=1", "neither query nor fragment"),
        ] {
            let error = ingest_url(base, &github).expect_err(base).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
