//! From a URL to a connection: resolve, check every address, dial exactly a checked one, TLS.
//!
//! This is the only place that opens connections, and it judges the address that is really dialled. So neither a name that
//! resolves differently the second time nor a spelling that a parser reads differently gets past the guard. A pooled
//! connection stays with the address that was checked.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use rustls::pki_types::ServerName;
use schemas::BoxFuture;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::error::SendError;
use super::guard::{Blocked, Guard};
use super::lack;
use super::place::Place;
use super::proxy::{Proxy, Refusal};
use super::stream::Stream;

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
    time_limit: Duration,
}

impl Connector {
    pub(super) fn new(guard: Guard, resolver: Arc<dyn Resolve>, time_limit: Duration) -> Self {
        Self(Arc::new(Inner {
            guard,
            resolver,
            time_limit,
        }))
    }

    /// A connection to the host of `uri`, as the options of its place say.
    pub(super) async fn connect(&self, uri: &Uri, place: &Place) -> Result<Stream, SendError> {
        let inner = &*self.0;
        let deadline = Instant::now() + inner.time_limit;
        let connected = timeout_at(deadline, Box::pin(inner.connect(uri, place, deadline))).await;
        connected.map_err(|_| SendError::Connect(format!("no connection within {:?}", inner.time_limit)))?
    }
}

/// Where a connection is to lead, as the URL says.
struct Target<'a> {
    host: Host<&'a str>,
    /// The host, where it is a name.
    name: Option<&'a str>,
    port: u16,
    encrypted: bool,
}

impl Inner {
    async fn connect(&self, uri: &Uri, place: &Place, deadline: Instant) -> Result<Stream, SendError> {
        // The parser of the registration reads the text once more, so that both mean the same host.
        let unusable = || SendError::Connect("the URL has no usable host".to_owned());
        let url = Url::parse(&uri.to_string()).map_err(|_| unusable())?;
        self.guard.check_url(&url)?;
        let target = Target {
            host: url.host().ok_or_else(unusable)?,
            name: url.domain(),
            port: url.port_or_known_default().ok_or_else(unusable)?,
            encrypted: url.scheme() == "https",
        };
        let tcp = match &place.options.proxy {
            None => {
                let addresses = self.allowed(&target).await?;
                self.dial_checked(&target, &addresses, deadline).await?
            }
            Some(proxy) => {
                let addresses = self.allowed(&target).await.map_err(behind_proxy)?;
                self.tunnel(proxy, &target, &addresses, deadline).await?
            }
        };
        if target.encrypted {
            encrypt(&place.tls, &target, tcp).await
        } else {
            Ok(Stream::Plain(tcp))
        }
    }

    /// The addresses of the target that may be dialled, at least one. An answer of name servers is a state and no property of the
    /// URL: what the guard refuses of it is left out, and if nothing remains, that is worth another try later.
    async fn allowed(&self, target: &Target<'_>) -> Result<Vec<IpAddr>, SendError> {
        let check = |address| {
            self.guard
                .check_address_of(target.name, address, target.port, target.encrypted)
        };
        let name = match target.host {
            Host::Ipv4(address) => return Ok(check(address.into()).map(|()| vec![address.into()])?),
            Host::Ipv6(address) => return Ok(check(address.into()).map(|()| vec![address.into()])?),
            Host::Domain(name) => name,
        };
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in self.resolve(name).await? {
            match check(address) {
                Ok(()) => allowed.push(address),
                Err(blocked) => {
                    tracing::debug!(name, %address, "left out: the guard does not allow it");
                    refused.get_or_insert(blocked);
                }
            }
        }
        match refused {
            Some(blocked) if allowed.is_empty() => Err(SendError::astray(name, blocked)),
            _ => Ok(allowed),
        }
    }

    /// All addresses of a name, at least one.
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

    /// A connection to one of the addresses that were checked, and to nothing else.
    async fn dial_checked(
        &self,
        target: &Target<'_>,
        addresses: &[IpAddr],
        deadline: Instant,
    ) -> Result<TcpStream, SendError> {
        let stream = dial(addresses, target.port, deadline).await?;
        let failed = |e: io::Error| lack::of(&e).map_or_else(|| SendError::Connect(e.to_string()), SendError::Lack);
        let peer = stream.peer_addr().map_err(failed)?;
        // What the system connected to in the end: for 0.0.0.0 that is this machine.
        let checked = self
            .guard
            .check_address_of(target.name, peer.ip(), peer.port(), target.encrypted);
        checked.map_err(|blocked: Blocked| match target.name {
            Some(name) => SendError::astray(name, blocked),
            None => blocked.into(),
        })?;
        Ok(stream)
    }

    /// A connection through a proxy to one of the addresses that were checked. Each gets its share of the time that is left
    /// once the proxy is reached.
    async fn tunnel(
        &self,
        proxy: &Proxy,
        target: &Target<'_>,
        addresses: &[IpAddr],
        deadline: Instant,
    ) -> Result<TcpStream, SendError> {
        let no_host = || SendError::Connect("the proxy's URL has no host".to_owned());
        let own = match proxy.host().ok_or_else(no_host)? {
            Host::Ipv4(address) => vec![address.into()],
            Host::Ipv6(address) => vec![address.into()],
            Host::Domain(name) => self.resolve(name).await.map_err(|e| of_proxy(proxy, e))?,
        };
        let mut failure = SendError::Connect(format!("the proxy {} was not asked", proxy.name()));
        let mut left = addresses.len().min(MAX_ADDRESSES);
        for address in addresses.iter().take(left) {
            let dialled = dial(&own, proxy.port(), deadline).await;
            let mut stream = dialled.map_err(|e| of_proxy(proxy, e))?;
            let share = share(deadline, left);
            left -= 1;
            let asked = proxy.connect(&mut stream, SocketAddr::new(*address, target.port));
            failure = match timeout(share, asked).await {
                Ok(Ok(())) => return Ok(stream),
                Ok(Err(Refusal::Broken(error))) => return Err(error),
                Ok(Err(Refusal::Unreached(error))) => error,
                Err(_) => SendError::Connect(format!("the proxy {} did not answer within {share:?}", proxy.name())),
            };
        }
        Err(failure)
    }
}

/// What an error of the target's name means where a proxy is to be asked.
fn behind_proxy(error: SendError) -> SendError {
    match error {
        SendError::Resolve { host, reason } => SendError::Resolve {
            host,
            reason: format!(
                "{reason}; a name has to resolve here even if a proxy dials it, so that its address can be checked"
            ),
        },
        other => other,
    }
}

/// What an error on the way to the proxy is called.
fn of_proxy(proxy: &Proxy, error: SendError) -> SendError {
    match error {
        SendError::Resolve { reason, .. } => SendError::Connect(format!(
            "the name of the proxy {} cannot be resolved: {reason}",
            proxy.name()
        )),
        SendError::Connect(reason) => {
            SendError::Connect(format!("the proxy {} is not reached: {reason}", proxy.name()))
        }
        other => other,
    }
}

/// The part of the time until `deadline` that the first of `left` may take, so that a dead one leaves time for the others.
fn share(deadline: Instant, left: usize) -> Duration {
    deadline.saturating_duration_since(Instant::now()) / u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

/// Tries one address after the other.
async fn dial(addresses: &[IpAddr], port: u16, deadline: Instant) -> Result<TcpStream, SendError> {
    let mut failure = String::new();
    // More than a few dead addresses are not worth the slot that waits for them.
    let mut left = addresses.len().min(MAX_ADDRESSES);
    for address in addresses.iter().take(left) {
        let address = SocketAddr::new(*address, port);
        let share = share(deadline, left);
        left -= 1;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%address, %error, "cannot turn off Nagle's algorithm");
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

async fn encrypt(connector: &TlsConnector, target: &Target<'_>, tcp: TcpStream) -> Result<Stream, SendError> {
    let tls = |reason: String| SendError::Tls(reason);
    let name = match target.host {
        Host::Ipv4(address) => ServerName::IpAddress(IpAddr::V4(address).into()),
        Host::Ipv6(address) => ServerName::IpAddress(IpAddr::V6(address).into()),
        // The dot of a fully qualified name is not part of what certificates hold.
        Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|_| tls(format!("`{name}` cannot be in a certificate")))?,
    };
    let failed = |e: io::Error| lack::of(&e).map_or_else(|| tls(e.to_string()), SendError::Lack);
    let stream = connector.connect(name, tcp).await.map_err(failed)?;
    Ok(Stream::Tls(Box::new(stream)))
}
