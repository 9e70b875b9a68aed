//! One HTTP request at a time, over a connection of its own: HTTP/1.1, TLS by rustls, no redirects, no proxies from the
//! environment, no second try.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// The whole of one request, from resolving the name to the end of the answer.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A list of webhooks is far below this.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Talks to the APIs of platforms.
#[derive(Clone)]
pub struct Client {
    tls: TlsConnector,
    time_limit: Duration,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of certificates is of no use.
    #[error("cannot use the certificates in `{path}`: {reason}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// The TLS library refused its own settings.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Client {
    /// Trusts the public certificate authorities, and those in `ca_file` (PEM), for a platform that runs on a private one.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, ClientError> {
        let mut roots = rustls::RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if let Some(path) = ca_file {
            let broken = |reason: String| ClientError::CaFile {
                path: path.to_owned(),
                reason,
            };
            let before = roots.len();
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| broken(e.to_string()))? {
                let certificate = certificate.map_err(|e| broken(e.to_string()))?;
                roots.add(certificate).map_err(|e| broken(e.to_string()))?;
            }
            if roots.len() == before {
                return Err(broken("it holds no certificate".to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            time_limit: TIME_LIMIT,
        })
    }

    /// The same with another limit for the whole of one request; 20 seconds otherwise.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Sends one request. The error is the reason in words, which name neither path nor query.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        timeout(self.time_limit, self.exchange(method, url, headers, body))
            .await
            .unwrap_or_else(|_| Err(format!("it did not answer within {:?}", self.time_limit)))
    }

    async fn exchange(&self, method: Method, url: &Url, mut headers: HeaderMap, body: Bytes) -> Result<Answer, String> {
        let host = url.host().ok_or("the URL has no host")?;
        let port = url.port_or_known_default().ok_or("the URL has no port")?;
        let tcp = match &host {
            Host::Domain(name) => TcpStream::connect((*name, port)).await,
            Host::Ipv4(address) => TcpStream::connect((*address, port)).await,
            Host::Ipv6(address) => TcpStream::connect((*address, port)).await,
        };
        let tcp = tcp.map_err(|e| format!("cannot connect: {e}"))?;

        let authority = url
            .port()
            .map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        let authority = HeaderValue::from_str(&authority).map_err(|_| "the host is not usable")?;
        headers.insert(HOST, authority);
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().map_err(|_| "the path is not usable")?;
        *request.headers_mut() = headers;

        if url.scheme() == "https" {
            let name = match host {
                Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
                    .map_err(|_| "the name cannot be in a certificate")?,
                Host::Ipv4(address) => ServerName::IpAddress(std::net::IpAddr::V4(address).into()),
                Host::Ipv6(address) => ServerName::IpAddress(std::net::IpAddr::V6(address).into()),
            };
            let stream = self.tls.connect(name, tcp).await;
            converse(stream.map_err(|e| format!("cannot agree on TLS: {e}"))?, request).await
        } else {
            converse(tcp, request).await
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, String> {
    let broke = |e: hyper::Error| format!("the connection broke: {e}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
    // Ends with the answer: `sender` is dropped here. What goes wrong with it shows in the answer, too.
    let connection = tokio::spawn(connection);
    let answer = async {
        let (parts, body) = sender.send_request(request).await.map_err(broke)?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|e| format!("the answer cannot be read to its end: {e}"))?;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        })
    };
    let answer = answer.await;
    connection.abort();
    answer
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}
