//! The same over TLS: a platform with a certificate of a private authority, which only --ca-file makes trusted.

use std::path::PathBuf;
use std::sync::Arc;

use control::connect::{Client, ConnectError, Order, Registration};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use schemas::platform::Platform as Name;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::fake::{order, run, run_with, source};

/// The certificates of the HTTP sink's tests: for `localhost` and 127.0.0.1, by an authority of their own.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../sinks/tests/http/tls")
        .join(name)
}

/// Answers every request with an empty list; returns its port.
async fn start() -> u16 {
    let chain = CertificateDer::pem_file_iter(file("server.pem")).expect("the chain");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("the key");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            // Whoever does not trust the certificate breaks off here.
            let Ok(mut stream) = acceptor.accept(tcp).await else {
                continue;
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a request"));
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]";
            stream.write_all(answer).await.expect("answered");
            stream.shutdown().await.expect("closed");
        }
    });
    port
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_when_it_is_named_and_only_for_its_names() {
    let port = start().await;
    let digisac = source(Name::Digisac, None);
    let trusting = Client::new(Some(&file("ca.pem"))).expect("a client");
    for host in ["localhost", "127.0.0.1"] {
        let order = Order {
            api: Some(Url::parse(&format!("https://{host}:{port}")).expect("a URL")),
            dry_run: true,
            ..order(&digisac)
        };
        let error = run(&order).await.0.expect_err("no one knows that authority");
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains("cannot agree on TLS"), "{error}");
        let report = run_with(&order, &trusting).await.0.expect("trusted");
        assert!(matches!(report.registration, Registration::Created(_)), "{report:?}");
    }
    let other = Order {
        // Another address of this machine, which is not in the certificate.
        api: Some(Url::parse(&format!("https://127.0.0.2:{port}")).expect("a URL")),
        dry_run: true,
        ..order(&digisac)
    };
    let error = run_with(&other, &trusting).await.0.expect_err("another name");
    assert!(error.to_string().contains("cannot agree on TLS"), "{error}");
}
