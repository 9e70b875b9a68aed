//! A proxy that connections of one destination go through (`CONNECT`, RFC 9110 §9.3.6), for networks that let nothing else out.
//!
//! Only the configuration names one, never the environment. Its own address is not judged by the guard: who names it means it, so
//! naming one is for the operator and for no one else. The destination is judged as ever: its name is resolved here, and
//! the proxy is asked for an address that was checked, never for a name. So the proxy dials what the guard has seen, and a name that
//! does not resolve here is an error that says so.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use schemas::secret::Secret;
use schemas::setting::Invalid;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use url::{Host, Url};

use super::error::SendError;
use super::lack;

/// The longest head of a proxy's answer.
const MAX_HEAD: usize = 16 * 1024;

/// A proxy, with what it is to be told of us. Cheap to clone.
#[derive(Clone)]
pub struct Proxy(Arc<Named>);

struct Named {
    /// Without user and password.
    url: Url,
    port: u16,
    /// The value of `proxy-authorization`.
    authorization: Option<Secret>,
}

impl Proxy {
    /// A proxy from `http://[user:password@]host:port`. The place of what is wrong is empty, and the reason never has the password.
    pub fn new(url: &Url) -> Result<Self, Invalid> {
        let wrong = |reason: &str| Invalid::new("", reason);
        if url.scheme() != "http" {
            return Err(wrong(
                "is not an `http` URL: proxies are spoken to as `http://[user:password@]host:port`",
            ));
        }
        let port = url.port_or_known_default();
        let (Some(_), Some(port)) = (url.host(), port) else {
            return Err(wrong("has no host: write `http://[user:password@]host:port`"));
        };
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong(
                "has a path or a query, which a proxy has not: write `http://[user:password@]host:port`",
            ));
        }
        let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
            pair.push(b':');
            pair.extend(percent_decode_str(url.password().unwrap_or_default()));
            let pair = Secret::new(pair);
            Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
        });
        let mut bare = url.clone();
        if bare.set_username("").is_err() || bare.set_password(None).is_err() {
            return Err(wrong("has no host: write `http://[user:password@]host:port`"));
        }
        Ok(Self(Arc::new(Named {
            url: bare,
            port,
            authorization,
        })))
    }

    pub(super) fn host(&self) -> Option<Host<&str>> {
        self.0.url.host()
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port
    }

    /// How it is named in errors.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.0.url.host_str().unwrap_or_default(), self.0.port)
    }

    /// Asks the proxy at the other end of `stream` for `target`. What follows on the stream is the target's.
    pub(super) async fn connect(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        target: SocketAddr,
    ) -> Result<(), Refusal> {
        let broke = |e: io::Error| {
            Refusal::Broken(lack::of(&e).map_or_else(
                || SendError::Connect(format!("the connection to the proxy {} broke: {e}", self.name())),
                SendError::Lack,
            ))
        };
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n").into_bytes();
        if let Some(authorization) = &self.0.authorization {
            request.extend_from_slice(b"proxy-authorization: ");
            request.extend_from_slice(authorization.expose());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let request = Secret::new(request);
        stream.write_all(request.expose()).await.map_err(broke)?;
        stream.flush().await.map_err(broke)?;
        let said = |reason: String| Refusal::Broken(SendError::Connect(format!("the proxy {} {reason}", self.name())));
        let mut head = Vec::with_capacity(512);
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= MAX_HEAD {
                return Err(said(format!("answers with more than {MAX_HEAD} bytes of header")));
            }
            // Byte by byte, and once per connection: what follows the head belongs to the target.
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(said("closed the connection instead of answering".to_owned()));
                }
                Err(e) => return Err(broke(e)),
            }
        }
        match status(&head) {
            Some(200..=299) => Ok(()),
            Some(407) => Err(said(match self.0.authorization {
                Some(_) => "does not accept the user and password that its URL has (407)".to_owned(),
                None => "wants a user and a password (407): write `http://user:password@host:port`".to_owned(),
            })),
            // Some proxies answer 500 for whatever they do not reach.
            Some(status @ (500 | 502..=504)) => Err(Refusal::Unreached(SendError::Connect(format!(
                "the proxy {} does not reach {target}: it answered {status}",
                self.name()
            )))),
            Some(status) => Err(said(format!("refused to connect to {target}: it answered {status}"))),
            None => Err(said("does not answer in HTTP".to_owned())),
        }
    }
}

/// Why a proxy gives no connection.
pub(super) enum Refusal {
    /// Another address of the same name may do.
    Unreached(SendError),
    /// No other will.
    Broken(SendError),
}

/// The status of an answer's head.
fn status(head: &[u8]) -> Option<u16> {
    let rest = head
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, after) = rest.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(after.first(), Some(b' ' | b'\r')) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        let secret = |proxy: &Self| proxy.0.authorization.as_ref().map(|s| s.expose().to_vec());
        Arc::ptr_eq(&self.0, &other.0) || (self.0.url == other.0.url && secret(self) == secret(other))
    }
}

impl Eq for Proxy {}

impl std::hash::Hash for Proxy {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.url.hash(state);
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str) -> Result<Proxy, Invalid> {
        Proxy::new(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn a_proxy_is_an_http_url_of_a_host_and_nothing_more() {
        for good in [
            "http://proxy.test:3128",
            "http://10.0.0.1:3128/",
            "http://[::1]:8080",
            "http://proxy.test",
        ] {
            proxy(good).expect(good);
        }
        for bad in [
            "https://proxy.test:3128",
            "socks5://proxy.test:1080",
            "http://u:hunter2@proxy.test:3128/path",
            "http://u:hunter2@proxy.test:3128/?q",
            "ftp://u:hunter2@proxy.test/",
        ] {
            let error = proxy(bad).expect_err(bad).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_password_is_told_to_the_proxy_and_to_nobody_else() {
        let named = proxy("http://us%40er:p%3Ass%20w@proxy.test:3128").expect("a proxy");
        let told = named.0.authorization.as_ref().expect("a user").expose().to_vec();
        assert_eq!(told, format!("Basic {}", STANDARD.encode("us@er:p:ss w")).into_bytes());
        assert_eq!(format!("{named:?}"), "Proxy(proxy.test:3128)");
        assert_ne!(named, proxy("http://proxy.test:3128").expect("a proxy"));
        assert_ne!(named, proxy("http://us%40er:other@proxy.test:3128").expect("a proxy"));
        assert_eq!(
            named,
            proxy("http://us%40er:p%3Ass%20w@proxy.test:3128/").expect("a proxy")
        );
    }

    #[test]
    fn the_status_is_read_from_a_head_that_is_http() {
        for (head, expected) in [
            (&b"HTTP/1.1 200 Connection established\r\n\r\n"[..], Some(200)),
            (b"HTTP/1.0 407 \r\n\r\n", Some(407)),
            (b"HTTP/1.1 502\r\n\r\n", Some(502)),
            (b"HTTP/1.1 2000 x\r\n\r\n", None),
            (b"HTTP/2 200 x\r\n\r\n", None),
            (b"SSH-2.0-x\r\n\r\n", None),
            (b"HTTP/1.1 +20 x\r\n\r\n", None),
            (b"\r\n\r\n", None),
        ] {
            assert_eq!(status(head), expected, "{:?}", String::from_utf8_lossy(head));
        }
    }
}
