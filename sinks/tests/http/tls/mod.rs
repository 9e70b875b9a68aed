//! TLS: strangers are refused, the operator's own authority is not.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use net::client::Client;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use schemas::setting::in_one_line;
use schemas::sink::Outcome;
use sinks::http::Config;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::resolver::Script;
use crate::stage::{Stage, endpoint, local, retry};
use harness::receiver::{Answer, Receiver};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/tls").join(name)
}

/// A receiver over TLS with a certificate for `localhost`, `receiver.test` and 127.0.0.1, and the server names that it was asked for.
async fn start() -> (Receiver, Arc<Mutex<Vec<Option<String>>>>) {
    let certificates = CertificateDer::pem_file_iter(file("server.pem")).expect("a file");
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(certificates.map(|c| c.expect("a certificate")).collect(), key)
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a free port");
    let receiver = Receiver::detached(listener.local_addr().expect("bound"), [Answer::Status(200)]);
    let names = Arc::new(Mutex::new(Vec::new()));
    let (serving, asked) = (receiver.clone(), Arc::clone(&names));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("accept");
            let (acceptor, serving, asked) = (acceptor.clone(), serving.clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                asked
                    .lock()
                    .expect("no panic")
                    .push(stream.get_ref().1.server_name().map(str::to_owned));
                serving.serve(stream).await;
            });
        }
    });
    (receiver, names)
}

fn trusting() -> Client {
    let config = Config {
        ca_file: Some(file("ca.pem")),
        ..local()
    };
    let everywhere_here = Script::new(&[&["127.0.0.1"]]);
    config.client_with(config.guard(), everywhere_here).expect("a client")
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let (receiver, _) = start().await;
    let url = format!("https://127.0.0.1:{}/", receiver.address.port());
    let stage = Stage::new([endpoint("crm", &url)]);
    let outcome = stage.deliver_one("crm").await;
    assert!(retry(&outcome).contains("cannot agree on TLS"), "{outcome:?}");
    assert!(stage.metrics().contains(r#"class="tls"} 1"#), "{}", stage.metrics());
    assert!(receiver.seen().is_empty(), "not a byte of the event was sent");
}

#[tokio::test]
async fn a_certificate_of_the_operators_own_authority_is_accepted_for_its_names_only() {
    let (receiver, names) = start().await;
    let port = receiver.address.port();
    for host in ["127.0.0.1", "localhost", "RECEIVER.test", "receiver.test."] {
        let stage = Stage::with_client(trusting(), [endpoint("crm", &format!("https://{host}:{port}/"))]);
        assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered, "{host}");
    }
    let asked: Vec<_> = names.lock().expect("no panic").iter().flatten().cloned().collect();
    assert_eq!(
        asked,
        ["localhost", "receiver.test", "receiver.test"],
        "none for an address"
    );

    for host in ["127.0.0.2", "other.test"] {
        let stage = Stage::with_client(trusting(), [endpoint("crm", &format!("https://{host}:{port}/"))]);
        let outcome = stage.deliver_one("crm").await;
        assert!(retry(&outcome).contains("cannot agree on TLS"), "{outcome:?}");
    }
    assert_eq!(receiver.seen().len(), 4);
}

#[tokio::test]
async fn a_receiver_without_tls_is_not_spoken_to_in_the_clear() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let stage = Stage::with_client(trusting(), [endpoint("crm", &format!("https://{}/", receiver.address))]);
    let outcome = stage.deliver_one("crm").await;
    assert!(retry(&outcome).contains("cannot agree on TLS"), "{outcome:?}");
    assert!(receiver.seen().is_empty());
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate here").expect("written");
    for path in [empty, folder.path().join("missing.pem"), file("server.key")] {
        let config = Config {
            ca_file: Some(path.clone()),
            ..Config::default()
        };
        let error = in_one_line(&config.client().expect_err("not usable"));
        assert!(
            error.contains("`ca_file`") && error.contains(&path.display().to_string()),
            "{error}"
        );
    }
}
