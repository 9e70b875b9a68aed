//! The HTTP client of deliveries: hyper-util's pooled one over our own [`Connector`].
//!
//! It does exactly one request per call: no redirects, no proxies from the environment, no decompression, no second try
//! of what a receiver may have seen (only a request of which no byte was sent moves on to a fresh connection). HTTP/1.1.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TE, TRANSFER_ENCODING, UPGRADE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::Url;

use super::config::{Config, ConfigError};
use super::connect::{Connector, Resolve, SystemResolver};
use super::guard::{Blocked, Guard};
use super::verdict::Class;

/// An answer's header may have so many fields, and together so many bytes.
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Posts, to places that its guard lets pass. Cheap to clone; clones share the pool.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
    guard: Guard,
    user_agent: HeaderValue,
    response_max_bytes: usize,
}

/// A URL that passed the guard's first check.
#[derive(Debug, Clone)]
pub struct Destination(Uri);

/// What came back.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The header.
    pub headers: HeaderMap,
    /// The body, up to `response_max_bytes`, encoded as it was sent. Never to be repeated to whoever registered the URL:
    /// it may come from a place that only we reach.
    pub body: Bytes,
    /// Whether that is the whole body: it may be longer, or not have come in time.
    pub complete: bool,
}

/// Why there is no answer. Texts name hosts and addresses, never path, query or secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The guard forbids it. Trying again will not help.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// A header that would change how the request is framed or routed. Trying again will not help.
    #[error("the header `{0}` is not for callers to set")]
    Header(HeaderName),
    /// The name has no address.
    #[error("cannot resolve `{host}`: {reason}")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        reason: String,
    },
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No encrypted connection: the certificate is not trusted, or for another name, or they speak no common version.
    #[error("cannot agree on TLS: {0}")]
    Tls(String),
    /// The time of the whole attempt is up.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Network(String),
    /// What came back is not an HTTP answer that we take.
    #[error("the answer cannot be read: {0}")]
    Protocol(String),
}

impl Client {
    /// A client with the guard that `config` asks for.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Self::with(config, Guard::new(config), Arc::new(SystemResolver))
    }

    /// A client with another guard or resolver.
    pub fn with(config: &Config, guard: Guard, resolver: Arc<dyn Resolve>) -> Result<Self, ConfigError> {
        let user_agent = HeaderValue::from_str(&config.user_agent).map_err(|_| ConfigError::Value {
            key: "user_agent",
            value: config.user_agent.clone(),
            rule: "use printable ASCII only",
        })?;
        if config.connect_timeout_ms == 0 {
            return Err(ConfigError::Value {
                key: "connect_timeout_ms",
                value: "0".to_owned(),
                rule: "use at least 1",
            });
        }
        let time_limit = Duration::from_millis(config.connect_timeout_ms);
        let connector = Connector::new(guard.clone(), resolver, tls(config)?, time_limit);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(config.pool_idle_seconds))
            .http1_max_headers(MAX_HEADERS)
            .http1_max_buf_size(MAX_HEADER_BYTES)
            .build(connector);
        Ok(Self {
            http,
            guard,
            user_agent,
            response_max_bytes: config.response_max_bytes,
        })
    }

    /// Checks `url` as far as it can be without resolving it.
    pub fn destination(&self, url: &Url) -> Result<Destination, SendError> {
        self.guard.check_url(url)?;
        let uri = url.as_str().parse::<Uri>();
        uri.map(Destination)
            .map_err(|e| SendError::Connect(format!("the URL is not usable: {e}")))
    }

    /// Posts `body` once. `timeout` is for all of it, from resolving to the end of the answer's body; an answer whose
    /// status came in time is an answer.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Response, SendError> {
        let destination = self.destination(url)?;
        for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, TE, UPGRADE] {
            if headers.contains_key(&name) {
                return Err(SendError::Header(name));
            }
        }
        self.send(&destination, headers, body, timeout).await
    }

    /// Like [`Self::post`], for a destination checked before and headers that are our own.
    pub(super) async fn send(
        &self,
        destination: &Destination,
        mut headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Response, SendError> {
        headers.entry(USER_AGENT).or_insert_with(|| self.user_agent.clone());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = destination.0.clone();
        *request.headers_mut() = headers;

        let deadline = Instant::now() + timeout;
        let answer = timeout_at(deadline, self.http.request(request)).await;
        let (parts, body) = answer
            .map_err(|_| SendError::Timeout(timeout))?
            .map_err(|e| SendError::of(&e))?
            .into_parts();
        let mut read = Vec::new();
        let complete = body.is_end_stream()
            || timeout_at(deadline, read_up_to(body, self.response_max_bytes, &mut read))
                .await
                .unwrap_or(false);
        Ok(Response {
            status: parts.status,
            headers: parts.headers,
            body: read.into(),
            complete,
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

/// Whether the body ended inside `limit`. Dropping the rest closes its connection.
async fn read_up_to(mut body: Incoming, limit: usize, read: &mut Vec<u8>) -> bool {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        if let Some(data) = frame.data_ref() {
            let room = limit - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return false;
            }
        }
    }
    true
}

impl SendError {
    /// Finds our own error, or hyper's, in the layers around it.
    fn of(error: &legacy::Error) -> Self {
        let mut deepest = error.to_string();
        let mut unreadable = false;
        let mut source = StdError::source(error);
        while let Some(cause) = source {
            if let Some(ours) = cause.downcast_ref::<Self>() {
                return ours.clone();
            }
            if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
                unreadable |= hyper.is_parse();
            }
            deepest = cause.to_string();
            source = cause.source();
        }
        if unreadable {
            Self::Protocol(deepest)
        } else {
            Self::Network(deepest)
        }
    }

    /// The class in metrics.
    pub fn class(&self) -> Class {
        match self {
            Self::Blocked(_) | Self::Header(_) => Class::Blocked,
            Self::Resolve { .. } => Class::Dns,
            Self::Connect(_) => Class::Connect,
            Self::Tls(_) => Class::Tls,
            Self::Timeout(_) => Class::Timeout,
            Self::Network(_) => Class::Network,
            Self::Protocol(_) => Class::Protocol,
        }
    }
}

/// TLS by rustls with ring, both passed explicitly: a process-wide default would depend on what else is linked.
fn tls(config: &Config) -> Result<TlsConnector, ConfigError> {
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = &config.ca_file {
        let broken = |reason: String| ConfigError::CaFile {
            path: path.display().to_string(),
            reason,
        };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|e| broken(e.to_string()))?;
        let before = roots.len();
        for certificate in certificates {
            let certificate = certificate.map_err(|e| broken(e.to_string()))?;
            roots.add(certificate).map_err(|e| broken(e.to_string()))?;
        }
        if roots.len() == before {
            return Err(broken("it holds no certificate".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(client)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    thread_local! {
        static CLIENT: Client =
            Client::with(&Config::default(), Guard::allow_all(), Arc::new(SystemResolver)).expect("a client");
    }

    #[test]
    fn a_value_that_cannot_work_is_named() {
        let error = |config: Config| Client::new(&config).expect_err("not usable").to_string();
        let user_agent = "a\r\nhost: b".to_owned();
        assert!(
            error(Config {
                user_agent,
                ..Config::default()
            })
            .contains("`user_agent`")
        );
        let connect_timeout_ms = 0;
        assert!(
            error(Config {
                connect_timeout_ms,
                ..Config::default()
            })
            .contains("`connect_timeout_ms` is `0`")
        );
    }

    /// Texts that parsers of URLs have disagreed about.
    fn piece() -> impl Strategy<Value = String> {
        let known = [
            "a",
            "@",
            ":",
            "/",
            "\\\\",
            "?",
            "#",
            "#@",
            "[::1]",
            "[",
            "]",
            "127.0.0.1",
            "0x7f.1",
            "①②⑦",
            "。",
            ".",
            "..",
            "%2f",
            "%00",
            "%40",
            "\t",
            "\n",
            " ",
            "é",
            "xn--",
            "ß",
            "::",
            ":80",
            ":0",
            ":99999",
            "example.com",
            "\u{200b}",
            "|",
            "<",
            "{",
            "^",
        ];
        prop_oneof![
            proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
            "[a-z]{250,300}",
            any::<char>().prop_map(|c| c.to_string()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn the_url_that_was_checked_and_the_one_that_is_dialled_have_the_same_host(
            scheme in "https?",
            slashes in "[/\\\\]{0,3}",
            rest in proptest::collection::vec(piece(), 1..6),
        ) {
            let Ok(url) = Url::parse(&format!("{scheme}:{slashes}{}", rest.concat())) else { return Ok(()) };
            let client = CLIENT.with(Client::clone);
            let Ok(Destination(uri)) = client.destination(&url) else { return Ok(()) };
            // What the connector does with what the pool hands it.
            let dialled = Url::parse(&uri.to_string()).expect("a URL");
            prop_assert_eq!(dialled.host(), url.host());
            prop_assert_eq!(dialled.port_or_known_default(), url.port_or_known_default());
            prop_assert_eq!(uri.host().map(str::to_owned), url.host_str().map(str::to_owned));
        }
    }
}
