//! From a URL to a connection: resolve, check every address, dial exactly a checked one, TLS.
//!
//! This is the only place that opens connections, and it judges the address that is really dialled. So neither a name that
//! resolves differently the second time nor a spelling that a parser reads differently gets past the guard. A pooled
//! connection stays with the address that was checked.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use schemas::BoxFuture;
use schemas::setting::Invalid;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

use super::error::SendError;
use super::guard::Guard;
use super::lack;

/// How names become addresses. Only names come here: addresses written as such are dialled as they stand.
pub trait Resolve: Send + Sync + fmt::Debug {
    /// All addresses of `host`.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|a| a.ip()).collect()) })
    }
}

/// How many of a name's addresses are tried.
const MAX_ADDRESSES: usize = 8;

/// Makes connections for the pool.
#[derive(Clone)]
pub(super) struct Connector(Arc<Inner>);

struct Inner {
    guard: Guard,
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
    time_limit: Duration,
}

impl Connector {
    pub(super) fn new(guard: Guard, resolver: Arc<dyn Resolve>, tls: TlsConnector, time_limit: Duration) -> Self {
        Self(Arc::new(Inner {
            guard,
            resolver,
            tls,
            time_limit,
        }))
    }

    /// A connection to the host of `uri`.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<Stream, SendError> {
        let inner = &*self.0;
        let deadline = Instant::now() + inner.time_limit;
        let connected = timeout_at(deadline, Box::pin(inner.connect(uri, deadline))).await;
        connected.map_err(|_| SendError::Connect(format!("no connection within {:?}", inner.time_limit)))?
    }
}

impl Inner {
    async fn connect(&self, uri: &Uri, deadline: Instant) -> Result<Stream, SendError> {
        // The parser of the registration reads the text once more, so that both mean the same host.
        let unusable = || SendError::Connect("the URL has no usable host".to_owned());
        let url = Url::parse(&uri.to_string()).map_err(|_| unusable())?;
        self.guard.check_url(&url)?;
        let encrypted = url.scheme() == "https";
        let port = url.port_or_known_default().ok_or_else(unusable)?;
        let addresses = match url.host().ok_or_else(unusable)? {
            Host::Ipv4(address) => vec![address.into()],
            Host::Ipv6(address) => vec![address.into()],
            Host::Domain(name) => self.resolve(name).await?,
        };
        for address in &addresses {
            self.guard.check_address_of(url.domain(), *address, port, encrypted)?;
        }
        let tcp = self.dial(&url, &addresses, port, deadline).await?;
        if encrypted {
            self.encrypt(&url, tcp).await
        } else {
            Ok(Stream::Plain(tcp))
        }
    }

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, SendError> {
        let failed = |reason: String| SendError::Resolve {
            host: name.to_owned(),
            reason,
        };
        match self.resolver.resolve(name).await {
            Ok(addresses) if addresses.is_empty() => Err(failed("it has no address".to_owned())),
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(lack::to_resolve(&error).map_or_else(|| failed(error.to_string()), SendError::Lack)),
        }
    }

    /// Tries one address after the other; each gets its share of the time that is left, so that a dead first one leaves
    /// time for the others.
    async fn dial(
        &self,
        url: &Url,
        addresses: &[IpAddr],
        port: u16,
        deadline: Instant,
    ) -> Result<TcpStream, SendError> {
        let mut failure = String::new();
        // More than a few dead addresses are not worth the slot that waits for them.
        let mut left = addresses.len().min(MAX_ADDRESSES);
        for address in addresses.iter().take(left) {
            let address = SocketAddr::new(*address, port);
            let share = deadline.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(u32::MAX);
            left -= 1;
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let failed =
                        |e: io::Error| lack::of(&e).map_or_else(|| SendError::Connect(e.to_string()), SendError::Lack);
                    let peer = stream.peer_addr().map_err(failed)?;
                    // What the system connected to in the end: for 0.0.0.0 that is this machine.
                    let encrypted = url.scheme() == "https";
                    self.guard
                        .check_address_of(url.domain(), peer.ip(), peer.port(), encrypted)?;
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%peer, %error, "cannot turn off Nagle's algorithm");
                    }
                    return Ok(stream);
                }
                Ok(Err(error)) => match lack::to_connect(&error, address) {
                    // The other addresses would lack the same.
                    Some(lack) => return Err(SendError::Lack(lack)),
                    None => failure = format!("{address}: {error}"),
                },
                Err(_) => failure = format!("{address}: no answer"),
            }
        }
        Err(SendError::Connect(failure))
    }

    async fn encrypt(&self, url: &Url, tcp: TcpStream) -> Result<Stream, SendError> {
        let tls = |reason: String| SendError::Tls(reason);
        let name = match url.host() {
            Some(Host::Ipv4(address)) => ServerName::IpAddress(IpAddr::V4(address).into()),
            Some(Host::Ipv6(address)) => ServerName::IpAddress(IpAddr::V6(address).into()),
            // The dot of a fully qualified name is not part of what certificates hold.
            Some(Host::Domain(name)) => ServerName::try_from(name.trim_end_matches('.').to_owned())
                .map_err(|_| tls(format!("`{name}` cannot be in a certificate")))?,
            None => return Err(tls("the URL has no host".to_owned())),
        };
        let failed = |e: io::Error| lack::of(&e).map_or_else(|| tls(e.to_string()), SendError::Lack);
        let stream = self.tls.connect(name, tcp).await.map_err(failed)?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

/// TLS by rustls with ring, both passed explicitly: a process-wide default would depend on what else is linked.
pub(super) fn tls(ca_file: Option<&Path>) -> Result<TlsConnector, Invalid> {
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca_file {
        let broken = |reason: String| {
            let path = path.display();
            let reason = format!("is `{path}`, which is not a readable PEM file of certificates: {reason}");
            Invalid::new("ca_file", reason)
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
        .with_safe_default_protocol_versions()
        .map_err(|e| Invalid::new("", format!("TLS cannot be set up: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(client)))
}

/// A connection, encrypted or not.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
