//! What the tests need around a client: name servers, receivers with TLS, a proxy that follows a script.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use harness::receiver::{Answer, Receiver};
use http::{HeaderMap, Method};
use net::client::{
    Allowed, Authorities, Client, Guard, Identity, Options, Proxy, Resolve, Response, SendError, Settings,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use schemas::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Answers questions for addresses in turn, the last answer for ever.
#[derive(Debug)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|a| a.parse().expect("an address")).collect();
        Arc::new(Self {
            answers: Mutex::new(answers.iter().map(parse).collect()),
            asked: Mutex::default(),
        })
    }

    /// The names that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.asked.lock().expect("no panic").push(host.to_owned());
        let mut answers = self.answers.lock().expect("no panic");
        let answer = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    }
}

/// A client that may reach 127.0.0.1 to 127.0.0.3.
pub(crate) fn client(script: &Arc<Script>) -> Client {
    let guard = Guard::new(Allowed {
        networks: vec!["127.0.0.0/30".parse().expect("a network")],
        ..Allowed::default()
    });
    client_of(guard, script)
}

pub(crate) fn client_of(guard: Guard, script: &Arc<Script>) -> Client {
    let settings = Settings {
        connect_timeout: Duration::from_secs(1),
        ..Settings::default()
    };
    Client::new(&settings, guard, Arc::clone(script) as _).expect("a client")
}

/// The status of a request, and how many bytes of body came with it.
pub(crate) async fn ask(client: &Client, url: &str, options: &Options) -> Result<Response, SendError> {
    let destination = client.destination_with(&Url::parse(url).expect("a URL"), options)?;
    client
        .request_to(
            Method::POST,
            &destination,
            HeaderMap::new(),
            Bytes::from_static(b"{}"),
            PATIENCE,
        )
        .await
}

pub(crate) async fn status(client: &Client, url: &str, options: &Options) -> Result<u16, SendError> {
    ask(client, url, options).await.map(|response| response.status.as_u16())
}

pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/client/tls")
        .join(name)
}

pub(crate) fn trusting(authority: &str) -> Options {
    Options {
        authorities: Some(Authorities::from_file(&file(authority)).expect("an authority")),
        ..Options::default()
    }
}

pub(crate) fn identity(name: &str) -> Identity {
    Identity::from_files(&file(&format!("{name}.pem")), &file(&format!("{name}.key"))).expect("an identity")
}

/// How a receiver speaks TLS.
pub(crate) fn server_config(client_authority: Option<&str>, protocols: &[&[u8]]) -> TlsAcceptor {
    let certificates = CertificateDer::pem_file_iter(file("server.pem")).expect("a file");
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match client_authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let authority = CertificateDer::from_pem_file(file(authority)).expect("a certificate");
            roots.add(authority).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let mut config = builder
        .with_single_cert(certificates.map(|c| c.expect("a certificate")).collect(), key)
        .expect("a configuration");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// A receiver over TLS for `localhost`, `receiver.test` and 127.0.0.1, and how many connections got through the handshake.
pub(crate) async fn secure(client_authority: Option<&str>) -> (Receiver, Arc<AtomicUsize>) {
    let acceptor = server_config(client_authority, &[b"http/1.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let receiver = Receiver::detached(listener.local_addr().expect("bound"), [Answer::Status(200)]);
    let (serving, count) = (receiver.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("accept");
            let (acceptor, serving, counted) = (acceptor.clone(), serving.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    counted.fetch_add(1, Ordering::SeqCst);
                    serving.serve(stream).await;
                }
            });
        }
    });
    (receiver, count)
}

/// What a proxy does once it was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    /// Connects.
    Tunnel,
    /// Says that, and closes.
    Say(&'static [u8]),
    /// Nothing.
    Hang,
    /// Sends the same for ever.
    Flood(&'static [u8]),
}

/// A proxy that follows a script, the last entry for ever.
#[derive(Clone)]
pub(crate) struct TestProxy {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl TestProxy {
    pub(crate) async fn start(script: &[Asked]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let proxy = Self {
            address: listener.local_addr().expect("bound"),
            heads: Arc::default(),
            connections: Arc::default(),
        };
        let script = Arc::new(Mutex::new(script.iter().copied().collect::<VecDeque<_>>()));
        let this = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("accept");
                this.connections.fetch_add(1, Ordering::SeqCst);
                let next = {
                    let mut script = script.lock().expect("no panic");
                    match script.len() {
                        0 | 1 => script.front().copied(),
                        _ => script.pop_front(),
                    }
                };
                tokio::spawn(this.clone().serve(stream, next.expect("a script")));
            }
        });
        proxy
    }

    async fn serve(self, mut stream: TcpStream, asked: Asked) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).expect("text");
        let target = head.split(' ').nth(1).expect("a target").to_owned();
        self.heads.lock().expect("no panic").push(head);
        match asked {
            Asked::Tunnel => {
                let mut through = TcpStream::connect(target).await.expect("the target");
                let established = b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n";
                stream.write_all(established).await.expect("written");
                // Either side may hang up.
                drop(copy_bidirectional(&mut stream, &mut through).await);
            }
            Asked::Say(said) => drop(stream.write_all(said).await),
            Asked::Hang => std::future::pending().await,
            Asked::Flood(said) => while stream.write_all(said).await.is_ok() {},
        }
    }

    /// What it was asked for, each a request's head.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic").clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Options to go through it, as that user (`user:password@` or nothing).
    pub(crate) fn options(&self, user: &str) -> Options {
        through(&format!("http://{user}{}", self.address))
    }
}

pub(crate) fn through(url: &str) -> Options {
    let proxy = Proxy::new(&Url::parse(url).expect("a URL")).expect("a proxy");
    Options {
        proxy: Some(proxy),
        ..Options::default()
    }
}
